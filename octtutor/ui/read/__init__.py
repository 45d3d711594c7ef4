"""The tab Read a scan."""
