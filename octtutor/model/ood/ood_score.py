"""Whether a scan looks like those that a model learned from, told by its feature map.

The feature map is averaged over its places; of each channel the square root is taken, and the
whole is scaled to length 1. The weighted mean of two figures of this says how far it is from scans:

- how far it is from training scans: the Mahalanobis distance (Lee et al., NeurIPS 2018) under a
  Gaussian of low rank (probabilistic PCA: Tipping & Bishop, JRSS B 61:611, 1999);
- on which side it lies of a plane that parts training scans from drawn pictures that are no scan
  (outlier exposure: Hendrycks et al., ICLR 2019).

Another plane parts training scans from the same turned upside down or to their negatives. The
score is the larger of that mean and of the side of this plane, both in standard deviations of
held-out scans; 0 is the usual scan. How this was chosen and what it reaches is in
docs/familiarity.md.

Reading and measuring need NumPy only; `octtutor.model.ood.ood_fitting` makes what is read here.
"""

import hashlib
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from octtutor.errors import ModelError
from octtutor.model.network.card import FAMILIARITY, read_card, read_part

METHOD = (
    "Mahalanobis distance of the pooled feature map, with planes between scans and drawn pictures "
    "and between scans and turned ones"
)
QUANTILE = 0.99
"""Share of the held-out copies that the threshold lets pass."""
RANK = 64
PLANE_WEIGHT = 2.0
"""Of the plane, where the Gaussian has 1."""
_LEAST = 1e-12
_PLANE_C, _TURNED_C = 10.0, 100.0
"""How little the planes are regularised (of scikit-learn's LogisticRegression)."""
_ARRAYS = ("mean", "axes", "variances", "plane", "numbers")
_TURNED = ("turned", "turned_offset")
"""Arrays that older files lack."""
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class OodScore:
    """How a scan compares with what a model knows."""

    score: float
    """Larger is stranger; 0 is the usual scan."""
    threshold: float
    """As the model's card gives it."""
    is_familiar: bool
    """Whether the score does not pass the threshold; False where there is no score (NaN)."""


@dataclass(frozen=True, slots=True)
class OodDetector:
    """What feature maps of scans are like for one model."""

    mean: Floats
    """float32 (c,)."""
    axes: Floats
    """float32 (k, c), orthonormal."""
    variances: Floats
    """float32 (k,), along the axes."""
    noise: float
    """Variance along every other direction."""
    plane: Floats
    """float32 (c,): what each channel adds to the score."""
    distance_weight: float
    """What the distance adds to the score."""
    offset: float
    """What the score begins with."""
    threshold: float
    turned: Floats | None = None
    """float32 (c,): what each channel adds to the score against turned scans; None: there is none,
    as in older models."""
    turned_offset: float = 0.0
    """What that score begins with."""

    def measure(self, features: Floats) -> list[OodScore]:
        """Compare scans with what the model knows.

        Args:
            features: float32 (n, h, w, c), as the engine's `run` gives them.

        Raises:
            ModelError: they are of another network.
        """
        if features.ndim != 4 or features.shape[-1] != len(self.mean):
            raise ModelError(
                f"Expected feature maps with {len(self.mean)} channels. Received "
                f"{features.shape}: the statistics in the model's folder are another network's. "
                "Copy the folder again."
            )
        # a row at a time: sums of several differ in their last bits by how many there are
        scores = [float(self.scores(row[None])[0]) for row in pool(features)]
        return [OodScore(score, self.threshold, score <= self.threshold) for score in scores]

    def scores(self, pooled: Floats) -> Floats:
        """Return the scores, float32 (n,), of pooled feature maps, float32 (n, c)."""
        rows = embed(pooled)
        distances = _distances(rows, self.mean, self.axes, self.variances, self.noise)
        found = self.offset + self.distance_weight * distances + rows @ self.plane
        if self.turned is not None:
            found = np.maximum(found, self.turned_offset + rows @ self.turned)
        return np.asarray(found, np.float32)

    def to_bytes(self) -> bytes:
        """Return what the model's folder keeps beside its card; the card has the threshold."""
        numbers = np.array([self.noise, self.distance_weight, self.offset], np.float32)
        arrays = (self.mean, self.axes, self.variances, self.plane, numbers)
        named = dict(zip(_ARRAYS, arrays, strict=True))
        if self.turned is not None:
            begins = np.array([self.turned_offset], np.float32)
            named |= zip(_TURNED, (self.turned, begins), strict=True)
        return bytes(save_tensors(named))


