"""The choices of what a member hears of, by the link in a mail: without a sign-in, and nothing but these."""

import logging
import re
from collections.abc import Callable
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.db import Base
from myproject.emails.services import choosing
from myproject.notifications import constants as NOTE
from myproject.notifications.services import choices
from myproject.security.keys import KeyRing, keys_of
from myproject.users import constants as USER
from myproject.users.models import User
from myproject.users.services import deletion
from tests.conftest import Client
from tests.factories import make_comment, make_post, make_user, sign_in
from tests.functional.pages import csrf_token, field_errors, flashes, heading, text_of


@pytest.fixture
def ann(db: Session) -> User:
    user = make_user(db, "ann")
    user.display_name = "Ann the Baker"
    return user


def address(app: Router, user_id: int) -> str:
    return f"/notifications/settings/{choosing.make_token(keys_of(app.registry), user_id)}/"


def rows(db: Session) -> dict[str, list[str]]:
    db.commit()
    return {table.name: sorted(map(repr, db.execute(sa.select(table)))) for table in Base.metadata.sorted_tables}


def test_the_link_in_a_mail_shows_the_choices_alone_and_changes_them_without_a_sign_in(
    client: Client, db: Session, ann: User, mails: Callable[..., list[EmailMessage]]
) -> None:
    bob, post = make_user(db, "bob"), make_post(db, ann, "On tea")
    choices.set_choice(db, bob.id, NOTE.Kind.LIKE, False, NOTE.Way.NEVER)
    make_comment(db, post, bob)
    (mail,) = mails(to="ann@example.org")
    found = re.search(
        r"Choose what you are mailed:\s+http://localhost(/notifications/settings/[^/\s]+/)", text_of(mail)
    )
    assert found
    html = mail.get_body(("html",))
    assert html is not None
    assert f'href="http://localhost{found[1]}"' in html.get_content()

    before = rows(db)
    client.head(found[1], status=200)
    page = client.get(found[1], status=200)
    assert rows(db) == before
    assert heading(page) == "What you hear of, and where"
    for personal in ("ann", "Ann the Baker", "example.org", "bob", "tea"):
        assert not re.search(rf"\b{personal}\b", page.text)
    assert "the address this mail went to" in page
    assert page.headers["Cache-Control"] == "no-store"
    # The address of the page goes to no site at all.
    assert page.headers["Referrer-Policy"] == "strict-origin"
    assert page.html.select_one("meta[name=robots]")["content"] == "noindex"
    assert set(client.cookies) == {"guest"}

    form = page.forms["form"]
    assert (form["mail_post_reply"].value, form["inbox_like"].checked, form["digest"].value) == ("1", True, "0")
    form["mail_post_reply"], form["inbox_like"], form["digest"], form["without_texts"] = "0", False, "7", True
    saved = form.submit("save", status=303)
    assert saved.location == f"http://localhost{found[1]}"
    page = saved.follow()
    assert flashes(page) == ["Your choice is saved"]
    assert page.forms["form"]["mail_post_reply"].value == "0"
    assert choices.read_choices(db, ann.id) == choices.DEFAULTS | {
        NOTE.Kind.POST_REPLY: choices.Choice(True, NOTE.Way.NEVER),
        NOTE.Kind.LIKE: choices.Choice(False, NOTE.Way.NEVER),
    }
    assert choices.read_digest(db, ann.id) == NOTE.Digest.WEEKLY
    assert choices.wants_no_texts(db, ann.id)
    assert choices.read_choices(db, bob.id)[NOTE.Kind.POST_REPLY] == choices.DEFAULTS[NOTE.Kind.POST_REPLY]
    make_comment(db, post, bob)
    assert len(mails(to="ann@example.org")) == 1


