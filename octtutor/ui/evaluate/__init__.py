"""The educators' tab Evaluate."""
