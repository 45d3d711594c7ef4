"""What the words mean. Standard library only (and NumPy in `region`)."""
