"""What each diagnosis looks like, and a game of telling drawn scans from taken ones."""
