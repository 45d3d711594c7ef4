"""Annotation projects, assignments and their log in SQL."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.exc import IntegrityError

from octtutor.core.annotation.annotation import Assignment, LogEntry, Project, ScanStage, stages
from octtutor.store.contract.annotations import AnnotationStore
from octtutor.store.rules import (
    check_entry,
    check_reopening,
    find_open,
    first_free,
    missing,
    no_assignment,
    taken_project,
)
from octtutor.store.sql import rows
from octtutor.store.sql.base import SqlBase, lock, translated
from octtutor.store.sql.tables import annotations, assignments, projects


class SqlAnnotations(SqlBase, AnnotationStore):
    """The contract of `AnnotationStore` over a migrated database."""

    @translated
    def add_project(self, project: Project) -> None:
        """See `AnnotationStore`."""
        try:
            with self._write() as db:
                db.execute(insert(projects).values(**rows.from_project(project)))
        except IntegrityError as error:
            raise taken_project(project.name) from error

    @translated
    def close_project(self, name: str, at: datetime | None) -> None:
        """See `AnnotationStore`."""
        with self._write() as db:
            _hold(db, name)
            db.execute(update(projects).where(projects.c.name == name).values(closed_at=at))

    @translated
    def find_project(self, name: str) -> Project | None:
        """See `AnnotationStore`."""
        with self._read() as db:
            row = db.execute(select(projects).where(projects.c.name == name)).mappings().first()
        return rows.to_project(row) if row else None

    @translated
    def projects(self) -> tuple[Project, ...]:
        """See `AnnotationStore`."""
        query = select(projects).order_by(projects.c.created_at.desc(), projects.c.name)
        with self._read() as db:
            return tuple(rows.to_project(row) for row in db.execute(query).mappings())

    @translated
    def assign(
        self, project: str, who: str, line: Sequence[tuple[str, bool]], at: datetime
    ) -> Assignment | None:
        """See `AnnotationStore`."""
        with self._write() as db:
            readers = _hold(db, project).readers  # one at a time, whichever server asks
            of_line = assignments.c.sha256.in_([sha256 for sha256, _ in line])
            is_open = and_(assignments.c.who == who, assignments.c.done_at.is_(None))
            given = _assignments(db, project, or_(of_line, is_open))
            if running := find_open(given, who):
                return running
            free = first_free(line, given, who, readers)
            if free is None:
                return None
            new = Assignment(project, free[0], who, free[1], at)
            db.execute(insert(assignments).values(**rows.from_assignment(new)))
        return new

    @translated
    def finish_assignment(
        self, project: str, sha256: str, who: str, at: datetime, skipped: bool
    ) -> None:
        """See `AnnotationStore`."""
        place = _place(project, sha256, who)
        with self._write() as db:
            if db.scalar(select(assignments.c.who).where(place).with_for_update()) is None:
                raise no_assignment()
            still_open = and_(place, assignments.c.done_at.is_(None))
            db.execute(update(assignments).where(still_open).values(done_at=at, skipped=skipped))

    @translated
    def reopen_assignment(self, project: str, sha256: str, who: str) -> None:
        """See `AnnotationStore`."""
        place = _place(project, sha256, who)
        mine = and_(assignments.c.project == project, assignments.c.who == who)
        with self._write() as db:
            readers = _hold(db, project).readers
            given = _assignments(db, project, assignments.c.sha256 == sha256)
            known = next((one for one in given if one.who == who), None)
            if known is None:
                raise no_assignment()
            check_reopening(known, given, readers)
            other = and_(mine, assignments.c.done_at.is_(None), assignments.c.sha256 != sha256)
            db.execute(delete(assignments).where(other))
            db.execute(update(assignments).where(place).values(done_at=None, skipped=False))

    @translated
    def assignments_in(self, project: str, who: str | None = None) -> tuple[Assignment, ...]:
        """See `AnnotationStore`."""
        with self._read() as db:
            return _assignments(db, project, true() if who is None else assignments.c.who == who)

    @translated
    def find_assignment(self, project: str, sha256: str, who: str) -> Assignment | None:
        """See `AnnotationStore`."""
        query = select(assignments).where(_place(project, sha256, who))
        with self._read() as db:
            row = db.execute(query).mappings().first()
        return rows.to_assignment(row) if row else None

    @translated
    def append_entry(self, entry: LogEntry) -> None:
        """See `AnnotationStore`."""
        with self._write() as db:
            lock(db, "annotations")
            check_entry(entry, _log(db, entry.project, entry.sha256))
            db.execute(insert(annotations).values(**rows.from_entry(entry)))

    @translated
    def entries_of(self, project: str, sha256: str) -> tuple[LogEntry, ...]:
        """See `AnnotationStore`."""
        with self._read() as db:
            return _log(db, project, sha256)

    @translated
    def entries_in(self, project: str, who: str | None = None) -> tuple[LogEntry, ...]:
        """See `AnnotationStore`."""
        query = select(annotations).where(annotations.c.project == project)
        mine = query if who is None else query.where(annotations.c.who == who)
        with self._read() as db:
            return rows.to_entries(db.execute(mine.order_by(annotations.c.number)).mappings())

    @translated
    def stages_in(self, project: str) -> dict[str, ScanStage]:
        """See `AnnotationStore`."""
        of = annotations.c
        last = select(func.max(of.number)).where(of.project == project)
        latest = last.group_by(of.sha256, of.who, of.kind)
        query = select(of.sha256, of.who, of.kind, of.after).where(of.number.in_(latest))
        with self._read() as db:
            return stages(map(rows.to_stage_line, db.execute(query.order_by(of.number)).mappings()))


def _log(db: Connection, project: str, sha256: str) -> tuple[LogEntry, ...]:
    mine = and_(annotations.c.project == project, annotations.c.sha256 == sha256)
    query = select(annotations).where(mine).order_by(annotations.c.number)
    return rows.to_entries(db.execute(query).mappings())


def _assignments(
    db: Connection, project: str, which: ColumnElement[bool]
) -> tuple[Assignment, ...]:
    order = assignments.c.opened_at, assignments.c.sha256, assignments.c.who
    query = select(assignments).where(assignments.c.project == project, which).order_by(*order)
    return tuple(rows.to_assignment(row) for row in db.execute(query).mappings())


def _place(project: str, sha256: str, who: str) -> ColumnElement[bool]:
    return and_(
        assignments.c.project == project,
        assignments.c.sha256 == sha256,
        assignments.c.who == who,
    )


def _hold(db: Connection, name: str) -> Project:
    """Return a project and let nobody else change it until the end of the transaction."""
    query = select(projects).where(projects.c.name == name).with_for_update()
    row = db.execute(query).mappings().first()
    if row is None:
        raise missing("project", name)
    return rows.to_project(row)
