"""Decks and cases in SQL."""

from collections.abc import Collection, Iterable

from sqlalchemy import (
    Connection,
    delete,
    func,
    insert,
    select,
    update,
)

from octtutor.core.case import Case, Deck, DeckSummary, DeckUses
from octtutor.store.contract.decks import DeckStore
from octtutor.store.rules import in_use, missing
from octtutor.store.sql import rows
from octtutor.store.sql.base import SqlBase, lock, translated
from octtutor.store.sql.tables import attempts, cases, decks, projects, sessions


class SqlDecks(SqlBase, DeckStore):
    """The contract of `DeckStore` over a migrated database."""

    @translated
    def summarise_decks(self) -> tuple[DeckSummary, ...]:
        """See `DeckStore`."""
        by_label = select(cases.c.deck, cases.c.label, func.count().label("scans"))
        patients = select(cases.c.deck, func.count(cases.c.patient.distinct()))
        counts: dict[str, dict[str, int]] = {}
        with self._read() as db:
            found = db.execute(select(decks).order_by(decks.c.name)).mappings().all()
            for deck, label, scans in db.execute(by_label.group_by(cases.c.deck, cases.c.label)):
                counts.setdefault(deck, {})[label] = scans
            people = {deck: n for deck, n in db.execute(patients.group_by(cases.c.deck))}
        known = map(rows.to_deck, found)
        return tuple(
            rows.to_summary(d, counts.get(d.name, {}), people.get(d.name, 0)) for d in known
        )

    @translated
    def put_deck(self, deck: Deck) -> None:
        """See `DeckStore`."""
        facts = {
            "title": deck.title,
            "synthetic": deck.synthetic,
            "complete": deck.complete,
            "imported_at": deck.imported_at,
            "source": deck.source,
            "citation": deck.citation,
            "licence": deck.licence,
            "offered": deck.offered,
            **rows.from_scheme(deck.scheme),
        }
        with self._write() as db:
            lock(db, "decks")
            known = update(decks).where(decks.c.name == deck.name).values(**facts)
            if db.execute(known).rowcount == 0:
                db.execute(insert(decks).values(name=deck.name, **facts))

    @translated
    def count_uses(self, deck: str) -> DeckUses:
        """See `DeckStore`."""
        with self._read() as db:
            return _uses_of(db, deck)

    @translated
    def remove_deck(self, name: str) -> None:
        """See `DeckStore`."""
        with self._write() as db:
            lock(db, "decks")
            if _uses_of(db, name).any:
                raise in_use("deck", name)
            db.execute(delete(cases).where(cases.c.deck == name))
            if db.execute(delete(decks).where(decks.c.name == name)).rowcount == 0:
                raise missing("deck", name)

    @translated
    def decks(self) -> tuple[Deck, ...]:
        """See `DeckStore`."""
        with self._read() as db:
            found = db.execute(select(decks).order_by(decks.c.name)).mappings().all()
        return tuple(rows.to_deck(row) for row in found)

    @translated
    def find_deck(self, name: str) -> Deck | None:
        """See `DeckStore`."""
        with self._read() as db:
            row = db.execute(select(decks).where(decks.c.name == name)).mappings().first()
        return rows.to_deck(row) if row else None

    @translated
    def count_cases(self, deck: str, but: Collection[str] = ()) -> int:
        """See `DeckStore`."""
        count = select(func.count()).where(cases.c.deck == deck)
        with self._read() as db:
            whole = db.scalar(count) or 0
            left_out = db.scalar(count.where(cases.c.sha256.in_(sorted(but)))) if but else 0
        return whole - (left_out or 0)

    @translated
    def add_cases(self, deck: str, new_cases: Iterable[Case]) -> int:
        """See `DeckStore`."""
        with self._write() as db:
            lock(db, "decks")
            if db.scalar(select(decks.c.name).where(decks.c.name == deck)) is None:
                raise missing("deck", deck)
            held = set(db.scalars(select(cases.c.sha256).where(cases.c.deck == deck)))
            new = {case.sha256: case for case in new_cases if case.sha256 not in held}
            if new:
                db.execute(insert(cases), [rows.from_case(deck, case) for case in new.values()])
        return len(new)

    @translated
    def cases_of(self, deck: str) -> tuple[Case, ...]:
        """See `DeckStore`."""
        query = select(cases).where(cases.c.deck == deck).order_by(cases.c.sha256)
        with self._read() as db:
            return tuple(rows.to_case(row) for row in db.execute(query).mappings())

    @translated
    def get_case(self, deck: str, sha256: str) -> Case:
        """See `DeckStore`."""
        query = select(cases).where(cases.c.deck == deck, cases.c.sha256 == sha256)
        with self._read() as db:
            row = db.execute(query).mappings().first()
        if row is None:
            raise missing("case", sha256)
        return rows.to_case(row)


def _uses_of(db: Connection, deck: str) -> DeckUses:
    counted = [
        db.scalar(select(func.count()).where(table.c.deck == deck)) or 0
        for table in (attempts, sessions, projects)
    ]
    return DeckUses(*counted)
