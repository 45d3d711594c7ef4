"""A model's card: what it is, what it was trained on, what it scored. `card.json` beside it."""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from octtutor.core.scheme import FEWEST, MOST, OCT2017, SchemeVersion
from octtutor.core.validation import read_json
from octtutor.core.verdict import Verdict
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.errors import BadInputError, ModelError

T = TypeVar("T")
CARD = "card.json"
TRAINING_SCANS = "training_scans.csv"
WEIGHTS = "weights.safetensors"
FAMILIARITY = "familiarity.safetensors"
"""What scans that the model knows are like (see `octtutor.model.ood.ood_score`)."""
_LABEL = re.compile(r"[A-Z][A-Z0-9_]{0,15}")


@dataclass(frozen=True, slots=True)
class Card:
    """What is written of a model. `figures` are measured on `figures_from`, with intervals."""

    name: str
    labels: tuple[str, ...]
    """The keys of its scheme's diagnoses, in order."""
    input_size: int
    preprocessing: dict[str, str | dict[str, float]]
    backbone: dict[str, str]
    head: dict[str, Any]
    flip_average: bool
    recipe: dict[str, Any]
    training_data: dict[str, Any]
    split: dict[str, Any]
    figures: dict[str, Any]
    figures_from: str
    created: str
    program_version: str
    weights_sha256: str
    purpose: str = "For teaching people to read OCT scans. Not for diagnosis."
    notes: tuple[str, ...] = ()
    temperature: Annotated[float, Field(ge=0.01, le=100)] = 1.0
    """Probabilities are softmax(logits / temperature)."""
    more_figures: dict[str, Any] = Field(default_factory=dict)
    """Further figures, by what they are from."""
    familiarity: dict[str, Any] = Field(default_factory=dict)
    """How scans that are no OCT are told, with the threshold; empty where they are not."""
    none_of_these: dict[str, Any] = Field(default_factory=dict)
    """What it learned of as none of its diagnoses, and how often it is still sure of such."""
    answers_from: Annotated[float, Field(ge=0, le=2)] = 0.0
    """The highest probability from which on it would answer (`octtutor.stats.abstaining`); 0: it
    answers all, as models without this do."""
    abstention: dict[str, Any] = Field(default_factory=dict)
    """What that threshold was chosen on, and coverage and share of right answers there."""
    graph: dict[str, Any] = Field(default_factory=dict)
    """The graph by which OpenVINO serves it (`octtutor.model.graph.graph_file`), or why there is
    none; empty where nobody has tried to make one."""

    scheme: SchemeVersion = OCT2017
    """The list of diagnoses that it was trained on; models of before there were schemes: oct2017's.
    """
    healthy: str | None = "NORMAL"
    """Which of the labels is no disease; None where its scheme has none."""

    @property
    def healthy_index(self) -> int | None:
        """The place among the labels of the one that is no disease."""
        return None if self.healthy is None else self.labels.index(self.healthy)

    def by_label(self, values: Iterable[T]) -> dict[str, T]:
        """Name values, given in the order of the labels, by them."""
        return dict(zip(self.labels, values, strict=True))

    def index(self, word: str) -> int:
        """Return the place of a label, in small or capital letters.

        Raises:
            BadInputError: it is none of them.
        """
        found = str(word).strip().upper()
        if found not in self.labels:
            raise BadInputError(
                f"Expected a class: {', '.join(self.labels)}. Received {str(word)[:40]!r}. Give "
                "one of them, or none for the model's answer."
            )
        return self.labels.index(found)

    @property
    def is_calibrated(self) -> bool:
        """Whether its calibration error was measured on scans that its temperature is not from."""
        return self.figures.get("ece") is not None and "temperature" not in self.split

    def standing(self, chances: Iterable[float], verdict: Verdict) -> dict[str, bool]:
        """Return what an answer says of its own worth: `would_answer` and `calibrated`.

        Args:
            chances: the probabilities, one or more.
            verdict: what the picture is.
        """
        return {
            "would_answer": verdict.is_b_scan and bool(max(chances) >= self.answers_from),
            "calibrated": verdict is Verdict.SCAN and self.is_calibrated,
        }


def read_part(folder: Path, name: str) -> bytes:
    """Read a file of a model's folder whole.

    Raises:
        ModelError: it cannot be read.
    """
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise ModelError(
            f"Expected {name} in the model folder {folder.name!r}. It cannot be read "
            f"({error.strerror}). Copy the whole folder again."
        ) from error


def read_card(folder: Path) -> Card:
    """Read a model folder's card.

    Raises:
        ModelError: it is missing, no JSON, incomplete, or its labels are no scheme's.
    """
    try:
        data = (folder / CARD).read_bytes()
    except FileNotFoundError as error:
        raise ModelError(
            f"Expected {CARD} in the model folder {folder.name!r}. It is missing: copy the whole "
            "folder, or train the model again."
        ) from error
    except OSError as error:
        raise _refuse(folder.name, f"It cannot be read ({error}).") from error
    card = read_json(Card, data, lambda why: _refuse(folder.name, why))
    _check_labels(card, folder.name)
    return card


def _check_labels(card: Card, name: str) -> None:
    keys = OCT2017_SCHEME.keys
    if card.scheme == OCT2017 and card.labels != keys:
        raise ModelError(
            f"Expected a model for {', '.join(keys)}, in this order, or one that names its "
            f"scheme. {name!r} is for {', '.join(card.labels)[:200]}. Use a model made for these "
            "labels, or train it again with --scheme."
        )
    known = set(card.labels)
    if not FEWEST <= len(known) == len(card.labels) <= MOST or not all(
        _LABEL.fullmatch(label) for label in card.labels
    ):
        raise _refuse(name, f"Its labels are {', '.join(card.labels)[:120]!r}.")
    if card.healthy is not None and card.healthy not in known:
        raise _refuse(name, f"Its healthy label {card.healthy[:40]!r} is none of its labels.")


def _refuse(name: str, why: str) -> ModelError:
    return ModelError(
        f"Expected a whole card of the right kinds, as JSON, in {name!r}. {why} Copy the model "
        "folder again, or train the model again."
    )


def write_card(card: Card, folder: Path) -> None:
    """Write the card into the model folder."""
    (folder / CARD).write_text(json.dumps(asdict(card), indent=2) + "\n", "utf-8")
