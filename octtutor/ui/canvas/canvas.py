"""The outline canvas: regions are drawn over a scan, named, corrected, and sent as marks.

The canvas is Konva 10 (MIT): boxes, ellipses, lines and images on one zooming stage, hit tests,
dragging and a resizing frame that work alike with mouse, pen and touch, in 46 kB compressed.
Fabric is twice as large for the same shapes. Annotorious has boxes and polygons ready and
ellipses in a plugin, but neither points nor a brush, nor keys that move a region.
"""

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

import gradio as gr

from octtutor.core.annotation.annotation import FINDINGS, MAX_CAPTION, MAX_MARKS, Mark, check_mark
from octtutor.core.annotation.annotation_json import mark_from_dict, mark_to_dict
from octtutor.core.annotation.region_shape import MAX_POINTS, Polygon, Shape
from octtutor.datasets.decode import Pixels
from octtutor.errors import BadInputError
from octtutor.ui.canvas.texts import COLOURS, FAULTS, OUTLINE, OUTLINE_KEYS, SHORT
from octtutor.ui.client.client_files import client_script
from octtutor.ui.shared.pictures import scan_uri

ASSETS = Path(__file__).parent / "assets"

MAX_BRUSH = 80
"""Scan pixels across."""
View = dict[str, Any]
"""What the canvas is given, as JSON."""


def build_outline(elem_id: str = "outline") -> gr.HTML:
    """Lay out the canvas, empty; `outline_view` fills it.

    Its events: `input` brings {"task", "marks", "serial"} after each finished stroke, until
    `answer_view` or a fault answers it; `apply` brings {"task"} and asks for a suggestion. The
    canvas must be an output of both, and an input of none: the scan would travel back.
    """
    return gr.HTML(
        value={"task": None},
        html_template=(ASSETS / "outline.html").read_text("utf-8"),
        css_template=(ASSETS / "outline.css").read_text("utf-8"),
        js_on_load=client_script("canvas/outline.js"),
        apply_default_css=False,
        padding=False,
        findings=[{"name": n, "short": SHORT[n], "colour": COLOURS[n]} for n in FINDINGS],
        limits={
            "marks": MAX_MARKS,
            "points": MAX_POINTS,
            "caption": MAX_CAPTION,
            "brush": MAX_BRUSH,
        },
        texts=OUTLINE,
        keys=[list(pair) for pair in OUTLINE_KEYS],
        elem_id=elem_id,
    )


def outline_view(
    task: str, scan: Pixels, marks: Iterable[Mark], readonly: bool = False, suggests: bool = False
) -> View:
    """Return the canvas's value for a scan.

    Args:
        task: names the scan and whose regions these are. Work that could not be sent is kept in
            the browser under this name, so two annotators never share one.
        scan: uint8 (height, width) or (height, width, 3).
        marks: the regions that stand so far.
        readonly: only shows them.
        suggests: offers the button that asks for the model's suggestion.
    """
    height, width = scan.shape[:2]
    return {
        "task": task,
        "scan": scan_uri(scan),
        "width": width,
        "height": height,
        "marks": [mark_to_dict(mark) for mark in marks],
        "suggestion": None,
        "readonly": readonly,
        "suggests": suggests and not readonly,
    }


def answer_view(payload: Any, fault: str = "") -> View:
    """Return the canvas's value that answers its `input`: saved, or why not.

    Without an answer the page sends the same regions again every eight seconds.
    """
    values = payload if isinstance(payload, dict) else {}
    return {"task": values.get("task"), "saved": values.get("serial"), "fault": fault}


def suggestion_view(task: str, mark: Mark | None, note: str = "") -> View:
    """Return the canvas's value that answers its `apply`.

    Args:
        task: which task asked.
        mark: becomes a region like those that were drawn, under its own id; None: there is none.
        note: why there is none.
    """
    return {"task": task, "suggestion": mark_to_dict(mark) if mark else None, "note": note}


def read_marks(payload: Any, width: int, height: int) -> tuple[Mark, ...]:
    """Return the regions that the canvas sent of a scan of this size, pixels.

    Raises:
        BadInputError: they cannot be of this scan, or were not sent by the canvas.
    """
    sent = payload.get("marks") if isinstance(payload, dict) else None
    if not isinstance(sent, list):
        raise BadInputError(FAULTS["payload"].format(value=str(payload)[:60]))
    if len(sent) > MAX_MARKS:
        raise BadInputError(FAULTS["too_many"].format(limit=MAX_MARKS, count=len(sent)))
    marks = tuple(_read(values, width, height) for values in sent)
    _check_ids(marks)
    return marks


def _read(values: Any, width: int, height: int) -> Mark:
    try:
        mark = mark_from_dict(values)
    except OverflowError as error:
        raise BadInputError(FAULTS["numbers"]) from error
    if not _is_finite(mark.shape):
        raise BadInputError(FAULTS["numbers"])
    _check_words(mark.id, "a region's name")
    _check_words(mark.caption, "a caption")
    return check_mark(mark, width, height)


def _is_finite(shape: Shape) -> bool:
    numbers = (
        [value for point in shape.points for value in point]
        if isinstance(shape, Polygon)
        else [value for value in astuple(shape) if isinstance(value, float)]
    )
    return all(map(math.isfinite, numbers))


def _check_words(text: str, what: str) -> None:
    """Refuse what a database or an export would choke on; HTML is text like any other."""
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text):
        raise BadInputError(FAULTS["words"].format(what=what, value=text[:40]))


def _check_ids(marks: Sequence[Mark]) -> None:
    seen: set[str] = set()
    for mark in marks:
        if not mark.id or mark.id in seen:
            raise BadInputError(FAULTS["twice"].format(id=mark.id))
        seen.add(mark.id)
