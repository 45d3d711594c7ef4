"""Label Studio's JSON: a task a scan, an annotation a reading, places in percent of the scan.

What Label Studio has no place for stands in keys called `octtutor`; a shape there counts only while
it agrees with the region's own value, which may have been moved since. The labelling setup is
`SETUP`: names of controls are of no matter on the way back, kinds and labels are.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any
from urllib.parse import unquote
from xml.sax.saxutils import quoteattr

from octtutor.core.annotation.annotation import FINDINGS, Mark, Reading
from octtutor.core.annotation.annotation_json import (
    mark_to_dict,
    reading_from_dict,
    shape_from_dict,
)
from octtutor.core.annotation.region_shape import Box, Brush, Ellipse, Point, Polygon, Shape, Spot
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.errors import BadInputError
from octtutor.tutor.annotation.files.annotated_scan import (
    UNUSABLE,
    AnnotatedScan,
    Gathering,
    ScanFacts,
    Sheet,
    base_name,
    facts_from_dict,
    find_finding,
    load_json,
    readings_of,
    shown,
    why,
)
from octtutor.tutor.annotation.files.brush_rle import pack, unpack
from octtutor.tutor.annotation.files.masks import to_brush
from octtutor.tutor.annotation.shapes import to_mask

UNGRADABLE = "UNGRADABLE"
_OURS = "octtutor"
_KINDS: dict[type[Shape], str] = {
    Box: "rectanglelabels",
    Polygon: "polygonlabels",
    Spot: "keypointlabels",
    Ellipse: "ellipselabels",
    Brush: "brushlabels",
}
_TAGS = ("RectangleLabels", "PolygonLabels", "KeyPointLabels", "EllipseLabels", "BrushLabels")
_SPOT_WIDTH = 1.0
_QUERY = re.compile(r"^.*[?&]d=")
Values = dict[str, Any]


def _choices(name: str, several: bool, words: Iterable[str]) -> str:
    lines = "".join(f"    <Choice value={quoteattr(word)}/>\n" for word in words)
    kind = "multiple" if several else "single"
    return f'  <Choices name="{name}" toName="image" choice="{kind}">\n{lines}  </Choices>\n'


def _labels(tag: str) -> str:
    lines = "".join(f"    <Label value={quoteattr(name)}/>\n" for name in FINDINGS)
    return f'  <{tag} name="{tag.lower()}" toName="image">\n{lines}  </{tag}>\n'


def setup(keys: Sequence[str]) -> str:
    """Return a labelling setup for the tasks that are written, with a scheme's diagnoses."""
    return (
        '<View>\n  <Image name="image" value="$image" zoom="true"/>\n'
        + "".join(map(_labels, _TAGS))
        + _choices("diagnosis", False, (*keys, UNGRADABLE))
        + _choices("findings", True, FINDINGS)
        + "</View>\n"
    )


SETUP = setup(OCT2017_SCHEME.keys)
"""The setup with the diagnoses of oct2017."""


def write_label_studio(scans: Iterable[AnnotatedScan]) -> bytes:
    """Write annotated scans as Label Studio's tasks; `data.image` is the scan's name."""
    tasks = []
    for number, scan in enumerate(scans, start=1):
        found = [_annotation(scan, reader, reading) for reader, reading in readings_of(scan)]
        data = {"image": scan.name, **asdict(scan.facts)}
        tasks.append({"id": number, "data": data, "annotations": found, "predictions": []})
    return json.dumps(tasks, ensure_ascii=False).encode()


def read_label_studio(data: bytes, keys: Sequence[str] = OCT2017_SCHEME.keys) -> Sheet:
    """Read Label Studio's export in its full JSON; predictions and skipped tasks are left alone.

    `keys` are the diagnoses that a choice may be.

    Raises:
        BadInputError: it is something else.
    """
    tasks = load_json(data, "Label Studio's tasks")
    if not isinstance(tasks, list):
        raise BadInputError(
            "Expected a list of Label Studio's tasks. Received something else. Export as JSON, not "
            "as JSON-MIN."
        )
    found = Gathering()
    for number, task in enumerate(tasks, start=1):
        try:
            _take(found, task, keys)
        except UNUSABLE as error:
            found.faults.append(f"task {number}: {why(error)}")
    return found.sheet()


