"""The comments of a member, page by page."""

from sqlalchemy.orm import Session

from myproject.comments import constants as COMMENT
from myproject.posts import constants as POST
from tests.conftest import Client
from tests.factories import make_comment, make_post, make_user


def test_a_members_comments_have_pages_with_what_everybody_may_see(client: Client, db: Session) -> None:
    ann = make_user(db, "ann")
    post, hidden = make_post(db, ann, "Tea"), make_post(db, ann, "Hidden")
    made = [make_comment(db, post, ann).id for _ in range(COMMENT.LIST_SIZE + 3)][::-1]
    make_comment(db, post, make_user(db, "eve"))
    make_comment(db, hidden, ann)
    hidden.status = POST.Status.WAITING
    seen, address = [], "/@ann/comments/"
    while address:
        page = client.get(address)
        seen += [int(link["href"].split("/")[2]) for link in page.html.select(".comment .meta a")]
        following = page.html.select_one("a[rel=next]")
        address = following["href"] if following else ""
    assert seen == made
    client.get("/@ann/comments/?after=x", status=404)
