"""Learn: annotated examples of each diagnosis, pairs to contrast, and the layers by name."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.core.case import Case, Deck
from octtutor.core.disclosure import learn_examples
from octtutor.core.prediction import Prediction
from octtutor.core.region import Outline, Region
from octtutor.core.scheme import Scheme, SchemeVersion
from octtutor.datasets.decode import Pixels
from octtutor.datasets.schemes.scheme_registry import SHIPPED, Schemes
from octtutor.errors import BadInputError
from octtutor.phantom.anatomy import Layer
from octtutor.phantom.finding_masks import Layered, draw_layers, retell
from octtutor.store.contract import DeckStore
from octtutor.tutor.decks.deck_import import EMBEDDED
from octtutor.tutor.decks.deck_schemes import scheme_of
from octtutor.tutor.ports import Images, Maps, Shelf

RegionsOf = Callable[[Case], tuple[Region, ...]]
"""Returns what is marked in a case, lesions first; nothing where nothing is known."""

EXAMPLES = 6
"""Shown of a diagnosis at a time."""
UNNAMED = "lesion"
"""Name of a region that only a mask tells of, in a case without findings."""
_POOL = 200
"""Cases of a class that examples are taken from; choosing among more shows nothing new."""
_LEAST_PX = 12.0
"""Parts with less area, in pixels, are left out, unless all are so small."""
_MOST_PARTS = 12
_LAYER_NAMES = tuple(layer for layer in Layer if layer not in (Layer.SUBRETINAL, Layer.SUB_RPE))


@dataclass(frozen=True, slots=True)
class Example:
    """A case to learn from, with what is marked in it."""

    case: Case
    scan: Pixels
    regions: tuple[Region, ...]
    """In pixels of the scan."""


@dataclass(frozen=True, slots=True)
class LayerChart:
    """A healthy synthetic scan, and a closer view of it in which each layer is marked.

    Attributes:
        whole: uint8 (height, width), the scan.
        frame: left, top, width and height of the closer view in pixels of `whole`.
        layers: the layers by `Layer`'s names, from the vitreous down, in pixels of the view.
        fovea: x of the foveal centre, pixels of `whole`.
        pixel_ratio: how many times a pixel is as high as it is wide, as instruments show it.
    """

    whole: Pixels
    frame: tuple[int, int, int, int]
    layers: tuple[Region, ...]
    fovea: float
    pixel_ratio: float

    @property
    def view(self) -> Pixels:
        """The closer view, uint8 (height, width)."""
        left, top, width, height = self.frame
        return self.whole[top : top + height, left : left + width]


class Atlas:
    """Finds what a trainee learns from; everything it gives tells the diagnosis."""

    def __init__(
        self,
        store: DeckStore,
        images: Images,
        shelf: Shelf,
        regions_of: RegionsOf | None = None,
        schemes: Schemes = SHIPPED,
    ) -> None:
        """Take the records, the scans on disk and the models.

        Args:
            store: the records.
            images: the scans on disk.
            shelf: the models at hand.
            regions_of: tells what is marked in a case; `known_regions` by default.
            schemes: the lists of diagnoses at hand.
        """
        self._store, self._images, self._shelf, self._schemes = store, images, shelf, schemes
        self._regions_of = regions_of or partial(known_regions, images)
        self._taught = lru_cache(maxsize=16)(self._find_taught)

    def decks(self) -> tuple[Deck, ...]:
        """Return the offered decks that have annotated cases, the embedded one first."""
        taught = [deck for deck in self._store.decks() if self._cases(deck)]
        return tuple(sorted(taught, key=lambda deck: deck.name != EMBEDDED))

    def find_deck(self, name: str) -> Deck | None:
        """Return a deck."""
        return self._store.find_deck(name)

    def scheme_of(self, deck: str) -> Scheme:
        """Return a deck's list of diagnoses; that of one which is not there is oct2017's.

        Raises:
            BadInputError: it is not at hand.
        """
        return self._schemes.of(scheme_of(self._store, deck))

    def has_examples(self, deck: str, label: str) -> bool:
        """Whether a deck has annotated cases of a diagnosis."""
        found = self._store.find_deck(deck)
        return bool(found and self._cases(found).get(label))

    def examples(
        self, deck: str, label: str, page: int = 0, most: int = EXAMPLES
    ) -> tuple[Example, ...]:
        """Return annotated cases of a diagnosis, from plain to full of signs.

        Args:
            deck: the deck's name; the embedded deck helps out where one of its scheme has none
                of the class.
            label: the diagnosis.
            page: which lot of them, 0 or more; beyond the last they begin again.
            most: how many.

        Raises:
            BadInputError: there is none, or no such deck.
            StoreError: a scan is gone from the data home.
        """
        cases = self._of_class(deck, label)
        start = page * most % len(cases)
        turned = (*cases[start:], *cases[:start])
        return tuple(map(self.example, turned[:most]))

    def contrast(self, deck: str, first: str, second: str, seed: int) -> tuple[Example, Example]:
        """Return an annotated case of each of two diagnoses, drawn with a seed.

        Raises:
            BadInputError: there is none of one of them, or no such deck.
            StoreError: a scan is gone from the data home.
        """
        rng = random.Random(seed)
        left, right = (rng.choice(self._of_class(deck, label)) for label in (first, second))
        return self.example(left), self.example(right)

    def layers(self) -> LayerChart:
        """Return the chart of the layers; the first time takes about half a second."""
        return layer_chart()

    @property
    def model_scheme(self) -> SchemeVersion:
        """The list of diagnoses of the model in use.

        Raises:
            ModelError: there is no model.
        """
        return self._shelf.current().scheme

    def has_maps(self, cases: Iterable[Case]) -> bool:
        """Return whether `explain` would answer on all of them without waiting for the model.

        Raises:
            ModelError: there is no model.
        """
        predictor = self._shelf.current()
        return predictor.is_ready or all(predictor.knows(case.sha256) for case in cases)

    def explain(self, example: Example) -> tuple[Prediction, Maps]:
        """Return the model's answer and its raw maps, float32 (k, h, w), in its order.

        Raises:
            ModelError: the model cannot be used.
        """
        return self._shelf.current().read(example.case.sha256, example.scan)

    def trained_on(self, case: Case) -> bool | None:
        """Whether the model was trained on a case's patient; None where nobody knows who that is.

        Raises:
            ModelError: there is no model.
        """
        if self._shelf.current().trained_on(case.sha256, case.patient):
            return True
        return None if case.has_unknown_patient else False

    def example(self, case: Case) -> Example:
        """Return a case with what is marked in it.

        Raises:
            StoreError: the scan is gone from the data home.
        """
        return Example(case, self._images.read(case.sha256), self._regions_of(case))

    def _of_class(self, name: str, label: str) -> tuple[Case, ...]:
        scheme = scheme_of(self._store, name)
        for deck in map(self._store.find_deck, (name, EMBEDDED)):
            cases = self._cases(deck).get(label) if deck and deck.scheme == scheme else None
            if cases:
                return cases
        raise BadInputError(
            f"Expected a deck with annotated scans of {label}. Received {name[:80]!r}, which has "
            "none, and the embedded deck is missing. Choose another deck."
        )

    def _cases(self, deck: Deck) -> dict[str, tuple[Case, ...]]:
        if not deck.offered:
            return {}
        return self._taught(deck, self._store.count_cases(deck.name))

    def _find_taught(self, deck: Deck, count: int) -> dict[str, tuple[Case, ...]]:
        """Return the annotated cases of each class; none at all when no lesion is marked.

        `count` is there so that more scans in a deck make a new answer.
        """
        del count
        there = self._store.cases_of(deck.name)
        scheme = self._schemes.of(deck.scheme)
        examples = learn_examples(there, scheme.normal)
        if not examples:
            return {}
        cases = [case for case in there if case.sha256 in examples]
        return {
            label: in_teaching_order([case for case in cases if case.label == label][:_POOL])
            for label in scheme.keys
        }


def in_teaching_order(cases: Sequence[Case]) -> tuple[Case, ...]:
    """Order cases so that each shows a sign not seen yet and few others; then all over again."""
    left, order, seen = list(cases), list[Case](), set[str]()
    while left:
        fresh = [case for case in left if not seen.issuperset(case.findings)]
        if not fresh:
            seen.clear()
        chosen = min(fresh or left, key=lambda case: len(case.findings))
        seen.update(chosen.findings)
        left.remove(chosen)
        order.append(chosen)
    return tuple(order)


def known_regions(images: Images, case: Case) -> tuple[Region, ...]:
    """Return what is marked in a case: by name where its seed is known, else its mask's parts."""
    facts = retold_regions(case.sha256)
    if facts or case.mask_sha256 is None:
        return facts
    name = "; ".join(case.findings) or UNNAMED
    parts = trace(images.read(case.mask_sha256))
    return (Region(name, parts),) if parts else ()


