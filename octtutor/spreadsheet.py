"""Cells of a CSV that people open in a spreadsheet."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")


def escape_formula(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: a leading ' keeps it off."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def unescape_formula(text: str) -> str:
    """Return what `escape_formula` was given."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text
