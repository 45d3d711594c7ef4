"""What the tab Read a scan shows, as its script draws it. Plain dictionaries."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from octtutor import __version__
from octtutor.core.scheme import Scheme, SchemeDiagnosis
from octtutor.datasets.decode import Pixels
from octtutor.model.explain.maps import COLOURS
from octtutor.model.explain.methods import METHODS
from octtutor.model.explain.trust import WHAT_A_MAP_IS, Trust
from octtutor.model.serve.library import Maps, ModelAnswer
from octtutor.reports.markup import library
from octtutor.ui.read.intake import OpenedFiles
from octtutor.ui.read.texts import READ
from octtutor.ui.shared.diagnosis_texts import chapter_of
from octtutor.ui.shared.pictures import scan_uri, tinted_uri
from octtutor.ui.shared.texts import PURPOSE

_HTML = library(__file__, "views.html.j2")
View = dict[str, Any]
START: View = {"phase": "start"}
_MAP_SIDE = 512
"""Longest side of a map as sent, pixels."""


def fault_view(text: str) -> View:
    """Say in one line what was wrong; what was shown before stays."""
    return {"phase": "fault", "fault": text}


def busy_view(text: str, done: int = 0, total: int = 0) -> View:
    """Say what is being done, and how far it is where that is known."""
    return {"phase": "busy", "note": text, "done": done, "total": total}


def busy_html(text: str, done: int, total: int) -> Markup:
    """Return the line that says what is being done, with a bar where it is known how far."""
    return Markup(_HTML.busy(text, done, total))


def answer_view(
    sitting: OpenedFiles,
    item: int,
    index: int,
    scan: Pixels,
    answer: ModelAnswer,
    scheme: Scheme | None,
) -> View:
    """Draw a scan and its answer; its maps come after it.

    Args:
        sitting: what is open.
        item: which of its files.
        index: which slice.
        scan: uint8 (height, width).
        answer: the model's.
        scheme: the model's; None: it is not at hand, and nothing can be said of its diagnoses.
    """
    height, width = scan.shape
    return {
        "phase": "read",
        "items": [asdict(item) for item in sitting.items],
        "faults": list(sitting.faults),
        "item": item,
        "slice": index,
        "scan": scan_uri(scan),
        "width": width,
        "height": height,
        "answer": asdict(answer),
        "abstains": _abstaining(answer),
        "worth": READ["calibrated" if answer.calibrated else "not_calibrated"],
        "lessons": lessons(scheme),
        "maps": None,
        "purpose": PURPOSE,
        "version": __version__,
    }


def _abstaining(answer: ModelAnswer) -> list[str]:
    """Say that the model would not answer, and between what it wavers; nothing where it would.

    Of pictures that it does not read, something else is said.
    """
    if answer.would_answer or not answer.verdict.is_b_scan:
        return []
    one, two = sorted(answer.probabilities.items(), key=lambda pair: -pair[1])[:2]
    between = f"{one[0]} ({one[1]:.2f})", f"{two[0]} ({two[1]:.2f})"
    return [READ["abstains"], READ["between"].format(one=between[0], two=between[1])]


def maps_view(maps: Maps, labels: Sequence[str], method: str, trust: Trust | None) -> View:
    """Draw the maps, float32 (k, height, width) in the labels' order, and what they are worth."""
    return {
        "phase": "read",
        "method": method,
        "maps": {
            name: dict(zip(labels, (level_uri(level, name) for level in maps), strict=True))
            for name in COLOURS
        },
        "trust": list(trust.lines) if trust else [],
    }


def level_uri(level: npt.NDArray[np.float32], colours: str) -> str | None:
    """Encode a map, float32 (height, width) in [0, 1], as a WebP in a data address.

    Returns:
        None when the map is all zero. The more evidence, the less transparent.
    """
    if not level.any():
        return None
    scale = min(1.0, _MAP_SIDE / max(level.shape))
    small = cv2.resize(level, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return tinted_uri(np.clip(small, 0, 1).astype(np.float32), colours)


def lessons(scheme: Scheme | None) -> View:
    """Return what the panel says of each diagnosis of a scheme and of each pair."""
    if scheme is None:
        return {"names": {}, "colours": {}, "look_for": {}, "signs": {}, "apart": {}}
    return {
        "names": {one.key: one.name for one in scheme.diagnoses},
        "colours": scheme.colours,
        "look_for": {one.key: one.look_for for one in scheme.diagnoses if one.look_for},
        "signs": {one.key: _signs(scheme, one) for one in scheme.diagnoses if one.signs},
        "apart": {"|".join(sorted(pair)): text for pair, text in scheme.confusions},
    }


def _signs(scheme: Scheme, one: SchemeDiagnosis) -> list[list[str]]:
    """Return name, place and look of each sign; of most schemes the names are all there is."""
    chapter = chapter_of(scheme, one.key)
    if chapter is None:
        return [[name, "", ""] for name in one.signs]
    return [[sign.name, sign.where, sign.look] for sign in chapter.signs]


def panel_texts() -> View:
    """Return what the panel says whatever the diagnoses are, for the component's props."""
    return {
        "methods": [[key, method.title, method.shows] for key, method in METHODS.items()],
        "texts": READ | {"map_is": WHAT_A_MAP_IS},
    }
