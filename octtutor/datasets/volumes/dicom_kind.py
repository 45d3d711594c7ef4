"""What a DICOM header says of its frames beside their pixels: what they show, how they lie, size.

By PS3.3: what a file is for (SOP class, modality, image type), the anatomic region, where each
frame lies on the fundus (Ophthalmic Frame Location), and Pixel Spacing. Where these say nothing,
nothing is said.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.datasets.scan_picture import FileFacts, ScanPattern, to_spacing

TAGS = (
    "SOPClassUID",
    "Modality",
    "ImageType",
    "AnatomicRegionSequence",
    "PixelSpacing",
    "OphthalmicImageTypeCodeSequence",
)
"""What is read of a header, besides its functional groups."""
_SOP = "1.2.840.10008.5.1.4.1.1."
_CLASSES = {
    "14.1": ScanPattern.VESSEL,
    "14.2": ScanPattern.VESSEL,
    "77.1.5.1": ScanPattern.FUNDUS,
    "77.1.5.2": ScanPattern.FUNDUS,
    "77.1.5.5": ScanPattern.FUNDUS,
    "77.1.5.6": ScanPattern.FUNDUS,
    "77.1.5.7": ScanPattern.EN_FACE,
    "77.1.5.8": ScanPattern.ANGIOGRAPHY,
    "81.1": ScanPattern.THICKNESS_MAP,
}
"""By the end of the SOP class; ophthalmic tomography (77.1.5.4) may be many things."""
_MODALITIES = {
    "IVOCT": ScanPattern.VESSEL,
    "OP": ScanPattern.FUNDUS,
    "OPTENF": ScanPattern.EN_FACE,
    "OPTBSV": ScanPattern.ANGIOGRAPHY,
    "OPM": ScanPattern.THICKNESS_MAP,
}
_WORDS = (
    (re.compile(r"ANGIO|\bOCTA\b|\bFLOW\b"), ScanPattern.ANGIOGRAPHY),
    (re.compile(r"THICKNESS"), ScanPattern.THICKNESS_MAP),
    (re.compile(r"\bEN ?FACE\b"), ScanPattern.EN_FACE),
)
"""What a value of Image Type, or an en-face image's type in words, has in it; `_` is a blank."""
_FRONT = {
    *("28726007", "65431007", "15775008", "31636006", "41296002", "78076003", "29534007"),
    *("T-AA200", "T-AA050", "T-AA500", "T-AA700", "T-AA400"),
}
"""Codes of cornea, its sides, anterior chamber, iris, lens, ciliary body: SNOMED CT, then the older
ones."""
_LOCATION, _LIES = "OphthalmicFrameLocationSequence", "OphthalmicImageOrientation"
_PARALLEL, _CROSSING, _CLOSED = 0.9, 0.1, 0.2
"""From which cosine on lines are parallel; how far, of their length, the middles of a star lie
apart; and how far, of its size, a circle's ends."""
Floats = npt.NDArray[np.float64]


def read_facts(header: Any, count: int) -> tuple[FileFacts, ...]:
    """Read what a header says of its frames; of one that is garbled here, nothing.

    Args:
        header: a pydicom data set with `TAGS` and the functional groups, where the file has them.
        count: frames.

    Returns:
        One for all frames, or one for each.
    """
    try:
        shared = next(iter(_items(header, "SharedFunctionalGroupsSequence")), None)
        frames = _items(header, "PerFrameFunctionalGroupsSequence")
        spacing = _spacing(header, shared, *frames[:1])
        kind = _kind(header, shared)
        if kind is not None:
            return (FileFacts(spacing, kind),)
        places = [_first(group, _LOCATION) for group in frames]
        if len(places) != count:
            places = [_first(shared, _LOCATION)]
        return tuple(FileFacts(spacing, one) for one in _patterns(places))
    except (AttributeError, IndexError, TypeError, ValueError):
        return (FileFacts(),)


def _kind(header: Any, shared: Any) -> ScanPattern | None:
    """Return what the pictures are, where they are no B-scans of a retina."""
    named = _CLASSES.get(str(header.get("SOPClassUID", "")).removeprefix(_SOP))
    named = named or _MODALITIES.get(str(header.get("Modality", "")))
    if named in (None, ScanPattern.EN_FACE):
        words = _words(header)
        named = next((kind for rule, kind in _WORDS if rule.search(words)), named)
    return named or (ScanPattern.FRONT if _regions(header, shared) & _FRONT else None)


def _words(header: Any) -> str:
    given = header.get("ImageType") or ()
    values = [given] if isinstance(given, str) else list(given)
    types = _items(header, "OphthalmicImageTypeCodeSequence")
    values += [item.get("CodeMeaning", "") for item in types]
    return "; ".join(map(str, values)).upper().replace("_", " ").replace("-", " ")


def _regions(header: Any, shared: Any) -> set[str]:
    anatomy = _first(shared, "FrameAnatomySequence")
    items = [*_items(header, "AnatomicRegionSequence"), *_items(anatomy, "AnatomicRegionSequence")]
    return {str(item.get("CodeValue", "")) for item in items}


def _patterns(places: Sequence[Any]) -> list[ScanPattern | None]:
    """Tell from where frames lie what each is; straight ones are told together."""
    lines = {
        index: _points(place)[[0, -1]]
        for index, place in enumerate(places)
        if place is not None and place.get(_LIES) == "LINEAR"
    }
    straight = _together(np.array(list(lines.values()))) if lines else None
    return [straight if i in lines else _bent(place) for i, place in enumerate(places)]


def _bent(place: Any) -> ScanPattern | None:
    """Return what a frame is that is no straight B-scan: a circle, or a plane en face."""
    lies = place.get(_LIES) if place is not None else None
    if lies == "TRANSVERSE":
        return ScanPattern.EN_FACE
    if lies != "NONLINEAR":
        return None
    points = _points(place)
    gap, size = np.linalg.norm(points[0] - points[-1]), float(np.ptp(points, axis=0).max())
    return ScanPattern.CIRCLE if len(points) > 3 and gap < _CLOSED * size else None


def _points(place: Any) -> Floats:
    """Return the points of a frame on the fundus, float64 (n, 2): rows and columns."""
    return np.asarray(place.get("ReferenceCoordinates"), np.float64).reshape(-1, 2)


def _together(ends: Floats) -> ScanPattern | None:
    """Tell one line, parallel ones, and a star of them, float64 (n, 2, 2)."""
    if len(ends) == 1:
        return ScanPattern.LINE
    along = ends[:, 1] - ends[:, 0]
    lengths = np.linalg.norm(along, axis=1)
    if not lengths.min() > 0:
        return None
    if (np.abs((along / lengths[:, None]) @ (along[0] / lengths[0])) > _PARALLEL).all():
        return ScanPattern.VOLUME
    middles = ends.mean(1)
    spread = float(np.linalg.norm(middles - middles.mean(0), axis=1).max())
    return ScanPattern.RADIAL if spread < _CROSSING * float(np.median(lengths)) else None


def _spacing(header: Any, *groups: Any) -> tuple[float, float] | None:
    """Return the height and width of a pixel, µm."""
    for item in (header, *(_first(group, "PixelMeasuresSequence") for group in groups)):
        given = item.get("PixelSpacing") if item is not None else None
        if given:
            return to_spacing(float(given[0]), float(given[1]))
    return None


def _first(item: Any, sequence: str) -> Any:
    """Return the first item of a sequence; None where there is none."""
    return next(iter(_items(item, sequence)), None)


def _items(item: Any, sequence: str) -> Sequence[Any]:
    return (item.get(sequence) or ()) if item is not None else ()
