"""Annotations: what is said of a scan, where a region lies, and both as JSON."""
