"""The educators' tab Sessions."""
