"""How an attempt's cases are ordered is one of six words, where it was a phrase."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Replace the phrases; one that no version wrote is taken for what practice began with."""
    op.execute("""
        UPDATE attempts SET case_order = CASE case_order
            WHEN 'adaptive (ARTS)' THEN 'adaptive'
            WHEN 'adaptive (ARTS), what is due' THEN 'due'
            WHEN 'fixed, seeded' THEN 'fixed'
            WHEN 'retest on other scans' THEN 'retest'
            WHEN 'session' THEN 'session'
            ELSE 'balanced'
        END
    """)
