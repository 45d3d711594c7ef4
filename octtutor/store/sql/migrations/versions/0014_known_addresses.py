"""Where educators have signed in from: a right password from there is never refused."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, empty: who signs in is known from then on."""
    op.create_table(
        "known_addresses",
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("who", "address", name="pk_known_addresses"),
    )
