"""What members are told of as it happens, and what notifications hold of a person."""

from pyramid.config import Configurator

from myproject.emails.constants import Topic
from myproject.emails.services.unsubscribing import Unsubscribed
from myproject.notifications import constants as NOTE
from myproject.notifications.services import choices, personal
from myproject.posts.constants import Attention
from myproject.posts.services.attention import set_attention

# What a link in a mail stops, by the topic of the mail.
TOPIC_KINDS: dict[str, tuple[NOTE.Kind, ...]] = {
    Topic.REPLY: (NOTE.Kind.COMMENT_REPLY, NOTE.Kind.POST_REPLY),
    Topic.MENTION: (NOTE.Kind.MENTION,),
    Topic.FOLLOWED: (NOTE.Kind.FOLLOWED_POST, NOTE.Kind.FOLLOWED_TAG),
    Topic.MODERATION: (NOTE.Kind.MODERATION,),
}


def stop_mail(event: Unsubscribed) -> None:
    """Stops what the link in a mail was for: mail about a post, the digest, or mail of some kinds."""
    if event.post_id is not None:
        set_attention(event.db, event.user_id, event.post_id, Attention.MUTE)
    elif event.topic == Topic.DIGEST:
        choices.set_digest(event.db, event.user_id, NOTE.Digest.OFF)
    else:
        choices.stop_mail(event.db, event.user_id, TOPIC_KINDS.get(event.topic or "", ()))


def includeme(config: Configurator) -> None:
    config.add_subscriber(stop_mail, Unsubscribed)
    config.add_personal_data(
        "notifications", export=personal.export_notifications, erase=personal.erase_notifications
    )
