"""Several readers, the same cases, two ways of reading them: Obuchowski & Rockette's analysis."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.stats.intervals import Figure
from octtutor.stats.roc import delong

Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ErrorCovariances:
    """How the errors of the areas hang together, since all rest on the same cases.

    `variance` of one reader in one modality; `cov1` of one reader in two modalities; `cov2` of
    two readers in one modality, `cov2_each` the same modality by modality (empty where it is not
    known); `cov3` of two readers in two modalities. `cases` is how many cases they rest on.
    """

    variance: float
    cov1: float
    cov2: float
    cov3: float
    cases: int
    cov2_each: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether modalities differ, for readers and cases like these.

    `areas` is each modality's mean area over readers; `difference` the second's minus the
    first's, of two modalities. F = `f` with `df` and `error_df` degrees of freedom tests that
    all are equal; `p` is its p. All are None where the study is too small, and `method` says why.
    """

    areas: tuple[Figure, ...]
    difference: Figure
    f: float | None
    df: int | None
    error_df: float | None
    p: float | None
    readers: int
    cases: int
    method: str


def compare_modalities(
    positive: Bools, ratings: Floats, patients: Sequence[str] | None = None
) -> Comparison:
    """Compare modalities from the ratings of readers who all read all cases in all of them.

    Args:
        positive: bool (cases,), the truth.
        ratings: float (readers, modalities, cases), higher for "more surely positive"; NaN where
            a reader has not rated. A case that is not rated throughout is left out.
        patients: the patient of each case; None: each case is of its own.

    Returns:
        `obuchowski_rockette` of the areas under the empirical ROC curves.
    """
    rated = ~np.isnan(ratings).any(axis=(0, 1))
    truth, complete = positive[rated], ratings[:, :, rated]
    readers, modalities, cases = complete.shape
    named = [str(n) for n in range(len(positive))] if patients is None else patients
    whose = np.asarray(named)[rated]
    if min((len(np.unique(whose[side])) for side in (truth, ~truth)), default=0) < 2:
        why = (
            "fewer than 2 positive or 2 negative cases, of 2 patients, rated by all readers in all "
            "modalities"
        )
        return _undecided((None,) * modalities, readers, cases, why)
    areas, errors = areas_and_errors(truth, complete, whose.tolist())
    found = obuchowski_rockette(areas, errors)
    several = len(np.unique(whose)) < cases
    return _clustered(found, len(np.unique(whose))) if several else found


def _clustered(found: Comparison, patients: int) -> Comparison:
    """Say in every method that the cases are of fewer patients."""

    def said(figure: Figure) -> Figure:
        of = f"{found.cases} cases of {patients} patients (clustered, Obuchowski 1997)"
        return replace(figure, method=figure.method.replace(f"{found.cases} cases", of, 1))

    return replace(
        found,
        areas=tuple(map(said, found.areas)),
        difference=said(found.difference),
        method=said(Figure(None, None, None, 0, found.method)).method,
    )


def areas_and_errors(
    positive: Bools, ratings: Floats, patients: Sequence[str] | None = None
) -> tuple[Floats, ErrorCovariances]:
    """Estimate readers' areas under the ROC and their errors' covariances by DeLong's method.

    Args:
        positive: bool (cases,), with at least 2 on each side, of 2 patients at least.
        ratings: float (readers, modalities, cases), without gaps.
        patients: the patient of each case, whose cases are alike (`roc.delong`).

    Returns:
        The areas, float64 (readers, modalities), and the covariances, each averaged over all
        pairs of its kind (Hillis, Stat. Med. 33:330, 2014); NaN where there is no such pair.
    """
    readers, modalities, cases = ratings.shape
    areas, covariance = delong(positive, ratings.reshape(-1, cases), patients)
    reader = np.repeat(np.arange(readers), modalities)
    modality = np.tile(np.arange(modalities), readers)
    same_reader = reader[:, None] == reader
    same_modality = modality[:, None] == modality

    def mean(pairs: Bools) -> float:
        return float(covariance[pairs].mean()) if pairs.any() else float("nan")

    errors = ErrorCovariances(
        variance=mean(same_reader & same_modality),
        cov1=mean(same_reader & ~same_modality),
        cov2=mean(~same_reader & same_modality),
        cov3=mean(~same_reader & ~same_modality),
        cases=cases,
        cov2_each=tuple(
            mean(~same_reader & same_modality & (modality == index)) for index in range(modalities)
        ),
    )
    return areas.reshape(readers, modalities), errors