def familiarity_fields(seen: OodScore | None) -> dict[str, Any]:
    """Return what an answer says: `familiar`, `score`, `threshold`; each None without a detector.

    A score that is no number (NaN) is None too, and that scan is not familiar.
    """
    if seen is None:
        return {"familiar": None, "score": None, "threshold": None}
    score = seen.score if math.isfinite(seen.score) else None
    return {"familiar": seen.is_familiar, "score": score, "threshold": seen.threshold}


def open_ood_detector(folder: Path) -> OodDetector | None:
    """Open what a model's folder says of familiar scans, None where it says nothing.

    Raises:
        ModelError: the card says there is something, and it is missing, altered or no statistics.
    """
    card = read_card(folder)
    if not card.familiarity:
        return None
    data = read_part(folder, FAMILIARITY)
    found = hashlib.sha256(data).hexdigest()
    if found != card.familiarity.get("sha256"):
        raise _damaged(folder, f"SHA-256 {found[:12]}…, not the card's")
    try:
        return _read(data, card.familiarity)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise _damaged(folder, str(error)) from error


def check_ood_detector(folder: Path, channels: int) -> None:
    """Refuse a model folder whose statistics are damaged or of another network.

    Args:
        folder: the model's.
        channels: of its feature map.

    Raises:
        ModelError: see `open_ood_detector`; or they are for another number of channels.
    """
    detector = open_ood_detector(folder)
    if detector is not None and len(detector.mean) != channels:
        raise _damaged(folder, f"{len(detector.mean)} channels, not {channels}")


def fit_ood_detector(
    pooled: Floats, non_scans: Floats, held: Floats, turned: Floats | None = None
) -> OodDetector:
    """Fit to scans and against pictures that are none, and choose the threshold on other scans.

    Args:
        pooled: feature maps averaged over their places, float32 (n, c), of training scans and
            copies of them; 4 rows or more.
        non_scans: the same, float32 (k, c), of pictures that are no scan.
        held: the same, float32 (m, c), of scans of other patients; `QUANTILE` of them pass.
        turned: the same, float32 (t, c), of scans upside down and of negatives.
    """
    rows, kept = embed(pooled), embed(held)
    gaussian = _fit_gaussian(rows)
    plane = _fit_plane(rows, embed(non_scans), _PLANE_C)
    far, middle = _usual(_distances(kept, *gaussian))
    side, centre = _usual(kept @ plane)
    total = 1 + PLANE_WEIGHT
    weight, tilt = 1 / (far * total), PLANE_WEIGHT / (side * total)
    offset = -weight * middle - tilt * centre
    loose = OodDetector(*gaussian, np.asarray(tilt * plane, np.float32), weight, offset, math.inf)
    if turned is not None:
        loose = _with_turned(loose, held, _fit_plane(rows, embed(turned), _TURNED_C))
    threshold = float(np.quantile(loose.scores(held), QUANTILE, method="higher"))
    return replace(loose, threshold=threshold)


def _with_turned(detector: OodDetector, held: Floats, normal: Floats) -> OodDetector:
    """Add the plane against turned scans; both scores get deviation 1, the larger median 0."""
    wide, _ = _usual(detector.scores(held))
    side, centre = _usual(embed(held) @ normal)
    both = replace(
        detector,
        plane=np.asarray(detector.plane / wide, np.float32),
        distance_weight=detector.distance_weight / wide,
        offset=detector.offset / wide,
        turned=np.asarray(normal / side, np.float32),
        turned_offset=-centre / side,
    )
    _, middle = _usual(both.scores(held))
    return replace(both, offset=both.offset - middle, turned_offset=both.turned_offset - middle)


