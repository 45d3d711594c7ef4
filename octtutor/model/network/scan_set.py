"""A source of scans to arrays for training and evaluation."""

import hashlib
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from octtutor.core.scheme import Scheme
from octtutor.datasets.decode import Pixels
from octtutor.datasets.groups import group_near, near_pairs, thumbnail
from octtutor.datasets.member import Member
from octtutor.datasets.schemes.naming import Naming
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.datasets.sources import find_scans, open_source, scans_of
from octtutor.errors import BadInputError, BadScanError
from octtutor.model.network.preprocess import Preprocessing

Progress = Callable[[int, int], None]
OUTLIER = "OTHER"
"""Stands in a listing for the label of a scan that is none of the diagnoses."""
UNKNOWN = "unknown:"
"""Begins the patient of a scan whose patient nobody knows."""


@dataclass(frozen=True, slots=True)
class ScanSet:
    """Prepared scans with their truth: uint8 (n, s, s), int64 (n,), and facts of each.

    The truth is an index into the scheme's keys; -1: none of them.
    """

    scans: Pixels
    truth: npt.NDArray[np.int64]
    patients: tuple[str, ...]
    names: tuple[str, ...]
    hashes: tuple[str, ...]
    unreadable: tuple[str, ...]
    sources: tuple[str, ...] = ()
    """Where each scan is from, as a listing says; empty where no scan's is known. Of scans that are
    none of the diagnoses (`load_outliers`): the folder that each lies in."""
    scheme: Scheme = OCT2017_SCHEME
    """The list of diagnoses."""

    @property
    def labels(self) -> list[str]:
        """The key of each scan's diagnosis; `OUTLIER` where it has none."""
        keys = (*self.scheme.keys, OUTLIER)  # -1: the last
        return [keys[index] for index in self.truth]

    def by_source(self) -> dict[str, list[int]]:
        """Return the indices of each source's scans, by name; empty where no source is known."""
        found: dict[str, list[int]] = {}
        for index, source in enumerate(self.sources):
            found.setdefault(source, []).append(index)
        return dict(sorted(found.items()))

    def grouped(self) -> tuple["ScanSet", int]:
        """Make patients of near-duplicate groups where no patient is known.

        Patients who share a file, byte for byte, are one patient.

        Returns:
            The scans, and how many had no known patient.
        """
        unknown = [i for i, patient in enumerate(self.patients) if patient.startswith(UNKNOWN)]
        if not unknown:
            return self._merged(), 0
        groups = group_near(np.stack([thumbnail(self.scans[index]) for index in unknown]))
        patients = list(self.patients)
        for index, group in zip(unknown, groups, strict=True):
            patients[index] = f"{UNKNOWN}{self.hashes[unknown[groups.index(group)]][:16]}"
        return replace(self, patients=tuple(patients))._merged(), len(unknown)

    def _merged(self) -> "ScanSet":
        """Give the patients of copies one name."""
        if len(set(self.hashes)) == len(self.hashes):
            return self
        names = {patient: patient for patient in self.patients}

        def root(patient: str) -> str:
            while names[patient] != patient:
                patient = names[patient]
            return patient

        first: dict[str, str] = {}
        for digest, patient in zip(self.hashes, self.patients, strict=True):
            one, other = sorted((root(first.setdefault(digest, patient)), root(patient)))
            names[other] = one
        return replace(self, patients=tuple(root(patient) for patient in self.patients))

    def check_classes(self) -> None:
        """Refuse to train on scans of which a class is missing.

        Raises:
            BadInputError: a class has no scan.
        """
        keys = self.scheme.keys
        missing = [key for i, key in enumerate(keys) if not (self.truth == i).any()]
        if missing:
            raise BadInputError(
                f"Expected training scans of every class. None of {', '.join(missing)}. Add some."
            )

    def count_near(self, others: "ScanSet") -> int:
        """Return how many of the others look nearly like one of these under another hash.

        Only where one of the two has no known patient: elsewhere the patients decide.
        """
        mine, theirs = self._nameless(), others._nameless()
        if not (mine.any() or theirs.any()):
            return 0
        ours = np.stack([thumbnail(scan) for scan in self.scans])
        found = near_pairs(ours, np.stack([thumbnail(scan) for scan in others.scans]))
        return len(
            {j for i, j in found if mine[i] | theirs[j] and self.hashes[i] != others.hashes[j]}
        )

    def _nameless(self) -> npt.NDArray[np.bool_]:
        return np.array([patient.startswith(UNKNOWN) for patient in self.patients], bool)

    def joined(self, others: "ScanSet") -> "ScanSet":
        """Return these scans and then the others, such as those that are none of the diagnoses."""
        return ScanSet(
            np.concatenate([self.scans, others.scans]),
            np.concatenate([self.truth, others.truth]),
            self.patients + others.patients,
            self.names + others.names,
            self.hashes + others.hashes,
            self.unreadable + others.unreadable,
            (self.sources or ("",) * len(self.names))
            + (others.sources or ("",) * len(others.names)),
            self.scheme,
        )

    def parted(self) -> tuple["ScanSet", "ScanSet | None"]:
        """Part them as `joined` has joined them; None where there are no others."""
        known = np.flatnonzero(self.truth >= 0).tolist()
        others = np.flatnonzero(self.truth < 0).tolist()
        return (self.take(known), self.take(others)) if others else (self, None)

    def without(self, indices: set[int]) -> "ScanSet":
        """Return all scans but those at these indices."""
        return self.take([i for i in range(len(self.names)) if i not in indices])

    def without_patients(self, patients: Iterable[str]) -> "ScanSet":
        """Return the scans of all patients but these."""
        theirs = set(patients)
        return self.take([i for i, patient in enumerate(self.patients) if patient not in theirs])

    def take(self, indices: list[int]) -> "ScanSet":
        """Return the scans at these indices."""
        return ScanSet(
            self.scans[indices],
            self.truth[indices],
            tuple(self.patients[index] for index in indices),
            tuple(self.names[index] for index in indices),
            tuple(self.hashes[index] for index in indices),
            self.unreadable,
            tuple(self.sources[index] for index in indices) if self.sources else (),
            self.scheme,
        )

    def listing(self) -> list[dict[str, str]]:
        """Return `sha256`, `patient` and `label` of each scan, sorted."""
        keys = ("sha256", "patient", "label")
        facts = zip(self.hashes, self.patients, self.labels, strict=True)
        return [dict(zip(keys, row, strict=True)) for row in sorted(facts)]

    def fingerprint(self) -> dict[str, object]:
        """Return files, patients and the SHA-256 of the sorted list of the files' hashes."""
        listing = "\n".join(sorted(self.hashes)).encode()
        counts = np.bincount(self.truth, minlength=len(self.scheme.keys)).tolist()
        return {
            "files": len(self.names),
            "patients": len(set(self.patients)),
            "per_class": dict(zip(self.scheme.keys, counts, strict=True)),
            "sha256_of_list": hashlib.sha256(listing).hexdigest(),
        }


