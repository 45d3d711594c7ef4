"""Recipe `article`: the 2018 article's (see `octtutor.model.training.article_training`)."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

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
class Article(Recipe):
    """The recipe's settings."""

    name: ClassVar[str] = "article"
    title: ClassVar[str] = (
        "Article: the 2018 article's recipe on InceptionV3. For comparison with it."
    )
    backbone: ClassVar[str] = "InceptionV3"

    batch: Count = 128
    """Scans a step."""
    rate: Rate = 1e-3
    """Adam's learning rate, at first."""
    hidden: Annotated[int, Field(ge=0, le=8192)] = 64
    """Hidden units of a pooled head; 0 has none."""

    @property
    def head(self) -> dict[str, Any]:
        """The head, as in a card. Its softmax is part of the loss here."""
        return {"kind": "gap-dense", "hidden": self.hidden, "dropout": 0.0}

    def begin(self, source: "BackboneSource", scheme: "Scheme" = OCT2017_SCHEME) -> "Beginning":
        """Give a backbone a new head; InceptionV3 is fed as in the article."""
        from octtutor.model.training.beginning import begin_as_article

        return begin_as_article(source, self.head, self.seed, scheme=scheme)

    def fit(self, given: TrainingInput) -> "TrainingOutcome":
        """Train the head (see `Recipe.fit`)."""
        from octtutor.model.training.article_training import article

        network, feed = given.beginning.network, given.beginning.how.to_input
        return article(network, feed, given.train, self, given.val, given.watch)
