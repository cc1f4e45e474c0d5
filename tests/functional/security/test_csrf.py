"""The token of every form: without the right one nothing happens, and nothing typed is lost."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urljoin

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import COMMAND_LINE
from myproject.db import Base, utc_now
from myproject.emails import constants as EMAIL
from myproject.emails.constants import Kind
from myproject.emails.models import MailRoute
from myproject.emails.services import choosing, suppression
from myproject.emails.services.handling import cancel
from myproject.emails.services.lists import list_emails
from myproject.emails.services.outbox import Mail, queue_mail
from myproject.posts.services.removal import remove_post
from myproject.security.keys import keys_of
from myproject.settings import settings_of
from myproject.users import constants as USER
from myproject.users.models import User, UserSession
from myproject.users.services import accounts, blocks, sign_ins, tokens
from tests.conftest import CAPTCHA_ANSWER, PASSWORD, Client, form_with, run_tasks
from tests.factories import make_comment, make_post, make_user, sign_in
from tests.functional.pages import csrf_token, flashes, heading, summary
from tests.functional.security import test_access

pytestmark = pytest.mark.one_database

NEW_PASSWORD = "staple battery horse"
SECRETS = ("password", "confirm", "current")
HOUR = timedelta(hours=1)


def rows(db: Session) -> dict[str, list[Any]]:
    """Every row of the database, but the texts that are kept of forms which were refused."""
    db.commit()
    tables = [table for table in Base.metadata.sorted_tables if table.name != "kept_texts"]
    return {table.name: sorted(map(repr, db.execute(sa.select(table)).all())) for table in tables}


def snapshot(db: Session) -> dict[str, list[Any]]:
    """Every row of the database, and what the workers have been asked for."""
    return rows(db) | {"queue": [task.id for task in db.info["registry"]["huey"].pending()]}


@dataclass(frozen=True)
class Form:
    """A form of the site: where it stands, who sees it, what is filled in, what sends it, and where it goes."""

    name: str
    visitor: str
    path: str
    values: dict[str, str | bool] = field(default_factory=dict)
    button: str | None = None
    action: str | None = None

    def find(self, page: webtest.TestResponse) -> webtest.Form:
        """This form, on its own page or on the one that gives it back."""
        for form in page.forms.values():
            # What the browser takes where a form names no address.
            action = form.action or self.path
            names = [*self.values, *([self.button] if self.button else [])]
            holds_all = form.method.upper() == "POST" and all(name in form.fields for name in names)
            if holds_all and (self.values or action == (self.action or self.path)):
                return form
        raise AssertionError(f"{self.name} is not on the page")


FORMS = (
    Form(
        "register",
        "guest",
        "/users/register/",
        {
            "name": "ann",
            "email": "ann@example.org",
            "password": PASSWORD,
            "confirm": PASSWORD,
            "accept_tos": True,
            "captcha_answer": CAPTCHA_ANSWER,
        },
    ),
    Form("login", "guest", "/users/login/?next=/drafts/", {"login": "olga", "password": PASSWORD}),
    Form("lost password", "guest", "/users/lost-password/", {"email": "olga@example.org"}),
    Form(
        "reset password",
        "guest",
        "/users/reset-password/{reset}/",
        {"password": NEW_PASSWORD, "confirm": NEW_PASSWORD},
    ),
    Form("verification link", "guest", "/users/verify/{verify}/"),
    Form("verification code", "new", "/users/verify/", {"code": "{code}"}),
    Form("verification again", "new", "/users/verify/", {}, "resend", "/users/verify/"),
    Form("correct address", "new", "/users/verify/address/", {"email": "x@example.org"}),
    Form("change address", "member", "/users/me/email/", {"email": "x@example.org", "password": PASSWORD}),
    Form("confirm address", "guest", "/users/email/confirm/{change}/"),
    Form("undo address", "guest", "/users/email/undo/{undo}/"),
    Form("reauth", "member", "/users/reauth/", {"password": PASSWORD}),
    Form("sign out one elsewhere", "member", "/users/me/sessions/", {}, "session"),
    Form("sign out all elsewhere", "member", "/users/me/sessions/", {}, "others"),
    Form("log out", "member", "/users/me/", {}, None, "/users/logout/"),
    Form("profile", "member", "/users/me/edit/", {"display_name": "Olga", "bio": "Some\n\n  text"}),
    Form(
        "change password",
        "member",
        "/users/me/password/",
        {"current": PASSWORD, "password": NEW_PASSWORD, "confirm": NEW_PASSWORD},
    ),
    Form("new post", "member", "/posts/new/", {"title": "Of tea", "body": "  Some\n\ntext <b>"}, "publish"),
    Form("edit post", "member", "/posts/{post}/edit/", {"title": "Of tea", "body": "More"}, "save"),
    Form("edit draft", "member", "/posts/{draft}/edit/", {"title": "Of tea", "body": "More"}, "save_draft"),
    Form("comment", "member", "/posts/{post}/a-post/", {"body": "Well said"}, "send"),
    Form("reply", "member", "/comments/{comment}/reply/", {"body": "Indeed"}, "send"),
    Form("edit comment", "member", "/comments/{comment}/edit/", {"body": "Well put"}),
    Form("notification settings", "member", "/notifications/settings/", {"mail_mention": "0", "digest": "7"}),
    Form("choices", "guest", "/notifications/settings/{choices}/", {"mail_mention": "0", "digest": "7"}),
    Form("block", "member", "/@root-2/", {}, "on", "/@root-2/block/"),
    Form("unblock", "member", "/users/me/blocked/", {}, "member"),
    Form("report", "admin", "/comments/{comment}/report/", {"reason": "2", "note": "Look at this"}, "report"),
    Form("change member", "admin", "/admin/users/{new}/", {"role": "1", "status": "2", "reason": "helps"}),
    Form("mail doctor", "admin", "/admin/emails/doctor/", {"headers": "From: a@example.org"}, "look"),
    Form("resend mail", "admin", "/admin/emails/", {}, None, "/admin/emails/{cancelled}/resend/"),
    Form("cancel mail", "admin", "/admin/emails/", {}, None, "/admin/emails/{queued}/cancel/"),
    Form("resend all mails", "admin", "/admin/emails/", {}, None, "/admin/emails/resend/"),
    Form("cancel all mails", "admin", "/admin/emails/", {}, None, "/admin/emails/cancel/"),
    Form("let mail through", "admin", "/admin/emails/suppressions/{suppression}/", {"reason": "It is well"}),
    Form("try the mail server", "admin", "/admin/emails/", {}, None, "/admin/emails/open/"),
)

NEW_POST = next(form for form in FORMS if form.name == "new post")


@dataclass
class World:
    """What the forms of the table need to be there."""

    db: Session
    users: dict[str, User]
    words: dict[str, str]

    def fill(self, text: str) -> str:
        for name, value in self.words.items():
            text = text.replace("{" + name + "}", value)
        return text

    def form(self, form: Form) -> Form:
        """The form with the numbers and tokens of this world."""
        return Form(
            form.name,
            form.visitor,
            self.fill(form.path),
            {name: self.fill(value) if isinstance(value, str) else value for name, value in form.values.items()},
            form.button,
            self.fill(form.action) if form.action is not None else None,
        )


@pytest.fixture
def world(app: Router, db: Session) -> World:
    member = make_user(db, "olga")
    # `find_credentials` and mails go by nickname, so that each has one of their own.
    new, admin = make_user(db, "newman", status=USER.Status.NEW), make_user(db, "root-2", role=USER.Role.ADMIN)
    post, draft = make_post(db, member, "A post"), make_post(db, member, "A draft", publish=False)
    tokens.end_tokens(db, new.id, USER.TokenPurpose.VERIFY_EMAIL)
    words = {
        "post": str(post.id),
        "draft": str(draft.id),
        "comment": str(make_comment(db, post, member).id),
        "new": str(new.id),
        "code": "BCDF-GHJK",
        "choices": choosing.make_token(keys_of(app.registry), member.id),
        "verify": tokens.add_token(db, new, USER.TokenPurpose.VERIFY_EMAIL, HOUR, "BCDF-GHJK"),
        "change": tokens.add_token(db, member, USER.TokenPurpose.CHANGE_EMAIL, HOUR, email="x@example.org"),
        "undo": tokens.add_token(db, member, USER.TokenPurpose.UNDO_EMAIL, HOUR, email="old@example.org"),
        "reset": tokens.add_token(db, member, USER.TokenPurpose.RESET_PASSWORD, HOUR),
    }
    blocks.block(db, member.id, new.id)
    # Another browser of theirs, to be signed out.
    sign_ins.begin_session(db, member, accounts.Client("127.0.0.1", "a test"))
    for state in ("cancelled", "queued"):
        queue_mail(db, Mail(Kind.ALREADY_REGISTERED, to_address="x@example.org", context={"name": "x"}))
        db.flush()
        words[state] = str(list_emails(db)[0].id)
    cancel(db, COMMAND_LINE, int(words["cancelled"]))
    stopped = suppression.note(db, "x@example.org", EMAIL.Reason.HARD)
    assert stopped is not None
    words["suppression"] = str(stopped.id)
    db.add(MailRoute(domain=EMAIL.SERVER_ROUTE, failures=EMAIL.BREAKS_OF_A_SERVER, opens_at=utc_now()))
    # The queue holds from here on what forms ask for.
    db.commit()
    app.registry["huey"].flush()
    return World(db, {"new": new, "member": member, "admin": admin}, words)


def visit(client: Client, world: World, form: Form) -> webtest.Form:
    """The form as its visitor has filled it in."""
    if form.visitor in world.users:
        sign_in(client, world.users[form.visitor])
    opened = form.find(client.get(form.path))
    for name, value in form.values.items():
        opened[name] = value
    return opened


def button_of(form: webtest.Form, button: str | None) -> str | None:
    """The button to press: of a page that gives a form back, another one, as that one stands in a hidden field."""
    return button if button and isinstance(form[button], webtest.forms.Submit) else None


def altered(token: str) -> str:
    return token[:-1] + ("0" if token[-1] != "0" else "1")


@pytest.mark.parametrize("wrong", ["none", "altered", "somebody-elses"])
@pytest.mark.parametrize("form", FORMS, ids=[form.name.replace(" ", "-") for form in FORMS])
def test_a_form_with_a_wrong_token_changes_nothing_and_comes_back_to_be_sent_again(
    client: Client, make_client: Callable[..., Client], db: Session, world: World, form: Form, wrong: str
) -> None:
    form = world.form(form)
    opened = visit(client, world, form)
    stranger, elsewhere = make_client(), "/users/register/"
    if form.visitor != "guest":
        sign_in(stranger, make_user(db, "mallory"))
        elsewhere = "/users/me/"
    tokens = {
        "altered": altered(opened["csrf_token"].value),
        "somebody-elses": csrf_token(stranger.get(elsewhere)),
    }
    before, rows_before = snapshot(db), rows(db)
    if wrong == "none":
        fields = [item for item in opened.submit_fields(form.button) if item[0] != "csrf_token"]
        page = client.post(urljoin(form.path, opened.action), fields, status=400)
    else:
        opened["csrf_token"] = tokens[wrong]
        page = opened.submit(form.button, status=400)
    assert snapshot(db) == before

    again = form.find(page)
    for name, value in form.values.items():
        if name in SECRETS:
            # A password never comes back, and is asked for again.
            assert again[name].value == ""
            again[name] = value
        elif isinstance(value, bool):
            assert again[name].checked is value
        else:
            assert again[name].value == value
    answer = again.submit(button_of(again, form.button), status=303)
    run_tasks(client.app.registry)
    assert rows(db) != rows_before
    assert answer.location


def test_the_page_says_that_nothing_is_lost(client: Client, world: World) -> None:
    opened = visit(client, world, world.form(NEW_POST))
    opened["csrf_token"] = "0"
    assert "Nothing is lost: send it once more" in opened.submit("publish", status=400)


def test_a_form_with_a_password_says_that_it_has_to_be_typed_again(client: Client, db: Session) -> None:
    make_user(db, "ann")
    form = form_with(client.get("/users/login/"), "login")
    form["login"], form["password"], form["csrf_token"] = "ann", PASSWORD, "0"
    page = form.submit(status=400)
    assert "Nothing is lost" not in page.text
    assert "Type the password once more and send it again: everything else is still here." in summary(page)
    assert page.html.select_one('#error-summary a[href="#password"]') is not None
    assert page.html.select_one("#password").has_attr("autofocus")
    again = form_with(page, "login")
    assert (again["login"].value, again["password"].value) == ("ann", "")
    again["password"] = PASSWORD
    again.submit(status=303)


def test_the_text_of_a_form_comes_back_as_text(client: Client, world: World) -> None:
    opened = visit(client, world, world.form(NEW_POST))
    opened["body"], opened["csrf_token"] = '</textarea><script>alert("1")</script>', "0"
    page = opened.submit("publish", status=400)
    assert not page.html.select("textarea + script:not([src]), main script:not([src])")


# A sign-in that ended while the form was open


def end_sign_in(db: Session) -> None:
    db.execute(sa.delete(UserSession))


@pytest.mark.parametrize(
    ("path", "values", "button"),
    [
        ("/posts/new/", {"title": "Of tea", "body": "Long\n\ntext " * 30, "tags": "tea"}, "publish"),
        ("/posts/new/", {"title": "Of tea", "body": "Short", "tags": "tea"}, "publish"),
        ("/posts/{post}/a-post/", {"body": "Well <b>said</b>"}, "send"),
        ("/comments/{comment}/reply/", {"body": "Indeed"}, "send"),
    ],
)
def test_what_a_member_wrote_survives_the_end_of_the_sign_in(
    client: Client, db: Session, world: World, path: str, values: dict[str, str], button: str
) -> None:
    sign_in(client, world.users["member"])
    form = form_with(client.get(world.fill(path)), "body")
    for name, value in values.items():
        form[name] = value
    end_sign_in(db)
    before = snapshot(db)
    page = form.submit(button, status=400)
    assert snapshot(db) == before
    assert "You have been signed out meanwhile" in page
    given_back = form_with(page, "body")
    for name, value in values.items():
        assert given_back[name].value.replace("\r\n", "\n") == value
    # As the page says: signing in in another tab, then sending it again from here.
    client.login("olga")
    shown = given_back.submit(status=303).follow()
    while shown.status_int == 303:
        shown = shown.follow()
    assert values["body"].split()[0] in shown.html.main.get_text()


def test_a_guest_who_sends_a_members_form_without_content_is_asked_to_sign_in(client: Client) -> None:
    page = client.post("/posts/new/", status=303).follow()
    assert heading(page) == "Sign in"
    assert flashes(page) == ["You need to be signed in for this page."]


def test_a_password_does_not_come_back_after_the_end_of_the_sign_in(
    client: Client, db: Session, world: World
) -> None:
    sign_in(client, world.users["member"])
    form = form_with(client.get("/users/me/password/"), "current")
    form["current"], form["password"], form["confirm"] = PASSWORD, NEW_PASSWORD, NEW_PASSWORD
    end_sign_in(db)
    page = form.submit(status=400)
    assert PASSWORD not in page
    assert NEW_PASSWORD not in page


# A stale token opens no form that its sender may not open


def test_a_stale_token_shows_a_form_to_nobody_who_may_not_open_it(
    client: Client, make_client: Callable[..., Client], db: Session, world: World
) -> None:
    stale = {"csrf_token": "0", "reason": "typed by hand"}
    member = str(world.users["member"].id)
    sign_in(client, world.users["new"])
    # A member is told no more than that there is nothing, as for looking.
    path = f"/admin/users/{member}/"
    assert heading(client.post(path, stale, status=404)) == heading(client.get(path, status=404))
    # Nor does anybody see somebody else's draft, or post in its form.
    for path in ("/posts/{draft}/edit/", "/posts/{post}/edit/"):
        path = world.fill(path)
        answer = client.post(path, stale | {"title": "Mine", "body": "text"}, status="*")
        assert answer.status_int == client.get(path, status="*").status_int
        assert "csrf_token" not in answer.html.main.decode()
    # A guest gets back what was typed, and nothing of the page.
    page = make_client().post(f"/admin/users/{member}/", stale, status=400)
    assert "typed by hand" in page
    assert "olga" not in page


def test_a_stale_token_shows_a_form_that_wants_a_fresh_sign_in_to_nobody_without_one(
    client: Client, db: Session, world: World
) -> None:
    sign_in(client, world.users["member"])
    db.execute(sa.update(UserSession).values(authenticated_at=utc_now() - timedelta(hours=1)))
    page = client.post("/users/me/email/", {"csrf_token": "0", "email": "x@example.org"}, status=400)
    assert "first prove once more that it is you" in page
    assert "olga@example.org" not in page.html.main.decode()


def variants(path: str) -> set[str]:
    """An address of the table, for what is there, what was removed, and what is not there."""
    removed = re.sub(r"\{(?:fresh_)?post\}|\{draft\}", "{removed_post}", path)
    removed = re.sub(r"\{(?:fresh_)?comment\}", "{removed_comment}", removed)
    return {path, removed, re.sub(r"\{\w+\}", "99999", path)}


def test_a_stale_token_gets_a_page_whatever_became_of_what_the_form_is_about(
    app: Router, db: Session, make_client: Callable[..., Client]
) -> None:
    there = test_access.World(db, make_client, settings_of(app.registry).mail_folder)
    orphan = make_comment(db, make_post(db, there.owner), there.owner)
    remove_post(db, COMMAND_LINE, orphan.post_id, "Of no use")
    stale = {"csrf_token": "0", "parent_id": str(orphan.id), "body": "Typed", "note": "Typed", "reason": "Typed"}
    for visitor in ("owner", "staff", "admin"):
        sign_in(there.clients[visitor], there.users[visitor])
    rows = [row for row in test_access.TABLE if row.post is not test_access.NOT_ALLOWED]
    for path in sorted({path for row in rows for path in variants(row.path)}):
        address = there.fill(path)
        for visitor in ("owner", "staff", "admin"):
            answer = there.clients[visitor].post(address, stale, status="*")
            assert answer.status_int < 500, (visitor, path)
            assert "Content-Security-Policy" in answer.headers

    # A form that is none any more answers as to a right token, and gives back what was typed.
    post, comment = make_post(db, there.owner), make_comment(db, there.post, there.owner)
    removed, mine = there.make_removed_post(), there.make_removed_comment()
    expected = {
        f"/comments/{comment.id}/restore/": ("owner", 303),
        f"/comments/{mine}/restore/": ("owner", 400),
        "/users/passkeys/99999/remove/": ("owner", 404),
        "/users/passkeys/99999/rename/": ("owner", 404),
        f"/posts/{post.id}/report/": ("owner", 403),
        f"/comments/{comment.id}/report/": ("owner", 403),
        f"/comments/{mine}/report/": ("staff", 404),
        f"/posts/{removed}/comments/": ("staff", 404),
        f"/posts/{post.id}/comments/": ("staff", 404),
        "/admin/emails/suppressions/99999/": ("admin", 404),
    }
    for path, (visitor, status) in expected.items():
        answers = [there.clients[visitor].post(path, stale | {"once": ""}, status="*")]
        if status != 400:
            token = test_access.form_token(there.clients[visitor])
            answers.append(there.clients[visitor].post(path, stale | {"csrf_token": token}, status="*"))
        assert {answer.status_int for answer in answers} == {status}, path
        assert all("Typed" in answer for answer in answers if path.endswith("/comments/")), path


# Odd tokens


def test_a_file_for_a_token_is_refused(client: Client, world: World) -> None:
    sign_in(client, world.users["member"])
    upload = [("csrf_token", "token.txt", b"x")]
    page = client.post("/users/me/edit/", {"theme": "dark"}, upload_files=upload, status=400)
    assert heading(page) == "That request made no sense"


@pytest.mark.parametrize("token", ["\x00", "ü", "😀", "x" * 10_000], ids=["nul", "letter", "picture", "long"])
def test_an_odd_token_is_a_wrong_token(client: Client, db: Session, world: World, token: str) -> None:
    sign_in(client, world.users["member"])
    before = snapshot(db)
    client.post("/users/me/edit/", {"theme": "dark", "csrf_token": token}, status=400)
    assert snapshot(db) == before


def test_a_right_token_in_the_address_is_not_taken(client: Client, db: Session, world: World) -> None:
    sign_in(client, world.users["member"])
    token = csrf_token(client.get("/users/me/edit/"))
    client.post(f"/users/logout/?csrf_token={token}", status=400)
    client.get("/users/me/", status=200)


def test_a_right_token_in_a_header_is_taken(client: Client, world: World) -> None:
    sign_in(client, world.users["member"])
    token = csrf_token(client.get("/users/me/edit/"))
    client.post("/users/logout/", headers={"X-CSRF-Token": token}, status=303)


# Where a form comes from, which browsers tell; on https it must be the site


@pytest.fixture
def secure_client(make_app: Callable[..., Router], make_client: Callable[..., Client]) -> Client:
    return make_client(make_app(site_url="https://site.example", site_hosts="other.example"))


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://site.example"},
        {"Origin": "https://site.example.evil.example"},
        {"Origin": "https://site.example:8443"},
        {"Origin": "null"},
        {"Referer": "https://evil.example/https://site.example/"},
        {},
    ],
    ids=str,
)
def test_a_form_from_elsewhere_is_refused_on_https_and_not_offered_again(
    secure_client: Client, db: Session, headers: dict[str, str]
) -> None:
    make_user(db, "ann")
    fields = {"login": "ann", "password": PASSWORD}
    fields["csrf_token"] = csrf_token(secure_client.get("/users/login/"))
    before = snapshot(db)
    page = secure_client.post("/users/login/", fields, headers=headers, status=400)
    assert snapshot(db) == before
    assert not page.forms


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}],
    ids=str,
)
def test_a_form_from_elsewhere_is_refused_on_http_too(
    client: Client, db: Session, headers: dict[str, str]
) -> None:
    make_user(db, "ann")
    fields = {"login": "ann", "password": PASSWORD}
    fields["csrf_token"] = csrf_token(client.get("/users/login/"))
    before = snapshot(db)
    client.post("/users/login/", fields, headers=headers, status=400)
    assert snapshot(db) == before


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://site.example"}, {"Referer": "https://site.example/users/login/"}],
    ids=str,
)
def test_a_form_of_the_site_itself_is_taken_on_https(
    secure_client: Client, db: Session, headers: dict[str, str]
) -> None:
    make_user(db, "ann")
    fields = {"login": "ann", "password": PASSWORD}
    fields["csrf_token"] = csrf_token(secure_client.get("/users/login/"))
    secure_client.post("/users/login/", fields, headers=headers, status=303)
