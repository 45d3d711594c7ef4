"""An imported line of the log names who brought it in; those of earlier versions do not."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("annotations", sa.Column("by", sa.Text))
