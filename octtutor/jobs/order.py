"""What an educator orders: a training run, as values that go into a JSON file."""

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from octtutor.datasets.images import write_atomically
from octtutor.errors import BadInputError

ORDER = "order.json"


@dataclass(frozen=True, slots=True)
class Order:
    """A training run to be done. Paths and names as text."""

    title: str
    data: str
    """Training scans: folder, archive or listing."""
    val: str | None = None
    """Scans to measure on; without it a part of the patients is held out."""
    hold_out: str | None = None
    """A listing of scans of `data` to measure on instead."""
    leaky: bool = False
    """Train although patients of `val` are in `data`."""
    recipe: str = "finetune"
    backbone: str | None = None
    """`lite0` or a name of keras.applications; the recipe's own where None."""
    backbone_weights: str | None = None
    """`imagenet`, `none`, or a file; `imagenet` where None."""
    size: int | None = None
    """Side of the input, pixels; the backbone's own where None."""
    start: str | None = None
    """A model to start from, by name or folder."""
    head: str = "gap-dense"
    """For recipe `features`: `gap-dense` or `conv-flatten`."""
    epochs: int | None = None
    """The recipe's own number where None."""
    batch: int | None = None
    choose: str | None = None
    """For `finetune`: keep the `last` epoch, or that of the lowest `weighted_error`."""
    patience: int | None = None
    """For `finetune`: epochs without a lower weighted error before the run ends."""
    folds: int = 0
    seed: int = 2017
    compare_with: str | None = None
    """A model to compare the new one with once it is made."""
    by: str = ""
    """The educator's name."""
    notes: tuple[str, ...] = ()
    """Lines for the card."""

    def halved(self, batch: int) -> "Order":
        """Return the order with half of the batch that was too large."""
        return replace(self, batch=max(1, batch // 2))


def write_order(folder: Path, order: Order) -> None:
    """Write the order into a job's folder."""
    write_atomically(folder / ORDER, json.dumps(asdict(order), indent=2).encode())


def read_order(folder: Path) -> Order:
    """Read a job's order.

    Raises:
        BadInputError: it is missing or damaged.
    """
    try:
        raw: dict[str, Any] = json.loads((folder / ORDER).read_text("utf-8"))
        known = {field.name for field in fields(Order)}
        raw["notes"] = tuple(raw.get("notes", ()))
        return Order(**{key: value for key, value in raw.items() if key in known})
    except (OSError, ValueError, TypeError) as error:
        raise BadInputError(
            f"Expected {ORDER} in the job {folder.name!r}. It cannot be read ({error}). Start "
            "the job anew."
        ) from error