def _annotation(scan: AnnotatedScan, reader: str | None, reading: Reading) -> Values:
    size = {"original_width": scan.width, "original_height": scan.height, "image_rotation": 0}
    result = [{**size, **_region(mark, scan.width, scan.height)} for mark in reading.marks]
    diagnosis = [str(reading.diagnosis)] if reading.diagnosis else []
    ungradable = [] if reading.gradable else [UNGRADABLE]
    for name, words in (("diagnosis", ungradable + diagnosis), ("findings", reading.findings)):
        if words:
            result.append(
                {
                    "id": name,
                    "from_name": name,
                    "to_name": "image",
                    "type": "choices",
                    "value": {"choices": list(words)},
                }
            )
    rest = ("confidence", "response_ms", "flagged", "note")
    return {
        "result": result,
        "was_cancelled": False,
        "ground_truth": reader is None,
        "lead_time": reading.response_ms / 1000,
        _OURS: {"reader": reader, **{key: getattr(reading, key) for key in rest}},
    }


def _region(mark: Mark, width: int, height: int) -> Values:
    kind = _KINDS[type(mark.shape)]
    return {
        "id": mark.id,
        "from_name": kind,
        "to_name": "image",
        "type": kind,
        "value": {**_value(mark.shape, width, height), kind: [mark.finding]},
        "meta": {"text": [mark.caption], _OURS: mark_to_dict(mark)["shape"]},
    }


def _value(shape: Shape, width: int, height: int) -> Values:
    """Return a shape as Label Studio has it, places in percent."""
    across, down = 100 / width, 100 / height
    if isinstance(shape, Brush):
        return {"format": "rle", "rle": pack(to_mask(shape, width, height))}
    if isinstance(shape, Polygon):
        return {"points": [[x * across, y * down] for x, y in shape.points], "closed": True}
    place = {"x": shape.x * across, "y": shape.y * down}
    if isinstance(shape, Spot):
        return place | {"width": _SPOT_WIDTH}
    if isinstance(shape, Ellipse):
        radii = {"radiusX": shape.rx * across, "radiusY": shape.ry * down}
        return place | radii | {"rotation": shape.angle}
    sides = {"width": shape.width * across, "height": shape.height * down}
    return place | sides | {"rotation": 0}


def _take(found: Gathering, task: Values, keys: Sequence[str]) -> None:
    annotations: list[Values] = task.get("annotations") or []
    facts = _facts(task["data"], annotations)
    found.add_scan(facts)
    for annotation in annotations:
        if annotation.get("was_cancelled"):
            continue
        is_settled = annotation.get("ground_truth") is True
        reading = _LabelStudioReading(facts, found.faults, keys).read(annotation)
        if reading != Reading(True, None):
            found.add(facts, None if is_settled else _reader(annotation), reading)


def _facts(data: Values, annotations: list[Values]) -> ScanFacts:
    if "sha256" in data:
        return facts_from_dict(data)
    image = next((data[key] for key in ("name", "image") if data.get(key)), "")
    image = image or next((value for value in data.values() if isinstance(value, str)), "")
    name = base_name(unquote(_QUERY.sub("", image)))
    items = (item for one in annotations for item in one.get("result", []))
    sized: Values = next((item for item in items if "original_width" in item), {})
    sides = {"width": sized.get("original_width"), "height": sized.get("original_height")}
    return facts_from_dict({"name": name, **sides})


def _reader(annotation: Values) -> str:
    if _OURS in annotation:
        return str(annotation[_OURS].get("reader") or "")
    who = annotation.get("completed_by")
    if isinstance(who, dict):
        who = who.get("email") or who.get("username") or who.get("id")
    return f"labelstudio-{who}" if isinstance(who, int) else str(who or "")


