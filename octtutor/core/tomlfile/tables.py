"""The tables of a file that a person wrote, each key declared once; every fault with its place."""

import copy
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from octtutor.core.validation import Wrong, faults_of

Place = tuple[str, str]
"""A table and a key in it, as `Places.of` takes them."""


class TomlTable(BaseModel):
    """A table of a file. Every key has a default; what its description says is expected of it."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, regex_engine="python-re")
    keys_are: ClassVar[str] = "key"
    """What messages call a key of this table."""


W = TypeVar("W", bound=TomlTable)
Tables = Mapping[str, type[TomlTable]]
"""The tables in a file by name: `rule`, `rule.per_class`; a list of tables by its own, `cases`."""


def text_key(expected: str, pattern: str, default: str = "") -> Any:
    """Declare a text; `expected` is what messages say of it."""
    return Field(default=default, pattern=rf"\A(?:{pattern})\Z", description=expected)


def line_key(most: int) -> Any:
    """Declare one line of text that says something."""
    expected = f"one line of text, 1 to {most} characters,"
    return text_key(expected, rf"(?=.*\S)[^\x00-\x1f\x7f]{{1,{most}}}")


def lines_key(most: int) -> Any:
    """Declare a text of any number of lines, which may be empty."""
    expected = f"text of at most {most} characters"
    return text_key(expected, rf"[^\x00-\x09\x0b-\x1f\x7f]{{0,{most}}}")


def number_key(least: int, most: int, default: int | None = None, more: str = "") -> Any:
    """Declare a whole number; `more` is what messages say besides."""
    expected = f"a whole number from {least} to {most}{more}"
    return Field(default=default, ge=least, le=most, description=expected)


def flag_key(default: bool) -> Any:
    """Declare a yes or no."""
    return Field(default=default, description="true or false")


def check_tables(whole: type[W], inner: Tables, raw: dict[str, Any]) -> tuple[W, dict[Place, str]]:
    """Return what can be understood of a file, and what cannot, by its place.

    What is wrong is left out, and has its default in what is returned. What is missing is no
    fault here.

    Args:
        whole: the file.
        inner: the tables in it.
        raw: what stands in it.
    """
    left = copy.deepcopy(raw)
    found: dict[Place, str] = {}
    for _ in range(len(inner) + 1):  # a fault may hide others, in the tables within
        try:
            return whole.model_validate(left), found
        except ValidationError as error:
            for one in sorted(faults_of(error), key=lambda one: one.kind != "extra_forbidden"):
                place, depth, what = _fault_of(one, whole, inner)
                found.setdefault(place, what)
                _leave_out(left, one.place[:depth])
    return whole(), found


def _fault_of(wrong: Wrong, whole: type[TomlTable], inner: Tables) -> tuple[Place, int, str]:
    """Say where a fault is, how many steps of its place lead to the key, and what is wrong."""
    table, declared, depth = _find_table(wrong.place, whole, inner)
    key = wrong.place[depth]
    if isinstance(key, int):
        what = f"expected a table [[{table}]], received {wrong.received}"
        return (table, f"{table}[{key + 1}]"), depth + 1, what
    expected = declared.model_fields[key].description if key in declared.model_fields else ""
    if wrong.kind == "extra_forbidden":
        known = ", ".join(declared.model_fields)
        what = f"unknown {declared.keys_are} {key[:60]!r}; expected {known}"
    elif expected is None:
        what = f"expected a table [{key}], received {wrong.received}"
    else:
        what = f"expected {expected} as {key!r}, received {wrong.received}"
    return (table, key), depth + 1, what


def _find_table(
    steps: tuple[str | int, ...], whole: type[TomlTable], inner: Tables
) -> tuple[str, type[TomlTable], int]:
    """Return the innermost table of a place: its name there, what it is, how many steps it takes.

    `("cases", 0, "sha256")` is in table `cases[1]`, two steps down.
    """
    name, table, declared, depth = "", "", whole, 0
    for number, step in enumerate(steps[:-1], 1):
        if isinstance(step, int):
            table, depth = f"{table}[{step + 1}]", number
            continue
        name = f"{name}.{step}" if name else step
        if name not in inner:
            break
        table, declared, depth = (f"{table}.{step}" if table else step), inner[name], number
    return table, declared, depth


def _leave_out(left: dict[str, Any], place: tuple[str | int, ...]) -> None:
    """Take what is wrong out: a key, or what stands for a table in a list and is none."""
    *steps, last = place
    inside: Any = left
    for step in steps:
        inside = inside[step]
    if isinstance(inside, dict):
        inside.pop(last, None)
    else:
        inside[last] = {}
