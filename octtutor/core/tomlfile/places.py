"""Where each key of a TOML file stands: its line, for messages."""

import re
from collections import Counter
from collections.abc import Iterator

HASH = re.compile(r"[0-9a-f]{64}")
"""A SHA-256, as files name scans."""


class Places:
    """The line of each key of a TOML file, from 1."""

    def __init__(self, text: str) -> None:
        """Look through the text once."""
        self._lines: dict[tuple[str, str], int] = {}
        self._scans: dict[str, int] = {}
        self._here = ""
        self._counts: Counter[str] = Counter()
        for number, line in enumerate(_code_lines(text), 1):
            for digest in HASH.findall(line):
                self._scans.setdefault(digest, number)
            head = _HEAD.match(line)
            if head:
                self._enter(head["name"], bool(head["list"]), number)
            elif found := _KEYS.match(line):
                self._note(self._here, found[1], number)

    def of(self, table: str, key: str) -> int:
        """Return the line of a key, of its table where it is missing, else 0.

        Args:
            table: "" is the top, `rule` and `options` are tables, `rule.per_class` is a table in
                one, `cases[1]` is the first case.
            key: within it.
        """
        outer, _, inner = table.rpartition(".")
        outermost = ("", re.split(r"[.[]", table)[0])
        places = ((table, key), ("", table), (outer, inner), outermost)
        return next((self._lines[place] for place in places if place in self._lines), 0)

    def of_scan(self, sha256: str) -> int:
        """Return the line that first names a scan, else 0."""
        return self._scans.get(sha256, 0)

    def _enter(self, name: str, is_list: bool, number: int) -> None:
        self._note("", name, number)
        if is_list:
            self._counts[name] += 1
            name = f"{name}[{self._counts[name]}]"
            self._note("", name, number)
        self._here = ".".join(_parts(name))

    def _note(self, table: str, dotted: str, number: int) -> None:
        for part in _parts(dotted):
            self._lines.setdefault((table, part), number)
            table = f"{table}.{part}" if table else part


_PART = r"""(?:[\w\[\]-]+|"[^"]*"|'[^']*')"""
_KEYS = re.compile(rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*=")
_HEAD = re.compile(r"\s*\[(?P<list>\[)?\s*(?P<name>[^\[\]]+?)\s*\]")


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in re.findall(_PART, dotted)]


def _code_lines(text: str) -> Iterator[str]:
    """Give the lines, those that begin inside a string of several lines empty."""
    inside = ""
    for line in text.split("\n"):
        yield "" if inside else line
        for mark in re.findall(r'"""|\'\'\'', line):
            inside = mark if not inside else "" if mark == inside else inside
