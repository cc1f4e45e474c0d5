"""Stopping mail from within a mail (RFC 8058): a link that needs no sign-in, never ends, and stops one thing."""

import hashlib
from dataclasses import dataclass

import sqlalchemy as sa
from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy.orm import Session

from myproject.db import publish
from myproject.emails import constants as EMAIL
from myproject.emails.models import Email
from myproject.emails.services.outbox import IN_DATABASE_ONLY
from myproject.i18n import _
from myproject.security.keys import KeyRing

PURPOSE = "unsubscribe"

# What a link says that it will stop, by the topic of the mail it stood in.
STOPS = {
    EMAIL.Topic.REPLY: _("You get mail when somebody answers your posts and comments. This stops it."),
    EMAIL.Topic.MENTION: _("You get mail when somebody names you. This stops it."),
    EMAIL.Topic.FOLLOWED: _("You get mail about posts and tags that you follow. This stops it."),
    EMAIL.Topic.MODERATION: _("You get mail when staff decide about what you wrote. This stops it."),
    EMAIL.Topic.DIGEST: _("You get a digest of what is new for you. This stops it."),
}
STOPS_THREAD = _("You hear of one of the posts. This mutes it: no more of it comes by mail or to your inbox.")
# A mail of a version that knew more topics.
STOPS_OTHER = _("You get mail of this kind. This stops it.")


@dataclass(frozen=True)
class Stop:
    """What a link stops for a member: mail of one topic, or mail about one post. The other is None."""

    user_id: int
    topic: str | None = None
    post_id: int | None = None

    @property
    def words(self) -> str:
        """What it stops, for its reader."""
        if self.post_id is not None:
            return STOPS_THREAD
        return {topic.value: words for topic, words in STOPS.items()}.get(self.topic or "", STOPS_OTHER)


@dataclass(frozen=True)
class Unsubscribed:
    """A member wants no more mail of a topic, or about a post; the other is None."""

    db: Session
    user_id: int
    topic: str | None
    post_id: int | None


def serializer(keys: KeyRing) -> URLSafeSerializer:
    """Without the time, so that a mail that is sent again has the same link. The newest key signs, all verify."""
    return URLSafeSerializer(
        list(reversed(keys.derive(PURPOSE))), salt=PURPOSE, signer_kwargs={"digest_method": hashlib.sha256}
    )


def make_token(keys: KeyRing, stop: Stop) -> str:
    """Characters that may stand in an address, and let whoever holds them do nothing but `stop`."""
    return str(serializer(keys).dumps([stop.user_id, stop.post_id or stop.topic]))


def read_token(keys: KeyRing, token: str) -> Stop | None:
    """What the token stops; None where the site has not made it."""
    try:
        user_id, what = serializer(keys).loads(token)
    except (BadData, ValueError, TypeError):
        return None
    return Stop(user_id, post_id=what) if isinstance(what, int) else Stop(user_id, topic=what)


def unsubscribe(db: Session, stop: Stop) -> None:
    """Gives up what waits to be sent of it, and tells the modules above, which queue no more of it."""
    what = Email.topic == stop.topic if stop.topic else Email.thread_scope == stop.post_id
    waiting = sa.update(Email).where(
        Email.user_id == stop.user_id, Email.topic.is_not(None), what, Email.state == EMAIL.State.QUEUED
    )
    db.execute(waiting.values(state=EMAIL.State.CANCELLED), execution_options=IN_DATABASE_ONLY)
    publish(db, Unsubscribed(db, stop.user_id, stop.topic, stop.post_id))
