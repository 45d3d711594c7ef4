"""The scans on which explanations are measured: phantoms, or one's own with masks or without."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.core.diagnosis import Diagnosis
from octtutor.datasets.decode import Pixels, decode, read_scan
from octtutor.datasets.layout import is_scan
from octtutor.datasets.member import Member
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.datasets.sources import find_scans, open_source
from octtutor.errors import BadInputError, BadScanError
from octtutor.phantom import make

Bits = npt.NDArray[np.bool_]

DECK = Path(__file__).parents[2] / "phantom" / "deck"
_LOSSY = frozenset({".jpg", ".jpeg"})
_ENDINGS = ("", "_mask", "-mask", "_seg")


@dataclass(frozen=True, slots=True)
class BenchCase:
    """A scan to explain.

    `lesion` is bool (height, width), None where nobody drew one; `label` an index into oct2017's
    keys, None where the model's answer is to be explained.
    """

    name: str
    patient: str
    scan: Pixels
    lesion: Bits | None
    label: int | None


@dataclass(frozen=True, slots=True)
class CaseSource:
    """Where cases come from: what it is, how many at most, and a generator of them.

    `left_out` fills while they are read: names by reason.
    """

    what: str
    count: int
    cases: Iterator[BenchCase]
    left_out: dict[str, list[str]]


def phantom_cases(limit: int | None, seed: int) -> CaseSource:
    """Return the embedded deck's phantoms with a lesion, with more drawn by the seed past those."""
    with (DECK / "cases.csv").open(encoding="utf-8", newline="") as lines:
        table = [row for row in csv.DictReader(lines) if row["label"] != OCT2017_SCHEME.normal]
    order = np.random.default_rng([seed, 0]).permutation(len(table))[:limit]
    more = max(0, (limit or 0) - len(table))

    def cases() -> Iterator[BenchCase]:
        for index in order:
            row = table[index]
            lesion = read_scan(DECK / row["mask"]) > 0
            label = OCT2017_SCHEME.index(row["label"])
            yield BenchCase(
                row["file"], row["patient"], read_scan(DECK / row["file"]), lesion, label
            )
        for index in range(more):
            label = index % (len(OCT2017_SCHEME.keys) - 1)
            drawn = make(
                Diagnosis(OCT2017_SCHEME.keys[label]),
                np.random.default_rng([seed, 3, index]),
                (496, 512),
            )
            if drawn.mask.any():
                yield BenchCase(
                    f"drawn {index}", f"drawn {index}", drawn.scan, drawn.mask > 0, label
                )

    return CaseSource("phantoms of the embedded deck", len(order) + more, cases(), {})


def scan_cases(
    data: Path, masks: Path | None, label: str | None, limit: int | None, seed: int
) -> CaseSource:
    """Return scans of a folder or archive, with masks where a folder of them is given."""
    if masks is not None and not masks.is_dir():
        raise BadInputError(
            f"Expected a folder of masks. Received {str(masks)!r}, which is none. Check the path."
        )
    inner = data / "masks"
    place = masks or (inner if inner.is_dir() else None)
    drawn = None if place is None else _by_stem(place)
    left_out: dict[str, list[str]] = {"no_mask": [], "empty_mask": [], "unreadable": []}

    def cases() -> Iterator[BenchCase]:
        done = 0
        with open_source(data) as members:
            scans = [m for m in find_scans(members, data) if not _is_inside(m, masks)]
            for index in np.random.default_rng([seed, 0]).permutation(len(scans)):
                if limit is not None and done >= limit:
                    return
                case = _read_case(scans[index], drawn, left_out)
                if case is not None:
                    done += 1
                    yield case

    with open_source(data) as members:
        count = len(find_scans(members, data))
    beside = "" if masks is None else f" with masks of {masks.name}"
    return CaseSource(
        f"scans of {data.name}{beside}", min(count, limit or count), cases(), left_out
    )


def _read_case(
    member: Member, drawn: dict[str, Path] | None, left_out: dict[str, list[str]]
) -> BenchCase | None:
    stem = Path(member.name).stem
    mask = next((drawn[stem + e] for e in _ENDINGS if stem + e in drawn), None) if drawn else None
    if drawn is not None and mask is None:
        left_out["no_mask"].append(member.name)
        return None
    try:
        scan = decode(member.read(), member.name)
        lesion = None if mask is None else read_mask(mask, scan.shape)
    except BadScanError:
        left_out["unreadable"].append(member.name)
        return None
    if lesion is not None and not lesion.any():
        left_out["empty_mask"].append(member.name)
        return None
    known = member.place
    label = None if known.label is None else OCT2017_SCHEME.index(known.label)
    return BenchCase(member.name, known.patient or member.name, scan, lesion, label)


def read_mask(path: Path, shape: tuple[int, ...]) -> Bits:
    """Read a mask and bring it to its scan's size by the nearest pixel.

    Args:
        path: an image; every value but 0 is inside (of a JPEG, the brighter half).
        shape: of the scan, (height, width).

    Returns:
        bool (height, width).

    Raises:
        BadScanError: it cannot be read.
    """
    grey = read_scan(path)
    inside = (grey > (127 if path.suffix.lower() in _LOSSY else 0)).astype(np.uint8)
    large = cv2.resize(inside, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST)
    return np.asarray(large > 0)


def _by_stem(masks: Path) -> dict[str, Path]:
    files = sorted(path for path in masks.rglob("*") if path.is_file() and is_scan(path.name))
    return {path.stem: path for path in files}


def _is_inside(member: Member, folder: Path | None) -> bool:
    if folder is None or member.file is None:
        return False
    return member.file.resolve().is_relative_to(folder.resolve())


def no_case(source: CaseSource) -> BadInputError:
    """Return the error of a source without a usable scan, with what was left out."""
    why = ", ".join(f"{len(names)} {key}" for key, names in source.left_out.items() if names)
    return BadInputError(
        f"Expected scans that can be explained, each with a mask of its name. Found none "
        f"({why or 'no scan'}). Name each mask as its scan."
    )
