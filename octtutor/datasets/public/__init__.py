"""Public sets of scans: a registry of them, and what fetches only the files that are wanted."""
