"""The shape of the settings of notifications, and what people call kinds, ways, and why something was not sent."""

import colander

from myproject.forms.schema import Schema, checkbox, choice
from myproject.i18n import _
from myproject.notifications import constants as NOTE

KIND_TITLES = {
    NOTE.Kind.COMMENT_REPLY: _("Replies to your comments"),
    NOTE.Kind.POST_REPLY: _("Comments on your posts"),
    NOTE.Kind.MENTION: _("Mentions of you"),
    NOTE.Kind.FOLLOWED_POST: _("Comments on posts that you follow"),
    NOTE.Kind.FOLLOWED_TAG: _("Posts with tags that you follow"),
    NOTE.Kind.LIKE: _("Likes of what you wrote"),
    NOTE.Kind.MODERATION: _("What staff decide about what you wrote"),
    NOTE.Kind.SECURITY: _("The safety of your account"),
}
WAY_TITLES = {
    NOTE.Way.NOW: _("At once"),
    NOTE.Way.DIGEST: _("In the digest"),
    NOTE.Way.NEVER: _("Never"),
}
DIGEST_TITLES = {
    NOTE.Digest.OFF: _("Never"),
    NOTE.Digest.DAILY: _("Every day"),
    NOTE.Digest.WEEKLY: _("Every week"),
}


def inbox_field(kind: NOTE.Kind) -> str:
    return f"inbox_{kind.name.lower()}"


def mail_field(kind: NOTE.Kind) -> str:
    return f"mail_{kind.name.lower()}"


def settings() -> colander.SchemaNode:
    """A schema with the fields of every kind, `inbox_KIND` and `mail_KIND` where there is a choice, and `digest`;
    choices are the numbers of `Way` and `Digest` as text.
    """
    schema = Schema()
    ways = [(str(int(way)), title) for way, title in WAY_TITLES.items()]
    for kind, title in KIND_TITLES.items():
        if kind in NOTE.INBOX_CHOICES:
            schema.add(checkbox(inbox_field(kind), title))
        if kind in NOTE.MAIL_CHOICES:
            schema.add(choice(mail_field(kind), title, ways))
    schema.add(
        choice(
            "digest",
            _("The digest"),
            [(str(int(digest)), title) for digest, title in DIGEST_TITLES.items()],
            description=_(
                "One mail with what you have not read yet. Without it, what is set to it stays in the inbox."
            ),
        )
    )
    return schema
