import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from octtutor.core.annotation.annotation import FINDINGS, Mark
from octtutor.core.annotation.annotation_json import mark_to_dict
from octtutor.core.annotation.region_shape import Box, Brush, Ellipse, Polygon, Spot
from octtutor.errors import BadInputError
from octtutor.ui.canvas.canvas import (
    answer_view,
    outline_view,
    read_marks,
    suggestion_view,
)
from octtutor.ui.canvas.texts import COLOURS, SHORT

WIDTH, HEIGHT = 60, 40
SHAPES = (
    Box(1, 2, 30.5, 20.25),
    Polygon(((1, 1), (20, 1), (10, 30))),
    Spot(5.5, 6.5),
    Ellipse(30, 20, 10, 5, 30),
    Brush((100, 50, WIDTH * HEIGHT - 150), WIDTH, HEIGHT),
)
MARKS = tuple(Mark(f"m{i}", FINDINGS[i], shape, "a <b>") for i, shape in enumerate(SHAPES))


def sent(*shapes: dict[str, Any], **of_each: Any) -> dict[str, Any]:
    marks = [
        {"id": f"m{i}", "finding": "drusen", "caption": "", "shape": shape, **of_each}
        for i, shape in enumerate(shapes)
    ]
    return {"task": "t", "marks": marks}


def box(**other: Any) -> dict[str, Any]:
    return {"kind": "box", "x": 1, "y": 1, "width": 5, "height": 5, **other}


def test_what_the_canvas_is_given_comes_back_the_same():
    view = outline_view("t", np.zeros((HEIGHT, WIDTH), np.uint8), MARKS)
    assert read_marks(json.loads(json.dumps(view)), WIDTH, HEIGHT) == MARKS


def test_the_canvas_is_given_the_scan_and_its_size():
    view = outline_view("t", np.zeros((HEIGHT, WIDTH, 3), np.uint8), ())
    assert (view["width"], view["height"], view["readonly"]) == (WIDTH, HEIGHT, False)
    assert view["scan"].startswith("data:image/png;base64,")


def test_nothing_is_suggested_on_a_scan_that_is_only_shown():
    scan = np.zeros((HEIGHT, WIDTH), np.uint8)
    assert not outline_view("t", scan, (), readonly=True, suggests=True)["suggests"]
    assert outline_view("t", scan, (), suggests=True)["suggests"]


def test_no_regions_are_regions_too():
    assert read_marks({"task": "t", "marks": []}, WIDTH, HEIGHT) == ()


def test_a_caption_with_html_stays_as_it_was_typed():
    words = "<script>alert(1)</script> & é ± 中"
    (mark,) = read_marks(sent(box(), caption=words), WIDTH, HEIGHT)
    assert mark.caption == words


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        "marks",
        {},
        {"marks": None},
        {"marks": {"0": box()}},
        {"marks": [None]},
        {"marks": ["m"]},
        {"marks": [{"id": "m"}]},
    ],
)
def test_a_forged_payload_is_refused(payload: Any):
    with pytest.raises(BadInputError, match="Reload the page"):
        read_marks(payload, WIDTH, HEIGHT)


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"kind": "sphere"},
        {"kind": ["box"]},
        {"kind": "box", "x": 1, "y": 1, "width": 5},
        box(extra=1),
        box(x="1"),
        box(x=True),
        box(x=None),
        box(x=float("nan")),
        box(x=float("inf")),
        box(x=10**400),
        box(width=0),
        box(width=-5),
        box(width=WIDTH),
        box(x=-2),
        {"kind": "spot", "x": WIDTH + 1, "y": 1},
        {"kind": "spot", "x": 1, "y": float("nan")},
        {"kind": "ellipse", "x": 30, "y": 20, "rx": 5, "ry": float("nan"), "angle": 0},
        {"kind": "ellipse", "x": 30, "y": 20, "rx": 5, "ry": 5, "angle": float("inf")},
        {"kind": "ellipse", "x": 30, "y": 20, "rx": -5, "ry": -5, "angle": 0},
        {"kind": "ellipse", "x": 3, "y": 20, "rx": 5, "ry": 5, "angle": 0},
        {"kind": "polygon", "points": []},
        {"kind": "polygon", "points": [[1, 1], [2, 2]]},
        {"kind": "polygon", "points": [[1, 1], [2, 2], [3, 3]]},
        {"kind": "polygon", "points": [[1, 1], [2, 2], [3]]},
        {"kind": "polygon", "points": [[1, 1], [20, 20], [20, 1], [1, 25]]},
        {"kind": "polygon", "points": [[1, 1], [20, 1], [float("nan"), 20]]},
        {"kind": "polygon", "points": {"a": 1}},
        {"kind": "brush", "counts": [0, 10], "width": WIDTH, "height": HEIGHT},
        {"kind": "brush", "counts": [WIDTH * HEIGHT], "width": WIDTH, "height": HEIGHT},
        {"kind": "brush", "counts": [-1, 1 + WIDTH * HEIGHT], "width": WIDTH, "height": HEIGHT},
        {"kind": "brush", "counts": [0.5, 1], "width": WIDTH, "height": HEIGHT},
        {"kind": "brush", "counts": [0, WIDTH * HEIGHT], "width": HEIGHT, "height": WIDTH},
    ],
)
def test_a_shape_that_cannot_be_of_the_scan_is_refused(shape: dict[str, Any]):
    with pytest.raises(BadInputError, match=r"^Expected"):
        read_marks(sent(shape), WIDTH, HEIGHT)


