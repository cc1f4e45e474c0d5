"""Who may see which posts: the one condition that every list, page, search and mail asks."""

import sqlalchemy as sa

from myproject.posts import constants as POST
from myproject.posts.models import Post
from myproject.security.identity import Identity

NOBODY = 0
# Written out, not bound: both databases must see that the partial indexes of the lists fit.
PUBLISHED = Post.status == sa.literal_column(str(int(POST.Status.PUBLISHED)))


def visible(viewer_id: int | sa.BindParameter[int]) -> sa.ColumnElement[bool]:
    """The one condition of which posts somebody may see: what is published, and their own drafts."""
    return PUBLISHED | (Post.author_id == viewer_id)


def viewer_of(identity: Identity | None) -> int:
    """The number of who looks, for `visible`."""
    return NOBODY if identity is None else identity.id