class _LabelStudioReading:
    """One annotation under way."""

    def __init__(self, facts: ScanFacts, faults: list[str], keys: Sequence[str]) -> None:
        self._facts, self._faults, self._keys = facts, faults, keys
        self._marks: list[Mark] = []
        self._findings: list[str] = []
        self._classes: list[str] = []

    def read(self, annotation: Values) -> Reading:
        for item in annotation["result"]:
            try:
                self._take(item)
            except UNUSABLE as error:
                number = item.get("id") if isinstance(item, dict) else "?"
                self._faults.append(
                    f"{self._facts.called}, region {shown(str(number))}: {why(error)}"
                )
        ours = annotation.get(_OURS)
        if ours is None:
            self._findings += [mark.finding for mark in self._marks]
            ours = {"response_ms": round(float(annotation.get("lead_time") or 0) * 1000)}
        bare: Values = {
            "gradable": True,
            "diagnosis": self._diagnosis(),
            "findings": [],
            "marks": [],
        }
        reading = reading_from_dict({**ours, **bare})
        return replace(
            reading,
            gradable=UNGRADABLE not in self._classes,
            findings=tuple(dict.fromkeys(self._findings)),
            marks=tuple(self._marks),
        )

    def _take(self, item: Values) -> None:
        kind, value = item["type"], item["value"]
        if kind == "choices":
            for word in value["choices"]:
                self._choose(word)
        elif kind in _TO_SHAPE:
            self._marks.append(self._mark(item, kind, value))
        else:
            raise BadInputError(
                f"Expected choices or one of {', '.join(_TAGS)}. Received {shown(str(kind))}."
            )

    def _choose(self, word: str) -> None:
        """Note a choice; `drusen` is the finding, `DRUSEN` or `Drusen` the class."""
        finding = find_finding(word)
        if word not in FINDINGS and word.upper() in (*self._keys, UNGRADABLE):
            self._classes.append(word.upper())
        elif finding is not None:
            self._findings.append(finding)
        else:
            raise BadInputError(
                f"Expected one of {', '.join(self._keys)}, {UNGRADABLE} or a finding. Received "
                f"{shown(word)}."
            )

    def _diagnosis(self) -> str | None:
        classes = [word for word in dict.fromkeys(self._classes) if word != UNGRADABLE]
        if len(classes) > 1:
            raise BadInputError(f"Expected one diagnosis. Received {', '.join(classes)}.")
        return classes[0] if classes else None

    def _mark(self, item: Values, kind: str, value: Values) -> Mark:
        width, height = self._facts.width, self._facts.height
        given = (item.get("original_width", width), item.get("original_height", height))
        if given != (width, height) or not width * height:
            raise BadInputError(
                f"Expected a scan of {width} by {height} pixels. Received a region of one of "
                f"{shown(str(given))}."
            )
        word = (value.get(kind) or [""])[0]
        finding = find_finding(word)
        if finding is None:
            raise BadInputError(
                f"Expected a finding from the list. Received {shown(word)}. Use "
                f"{', '.join(FINDINGS)}."
            )
        meta = item.get("meta") or {}
        text = meta.get("text") or ""
        caption = text if isinstance(text, str) else " ".join(text)
        shape = self._own_shape(meta, value) or _TO_SHAPE[kind](value, width, height)
        number = item.get("id", f"region-{len(self._marks) + 1}")
        return Mark(str(number)[:64], finding, shape, caption)

    def _own_shape(self, meta: Values, value: Values) -> Shape | None:
        if _OURS not in meta:
            return None
        shape = shape_from_dict(meta[_OURS])
        expected = _value(shape, self._facts.width, self._facts.height)
        return shape if {key: value.get(key) for key in expected} == expected else None


def _to_box(value: Values, width: int, height: int) -> Shape:
    x, y = _place(value, width, height)
    across, down = float(value["width"]) * width / 100, float(value["height"]) * height / 100
    turn = math.radians(float(value.get("rotation") or 0))
    if not turn:
        return Box(x, y, across, down)
    corners = ((0.0, 0.0), (across, 0.0), (across, down), (0.0, down))
    cos, sin = math.cos(turn), math.sin(turn)
    return Polygon(tuple((x + u * cos - v * sin, y + u * sin + v * cos) for u, v in corners))


def _to_polygon(value: Values, width: int, height: int) -> Shape:
    points = value["points"]
    return Polygon(tuple((float(x) * width / 100, float(y) * height / 100) for x, y in points))


def _to_spot(value: Values, width: int, height: int) -> Shape:
    return Spot(*_place(value, width, height))


def _to_ellipse(value: Values, width: int, height: int) -> Shape:
    x, y = _place(value, width, height)
    rx, ry = float(value["radiusX"]) * width / 100, float(value["radiusY"]) * height / 100
    return Ellipse(x, y, rx, ry, float(value.get("rotation") or 0))


def _to_painted(value: Values, width: int, height: int) -> Shape:
    return to_brush(unpack(value["rle"], width, height))


def _place(value: Values, width: int, height: int) -> Point:
    return float(value["x"]) * width / 100, float(value["y"]) * height / 100


_TO_SHAPE: dict[str, Callable[[Values, int, int], Shape]] = {
    "rectanglelabels": _to_box,
    "polygonlabels": _to_polygon,
    "keypointlabels": _to_spot,
    "ellipselabels": _to_ellipse,
    "brushlabels": _to_painted,
}
