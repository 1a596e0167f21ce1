"""The vendor's limits, the workers, and what a dead letter asked for."""

from __future__ import annotations

from alembic import op

from data_nexus.database.migrations import sql_beside

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the tables, as the SQL file beside this one says."""
    op.execute(sql_beside(__file__))


def downgrade() -> None:
    """Refuse: an older version would spend what the newer one has charged."""
    raise RuntimeError("install the newer version again, or restore a backup made before it")
