"""Recipe `features`: a head on features that are kept (see `training.head_training`)."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.model.training.recipes.recipe import DECLARED, Count, Rate, Recipe, TrainingInput

if TYPE_CHECKING:
    from octtutor.core.scheme import Scheme
    from octtutor.model.network.pretrained import BackboneSource
    from octtutor.model.training.beginning import Beginning
    from octtutor.model.training.loop import TrainingOutcome


@dataclass(frozen=True, config=DECLARED)
class HeadRecipe(Recipe):
    """The recipe's settings."""

    name: ClassVar[str] = "features"
    title: ClassVar[str] = (
        "Features: a new head on a frozen network, whose answers are kept. Seconds to minutes; "
        "good for a first look."
    )
    on_cached_features: ClassVar[bool] = True

    kind: Annotated[
        Literal["gap-dense", "conv-flatten"], Field(json_schema_extra={"option": "head"})
    ] = "gap-dense"
    """The head: gap-dense, or conv-flatten as the article's follow-up's."""
    hidden: Annotated[int, Field(ge=0, le=8192)] = 0
    """Hidden units of a pooled head; 0 has none."""
    epochs: Count = 40
    """Passes over the scans."""
    batch: Count = 128
    """Scans a step."""
    rate: Rate = 1e-3
    """Adam's learning rate, at first."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Share of the features that are left out at random while the head learns."""
    plateau_factor: Rate = 0.5
    """What the rate is multiplied by when the validation loss no longer falls."""
    plateau_patience: Count = 5
    """Epochs without a lower validation loss before that."""
    class_weights: bool = False
    """Whether a class counts the same however many scans it has."""
    mirror: bool = False
    """Whether to train on mirror images too; doubles the cache."""

    @property
    def head(self) -> dict[str, Any]:
        """The head, as in a card."""
        if self.kind == "conv-flatten":
            return {"kind": self.kind, "filters": 64, "dropout": self.dropout}
        hidden = {"hidden": self.hidden} if self.hidden else {}
        return {"kind": self.kind, **hidden, "dropout": self.dropout}

    def begin(self, source: "BackboneSource", scheme: "Scheme" = OCT2017_SCHEME) -> "Beginning":
        """Give a backbone a new head; InceptionV3 is fed as in the article."""
        from octtutor.model.training.beginning import begin_as_article

        return begin_as_article(source, self.head, self.seed, self.mirror, scheme)

    def fit(self, given: TrainingInput) -> "TrainingOutcome":
        """Train the head (see `Recipe.fit`)."""
        from octtutor.model.training.head_training import train_head

        assert given.cache is not None, "recipe `features` needs a cache"
        network, backbone = given.beginning.network, given.beginning.backbone
        return train_head(network, backbone, given.cache, given.train, self, given.val, given.watch)
