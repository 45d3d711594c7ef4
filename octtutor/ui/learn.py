"""The tab Learn: what each diagnosis is, annotated examples, pairs to contrast, the layers."""

import html
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import gradio as gr
import numpy as np
import numpy.typing as npt

from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.core.prediction import Prediction
from octtutor.core.region import Outline, Point, Region
from octtutor.datasets.decode import Pixels
from octtutor.errors import BadInputError, ModelError, OctTutorError
from octtutor.tutor.atlas import Atlas, Example, LayerChart
from octtutor.tutor.ports import Maps
from octtutor.ui.browser import Browser, trainee_of
from octtutor.ui.desk import message, told
from octtutor.ui.learn_texts import CHAPTERS, LAYERS, LEARN, PAIRS, SOURCES, Chapter, caption
from octtutor.ui.pictures import map_uri, scan_uri
from octtutor.ui.texts import FULL_NAMES, LOOK_FOR, TELL_APART

LAYERS_TOPIC = "layers"
TOPICS = ((LEARN["layers"], LAYERS_TOPIC), *((str(label), str(label)) for label in LABELS))
Pair = tuple[Example, Example]
Read = tuple[Prediction, Maps]
Rows = tuple[int, int]
"""The first row that is shown of a scan, and the end of them."""
Floats = npt.NDArray[np.float64]

_BAR = gr.Progress()
_COLOURS = "inferno"
_EXAMPLE_SIDE, _PAIR_SIDE, _WHOLE_SIDE = 512, 400, 384
"""Greatest width of a scan as sent, pixels: what keeps a chapter below 3 MB."""
_LEAST_SHOWN = 0.6
"""Share of a scan's height that is shown at least: pictures in a row look alike."""
_CHART_WIDTH, _GUTTER = 520, 144
"""Of the drawn chart: the picture, and room for names beside it, in its own units."""


class LearnHandlers:
    """What the tab's events do. Values in, HTML out; knows no component."""

    def __init__(self, atlas: Atlas, exam_runs: Callable[[str], bool]) -> None:
        """Take the use cases, and what tells whether an exam of a trainee runs."""
        self._atlas, self._exam_runs = atlas, exam_runs

    def refuse_in_exam(self, browser: Browser, topic: Any) -> None:
        """Refuse examples, which tell their diagnosis, to who might be asked them right now.

        Raises:
            BadInputError: an exam of the browser's trainee runs.
        """
        trainee_id = trainee_of(browser)
        if topic != LAYERS_TOPIC and trainee_id and self._exam_runs(trainee_id):
            raise BadInputError(LEARN["in_exam"])

    def decks(self) -> list[tuple[str, str]]:
        """Return (title, name) of the decks that have annotated cases."""
        return [(deck.title, deck.name) for deck in self._atlas.decks()]

    def body(self, topic: Any, deck: Any, page: Any) -> str:
        """Return a topic's content.

        Args:
            topic: `layers` or a diagnosis.
            deck: the name of the deck that examples come from.
            page: which lot of examples, 0 or more.

        Raises:
            BadInputError: there is no such topic, or no annotated scan.
            StoreError: a scan is gone from the data home.
        """
        if topic == LAYERS_TOPIC:
            return layers_html(self._atlas.layers())
        label, lot = _label(topic), _lot(page)
        examples, pairs = self._shown(label, deck, lot)
        return chapter_html(label, examples, pairs, _key(label, lot))

    def maps(self, topic: Any, deck: Any, page: Any) -> Iterator[str]:
        """Return the maps for what `body` shows, after a note when the model must be awaited.

        Raises:
            BadInputError: there is no such topic, or no annotated scan.
            StoreError: a scan is gone from the data home.
        """
        label, lot = _label(topic), _lot(page)
        examples, pairs = self._shown(label, deck, lot)
        shown = [*examples, *(example for pair in pairs for example in pair)]
        try:
            if not self._atlas.has_maps(example.case for example in shown):
                yield _note(LEARN["map_loading"])
            read = [self._atlas.explain(example) for example in shown]
        except ModelError as error:
            yield _note(LEARN["map_fault"].format(fault=error))
            return
        yield maps_html(label, _key(label, lot), shown, read, len(examples))

    def _shown(
        self, label: Diagnosis, deck: Any, lot: int
    ) -> tuple[tuple[Example, ...], tuple[Pair, ...]]:
        name = str(deck or "")
        pairs = [pair for pair in PAIRS if label in pair]
        return (
            self._atlas.examples(name, label, lot),
            tuple(self._atlas.contrast(name, *pair, 2 * lot + n) for n, pair in enumerate(pairs)),
        )


