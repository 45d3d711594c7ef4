"""From an order to a plan: names to folders, recipes to their settings. Imports the network."""

from pathlib import Path

from octtutor.datasets.schemes.naming import open_naming
from octtutor.datasets.schemes.scheme_registry import Schemes
from octtutor.jobs.training_order import TrainingOrder
from octtutor.model.network.pretrained import Backbone, BackboneSource
from octtutor.model.serve.model_registry import find_model
from octtutor.model.training.feature_cache import FeatureCache
from octtutor.model.training.plan import TrainingPlan
from octtutor.model.training.recipes import find_recipe, make_recipe
from octtutor.model.training.recipes.features import HeadRecipe
from octtutor.settings import Settings


def to_plan(order: TrainingOrder, settings: Settings) -> TrainingPlan:
    """Turn an order into a plan.

    Raises:
        BadInputError: the recipe, the scheme or a setting is not known, or a value not allowed.
        ModelError: the model to start from is not known.
    """
    start = find_model(order.start, settings.model_folders) if order.start else None
    kind = find_recipe(order.recipe)
    source = BackboneSource(
        order.backbone or kind.backbone,
        order.backbone_weights or "imagenet",
        model=start,
        size=order.size,
        preprocessing=order.preprocessing,
    )
    return TrainingPlan(
        data=Path(order.data),
        recipe=make_recipe(kind, order.settings),
        backbone=source,
        val=Path(order.val) if order.val else None,
        hold_out=Path(order.hold_out) if order.hold_out else None,
        leaky=order.leaky,
        outliers=Path(order.outliers) if order.outliers else None,
        also=Path(order.also) if order.also else None,
        folds=order.folds,
        leave_source_out=order.leave_source_out,
        name=order.title,
        naming=open_naming(Schemes(settings.schemes), order.scheme),
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
    return HeadRecipe().begin(source).backbone
