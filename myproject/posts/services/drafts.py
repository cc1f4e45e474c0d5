"""Drafts that nobody comes back to."""

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.posts import constants as POST
from myproject.posts.models import Post


def purge_drafts(db: Session, days: int) -> None:
    """Deletes drafts that have not been touched for `days`."""
    old = Post.updated_at < utc_now() - timedelta(days=days)
    db.execute(sa.delete(Post).where(Post.status == POST.Status.DRAFT, old))
