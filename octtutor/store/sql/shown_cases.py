"""Which cases a trainee was shown, and which are left, in SQL that does not read the deck."""

from collections.abc import Collection, Iterator, Sequence

from sqlalchemy import (
    RowMapping,
    Select,
    Subquery,
    and_,
    exists,
    func,
    literal,
    select,
    union_all,
)

from octtutor.core.case import Case
from octtutor.store.sql import rows
from octtutor.store.sql.base import SqlBase, translated
from octtutor.store.sql.tables import cases, showings

_MOST_VALUES = 20_000
"""Values of one statement; SQLite takes 32,766."""


class SqlShownCases(SqlBase):
    """The part of `AttemptStore` that draws cases."""

    @translated
    def seen_by(self, trainee_id: str) -> tuple[str, ...]:
        """See `AttemptStore`."""
        query = select(showings.c.sha256).where(showings.c.trainee_id == trainee_id)
        with self._read() as db:
            shown = db.scalars(query.order_by(showings.c.shown_at)).all()
        return tuple(reversed(dict.fromkeys(reversed(shown))))

    @translated
    def unseen_cases(
        self,
        deck: str,
        trainee_id: str,
        labels: Collection[str],
        start: str,
        most: int,
        but: Collection[str] = (),
        new_patients: bool = False,
    ) -> tuple[Case, ...]:
        """See `AttemptStore`."""
        free = _unseen(deck, trainee_id, but, new_patients)
        drawn: list[Case] = []
        with self._read() as db:
            for some in _in_statements(list(labels), len(but)):
                parts = [
                    part for each in enumerate(some) for part in _parts(free, *each, start, most)
                ]
                drawn += _first_of_each(db.execute(union_all(*parts)).mappings().all(), most)
        return tuple(drawn)

    @translated
    def seen_cases(
        self,
        deck: str,
        trainee_id: str,
        label: str | None = None,
        but: Collection[str] = (),
        last: int | None = None,
    ) -> tuple[Case, ...]:
        """See `AttemptStore`."""
        shown_last = (
            select(showings.c.sha256, func.max(showings.c.shown_at).label("at"))
            .where(showings.c.trainee_id == trainee_id)
            .group_by(showings.c.sha256)
            .subquery()
        )
        same = and_(cases.c.deck == deck, cases.c.sha256 == shown_last.c.sha256)
        query = select(cases).join(shown_last, same).where(cases.c.sha256.not_in(sorted(but)))
        if label is not None:
            # a function, so that no index of the labels is taken, which would read the deck
            query = query.where(func.coalesce(cases.c.label, "") == label)
        query = query.order_by(shown_last.c.at.desc(), cases.c.sha256.desc()).limit(last)
        with self._read() as db:
            found = db.execute(query).mappings().all()
        return tuple(rows.to_case(row) for row in reversed(found))


def _unseen(deck: str, trainee_id: str, but: Collection[str], new_patients: bool) -> Subquery:
    """Select a deck's cases that a trainee was not shown; it is only read as far as is asked."""
    shown = exists().where(showings.c.trainee_id == trainee_id, showings.c.sha256 == cases.c.sha256)
    query = select(cases).where(cases.c.deck == deck, ~shown, cases.c.sha256.not_in(sorted(but)))
    if not new_patients:
        return query.subquery()
    theirs = cases.alias("theirs")
    same = and_(theirs.c.deck == deck, theirs.c.sha256 == showings.c.sha256)
    known = select(theirs.c.patient).join(showings, same).where(showings.c.trainee_id == trainee_id)
    return query.where(cases.c.patient.not_in(known)).subquery()


def _in_statements(labels: Sequence[str], left_out: int) -> Iterator[Sequence[str]]:
    """Give the diagnoses in lots whose statement has no more values than it may."""
    size = max(1, _MOST_VALUES // (2 * (left_out + 10)))
    yield from (labels[first : first + size] for first in range(0, len(labels), size))


def _parts(
    free: Subquery, place: int, label: str, start: str, most: int
) -> Iterator[Select[tuple[object, ...]]]:
    """Select a diagnosis's cases in two parts: from a hash on, and those before it."""
    for half, after in enumerate((free.c.sha256 >= start, free.c.sha256 < start)):
        query = select(free, literal(2 * place + half).label("part"))
        some = query.where(and_(free.c.label == label, after))
        yield select(some.order_by(free.c.sha256).limit(most).subquery())


def _first_of_each(found: Sequence[RowMapping], most: int) -> list[Case]:
    """Return the first of each diagnosis, which comes in two parts."""
    taken: dict[int, list[Case]] = {}
    for row in sorted(found, key=lambda row: (row["part"], row["sha256"])):
        taken.setdefault(row["part"] // 2, []).append(rows.to_case(row))
    return [case for place in sorted(taken) for case in taken[place][:most]]
