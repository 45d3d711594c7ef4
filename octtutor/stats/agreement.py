"""How far readers agree with each other, excess chance."""

from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.stats.intervals import Figure
from octtutor.stats.normal import around
from octtutor.stats.resampling import by_totals

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.int64]


def fleiss_kappa(ratings: Ints, repeats: int = 2000, seed: int = 0) -> Figure:
    """Estimate the agreement of many readers (Fleiss, Psychol. Bull. 76:378, 1971).

    Readers need not be the same, nor equally many, on every case: a case then weighs by its
    readers but one (Fleiss, Levin & Paik, Statistical Methods for Rates and Proportions, 3rd
    ed., 2003, section 18.3), which is Fleiss's kappa where they are equally many.

    Args:
        ratings: int64 (cases, categories), how many readers put the case in the category; cases
            with fewer than 2 readers are left out.
        repeats: number of resamples.
        seed: the same seed gives the same interval.

    Returns:
        Kappa, at most 1, with a 95 % percentile bootstrap over cases; without a value where all
        readers put all cases in one category or no case has two readers.
    """
    counts = ratings[ratings.sum(axis=1) >= 2].astype(np.float64)
    readers = counts.sum(axis=1)
    split = readers - (counts**2).sum(axis=1) / np.maximum(readers, 1)
    parts = np.column_stack([counts, readers - 1, split])
    return by_totals(_fleiss_of_totals, parts, "cases", repeats, seed)


def _fleiss_of_totals(totals: Floats) -> Floats:
    counts, weight, split = totals[..., :-2], totals[..., -2], totals[..., -1]
    shares = counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1)
    by_chance = np.asarray(weight * (shares * (1 - shares)).sum(axis=-1))
    excess: Floats = np.full(by_chance.shape, np.nan)
    np.divide(split, by_chance, out=excess, where=by_chance > 0)
    return 1 - excess


def cohen_kappa(first: Ints, second: Ints, weights: str | None = None) -> Figure:
    """Estimate the agreement of two readers (Cohen, Educ. Psychol. Meas. 20:37, 1960).

    Args:
        first: int (n,), category of each case, 0 to k − 1; cases where either reader's is
            negative (ungradable) are left out.
        second: int (n,), the second reader's.
        weights: None, or "linear" or "quadratic" for categories in an order.

    Returns:
        Kappa with the large-sample 95 % interval of Fleiss, Cohen & Everitt (Psychol. Bull.
        72:323, 1969), held within −1 to 1; without a value where only one category was used,
        without an interval where that error is 0, as of readers who never differ or of one who
        always says the same.
    """
    from sklearn.metrics import cohen_kappa_score
    from statsmodels.stats.inter_rater import cohens_kappa

    method = f"Cohen's kappa, {weights or 'no'} weights, large-sample 95 %"
    given = (first >= 0) & (second >= 0)
    one, other = first[given], second[given]
    n = len(one)
    if len(np.unique(np.concatenate([one, other]))) < 2:
        return Figure(None, None, None, n, f"{method}: undefined")
    labels = np.arange(max(one.max(), other.max()) + 1)
    value = float(cohen_kappa_score(one, other, labels=labels, weights=weights))
    table = np.zeros((len(labels), len(labels)))
    np.add.at(table, (one, other), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = float(cohens_kappa(table, wt=weights).std_kappa)
    if not error > 1e-6:
        return Figure(value, None, None, n, f"{method}: no spread")
    return around(value, error, n, method, within=(-1.0, 1.0))
