"""What the events of step 1 of the tab Annotate do: the projects, and their order."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from octtutor.core.annotation.annotation import Project
from octtutor.errors import BadInputError, OctTutorError
from octtutor.reports.citing import cited_html
from octtutor.store.contract import Store
from octtutor.tutor.annotation.assignment_queue import AHEAD
from octtutor.tutor.annotation.orders import ORDERS, Basis
from octtutor.tutor.annotation.projects import Projects
from octtutor.ui.annotate.texts import ANNOTATE
from octtutor.ui.annotate.views import doubts_view, project_choice, projects_table, told_line

Choices = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class ProjectForm:
    """A new project as it was typed; nothing of it is checked."""

    name: Any
    title: Any
    deck: Any
    readers: Any
    controls: Any
    """Percent."""
    order: Any
    random_share: Any
    """Percent."""
    suggest: Any


class ProjectHandlers:
    """Projects: the list, a new one, its order, close and reopen."""

    def __init__(self, projects: Projects, store: Store) -> None:
        """Take the use cases and the records."""
        self._projects, self._store = projects, store

    def projects(self) -> Choices:
        """Return the projects to choose from, the latest first."""
        return [(project_choice(each), each.name) for each in self._store.projects()]

    def first(self, who: str) -> str | None:
        """Return the project to begin with: where the annotator has a scan, else the latest."""
        projects = self._store.projects()
        there = [each for each in projects if each.closed_at is None] or list(projects)
        begun = [
            each
            for each in there
            if any(one.done_at is None for one in self._store.assignments_in(each.name, who))
        ]
        return next((each.name for each in (*begun, *there)), None)

    def decks(self) -> Choices:
        """Return the decks that can be annotated."""
        decks = (deck for deck in self._store.decks() if deck.complete)
        return [(f"{deck.title} ({deck.name})", deck.name) for deck in decks]

    def table(self, who: str, chosen: Any) -> str:
        """Draw the projects, and whose scans they are of."""
        overviews = self._projects.all(who)
        decks = dict.fromkeys(each.project.deck for each in overviews)
        table = projects_table(overviews, chosen if isinstance(chosen, str) else None)
        return table + cited_html(map(self._store.find_deck, decks))

    def create(self, form: ProjectForm) -> tuple[str, str]:
        """Make a project; return its name and a line that says so.

        Raises:
            BadInputError: something in the form is of no use.
            StaleError: the name is taken.
        """
        order = str(form.order or "")
        if order not in ORDERS:
            raise BadInputError(ANNOTATE["need_order"].format(value=order[:40]))
        project = self._projects.create(
            name=str(form.name or "").strip(),
            title=str(form.title or "").strip() or str(form.name or "").strip(),
            deck=str(form.deck or ""),
            readers=whole_number(form.readers, ANNOTATE["readers"]),
            controls=_number(form.controls, ANNOTATE["controls"]) / 100,
            order=order,
            random_share=_number(form.random_share, ANNOTATE["random_share"]) / 100,
            suggest=form.suggest is True,
        )
        line = ANNOTATE["created" if project.readers > 1 else "one_reader"]
        scans = self._store.count_cases(project.deck)
        return project.name, line.format(title=project.title, scans=scans, readers=project.readers)

    def read_ahead(self, project: Any, progress: Callable[[int, int], None]) -> str:
        """Reckon what a project's order goes by, and draw a line that says what came of it."""
        found = find_project(self._store, project)
        basis = ORDERS[found.order].basis
        if basis is Basis.NOTHING:
            return ""
        if basis is Basis.LABEL_ISSUES:
            try:
                return doubts_view(self._projects.doubt_labels(found.name, progress))
            except OctTutorError as error:
                return told_line(ANNOTATE["not_doubted"].format(why=error))
        known, left = self._projects.answer_ahead(found.name, progress)
        if not known:
            return told_line(ANNOTATE["not_read_ahead" if left else "nothing_ahead"])
        more = ANNOTATE["read_more"].format(most=AHEAD) if known < left else ""
        return told_line(ANNOTATE["read_ahead"].format(n=known, left=left) + more)

    def order_anew(self, project: Any, progress: Callable[[int, int], None]) -> str:
        """Reckon a project's order by the present model and deck, and draw what came of it."""
        return self.read_ahead(project, progress) or told_line(ANNOTATE["is_random"])

    def close(self, project: Any) -> str:
        """Close a project."""
        self._projects.close(find_project(self._store, project).name)
        return ANNOTATE["closed"]

    def reopen(self, project: Any) -> str:
        """Open a project again."""
        self._projects.reopen(find_project(self._store, project).name)
        return ANNOTATE["reopened"]

    def is_project(self, name: Any) -> bool:
        """Whether there is a project of this name."""
        return is_project(self._store, name)


def find_project(store: Store, name: Any) -> Project:
    """Return the project that a page names.

    Raises:
        BadInputError: there is none of this name.
    """
    found = store.find_project(name) if isinstance(name, str) else None
    if found is None:
        raise BadInputError(ANNOTATE["need_project"])
    return found


def is_project(store: Store, name: Any) -> bool:
    """Whether there is a project of this name."""
    return isinstance(name, str) and store.find_project(name) is not None


def whole_number(value: Any, what: str) -> int:
    """Return a whole number that a page sent for a field.

    Raises:
        BadInputError: it is none; the message says for what.
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadInputError(ANNOTATE["need_number"].format(what=what, value=str(value)[:40]))
    return value


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadInputError(ANNOTATE["need_number"].format(what=what, value=str(value)[:40]))
    return float(value)
