"""Who may see which posts: the one condition that every list, page, search and mail asks.

PUBLISHED  everybody
DRAFT      its author
WAITING    its author, and staff, who answer
HIDDEN     its author, and staff, who answer; who reads much may look at it (`moderation.services.hidden`)
REMOVED    staff, unless its author took it back before it was in the open; others learn from its tombstone
           (`removal.find_tombstone`) that there was something
"""

from typing import Any

import sqlalchemy as sa

from myproject.posts import constants as POST
from myproject.posts.models import Post
from myproject.security.identity import Identity

NOBODY = 0
NEVER_OPEN = (POST.Status.DRAFT, POST.Status.WAITING)
OF_AUTHORS = (*NEVER_OPEN, POST.Status.HIDDEN)
OF_STAFF = (POST.Status.WAITING, POST.Status.HIDDEN)

# What everybody may see: all that lists, feeds, counts and the site map show. Written out, not bound: both
# databases must see that the partial indexes of the lists fit.
PUBLISHED = Post.status == sa.literal_column(str(int(POST.Status.PUBLISHED)))
WAITING = Post.status == sa.literal_column(str(int(POST.Status.WAITING)))


def is_one_of(statuses: tuple[POST.Status, ...]) -> sa.ColumnElement[bool]:
    # An IN is written anew for each run.
    return sa.or_(*(Post.status == status for status in statuses))


# Who removed it may be gone by now: staff have left a reason.
REMOVED_BY_AUTHOR = sa.func.coalesce(Post.removed_by_id == Post.author_id, Post.removal_reason == "")
# A draft is nobody's but its author's, removed or not.
WAS_READ = Post.published_at.is_not(None) | ~REMOVED_BY_AUTHOR
REMOVED_FOR_STAFF = (Post.status == POST.Status.REMOVED) & WAS_READ

# What one reader may see. Statements with it are run with the values of `viewer`.
VISIBLE = (
    PUBLISHED
    | (is_one_of(OF_AUTHORS) & (Post.author_id == sa.bindparam("viewer_id", type_=sa.BigInteger)))
    | ((is_one_of(OF_STAFF) | REMOVED_FOR_STAFF) & sa.bindparam("viewer_is_staff", type_=sa.Boolean))
)


def viewer(identity: Identity | None) -> dict[str, Any]:
    """Who looks, as the values that statements with `VISIBLE` ask for."""
    if identity is None:
        return {"viewer_id": NOBODY, "viewer_is_staff": False}
    return {"viewer_id": identity.id, "viewer_is_staff": identity.is_staff}


def unseen(post: Post) -> dict[str, bool]:
    """What the audit says of a post that nobody but its author and staff could read yet; nothing of others. The
    public log names none such.
    """
    return {"unseen": True} if post.published_at is None else {}
