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

# What everybody may read, and what is counted.
PUBLISHED = Comment.status == sa.literal_column(str(int(COMMENT.Status.PUBLISHED)))
WAITING = Comment.status == sa.literal_column(str(int(COMMENT.Status.WAITING)))
REMOVED = Comment.status == sa.literal_column(str(int(COMMENT.Status.REMOVED)))
HIDDEN = Comment.status == sa.literal_column(str(int(COMMENT.Status.HIDDEN)))

Reply = aliased(Comment)
# What is hidden keeps its place, and so does what it answers.
SHOWN_REPLY = sa.or_(
    Reply.status == sa.literal_column(str(int(COMMENT.Status.PUBLISHED))),
    Reply.status == sa.literal_column(str(int(COMMENT.Status.HIDDEN))),
)
# The paths below a comment's begin with its own; no number is as high as a segment of nines. At the last level,
# replies stand beside what they answer.
BELOW = (
    (Reply.post_id == Comment.post_id)
    & (Reply.path > Comment.path)
    & (Reply.path < Comment.path + sa.literal_column(f"'{'9' * COMMENT.SEGMENT}'"))
)
HAS_REPLIES = sa.or_(
    sa.exists().where(BELOW, SHOWN_REPLY).correlate(Comment),
    sa.exists().where(Reply.parent_id == Comment.id, SHOWN_REPLY).correlate(Comment),
)

# What the tree of a post shows to everybody: comments, and the places of those that are hidden, or removed and
# answered.
SHOWN = sa.or_(PUBLISHED, HIDDEN, sa.and_(REMOVED, HAS_REPLIES))

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
