"""The same work on many scans, a batch at a time: in this process, or by a cluster's workers."""

import hashlib
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from octtutor.core.verdict import ScanVerdict
from octtutor.datasets.decode import Pixels
from octtutor.datasets.member import Member
from octtutor.datasets.scan_picture import ScanPicture
from octtutor.errors import BadScanError
from octtutor.model.network.preprocess import FedScan
from octtutor.model.network.scan_set import Progress
from octtutor.model.ood.judging import PictureFacts, judge, look_at
from octtutor.model.ood.ood_score import OodDetector, OodScore, open_ood_detector
from octtutor.model.serve.engine_choice import IN_KERAS, EngineChoice, open_engine

if TYPE_CHECKING:
    from octtutor.model.bulk.cluster import Cluster

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
    seen: OodScore | None = None
    """How the scan compares with what the model knows; None where nobody can tell."""
    steps: tuple[str, ...] = ()
    """What was done to the picture before the network saw it, a sentence each."""
    verdict: ScanVerdict | None = None
    """What the picture is; None where that was not asked."""

    @property
    def familiar(self) -> bool | None:
        """Whether the scan looks like those that the model knows; None where nobody can tell."""
        return None if self.seen is None else self.seen.is_familiar


@dataclass(frozen=True, slots=True)
class FoundAnswer:
    """What a pass gave of one scan; see `Done`."""

    values: npt.NDArray[Any]
    seen: OodScore | None = None
    verdict: ScanVerdict | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """A scan that is ready for the network."""

    fed: FedScan
    facts: PictureFacts | None = None
    """What is needed to say what the picture is; None where that is not asked."""


class Work:
    """Something done to scans; made once in each process, then given batches."""

    def __init__(self, feed: Callable[[ScanPicture], Ready], wanted: Callable[[str], bool]) -> None:
        """Take how scans are made ready, and which are wanted, by SHA-256."""
        self._feed, self._wanted = feed, wanted

    def __call__(self, members: Sequence[Member]) -> list[Done]:
        """Do it to a batch; scans that cannot be read get a fault."""
        done: list[Done] = []
        ready: list[tuple[int, Ready]] = []
        for place, member in enumerate(members):
            try:
                data = member.read()
                digest = hashlib.sha256(data).hexdigest()
                done.append(Done(digest, None))
                if self._wanted(digest):
                    ready.append((place, self._feed(member.picture(data))))
            except BadScanError as error:
                done[place:] = [Done(None, None, str(error))]
        if not ready:
            return done
        found = self.look([scan for _, scan in ready])
        for (place, scan), one in zip(ready, found, strict=True):
            steps = tuple(step.text for step in scan.fed.steps)
            digest_of = done[place].sha256
            done[place] = Done(digest_of, one.values, None, one.seen, steps, one.verdict)
        return done

    def look(self, ready: Sequence[Ready]) -> Iterable[FoundAnswer]:
        """Return what is found of each scan."""
        return map(FoundAnswer, self.work(np.stack([scan.fed.scan for scan in ready])))

    def work(self, prepared: Pixels) -> npt.NDArray[Any]:
        """Return a value for each prepared scan, uint8 (n, s, s)."""
        raise NotImplementedError


class Answering(Work):
    """Answers scans with a model, and says what each picture is."""

    def __init__(
        self,
        folder: Path,
        only: Container[str] | None = None,
        choice: EngineChoice = IN_KERAS,
    ) -> None:
        """Load a model (see `open_engine`, `open_ood_detector`); `only`: files (SHA-256)."""
        self.engine = open_engine(folder, choice)
        self.detector = open_ood_detector(folder)
        super().__init__(self._ready, lambda digest: only is None or digest in only)

    def look(self, ready: Sequence[Ready]) -> Iterable[FoundAnswer]:
        """Return the probabilities of each scan, and what the picture is, of one pass."""
        for start in range(0, len(ready), _PASS):
            part = ready[start : start + _PASS]
            output = self.engine.run(np.stack([scan.fed.scan for scan in part]))
            self._keep(part, output.features)
            seen = measure(self.detector, output.features)
            yield from starmap(_found, zip(output.probabilities, seen, part, strict=True))

    def _keep(self, part: Sequence[Ready], features: npt.NDArray[Any]) -> None:
        """Keep what is at hand of a pass; here nothing."""

    def _ready(self, picture: ScanPicture) -> Ready:
        fed = self.engine.how.feed(picture)
        return Ready(fed, look_at(picture, fed.prepared))


def _found(chances: npt.NDArray[Any], seen: OodScore | None, ready: Ready) -> FoundAnswer:
    assert ready.facts is not None
    return FoundAnswer(chances, seen, judge(ready.facts, seen))


def measure(detector: OodDetector | None, features: npt.NDArray[Any]) -> list[OodScore | None]:
    """Say how familiar scans are by their feature maps, float32 (n, h, w, c); None: nobody can."""
    return [None] * len(features) if detector is None else [*detector.measure(features)]


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
