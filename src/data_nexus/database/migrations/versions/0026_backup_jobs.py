"""Jobs that back up and drill: what the columns of jobs say of it."""

from __future__ import annotations

from alembic import op

from data_nexus.database.migrations import sql_beside

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the tables, as the SQL file beside this one says."""
    op.execute(sql_beside(__file__))


def downgrade() -> None:
    """Refuse: going back would drop what is known."""
    raise RuntimeError("install the newer version again, or restore a backup made before it")
