"""The annotation room: projects, who was given which scan, and the log of what was said."""

import sqlalchemy as sa
from alembic import op

from octtutor.store.sql.tables import UtcTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "projects",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("deck", sa.String(64), nullable=False),
        sa.Column("readers", sa.Integer, nullable=False),
        sa.Column("controls", sa.Float, nullable=False),
        sa.Column("case_order", sa.String(16), nullable=False),
        sa.Column("random_share", sa.Float, nullable=False),
        sa.Column("suggest", sa.Boolean, nullable=False),
        sa.Column("seed", sa.Integer, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("closed_at", UtcTime),
        sa.PrimaryKeyConstraint("name", name="pk_projects"),
        sa.ForeignKeyConstraint(["deck"], ["decks.name"], name="fk_projects_deck_decks"),
    )
    op.create_table(
        "assignments",
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("is_control", sa.Boolean, nullable=False),
        sa.Column("opened_at", UtcTime, nullable=False),
        sa.Column("done_at", UtcTime),
        sa.Column("skipped", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("project", "sha256", "who", name="pk_assignments"),
        sa.ForeignKeyConstraint(
            ["project"], ["projects.name"], name="fk_assignments_project_projects"
        ),
    )
    op.create_table(
        "annotations",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("deck", sa.String(64), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("model", sa.Text),
        sa.Column("model_sha256", sa.String(64)),
        sa.PrimaryKeyConstraint("number", name="pk_annotations"),
        sa.UniqueConstraint("id", name="uq_annotations_id"),
    )
    op.create_index("ix_annotations_project", "annotations", ["project", "sha256"])
    op.create_index("ix_annotations_deck", "annotations", ["deck", "sha256"])
