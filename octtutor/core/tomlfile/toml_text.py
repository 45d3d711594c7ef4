"""From bytes to the tables of a TOML file, or the fault that keeps it from being read."""

import re
import tomllib
from typing import Any

from octtutor.core.tomlfile.fault import Fault

MOST_PARTS = 16
"""Most parts of a dotted key; reading one takes time that grows with the square of its parts."""
_PART = r"""(?:[\w-]+|"[^"\n]{0,1000}"|'[^'\n]{0,1000}')"""
_DEEP = re.compile(rf"{_PART}(?:[ \t]*\.[ \t]*{_PART}){{{MOST_PARTS},}}")


def read_text(data: bytes, most: int) -> str | Fault:
    """Return a file's text.

    Args:
        data: its bytes; UTF-8, with a byte order mark or without.
        most: bytes that it may have.
    """
    if len(data) > most:
        return Fault(0, f"expected at most {most:,} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return Fault(line, "expected UTF-8; save it as that")


def read_tables(text: str) -> dict[str, Any] | Fault:
    """Return a text's tables as Python has them."""
    if deep := _DEEP.search(text):
        line = text.count("\n", 0, deep.start()) + 1
        return Fault(line, f"not TOML that can be read: a key of more than {MOST_PARTS} parts")
    try:
        tables = tomllib.loads(text)
        text.encode()  # a lone half of a surrogate pair is no text
    except RecursionError:
        return Fault(0, "not TOML that can be read: too deep")
    except ValueError as error:
        return _syntax(error, text)
    return tables


def _syntax(error: Exception, text: str) -> Fault:
    said = str(error)
    found = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", said)
    if found is None:
        return Fault(0, f"not TOML: {said[:200]}")
    last = text.rstrip("\n").count("\n") + 1
    return Fault(int(found[1] or last), f"not TOML: {said[: found.start()]}")
