"""COCO's JSON: findings as categories, polygons as lists, everything else as run lengths.

What COCO has no place for stands in keys of our own, so that nothing is lost on the way back: an
image has its `readings` without regions, an annotation its `annotator`, `caption` and `shape`. A
shape counts only while it agrees with the annotation's own segmentation: another program may have
moved that. Lin et al., Microsoft COCO: Common Objects in Context, ECCV 2014.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from octtutor.core.annotation.annotation import FINDINGS, Mark, Reading
from octtutor.core.annotation.annotation_json import (
    mark_to_dict,
    reading_from_dict,
    reading_to_dict,
    shape_from_dict,
)
from octtutor.core.annotation.region_shape import Box, Brush, Polygon, Shape, Spot
from octtutor.errors import BadInputError
from octtutor.tutor.annotation.files.annotated_scan import (
    UNUSABLE,
    AnnotatedScan,
    Gathering,
    ScanFacts,
    Sheet,
    facts_from_dict,
    find_finding,
    load_json,
    readings_of,
    shown,
    why,
)
from octtutor.tutor.annotation.shapes import bounding_box, box_corners, to_counts, to_mask

_SETTLED = "settled"
_NUMBERS = {name: number for number, name in enumerate(FINDINGS, start=1)}


def write_coco(scans: Iterable[AnnotatedScan]) -> bytes:
    """Write annotated scans as a COCO file; every annotator's regions are annotations."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, scan in enumerate(scans, start=1):
        images.append(_image(scan, image_id))
        for reader, mark in _marks_of(scan):
            own = {"id": len(annotations) + 1, "image_id": image_id}
            annotations.append(own | _annotation(scan, reader, mark))
    names = [
        {"id": number, "name": name, "supercategory": "finding"}
        for name, number in _NUMBERS.items()
    ]
    whole = {
        "info": {"description": "Annotations of retinal OCT scans, written by OCT Tutor"},
        "licenses": [],
        "categories": names,
        "images": images,
        "annotations": annotations,
    }
    return json.dumps(whole, ensure_ascii=False).encode()


def read_coco(data: bytes) -> Sheet:
    """Read a COCO file, ours or another program's.

    A foreign annotation of several polygons becomes as many regions. Its reader is '', nobody.
    Annotations without an id are numbered.

    Raises:
        BadInputError: it is no COCO file.
    """
    values = load_json(data, "a COCO file")
    parts = ("images", "annotations", "categories")
    if not isinstance(values, dict) or not all(isinstance(values.get(k), list) for k in parts):
        raise BadInputError(
            f"Expected a COCO file with the lists {', '.join(parts)}. Received something else. "
            "Export object detection or segmentation as COCO JSON."
        )
    reading = _CocoReading(values["categories"])
    reading.take_images(values["images"])
    reading.take_annotations(values["annotations"])
    return reading.sheet()


def _image(scan: AnnotatedScan, image_id: int) -> dict[str, Any]:
    settled = scan.standing.settled
    bare = {who: _bare(reading) for who, reading in sorted(scan.standing.readings.items())}
    return {
        "id": image_id,
        "file_name": scan.name,
        **{key: value for key, value in asdict(scan.facts).items() if key != "name"},
        "diagnosis": str(settled.diagnosis) if settled and settled.diagnosis else None,
        "readings": bare,
        _SETTLED: _bare(settled) if settled else None,
    }


def _bare(reading: Reading) -> dict[str, Any]:
    return reading_to_dict(replace(reading, marks=()))


def _marks_of(scan: AnnotatedScan) -> Iterator[tuple[str | None, Mark]]:
    for reader, reading in readings_of(scan):
        for mark in reading.marks:
            yield reader, mark


