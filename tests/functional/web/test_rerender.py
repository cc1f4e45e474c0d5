"""Texts that an older version rendered: rendered anew, page and excerpt too."""

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.comments.models import Comment
from myproject.posts.models import Post
from myproject.rerender import ROWS_AT_ONCE, rerender
from myproject.text import RENDERER_VERSION
from tests.conftest import Client
from tests.factories import make_comment, make_post, make_user

pytestmark = pytest.mark.one_database

OLD = {"body_html": "<p>old</p>", "body_renderer": RENDERER_VERSION - 1}


def test_texts_of_older_versions_are_rendered_anew_with_the_names_there_are_now(
    app: Router, client: Client, db: Session
) -> None:
    ann = make_user(db, "ann")
    ann.bio, ann.bio_html, ann.bio_renderer = "*new*", "<p>old</p>", 1
    posts = [make_post(db, ann, body="- [x] by @ann") for _ in range(ROWS_AT_ONCE + 1)]
    make_comment(db, posts[-1], ann, "@ann[^1]\n\n[^1]: Note")
    present = make_post(db, ann)
    db.execute(sa.update(Post).where(Post.id != present.id).values(**OLD, excerpt="old"))
    db.execute(sa.update(Post).where(Post.id == present.id).values(body_html="<p>kept</p>"))
    db.execute(sa.update(Comment).values(**OLD))
    address = f"/posts/{posts[-1].id}/{posts[-1].slug}/"
    assert "<p>old</p>" in client.get(address).text
    db.commit()

    rerender(app.registry)
    db.expire_all()
    assert {post.excerpt for post in posts} == {"☑ by @ann"}
    assert {post.version for post in posts} == {1}
    assert present.body_html == "<p>kept</p>"
    assert ann.bio_html == "<p><em>new</em></p>\n"
    page = client.get(address)
    assert page.text.count('href="/@ann/" class="mention" rel="nofollow ugc noopener">@ann</a>') == 2
    assert page.html.select_one(".comment .footnotes").get_text(strip=True).startswith("Note")
    assert "<p>old</p>" not in page.text
