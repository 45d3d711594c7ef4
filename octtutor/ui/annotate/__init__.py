"""The educators' tab Annotate."""
