"""Occlusion: what the network loses when a part of the scan is smoothed away.

A grey box, as Kermany et al. (Cell 172:1122, 2018) used it, fails where the lesion is fluid: the
box is as dark as the fluid, so that the network loses nothing there, and its edges look like a
finding elsewhere. So a place is covered by the scan itself, blurred along the retina: layers go on
through it, and what interrupts them is gone. The cover has no edge.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from threading import Lock
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.model.explain.vjp import joined

if TYPE_CHECKING:
    from octtutor.datasets.decode import Pixels
    from octtutor.model.network.engine_contract import Engine
    from octtutor.model.network.scan_set import Progress

Floats = npt.NDArray[np.float32]
COVER = (14 / 224, 24 / 224)
"""Deviation of the cover down and across, as shares of the input's side."""
_PLATEAU = 1.5
"""How far the bell's middle is cut off flat, so that it covers whole."""
_BLUR = (3 / 224, 40 / 224)
"""Deviation of the blur down and across, likewise."""
STEP = 16
"""From cover to cover, pixels; at least, see MOST."""
MOST = 20
"""Most covers along a side, so that a large input costs no more than 400 passes."""
BATCH = 32
_KEPT = 64


def occlusion(
    engine: "Engine",
    prepared: "Pixels",
    classes: Sequence[int],
    progress: "Progress | None" = None,
) -> Floats:
    """Compute raw maps: how far a class's logit drops when the place is smoothed away.

    Kermany watched the probability; where the network is sure that hardly moves, and the logit
    still does. The last scans' losses, for all classes, are remembered.

    Args:
        engine: the network.
        prepared: uint8 (s, s).
        classes: indices into the card's labels.
        progress: called with (done, total) covers.

    Returns:
        float32 (len(classes), n, n), not negative, in units of logit.
    """
    key = (engine.card.weights_sha256, hashlib.sha256(prepared.tobytes()).hexdigest())
    losses = _memory.find(key)
    if losses is None:
        losses = _measure(engine, prepared, progress)
        _memory.keep(key, losses)
    return np.maximum(losses[list(classes)], 0)


def _measure(engine: "Engine", prepared: "Pixels", progress: "Progress | None") -> Floats:
    """Return the drop of every logit under every cover, float32 (k, n, n)."""
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
    """Yield batches of copies, each covered at one place, row by row."""
    middles = (np.arange(count) + 0.5) * len(prepared) / count - 0.5
    places = [(y, x) for y in middles for x in middles]
    smooth = smoothed(prepared)
    for first in range(0, len(places), BATCH):
        yield np.stack([cover(prepared, smooth, *place) for place in places[first:][:BATCH]])


def smoothed(prepared: "Pixels") -> "Pixels":
    """Return what a scan is covered with, uint8 (s, s): itself, blurred along the retina."""
    down, across = (share * len(prepared) for share in _BLUR)
    return np.asarray(cv2.GaussianBlur(prepared, (0, 0), sigmaX=across, sigmaY=down), np.uint8)


def cover(prepared: "Pixels", smooth: "Pixels", y: float, x: float) -> "Pixels":
    """Return a copy of a scan, uint8 (s, s), that is `smooth` around a row and a column."""
    at = np.arange(len(prepared))
    down, across = (
        np.exp(-0.5 * ((at - middle) / (share * len(prepared))) ** 2)
        for middle, share in zip((y, x), COVER, strict=True)
    )
    share = np.minimum(1, _PLATEAU * np.outer(down, across))
    return np.asarray(np.round(prepared * (1 - share) + smooth * share), np.uint8)


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
