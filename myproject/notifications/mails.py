"""The mails about notifications, as data. Each takes rows of `services.facts.WITH_TEXTS` that go to one member,
the sentence that says why they came, and what makes words of a text's HTML, which may know them already.
"""

from collections.abc import Callable, Sequence
from typing import Any

from translationstring import TranslationString

from myproject.comments import constants as COMMENT
from myproject.emails.constants import Kind, Topic
from myproject.emails.services.outbox import Mail
from myproject.i18n import ENGLISH
from myproject.notifications import constants as NOTE
from myproject.text import cut, excerpt, plain_text

# What the reader stops who wants no more mail of a kind.
TOPICS = {
    NOTE.Kind.COMMENT_REPLY: Topic.COMMENT_REPLY,
    NOTE.Kind.POST_REPLY: Topic.POST_REPLY,
    NOTE.Kind.MENTION: Topic.MENTION,
    NOTE.Kind.FOLLOWED_POST: Topic.FOLLOWED_POST,
    NOTE.Kind.FOLLOWED_TAG: Topic.FOLLOWED_TAG,
    NOTE.Kind.MODERATION: Topic.MODERATION,
}
TEMPLATES = {
    NOTE.Kind.COMMENT_REPLY: Kind.REPLY,
    NOTE.Kind.POST_REPLY: Kind.REPLY,
    NOTE.Kind.MENTION: Kind.MENTION,
    NOTE.Kind.FOLLOWED_POST: Kind.FOLLOWED,
    NOTE.Kind.FOLLOWED_TAG: Kind.FOLLOWED,
}
ANSWERS = {NOTE.Decision.APPROVED: Kind.TEXT_APPROVED, NOTE.Decision.REFUSED: Kind.TEXT_REFUSED}


Words = Callable[[str], str]


def about(rows: Sequence[Any], why: TranslationString, words: Words = plain_text) -> Mail:
    """The mail about some rows: about the one, or several of one post together."""
    if rows[0].kind is NOTE.Kind.MODERATION:
        return decided(rows[0], why)
    first = min(rows, key=lambda row: row.kind)
    if len(rows) == 1:
        kind, context, sender = TEMPLATES[first.kind], message_of(first, words), author_of(first)
    else:
        kind, sender = Kind.THREAD, ""
        messages = [message_of(row, words, NOTE.FOLDED_MAX_LENGTH) for row in rows[: NOTE.FOLDED_MAX]]
        context = {"messages": messages, "count": len(rows), "more": len(rows) - len(messages)}
    return to_reader(
        first,
        kind,
        context | post_of(first) | {"follows_post": bool(first.follows_post)},
        why,
        topic=TOPICS[first.kind],
        thread=f"post-{first.post_id}",
        thread_scope=first.post_id,
        sender_name=sender,
    )


def decided(row: Any, why: TranslationString) -> Mail:
    """The mail to the author of a text that staff have decided about; without the title of a post that they may
    not read any more, where it is about their comment on it.
    """
    context = {
        "what": "post" if row.comment_id is None else "comment",
        "number": row.post_id if row.comment_id is None else row.comment_id,
        "title": row.title if row.names_post else "",
        "message": row.note,
        "decision": row.decision.name,
    }
    return to_reader(row, ANSWERS.get(row.decision, Kind.TEXT_CHANGED), context, why, topic=Topic.MODERATION)


def digest(rows: Sequence[Any], why: TranslationString, words: Words = plain_text) -> Mail:
    """The mail with what is new for a member, by post. Those behind the first DIGEST_MAX are only counted."""
    shown = rows[: NOTE.DIGEST_MAX]
    posts: dict[int, dict[str, Any]] = {}
    for row in shown:
        post = posts.setdefault(row.post_id, post_of(row) | {"messages": []})
        post["messages"].append(message_of(row, words, NOTE.DIGEST_EXCERPT_MAX_LENGTH))
    context = {"posts": list(posts.values()), "count": len(rows), "more": len(rows) - len(shown)}
    return to_reader(rows[0], Kind.DIGEST, context, why, topic=Topic.DIGEST)


def to_reader(row: Any, kind: Kind, context: dict[str, Any], why: TranslationString, **values: Any) -> Mail:
    reason = {"why": str(why), "why_about": why.mapping or {}}
    return Mail(
        kind,
        to_address=row.email,
        to_name=row.display_name or row.name,
        user_id=row.user_id,
        locale=row.locale or ENGLISH,
        key=f"notification:{row.id}",
        context={"name": row.name, "zone": row.time_zone} | context | reason,
        **values,
    )


def author_of(row: Any) -> str:
    return row.actor_display_name or row.actor_name or ""


def post_of(row: Any) -> dict[str, Any]:
    """The post; without its title, and the address that says it, where the reader may not know that."""
    named = row.names_post
    return {"post_id": row.post_id, "slug": row.slug if named else "", "post_title": row.title if named else ""}


def message_of(row: Any, words: Words, max_length: int = NOTE.MAILED_MAX_LENGTH) -> dict[str, Any]:
    """What somebody wrote, and what of the reader's it answers; without the words for who wants none in mails."""
    quiet = bool(row.without_texts)
    return {
        "kind": row.kind.name,
        "what": "comment" if row.kind is NOTE.Kind.COMMENT_REPLY else "post",
        "author": author_of(row),
        "comment_id": row.comment_id,
        "tag": row.tag,
        "decision": row.decision.name if row.decision else "",
        "excerpt": "" if quiet else cut(words_of(row, words), max_length),
        "quote": "" if quiet else excerpt(row.answered_html or "", COMMENT.EXCERPT_MAX_LENGTH),
    }


def words_of(row: Any, words: Words) -> str:
    """What was written: by staff, where they have decided about the reader's text."""
    return str(row.note) if row.kind is NOTE.Kind.MODERATION else words(row.html)
