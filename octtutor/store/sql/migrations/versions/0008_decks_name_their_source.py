"""A deck that was fetched names its public set, whose scans they are, and their licence."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; decks of earlier versions have none of the three."""
    for name, kind in (("source", sa.String(64)), ("citation", sa.Text), ("licence", sa.Text)):
        op.add_column("decks", sa.Column(name, kind, nullable=False, server_default=""))