class _Events:
    """What Gradio calls: outputs in the order of the components."""

    def __init__(self, handlers: LearnHandlers) -> None:
        self._handlers = handlers

    def open(self, topic: Any, deck: Any, bar: gr.Progress = _BAR) -> Any:
        if deck is not None:
            return gr.skip()
        bar(0, desc=LEARN["drawing"])
        decks = told(self._handlers.decks)
        if not decks:
            return gr.skip(), _note(LEARN["no_decks"]), gr.skip()
        first = decks[0][1]
        body = told(lambda: self._handlers.body(topic, first, 0))
        return gr.Dropdown(decks, value=first), body, _tools(topic)

    def draw(
        self, kept: Browser, topic: Any, deck: Any, bar: gr.Progress = _BAR
    ) -> tuple[Any, ...]:
        return self._drawn(kept, topic, deck, 0, bar)

    def turn(
        self, kept: Browser, topic: Any, deck: Any, page: Any, bar: gr.Progress = _BAR
    ) -> tuple[Any, ...]:
        return self._drawn(kept, topic, deck, _lot(page) + 1, bar)

    def maps(self, kept: Browser, topic: Any, deck: Any, page: Any, wanted: Any) -> Iterator[str]:
        told(lambda: self._handlers.refuse_in_exam(kept, topic))
        if wanted is not True or topic == LAYERS_TOPIC:
            yield ""
            return
        try:
            yield from self._handlers.maps(topic, deck, page)
        except OctTutorError as error:
            raise message(error) from error

    def _drawn(
        self, kept: Browser, topic: Any, deck: Any, page: int, bar: gr.Progress
    ) -> tuple[Any, ...]:
        told(lambda: self._handlers.refuse_in_exam(kept, topic))
        bar(0, desc=LEARN[f"drawing_{'layers' if topic == LAYERS_TOPIC else 'examples'}"])
        body = told(lambda: self._handlers.body(topic, deck, page))
        return body, _tools(topic), page, ""


def build_learn_tab(
    handlers: LearnHandlers, browser: gr.BrowserState, build_last: Callable[[], None]
) -> None:
    """Lay out the tab and connect it. Must be called inside the page's `gr.Tabs`.

    Args:
        handlers: what its events do.
        browser: what the browser keeps.
        build_last: lays out what comes below.
    """
    with gr.Tab(LEARN["tab"], id="learn") as tab, gr.Column(elem_classes="learn"):
        topic = gr.Radio(
            list(TOPICS), value=LAYERS_TOPIC, label=LEARN["topic"], elem_id="learn-topic"
        )
        with gr.Row(visible=False, elem_classes="learn-tools") as tools:
            deck = gr.Dropdown([], label=LEARN["deck"], elem_id="learn-deck", min_width=200)
            _toggle("outlines", value=True)
            wanted = _toggle("map", value=False)
            others = gr.Button(LEARN["others"], size="sm", elem_id="learn-others", min_width=140)
        maps = gr.HTML(elem_id="learn-maps", apply_default_css=False)
        body = gr.HTML(
            _note(LEARN["drawing"]), elem_id="learn-body", apply_default_css=False, min_height=300
        )
        lot = gr.Number(0, visible="hidden", elem_id="learn-lot")
        build_last()

    events = _Events(handlers)
    # not preprocessed: a restarted or a second server does not know this page's choices
    drawing: dict[str, Any] = {
        "preprocess": False,
        "show_progress_on": body,
        "api_visibility": "private",
        "concurrency_id": "learn",
        "concurrency_limit": 4,
    }
    reading: dict[str, Any] = drawing | {
        "show_progress": "hidden",
        "concurrency_id": "learn-maps",
        "concurrency_limit": 8,
    }
    shown = [body, tools, lot, maps]
    tab.select(events.open, [topic, deck], [deck, body, tools], **drawing)
    changes = [
        topic.input(events.draw, [browser, topic, deck], shown, **drawing),
        deck.input(events.draw, [browser, topic, deck], shown, **drawing),
        others.click(events.turn, [browser, topic, deck, lot], shown, **drawing),
    ]
    shown_now = [browser, topic, deck, lot, wanted]
    for change in changes:
        change.success(events.maps, shown_now, maps, **reading)
    wanted.input(events.maps, shown_now, maps, **reading)