def load_scans(
    path: Path,
    how: Preprocessing | int,
    progress: Progress | None = None,
    only: Container[str] | None = None,
    naming: Naming | None = None,
) -> ScanSet:
    """Decode and prepare every labelled scan of a folder, ZIP or tar.

    Args:
        path: in OCT2017 layout, or a listing (`.csv`).
        how: what the network is fed; a side in pixels means the shipped network's way.
        progress: called with (done, total).
        only: the SHA-256 of the files that are wanted; all of them by default.
        naming: the scheme whose words the labels are; None: the keys of oct2017 alone.

    Returns:
        The scans; files that cannot be decoded are listed in `unreadable`. A scan whose name
        gives no patient has a patient of its own, which begins with `UNKNOWN`.

    Raises:
        BadInputError: there is no readable scan, or one has no known label.
    """
    how = Preprocessing(how) if isinstance(how, int) else how
    with open_source(path) as members:
        return _read(scans_of(members, path, naming), path, how, progress, only, naming)


def load_outliers(path: Path, how: Preprocessing, progress: Progress | None = None) -> ScanSet:
    """Decode and prepare scans that are none of the diagnoses, whatever their labels.

    Raises:
        BadInputError: there is no readable scan.
    """
    with open_source(path) as members:
        scans = _read(find_scans(members, path), path, how, progress, None)
    kinds = tuple(PurePosixPath(name).parent.name for name in scans.names)
    return replace(scans, truth=np.full(len(kinds), -1, np.int64), sources=kinds)


def _read(
    wanted: Sequence[Member],
    path: Path,
    how: Preprocessing,
    progress: Progress | None,
    only: Container[str] | None,
    naming: Naming | None = None,
) -> ScanSet:
    scheme = naming.scheme if naming else OCT2017_SCHEME
    rows, scans, unreadable = [], [], []
    for done, member in enumerate(wanted, start=1):
        try:
            data = member.read()
            digest = hashlib.sha256(data).hexdigest()
            if only is None or digest in only:
                scans.append(how.prepare(member.picture(data)))
                rows.append((member, digest))
        except BadScanError:
            unreadable.append(member.name)
        if progress:
            progress(done, len(wanted))
    if not scans:
        raise no_readable_scan(path, len(unreadable))
    places = [member.place for member, _ in rows]
    return ScanSet(
        np.stack(scans),
        np.array([scheme.keys.index(p.label) if p.label in scheme.keys else -1 for p in places]),
        tuple(p.patient or UNKNOWN + m.name for p, (m, _) in zip(places, rows, strict=True)),
        tuple(member.name for member, _ in rows),
        tuple(digest for _, digest in rows),
        tuple(unreadable),
        tuple(place.source for place in places) if any(p.source for p in places) else (),
        scheme,
    )


def no_readable_scan(path: Path, unreadable: int) -> BadInputError:
    """Return the error of a source in which no scan can be opened."""
    return BadInputError(
        f"Expected readable scans in {path.name!r}. None of {unreadable} can be opened. "
        "Export them again."
    )