def _annotation(scan: AnnotatedScan, reader: str | None, mark: Mark) -> dict[str, Any]:
    around = bounding_box(mark.shape)
    mask = to_mask(mark.shape, scan.width, scan.height)
    return {
        "category_id": _NUMBERS[mark.finding],
        "segmentation": _segmentation(mark.shape, scan.width, scan.height),
        "area": int((mask > 0).sum()),
        "bbox": [around.x, around.y, around.width, around.height],
        "iscrowd": 0,
        "caption": mark.caption,
        "annotator": reader,
        _SETTLED: reader is None,
        "mark_id": mark.id,
        "shape": mark_to_dict(mark)["shape"],
    }


def _segmentation(shape: Shape, width: int, height: int) -> Any:
    if isinstance(shape, Box | Polygon):
        points = box_corners(shape) if isinstance(shape, Box) else shape.points
        return [[value for point in points for value in point]]
    counts = to_counts(to_mask(shape, width, height))
    return {"counts": list(counts), "size": [height, width]}


@dataclass(slots=True)
class _Image:
    facts: ScanFacts
    readings: dict[str | None, Reading]
    marks: dict[str | None, list[Mark]]


class _CocoReading:
    """One COCO file under way."""

    def __init__(self, categories: list[Any]) -> None:
        self._images: dict[Any, _Image] = {}
        self._seen: set[Any] = set()
        self._unknown: Counter[str] = Counter()
        self._names: dict[Any, str] = {}
        self._found = Gathering()
        twice = set[Any]()
        for category in categories:
            try:
                number, name = category["id"], str(category["name"])
                if number in self._names:
                    twice.add(number)
                self._names[number] = name
            except UNUSABLE as error:
                self._found.faults.append(f"a category: {why(error)}")
        for number in twice:
            del self._names[number]
            self._found.faults.append(
                f"category {shown(str(number))}: Expected an id of its own. Several have this one; "
                "their regions are left out. Number them anew."
            )

    def take_images(self, images: list[Any]) -> None:
        for image in images:
            try:
                if image["id"] in self._images:
                    raise BadInputError(f"There is a second image with the id {image['id']}.")
                self._images[image["id"]] = _to_image(image)
            except UNUSABLE as error:
                self._found.faults.append(f"an image: {why(error)}")

    def take_annotations(self, annotations: list[Any]) -> None:
        for place, annotation in enumerate(annotations, start=1):
            try:
                self._take(annotation, place)
            except UNUSABLE as error:
                number = annotation.get("id") if isinstance(annotation, dict) else None
                self._found.faults.append(
                    f"annotation {shown(_number(number, place))}: {why(error)}"
                )

    def sheet(self) -> Sheet:
        for word, count in self._unknown.items():
            self._found.faults.append(
                f"category {shown(word)}: Expected a finding from the list. {count} regions are "
                f"left out. Rename it: {', '.join(FINDINGS)}."
            )
        for image in self._images.values():
            self._found.add_scan(image.facts)
            for reader in dict.fromkeys([*image.readings, *image.marks]):
                self._found.add(image.facts, reader, _joined(image, reader))
        return self._found.sheet()

    def _take(self, annotation: Any, place: int) -> None:
        image = self._images.get(annotation["image_id"])
        if image is None:
            raise BadInputError(
                f"Expected the id of an image of the file. Received "
                f"{shown(str(annotation['image_id']))}."
            )
        if annotation.get("id") is None:
            annotation = {**annotation, "id": _number(None, place)}
        number = annotation["id"]
        if number in self._seen:
            raise BadInputError("There is a second annotation with this id.")
        self._seen.add(number)
        word = self._names.get(annotation["category_id"])
        if word is None:
            raise BadInputError(
                f"Expected the id of a category of the file. Received "
                f"{shown(str(annotation['category_id']))}."
            )
        finding = find_finding(word)
        if finding is None:
            self._unknown[word] += 1
            return
        is_settled = annotation.get(_SETTLED) is True
        reader = None if is_settled else str(annotation.get("annotator") or "")
        image.marks.setdefault(reader, []).extend(_to_marks(annotation, finding, image.facts))


