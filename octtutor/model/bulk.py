"""The same work on many scans, a batch at a time: in this process, or by a cluster's workers."""

import hashlib
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels, decode
from octtutor.datasets.sources import Member
from octtutor.errors import BadScanError
from octtutor.model.engine import KerasEngine
from octtutor.model.familiarity import Familiarity, Gauge, open_gauge
from octtutor.model.features import Filler, row_kind
from octtutor.model.loading import Progress
from octtutor.model.pretrained import Backbone

if TYPE_CHECKING:
    from octtutor.model.cluster import Cluster

BATCH = 32
"""Scans in memory at once, in each process."""
_PASS = 16
"""Scans in one forward pass."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a scan."""

    sha256: str | None
    """Of its file; None where that cannot be read."""
    values: npt.NDArray[Any] | None
    """Of `Answering` probabilities, float32 (4,); of `Featuring` a row of the cache, float16.
    None where there is a fault, or where the scan was not wanted."""
    fault: str | None = None
    seen: Familiarity | None = None
    """How the scan compares with what the model knows; None where nobody can tell."""

    @property
    def familiar(self) -> bool | None:
        """Whether the scan looks like those that the model knows; None where nobody can tell."""
        return None if self.seen is None else self.seen.is_familiar


class Work:
    """Something done to scans; made once in each process, then given batches."""

    def __init__(self, prepare: Callable[[Pixels], Pixels], wanted: Callable[[str], bool]) -> None:
        """Take how scans are prepared, and which are wanted, by SHA-256."""
        self._prepare, self._wanted = prepare, wanted

    def __call__(self, members: Sequence[Member]) -> list[Done]:
        """Do it to a batch; scans that cannot be read get a fault."""
        done: list[Done] = []
        ready: list[tuple[int, Pixels]] = []
        for place, member in enumerate(members):
            try:
                data = member.read()
                digest = hashlib.sha256(data).hexdigest()
                done.append(Done(digest, None))
                if self._wanted(digest):
                    ready.append((place, self._prepare(decode(data, member.name))))
            except BadScanError as error:
                done[place:] = [Done(None, None, str(error))]
        if not ready:
            return done
        found = self.look(np.stack([scan for _, scan in ready]))
        for (place, _), (value, seen) in zip(ready, found, strict=True):
            done[place] = Done(done[place].sha256, value, seen=seen)
        return done

    def look(self, prepared: Pixels) -> Iterable[tuple[npt.NDArray[Any], Familiarity | None]]:
        """Return a value for each prepared scan, and how familiar it is, where that is told."""
        return ((value, None) for value in self.work(prepared))

    def work(self, prepared: Pixels) -> npt.NDArray[Any]:
        """Return a value for each prepared scan, uint8 (n, s, s)."""
        raise NotImplementedError


class Answering(Work):
    """Answers scans with a model."""

    def __init__(self, folder: Path, only: Container[str] | None = None) -> None:
        """Load a model (see `KerasEngine.open`, `open_gauge`); `only`: SHA-256 of wanted files."""
        self.engine = KerasEngine.open(folder)
        self.gauge = open_gauge(folder)
        super().__init__(self.engine.prepare, lambda digest: only is None or digest in only)

    def work(self, prepared: Pixels) -> npt.NDArray[Any]:
        """Return probabilities, float32 (n, 4)."""
        return self.engine.run_many(prepared)

    def look(self, prepared: Pixels) -> Iterable[tuple[npt.NDArray[Any], Familiarity | None]]:
        """Return the probabilities of each scan, and how familiar it is, of one pass."""
        if self.gauge is None:
            return super().look(prepared)
        return self._measure(prepared, self.gauge)

    def _measure(
        self, prepared: Pixels, gauge: Gauge
    ) -> Iterator[tuple[npt.NDArray[Any], Familiarity | None]]:
        for start in range(0, len(prepared), _PASS):
            output = self.engine.run(prepared[start : start + _PASS])
            yield from zip(output.probabilities, gauge.measure(output.features), strict=True)


class Featuring(Work):
    """Asks a frozen backbone for the rows of the feature cache."""

    def __init__(self, backbone: Backbone, pooled: bool, known: Container[str]) -> None:
        """Take the backbone, the kind of row, and the SHA-256 of scans whose rows are there."""
        self._filler = Filler(backbone, row_kind(backbone, pooled), BATCH)
        super().__init__(backbone.how.prepare, lambda digest: digest not in known)

    def work(self, prepared: Pixels) -> npt.NDArray[Any]:
        """Return rows, float16 (n, h, w, c), or (n, 1, 1, c) where pooled."""
        return self._filler.rows(prepared)


def do_all(
    make: Callable[[], Work],
    members: Sequence[Member],
    progress: Progress | None = None,
    cluster: "Cluster | None" = None,
) -> Iterator[tuple[Member, Done]]:
    """Do some work to all scans, in order; what is in memory at once does not grow with them.

    Args:
        make: makes the work, here or in a worker.
        members: the scans.
        progress: called with (done, total).
        cluster: whose workers are to do it.

    Raises:
        BadInputError: there is a cluster, and the scans are in an archive.
    """
    batches = _here(make, members) if cluster is None else cluster.map(make, members, BATCH)
    for number, pair in enumerate(batches, start=1):
        if progress:
            progress(number, len(members))
        yield pair


def _here(make: Callable[[], Work], members: Sequence[Member]) -> Iterator[tuple[Member, Done]]:
    work = make()
    for start in range(0, len(members), BATCH):
        batch = members[start : start + BATCH]
        yield from zip(batch, work(batch), strict=True)
