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

# What became of the mail of a notification, as the log for admins says it.
MAIL_TITLES = {
    NOTE.Mail.NONE: _("None"),
    NOTE.Mail.WAITING: _("Waits"),
    NOTE.Mail.MAILED: _("Mailed"),
    NOTE.Mail.FOLDED: _("In the mail of another"),
    NOTE.Mail.DIGEST: _("Waits for the digest"),
    NOTE.Mail.DIGESTED: _("In the digest"),
    NOTE.Mail.SKIPPED: _("Not mailed"),
}
# The same of one whose mail is in the outbox and has not gone yet.
UNDER_WAY = _("On its way")
# Why: the step that decided.
OUTCOME_TITLES = {
    NOTE.Outcome.WAITING: _("The time in which it may still be read, changed or removed runs"),
    NOTE.Outcome.MAILED: _("Nothing stood against it"),
    NOTE.Outcome.DIGEST: _("Chosen for the digest"),
    NOTE.Outcome.DIGESTED: _("Chosen for the digest"),
    NOTE.Outcome.NEVER: _("No mail of this kind is wanted, or there is none"),
    NOTE.Outcome.OWN: _("It was their own doing"),
    NOTE.Outcome.CLOSED: _("The account is shut, or about to be deleted"),
    NOTE.Outcome.MUTED: _("They have muted the post"),
    NOTE.Outcome.TAG_MUTED: _("They have muted a tag of the post"),
    NOTE.Outcome.REMOVED: _("The text was removed"),
    NOTE.Outcome.MAY_NOT_SEE: _("They may not see the text, or not yet"),
    NOTE.Outcome.EDITED_AWAY: _("The text does not name them any more"),
    NOTE.Outcome.UNVERIFIED: _("Their address is not verified"),
    NOTE.Outcome.BOUNCED: _("Mail to their address comes back"),
    NOTE.Outcome.READ_ON_SITE: _("They have read it on the site"),
    NOTE.Outcome.CAPPED: _("They had as many mails that day as anybody gets"),
    NOTE.Outcome.NO_DIGEST: _("Chosen for the digest, and they have none"),
    NOTE.Outcome.VISITED: _("They have been on the site since"),
    NOTE.Outcome.UNFOLLOWED: _("They follow the post or the tag no longer"),
    NOTE.Outcome.BLOCKED: _("They have blocked who did it"),
    NOTE.Outcome.OTHER_ADDRESS: _("Their address was changed before it was sent"),
    NOTE.Outcome.CANCELLED: _("The mail was stopped before it was sent"),
    NOTE.Outcome.TOO_OLD: _("It could not be sent in time, and was too old then"),
    NOTE.Outcome.UNDELIVERED: _("It was refused, or no try got through"),
}


def inbox_field(kind: NOTE.Kind) -> str:
    return f"inbox_{kind.name.lower()}"


def mail_field(kind: NOTE.Kind) -> str:
    return f"mail_{kind.name.lower()}"


def settings() -> colander.SchemaNode:
    """A schema with the fields of every kind, `inbox_KIND` and `mail_KIND` where there is a choice, `digest` and
    `without_texts`; choices are the numbers of `Way` and `Digest` as text.
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
    schema.add(
        checkbox(
            "without_texts",
            _("Leave the words of posts and comments out of mails"),
            description=_("Mails then say who wrote, and where. You read it on the site."),
        )
    )
    return schema
