"""What members are told of as it happens, and what notifications hold of a person."""

from pyramid.config import Configurator

from myproject.comments.models import Comment, CommentLike
from myproject.comments.services.approval import CommentAnswered
from myproject.comments.services.hiding import CommentHidden, CommentsHidden, CommentShown, CommentsShown
from myproject.comments.services.likes import CommentLiked
from myproject.comments.services.moving import CommentsMoved
from myproject.comments.services.removal import CommentRemoved, CommentRestored
from myproject.comments.services.writing import CommentCreated, CommentEdited
from myproject.emails.constants import Topic
from myproject.emails.services.delivery import Forgotten, Unwanted, Withdrawn
from myproject.emails.services.unsubscribing import Unsubscribed
from myproject.notifications import constants as NOTE
from myproject.notifications.mails import TOPICS
from myproject.notifications.services import asking, choices, decisions, fates, mailing, personal, telling
from myproject.posts.constants import Attention
from myproject.posts.models import Post, PostLike
from myproject.posts.services.approval import PostAnswered
from myproject.posts.services.attention import set_attention
from myproject.posts.services.hiding import PostHidden, PostShown
from myproject.posts.services.likes import PostLiked
from myproject.posts.services.removal import PostRemoved, PostRestored
from myproject.posts.services.writing import PostEdited, PostPublished
from myproject.users.services.history import SafetyConcerned

# What a link in a mail stops, by the topic of the mail.
TOPIC_KINDS: dict[str, NOTE.Kind] = {topic: kind for kind, topic in TOPICS.items()}


def stop_mail(event: Unsubscribed) -> None:
    """Stops what the link in a mail was for: mail about a post, the digest, or mail of some kinds."""
    if event.post_id is not None:
        set_attention(event.db, event.user_id, event.post_id, Attention.MUTE)
    elif Topic.DIGEST in event.topics:
        choices.set_digest(event.db, event.user_id, NOTE.Digest.OFF)
    else:
        kinds = [TOPIC_KINDS[topic] for topic in event.topics if topic in TOPIC_KINDS]
        choices.stop_mail(event.db, event.user_id, kinds)


def tell_of_comment(event: CommentCreated) -> None:
    telling.tell_of_comment(event.db, event.comment)


def tell_of_post(event: PostPublished) -> None:
    telling.tell_of_post(event.db, event.post)


def tell_of_post_edit(event: PostEdited) -> None:
    telling.tell_of_edit(event.db, event.post)
    decisions.tell_author(event.db, event.post, event.editor_id, "edit")


def tell_of_comment_edit(event: CommentEdited) -> None:
    telling.tell_of_edit(event.db, event.comment)
    decisions.tell_author(event.db, event.comment, event.editor_id, "edit")


def tell_of_post_likes(event: PostLiked) -> None:
    telling.tell_of_likes(event.db, PostLike, event.post_id)


def tell_of_comment_likes(event: CommentLiked) -> None:
    telling.tell_of_likes(event.db, CommentLike, event.comment_id)


def tell_answer_to_post(event: PostAnswered) -> None:
    decisions.tell_author(event.db, event.post, None, "approve" if event.approved else "remove")


def tell_answer_to_comment(event: CommentAnswered) -> None:
    decisions.tell_author(event.db, event.comment, None, "approve" if event.approved else "remove")


def tell_of_safety(event: SafetyConcerned) -> None:
    """Also where its owner did it: they hear of it as somebody in their place would."""
    happened = telling.Happened(f"security:{event.entry_id}", None)
    telling.tell_one(event.db, event.user_id, NOTE.Kind.SECURITY, happened)


def note_removed_post(event: PostRemoved) -> None:
    mailing.forget_mails(event.db, mailing.about(event.post))
    decisions.tell_author(event.db, event.post, event.post.removed_by_id, "remove", "merge")


def note_removed_comment(event: CommentRemoved) -> None:
    mailing.forget_mails(event.db, mailing.about(event.comment))
    decisions.tell_author(event.db, event.comment, event.comment.removed_by_id, "remove")


def note_restored_post(event: PostRestored) -> None:
    mailing.wait_again(event.db, mailing.about(event.post))
    decisions.tell_author(event.db, event.post, event.actor_id, "restore")


def note_restored_comment(event: CommentRestored) -> None:
    mailing.wait_again(event.db, mailing.about(event.comment))
    decisions.tell_author(event.db, event.comment, event.actor_id, "restore")


def note_hidden(event: PostHidden | CommentHidden) -> None:
    """Mails about a hidden text that have not gone out do not go."""
    mailing.forget_mails(event.db, mailing.about(text_of(event)))


def note_shown(event: PostShown | CommentShown) -> None:
    """What was not mailed while its text was hidden is mailed now, and whom it has come to mention is told."""
    mailing.wait_again(event.db, mailing.about(text_of(event)))
    telling.tell_of_edit(event.db, text_of(event))


def note_all_hidden(event: CommentsHidden) -> None:
    mailing.forget_mails(event.db, mailing.about_comments_of(event.author_id))


def note_all_shown(event: CommentsShown) -> None:
    mailing.wait_again(event.db, mailing.about_comments_of(event.author_id))


def text_of(event: PostHidden | CommentHidden | PostShown | CommentShown) -> Post | Comment:
    return event.post if isinstance(event, PostHidden | PostShown) else event.comment


def note_unwanted(event: Unwanted) -> None:
    fates.note_unwanted(event.db, event.email)


def note_forgotten(event: Forgotten) -> None:
    fates.note_forgotten(event.db, event.email_ids)


def tell_again(event: Withdrawn) -> None:
    mailing.tell_again(event.db, event.email_ids)


def follow_comments(event: CommentsMoved) -> None:
    """What members were told of goes along, and first of all what its author is told now."""
    if event.comment is not None:
        decisions.tell_author(event.db, event.comment, None, "move")
    mailing.follow_comments(event.db, event.post_id)


def includeme(config: Configurator) -> None:
    config.add_subscriber(tell_of_comment, CommentCreated)
    config.add_subscriber(tell_of_comment_edit, CommentEdited)
    config.add_subscriber(tell_of_comment_likes, CommentLiked)
    config.add_subscriber(tell_answer_to_comment, CommentAnswered)
    config.add_subscriber(note_removed_comment, CommentRemoved)
    config.add_subscriber(note_restored_comment, CommentRestored)
    config.add_subscriber(note_hidden, CommentHidden)
    config.add_subscriber(note_shown, CommentShown)
    config.add_subscriber(note_all_hidden, CommentsHidden)
    config.add_subscriber(note_all_shown, CommentsShown)
    config.add_subscriber(follow_comments, CommentsMoved)
    config.add_subscriber(tell_of_post, PostPublished)
    config.add_subscriber(tell_of_post_edit, PostEdited)
    config.add_subscriber(tell_of_post_likes, PostLiked)
    config.add_subscriber(tell_answer_to_post, PostAnswered)
    config.add_subscriber(note_removed_post, PostRemoved)
    config.add_subscriber(note_restored_post, PostRestored)
    config.add_subscriber(note_hidden, PostHidden)
    config.add_subscriber(note_shown, PostShown)
    config.add_subscriber(tell_of_safety, SafetyConcerned)
    config.add_subscriber(stop_mail, Unsubscribed)
    config.add_subscriber(note_unwanted, Unwanted)
    config.add_subscriber(note_forgotten, Forgotten)
    config.add_subscriber(tell_again, Withdrawn)
    config.add_mail_check(asking.why_unwanted)
    config.add_personal_data(
        "notifications", export=personal.export_notifications, erase=personal.erase_notifications
    )
