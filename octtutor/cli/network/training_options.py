"""The options of a command that orders training: made of the order's fields and of the recipes'.

A setting is declared in `jobs/training_order.py` or in a recipe's file, and nowhere else.
"""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from octtutor.jobs.training_order import TrainingOrder
from octtutor.model.training.recipes import RECIPES, Setting, all_settings, make_recipe, settings_of


def takes_an_order(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a training order.

    Args:
        command: its first argument gets the fields of an `TrainingOrder` but the title, as a
            dictionary; its others are options of its own.
    """
    own = list(inspect.signature(command).parameters.values())[1:]
    order, recipes = settings_of(TrainingOrder), all_settings()

    @wraps(command)
    def wrapped(**given: Any) -> None:
        facts = {one.field: given.pop(one.field) for one in order.values()}
        settings = {name: given.pop(name) for name in recipes}
        facts["settings"] = {name: value for name, value in settings.items() if value is not None}
        facts["recipe"], facts["notes"] = given.pop("recipe"), tuple(given.pop("note") or ())
        _check(facts)
        command(facts, **given)

    options = [_order_option(one) for one in order.values()]
    options[1:1] = [*own, _RECIPE]
    options += [_setting_option(one) for one in recipes.values()] + [_NOTE]
    wrapped.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in options]
    )
    wrapped.__annotations__ = {}
    return wrapped


def _check(facts: dict[str, Any]) -> None:
    recipe = facts["recipe"]
    if recipe not in RECIPES:
        expected = ", ".join(RECIPES)
        raise typer.BadParameter(f"expected {expected}, got {recipe}", param_hint="--recipe")
    if facts["folds"] == 1:
        raise typer.BadParameter("expected 0, or 2 and more", param_hint="--folds")
    make_recipe(RECIPES[recipe], facts["settings"])


def _parameter(name: str, kind: Any, default: Any, option: Any) -> inspect.Parameter:
    annotation = Annotated[kind, option]
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def _flag(setting: Setting) -> str:
    return "--" + setting.name.replace("_", "-")


def _order_option(setting: Setting) -> inspect.Parameter:
    option = typer.Option(_flag(setting), help=setting.help, min=setting.least)
    if setting.name == "data":
        return _parameter("data", str, inspect.Parameter.empty, option)
    optional = setting.default is None
    return _parameter(
        setting.field, setting.kind | None if optional else setting.kind, setting.default, option
    )


def _setting_option(setting: Setting) -> inspect.Parameter:
    flag = _flag(setting)
    names = f"{flag}/--no-{flag[2:]}" if setting.kind is bool else flag
    choices = f" One of {', '.join(setting.choices)}." if setting.choices else ""
    whose = f"For {' and '.join(setting.recipes)}: " if setting.recipes else ""
    defaults = {
        str(known[setting.name].default): None
        for known in map(settings_of, RECIPES.values())
        if setting.name in known
    }
    facts = f"{whose}{setting.help}{choices} Default: {' or '.join(defaults)}."
    option = typer.Option(names, help=facts, min=setting.least, max=setting.most)
    return _parameter(setting.name, setting.kind | None, None, option)


_RECIPE = _parameter("recipe", str, "finetune", typer.Option(help=f"One of {', '.join(RECIPES)}."))
_NOTE = _parameter(
    "note", list[str] | None, None, typer.Option(help="A line for the card; may be repeated.")
)