def _toggle(name: str, value: bool) -> gr.Checkbox:
    return gr.Checkbox(
        value,
        label=LEARN[name],
        interactive=True,  # no event reads the outlines: styles do
        container=False,
        elem_id=f"learn-{name}",
        elem_classes=f"learn-{name}",
        min_width=160,
    )


def _tools(topic: Any) -> gr.Row:
    return gr.Row(visible=topic != LAYERS_TOPIC)


def _label(topic: Any) -> Diagnosis:
    if topic in LABELS:  # a diagnosis equals its word
        return Diagnosis(topic)
    raise BadInputError(LEARN["bad_topic"].format(topic=str(topic)[:40]))


def _lot(page: Any) -> int:
    fits = isinstance(page, int) and not isinstance(page, bool) and 0 <= page < 10_000
    return page if fits else 0


def _key(label: Diagnosis, lot: int) -> str:
    return f"{label.lower()}-{lot}"


def _note(text: str) -> str:
    return f"<p class='learn-note' role='status'>{html.escape(text)}</p>"


# --- a diagnosis ----------------------------------------------------------------------------


def chapter_html(
    label: Diagnosis, examples: Sequence[Example], pairs: Sequence[Pair], key: str
) -> str:
    """Return all that is shown of a diagnosis.

    Args:
        label: the diagnosis.
        examples: with what is marked in them.
        pairs: to contrast.
        key: makes the pictures' class names those of this content alone, for `maps_html`.
    """
    chapter = CHAPTERS[label]
    figures = "".join(
        example_html(example, f"{key}-{n}", _EXAMPLE_SIDE) for n, example in enumerate(examples)
    )
    contrasts = "".join(
        contrast_html(
            pair, (f"{key}-{len(examples) + 2 * n}", f"{key}-{len(examples) + 2 * n + 1}")
        )
        for n, pair in enumerate(pairs)
    )
    return (
        f"<article class='chapter {label.lower()}'>"
        f"<h2>{_named(label)}<small>{FULL_NAMES[label]}</small></h2>"
        f"{_words(label, chapter)}"
        f"<h3>{LEARN['examples']}</h3><div class='examples'>{figures}</div>"
        f"<h3>{LEARN['contrast']}</h3><div class='contrasts'>{contrasts}</div>"
        f"{_sources(chapter.sources)}</article>"
    )


def _words(label: Diagnosis, chapter: Chapter) -> str:
    what = "".join(f"<p>{text}</p>" for text in chapter.what)
    signs = "".join(
        f"<li><b>{sign.name}</b><span class='where'>{sign.where}</span>"
        f"<span>{sign.look}</span></li>"
        for sign in chapter.signs
    )
    return (
        f"<p class='short'><b>{LEARN['short']}:</b> {LOOK_FOR[label]}</p>"
        f"<div class='words'><section><h3>{LEARN['what']}</h3>{what}</section>"
        f"<section><h3>{LEARN['signs']}</h3><ul class='signs'>{signs}</ul>"
        f"<p class='beware'><b>{LEARN['beware']}:</b> {chapter.beware}</p></section></div>"
    )


def _sources(keys: Iterable[str]) -> str:
    items = "".join(f"<li>{html.escape(SOURCES[key])}</li>" for key in keys)
    return (
        f"<details class='sources'><summary>{LEARN['sources']}</summary><ul>{items}</ul></details>"
    )


