"""A deck says whether trainees may choose it."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; decks of earlier versions stay what they were: offered."""
    column = sa.Column("offered", sa.Boolean, nullable=False, server_default=sa.true())
    op.add_column("decks", column)
