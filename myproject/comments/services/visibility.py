"""Who may see which comments, where they may see the post (`posts.services.visibility`).

PUBLISHED  everybody
WAITING    its author, and staff, who answer
HIDDEN     everybody sees its place in the tree; its text is for its author, staff, and who reads much
           (`moderation.services.hidden`)
REMOVED    staff; in the tree its place is left, with who removed it and why, for as long as there are replies
"""

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.posts.models import Post
from myproject.posts.services import visibility as posts


def has_status(comment: type[Comment], status: COMMENT.Status) -> sa.ColumnElement[bool]:
    # Written out, as the conditions of indexes are.
    return comment.status == sa.literal_column(str(int(status)))


# What everybody may read, and what is counted.
PUBLISHED = has_status(Comment, COMMENT.Status.PUBLISHED)
WAITING = has_status(Comment, COMMENT.Status.WAITING)
REMOVED = has_status(Comment, COMMENT.Status.REMOVED)
HIDDEN = has_status(Comment, COMMENT.Status.HIDDEN)

Reply = aliased(Comment)
# What is hidden keeps its place, and so does what it answers.
SHOWN_REPLY = sa.or_(has_status(Reply, COMMENT.Status.PUBLISHED), has_status(Reply, COMMENT.Status.HIDDEN))


def shown(comment: type[Comment]) -> sa.ColumnElement[bool]:
    """What the tree of a post shows to everybody: comments, and the places of those that are hidden, or removed
    and answered.
    """
    # The paths below a comment's begin with its own; no number is as high as a segment of nines. At the last
    # level, replies stand beside what they answer.
    below = (
        (Reply.post_id == comment.post_id)
        & (Reply.path > comment.path)
        & (Reply.path < comment.path + sa.literal_column(f"'{'9' * COMMENT.SEGMENT}'"))
    )
    has_replies = sa.or_(
        sa.exists().where(below, SHOWN_REPLY).correlate(comment),
        sa.exists().where(Reply.parent_id == comment.id, SHOWN_REPLY).correlate(comment),
    )
    return sa.or_(
        has_status(comment, COMMENT.Status.PUBLISHED),
        has_status(comment, COMMENT.Status.HIDDEN),
        has_status(comment, COMMENT.Status.REMOVED) & has_replies,
    )


SHOWN = shown(Comment)

# What a post is called, for who wrote a comment on it: all know that of one in the open, and its author always.
TITLE_FOR_AUTHOR = sa.case((posts.PUBLISHED | (Post.author_id == Comment.author_id), Post.title), else_="").label(
    "post_title"
)

# What one reader may look up. Statements with it join the post, and are run with the values of `posts.viewer`.
VISIBLE = posts.VISIBLE & sa.or_(
    SHOWN,
    WAITING & (Comment.author_id == sa.bindparam("viewer_id", type_=sa.BigInteger)),
    (WAITING | REMOVED) & sa.bindparam("viewer_is_staff", type_=sa.Boolean),
)


def unseen(comment: Comment) -> dict[str, bool]:
    """What the audit says of a comment that nobody but its author and staff could read yet; nothing of others. The
    public log names none such.
    """
    waited = comment.status == COMMENT.Status.WAITING or comment.refused_at is not None
    return {"unseen": True} if waited else {}
