"""An attempt names the model that answers beside its trainee.

Attempts of the first version did not: they get the model of their first recorded answer, and
where there is none stay without, which counts as the shipped model.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_FIRST = """
    SELECT predictions.{column} FROM predictions
    WHERE predictions.attempt_id = attempts.id
    ORDER BY predictions.position LIMIT 1
"""


def upgrade() -> None:
    """Add the columns and fill them from what the models answered."""
    op.add_column("attempts", sa.Column("model", sa.Text))
    op.add_column("attempts", sa.Column("model_sha256", sa.String(64)))
    name, digest = _FIRST.format(column="model"), _FIRST.format(column="model_sha256")
    op.execute(f"UPDATE attempts SET model = ({name}), model_sha256 = ({digest})")