@lru_cache(maxsize=128)
def retold_regions(sha256: str) -> tuple[Region, ...]:
    """Return the named regions of a shipped scan, nothing for any other.

    Args:
        sha256: of the scan's file.
    """
    return tuple(Region(found.name, trace(found.mask)) for found in retell(sha256) or ())


def trace(mask: npt.NDArray[np.uint8]) -> tuple[Outline, ...]:
    """Return the outlines of a mask's connected parts, the largest first, a dozen at most.

    Specks would have no outline to see, so where there is nothing larger it runs around them.

    Args:
        mask: uint8 (height, width), above 127 inside.
    """
    inside = (mask > 127).astype(np.uint8)
    contours = _contours(inside)
    if contours and cv2.contourArea(contours[0]) < 4 * _LEAST_PX:
        contours = _contours(cv2.dilate(inside, np.ones((7, 7), np.uint8)).astype(np.uint8))
    large = [found for found in contours if cv2.contourArea(found) >= _LEAST_PX]
    return tuple(map(_outline, large[:_MOST_PARTS]))


def _contours(inside: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.int32]]:
    found, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return sorted((np.asarray(c, np.int32) for c in found), key=cv2.contourArea, reverse=True)


def _outline(contour: npt.NDArray[np.int32]) -> Outline:
    simple = cv2.approxPolyDP(contour, 0.7, closed=True)[:, 0]
    return tuple((float(x) + 0.5, float(y) + 0.5) for x, y in simple)


