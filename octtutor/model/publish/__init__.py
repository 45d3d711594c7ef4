"""Models go in use and come in from elsewhere."""
