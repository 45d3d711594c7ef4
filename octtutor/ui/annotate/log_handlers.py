"""What the events of steps 4 and 5 of the tab Annotate do: figures, the log, earlier states."""

from collections.abc import Sequence
from typing import Any

from octtutor.core.annotation.annotation import LogEntry, is_settling, standing
from octtutor.errors import BadInputError
from octtutor.reports.markup import paragraph
from octtutor.store.contract import Store
from octtutor.tutor.annotation.annotating import Annotating
from octtutor.tutor.annotation.blind_readings import by_scan
from octtutor.tutor.ports import Images
from octtutor.ui.annotate.figures_views import figures_view
from octtutor.ui.annotate.project_handlers import Choices, find_project, is_project
from octtutor.ui.annotate.settling_handlers import draw_readings
from octtutor.ui.annotate.texts import ANNOTATE
from octtutor.ui.annotate.views import log_view, name_of, said_in_words


class LogHandlers:
    """Figures of a project, and the log of each of its scans."""

    def __init__(self, annotating: Annotating, store: Store, images: Images) -> None:
        """Take the use cases, the records and the scans."""
        self._do, self._store, self._images = annotating, store, images

    def figures(self, project: Any, who: str) -> str:
        """Draw a project's figures; one's own on the controls once all is read."""
        if not is_project(self._store, project):
            return paragraph(ANNOTATE["no_projects"])
        return figures_view(self._do.projects.figures(project, who))

    def log_scans(self, project: Any, who: str) -> Choices:
        """Return a project's scans that have a log, without the one that is open to read."""
        if not is_project(self._store, project):
            return []
        logs = by_scan(self._store.entries_in(project))
        hidden = self._do.settling.hidden_from(project, who)
        shown = [(sha256, log) for sha256, log in logs.items() if sha256 not in hidden]
        return [(_log_line(n, sha, log), sha) for n, (sha, log) in enumerate(shown, start=1)]

    def log(self, project: Any, sha256: Any, who: str) -> tuple[str, Choices]:
        """Draw a scan's log; return the entries to choose from, too."""
        if not is_project(self._store, project) or not isinstance(sha256, str):
            return paragraph(ANNOTATE["log_none"]), []
        entries = self._do.settling.history(project, sha256, who)
        lines = [
            (
                ANNOTATE["entry_choice"].format(
                    n=n, at=entry.at, who=name_of(entry.who), kind=entry.kind
                ),
                entry.id,
            )
            for n, entry in enumerate(entries, start=1)
        ]
        return log_view(entries, standing(entries)), lines

    def state(self, project: Any, sha256: Any, entry_id: Any, who: str) -> str:
        """Draw how a scan stood after an entry of its log."""
        entries, at = self._find_entry(project, sha256, entry_id, who)
        stand = standing(entries[: at + 1])
        shown = dict(stand.readings)
        if stand.settled is not None:
            shown = {ANNOTATE["settled_by"]: stand.settled, **shown}
        for drawer, drawn in stand.sketches.items():
            shown[ANNOTATE["sketch_by"].format(who=name_of(drawer))] = drawn
        if not shown:
            return paragraph(ANNOTATE["nothing"])
        return draw_readings(self._images, entries[at].sha256, shown)

    def restore(self, project: Any, sha256: Any, entry_id: Any, who: str) -> str:
        """Make what an entry said hold again, and return a line that says so."""
        entries, at = self._find_entry(project, sha256, entry_id, who)
        self._do.settling.restore(project, sha256, entries[at].id, who)
        return ANNOTATE["restored"]

    def _find_entry(
        self, project: Any, sha256: Any, entry_id: Any, who: str
    ) -> tuple[tuple[LogEntry, ...], int]:
        order = find_project(self._store, project)
        entries = self._do.settling.history(order.name, str(sha256 or ""), who)
        for at, entry in enumerate(entries):
            if entry.id == entry_id:
                return entries, at
        raise BadInputError(ANNOTATE["need_entry"])


def _log_line(number: int, sha256: str, log: Sequence[LogEntry]) -> str:
    stand = standing(log)
    settled = any(map(is_settling, log)) and stand.settled is not None
    said = [stand.settled] if settled else list(stand.readings.values())
    state = ", ".join(map(said_in_words, said)) or ANNOTATE["nothing"]
    word = f"{ANNOTATE['settled_by']}: {state}" if settled else state
    return ANNOTATE["log_choice"].format(n=number, sha=sha256[:8], state=word)
