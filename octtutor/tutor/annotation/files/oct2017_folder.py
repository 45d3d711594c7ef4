"""A folder in OCT2017 layout, of what is settled or agreed on, that training and import take.

`CLASS/LABEL-PATIENT-N.ext` holds the scan's own bytes, `masks/LABEL-PATIENT-N.png` is 255 in the
lesion, and `cases.csv` holds the findings, as `octtutor phantom make` has them.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from octtutor.core.annotation.annotation import FINDINGS, Mark, Reading, ScanStanding, agree
from octtutor.core.annotation.region_shape import Spot
from octtutor.datasets.decode import SUFFIXES, decode
from octtutor.datasets.layout import is_scan
from octtutor.datasets.member import Member
from octtutor.datasets.schemes.naming import Naming
from octtutor.errors import BadScanError
from octtutor.tutor.annotation.blind_readings import complete_readings
from octtutor.tutor.annotation.files.annotated_scan import (
    UNUSABLE,
    AnnotatedScan,
    Sheet,
    base_name,
    listed_words,
    shown,
    why,
)
from octtutor.tutor.annotation.files.masks import to_brush, to_png
from octtutor.tutor.annotation.files.table import Row, read_rows, write_rows
from octtutor.tutor.annotation.shapes import Mask, union_mask

TABLE = "cases.csv"
_COLUMNS = (
    "file",
    "label",
    "patient",
    "synthetic",
    "mask",
    "findings",
    "seed",
    "sha256",
    "readers",
    "settled",
)
_NO_LESION = "foveal pit"
_PATIENT = re.compile(r"^[A-Za-z0-9]{1,40}$")


def write_folder(
    scans: Iterable[AnnotatedScan],
    read: Callable[[str], bytes],
    readers: int = 1,
    synthetic: frozenset[str] = frozenset(),
) -> Iterator[tuple[str, bytes]]:
    """Yield each file's name and bytes, the table last.

    Left out is what is not settled and not agreed on, and what is ungradable or without a class.

    Args:
        scans: what was annotated.
        read: returns a scan's own bytes by its SHA-256.
        readers: how many must have read a scan that nobody settled.
        synthetic: SHA-256 of the scans that were made and not taken.
    """
    rows: list[dict[str, Any]] = []
    numbers: Counter[tuple[str, str]] = Counter()
    for scan in scans:
        held = hold(scan.standing, readers)
        if not can_teach(scan, readers):
            continue
        label, patient = str(held[0].diagnosis), _patient(scan)
        numbers[label, patient] += 1
        stem = f"{label}-{patient}-{numbers[label, patient]}"
        name, mask_name = f"{stem}{_suffix(scan.name)}", f"masks/{stem}.png"
        mask = lesion_mask(held, scan.width, scan.height)
        yield f"{label}/{name}", read(scan.sha256)
        if mask is not None:
            yield mask_name, to_png(mask)
        rows.append(
            {
                "file": f"{label}/{name}",
                "label": label,
                "patient": patient,
                "synthetic": str(scan.sha256 in synthetic).lower(),
                "mask": mask_name if mask is not None else "",
                "findings": listed_words(common_findings(held)),
                "sha256": scan.sha256,
                "readers": len(complete_readings(scan.standing)),
                "settled": str(scan.standing.settled is not None).lower(),
            }
        )
    yield TABLE, write_rows(_COLUMNS, rows)


def read_folder(members: Iterable[Member], naming: Naming | None = None) -> Sheet:
    """Read a folder or archive in OCT2017 layout: each scan's class counts as settled.

    A mask becomes painted pixels of the case's finding, or of `other` where there are several.
    `naming` says whose words the classes are; None: the keys of oct2017 alone.
    """
    members = tuple(members)
    masks = {
        PurePosixPath(member.name).stem: member
        for member in members
        if PurePosixPath(member.name).parent.name == "masks"
    }
    tables = [member for member in members if base_name(member.name) == TABLE]
    facts = {base_name(row.get("file", "")): row for t in tables for row in read_rows(t.read())}
    scans, faults = [], []
    for member in members:
        if is_scan(member.name):
            name = base_name(member.name)
            try:
                named = naming.name(member) if naming else member
                scans.append(
                    _to_scan(named, masks.get(PurePosixPath(name).stem), facts.get(name, {}))
                )
            except UNUSABLE as error:
                faults.append(f"{shown(member.name)}: {why(error)}")
    return Sheet(tuple(scans), tuple(faults))


def hold(standing: ScanStanding, readers: int = 1) -> tuple[Reading, ...]:
    """Return what holds of a scan: the settled reading, else all readings where they agree.

    What was only begun, by somebody who then skipped the scan, is no reading.

    Args:
        standing: how the scan stands.
        readers: how many must have read it.

    Returns:
        Nothing where it is open.
    """
    if standing.settled is not None:
        return (standing.settled,)
    found = tuple(complete_readings(standing).values())
    return found if len(found) >= max(readers, 1) and agree(found) else ()


def without_misread(sheet: Sheet, controls: Mapping[str, str], readers: int = 1) -> Sheet:
    """Leave out controls that all readers read otherwise than is known, unless that was settled.

    The line that says so names none: whoever sees it may have them to read.

    Args:
        sheet: what was annotated.
        controls: what is known of them, by SHA-256 (see `records.known_controls`).
        readers: as for `write_folder`.
    """
    kept = tuple(s for s in sheet.scans if not _is_misread(s, controls.get(s.sha256), readers))
    count = len(sheet.scans) - len(kept)
    if not count:
        return sheet
    line = (
        f"the folder: {count} control{'s were' if count > 1 else ' was'} read otherwise than is "
        "known. Settle what holds to have such scans in it."
    )
    return Sheet(kept, (*sheet.faults, line))


def can_teach(scan: AnnotatedScan, readers: int = 1) -> bool:
    """Whether a scan has a class that holds (see `hold`), and so belongs into the folder."""
    held = hold(scan.standing, readers)
    return bool(held) and all(reading.gradable and reading.diagnosis for reading in held)


def common_findings(held: tuple[Reading, ...]) -> tuple[str, ...]:
    """Return the findings that at least half of the readings name or draw."""
    named = Counter(
        name for one in held for name in {*one.findings, *(m.finding for m in one.marks)}
    )
    return tuple(name for name in FINDINGS if 2 * named[name] >= len(held) and named[name])


def lesion_mask(held: tuple[Reading, ...], width: int, height: int) -> Mask | None:
    """Return the pixels that at least half of the readings have in a lesion, uint8, 0 or 255.

    A foveal pit is no lesion, and a spot has no area.

    Returns:
        uint8 (height, width), None where there is no such pixel.
    """
    votes = np.zeros((height, width), np.uint16)
    for reading in held:
        votes += union_mask(filter(_is_lesion, reading.marks), width, height) > 0
    mask = np.where((votes > 0) & (2 * votes >= len(held)), 255, 0).astype(np.uint8)
    return mask if mask.any() else None


def _is_misread(scan: AnnotatedScan, known: str | None, readers: int) -> bool:
    if known is None or scan.standing.settled is not None:
        return False
    return can_teach(scan, readers) and hold(scan.standing, readers)[0].diagnosis != known


def _is_lesion(mark: Mark) -> bool:
    return mark.finding != _NO_LESION and not isinstance(mark.shape, Spot)


def _patient(scan: AnnotatedScan) -> str:
    """Return a patient's number that can stand in a file's name; the same for the same patient."""
    if _PATIENT.match(scan.patient):
        return scan.patient
    return hashlib.sha256((scan.patient or scan.sha256).encode()).hexdigest()[:12]


def _suffix(name: str) -> str:
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if suffix in SUFFIXES else ".png"


def _to_scan(member: Member, mask: Member | None, facts: Row) -> AnnotatedScan:
    data = member.read()
    height, width = decode(data, member.name).shape
    label = member.place.label
    if label is None:
        raise BadScanError("Expected a scan in a folder of its class. It is in none. Move it.")
    findings = tuple(word for word in facts.get("findings", "").split("; ") if word in FINDINGS)
    marks = _to_marks(mask, findings) if mask is not None else ()
    settled = Reading(True, label, findings, marks)
    return AnnotatedScan(
        sha256=hashlib.sha256(data).hexdigest(),
        name=member.name,
        patient=member.place.patient or "",
        width=width,
        height=height,
        standing=ScanStanding({}, settled),
    )


def _to_marks(mask: Member, findings: tuple[str, ...]) -> tuple[Mark, ...]:
    pixels = decode(mask.read(), mask.name)
    lesions = [name for name in findings if name != _NO_LESION]
    finding = lesions[0] if len(lesions) == 1 else FINDINGS[-1]
    return (Mark("mask-1", finding, to_brush(pixels)),) if (pixels > 127).any() else ()
