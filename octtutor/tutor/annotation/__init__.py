"""Annotate: readings given out, taken, settled, compared, and published as lessons."""