@lru_cache(maxsize=1)
def layer_chart() -> LayerChart:
    """Draw the chart of the layers: from the foveal pit to the thick parafovea."""
    drawn = draw_layers()
    frame = _frame(drawn)
    layers = tuple(_layer(drawn, layer, frame) for layer in _LAYER_NAMES)
    return LayerChart(drawn.scan, frame, layers, drawn.fovea, _pixel_ratio(drawn.scan))


def _frame(drawn: Layered) -> tuple[int, int, int, int]:
    """Return the part of the scan that shows every layer well: left, top, width, height."""
    height, width = drawn.scan.shape
    left, across = round(drawn.fovea - 0.06 * width), round(0.34 * width)
    seen = drawn.surfaces[:, left : left + across]
    top = round(float(seen[Layer.VITREOUS].min()) - 0.03 * height)
    bottom = round(float(seen[Layer.BM].max()) + 0.06 * height)
    return left, top, across, bottom - top


def _layer(drawn: Layered, layer: Layer, frame: tuple[int, int, int, int]) -> Region:
    """Return a layer as a band across the frame, in its pixels."""
    left, top, across, down = frame
    columns = np.linspace(0, across - 1, 66).round().astype(int)
    surfaces = np.clip(drawn.surfaces[:, left + columns] - top, 0, down)
    over = surfaces[layer - 1] if layer is not Layer.VITREOUS else np.zeros(columns.size)
    under = surfaces[layer]
    band = [*zip(columns, over, strict=True), *zip(columns[::-1], under[::-1], strict=True)]
    outline = tuple((float(x) + 0.5, round(float(y), 1)) for x, y in band)
    return Region(layer.name, (outline,))


def _pixel_ratio(scan: Pixels) -> float:
    """Return a pixel's height over its width as a Spectralis shows 496 by 512 of them."""
    height, width = map(int, scan.shape)
    return 496 * width / (512 * height)
