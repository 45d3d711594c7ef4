"""A scheme's file: its form in TOML, and the reading of it, every fault with its line.

    title = "Drusen or not"
    version = 1

    [[diagnosis]]
    key = "DRUSEN"
    name = "drusen"
    colour = "#e69f00"
    shape = "circle"

    [[diagnosis]]
    key = "OTHER"
    name = "anything else"
    colour = "#1fb88a"
    shape = "square"

    [mapping.normal-or-not]
    DRUSEN = "ABNORMAL"
    OTHER = "none"

`docs/schemes.md` tells all keys.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from octtutor.core.scheme import PUBLISHED_KINDS, SHAPES
from octtutor.core.tomlfile.tables import (
    TomlTable,
    flag_key,
    line_key,
    lines_key,
    number_key,
    text_key,
)

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
"""A scheme's name, which is its file's."""
KEY = r"[A-Z][A-Z0-9_]{0,15}"
"""Pattern of a diagnosis' key; the records keep 16 characters of an answer."""
NO_COUNTERPART = "none"
"""What a mapping says of a diagnosis for which the other scheme has no word."""
MAX_COST = 1000
MAX_WORDS = 100
"""Synonyms or signs of one diagnosis."""
Word = Annotated[str, Field(pattern=r"\A(?=.*\w)[^\x00-\x1f\x7f]{1,80}\Z")]


def _words(what: str) -> Any:
    return Field(default_factory=list, max_length=MAX_WORDS, description=f"a list of {what}")


def _tables(name: str) -> Any:
    return Field(default_factory=list, description=f"tables [[{name}]]")


def _one_of(words: Sequence[str]) -> Any:
    return text_key(f"one of {', '.join(words)},", "|".join(words))


def _share() -> Any:
    return Field(default=None, ge=0, le=1, allow_inf_nan=False, description="a share from 0 to 1")


class DiagnosisTable(TomlTable):
    """A diagnosis, `[[diagnosis]]`."""

    key: str = text_key("up to 16 of A-Z, 0-9 and _, a letter first,", KEY)
    name: str = line_key(60)
    description: str = lines_key(400)
    synonyms: list[Word] = _words("words, 1 to 80 characters each,")
    colour: str = text_key("a colour such as '#e69f00'", "#[0-9a-fA-F]{6}")
    shape: str = _one_of(SHAPES)
    normal: bool = flag_key(False)
    urgent: bool = flag_key(False)
    look_for: str = lines_key(600)
    signs: list[Word] = _words("signs, 1 to 80 characters each,")


class CostTable(TomlTable):
    """What wrong answers cost, `[cost]`."""

    matrix: list[list[Annotated[int, Field(ge=0, le=MAX_COST)]]] = Field(
        default_factory=list, description=f"rows of whole numbers from 0 to {MAX_COST}"
    )
    source: str = line_key(400)


class PublishedTable(TomlTable):
    """A figure of others, `[[published]]`."""

    who: str = line_key(80)
    kind: str = _one_of(PUBLISHED_KINDS)
    lowest: float | None = _share()
    highest: float | None = _share()
    source: str = line_key(400)


class ConfusionTable(TomlTable):
    """How to tell two diagnoses apart, `[[confusion]]`."""

    between: list[str] = Field(default_factory=list, description="two keys")
    text: str = lines_key(600)


class SchemeTables(TomlTable):
    """The file as a whole."""

    title: str = line_key(80)
    version: int | None = number_key(1, 10_000)
    source: str = lines_key(1000)
    ungradable: bool = flag_key(True)
    none_of_these: bool = flag_key(False)
    diagnosis: list[DiagnosisTable] = _tables("diagnosis")
    cost: CostTable | None = None
    published: list[PublishedTable] = _tables("published")
    confusion: list[ConfusionTable] = _tables("confusion")
    mapping: dict[str, Any] = Field(default_factory=dict, description="tables [mapping.SCHEME]")
    ambiguous: dict[str, Any] = Field(default_factory=dict, description="a table of words")


INNER: dict[str, type[TomlTable]] = {
    "diagnosis": DiagnosisTable,
    "cost": CostTable,
    "published": PublishedTable,
    "confusion": ConfusionTable,
}
"""The tables in the file."""
NEEDED: dict[str, tuple[str, ...]] = {
    "": ("title", "version"),
    "diagnosis": ("key", "name", "colour", "shape"),
    "cost": ("matrix", "source"),
    "published": ("who", "kind", "lowest", "source"),
    "confusion": ("between", "text"),
}
"""What must be there, by table; of those that are lists in each."""
