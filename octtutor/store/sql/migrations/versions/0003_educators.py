"""Educators, their sign-ins, and the guesses at their passwords."""

import sqlalchemy as sa
from alembic import op

from octtutor.store.sql.tables import UtcTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the educators' tables."""
    op.create_table(
        "educators",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_educators"),
    )
    op.create_table(
        "sign_ins",
        sa.Column("token_sha256", sa.String(64), nullable=False),
        sa.Column("educator", sa.String(64), nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("expires_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("token_sha256", name="pk_sign_ins"),
        sa.ForeignKeyConstraint(
            ["educator"], ["educators.name"], name="fk_sign_ins_educator_educators"
        ),
    )
    op.create_index("ix_sign_ins_educator", "sign_ins", ["educator"])
    op.create_table(
        "guesses",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_guesses"),
    )
    op.create_index("ix_guesses_at", "guesses", ["at"])
