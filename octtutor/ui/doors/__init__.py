"""Who comes in: the gate, the sign-in, who is asking."""