def _fit_gaussian(rows: Floats) -> tuple[Floats, Floats, Floats, float]:
    """Return mean, axes, variances along them, and the variance along the rest."""
    from sklearn.decomposition import PCA

    rank = max(1, min(RANK, len(rows) // 4, rows.shape[1] // 4))
    solver = "covariance_eigh" if len(rows) >= rows.shape[1] else "full"
    fitted = PCA(rank, svd_solver=solver).fit(rows.astype(np.float64))
    noise = max(float(fitted.noise_variance_), _LEAST)
    return (
        np.asarray(fitted.mean_, np.float32),
        np.ascontiguousarray(fitted.components_, np.float32),
        np.maximum(fitted.explained_variance_, noise).astype(np.float32),
        noise,
    )


def _fit_plane(rows: Floats, non_scans: Floats, c: float) -> Floats:
    """Return the normal, float32 (c,), of a plane between scans and other pictures."""
    from sklearn.linear_model import LogisticRegression

    side = np.repeat([0, 1], [len(rows), len(non_scans)])
    fitted = LogisticRegression(C=c, max_iter=2000, class_weight="balanced")
    fitted.fit(np.concatenate([rows, non_scans]).astype(np.float64), side)
    return np.asarray(fitted.coef_[0], np.float32)


def _usual(values: Floats) -> tuple[float, float]:
    """Return the standard deviation and the median."""
    return max(float(values.std()), _LEAST), float(np.median(values))


def _distances(rows: Floats, mean: Floats, axes: Floats, variances: Floats, noise: float) -> Floats:
    apart = rows - mean
    along = apart @ axes.T
    rest = np.maximum(0, (apart**2).sum(axis=1) - (along**2).sum(axis=1))
    squared = (along**2 / variances).sum(axis=1) + rest / noise
    return np.asarray(np.sqrt(squared / len(mean)), np.float32)


def pool(features: Floats) -> Floats:
    """Average feature maps, float32 (n, h, w, c), over their places: float32 (n, c)."""
    return np.asarray(features.mean(axis=(1, 2)), np.float32)


def embed(pooled: Floats) -> Floats:
    """Take square roots (of what is negative with its sign) and scale to length 1, (n, c)."""
    roots = np.sign(pooled) * np.sqrt(np.abs(pooled))
    lengths = np.linalg.norm(roots, axis=1, keepdims=True)
    return np.asarray(roots / np.maximum(lengths, _LEAST), np.float32)


def _read(data: bytes, facts: dict[str, Any]) -> OodDetector:
    arrays = load_tensors(data)
    mean, axes, variances, plane, numbers = (arrays[name] for name in _ARRAYS)
    shapes = (axes.shape, plane.shape, numbers.shape)
    if mean.ndim != 1 or shapes != ((*variances.shape, *mean.shape), mean.shape, (3,)):
        raise ValueError(f"arrays of {mean.shape}, {variances.shape}, {shapes}")
    if any(array.dtype != np.float32 for array in arrays.values()):
        raise ValueError("arrays that are not float32")
    noise, weight, offset = (float(number) for number in numbers)
    threshold = float(facts["threshold"])
    if not (math.isfinite(threshold) and all(np.isfinite(one).all() for one in arrays.values())):
        raise ValueError("numbers that are not finite")
    if not (variances.min() > 0 and noise > 0 and weight > 0):
        raise ValueError("variances or weights that are not positive")
    detector = OodDetector(mean, axes, variances, noise, plane, weight, offset, threshold)
    if not set(_TURNED) & set(arrays):
        return detector
    turned, begins = (arrays[name] for name in _TURNED)
    if (turned.shape, begins.shape) != (mean.shape, (1,)):
        raise ValueError(f"a plane of {turned.shape}, {begins.shape}")
    return replace(detector, turned=turned, turned_offset=float(begins[0]))


def _damaged(folder: Path, what: str) -> ModelError:
    return ModelError(
        f"Expected the statistics of familiar scans in {folder.name!r} as they were made. "
        f"{FAMILIARITY} has {what[:160]}: the file was changed or cut short. Copy the folder again."
    )