def _named(label: Diagnosis) -> str:
    return f"<span class='name {label.lower()}'><i class='swatch'></i>{label}</span>"


def contrast_html(pair: Pair, keys: tuple[str, str] = ("", "")) -> str:
    """Return two annotated scans of two diagnoses side by side, with what tells them apart.

    It needs nothing around it but the page's styles.

    Args:
        pair: an example of each.
        keys: names of the two pictures where maps are to be laid over them.
    """
    first, second = (example.case.label for example in pair)
    figures = "".join(
        example_html(example, key, _PAIR_SIDE, titled=True)
        for example, key in zip(pair, keys, strict=True)
    )
    title = LEARN["pair"].format(first=first, second=second)
    words = TELL_APART[frozenset((first, second))]
    return (
        f"<section class='learn pair' aria-label='{title}'><h4>{title}</h4><p>{words}</p>"
        f"<div class='two'>{figures}</div></section>"
    )


def example_html(example: Example, key: str, most: int, titled: bool = False) -> str:
    """Return an annotated scan with its legend.

    Args:
        example: the scan and its regions.
        key: names the picture.
        most: greatest width of the picture as sent, pixels.
        titled: whether the diagnosis stands above it.
    """
    case = example.case
    named = f" at-{key}" if key else ""
    badge = f"<span class='badge'>{LEARN['synthetic']}</span>" if case.synthetic else ""
    title = f"<p class='title'>{_named(case.label)}</p>" if titled else ""
    return (
        f"<figure class='example{named}'>{title}{_scan(example, most, badge)}"
        f"{_legend(example)}</figure>"
    )


def _scan(example: Example, most: int, badge: str) -> str:
    """Return the rows of a scan that matter, with room for its map, under the outlines."""
    height, width = example.scan.shape
    top, bottom = rows = window(example)
    shown = bottom - top
    place = f"top:{-100 * top / shown:.2f}%;height:{100 * height / shown:.2f}%"
    over = LEARN["map_alt"].format(label=example.case.label)
    return (
        f"<div class='scan' style='aspect-ratio:{width}/{shown}'>"
        f"<div class='plane' style='{place}'>"
        f"<img src='{scan_uri(_fitted(example.scan, most))}' alt='{html.escape(_alt(example))}'>"
        f"<div class='map' role='img' aria-label='{over}'></div>"
        f"{_marks(example, rows)}</div>{badge}</div>"
    )


def _alt(example: Example) -> str:
    label = example.case.label
    kind = LEARN["kind"] if example.case.synthetic else ""
    shown = ", ".join(caption(region.name, label) for region in example.regions)
    text = LEARN["example_alt" if shown else "plain_alt"]
    return text.format(kind=kind, label=label, shown=shown)


def _legend(example: Example) -> str:
    names = [caption(region.name, example.case.label) for region in example.regions]
    items = "".join(f"<li>{html.escape(name)}</li>" for name in names)
    inside = f"<ol>{items}</ol>" if items else f"<p>{LEARN['nothing']}</p>"
    return f"<figcaption>{inside}</figcaption>"


def _fitted(scan: Pixels, most: int) -> Pixels:
    """Return the scan at most `most` pixels wide."""
    height, width = scan.shape
    if width <= most:
        return scan
    size = (most, max(1, round(height * most / width)))
    return np.asarray(cv2.resize(scan, size, interpolation=cv2.INTER_AREA), np.uint8)


# --- regions over a scan --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Marker:
    """Where a region's number stands, and the point of the region that it leads to."""

    at: Point
    to: Point


