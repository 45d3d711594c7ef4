"""What is in a set of scans before it is used: counts, copies, leaks between splits."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import decode
from octtutor.datasets.fill import without_fill
from octtutor.datasets.groups import group_near, near_pairs, thumbnail
from octtutor.datasets.layout import Place
from octtutor.datasets.member import Member
from octtutor.datasets.schemes.naming import Naming, count_words, nearest_scheme
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME, SHIPPED, Schemes
from octtutor.datasets.sources import find_scans, name_scans, open_source
from octtutor.errors import BadScanError

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class AuditedScan:
    """A scan as the audit saw it; `thumbnail` float32 (64·64,), zero mean, unit length."""

    name: str
    place: Place
    sha256: str
    shape: tuple[int, int]
    thumbnail: npt.NDArray[np.float32]


def audit(
    path: Path,
    against: Path | None = None,
    progress: Progress | None = None,
    naming: Naming | None = None,
    schemes: Schemes = SHIPPED,
) -> dict[str, Any]:
    """Look through a set of scans, and for what it shares with another.

    Args:
        path: folder, ZIP or tar in OCT2017 layout.
        against: a second set; without it the splits inside `path` are compared.
        progress: called with (done, total) for each set.
        naming: the scheme whose words the labels are; None: the keys of oct2017 alone.
        schemes: those at hand, of which the one that fits best is named.

    Returns:
        A dictionary ready for JSON: `files`, `patients`, `per_class`, `splits`, `duplicates`
        (`exact`, `near`: groups of names), `shared` (`patients`, `files`, `near`, and between
        what), `unreadable`, `conflicts`, `unlabelled`, `unknown_words` (scans by word),
        `nearest_scheme` (of another that knows more of the words; else empty), `sizes`, `clean`.

    Raises:
        BadInputError: there is no scan, a word may mean several diagnoses, or all words are
            unknown and to be skipped.
    """
    scans, unreadable = _look(path, progress, naming)
    others, _ = _look(against, progress, naming) if against else ([], [])
    unlabelled = [scan for scan in scans if scan.place.label is None]
    words = count_words((scan.name, scan.place) for scan in scans)
    report = _count(scans, naming.scheme.keys if naming else OCT2017_SCHEME.keys) | {
        "duplicates": {"exact": _exact(scans), "near": _near_groups(scans)},
        "shared": _shared(scans, others) if against else _shared_splits(scans),
        "unreadable": unreadable,
        "conflicts": _conflicts(scans),
        "unlabelled": [scan.name for scan in unlabelled],
        "unknown_words": dict(count_words((scan.name, scan.place) for scan in unlabelled)),
        "nearest_scheme": nearest_scheme(words, naming, schemes) if unlabelled else "",
    }
    shared = report["shared"]
    faults = [report["unreadable"], report["conflicts"], report["unlabelled"]]
    leaks = [shared["patients"], shared["files"], shared["near"]]
    return report | {"clean": not any([*faults, *leaks, *report["duplicates"].values()])}


def _look(
    path: Path, progress: Progress | None, naming: Naming | None
) -> tuple[list[AuditedScan], list[dict[str, str]]]:
    scans, unreadable = [], []
    with open_source(path) as members:
        wanted = name_scans(find_scans(members, path), naming)
        for done, member in enumerate(wanted, start=1):
            try:
                scans.append(_look_at(member))
            except BadScanError as error:
                unreadable.append({"name": member.name, "why": str(error)})
            if progress:
                progress(done, len(wanted))
    return scans, unreadable


def _look_at(member: Member) -> AuditedScan:
    data = member.read()
    scan = decode(data, member.name)
    height, width = scan.shape
    digest = hashlib.sha256(data).hexdigest()
    return AuditedScan(
        member.name, member.place, digest, (height, width), thumbnail(without_fill(scan))
    )


def _count(scans: list[AuditedScan], keys: Sequence[str]) -> dict[str, Any]:
    splits: dict[str, list[AuditedScan]] = defaultdict(list)
    for scan in scans:
        splits[scan.place.split or "all"].append(scan)
    return {
        "files": len(scans),
        "patients": len(_patients(scans)),
        "per_class": _per_class(scans, keys),
        "splits": {name: _per_class(part, keys) for name, part in sorted(splits.items())},
        "patients_with_several_labels": _several_labels(scans),
        "sizes": {f"{w}x{h}": n for (h, w), n in Counter(s.shape for s in scans).most_common()},
    }


def _per_class(scans: list[AuditedScan], keys: Sequence[str]) -> dict[str, dict[str, int]]:
    return {
        key: {"files": len(part), "patients": len(_patients(part))}
        for key in keys
        for part in [[scan for scan in scans if scan.place.label == key]]
    }


def _patients(scans: Iterable[AuditedScan]) -> set[str]:
    return {scan.place.patient for scan in scans if scan.place.patient}


def _several_labels(scans: list[AuditedScan]) -> list[str]:
    labels: dict[str, set[str]] = defaultdict(set)
    for scan in scans:
        if scan.place.patient and scan.place.label:
            labels[scan.place.patient].add(scan.place.label)
    return sorted(patient for patient, theirs in labels.items() if len(theirs) > 1)


def _exact(scans: list[AuditedScan]) -> list[list[str]]:
    names: dict[str, list[str]] = defaultdict(list)
    for scan in scans:
        names[scan.sha256].append(scan.name)
    return sorted(group for group in names.values() if len(group) > 1)


def _conflicts(scans: list[AuditedScan]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"names": [scan.name], "why": "the folder and the name give different labels"}
        for scan in scans
        if scan.place.conflict
    ]
    labels: dict[str, set[str]] = defaultdict(set)
    for scan in scans:
        labels[scan.sha256].add(str(scan.place.label))
    for digest, theirs in labels.items():
        if len(theirs) > 1:
            names = [scan.name for scan in scans if scan.sha256 == digest]
            found.append({"names": names, "why": "the same file has different labels"})
    return found


def _shared_splits(scans: list[AuditedScan]) -> dict[str, Any]:
    parts = [[s for s in scans if s.place.split == name] for name in ("train", "val", "test")]
    train, val, test = parts
    pairs = [_shared(train + val, test), _shared(train, val)]
    merged = {key: pairs[0][key] + pairs[1][key] for key in ("patients", "files", "near")}
    return {"between": "the splits train, val and test", **merged}


def _shared(scans: list[AuditedScan], others: list[AuditedScan]) -> dict[str, Any]:
    theirs = {scan.sha256: scan.name for scan in others}
    files = [[scan.name, theirs[scan.sha256]] for scan in scans if scan.sha256 in theirs]
    near = [
        [one.name, other.name]
        for one, other in _near_pairs(scans, others)
        if one.sha256 != other.sha256
    ]
    return {
        "between": "the two sets",
        "patients": sorted(_patients(scans) & _patients(others)),
        "files": files,
        "near": near,
    }


def _near_groups(scans: list[AuditedScan]) -> list[list[str]]:
    if not scans:
        return []
    groups: dict[int, list[AuditedScan]] = defaultdict(list)
    for group, scan in zip(group_near(_thumbnails(scans)), scans, strict=True):
        groups[group].append(scan)
    several = [part for part in groups.values() if len({scan.sha256 for scan in part}) > 1]
    return sorted(sorted(scan.name for scan in part) for part in several)


def _near_pairs(
    scans: list[AuditedScan], others: list[AuditedScan]
) -> list[tuple[AuditedScan, AuditedScan]]:
    if not scans or not others:
        return []
    pairs = near_pairs(_thumbnails(scans), _thumbnails(others))
    return [(scans[i], others[j]) for i, j in pairs]


def _thumbnails(scans: list[AuditedScan]) -> npt.NDArray[np.float32]:
    return np.stack([scan.thumbnail for scan in scans])
