"""Two scans side by side after a confusion, for the reveal."""

import logging

from octtutor.errors import OctTutorError
from octtutor.tutor.atlas.atlas import Atlas
from octtutor.tutor.practice.revealing import Reveal
from octtutor.ui.learn.chapter_views import contrast_html

_log = logging.getLogger(__name__)


class Contrasts:
    """Draws the case just read beside one of the class that it was taken for."""

    def __init__(self, atlas: Atlas) -> None:
        """Take the use cases."""
        self._atlas = atlas

    def __call__(self, reveal: Reveal) -> str:
        """Return HTML, empty where nothing was confused, or where a scan cannot be read."""
        if reveal.contrast is None:
            return ""
        try:
            first, second = (self._atlas.example(case) for case in reveal.contrast)
        except OctTutorError as error:
            _log.warning("nothing to compare: %s", error)
            return ""
        return contrast_html(reveal.scheme, (first, second))
