"""Reading a case: an attempt's cases, the answer, the reveal, what is due."""
