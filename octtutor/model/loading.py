"""A source of scans to arrays for training and evaluation."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from octtutor.core.diagnosis import LABELS, by_label
from octtutor.datasets.decode import Pixels, decode
from octtutor.datasets.sources import open_source, scans_of
from octtutor.errors import BadInputError, BadScanError
from octtutor.model.preprocess import prepare

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class ScanSet:
    """Prepared scans with their truth: uint8 (n, s, s), int64 (n,), and facts of each."""

    scans: Pixels
    truth: npt.NDArray[np.int64]
    patients: tuple[str, ...]
    names: tuple[str, ...]
    hashes: tuple[str, ...]
    unreadable: tuple[str, ...]

    def take(self, indices: list[int]) -> "ScanSet":
        """Return the scans at these indices."""
        return ScanSet(
            self.scans[indices],
            self.truth[indices],
            tuple(self.patients[index] for index in indices),
            tuple(self.names[index] for index in indices),
            tuple(self.hashes[index] for index in indices),
            self.unreadable,
        )

    def listing(self) -> list[dict[str, str]]:
        """Return `sha256`, `patient` and `label` of each scan, sorted."""
        labels = [str(LABELS[index]) for index in self.truth]
        keys = ("sha256", "patient", "label")
        facts = zip(self.hashes, self.patients, labels, strict=True)
        return [dict(zip(keys, row, strict=True)) for row in sorted(facts)]

    def fingerprint(self) -> dict[str, object]:
        """Return files, patients and the SHA-256 of the sorted list of the files' hashes."""
        listing = "\n".join(sorted(self.hashes)).encode()
        counts = np.bincount(self.truth, minlength=len(LABELS)).tolist()
        return {
            "files": len(self.names),
            "patients": len(set(self.patients)),
            "per_class": by_label(counts),
            "sha256_of_list": hashlib.sha256(listing).hexdigest(),
        }


def load_scans(path: Path, size: int, progress: Progress | None = None) -> ScanSet:
    """Decode and prepare every labelled scan of a folder, ZIP or tar.

    Args:
        path: in OCT2017 layout.
        size: side of the network's input, pixels.
        progress: called with (done, total).

    Returns:
        The scans; files that cannot be decoded are listed in `unreadable`. A scan whose name
        gives no patient counts as a patient of its own.

    Raises:
        BadInputError: there is no readable scan, or one has no known label.
    """
    rows, scans, unreadable = [], [], []
    with open_source(path) as members:
        wanted = scans_of(members, path)
        for done, member in enumerate(wanted, start=1):
            try:
                data = member.read()
                scans.append(prepare(decode(data, member.name), size))
                rows.append((member, hashlib.sha256(data).hexdigest()))
            except BadScanError:
                unreadable.append(member.name)
            if progress:
                progress(done, len(wanted))
    if not scans:
        raise BadInputError(
            f"Expected readable scans in {path.name!r}. None of {len(unreadable)} can be opened. "
            "Export them again."
        )
    places = [member.place for member, _ in rows]
    return ScanSet(
        np.stack(scans),
        np.array([LABELS.index(place.label) for place in places if place.label], np.int64),
        tuple(p.patient or m.name for p, (m, _) in zip(places, rows, strict=True)),
        tuple(member.name for member, _ in rows),
        tuple(digest for _, digest in rows),
        tuple(unreadable),
    )