def _marks(example: Example, rows: Rows) -> str:
    """Return the outlines, and the numbers that lead to them."""
    height, width = example.scan.shape
    markers = place_markers(example.regions, example.scan, rows)
    paths = "".join(
        f"<path class='region' d='{_path(region.parts)}'/>"
        f"<path class='lead' d='M{_pair(marker.at)} L{_pair(marker.to)}'/>"
        for region, marker in zip(example.regions, markers, strict=True)
    )
    numbers = "".join(
        f"<i class='mark' style='left:{100 * marker.at[0] / width:.1f}%;"
        f"top:{100 * marker.at[1] / height:.1f}%'>{n}</i>"
        for n, marker in enumerate(markers, start=1)
    )
    return (
        f"<div class='outline' aria-hidden='true'><svg viewBox='0 0 {width} {height}' "
        f"preserveAspectRatio='none' focusable='false'>{paths}</svg>{numbers}</div>"
    )


def _path(parts: Iterable[Outline]) -> str:
    return " ".join("M" + " L".join(map(_pair, outline)) + " Z" for outline in parts)


def _pair(point: Point) -> str:
    return f"{point[0]:.1f} {point[1]:.1f}"


def window(example: Example) -> Rows:
    """Return the first row and the end of the rows worth showing: retina and regions."""
    height, _ = example.scan.shape
    bright = np.percentile(example.scan, 95, axis=1)
    lit = np.flatnonzero(bright > 0.45 * bright.max())
    marked = [y for region in example.regions for part in region.parts for _, y in part]
    top = min([float(lit[0]), *marked]) - 0.1 * height
    bottom = max([float(lit[-1]), *marked]) + 0.1 * height
    half = max(bottom - top, _LEAST_SHOWN * height) / 2
    middle = float(np.clip((top + bottom) / 2, half, max(half, height - half)))
    return max(0, round(middle - half)), min(height, round(middle + half))


def place_markers(regions: Sequence[Region], scan: Pixels, rows: Rows) -> tuple[Marker, ...]:
    """Find a place for each region's number: near it, where it hides little, apart from others.

    Args:
        regions: in scan pixels.
        scan: uint8 (height, width).
        rows: the first of its rows that is shown, and the end of them.
    """
    height, width = scan.shape
    needed = scan // 3
    for region in regions:
        cv2.fillPoly(needed, [_points(part) for part in region.parts], (255,))
    sums = np.asarray(cv2.integral(needed), np.int32)
    targets = [_middle(region.largest, (height, width)) for region in regions]
    placed: list[Marker] = []
    for target in targets:
        spots = _spots(target, width, rows)
        others = [other for other in targets if other != target]
        best = spots[int(_costs(spots, target, placed, others, sums).argmin())]
        placed.append(Marker((float(best[0]), float(best[1])), target))
    return tuple(placed)


def _points(outline: Outline) -> npt.NDArray[np.int32]:
    points: npt.NDArray[np.int32] = np.floor(np.array(outline)).astype(np.int32)
    return points


def _middle(outline: Outline, shape: tuple[int, int]) -> Point:
    """Return the point inside an outline that lies farthest from its edge."""
    inside = np.zeros((shape[0] + 2, shape[1] + 2), np.uint8)
    cv2.fillPoly(inside, [_points(outline) + 1], (1,))
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 3)
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return float(column) - 0.5, float(row) - 0.5


def _spots(target: Point, width: int, rows: Rows) -> Floats:
    """Return places around a point that a number can stand at, float64 (n, 2)."""
    unit = width / 512
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    steps = unit * np.array([34.0, 46, 60, 78, 100, 130])[:, None]
    x = (target[0] + steps * np.cos(angles)).ravel()
    y = (target[1] + steps * np.sin(angles)).ravel()
    edge = 22 * unit
    wide, high = (edge, width - edge), (rows[0] + edge, rows[1] - edge)
    inside = (x >= wide[0]) & (x <= wide[1]) & (y >= high[0]) & (y <= high[1])
    spots: Floats = np.stack([x, y], axis=1)[inside]
    return spots if len(spots) else np.array([[width / 2, sum(rows) / 2]])


