"""The table of assets that are to be read again because something about them is in doubt."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Integer, SmallInteger, func
from sqlalchemy.orm import Mapped, mapped_column

from data_nexus.database.models.tables import MAY_BE_INFINITE, Tables


class Suspicion(Tables):
    """Why an asset is to be read again although nothing is due."""

    __tablename__ = "suspicions"
    __table_args__ = (
        {
            "comment": "assets that are to be read again because something about them is in doubt",
        },
    )

    asset_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    reason: Mapped[str] = mapped_column(primary_key=True)
    session: Mapped[dt.date] = mapped_column(comment="the session that raised the doubt")
    noted_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    times: Mapped[int] = mapped_column(
        SmallInteger, server_default="0", comment="how often the asset was read because of it"
    )
    read_after: Mapped[dt.datetime] = mapped_column(
        info={MAY_BE_INFINITE: True},
        comment="not read again before this moment; infinity: not any more",
    )
    accepted_at: Mapped[dt.datetime | None] = mapped_column(
        comment="when a person accepted it; only a later session raises it again"
    )
    answer: Mapped[str | None] = mapped_column(
        comment="a fingerprint of the closes that were last sent; other ones begin to count anew"
    )
