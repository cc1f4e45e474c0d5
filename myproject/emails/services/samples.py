"""One mail of each kind, as its module queues it: what the previews of admins show, and what the tests look at."""

from typing import Any

from myproject.emails.constants import Kind
from myproject.emails.models import Email
from myproject.emails.services.outbox import Mail
from myproject.i18n import ENGLISH

NOTICE = {"when": "2026-11-22T10:00+00:00", "browser": "Firefox/128.0", "address": "192.0.2.7"}

TEA = {"post_title": "Tea", "post_id": 4, "slug": "tea"}
MESSAGE = {
    "kind": "COMMENT_REPLY",
    "what": "comment",
    "author": "bob",
    "comment_id": 7,
    "tag": None,
    "decision": "",
    "excerpt": "I agree.\n\nSo does my cat.",
    "quote": "Tea is good.\nEven cold.",
}


def to_ann(kind: Kind, context: dict[str, Any], **values: Any) -> Mail:
    return Mail(kind, "ann@example.org", to_name="Ann", user_id=1, context={"name": "ann"} | context, **values)


def notice(kind: Kind, topic: str, why: str, context: dict[str, Any], **values: Any) -> Mail:
    """One that notifications queue; in the thread of its post, where it has a `thread_scope`."""
    thread = f"post-{values['thread_scope']}" if "thread_scope" in values else None
    reason = {"why": why, "why_about": {}, "zone": "Europe/Berlin"}
    post = {"follows_post": kind is Kind.FOLLOWED} if thread else {}
    return to_ann(kind, context | post | reason, topic=topic, thread=thread, **values)


def decided(kind: Kind, what: str, number: int, decision: str, message: str, why: str) -> Mail:
    context = {"what": what, "title": "Tea", "number": number, "decision": decision, "message": message}
    return notice(kind, "moderation", why, context)


WAITED = "You get this because what you wrote had to wait for approval."
ANSWERED = "You get this because you wrote the comment."

SAMPLES: dict[Kind, Mail] = {
    mail.kind: mail
    for mail in (
        to_ann(Kind.VERIFY, {"token": "t0ken", "code": "123456", "hours": 24, "minutes": 15}),
        to_ann(Kind.ALREADY_REGISTERED, {}),
        to_ann(Kind.RESET_PASSWORD, {"token": "t0ken", "minutes": 60}),
        to_ann(Kind.PASSWORD_CHANGED, NOTICE),
        to_ann(Kind.LOST_SECOND_FACTOR, {"token": "t0ken", "minutes": 60}),
        to_ann(Kind.SECOND_FACTOR_RESET, {"token": "t0ken", "due": "2026-11-25T10:00+00:00"} | NOTICE),
        to_ann(Kind.SECURITY_NOTICE, {"event": "PASSKEY_ADDED", "detail": "A telephone"} | NOTICE),
        to_ann(Kind.ACCOUNT_APPROVED, {"message": "Glad to have you.\nSay hello in the first topic."}),
        to_ann(Kind.ACCOUNT_REFUSED, {"message": "We only take people from the valley."}),
        to_ann(Kind.ACCOUNT_SHUT, {"message": "Advertised in five threads, after two warnings."}),
        to_ann(Kind.CHANGE_EMAIL, {"token": "t0ken", "minutes": 60}),
        to_ann(Kind.EMAIL_CHANGED, {"email": "bob@example.org", "token": "t0ken", "days": 7} | NOTICE),
        to_ann(Kind.EXPORT_READY, {"days": 7}),
        to_ann(Kind.DELETION_ASKED, {"token": "t0ken", "when": "2026-11-29T10:00+00:00"}),
        decided(Kind.TEXT_APPROVED, "post", 4, "APPROVED", "Welcome!", WAITED),
        decided(Kind.TEXT_REFUSED, "comment", 7, "REFUSED", "Be kind.", WAITED),
        to_ann(Kind.PROBE, {}),
        decided(
            Kind.TEXT_CHANGED, "post", 4, "REMOVED", "Twice the same.", "You get this because you wrote the text."
        ),
        notice(Kind.REPLY, "comment_reply", ANSWERED, MESSAGE | TEA, thread_scope=4, sender_name="bob"),
        notice(
            Kind.MENTION,
            "mention",
            "You get this because the text mentions you.",
            MESSAGE | TEA | {"kind": "MENTION", "quote": ""},
            thread_scope=4,
            sender_name="bob",
        ),
        notice(
            Kind.FOLLOWED,
            "followed_post",
            "You get this because you follow the post.",
            MESSAGE | TEA | {"kind": "FOLLOWED_POST"},
            thread_scope=4,
            sender_name="bob",
        ),
        notice(
            Kind.THREAD,
            "comment_reply",
            ANSWERED,
            TEA
            | {
                "messages": [MESSAGE, MESSAGE | {"author": "cyd", "kind": "MENTION", "comment_id": 8}],
                "count": 3,
                "more": 1,
            },
            thread_scope=4,
        ),
        notice(
            Kind.DIGEST,
            "digest",
            "You get this because you asked for a digest every week.",
            {
                "posts": [TEA | {"messages": [MESSAGE, MESSAGE | {"kind": "FOLLOWED_POST", "comment_id": 9}]}],
                "count": 3,
                "more": 1,
            },
        ),
    )
}


def sample_row(kind: Kind, locale: str = ENGLISH) -> Email:
    """The sample of a kind as a row that no database knows. Raises KeyError where there is none."""
    mail = SAMPLES[kind]
    return Email(
        kind=kind.value,
        user_id=mail.user_id,
        to_address=mail.to_address,
        to_name=mail.to_name,
        sender_name=mail.sender_name,
        topic=mail.topic,
        thread_scope=mail.thread_scope,
        locale=locale,
        context=mail.context,
        message_id="<sample@localhost>",
    )
