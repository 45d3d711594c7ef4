"""The educators' tab Train."""
