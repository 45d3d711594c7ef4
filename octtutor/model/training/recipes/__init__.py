"""The recipes by name. A new one is a file in this folder and a line in `RECIPES`."""

from collections.abc import Mapping
from dataclasses import replace

from octtutor.errors import BadInputError
from octtutor.model.training.recipes.article import Article
from octtutor.model.training.recipes.features import HeadRecipe
from octtutor.model.training.recipes.finetune import Finetune
from octtutor.model.training.recipes.recipe import (
    Recipe,
    Setting,
    TrainingInput,
    make_recipe,
    settings_of,
)

__all__ = [
    "RECIPES",
    "Recipe",
    "Setting",
    "TrainingInput",
    "all_settings",
    "find_recipe",
    "make_recipe",
    "settings_of",
]

RECIPES: dict[str, type[Recipe]] = {
    recipe.name: recipe
    for recipe in (
        Finetune,
        HeadRecipe,
        Article,
    )
}


def find_recipe(name: str) -> type[Recipe]:
    """Return a recipe by name.

    Raises:
        BadInputError: there is no such recipe.
    """
    if name not in RECIPES:
        raise BadInputError(
            f"Expected a recipe: {', '.join(RECIPES)}. Received {name[:40]!r}. Choose one."
        )
    return RECIPES[name]


def all_settings() -> Mapping[str, Setting]:
    """Return the settings of all recipes, by name; each says which recipes have it."""
    found: dict[str, Setting] = {}
    for recipe in RECIPES.values():
        for name, setting in settings_of(recipe).items():
            earlier = found.get(name)
            owners = (*(earlier.recipes if earlier else ()), recipe.name)
            found[name] = replace(earlier or setting, recipes=owners)
    everybody = tuple(RECIPES)
    return {
        name: replace(setting, recipes=() if setting.recipes == everybody else setting.recipes)
        for name, setting in found.items()
    }
