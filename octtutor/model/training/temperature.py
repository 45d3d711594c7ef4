"""Temperature: makes a network's probabilities mean what they say (Guo et al., ICML 2017)."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

RANGE = (0.25, 4.0)
"""Temperatures beyond these are not believed: perfect answers would send it to zero."""


def fit_temperature(
    logits: npt.NDArray[np.float32],
    truth: npt.NDArray[np.int64],
    sources: Sequence[str] = (),
    prior: float = 2.0,
) -> float:
    """Return the temperature that makes the likelihood of the truth largest.

    Args:
        logits: float32 (n, 4), of scans that the network was not trained on.
        truth: int64 (n,), index of the class.
        sources: where each scan is from; or none. A source counts as the square root of its scans,
            so that no large one decides alone, and no handful either.
        prior: weight of the belief, in scans, that each class is possible everywhere: this many
            answers are counted as drawn evenly, so that a perfect score gives no certainty.

    Returns:
        T in `RANGE`; probabilities are softmax(logits / T). 1 where there is no scan.
    """
    from scipy.optimize import minimize_scalar

    if not len(truth):
        return 1.0
    share = prior / (len(truth) + prior)
    wanted = np.eye(logits.shape[1])[truth] * (1 - share) + share / logits.shape[1]
    weights = _weights(sources, len(truth))

    def loss(log_temperature: float) -> float:
        scaled = logits.astype(np.float64) / np.exp(log_temperature)
        scaled -= scaled.max(axis=1, keepdims=True)
        chances = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
        return float(-(wanted * chances).sum(axis=1) @ weights)

    found = minimize_scalar(loss, bounds=tuple(np.log(RANGE)), method="bounded")
    return float(np.exp(found.x))


def _weights(sources: Sequence[str], n: int) -> npt.NDArray[np.float64]:
    """Return what each of n scans counts, float64 (n,), 1 in all."""
    _, which, counts = np.unique(sources or [""] * n, return_inverse=True, return_counts=True)
    weights = counts[which] ** -0.5
    return np.asarray(weights / weights.sum(), np.float64)