def _costs(
    spots: Floats,
    target: Point,
    placed: Sequence[Marker],
    others: Sequence[Point],
    sums: npt.NDArray[np.int32],
) -> Floats:
    """Return how bad each place is, in pixels of a scan 512 wide: far, covering, or crowded."""
    unit = (sums.shape[1] - 1) / 512
    costs: Floats = _apart(spots, target) / unit + 260 * _share(spots, 19 * unit, sums)
    for marker in placed:
        costs = costs + 1000 * (_apart(spots, marker.at) < 42 * unit)
        costs = costs + 250 * _crosses(spots, target, marker)
    for other in others:
        costs = costs + 300 * (_apart(spots, other) < 26 * unit)
    return costs


def _apart(spots: Floats, point: Point) -> Floats:
    distance: Floats = np.hypot(spots[:, 0] - point[0], spots[:, 1] - point[1])
    return distance


def _share(spots: Floats, reach: float, sums: npt.NDArray[np.int32]) -> Floats:
    """Return how much of the square around each place is needed, 0 to 1; `sums` of 0 to 255."""
    most = np.array(sums.shape[::-1]) - 1
    left, top = np.clip(spots - reach, 0, most).astype(int).T
    right, bottom = np.clip(spots + reach, 0, most).astype(int).T
    inside = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    share: Floats = inside / np.maximum(1, 255 * (right - left) * (bottom - top))
    return share


def _crosses(spots: Floats, target: Point, marker: Marker) -> npt.NDArray[np.bool_]:
    """Return whether the line from each place to the target crosses the marker's line."""
    here, there = np.array(target), (np.array(marker.at), np.array(marker.to))
    ends = [_turn(spots, here, end) for end in there]
    own = [_turn(there[0], there[1], spots), _turn(there[0], there[1], here)]
    crossing: npt.NDArray[np.bool_] = (ends[0] != ends[1]) & (own[0] != own[1])
    return crossing


def _turn(a: Floats, b: Floats, c: Floats) -> npt.NDArray[np.bool_]:
    """Return whether the way from a over b to c turns left; each float64 (..., 2)."""
    along, onwards = b - a, c - a
    turns: npt.NDArray[np.bool_] = np.greater(
        along[..., 0] * onwards[..., 1], along[..., 1] * onwards[..., 0]
    )
    return turns


# --- the model's maps -----------------------------------------------------------------------


def maps_html(
    label: Diagnosis, key: str, shown: Sequence[Example], read: Sequence[Read], counted: int
) -> str:
    """Return a line on the model, and the styles that lay its maps over the scans shown.

    Each map is of its scan's own diagnosis.

    Args:
        label: the chapter's diagnosis.
        key: as given to `chapter_html`.
        shown: the examples, then the pairs one after the other, as `chapter_html` names them.
        read: the model's answer and maps for each.
        counted: how many of them the line counts, from the first.
    """
    uris = [_map_of(example, maps) for example, (_, maps) in zip(shown, read, strict=True)]
    styles = "".join(
        f".learn .at-{key}-{n} .map {{ background-image: url({uri}); }}"
        for n, uri in enumerate(uris)
        if uri
    )
    answers = [prediction for prediction, _ in read[:counted]]
    told = LEARN["map_told"].format(
        model=answers[0].model,
        label=label,
        right=sum(answer.label is label for answer in answers),
        n=len(answers),
    )
    empty = sum(uri is None for uri in uris[:counted])
    more = " " + LEARN["map_empty"].format(n=empty) if empty else ""
    return f"<style>{styles}</style>{_note(told + more)}"


def _map_of(example: Example, maps: Maps) -> str | None:
    height, width = example.scan.shape
    return map_uri(maps[LABELS.index(example.case.label)], _COLOURS, width / height)


# --- the layers -----------------------------------------------------------------------------


def layers_html(chart: LayerChart) -> str:
    """Return the chart of the layers with what to know of each."""
    items = "".join(
        f"<div><dt>{LAYERS[layer.name][0]}</dt><dd><b>{LAYERS[layer.name][1]}</b> "
        f"{LAYERS[layer.name][2]}</dd></div>"
        for layer in chart.layers
    )
    return (
        f"<article class='chapter layers'><h2>{LEARN['layers_title']}</h2>"
        f"<p class='short'>{LEARN['layers_intro']}</p>"
        f"<div class='charts'>{_chart(chart)}{_whole(chart)}</div>"
        f"<dl class='names'>{items}</dl>{_sources(('staurenghi', 'grover', 'duker'))}</article>"
    )


