"""Measurements side by side, each a command that prints JSON or a table. Not in the wheel."""
