"""Drafts go when nobody has touched them for a long time, and their list says when."""

from datetime import timedelta

import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.posts.models import Post
from myproject.posts.services.hiding import hide_post, show_post
from myproject.posts.tasks import purge_drafts
from tests.conftest import Client
from tests.factories import make_post, make_user, sign_in


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
