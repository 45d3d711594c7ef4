"""Occlusion: what the network loses when a part of the scan is covered."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from octtutor.model.pullback import joined

if TYPE_CHECKING:
    from octtutor.datasets.decode import Pixels
    from octtutor.model.engine import KerasEngine
    from octtutor.model.loading import Progress

Floats = npt.NDArray[np.float32]
BOX = 20
"""Side of the box, pixels of the network's input (Kermany et al., Cell 172:1122, 2018)."""
STEP = 16
"""From box to box, pixels; at least, see MOST."""
MOST = 20
"""Most boxes along a side, so that a large input costs no more than 400 passes."""
BATCH = 32
_KEPT = 64


def occlusion(
    engine: "KerasEngine",
    prepared: "Pixels",
    classes: Sequence[int],
    progress: "Progress | None" = None,
) -> Floats:
    """Compute raw maps: how far a class's logit drops when a grey box covers the place.

    Kermany watched the probability; where the network is sure that hardly moves, and the logit
    still does. The last scans' losses, for all classes, are remembered.

    Args:
        engine: the network.
        prepared: uint8 (s, s).
        classes: indices into LABELS.
        progress: called with (done, total) boxes.

    Returns:
        float32 (len(classes), n, n), not negative, in units of logit.
    """
    key = (engine.card.weights_sha256, hashlib.sha256(prepared.tobytes()).hexdigest())
    losses = _memory.find(key)
    if losses is None:
        losses = _measure(engine, prepared, progress)
        _memory.keep(key, losses)
    return np.maximum(losses[list(classes)], 0)


def _measure(engine: "KerasEngine", prepared: "Pixels", progress: "Progress | None") -> Floats:
    """Return the drop of every logit under every box, float32 (4, n, n)."""
    side = len(prepared)
    count = min(MOST, max(1, round(side / STEP)))
    answer = joined(engine.network.backbone, engine.network.head).predict_on_batch
    whole = np.asarray(answer(engine.how.to_input(prepared[None])))
    logits: list[Floats] = []
    for batch in _covered(prepared, count):
        logits.extend(np.asarray(answer(engine.how.to_input(batch))))
        if progress is not None:
            progress(len(logits), count**2)
    drops = whole - np.stack(logits)
    return np.asarray(drops.T.reshape(-1, count, count), np.float32)


def _covered(prepared: "Pixels", count: int) -> Iterator["Pixels"]:
    """Yield batches of copies, each with one box of the scan's median grey, row by row."""
    side = len(prepared)
    starts = np.round((np.arange(count) + 0.5) * side / count - BOX / 2).astype(int)
    corners = [(max(y, 0), max(x, 0), y + BOX, x + BOX) for y in starts for x in starts]
    grey = np.uint8(np.median(prepared))
    for first in range(0, len(corners), BATCH):
        few = corners[first : first + BATCH]
        batch = np.repeat(prepared[None], len(few), axis=0)
        for copy, (top, left, bottom, right) in zip(batch, few, strict=True):
            copy[top:bottom, left:right] = grey
        yield batch


class _Memory:
    """The last few scans' losses; may be used from any thread."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], Floats] = OrderedDict()
        self._turn = Lock()

    def find(self, key: tuple[str, str]) -> Floats | None:
        with self._turn:
            return self._kept.get(key)

    def keep(self, key: tuple[str, str], losses: Floats) -> None:
        with self._turn:
            self._kept[key] = losses
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)


_memory = _Memory()
