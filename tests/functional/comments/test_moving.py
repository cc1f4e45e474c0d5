"""What staff do with a discussion: lock, pin, close, move, merge."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import AuditEntry
from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.db import utc_now
from myproject.posts.models import Post
from myproject.users import constants as USER
from myproject.users.models import User
from tests.conftest import Client, form_with
from tests.factories import make_comment, make_post, make_user, sign_in


@pytest.fixture
def ann(db: Session) -> User:
    return make_user(db, "ann")


@pytest.fixture
def post(db: Session, ann: User) -> Post:
    return make_post(db, ann)


@pytest.fixture
def staff(client: Client, db: Session) -> Client:
    sign_in(client, make_user(db, "boss", role=USER.Role.STAFF))
    return client


def shown(client: Client, post: Post) -> list[str]:
    articles = client.get(f"/posts/{post.id}/{post.slug}/").html.select("article.comment")
    return [article["id"].removeprefix("comment-") for article in articles]


def test_a_comment_moves_with_its_replies_and_its_links_lead_there(
    staff: Client, make_client: Callable[..., Client], db: Session, ann: User, post: Post
) -> None:
    other = make_post(db, ann, "Another")
    stays = make_comment(db, post, ann)
    # Deeper than the tree shows.
    chain = [make_comment(db, post, ann, parent=stays)]
    for _level in range(COMMENT.LEVELS + 2):
        chain.append(make_comment(db, post, ann, parent=chain[-1]))
    there = make_comment(db, other, ann)
    guest = make_client()
    assert (len(shown(guest, post)), len(shown(guest, other))) == (len(chain) + 1, 1)
    form = form_with(staff.get(f"/comments/{chain[0].id}/move/"), "target")
    place = f"evil.example/posts/{other.id}/"
    elsewhere = (place, f"//{place}", f"http://{place}", f"http://localhost@{place}", f"/http://{place}")
    for wrong in ("nowhere", "999999", str(post.id), *elsewhere):
        form["target"], form["reason"] = wrong, "Another matter"
        assert "There is no such post" in form.submit("move", status=422)
    form["target"] = f"http://localhost/posts/{other.id}/another/#comments"
    form.submit("move", status=303)
    assert shown(guest, post) == [str(stays.id)]
    # What was written first stands first.
    assert shown(guest, other) == [str(comment.id) for comment in (*chain, there)]
    db.expire_all()
    assert (post.comment_count, other.comment_count) == (1, len(chain) + 1)
    assert (post.last_activity_at, other.last_activity_at) == (stays.created_at, there.created_at)
    assert (chain[0].parent_id, chain[1].parent_id) == (None, chain[0].id)
    place = guest.get(f"/comments/{chain[-1].id}/", status=303).location
    assert place.endswith(f"/posts/{other.id}/another/#comment-{chain[-1].id}")
    assert db.query(AuditEntry).filter_by(action="comment.move").one().after["comments"] == len(chain)


def test_a_thread_becomes_a_post_of_its_own_once_and_its_links_lead_there(
    staff: Client, make_client: Callable[..., Client], db: Session, ann: User, post: Post
) -> None:
    stays = make_comment(db, post, ann)
    top = make_comment(db, post, ann, parent=stays)
    reply, guest = make_comment(db, post, ann, parent=top), make_client()
    form = form_with(staff.get(f"/comments/{top.id}/move/").click("Or make a post"), "title")
    assert f"/posts/{post.id}/" in form["body"].value
    form["title"], form["reason"] = "Another matter", "It is one"
    address = form.submit("split", status=303).location
    assert shown(guest, post) == [str(stays.id)]
    assert guest.get(f"/comments/{reply.id}/", status=303).location == f"{address}#comment-{reply.id}"
    assert "Another matter" in guest.get("/")
    assert "moved meanwhile" in form.submit("split", status=422)
    assert db.scalars(sa.select(Post.title).order_by(Post.id)).all() == ["A post", "Another matter"]


def test_a_merged_post_leads_to_the_other_which_has_its_comments(
    staff: Client, make_client: Callable[..., Client], db: Session, ann: User, post: Post
) -> None:
    other, guest = make_post(db, ann, "Another"), make_client()
    first, second = make_comment(db, post, ann), make_comment(db, other, ann)
    reply = make_comment(db, post, ann, parent=first)
    shown(guest, post)
    form = form_with(staff.get(f"/posts/{post.id}/merge/"), "target")
    form["target"], form["reason"] = f"#{other.id}", "The same question"
    form.submit("merge", status=303)
    for visitor in (guest, staff):
        answer = visitor.get(f"/posts/{post.id}/{post.slug}/", status=301)
        assert answer.location == f"http://localhost/posts/{other.id}/"
    for form in ("feed.atom", "source.md", "source.json"):
        answer = guest.get(f"/posts/{post.id}/{form}", status=301)
        assert answer.location == f"http://localhost/posts/{other.id}/{form}"
    assert shown(guest, other) == [str(comment.id) for comment in (first, reply, second)]
    db.expire_all()
    assert (post.comment_count, other.comment_count) == (0, 3)
    titles = [link.get_text() for link in guest.get("/").html.select(".post-title a")]
    assert titles == ["Another"]
    staff.get(f"/posts/{post.id}/history/", status=200)


def test_on_a_locked_post_staff_alone_comment_and_everybody_reads_why(
    staff: Client, make_client: Callable[..., Client], db: Session, ann: User, post: Post
) -> None:
    member, guest = make_client(), make_client()
    sign_in(member, ann)
    address = f"/posts/{post.id}/{post.slug}/"
    comment = make_comment(db, post, ann)
    begun, reply = (form_with(member.get(where), "body") for where in (address, f"/comments/{comment.id}/reply/"))
    form = form_with(staff.get(f"/posts/{post.id}/lock/"), "reason")
    form["reason"] = "Enough"
    form.submit("lock", status=303)
    # Pressed twice, or by two at once: it stays locked, for the last reason.
    form["reason"] = "All is <b>said</b>"
    form.submit("lock", status=303)
    for visitor in (member, guest):
        page = visitor.get(address)
        assert "locked this post: All is <b>said</b>" in page.html.select_one(".write-comment").get_text()
        assert page.html.select_one("textarea") is None
    for form in (begun, reply):
        form["body"] = "Not all"
        page = form.submit("send", status=422)
        assert form_with(page, "body")["body"].value == "Not all"
    form = form_with(staff.get(address), "body")
    form["body"] = "By staff"
    form.submit("send", status=303)
    form_with(staff.get(f"/posts/{post.id}/lock/"), "unlock").submit("unlock", status=303)
    begun.submit("send", status=303)
    assert sorted(db.scalars(sa.select(Comment.body))) == ["A comment.", "By staff", "Not all"]


def test_posts_close_by_themselves_where_the_setting_says_so(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session, ann: User, post: Post
) -> None:
    client = make_client(make_app(comments_close_days=7))
    sign_in(client, ann)
    address = f"/posts/{post.id}/{post.slug}/"
    form = form_with(client.get(address), "body")
    db.execute(sa.update(Post).values(published_at=utc_now() - timedelta(days=8)))
    client.app.registry["cache"].touch([f"post:{post.id}"])
    assert "old enough" in client.get(address)
    form["body"] = "Late"
    form.submit("send", status=422)
    assert db.query(Comment).all() == []


def test_three_posts_at_most_stand_on_top_of_the_front_page_and_cost_no_query_more(
    staff: Client, make_client: Callable[..., Client], db: Session, ann: User, query_counter: Callable[..., Any]
) -> None:
    posts = [make_post(db, ann, f"Post {number}") for number in range(25)]
    guest = make_client()

    def titles(query: str = "") -> list[str]:
        return [link.get_text() for link in guest.get(f"/{query}").html.select(".post-title a")]

    def pin(post: Post, button: str) -> None:
        page = staff.get(f"/posts/{post.id}/{post.slug}/")
        form = next(form for form in page.forms.values() if form.action.endswith("/pin/"))
        form.submit(button, status=303)

    def cost() -> int:
        db.commit()
        with query_counter() as statements:
            titles()
        return len(statements)

    before = cost()
    for number in (1, 3, 24, 5):
        pin(posts[number], "on")
    assert cost() == before
    first = titles()
    assert first[:4] == ["Post 24", "Post 3", "Post 1", "Post 23"]
    assert len(first) == len(set(first)) == 22
    assert titles("?sort=active")[0] == "Post 24"
    # Nothing is left out where the next page goes on.
    following = guest.get(guest.get("/").html.select_one(".pager-next")["href"]).html.select(".post-title a")
    assert {*first, *(link.get_text() for link in following)} == {f"Post {number}" for number in range(25)}
    pinned = next(post for post in posts if post.title == "Post 1")
    pin(pinned, "off")
    assert titles()[:3] == ["Post 24", "Post 3", "Post 23"]
