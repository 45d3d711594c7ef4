"""What a store promises of annotation projects, assignments and their log."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime

from octtutor.core.annotation.annotation import Assignment, LogEntry, Project, ScanStage


class AnnotationStore(ABC):
    """Records of annotation projects, assignments, and the log, which is append-only."""

    @abstractmethod
    def add_project(self, project: Project) -> None:
        """Add an annotation project.

        Raises:
            StaleError: there is one of this name. Nothing is written.
        """

    @abstractmethod
    def close_project(self, name: str, at: datetime | None) -> None:
        """Close a project, so that it gives out no scan; None: open it again."""

    @abstractmethod
    def find_project(self, name: str) -> Project | None:
        """Return a project."""

    @abstractmethod
    def projects(self) -> tuple[Project, ...]:
        """Return all projects, the latest first."""

    @abstractmethod
    def assign(
        self, project: str, who: str, line: Sequence[tuple[str, bool]], at: datetime
    ) -> Assignment | None:
        """Give an annotator their open scan, or else the first in line that is free for them.

        A scan is free for somebody who was never given it, while fewer than the project's
        `readers` have it open or done; those who skipped it do not count, and a control is free
        for everybody. Of many at once no more get it than may.

        Args:
            project: its name.
            who: the annotator.
            line: SHA-256 of scans in the order to give them out, and whether each is a control.
            at: now.

        Returns:
            The assignment, None where nothing is free.
        """

    @abstractmethod
    def finish_assignment(
        self, project: str, sha256: str, who: str, at: datetime, skipped: bool
    ) -> None:
        """Note that an open assignment is done or was skipped; one that is done stays so.

        Raises:
            StaleError: there is none.
        """

    @abstractmethod
    def reopen_assignment(self, project: str, sha256: str, who: str) -> None:
        """Make a finished assignment the open one again, and put off the one that is open.

        The one that was open is as though it had never been given.

        Raises:
            StaleError: there is none, or it was skipped and others have the scan meanwhile.
        """

    @abstractmethod
    def assignments_in(self, project: str, who: str | None = None) -> tuple[Assignment, ...]:
        """Return a project's assignments, or one annotator's there, oldest first."""

    @abstractmethod
    def find_assignment(self, project: str, sha256: str, who: str) -> Assignment | None:
        """Return the assignment of a scan to an annotator."""

    @abstractmethod
    def append_entry(self, entry: LogEntry) -> None:
        """Append to the log.

        Raises:
            StaleError: what the entry replaces (`before`) is not what holds now: somebody was
                faster. Nothing is written.
        """

    @abstractmethod
    def entries_of(self, project: str, sha256: str) -> tuple[LogEntry, ...]:
        """Return a scan's log in a project, oldest first."""

    @abstractmethod
    def entries_in(self, project: str, who: str | None = None) -> tuple[LogEntry, ...]:
        """Return a project's log, or one annotator's part of it, oldest first."""

    @abstractmethod
    def stages_in(self, project: str) -> dict[str, ScanStage]:
        """Return how far each scan of a project is that has a log, by SHA-256.

        It is the view of the log that a queue goes by; no region is read for it.
        """
