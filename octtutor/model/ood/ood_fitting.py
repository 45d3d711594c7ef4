"""Makes what `octtutor.model.ood.ood_score` reads: at the end of training, or for an old model."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np

from octtutor.datasets.decode import Pixels
from octtutor.datasets.images import write_atomically
from octtutor.datasets.schemes.naming import Naming
from octtutor.datasets.split import split_by_patient
from octtutor.errors import BadInputError
from octtutor.model.network.card import CARD, FAMILIARITY
from octtutor.model.network.model_folder import load_network
from octtutor.model.network.network import Network
from octtutor.model.network.preprocess import Preprocessing
from octtutor.model.network.scan_set import Progress, ScanSet, load_scans
from octtutor.model.network.training_set import read_training_set
from octtutor.model.ood.corruption import KINDS, corrupt
from octtutor.model.ood.non_scans import APART, LEARNED, Draw, draw_all
from octtutor.model.ood.ood_score import METHOD, QUANTILE, Floats, OodDetector, fit_ood_detector
from octtutor.stats.intervals import Figure, wilson

COPIES = ("as they are", "mirrored", "corrupted, severity 1", "corrupted, severity 2")
"""How each scan is shown; a corrupted copy is of a kind drawn by lot."""
TURNED: dict[str, Callable[[Pixels], Pixels]] = {
    "upside down": lambda scans: scans[:, ::-1],
    "negative": lambda scans: 255 - scans,
}
"""What scans, uint8 (n, s, s), must not be taken for."""
_MOST_FITTED, _MOST_HELD = 600, 250
_ENOUGH = 50
"""Scans that the network does not know from which a threshold is chosen on them alone."""
_SHARE_HELD, _SEED = 0.25, 2017
_BATCH, _EACH = 32, 8
_SCAN = (512, 496)
"""Width and height for which the severities of the corruptions are meant."""


@dataclass(frozen=True, slots=True)
class Made:
    """A detector as it is kept: the file's bytes, and what the card says."""

    data: bytes
    facts: dict[str, Any]


def make_ood_detector(
    network: Network,
    how: Preprocessing,
    training: ScanSet,
    held: ScanSet,
    network_knows_held: bool = False,
    progress: Progress | None = None,
) -> Made:
    """Fit a detector to training scans, and choose its threshold on those of other patients.

    It is fitted against drawn pictures (see `octtutor.model.ood.non_scans`) and turned scans
    (`TURNED`), too. Of large sets a part is taken; four copies of each scan are shown (`COPIES`).

    Args:
        network: as it is to be used.
        how: what it is fed.
        training: scans that it was trained on.
        held: scans of patients that are not in `training`.
        network_knows_held: whether the network was trained on these all the same; the card says
            so, because the threshold is then a little too strict.
        progress: called with (done, total) scans.
    """
    fitted, kept = _draw(training, _MOST_FITTED), _draw(held, _MOST_HELD)
    total = len(fitted.names) + len(kept.names)
    show = _Shower(network, how, total, progress)
    fit_rows, held_rows = show.rows(fitted.scans), show.rows(kept.scans)
    non_scans, apart = (show.drawn(kinds) for kinds in (LEARNED, APART))
    turned = np.concatenate([show.plain(turn(fitted.scans)) for turn in TURNED.values()])
    fit_flat, held_flat = (np.concatenate(list(rows)) for rows in (fit_rows, held_rows))
    detector = fit_ood_detector(fit_flat, non_scans, held_flat, turned)
    data = detector.to_bytes()
    return Made(
        data,
        {
            "method": METHOD,
            "rank": len(detector.axes),
            "threshold": detector.threshold,
            "threshold_from": f"{QUANTILE:.0%} of all copies of the held-out scans pass",
            "copies": list(COPIES),
            "fitted_on": _count(fitted),
            "fitted_against": {
                "kinds": list(LEARNED),
                "pictures": len(non_scans),
                "turned": list(TURNED),
            },
            "held_out": {**_count(kept), "network_knows_them": network_knows_held},
            "passed": {
                name: _as_facts(_share(detector, held_rows[:, place], passing=True))
                for place, name in enumerate(COPIES)
            },
            "flagged": {
                ", ".join(APART): _as_facts(_share(detector, apart, passing=False)),
                **{
                    name: _as_facts(_share(detector, show.plain(turn(kept.scans)), passing=False))
                    for name, turn in TURNED.items()
                },
            },
            "sha256": hashlib.sha256(data).hexdigest(),
        },
    )


def add_ood_detector(
    folder: Path, data: Path, progress: Progress | None = None, naming: Naming | None = None
) -> dict[str, Any]:
    """Make a detector for a model that has none, or anew; nothing else of its folder changes.

    The threshold is chosen on scans of patients whom the network does not know, where there are
    enough; otherwise on a quarter of the patients, on whom the detector is not fitted.

    Args:
        folder: the model's.
        data: scans like those that it was trained on: folder, ZIP or tar in OCT2017 layout.
        progress: called with (done, total) scans, once while they are read, once while measured.
        naming: the scheme whose words the labels are; None: the keys of oct2017 alone.

    Returns:
        What the card says now, as `familiarity`.

    Raises:
        ModelError: the model cannot be loaded.
        BadInputError: there is no readable scan, or all are of one patient.
        SettingsError: the folder cannot be written.
    """
    network, card = load_network(folder)
    how = Preprocessing.read(card.preprocessing, card.input_size)
    scans, _ = load_scans(data, how, progress, naming=naming).grouped()
    training, held, known = part(scans, folder)
    made = make_ood_detector(network, how, training, held, known, progress)
    raw = json.loads((folder / CARD).read_text("utf-8")) | {"familiarity": made.facts}
    write_atomically(folder / FAMILIARITY, made.data)
    write_atomically(folder / CARD, (json.dumps(raw, indent=2) + "\n").encode())
    return made.facts