def test_ten_thousand_points_are_refused():
    turns = np.linspace(0, 2 * np.pi, 10_000, endpoint=False)
    points = np.stack([30 + 15 * np.cos(turns), 20 + 15 * np.sin(turns)], 1).tolist()
    with pytest.raises(BadInputError, match="10,000"):
        read_marks(sent({"kind": "polygon", "points": points}), WIDTH, HEIGHT)


def test_more_regions_than_a_scan_holds_are_refused():
    with pytest.raises(BadInputError, match="Received 201"):
        read_marks(sent(*[box()] * 201), WIDTH, HEIGHT)


def test_a_region_that_comes_twice_or_has_no_name_is_refused():
    for name in ("same", ""):
        with pytest.raises(BadInputError, match="once"):
            read_marks(sent(box(), box(), id=name), WIDTH, HEIGHT)


@pytest.mark.parametrize(
    "of_each",
    [
        {"finding": "cancer"},
        {"finding": "<b>drusen</b>"},
        {"finding": 3},
        {"caption": "x" * 201},
        {"caption": None},
        {"caption": "a\x00b"},
        {"caption": "\ud800"},
        {"id": "a\nb"},
        {"id": 7},
    ],
)
def test_words_that_are_no_words_are_refused(of_each: dict[str, Any]):
    with pytest.raises(BadInputError, match=r"^Expected"):
        read_marks(sent(box(), **of_each), WIDTH, HEIGHT)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(
    st.sampled_from([mark_to_dict(mark) for mark in MARKS]),
    st.sampled_from(["id", "finding", "caption", "shape", "x", "points", "counts", "angle"]),
    values,
)
def test_whatever_is_forged_into_a_region_is_read_or_refused(
    mark: dict[str, Any], key: str, value: Any
):
    shape = mark["shape"] if key in mark else {**mark["shape"], key: value}
    forged = {**mark, "shape": shape, **({key: value} if key in mark else {})}
    try:
        (read,) = read_marks({"marks": [forged]}, WIDTH, HEIGHT)
    except BadInputError:
        return
    assert read.finding in FINDINGS


def test_an_answer_names_what_it_answers():
    assert answer_view({"task": "t", "serial": 5}) == {"task": "t", "saved": 5, "fault": ""}
    assert answer_view("forged", "no")["fault"] == "no"


def test_a_suggestion_is_a_region_or_a_reason_why_there_is_none():
    assert suggestion_view("t", MARKS[0])["suggestion"] == mark_to_dict(MARKS[0])
    assert suggestion_view("t", None, "no model") == {
        "task": "t",
        "suggestion": None,
        "note": "no model",
    }


def test_every_finding_has_a_colour_and_a_name_of_its_own():
    for table in (COLOURS, SHORT):
        assert tuple(table) == FINDINGS
        assert len(set(table.values())) == len(FINDINGS)


def test_every_colour_stands_out_from_a_dark_scan():
    def light(colour: str) -> float:
        parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    for colour in COLOURS.values():
        assert (light(colour) + 0.05) / (light("#121212") + 0.05) > 4.5
