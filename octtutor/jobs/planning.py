"""From an order to a plan: names to folders, recipes to their settings. Imports the network."""

from pathlib import Path
from typing import Any

from octtutor.errors import BadInputError
from octtutor.jobs.order import Order
from octtutor.model.article import Article
from octtutor.model.features import FeatureCache
from octtutor.model.finetune import Finetune
from octtutor.model.headtrain import HeadRecipe
from octtutor.model.plan import Plan
from octtutor.model.pretrained import Backbone, BackboneSource
from octtutor.model.recipes import Recipe, begin
from octtutor.model.registry import find_model
from octtutor.settings import Settings

RECIPES: dict[str, type[Recipe]] = {
    "finetune": Finetune,
    "features": HeadRecipe,
    "article": Article,
}
ARTICLE_BACKBONE = "InceptionV3"


def to_plan(order: Order, settings: Settings) -> Plan:
    """Turn an order into a plan.

    Raises:
        BadInputError: the recipe is not known.
        ModelError: the model to start from is not known.
    """
    start = find_model(order.start, settings.model_folders) if order.start else None
    recipe = _recipe(order)
    source = BackboneSource(
        order.backbone or default_backbone(order.recipe),
        order.backbone_weights or "imagenet",
        model=start,
        size=order.size,
    )
    return Plan(
        data=Path(order.data),
        recipe=recipe,
        backbone=source,
        val=Path(order.val) if order.val else None,
        hold_out=Path(order.hold_out) if order.hold_out else None,
        leaky=order.leaky,
        folds=order.folds,
        name=order.title,
        notes=order.notes,
    )


def open_cache(settings: Settings) -> FeatureCache:
    """Return the data home's feature cache."""
    return FeatureCache(settings.features, settings.features_bytes)


def open_frozen(
    name: str, weights: str, size: int | None, start: str | None, settings: Settings
) -> Backbone:
    """Open a backbone as recipe `features` does, with what it is fed.

    Raises:
        ModelError: it or its weights are not known (see `open_backbone`).
    """
    model = find_model(start, settings.model_folders) if start else None
    source = BackboneSource(name, weights, model=model, size=size)
    return begin(HeadRecipe(), source).backbone


def default_backbone(recipe: str) -> str:
    """Return the backbone of a recipe whose order names none: the article's for the article."""
    return ARTICLE_BACKBONE if recipe == "article" else "lite0"


def _recipe(order: Order) -> Recipe:
    kind = RECIPES.get(order.recipe)
    if kind is None:
        raise BadInputError(
            f"Expected a recipe: {', '.join(RECIPES)}. Received {order.recipe[:40]!r}."
        )
    given: dict[str, Any] = {"epochs": order.epochs, "batch": order.batch, "seed": order.seed}
    if kind is HeadRecipe:
        given["kind"] = order.head
    if kind is Finetune:
        given |= {"choose": order.choose, "patience": order.patience}
    return kind(**{key: value for key, value in given.items() if value is not None})
