"""Templates escape what is put in, refuse what was forgotten, and add no space of their own."""

from pathlib import Path

import jinja2
import pytest
from markupsafe import Markup

import octtutor
from octtutor.reports import markup
from octtutor.reports.markup import filled, hover, joined, library, paragraph, swatch
from octtutor.ui.learn import guess

PACKAGE = Path(octtutor.__file__).parent
HOSTILE = "<img src=x onerror='alert(1)'>&\""


def test_what_is_put_in_is_escaped_in_text_and_in_attributes():
    told = hover(HOSTILE, HOSTILE, HOSTILE)
    assert told.count("<") == 4  # abbr and small, each with its end
    assert "<img" not in told
    assert "'alert" not in told.replace("&#39;", "")
    assert told.unescape().count(HOSTILE) == 3


def test_what_is_markup_already_stays():
    assert paragraph(swatch("CNV")) == "<p><span class='swatch cnv'></span></p>"
    assert joined([swatch("DME"), " & "]) == "<span class='swatch dme'></span> &amp; "
    assert filled("<{what}>", what=Markup("<b>1</b>")) == "&lt;<b>1</b>&gt;"


def test_a_paragraph_has_only_what_it_was_given():
    assert paragraph("x") == "<p>x</p>"
    assert paragraph("x", "note", is_status=True) == "<p class='note' role='status'>x</p>"


def test_a_name_that_was_not_given_is_an_error():
    with pytest.raises(jinja2.UndefinedError, match="said"):
        library(markup.__file__, "macros.html.j2").hover("shown")


def test_a_template_that_is_not_there_is_named():
    with pytest.raises(jinja2.TemplateNotFound, match=r"no\.html\.j2"):
        library(markup.__file__, "no.html.j2")


def test_line_breaks_between_tags_are_no_space():
    board = library(guess.__file__, "guess.html.j2").score(
        [("right", "1"), ("wrong", "2")], "chance"
    )
    assert board == (
        "<div class='guess' role='status'><ul><li>right: 1</li><li>wrong: 2</li></ul>"
        "<p>chance</p></div>"
    )


@pytest.mark.parametrize(
    "name", sorted(str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.j2"))
)
def test_every_template_is_a_library_of_macros(name):
    room, template = (PACKAGE / name).parents[1], (PACKAGE / name).name
    found = library(str(room / "page.py"), template)
    macros = {key for key in vars(found) if not key.startswith("_")}
    assert macros