@pytest.mark.one_database
def test_a_choice_that_is_none_is_refused_beside_its_field(
    app: Router, client: Client, db: Session, ann: User
) -> None:
    form = client.get(address(app, ann.id)).forms["form"]
    form["mail_mention"].force_value("5")
    form["mail_post_reply"] = "0"
    refused = form.submit("save", status=422)
    assert set(field_errors(refused)) == {"mail_mention"}
    assert refused.forms["form"]["mail_post_reply"].value == "0"
    assert choices.read_choices(db, ann.id) == choices.DEFAULTS
    # And so is what has no token of the form; it comes back to be sent again.
    again = client.post(address(app, ann.id), {"mail_post_reply": "0", "digest": "0"}, status=400)
    again.forms["form"].submit("save", status=303)
    assert choices.read_choices(db, ann.id)[NOTE.Kind.POST_REPLY].mail == NOTE.Way.NEVER


@pytest.mark.one_database
def test_who_is_signed_in_makes_no_difference(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session, ann: User
) -> None:
    # Neither a second factor nor new terms stand before it, and it is not the visitor's mail that is chosen.
    app = make_app(users_require_second_factor="staff", site_terms_version="2")
    bob = make_user(db, "bob", role=USER.Role.STAFF)
    bob.terms_version = "1"
    for visitor in (bob, ann):
        client = make_client(app)
        sign_in(client, visitor)
        page = client.get(address(app, ann.id), status=200)
        assert not {"bob", "ann", "Ann the Baker"} & set(page.html.stripped_strings)
        form = page.forms["form"]
        form["mail_mention"] = str(int(NOTE.Way.NEVER if visitor is bob else NOTE.Way.DIGEST))
        assert flashes(form.submit("save", status=303).follow()) == ["Your choice is saved"]
        assert choices.read_choices(db, ann.id)[NOTE.Kind.MENTION].mail == int(form["mail_mention"].value)
    assert choices.read_choices(db, bob.id) == choices.DEFAULTS


@pytest.mark.one_database
@pytest.mark.parametrize("who", ["shut", "former", "waiting", "nobody"])
def test_who_is_shut_out_or_gone_has_no_such_page(
    app: Router, client: Client, db: Session, ann: User, who: str
) -> None:
    token, user_id = csrf_token(client.get("/users/login/")), ann.id
    if who == "shut":
        ann.status = USER.Status.INACTIVE
    elif who == "former":
        deletion.empty(ann)
    elif who == "waiting":
        ann.approval = USER.Approval.WAITING
    else:
        user_id = 987_654
    client.get(address(app, user_id), status=404)
    client.post(address(app, user_id), {"csrf_token": token, "mail_mention": "0", "digest": "0"}, status=404)
    assert choices.read_choices(db, user_id) == choices.DEFAULTS


@pytest.mark.one_database
def test_what_the_site_has_not_signed_is_not_found_and_no_token_stands_in_the_log(
    app: Router, client: Client, db: Session, ann: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bob = make_user(db, "bob")
    db.flush()
    keys = keys_of(app.registry)
    good = choosing.make_token(keys, ann.id)
    payload, _dot, signature = good.rpartition(".")
    wrong = [
        f"{choosing.make_token(keys, bob.id).rpartition('.')[0]}.{signature}",  # another member's
        choosing.make_token(KeyRing(("x" * 48,)), ann.id),  # forged
        keys.signer(choosing.PURPOSE).dumps(ann.id),
        f"{payload}.",
        "x" * 300,
    ]
    form = client.get(address(app, ann.id), status=200).forms["form"]
    form.submit("save", status=303)
    form["mail_mention"].force_value("5")
    form.submit("save", status=422)
    client.post(address(app, ann.id), {"digest": "0"}, status=400)
    client.post(address(app, ann.id), {"digest": "0"}, {"Origin": "https://x.example"}, status=400)
    client.put(address(app, ann.id), status=405)
    before = rows(db)
    for token in wrong:
        page = client.get(f"/notifications/settings/{token}/", status=404)
        assert heading(page) == "Page not found"
        fields = {"csrf_token": form["csrf_token"].value, "mail_mention": "0", "digest": "0"}
        client.post(f"/notifications/settings/{token}/", fields, status=404)
    assert rows(db) == before
    assert not any(token in caplog.text for token in (good, signature, *wrong))
