"""An admin turns writing off: members read on and lose nothing they typed, and staff go on."""

from collections.abc import Callable

import sqlalchemy as sa
from pyramid.router import Router
from pyramid.scripting import prepare
from sqlalchemy.orm import Session

from myproject.audit import COMMAND_LINE
from myproject.db import sessions_of
from myproject.posts import constants as POST
from myproject.posts.models import Post
from myproject.switches import Name, Position, is_read_only
from myproject.switches import turn as turn_switch
from myproject.users import constants as USER
from tests.conftest import Client, form_with
from tests.factories import make_comment, make_post, make_user, sign_in
from tests.functional.pages import flashes, summary


def turn(admin: Client, position: str) -> None:
    form = form_with(admin.get("/admin/settings/"), "writing")
    form["writing"], form["reason"] = position, "A storm of spam"
    assert flashes(form.submit(status=303).follow()) == ["The settings are saved"]


def test_nobody_but_staff_writes_while_it_is_off_and_what_was_typed_is_there_again(
    client: Client, make_client: Callable[..., Client], db: Session
) -> None:
    admin, staff = make_client(), make_client()
    ann = make_user(db, "ann")
    sign_in(client, ann)
    sign_in(admin, make_user(db, "root", role=USER.Role.ADMIN))
    sign_in(staff, make_user(db, "boss", role=USER.Role.STAFF))
    post = make_post(db, ann, "Of tea")
    comment = make_comment(db, post, ann)
    page = f"/posts/{post.id}/of-tea/"
    open_before = form_with(client.get(page), "body")
    turn(admin, "off")

    open_before["body"] = "A word"
    refused = open_before.submit("send", status=422)
    assert "takes no posts and comments for now" in summary(refused)
    assert form_with(refused, "body")["body"].value == "A word"
    for address, button in (
        (f"/comments/{comment.id}/edit/", "save"),
        (f"/posts/{post.id}/edit/", "save"),
        ("/posts/new/", "publish"),
    ):
        form = form_with(client.get(address), "body")
        if "title" in form.fields:
            form["title"] = "A title"
        form["body"] = f"Typed at {address}"
        refused = form.submit(button, status=422)
        assert "takes no posts and comments for now" in summary(refused)
        assert form_with(refused, "body")["body"].value == f"Typed at {address}"
    assert "Reading goes on" in client.get("/posts/new/")
    form = form_with(client.get("/posts/new/"), "body")
    form["title"] = "A draft"
    form.submit("save_draft", status=303)
    assert "A comment." in make_client().get(page)

    form = form_with(staff.get(f"/comments/{comment.id}/reply/"), "body")
    form["body"] = "Staff write on"
    form.submit("send", status=303)
    assert "Staff write on" in client.get(page)

    turn(admin, "on")
    again = form_with(client.get(page), "body")
    assert again["body"].value.strip() == "A word"
    again.submit("send", status=303)
    published = sa.select(Post.id).where(Post.status == POST.Status.PUBLISHED)
    assert db.scalars(published).all() == [post.id]
    assert "Only staff write" in admin.get("/admin/settings/")


def test_what_a_page_has_read_before_the_turn_is_not_kept_for_those_after_it(
    make_app: Callable[..., Router],
) -> None:
    app = make_app(sqlalchemy_pool_size=2)
    with prepare(registry=app.registry) as early:
        # On SQLite, all of the page stands as at its first look at the database.
        early["request"].dbsession.scalar(sa.select(Post.id))
        with sessions_of(app.registry).writing() as db:
            turn_switch(db, COMMAND_LINE, Name.WRITING, Position.OFF, "A storm of spam")
        is_read_only(early["request"])
    with prepare(registry=app.registry) as late:
        assert is_read_only(late["request"])
