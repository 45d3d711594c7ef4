"""The tab Progress."""