def obuchowski_rockette(auc: Floats, errors: ErrorCovariances) -> Comparison:
    """Test whether modalities have the same mean area, readers and cases both random.

    Obuchowski & Rockette (Commun. Stat. Simul. 24:285, 1995) with the degrees of freedom of
    Hillis (Stat. Med. 26:596, 2007).

    Args:
        auc: float (readers, modalities), in [0, 1].
        errors: the covariances of the areas' errors.

    Returns:
        The comparison with 95 % intervals from the t distribution; undecided with fewer than 2
        readers or modalities, or where nothing varies.
    """
    from scipy.stats import f as f_distribution

    readers, modalities = auc.shape
    means = tuple(map(float, auc.mean(axis=0)))
    if readers < 2 or modalities < 2:
        why = f"needs 2 readers and 2 modalities, has {readers} and {modalities}"
        return _undecided(means, readers, errors.cases, why)
    between, interaction = _mean_squares(auc)
    error = interaction + readers * max(errors.cov2 - errors.cov3, 0.0)
    if error < 1e-15:
        return _undecided(means, readers, errors.cases, "nothing varies")
    df = modalities - 1
    error_df = df * (readers - 1) * _inflation(error, interaction)
    spread = float(np.sqrt(2 / readers * error))
    method = _method(readers, errors.cases)
    return Comparison(
        areas=tuple(_mean_area(auc[:, index], index, errors) for index in range(modalities)),
        difference=_difference(means, spread, error_df, errors.cases, method),
        f=between / error,
        df=df,
        error_df=error_df,
        p=float(f_distribution.sf(between / error, df, error_df)),
        readers=readers,
        cases=errors.cases,
        method=method,
    )


def _mean_squares(auc: Floats) -> tuple[float, float]:
    """Return the mean squares of modality and of modality by reader."""
    readers, modalities = auc.shape
    of_reader, of_modality = auc.mean(axis=1, keepdims=True), auc.mean(axis=0, keepdims=True)
    rest = auc - of_reader - of_modality + auc.mean()
    between = readers * ((of_modality - auc.mean()) ** 2).sum() / (modalities - 1)
    interaction = (rest**2).sum() / ((modalities - 1) * (readers - 1))
    return float(between), float(interaction)


def _inflation(error: float, mean_square: float) -> float:
    # The floor stands for readers without any spread: so many degrees are as good as infinite.
    return (error / max(mean_square, 1e-9 * error)) ** 2


def _mean_area(auc: Floats, index: int, errors: ErrorCovariances) -> Figure:
    """Return one modality's mean area, its interval from that modality alone (Hillis 2007)."""
    readers = len(auc)
    method = _method(readers, errors.cases)
    value = float(auc.mean())
    mean_square = float(auc.var(ddof=1))
    cov2 = errors.cov2_each[index] if errors.cov2_each else float("nan")
    error = mean_square + readers * max(cov2, 0.0)
    if not error > 1e-15:
        return Figure(value, None, None, errors.cases, f"{method}: no interval")
    error_df = (readers - 1) * _inflation(error, mean_square)
    margin = _t(error_df) * float(np.sqrt(error / readers))
    low, high = max(0.0, value - margin), min(1.0, value + margin)
    return Figure(value, low, high, errors.cases, method)


def _difference(
    means: tuple[float, ...], spread: float, error_df: float, cases: int, method: str
) -> Figure:
    if len(means) != 2:
        return Figure(None, None, None, cases, f"{method}: {len(means)} modalities, not 2")
    value = means[1] - means[0]
    margin = _t(error_df) * spread
    return Figure(value, value - margin, value + margin, cases, method)


def _t(degrees: float) -> float:
    from scipy.stats import t

    return float(t.ppf(0.975, degrees))


def _method(readers: int, cases: int) -> str:
    return (
        "Obuchowski & Rockette 95 %, random readers and cases, Hillis's degrees of freedom, "
        f"{readers} readers, {cases} cases"
    )


def _undecided(means: tuple[float | None, ...], readers: int, cases: int, why: str) -> Comparison:
    method = f"{_method(readers, cases)}: {why}"
    return Comparison(
        areas=tuple(Figure(mean, None, None, cases, method) for mean in means),
        difference=Figure(None, None, None, cases, method),
        f=None,
        df=None,
        error_df=None,
        p=None,
        readers=readers,
        cases=cases,
        method=method,
    )
