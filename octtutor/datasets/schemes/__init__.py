"""The schemes at hand: those that ship and one's own."""