def copies(scan: Pixels, how: Preprocessing, rng: np.random.Generator) -> list[Pixels]:
    """Return a prepared scan, uint8 (s, s), as `COPIES` says."""
    large = cv2.resize(scan, _SCAN, interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    kinds, seed = rng.choice(sorted(KINDS), 2), int(rng.integers(2**31))
    mild = [corrupt(large, str(kind), level, seed) for level, kind in enumerate(kinds, start=1)]
    if how.frame is not None:  # a frame is no picture of its own: its pixels are other ones
        side = scan.shape[::-1]
        small = [cv2.resize(copy, side, interpolation=cv2.INTER_AREA) for copy in mild]
        return [scan, scan[:, ::-1], *(copy.astype(np.uint8) for copy in small)]
    return [scan, scan[:, ::-1], *(how.prepare(copy) for copy in mild)]


def part(scans: ScanSet, folder: Path) -> tuple[ScanSet, ScanSet, bool]:
    """Return scans to fit to, scans of other patients, and whether the network knows these.

    Raises:
        BadInputError: all are of one patient.
    """
    known = read_training_set(folder)
    met = np.array(
        [
            digest in known.files or patient in known.patients
            for digest, patient in zip(scans.hashes, scans.patients, strict=True)
        ]
    )
    if min(met.sum(), (~met).sum()) >= _ENOUGH:
        new = np.flatnonzero(~met).tolist()
        return scans.without(set(new)), scans.take(new), False
    fitted, held = split_by_patient(scans.labels, scans.patients, _SHARE_HELD, _SEED)
    if not (fitted and held):
        raise BadInputError(
            "Expected scans of several patients. All are of one. Give more scans, like those the "
            "model was trained on."
        )
    return scans.take(fitted), scans.take(held), bool(met.any()) or not known.files


class _Shower:
    """Shows scans and copies of them to a backbone, a few at a time."""

    def __init__(
        self, network: Network, how: Preprocessing, total: int, progress: Progress | None
    ) -> None:
        pooled = keras.layers.GlobalAveragePooling2D()(network.backbone.output)
        self._model = keras.Model(network.backbone.input, pooled)
        self._model.compile(jit_compile=False)  # XLA makes depthwise networks slower on CPUs
        self._how, self._total, self._done, self._progress = how, total, 0, progress
        self._rng = np.random.default_rng(_SEED)

    def rows(self, scans: Pixels) -> Floats:
        """Return pooled features, float32 (n, copies, c), of prepared scans, uint8 (n, s, s)."""
        parts = range(0, len(scans), _BATCH // len(COPIES))
        return np.concatenate([self._next(scans[at : at + _BATCH // len(COPIES)]) for at in parts])

    def drawn(self, kinds: dict[str, Draw]) -> Floats:
        """Return pooled features, float32 (n, c), of pictures that are no scan."""
        pictures = [self._how.prepare(picture) for _, picture in draw_all(kinds, _EACH, _SEED)]
        return self.plain(np.stack(pictures))

    def plain(self, prepared: Pixels) -> Floats:
        """Return pooled features, float32 (n, c), of prepared scans, uint8 (n, s, s)."""
        parts = range(0, len(prepared), _BATCH)
        return np.concatenate([self._look(prepared[at : at + _BATCH]) for at in parts])

    def _next(self, scans: Pixels) -> Floats:
        found = self._look(
            np.stack([copy for scan in scans for copy in copies(scan, self._how, self._rng)])
        )
        self._done += len(scans)
        if self._progress:
            self._progress(self._done, self._total)
        return found.reshape(len(scans), len(COPIES), -1)

    def _look(self, prepared: Pixels) -> Floats:
        found = self._model.predict_on_batch(self._how.to_input(prepared))
        return np.asarray(keras.ops.convert_to_numpy(found), np.float32)


def _draw(scans: ScanSet, most: int) -> ScanSet:
    if len(scans.names) <= most:
        return scans
    chosen = np.random.default_rng(_SEED).choice(len(scans.names), most, replace=False)
    return scans.take(sorted(chosen.tolist()))


def _count(scans: ScanSet) -> dict[str, int]:
    return {"scans": len(scans.names), "patients": len(set(scans.patients))}


def _share(detector: OodDetector, pooled: Floats, passing: bool) -> Figure:
    found = (detector.scores(pooled) <= detector.threshold) == passing
    return wilson(int(found.sum()), len(found))


def _as_facts(figure: Figure) -> dict[str, Any]:
    return {"n": figure.n, "share": figure.value, "ci": [figure.low, figure.high]}
