"""What the admins' pages keep of their own."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from myproject.db import Base, BigId, utc_now


class Checkup(Base):
    """A look of the mail doctor at the site's domain: asked for, and once it is over, what was found."""

    __tablename__ = "mail_checkups"

    id: Mapped[BigId] = mapped_column(primary_key=True)
    # What the headers of a probe told, where the admin gave them; later looks go by it too.
    probe: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True))
    findings: Mapped[list[dict[str, Any]] | None] = mapped_column(sa.JSON(none_as_null=True))
    asked_at: Mapped[datetime] = mapped_column(default=utc_now)
    finished_at: Mapped[datetime | None]
