"""The kept parts of pages, while somebody writes."""

from collections.abc import Callable

import pytest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.comments.services.rows import Thread
from myproject.comments.services.writing import create_comment
from myproject.posts.views import page
from tests.conftest import Client
from tests.factories import make_post, make_user, sign_in


def test_a_comment_written_while_a_page_is_made_stands_on_the_next_page(
    client: Client, db: Session, app: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = make_user(db, "ann")
    post = make_post(db, ann)
    sign_in(client, ann)
    address, post_id, ann_id = f"/posts/{post.id}/{post.slug}/", post.id, ann.id
    read: Callable[..., Thread] = page.list_comments
    written: list[int] = []

    def write_then_read(session: Session, *args: object) -> Thread:
        # The request has read the post already: what is committed now is not in its snapshot.
        if not written:
            with app.registry["sessions"].writing() as other:
                comment = create_comment(other, post_id, ann_id, "Late", "<p>Late</p>")
                assert comment is not None
                written.append(comment.id)
        return read(session, *args)

    monkeypatch.setattr(page, "list_comments", write_then_read)
    client.get(address)
    assert "<p>Late</p>" in client.get(address)
