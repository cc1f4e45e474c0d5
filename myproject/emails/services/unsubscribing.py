"""Stopping mail from within a mail (RFC 8058): a link that needs no sign-in, never ends, and stops one thing."""

from dataclasses import dataclass

from sqlalchemy.orm import Session
from translationstring import TranslationString

from myproject.db import publish
from myproject.emails import constants as EMAIL
from myproject.emails.services.wanting import give_up_unwanted
from myproject.i18n import _
from myproject.security.keys import KeyRing
from myproject.security.links import make_link_token, read_link_token

PURPOSE = "unsubscribe"

# What a link says that it will stop, by the topic of the mail it stood in.
STOPS: dict[str, TranslationString] = {
    EMAIL.Topic.POST_REPLY: _("You get mail when somebody answers your posts. This stops it."),
    EMAIL.Topic.COMMENT_REPLY: _("You get mail when somebody answers your comments. This stops it."),
    EMAIL.Topic.MENTION: _("You get mail when somebody names you. This stops it."),
    EMAIL.Topic.FOLLOWED_POST: _("You get mail about posts that you follow. This stops it."),
    EMAIL.Topic.FOLLOWED_TAG: _("You get mail about tags that you follow. This stops it."),
    EMAIL.Topic.MODERATION: _("You get mail when staff decide about what you wrote. This stops it."),
    EMAIL.Topic.DIGEST: _("You get a digest of what is new for you. This stops it."),
    # In mails of an earlier version.
    "reply": _("You get mail when somebody answers your posts and comments. This stops it."),
    "followed": _("You get mail about posts and tags that you follow. This stops it."),
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
    def topics(self) -> tuple[str, ...]:
        """The topics that it stops: a link of an earlier version may stop several. None for a post."""
        return EMAIL.FORMER_TOPICS.get(self.topic, (self.topic,)) if self.topic else ()

    @property
    def words(self) -> str:
        """What it stops, for its reader."""
        if self.post_id is not None:
            return STOPS_THREAD
        return STOPS.get(self.topic or "", STOPS_OTHER)


@dataclass(frozen=True)
class Unsubscribed:
    """A member wants no more mail of some topics, or about a post; there is only one of the two."""

    db: Session
    user_id: int
    topics: tuple[str, ...]
    post_id: int | None


def make_token(keys: KeyRing, stop: Stop) -> str:
    """Characters that may stand in an address, and let whoever holds them do nothing but `stop`."""
    return make_link_token(keys, PURPOSE, [stop.user_id, stop.post_id or stop.topic])


def read_token(keys: KeyRing, token: str) -> Stop | None:
    """What the token stops; None where the site has not made it."""
    match read_link_token(keys, PURPOSE, token):
        case [user_id, int(post_id)]:
            return Stop(user_id, post_id=post_id)
        case [user_id, topic]:
            return Stop(user_id, topic=topic)
    return None


def unsubscribe(db: Session, stop: Stop) -> None:
    """Tells the modules above, which queue no more of it, and gives up for good what waits to be sent and tells of
    nothing else that is wanted.
    """
    publish(db, Unsubscribed(db, stop.user_id, stop.topics, stop.post_id))
    give_up_unwanted(db, stop.user_id)
