"""The first tables."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, as the SQL file beside this one says."""
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace(":", "\\:"))


def downgrade() -> None:
    """Refuse: going back would drop the data."""
    raise RuntimeError("the first tables hold all data; drop the database instead")
