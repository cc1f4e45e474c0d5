"""Brakes for new members: until they have been here for some days, or some of their posts stand, they publish less
at once, wait between two posts, and put fewer links and images into a text.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.db import UtcDateTime, utc_now
from myproject.posts import constants as POST
from myproject.posts import errors
from myproject.posts.models import Post
from myproject.posts.services.visibility import PUBLISHED
from myproject.security.identity import Identity
from myproject.security.ratelimit import limiter_of
from myproject.settings import Settings, settings_of
from myproject.text import images_in
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
    Raises TooManyLinks, TooManyImages and RateLimited.
    """
    until = braked_until(db, registry, identity)
    if until is not None:
        check_text(settings_of(registry), until, body_html)
        limiter_of(registry).hit(limit, str(identity.id))


def brake_post(db: Session, registry: Any, identity: Identity, whole_html: str) -> int:
    """As `brake`, for a post. Raises TooSoon as well, where their last one has just been published. Gives the
    minutes that have to lie between the two, 0 for none: several may come at once, so who publishes looks again.
    """
    pause = settings_of(registry).newcomers_pause_minutes
    if pause and braked_until(db, registry, identity) is None:
        pause = 0
    check_pause(db, identity.id, pause)
    brake(db, registry, identity, whole_html, "newcomer_post_account")
    return pause


def check_pause(db: Session, author_id: int, minutes: int) -> None:
    """Raises TooSoon where a member's last post is not `minutes` old; 0: at any time. Holds the member's row, so
    that no other post comes between until the transaction ends.
    """
    if not minutes:
        return
    db.execute(sa.select(User.id).where(User.id == author_id).with_for_update(key_share=True))
    last = last_published_at(db, author_id)
    seconds = (last + timedelta(minutes=minutes) - utc_now()).total_seconds() if last else 0
    if seconds > 0:
        raise errors.TooSoon(minutes, math.ceil(seconds / 60))


def last_published_at(db: Session, author_id: int) -> datetime | None:
    """When a member last published a post, or sent one to wait for approval; whatever became of it."""
    moment = sa.func.coalesce(Post.published_at, Post.updated_at)
    theirs = sa.select(sa.func.max(moment, type_=UtcDateTime())).where(
        Post.author_id == author_id, Post.status != POST.Status.DRAFT
    )
    return db.scalar(theirs)


def brake_edit(db: Session, registry: Any, identity: Identity, body_html: str, present_html: str) -> None:
    """To be called before a member changes `present_html`, which is published, into `body_html`. Raises
    TooManyLinks or TooManyImages where that adds some, and they are new.
    """
    until = braked_until(db, registry, identity)
    if until is not None:
        check_text(settings_of(registry), until, body_html, present_html)


def braked_until(db: Session, registry: Any, identity: Identity) -> datetime | None:
    """Until when the brakes hold for a member; None where they don't, as for all staff."""
    settings = settings_of(registry)
    if identity.is_staff:
        return None
    return new_until(db, identity.id, settings.newcomers_days, settings.newcomers_posts)


def check_text(settings: Settings, until: datetime, body_html: str, present_html: str = "") -> None:
    """Raises TooManyLinks or TooManyImages where a text has too many, and more than it had or others."""
    links, images = LINK.findall(body_html), names_in(body_html)
    if len(links) > settings.newcomers_links and adds(links, LINK.findall(present_html)):
        raise errors.TooManyLinks(settings.newcomers_links, len(links), days_until(until))
    if len(images) > settings.newcomers_images and adds(images, names_in(present_html)):
        raise errors.TooManyImages(settings.newcomers_images, len(images), days_until(until))


def names_in(html: str) -> list[str]:
    return [name for name, _alt in images_in(html)]


def adds(new: Iterable[str], present: Iterable[str]) -> bool:
    """Whether something is among `new` that is not, or less often, among `present`."""
    return bool(Counter(new) - Counter(present))


def days_until(moment: datetime) -> int:
    """Whole days, at least 1."""
    return max(1, math.ceil((moment - utc_now()).total_seconds() / 86400))
