"""What an educator orders: a training run, as values that go into a JSON file."""

import json
from collections.abc import Mapping
from dataclasses import asdict, field, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from octtutor.core.validation import explain
from octtutor.datasets.images import write_atomically
from octtutor.errors import BadInputError
from octtutor.model.training.recipes import RECIPES, all_settings, settings_of

ORDER = "order.json"


@dataclass(frozen=True, slots=True, config=ConfigDict(use_attribute_docstrings=True))
class TrainingOrder:
    """A training run to be done. Paths and names as text.

    What has a docstring is asked for by `octtutor train` and `octtutor jobs start`.
    """

    title: str
    data: str
    """Training scans: folder, ZIP, tar, or a list (CSV)."""
    val: str | None = None
    """Scans to measure on; without them a part of the patients is held out."""
    scheme: str | None = None
    """Whose diagnoses are learned, by name (`octtutor schemes list`); oct2017 by default."""
    hold_out: str | None = None
    """A list (CSV) of scans in --data to measure on, not to train on."""
    leaky: bool = False
    """Allow the same patients in --val; the card says so."""
    outliers: str | None = None
    """Scans that are none of the diagnoses, a folder a kind: not to be sure of (finetune)."""
    also: str | None = None
    """Scans to learn from besides (in each fold), counted in no figure, such as drawn ones."""
    folds: Annotated[int, Field(ge=0)] = 0
    """Also cross-validate over so many folds by patient."""
    leave_source_out: bool = False
    """Also answer each source of the list by a network trained on the others."""
    recipe: str = "finetune"
    backbone: str | None = None
    """lite0, or a name of keras.applications; the recipe's own by default."""
    backbone_weights: str | None = None
    """imagenet, none, or a Keras weights file without top."""
    size: int | None = None
    """Side of the input, pixels; the backbone's own by default."""
    preprocessing: str | None = None
    """How scans are prepared: 1 (as they are), or 2 (righted, cleaned, in one frame)."""
    start: Annotated[str | None, Field(json_schema_extra={"option": "from"})] = None
    """A model to start from, by name or folder."""
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    # of the recipe, by name; those that are missing are the recipe's own
    compare_with: str | None = None
    # a model to compare the new one with once it is made
    by: str = ""
    # the educator's name
    notes: tuple[str, ...] = ()
    # lines for the card

    def with_settings(self, **changes: Any) -> "TrainingOrder":
        """Return the order with other settings of the recipe; None takes one out."""
        merged = {**self.settings, **changes}
        return replace(self, settings={k: v for k, v in merged.items() if v is not None})

    def halved(self, batch: int) -> "TrainingOrder":
        """Return the order with half of the batch that was too large."""
        return self.with_settings(batch=max(1, batch // 2))

    def as_json(self) -> dict[str, Any]:
        """Return the order as its file has it: settings beside the rest, None where not given."""
        plain = asdict(self)
        settings = plain.pop("settings")
        return {**plain, **dict.fromkeys(all_settings()), **settings}


def write_order(folder: Path, order: TrainingOrder) -> None:
    """Write the order into a job's folder."""
    write_atomically(folder / ORDER, json.dumps(order.as_json(), indent=2).encode())


def read_order(folder: Path) -> TrainingOrder:
    """Read a job's order.

    Raises:
        BadInputError: it is missing or damaged.
    """
    try:
        raw = json.loads((folder / ORDER).read_text("utf-8"))
        return TypeAdapter(TrainingOrder).validate_python(_with_settings(raw))
    except (OSError, ValueError, RecursionError) as error:
        why = explain(error) if isinstance(error, ValidationError) else str(error)
        raise BadInputError(
            f"Expected {ORDER} in the job {folder.name!r}. It cannot be read ({why[:300]}). Start "
            "the job anew."
        ) from error


def _with_settings(raw: Any) -> Any:
    """Part the recipe's settings, which lie beside the rest in the file, from the rest.

    Version 0.1 wrote some settings whatever the recipe: those that it does not have are left out.
    """
    if not isinstance(raw, dict):
        return raw
    recipe = RECIPES.get(str(raw.get("recipe", "finetune")))
    known = settings_of(recipe) if recipe else all_settings()
    given = {key: raw[key] for key in known if raw.get(key) is not None}
    return {**{key: value for key, value in raw.items() if key not in known}, "settings": given}
