"""The reading room: trainees, decks, cases, attempts, answers, predictions."""

import sqlalchemy as sa
from alembic import op

from octtutor.store.sql.tables import UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "trainees",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("nickname", sa.Text, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_trainees"),
    )
    op.create_table(
        "decks",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("synthetic", sa.Boolean, nullable=False),
        sa.Column("complete", sa.Boolean, nullable=False),
        sa.Column("imported_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_decks"),
    )
    op.create_table(
        "cases",
        sa.Column("deck", sa.String(64), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("label", sa.String(16), nullable=False),
        sa.Column("patient", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("synthetic", sa.Boolean, nullable=False),
        sa.Column("findings", sa.Text, nullable=False),
        sa.Column("mask_sha256", sa.String(64)),
        sa.PrimaryKeyConstraint("deck", "sha256", name="pk_cases"),
        sa.ForeignKeyConstraint(["deck"], ["decks.name"], name="fk_cases_deck_decks"),
    )
    op.create_table(
        "attempts",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("trainee_id", sa.String(64), nullable=False),
        sa.Column("quiz", sa.String(64), nullable=False),
        sa.Column("quiz_version", sa.String(64), nullable=False),
        sa.Column("deck", sa.String(64), nullable=False),
        sa.Column("case_order", sa.Text, nullable=False),
        sa.Column("seed", sa.Integer, nullable=False),
        sa.Column("cases", sa.Text, nullable=False),
        sa.Column("started_at", UtcTime, nullable=False),
        sa.Column("ended_at", UtcTime),
        sa.PrimaryKeyConstraint("id", name="pk_attempts"),
        sa.ForeignKeyConstraint(
            ["trainee_id"], ["trainees.id"], name="fk_attempts_trainee_id_trainees"
        ),
        sa.ForeignKeyConstraint(["deck"], ["decks.name"], name="fk_attempts_deck_decks"),
    )
    op.create_index("ix_attempts_trainee_id", "attempts", ["trainee_id"])
    op.create_table(
        "showings",
        sa.Column("attempt_id", sa.String(64), nullable=False),
        sa.Column("position", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("shown_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("attempt_id", "position", name="pk_showings"),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name="fk_showings_attempt_id_attempts"
        ),
    )
    op.create_table(
        "answers",
        sa.Column("attempt_id", sa.String(64), nullable=False),
        sa.Column("position", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("trainee_id", sa.String(64), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("truth", sa.String(16), nullable=False),
        sa.Column("choice", sa.String(16), nullable=False),
        sa.Column("confidence", sa.Integer, nullable=False),
        sa.Column("response_ms", sa.Integer, nullable=False),
        sa.Column("answered_at", UtcTime, nullable=False),
        sa.Column("deck", sa.String(64), nullable=False),
        sa.Column("quiz", sa.String(64), nullable=False),
        sa.Column("quiz_version", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("attempt_id", "position", name="pk_answers"),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name="fk_answers_attempt_id_attempts"
        ),
        sa.ForeignKeyConstraint(
            ["trainee_id"], ["trainees.id"], name="fk_answers_trainee_id_trainees"
        ),
    )
    op.create_index("ix_answers_trainee_id", "answers", ["trainee_id"])
    op.create_table(
        "predictions",
        sa.Column("attempt_id", sa.String(64), nullable=False),
        sa.Column("position", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("model_sha256", sa.String(64), nullable=False),
        sa.Column("cnv", sa.Float, nullable=False),
        sa.Column("dme", sa.Float, nullable=False),
        sa.Column("drusen", sa.Float, nullable=False),
        sa.Column("normal", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("attempt_id", "position", name="pk_predictions"),
        sa.ForeignKeyConstraint(
            ["attempt_id", "position"],
            ["answers.attempt_id", "answers.position"],
            name="fk_predictions_attempt_id_answers",
        ),
    )
