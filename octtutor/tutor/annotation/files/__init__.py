"""Annotations as files: one module a format, and what brings a file into the records."""
