"""Values from files, checked by pydantic; what is wrong with them is said in our words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")
_WORDS = {
    "a valid dictionary": "names and values",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid boolean": "true or false",
    "a valid string": "text",
    "a valid list": "a list",
    "a valid array": "a list",
    "a valid tuple": "a list",
}
_MOST = 6
"""Faults that one line tells."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing that is wrong with a value."""

    place: tuple[str | int, ...]
    """Keys and numbers (from 0) that lead to it; empty: the value as a whole."""
    kind: str
    """Pydantic's word for it: `missing`, `extra_forbidden`, `int_type`, …"""
    expected: str
    received: str

    def __str__(self) -> str:
        """Return it as a part of a sentence."""
        where = ".".join(map(str, self.place))
        facts = f"expected {self.expected}, received {self.received}"
        return f"{where} ({facts})" if where else facts


def faults_of(error: ValidationError) -> tuple[Wrong, ...]:
    """Return everything that pydantic found wrong."""
    return tuple(
        Wrong(one["loc"], one["type"], _expected(one), short(one.get("input")))
        for one in error.errors(include_url=False, include_context=False)
    )


def explain(error: ValidationError) -> str:
    """Say in one line what is wrong: what is missing first, then what is of another kind."""
    found = faults_of(error)
    missing = [".".join(map(str, one.place)) for one in found if one.kind == "missing"]
    wrong = [str(one) for one in found if one.kind != "missing"]
    if any(one.kind == "json_invalid" for one in found):
        return f"It is no JSON: {found[0].expected}."
    more = f" and {len(wrong) - _MOST} more" if len(wrong) > _MOST else ""
    parts = [f"Missing: {', '.join(missing)}."] if missing else []
    parts += [f"Wrong: {', '.join(wrong[:_MOST])}{more}."] if wrong else []
    return " ".join(parts)


def read_json(kind: type[T], data: bytes | str, refuse: Callable[[str], Exception]) -> T:
    """Read a value from JSON, strictly: a number in quotes is no number.

    Keys that are not known are left alone.

    Args:
        kind: a pydantic dataclass, or any type that pydantic knows.
        data: the file's content.
        refuse: makes the error, from what `explain` says.
    """
    try:
        return TypeAdapter(kind).validate_json(data, strict=True)
    except ValidationError as error:
        raise refuse(explain(error)) from error


def short(value: Any) -> str:
    """Return a value as a message shows it."""
    try:
        return "nothing" if value is None else repr(value)[:60]
    except ValueError:  # Python writes no whole number of over 4,300 digits
        return "a number that is too long"


def _expected(one: Mapping[str, Any]) -> str:
    if one["type"] in ("dataclass_type", "model_type"):
        return "names and values"
    said = str(one["msg"]).removeprefix("Input should be ").removeprefix("Value error, ")
    for theirs, ours in _WORDS.items():
        if said.startswith(theirs):
            return ours
    return said[:1].lower() + said[1:]
