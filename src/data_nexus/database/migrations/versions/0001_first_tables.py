"""The first tables."""

from __future__ import annotations

from alembic import op

from data_nexus.database.migrations import sql_beside

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, as the SQL file beside this one says."""
    op.execute(sql_beside(__file__))


def downgrade() -> None:
    """Refuse: going back would drop the data."""
    raise RuntimeError("the first tables hold all data; drop the database instead")