def _number(given: Any, place: int) -> str:
    return f"#{place}" if given is None else str(given)


def _to_image(image: dict[str, Any]) -> _Image:
    facts = facts_from_dict({**image, "name": image["file_name"]})
    readings: dict[str | None, Reading] = {
        who: reading_from_dict(values) for who, values in (image.get("readings") or {}).items()
    }
    if image.get(_SETTLED):
        readings[None] = reading_from_dict(image[_SETTLED])
    if not readings and image.get("diagnosis"):
        foreign = {"gradable": True, "findings": [], "marks": []}
        readings[""] = reading_from_dict(foreign | {"diagnosis": image["diagnosis"].upper()})
    return _Image(facts, readings, {})


def _joined(image: _Image, reader: str | None) -> Reading:
    marks = tuple(image.marks.get(reader, ()))
    known = image.readings.get(reader)
    if known is None:
        findings = tuple(dict.fromkeys(mark.finding for mark in marks))
        return Reading(True, None, findings, marks)
    return replace(known, marks=marks)


def _to_marks(annotation: dict[str, Any], finding: str, facts: ScanFacts) -> list[Mark]:
    shapes = list(_shapes(annotation, facts))
    stem = str(annotation.get("mark_id", annotation["id"]))[:60]
    ids = [stem] if len(shapes) == 1 else [f"{stem}-{n}" for n in range(1, len(shapes) + 1)]
    caption = str(annotation.get("caption") or "")
    return [Mark(own, finding, shape, caption) for own, shape in zip(ids, shapes, strict=True)]


def _shapes(annotation: dict[str, Any], facts: ScanFacts) -> Iterator[Shape]:
    segmentation = annotation.get("segmentation")
    own = _own_shape(annotation, facts)
    if own is not None:
        yield own
    elif isinstance(segmentation, dict):
        yield _to_brush(segmentation)
    elif segmentation:
        for values in segmentation:
            yield _to_polygon(values)
    else:
        x, y, width, height = annotation["bbox"]
        yield Box(float(x), float(y), float(width), float(height))


def _own_shape(annotation: dict[str, Any], facts: ScanFacts) -> Shape | None:
    """Return the shape in our own key, where it still is what the segmentation says."""
    if "shape" not in annotation:
        return None
    shape = shape_from_dict(annotation["shape"])
    if isinstance(shape, Spot | Box | Polygon | Brush) or min(shape.rx, shape.ry) > 0:
        same = _segmentation(shape, facts.width, facts.height) == annotation.get("segmentation")
        return shape if same else None
    return None


def _to_polygon(values: list[float]) -> Polygon:
    if len(values) % 2:
        raise BadInputError("Expected x and y in turn. Received an odd number of values.")
    numbers = [float(value) for value in values]
    return Polygon(tuple(zip(numbers[::2], numbers[1::2], strict=True)))


def _to_brush(values: dict[str, Any]) -> Brush:
    height, width = (int(side) for side in values["size"])
    counts = values["counts"]
    if isinstance(counts, str):
        return Brush(unpack_counts(counts), width, height)
    return Brush(tuple(int(count) for count in counts), width, height)


def unpack_counts(text: str) -> tuple[int, ...]:
    """Return the run lengths of COCO's compressed string.

    Each run is written in groups of 5 bits, the lowest first, as characters from '0' on; the sixth
    bit says that more follows, and the highest of the last group is the sign. From the fourth run
    on it is the difference from the run before the last one of the same kind.

    Raises:
        BadInputError: it is cut short or has other characters.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        group = ord(character) - 48
        if not 0 <= group < 64 or shift > 60:
            raise BadInputError("Expected COCO's compressed run lengths. Received other text.")
        value |= (group & 31) << shift
        shift += 5
        if group & 32:
            continue
        if group & 16:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    if shift:
        raise BadInputError("Expected COCO's compressed run lengths. They are cut short.")
    return tuple(counts)
