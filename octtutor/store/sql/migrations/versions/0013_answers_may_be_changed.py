"""An answer that was changed keeps its versions, a second look its confidence, a showing its scan.

The scan and its trainee stand in the row of a showing, and cases have an index by label, so that
the next case is found without reading the deck.
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add tables, columns and indexes; nothing recorded so far was changed."""
    _keep_versions()
    given = sa.Column("confidence", sa.Integer, nullable=False, server_default="0")
    op.add_column("second_looks", given)
    for name in ("trainee_id", "sha256"):
        column = sa.Column(name, sa.String(64), nullable=False, server_default="")
        op.add_column("showings", column)
    _name_scans()
    op.create_index("ix_showings_trainee_id", "showings", ["trainee_id", "sha256"])
    op.create_index("ix_cases_label", "cases", ["deck", "label", "sha256"])


def _keep_versions() -> None:
    changes = sa.Column("changes", sa.Integer, nullable=False, server_default="0")
    op.add_column("answers", changes)
    place = ["attempt_id", "position"]
    op.create_table(
        "replaced_answers",
        sa.Column("attempt_id", sa.String(64), nullable=False),
        sa.Column("position", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("choice", sa.String(16), nullable=False),
        sa.Column("confidence", sa.Integer, nullable=False),
        sa.Column("response_ms", sa.Integer, nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mark_x", sa.Integer),
        sa.Column("mark_y", sa.Integer),
        sa.PrimaryKeyConstraint(*place, "version", name="pk_replaced_answers"),
        sa.ForeignKeyConstraint(
            place,
            [f"answers.{name}" for name in place],
            name="fk_replaced_answers_attempt_id_answers",
        ),
    )


def _name_scans() -> None:
    """Write into each showing which scan it was and who saw it."""
    db = op.get_bind()
    attempts = sa.table("attempts", *map(sa.column, ("id", "trainee_id", "cases")))
    columns = ("attempt_id", "position", "trainee_id", "sha256")
    showings = sa.table("showings", *map(sa.column, columns))
    c = showings.c
    joined = attempts.join(showings, c.attempt_id == attempts.c.id)
    facts = (attempts.c.id, c.position, attempts.c.trainee_id, attempts.c.cases)
    named = [
        {"id": attempt, "at": position, "who": who, "scan": scan}
        for attempt, position, who, cases in db.execute(sa.select(*facts).select_from(joined))
        for scan in json.loads(cases)[position : position + 1]
    ]
    same = sa.and_(c.attempt_id == sa.bindparam("id"), c.position == sa.bindparam("at"))
    values = {"trainee_id": sa.bindparam("who"), "sha256": sa.bindparam("scan")}
    if named:
        db.execute(sa.update(showings).where(same).values(**values), named)
