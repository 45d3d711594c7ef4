"""All use cases of annotating, put together."""

from collections.abc import Callable
from dataclasses import dataclass

from octtutor.datasets.schemes.scheme_registry import SHIPPED, Schemes
from octtutor.store.contract import Store
from octtutor.tutor.annotation.assignment_queue import AssignmentQueue
from octtutor.tutor.annotation.projects import Projects
from octtutor.tutor.annotation.reading import Annotators
from octtutor.tutor.annotation.settling import Settling
from octtutor.tutor.ports import Clock, Images, LabelCheck, Shelf
from octtutor.tutor.practice.starting import draw_seed


@dataclass(frozen=True, slots=True)
class Annotating:
    """What educators do with projects, annotators with scans, and both with what was said."""

    projects: Projects
    annotators: Annotators
    settling: Settling
    schemes: Schemes


def open_annotating(
    store: Store,
    images: Images,
    shelf: Shelf,
    clock: Clock,
    draw_seed: Callable[[], int] = draw_seed,
    label_check: LabelCheck | None = None,
    schemes: Schemes = SHIPPED,
) -> Annotating:
    """Put the use cases together; `draw_seed` gives a project's seed, which draws its controls."""
    queue = AssignmentQueue(store, images, shelf, clock, label_check)
    return Annotating(
        Projects(store, images, queue, clock, draw_seed, label_check, schemes),
        Annotators(store, images, shelf, queue, clock, schemes),
        Settling(store, images, queue, clock, schemes),
        schemes,
    )
