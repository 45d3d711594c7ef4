"""What a training recipe is: settings, each declared once, and two hooks.

A recipe's file imports Keras inside its hooks only: the command line and the page list recipes
and their settings without it. A field of a recipe is a setting: its type, range and default are
what the command line, a job's order and the tab Train ask for and check, the docstring below it
is its help, and all of them go into the card.
"""

import dataclasses
import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, replace
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, get_args, get_origin

from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass
from pydantic.fields import FieldInfo

from octtutor.core.validation import faults_of
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.errors import BadInputError

if TYPE_CHECKING:
    from octtutor.core.scheme import Scheme
    from octtutor.model.network.pretrained import BackboneSource
    from octtutor.model.network.scan_set import ScanSet
    from octtutor.model.training.beginning import Beginning
    from octtutor.model.training.feature_cache import FeatureCache
    from octtutor.model.training.loop import TrainingOutcome, Watch

DECLARED = ConfigDict(use_attribute_docstrings=True, allow_inf_nan=False)
"""Of dataclasses whose fields people are asked for: a field's docstring is its help."""
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(gt=0, le=1)]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]


@dataclasses.dataclass(frozen=True, slots=True)
class TrainingInput:
    """What a recipe trains, and on what."""

    beginning: "Beginning"
    """From `begin` of this recipe."""
    train: "ScanSet"
    """Prepared as `beginning.how` says."""
    val: "ScanSet | None" = None
    """Scans measured after each epoch."""
    watch: "Watch | None" = None
    """Who follows, and where the run is kept."""
    cache: "FeatureCache | None" = None
    """Where features are kept, for a recipe on cached features."""
    outliers: "ScanSet | None" = None
    """Scans that are none of the diagnoses, prepared likewise, for a recipe that learns of them."""


@dataclass(frozen=True, config=DECLARED)
class Recipe(ABC):
    """A way to train, with its settings. Without slots: recipes are made to be inherited from."""

    name: ClassVar[str]
    """As `--recipe` and the card have it."""
    title: ClassVar[str]
    """A line for the tab Train: what it is good for and how long it takes."""
    backbone: ClassVar[str] = "lite0"
    """The backbone where none is asked for."""
    on_several_hosts: ClassVar[bool] = False
    """Whether several hosts can train by it together."""
    on_outliers: ClassVar[bool] = False
    """Whether it learns from scans that are none of the diagnoses."""
    on_cached_features: ClassVar[bool] = False
    """Whether the backbone runs once a scan, not once a scan and epoch."""

    epochs: Count = 10
    """Passes over the scans."""
    batch: Count = 32
    """Scans a step."""
    seed: Seed = 2017
    """Fixes order and augmentation."""

    @property
    def keeps_last(self) -> bool:
        """Whether the last epoch is kept, not one that was chosen on the validation scans."""
        return False

    def shortened(self) -> Self:
        """Return the recipe for a trial of one epoch, by which its time is measured."""
        return replace(self, epochs=1)

    def as_facts(self) -> dict[str, Any]:
        """Return the settings as they go into the card."""
        return {"name": self.name, **asdict(self)}

    @abstractmethod
    def begin(self, source: "BackboneSource", scheme: "Scheme" = OCT2017_SCHEME) -> "Beginning":
        """Build the network that training starts from.

        Args:
            source: the backbone, and where its weights come from.
            scheme: the list of diagnoses that it is to tell apart.

        Raises:
            ModelError: see `open_backbone`; or the head does not suit it.
        """

    @abstractmethod
    def fit(self, given: TrainingInput) -> "TrainingOutcome":
        """Train; afterwards `given.beginning.network` has the kept epoch's weights.

        Raises:
            BadInputError: a class has no scan.
            SettingsError: the features do not fit into the cache.
        """


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """A field that people are asked for: its name, kind, range and help."""

    name: str
    """As on the command line, in orders and on the page."""
    field: str
    kind: Any
    """`int`, `float`, `bool` or `str`."""
    help: str
    default: Any
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    recipes: tuple[str, ...] = ()
    """Whose it is; empty: of every recipe."""

    @property
    def label(self) -> str:
        """The name in words."""
        return self.name.replace("_", " ").capitalize()


def settings_of(declared: type[Any]) -> dict[str, Setting]:
    """Return the fields of a dataclass that people can be asked for, by name.

    A field is one where it has a docstring and is a number, a text, a choice or yes and no.
    `Field(json_schema_extra={"option": …})` gives it another name than its own.
    """
    found = (
        _setting(name, info, _help(declared, name))
        for name, info in declared.__pydantic_fields__.items()
    )
    return {setting.name: setting for setting in found if setting is not None}


def make_recipe(kind: type[Recipe], given: Mapping[str, Any]) -> Recipe:
    """Return a recipe with the settings that are given, by their names.

    Raises:
        BadInputError: it has no such setting, or a value is not allowed.
    """
    known = settings_of(kind)
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise BadInputError(
            f"Expected settings of recipe {kind.name!r}: {', '.join(known)}. Received "
            f"{', '.join(unknown)[:80]}. Leave it out, or choose another recipe."
        )
    try:
        return kind(**{known[name].field: value for name, value in given.items()})
    except ValidationError as error:
        names = {setting.field: setting.name for setting in known.values()}
        wrong = faults_of(error)[0]
        name = names.get(str(wrong.place[0]), str(wrong.place[0])) if wrong.place else kind.name
        raise BadInputError(
            f"Expected {wrong.expected} for {name!r} of recipe {kind.name!r}. Received "
            f"{wrong.received}. {known[name].help if name in known else 'Change it.'}"
        ) from error


def _help(declared: type[Any], field: str) -> str:
    """Return a field's docstring; that of the class it is inherited from where it has none."""
    fields = (getattr(one, "__pydantic_fields__", {}).get(field) for one in declared.__mro__)
    facts = next((info.description for info in fields if info and info.description), "")
    return " ".join(inspect.cleandoc(facts).split())


def _setting(field: str, info: FieldInfo, facts: str) -> Setting | None:
    kind, choices = _kind(info.annotation)
    if kind is None or not facts:
        return None
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    limits = {
        name: getattr(mark, name)
        for mark in info.metadata
        for name in ("ge", "gt", "le", "lt")
        if hasattr(mark, name)
    }
    return Setting(
        str(extra.get("option", field)),
        field,
        kind,
        facts,
        None if info.is_required() else info.default,
        limits.get("ge", limits.get("gt")),
        limits.get("le", limits.get("lt")),
        choices,
    )


def _kind(annotation: Any) -> tuple[Any, tuple[str, ...]]:
    """Return the plain kind of a field and its choices; None where nobody can be asked for it."""
    if get_origin(annotation) is UnionType or NoneType in get_args(annotation):
        kinds = [one for one in get_args(annotation) if one is not NoneType]
        return _kind(kinds[0]) if len(kinds) == 1 else (None, ())
    if get_origin(annotation) is Annotated:
        return _kind(get_args(annotation)[0])
    if get_origin(annotation) is Literal:
        return str, tuple(map(str, get_args(annotation)))
    return (annotation, ()) if annotation in (int, float, bool, str) else (None, ())
