"""Drafts go when nobody has touched them for a long time, and their list says when."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import Actor
from myproject.comments import constants as COMMENT
from myproject.comments.services.hiding import hide_comment
from myproject.comments.services.removal import remove_comment
from myproject.db import utc_now
from myproject.posts.models import Post
from myproject.posts.services.hiding import hide_post, show_post
from myproject.posts.services.removal import purge_removed, remove_post
from myproject.posts.tasks import purge_drafts
from tests.conftest import Client, form_with
from tests.factories import make_comment, make_post, make_user, sign_in
from tests.functional.pages import heading


def test_drafts_untouched_for_long_are_purged_and_their_list_says_when(
    client: Client, app: Router, db: Session
) -> None:
    ann = make_user(db, "ann")
    sign_in(client, ann)
    titles = {"Fresh": 0, "Nearly": 179, "Too old": 181}
    for title, days in titles.items():
        make_post(db, ann, title, publish=False).updated_at = utc_now() - timedelta(days=days)
    old = make_post(db, ann, "Published")
    old.updated_at = utc_now() - timedelta(days=999)
    page = client.get("/drafts/")
    until = utc_now() + timedelta(days=180)
    assert f"kept until {until:%-d %b %Y}" in page
    db.commit()
    purge_drafts(app.registry)
    assert sorted(db.scalars(sa.select(Post.title))) == [
        "Fresh",
        "Nearly",
        "Published",
    ]


def test_a_hidden_post_stands_below_its_authors_drafts_and_leads_to_what_they_can_do(
    client: Client, db: Session
) -> None:
    ann = make_user(db, "ann")
    sign_in(client, ann)
    assert "Hidden" not in [heading.get_text() for heading in client.get("/drafts/").html.select("h2")]
    hide_post(db, post := make_post(db, ann, "Of tea"))
    hide_post(db, make_post(db, make_user(db, "bob"), "Of milk"))
    page = client.get("/drafts/")
    assert [heading.get_text() for heading in page.html.select("main h2")] == ["Hidden"]
    assert "Of milk" not in page
    assert "Some <strong>text" in page.click("Of tea")
    show_post(db, post)
    assert "Of tea" not in client.get("/drafts/")


def test_a_removed_post_stands_below_its_authors_drafts_and_leads_to_its_way_back(
    client: Client, db: Session
) -> None:
    ann, bob = make_user(db, "ann"), make_user(db, "bob")
    sign_in(client, ann)
    own, of_staff, other = (
        make_post(db, who, title) for who, title in ((ann, "Own"), (ann, "Bad"), (bob, "Bob's"))
    )
    remove_post(db, Actor(ann.id, ann.name), own.id)
    remove_post(db, Actor(bob.id, bob.name), of_staff.id, "Too loud")
    remove_post(db, Actor(bob.id, bob.name), other.id)
    page = client.get("/drafts/")
    assert [heading.get_text() for heading in page.html.select("main h2")] == ["Removed posts"]
    assert "Bobs" not in page
    assert "It was removed by the site's staff: Too loud" in page
    (link,) = page.html.select(f"main a[href='/posts/{own.id}/{own.slug}/']")
    form_with(client.get(link["href"], status=410), "restore").submit("restore", status=303)
    assert "Own" not in client.get("/drafts/")
    purge_removed(db, Post.id == of_staff.id)
    assert "Removed posts" not in client.get("/drafts/")


def test_own_comments_that_others_do_not_read_stand_there_with_the_reason(
    client: Client, db: Session, query_counter: Callable[..., AbstractContextManager[list[str]]]
) -> None:
    ann, bob = make_user(db, "ann"), make_user(db, "bob")
    post = make_post(db, bob, "Of tea")
    words = ("In the open", "Hidden by reports", "Hidden by a ban", "Removed by staff", "Taken back", "Waits")
    comments = {text: make_comment(db, post, ann, text) for text in words}
    hide_comment(db, comments["Hidden by reports"], COMMENT.HiddenFor.REPORTS)
    hide_comment(db, comments["Hidden by a ban"], COMMENT.HiddenFor.BAN)
    remove_comment(db, Actor(bob.id, "bob"), comments["Removed by staff"].id, "Of no use")
    remove_comment(db, Actor(ann.id, "ann"), comments["Taken back"].id)
    comments["Waits"].status = COMMENT.Status.WAITING
    hide_comment(db, make_comment(db, post, bob, "Somebody else's"), COMMENT.HiddenFor.REPORTS)
    db.commit()
    sign_in(client, ann)
    assert client.get("/@ann/comments/").click("your drafts").request.path == "/drafts/"
    with query_counter() as statements:
        page = client.get("/drafts/")
    assert len([each for each in statements if "FROM comments" in each]) == 1
    cards = page.html.select("details.card")
    texts = ("Taken back", "Removed by staff", "Hidden by a ban", "Hidden by reports")
    told = dict(zip(texts, cards, strict=True))
    # What is removed shows its words only to who may put it back, where they can.
    shown = [card.select_one(".prose") for card in cards]
    assert [words and words.get_text(strip=True) for words in shown] == [None, None, *texts[2:]]
    assert "removed by the site's staff: Of no use" in told["Removed by staff"].get_text()
    assert "as you may not comment for now" in told["Hidden by a ban"].get_text()
    assert "Members have reported it" in told["Hidden by reports"].get_text()
    assert heading(client.get(told["Hidden by reports"].a["href"])) == "This comment is hidden"
    restored = form_with(client.get(told["Taken back"].a["href"]), "restore").submit("restore", status=303)
    assert "Taken back" in restored.follow().follow()
    assert page.html.find("a", href=f"/comments/{comments['Waits'].id}/")

    sign_in(client, make_user(db, "carl"))
    assert "your drafts" not in client.get("/@ann/comments/")
    assert not client.get("/drafts/").html.select("details.card")


def test_a_comment_that_waits_names_the_removed_post_to_nobody_but_its_author(client: Client, db: Session) -> None:
    ann, bob = make_user(db, "ann"), make_user(db, "bob")
    post = make_post(db, bob, "Of tea")
    for author in (ann, bob):
        make_comment(db, post, author).status = COMMENT.Status.WAITING
    remove_post(db, Actor(None, "boss"), post.id, "Of no use")
    db.commit()
    sign_in(client, ann)
    page = client.get("/drafts/")
    assert "Of tea" not in page
    assert "Comment on a text that is not there any more" in page
    sign_in(client, bob)
    assert "Comment on Of tea" in client.get("/drafts/")
