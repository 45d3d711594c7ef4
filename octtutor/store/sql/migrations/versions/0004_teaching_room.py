"""The teaching room: how a quiz is played, marks, second looks, sessions and what they discussed.

Columns that name another record have no foreign key here: SQLite would copy the whole table for
one, and drop the old one with all that refers to it.
"""

import sqlalchemy as sa
from alembic import op

from octtutor.store.sql.tables import UtcTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the tables."""
    op.add_column("attempts", sa.Column("options", sa.Text, nullable=False, server_default="{}"))
    op.add_column("attempts", sa.Column("size", sa.Integer, nullable=False, server_default="0"))
    op.add_column("attempts", sa.Column("session", sa.String(16)))
    op.add_column("attempts", sa.Column("retest_of", sa.String(64)))
    op.create_index("ix_attempts_session", "attempts", ["session", "trainee_id"], unique=True)
    op.add_column("answers", sa.Column("mark_x", sa.Integer))
    op.add_column("answers", sa.Column("mark_y", sa.Integer))
    op.add_column(
        "answers", sa.Column("timed_out", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.create_table(
        "second_looks",
        sa.Column("attempt_id", sa.String(64), nullable=False),
        sa.Column("position", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("choice", sa.String(16), nullable=False),
        sa.Column("response_ms", sa.Integer, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("attempt_id", "position", name="pk_second_looks"),
        sa.ForeignKeyConstraint(
            ["attempt_id", "position"],
            ["answers.attempt_id", "answers.position"],
            name="fk_second_looks_attempt_id_answers",
        ),
    )
    op.create_table(
        "sessions",
        sa.Column("code", sa.String(16), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("educator", sa.String(64), nullable=False),
        sa.Column("quiz", sa.String(64), nullable=False),
        sa.Column("quiz_version", sa.String(64), nullable=False),
        sa.Column("deck", sa.String(64), nullable=False),
        sa.Column("cases", sa.Text, nullable=False),
        sa.Column("seed", sa.Integer, nullable=False),
        sa.Column("options", sa.Text, nullable=False),
        sa.Column("opened_at", UtcTime, nullable=False),
        sa.Column("model", sa.Text),
        sa.Column("model_sha256", sa.String(64)),
        sa.Column("paused_at", UtcTime),
        sa.Column("ended_at", UtcTime),
        sa.Column("discussed", sa.Integer),
        sa.PrimaryKeyConstraint("code", name="pk_sessions"),
        sa.ForeignKeyConstraint(["deck"], ["decks.name"], name="fk_sessions_deck_decks"),
    )
    op.create_table(
        "discussions",
        sa.Column("code", sa.String(16), nullable=False),
        sa.Column("position", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("code", "position", name="pk_discussions"),
        sa.ForeignKeyConstraint(["code"], ["sessions.code"], name="fk_discussions_code_sessions"),
    )
