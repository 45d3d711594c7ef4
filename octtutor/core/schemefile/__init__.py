"""Scheme files: what one may say, what is wrong in one, and the reading of it."""
