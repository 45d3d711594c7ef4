"""A diagnosis as HTML: what it is, annotated examples, pairs to contrast, the model's maps."""

from collections.abc import Sequence

import cv2
import numpy as np
from markupsafe import Markup

from octtutor.core.prediction import Prediction
from octtutor.core.scheme import Scheme
from octtutor.datasets.decode import Pixels
from octtutor.reports.markup import library
from octtutor.tutor.atlas.atlas import Example
from octtutor.tutor.ports import Maps
from octtutor.ui.learn.markers import marks_of, window
from octtutor.ui.learn.texts import LEARN, caption
from octtutor.ui.shared.diagnosis_texts import SOURCES, chapter_of
from octtutor.ui.shared.pictures import map_uri, scan_uri

_HTML = library(__file__, "views.html.j2")
Pair = tuple[Example, Example]
Read = tuple[Prediction, Maps]
_COLOURS = "inferno"
_EXAMPLE_SIDE, _PAIR_SIDE = 512, 400
"""Greatest width of a scan as sent, pixels: what keeps a chapter below 3 MB."""


def note_html(text: str) -> Markup:
    """Return a line in place of what is not there, or not yet."""
    return Markup(_HTML.note(text))


def topic_style(scheme: Scheme) -> Markup:
    """Return the styles that give each topic its diagnosis' colour; the layers come first."""
    return Markup(_HTML.topics(list(scheme.colours.values())))


def chapter_html(
    scheme: Scheme,
    label: str,
    examples: Sequence[Example],
    pairs: Sequence[Pair],
    key: str,
    cited: str = "",
) -> Markup:
    """Return all that is shown of a diagnosis.

    Args:
        scheme: the list of diagnoses.
        label: the key of the diagnosis.
        examples: with what is marked in them.
        pairs: to contrast.
        key: makes the pictures' class names those of this content alone, for `maps_html`.
        cited: HTML that says whose the scans are.
    """
    one, chapter = scheme.get(label), chapter_of(scheme, label)
    figures = [
        example_html(scheme, example, f"{key}-{n}", _EXAMPLE_SIDE)
        for n, example in enumerate(examples)
    ]
    missing = LEARN["no_texts"].format(scheme=scheme.name, label=label)
    contrasts = [
        contrast_html(
            scheme, pair, (f"{key}-{len(examples) + 2 * n}", f"{key}-{len(examples) + 2 * n + 1}")
        )
        for n, pair in enumerate(pairs)
    ]
    sources = [SOURCES[name] for name in chapter.sources] if chapter else [scheme.source]
    return Markup(
        _HTML.chapter(
            LEARN,
            one,
            chapter,
            "" if chapter or one.look_for or one.description else missing,
            figures,
            contrasts,
            [source for source in sources if source],
            Markup(cited),
        )
    )


def contrast_html(scheme: Scheme, pair: Pair, keys: tuple[str, str] = ("", "")) -> Markup:
    """Return two annotated scans of two diagnoses side by side, with what tells them apart.

    It needs nothing around it but the page's styles.

    Args:
        scheme: the list of diagnoses.
        pair: an example of each.
        keys: names of the two pictures where maps are to be laid over them.
    """
    first, second = (example.case.label for example in pair)
    figures = [
        example_html(scheme, example, key, _PAIR_SIDE, titled=True)
        for example, key in zip(pair, keys, strict=True)
    ]
    title = LEARN["pair"].format(first=first, second=second)
    return Markup(_HTML.contrast(title, scheme.tell_apart(first, second), figures))


def example_html(
    scheme: Scheme, example: Example, key: str, most: int, titled: bool = False
) -> Markup:
    """Return an annotated scan with its legend.

    Args:
        scheme: the list of diagnoses.
        example: the scan and its regions.
        key: names the picture.
        most: greatest width of the picture as sent, pixels.
        titled: whether the diagnosis stands above it.
    """
    case = example.case
    height, width = example.scan.shape
    top, bottom = rows = window(example)
    shown = bottom - top
    return Markup(
        _HTML.example(
            {
                "key": key,
                "title": case.label if titled else "",
                "colour": scheme.colours[case.label],
                "badge": LEARN["synthetic"] if case.synthetic else "",
                "width": width,
                "height": height,
                "shown": shown,
                "place": f"top:{-100 * top / shown:.2f}%;height:{100 * height / shown:.2f}%",
                "picture": scan_uri(_fitted(example.scan, most)),
                "alt": _alt(example),
                "map_alt": LEARN["map_alt"].format(label=case.label),
                "marks": marks_of(example, rows),
                "names": [caption(region.name, case.label) for region in example.regions],
                "nothing": LEARN["nothing"],
            }
        )
    )


def _alt(example: Example) -> str:
    label = example.case.label
    kind = LEARN["kind"] if example.case.synthetic else ""
    shown = ", ".join(caption(region.name, label) for region in example.regions)
    text = LEARN["example_alt" if shown else "plain_alt"]
    return text.format(kind=kind, label=label, shown=shown)


def _fitted(scan: Pixels, most: int) -> Pixels:
    """Return the scan at most `most` pixels wide."""
    height, width = scan.shape
    if width <= most:
        return scan
    size = (most, max(1, round(height * most / width)))
    return np.asarray(cv2.resize(scan, size, interpolation=cv2.INTER_AREA), np.uint8)


def maps_html(
    label: str,
    key: str,
    shown: Sequence[Example],
    read: Sequence[Read],
    trained: Sequence[bool | None],
    counted: int,
) -> Markup:
    """Return a line on the model, and the styles that lay its maps over the scans shown.

    Each map is of its scan's own diagnosis.

    Args:
        label: the chapter's diagnosis.
        key: as given to `chapter_html`.
        shown: the examples, then the pairs one after the other, as `chapter_html` names them.
        read: the model's answer and maps for each.
        trained: whether the model was trained on the patient of each; None where nobody knows.
        counted: how many of them the line counts, from the first.
    """
    uris = [
        map_uri(
            maps[list(prediction.probabilities).index(example.case.label)],
            _COLOURS,
            example.scan.shape[1] / example.scan.shape[0],
        )
        for example, (prediction, maps) in zip(shown, read, strict=True)
    ]
    places = [(f"{key}-{n}", uri) for n, uri in enumerate(uris) if uri]
    answers = [prediction for prediction, _ in read[:counted]]
    line = LEARN["map_told"].format(
        model=answers[0].model,
        label=label,
        right=sum(answer.label == label for answer in answers),
        n=len(answers),
    )
    empty = sum(uri is None for uri in uris[:counted])
    told = [line, LEARN["map_empty"].format(n=empty) if empty else "", *_in_training(trained)]
    return Markup(_HTML.maps(places, " ".join(filter(None, told))))


def _in_training(trained: Sequence[bool | None]) -> list[str]:
    """Say of how many scans the model knew the patient, and of how many that is not known."""
    counts = {"map_trained": trained.count(True), "map_not_known": trained.count(None)}
    return [LEARN[key].format(n=n, shown=len(trained)) for key, n in counts.items() if n]
