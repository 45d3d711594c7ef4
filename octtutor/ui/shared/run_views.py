"""What Train and Evaluate show of a run alike."""

from collections.abc import Sequence

from markupsafe import Markup

from octtutor.reports.markup import library

_HTML = library(__file__, "run_views.html.j2")


def box(content: str, is_status: bool = False) -> Markup:
    """Put lines into the element that the tab's styles know."""
    return Markup(_HTML.box(content, is_status))


def progress_view(words: Sequence[str], step: int, steps: int) -> Markup:
    """Return in words and as a bar how far a run is; `steps` is 0 where nobody knows yet."""
    return Markup(_HTML.progress(" · ".join(words), step, max(steps, 1)))
