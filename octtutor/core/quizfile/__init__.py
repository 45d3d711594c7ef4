"""Quiz files: what one says, and the reading and writing of it."""
