"""Readings and their regions as JSON, for the records, the page and JSONL files."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from octtutor.core.annotation.annotation import Mark, Reading, Said
from octtutor.core.annotation.region_shape import Box, Brush, Ellipse, Polygon, Shape, Spot
from octtutor.errors import BadInputError

_KINDS: dict[str, type[Shape]] = {
    "box": Box,
    "polygon": Polygon,
    "spot": Spot,
    "ellipse": Ellipse,
    "brush": Brush,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def reading_to_json(reading: Reading | None) -> str | None:
    """Write a reading as one line of JSON; none is none."""
    if reading is None:
        return None
    return json.dumps(reading_to_dict(reading), sort_keys=True, ensure_ascii=False)


def reading_from_json(text: str | None) -> Reading | None:
    """Read what `reading_to_json` wrote.

    Raises:
        BadInputError: it is something else.
    """
    return None if text is None else reading_from_dict(json.loads(text))


def said_from_json(text: str | None) -> Said | None:
    """Read of what `reading_to_json` wrote only what the reading says; regions are passed over.

    Raises:
        BadInputError: it is something else.
    """
    if text is None:
        return None
    values = json.loads(text)
    try:
        return _of(bool, values["gradable"]), _key(values["diagnosis"])
    except (KeyError, TypeError, ValueError) as error:
        raise _wrong("a reading", values) from error


def reading_to_dict(reading: Reading) -> dict[str, Any]:
    """Return a reading as JSON's values."""
    return {
        "gradable": reading.gradable,
        "diagnosis": reading.diagnosis,
        "findings": list(reading.findings),
        "marks": [mark_to_dict(mark) for mark in reading.marks],
        "confidence": reading.confidence,
        "response_ms": reading.response_ms,
        "flagged": reading.flagged,
        "note": reading.note,
    }


def reading_from_dict(values: Any) -> Reading:
    """Build a reading of JSON's values; whether it can be of a scan is not checked.

    Raises:
        BadInputError: a value is missing or of another type.
    """
    try:
        return Reading(
            gradable=_of(bool, values["gradable"]),
            diagnosis=_key(values["diagnosis"]),
            findings=tuple(_of(str, name) for name in values["findings"]),
            marks=tuple(mark_from_dict(mark) for mark in values["marks"]),
            confidence=_whole(values.get("confidence", 0)),
            response_ms=_whole(values.get("response_ms", 0)),
            flagged=_of(bool, values.get("flagged", False)),
            note=_of(str, values.get("note", ""))[:1000],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _wrong("a reading", values) from error


def mark_to_dict(mark: Mark) -> dict[str, Any]:
    """Return a region as JSON's values."""
    shape = {"kind": _NAMES[type(mark.shape)], **asdict(mark.shape)}
    return {"id": mark.id, "finding": mark.finding, "caption": mark.caption, "shape": shape}


def mark_from_dict(values: Any) -> Mark:
    """Build a region of JSON's values; whether it can be of a scan is not checked.

    Raises:
        BadInputError: a value is missing or of another type.
    """
    try:
        return Mark(
            id=_of(str, values["id"])[:64],
            finding=_of(str, values["finding"]),
            shape=shape_from_dict(values["shape"]),
            caption=_of(str, values.get("caption", "")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _wrong("a region", values) from error


def shape_from_dict(values: Mapping[str, Any]) -> Shape:
    """Build a shape of JSON's values: `kind` and what the kind has.

    Raises:
        KeyError, TypeError, ValueError: they are no shape's.
    """
    kind = _KINDS[values["kind"]]
    if kind is Polygon:
        return Polygon(tuple((_number(x), _number(y)) for x, y in values["points"]))
    if kind is Brush:
        counts = tuple(_whole(count) for count in values["counts"])
        return Brush(counts, _whole(values["width"]), _whole(values["height"]))
    numbers = {key: _number(value) for key, value in values.items() if key != "kind"}
    return kind(**numbers)  # type: ignore[arg-type]


def _key(value: Any) -> str | None:
    return None if value is None else _of(str, value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(value)
    return float(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(value)
    return value


def _of(kind: type[Any], value: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError(value)
    return value


def _wrong(what: str, values: Any) -> BadInputError:
    return BadInputError(f"Expected {what}. Received {str(values)[:80]!r}. Reload the page.")
