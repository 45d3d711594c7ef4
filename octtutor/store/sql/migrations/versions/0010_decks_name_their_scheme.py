"""A deck names the list of diagnoses that its labels belong to."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; decks of earlier versions hold the four diagnoses of OCT2017."""
    column = sa.Column("scheme", sa.Text, nullable=False, server_default="oct2017")
    op.add_column("decks", column)