def _chart(chart: LayerChart) -> str:
    """Return the closer view with a name beside each layer."""
    left, _, across, down = chart.frame
    x, y = _CHART_WIDTH / across, _CHART_WIDTH / across * chart.pixel_ratio
    height = round(down * y)
    step = height / len(chart.layers)
    layers = "".join(
        _layer(layer, (x, y), (n + 0.5) * step) for n, layer in enumerate(chart.layers)
    )
    names = ", ".join(LAYERS[layer.name][1] for layer in chart.layers)
    picture = scan_uri(_stretched(chart.view, _CHART_WIDTH, height))
    return (
        f"<figure class='chart'><svg viewBox='0 0 {_CHART_WIDTH + _GUTTER} {height}' role='img' "
        f"aria-label='{html.escape(LEARN['layers_alt'].format(names=names))}'>"
        f"<image href='{picture}' width='{_CHART_WIDTH}' height='{height}' "
        f"preserveAspectRatio='none'/>{layers}{_pit(chart, left, (x, y))}</svg>"
        f"<span class='badge'>{LEARN['synthetic']}</span>"
        f"<figcaption>{LEARN['layers_hint']}</figcaption></figure>"
    )


def _layer(layer: Region, scale: Point, name_y: float) -> str:
    """Return a layer's band, and its name joined to it by a line."""
    points = [(x * scale[0], y * scale[1]) for x, y in layer.largest]
    edge = max(x for x, _ in points)
    rows = [y for x, y in points if x == edge]
    path = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in points) + " Z"
    middle = sum(rows) / len(rows)
    lead = f"M{edge - 8:.1f} {middle:.1f} H{_CHART_WIDTH + 2} L{_CHART_WIDTH + 22} {name_y:.1f}"
    return (
        f"<g class='layer'><path class='band' d='{path}'/><path class='lead' d='{lead}'/>"
        f"<text x='{_CHART_WIDTH + 27}' y='{name_y:.1f}' dy='0.36em'>"
        f"{LAYERS[layer.name][0]}</text></g>"
    )


def _pit(chart: LayerChart, left: int, scale: Point) -> str:
    """Return the words `foveal pit` over it."""
    x = chart.fovea - left
    vitreous = chart.layers[0].largest
    surface = vitreous[len(vitreous) // 2 :]
    bottom = max(y for px, y in surface if abs(px - x) < 12)
    return (
        f"<text class='on-scan' x='{x * scale[0]:.1f}' y='{bottom * scale[1] - 30:.1f}' "
        f"text-anchor='middle'>{LEARN['pit']}</text>"
        f"<path class='lead' d='M{x * scale[0]:.1f} {bottom * scale[1] - 24:.1f} v16'/>"
    )


def _whole(chart: LayerChart) -> str:
    """Return the whole scan with a frame around the closer view."""
    height, width = chart.whole.shape
    down = round(_WHOLE_SIDE * height / width * chart.pixel_ratio)
    x, y = _WHOLE_SIDE / width, down / height
    left, top, across, high = chart.frame
    return (
        f"<figure class='whole'><svg viewBox='0 0 {_WHOLE_SIDE} {down}' role='img' "
        f"aria-label='{html.escape(LEARN['whole_alt'])}'>"
        f"<image href='{scan_uri(_stretched(chart.whole, _WHOLE_SIDE, down))}' "
        f"width='{_WHOLE_SIDE}' height='{down}'/>"
        f"<rect x='{left * x:.1f}' y='{top * y:.1f}' width='{across * x:.1f}' "
        f"height='{high * y:.1f}'/></svg><span class='badge'>{LEARN['synthetic']}</span>"
        f"<figcaption>{LEARN['whole']}</figcaption></figure>"
    )


def _stretched(scan: Pixels, width: int, height: int) -> Pixels:
    """Return the scan at another size."""
    shrinks = width * height < scan.size
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(scan, (width, height), interpolation=how), np.uint8)
