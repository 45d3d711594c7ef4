"""Records name their list of diagnoses, and a prediction has its probabilities by key."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None
_KEYS = ("CNV", "DME", "DRUSEN", "NORMAL")


def upgrade() -> None:
    """Add the columns; all records of before are of the four diagnoses of OCT2017."""
    _add_version("decks")
    for table in ("attempts", "answers", "sessions", "predictions", "projects"):
        name = sa.Column("scheme", sa.Text, nullable=False, server_default="oct2017")
        op.add_column(table, name)
        _add_version(table)
    given = sa.Column("probabilities", sa.Text, nullable=False, server_default="{}")
    op.add_column("predictions", given)
    _move()
    for key in _KEYS:
        op.drop_column("predictions", key.lower())


def _add_version(table: str) -> None:
    version = sa.Column("scheme_version", sa.Integer, nullable=False, server_default="1")
    op.add_column(table, version)


def _move() -> None:
    """Write each prediction's four columns as JSON; Python reads the same numbers from it."""
    db, place = op.get_bind(), (sa.column("attempt_id"), sa.column("position"))
    columns = [sa.column(key.lower()) for key in _KEYS]
    predictions = sa.table("predictions", *place, *columns, sa.column("probabilities"))
    given = db.execute(sa.select(*place, *columns).select_from(predictions))
    moved = [
        {"id": attempt, "at": position, "json": json.dumps(dict(zip(_KEYS, chances, strict=True)))}
        for attempt, position, *chances in given
    ]
    same = sa.and_(place[0] == sa.bindparam("id"), place[1] == sa.bindparam("at"))
    write = sa.update(predictions).where(same).values(probabilities=sa.bindparam("json"))
    if moved:
        db.execute(write, moved)
