"""A run's comparison with the model that was in use, as its folder keeps it. Needs no Keras."""

import json
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from octtutor.core.validation import explain
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.errors import BadInputError
from octtutor.stats.pairs import McNemar

COMPARISON = "comparison.json"
"""What `octtutor.model.measure.comparison.compare` gave; keys that nobody reads are left alone."""
DIFFERING = "differing"
"""The folder of pictures of the scans on which both models differ."""
Limits = tuple[float | None, float | None] | None
"""A 95 % interval, where there is one."""


@dataclass(frozen=True, slots=True)
class ComparedModel:
    """One of the two models, on the scans that both have answered."""

    model: str
    accuracy: float
    accuracy_ci: Limits
    weighted_error: float
    weighted_error_ci: Limits
    confusion: tuple[tuple[int, ...], ...]
    """Truth by answer, in the order of the models' labels."""
    leaky: bool | None
    """None where the model does not list what it was trained on."""


@dataclass(frozen=True, slots=True)
class ModelDifference:
    """The second model's figure minus the first's."""

    value: float
    ci: Limits
    p: float
    method: str


@dataclass(frozen=True, slots=True)
class ComparedAnswer:
    """What a model said of a scan."""

    label: str
    probabilities: dict[str, float]


@dataclass(frozen=True, slots=True)
class DifferingScan:
    """A scan on which the models' answers differ."""

    source: str
    truth: str
    first: ComparedAnswer
    second: ComparedAnswer


@dataclass(frozen=True, slots=True)
class KeptComparison:
    """Two models on the same scans; the verdict is on the second."""

    verdict: str
    verdict_words: str
    n: int
    patients: int
    first: ComparedModel
    second: ComparedModel
    accuracy_difference: ModelDifference
    weighted_error_difference: ModelDifference
    mcnemar: McNemar
    differing: tuple[DifferingScan, ...]
    labels: tuple[str, ...] = OCT2017_SCHEME.keys


def read_comparison(folder: Path) -> KeptComparison | None:
    """Read a run's comparison; None where there is none.

    Raises:
        BadInputError: it is damaged.
    """
    try:
        # not `read_json`: a file's name may hold a lone surrogate, which pydantic's JSON refuses
        raw = json.loads((folder / COMPARISON).read_bytes())
        return TypeAdapter(KeptComparison).validate_python(raw)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        why = explain(error) if isinstance(error, ValidationError) else str(error)
        raise BadInputError(
            f"Expected {COMPARISON} in the run {folder.name!r}. It cannot be read ({why[:300]}). "
            "Compare the models with `octtutor models compare`."
        ) from error
