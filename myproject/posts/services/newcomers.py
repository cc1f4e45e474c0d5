"""Brakes for new members: until they have been here for some days, or some of their posts stand, they publish less
at once, and put fewer links into it.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.posts import errors
from myproject.posts.models import Post
from myproject.posts.services.visibility import PUBLISHED
from myproject.security.identity import Identity
from myproject.security.ratelimit import limiter_of
from myproject.settings import settings_of
from myproject.users.models import User

# As the renderer of Markdown writes links that lead elsewhere.
LINK = re.compile(r'<a [^>]*href="(https?:[^"]*)', re.I)


def new_until(db: Session, user_id: int, days: int, posts: int) -> datetime | None:
    """Until when somebody counts as a new member: for `days` after they registered, if fewer than `posts` of
    theirs stand in the open; None where they don't.
    """
    if not days:
        return None
    registered_at = db.scalars(sa.select(User.created_at).where(User.id == user_id)).one()
    until = registered_at + timedelta(days=days)
    if until <= utc_now():
        return None
    return until if count_published(db, user_id, posts) < posts else None


def count_published(db: Session, author_id: int, most: int) -> int:
    """How many posts of a member are in the open, counted no further than `most`."""
    theirs = sa.select(Post.id).where(Post.author_id == author_id, PUBLISHED)
    return len(db.scalars(theirs.limit(most)).all())


def brake(db: Session, registry: Any, identity: Identity, body_html: str, limit: str) -> None:
    """To be called before a member publishes `body_html`; counts it for `ratelimit.LIMIT` where they are new.
    Raises TooManyLinks and RateLimited.
    """
    until = braked_until(db, registry, identity)
    if until is not None:
        check_links(settings_of(registry).newcomers_links, until, body_html)
        limiter_of(registry).hit(limit, str(identity.id))


def brake_edit(db: Session, registry: Any, identity: Identity, body_html: str, present_html: str) -> None:
    """To be called before a member changes `present_html`, which is published, into `body_html`. Raises
    TooManyLinks where that adds links, and they are new.
    """
    until = braked_until(db, registry, identity)
    if until is not None and adds(LINK.findall(body_html), LINK.findall(present_html)):
        check_links(settings_of(registry).newcomers_links, until, body_html)


def braked_until(db: Session, registry: Any, identity: Identity) -> datetime | None:
    """Until when the brakes hold for a member; None where they don't, as for all staff."""
    settings = settings_of(registry)
    if identity.is_staff:
        return None
    return new_until(db, identity.id, settings.newcomers_days, settings.newcomers_posts)


def check_links(most: int, until: datetime, body_html: str) -> None:
    links = len(LINK.findall(body_html))
    if links > most:
        raise errors.TooManyLinks(most, links, days_until(until))


def adds(new: Iterable[str], present: Iterable[str]) -> bool:
    """Whether something is among `new` that is not, or less often, among `present`."""
    return bool(Counter(new) - Counter(present))


def days_until(moment: datetime) -> int:
    """Whole days, at least 1."""
    return max(1, math.ceil((moment - utc_now()).total_seconds() / 86400))
