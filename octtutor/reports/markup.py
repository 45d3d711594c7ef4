"""HTML from Jinja2 templates: markup lies in folders `templates/`, Python holds the values.

A template is a library of macros, one for each thing that a page shows. What is put
in is escaped unless it is markup already, and a name that was not given is an error. A line break
between two tags of a template is no space: templates are laid out for who reads them, and pages
get no white space that could be seen. Needs no Gradio.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.ext import Extension
from markupsafe import Markup, escape

from octtutor.core.scheme import Scheme

TEMPLATES = Path(__file__).parent / "templates"
"""Where the macros are that all templates may import."""
_BETWEEN_TAGS = re.compile(r"(?<=[>}])[ \t]*\n\s*(?=[<{])")


class _JoinLines(Extension):
    """Join a template's lines where tags meet; the count of lines stays, for error messages."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return _BETWEEN_TAGS.sub(lambda gap: f"{{#{gap.group()}#}}", source)


def library(owner: str, name: str) -> Any:
    """Return the macros of a template, each a function from values to `Markup`.

    Args:
        owner: path of the module that asks, its `__file__`; the template lies in the folder
            `templates/` beside it.
        name: the template's, such as `views.html.j2`.

    Raises:
        jinja2.TemplateNotFound: there is no such file.
    """
    return _environment(Path(owner).parent / "templates").get_template(name).module


@cache
def _environment(folder: Path) -> Environment:
    return Environment(
        loader=FileSystemLoader([folder, TEMPLATES]),
        extensions=[_JoinLines],
        autoescape=True,
        undefined=StrictUndefined,
    )


_PARTS = library(__file__, "macros.html.j2")


def hover(shown: object, said: str, small: str = "") -> Markup:
    """Return what is shown, what it says when it is hovered, and small print beside it."""
    return Markup(_PARTS.hover(shown, said, small))


def palette(root: str, scheme: Scheme) -> Markup:
    """Return styles that give what is named after a diagnosis, in lower case, its colour.

    Args:
        root: a CSS selector of the element in which they hold.
        scheme: the list of diagnoses.
    """
    return Markup(_PARTS.palette(root, scheme.colours))


def swatch(label: object, colour: str = "") -> Markup:
    """Return a square in the class's colour, that of the style sheet where none is given."""
    return Markup(_PARTS.swatch(label, colour))


def paragraph(text: object, kind: str = "", is_status: bool = False) -> Markup:
    """Return a paragraph; `kind` is its class, and a status is read out when it changes."""
    return Markup(_PARTS.paragraph(text, kind, is_status))


def filled(text: str, **values: object) -> Markup:
    """Fill a text's fields; text and values are escaped unless they are markup."""
    return escape(text).format(**values)


def joined(parts: Any, between: str = "") -> Markup:
    """Return parts one after the other; those that are no markup are escaped."""
    return Markup(between).join(parts)
