"""A new version of the terms is accepted before anything else that needs an account."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.comments.models import Comment
from myproject.users import constants as USER
from myproject.users.models import SecurityLogEntry, User
from tests.conftest import PASSWORD, Client, form_with
from tests.factories import make_post, make_user, sign_in
from tests.functional.pages import csrf_token, field_errors, heading

pytestmark = pytest.mark.one_database

TERMS = "/users/terms/"


@pytest.fixture
def site(make_app: Callable[..., Router]) -> Router:
    """A site whose terms are of a version that nobody has accepted yet."""
    return make_app(site_terms_version="2026-11")


@pytest.fixture
def ann(site: Router, make_client: Callable[..., Client], db: Session) -> Client:
    """The browser of Ann, who is signed in and accepted version 1."""
    client = make_client(site, address="203.0.113.7")
    user = make_user(db, "ann")
    user.terms_version = "1"
    sign_in(client, user)
    return client


def find(db: Session, name: str = "ann") -> User:
    return db.scalars(sa.select(User).where(User.name == name)).one()


def test_signing_in_leads_to_new_terms_once_and_then_on(
    site: Router, make_client: Callable[..., Client], db: Session
) -> None:
    make_user(db, "ann").terms_version = "1"
    client = make_client(site)
    form = form_with(client.get("/users/login/?next=/drafts/"), "login")
    form["login"], form["password"] = "ann", PASSWORD
    page = form.submit(status=303).follow()
    assert page.request.path == TERMS
    assert "Version 2026-11" in page.text
    assert "They have changed since you accepted them." in page.text
    accept = form_with(page, "accept_tos")
    accept["accept_tos"] = True
    answer = accept.submit(status=303)
    assert answer.location == "http://localhost/drafts/"
    answer.follow(status=200)
    client.logout()
    assert client.login("ann").location == "http://localhost/users/me/"


def test_public_page_as_target_is_no_way_round(
    site: Router, make_client: Callable[..., Client], db: Session
) -> None:
    make_user(db, "ann").terms_version = "1"
    client = make_client(site)
    form = form_with(client.get("/users/login/?next=/"), "login")
    form["login"], form["password"] = "ann", PASSWORD
    assert form.submit(status=303).location == f"http://localhost{TERMS}?next=/"


def test_acceptance_is_noted_with_version_time_and_address(ann: Client, db: Session) -> None:
    before = find(db).terms_accepted_at
    form = form_with(ann.get(TERMS), "accept_tos")
    form["accept_tos"] = True
    form.submit(status=303)
    user = find(db)
    assert (user.terms_version, user.terms_accepted_from) == ("2026-11", "203.0.113.7")
    assert user.terms_accepted_at is not None
    assert user.terms_accepted_at != before
    found = sa.select(SecurityLogEntry.detail).where(SecurityLogEntry.event == USER.SecurityEvent.TERMS_ACCEPTED)
    assert db.scalars(found).all() == ["2026-11"]


def test_going_on_without_accepting_is_refused(ann: Client, db: Session) -> None:
    page = form_with(ann.get(TERMS), "accept_tos").submit(status=422)
    assert field_errors(page) == {"accept_tos": "You can only go on if you accept the terms"}
    assert find(db).terms_version == "1"


def test_who_has_accepted_is_led_on(client: Client, db: Session) -> None:
    sign_in(client, make_user(db, "ann"))
    assert client.get(f"{TERMS}?next=/drafts/").location == "http://localhost/drafts/"
    assert client.get(f"{TERMS}?next=//evil.example/").location == "http://localhost/users/me/"


@pytest.mark.parametrize("role", list(USER.Role))
@pytest.mark.parametrize("path", ["/users/me/", "/users/me/edit/", "/posts/new/", "/drafts/", "/admin/"])
def test_everybody_has_to_accept_before_pages_of_members(
    ann: Client, db: Session, role: USER.Role, path: str
) -> None:
    find(db).role = role
    answer = ann.get(path, status="*")
    if path == "/admin/" and role is not USER.Role.ADMIN:
        assert answer.status_int == 404
    else:
        assert (answer.status_int, answer.location) == (303, f"http://localhost{TERMS}?next={path}")


def test_what_is_public_can_be_read_all_the_same(ann: Client, db: Session) -> None:
    post = make_post(db, find(db), "A post")
    for path in ("/", "/terms/", "/privacy/", "/rules/", "/about/", "/@ann/", f"/posts/{post.id}/a-post/"):
        ann.get(path, status=200)


@pytest.mark.parametrize("path", ["/users/me/data/", "/users/me/delete/", "/users/reauth/"])
def test_who_does_not_accept_may_take_their_data_along_and_leave(ann: Client, path: str) -> None:
    page = ann.get(path, status=200)
    assert page.request.path == path


def test_signing_out_needs_no_acceptance(ann: Client) -> None:
    form = next(form for form in ann.get(TERMS).forms.values() if form.action.endswith("/users/logout/"))
    form.submit(status=303)
    assert ann.get("/users/me/").location.startswith("http://localhost/users/login/")


def test_text_that_was_being_written_is_kept_until_the_terms_are_accepted(ann: Client, db: Session) -> None:
    post = make_post(db, find(db), "A post")
    token = csrf_token(ann.get(TERMS))
    page = ann.post(f"/posts/{post.id}/comments/", {"csrf_token": token, "body": "So it is."}, status=400)
    assert heading(page) == "Nothing is lost"
    assert "The terms of this site have changed: accept them first." in page.text
    again = form_with(page, "body")
    assert db.scalars(sa.select(Comment)).all() == []
    accept = form_with(ann.get(TERMS), "accept_tos")
    accept["accept_tos"] = True
    accept.submit(status=303)
    again.submit(status=303)
    assert db.scalars(sa.select(Comment.body)).all() == ["So it is."]


def test_member_made_by_the_command_line_is_asked_too(client: Client, db: Session) -> None:
    make_user(db, "ann").terms_version = ""
    page = client.login("ann").follow()
    assert page.request.path == TERMS
    assert "Read them before you go on." in page.text


def test_admin_who_must_have_a_second_factor_too_accepts_first_and_then_sets_it_up(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session
) -> None:
    client = make_client(make_app(site_terms_version="2026-11", users_require_second_factor="staff"))
    make_user(db, "ann", role=USER.Role.ADMIN).terms_version = "1"
    page = client.login("ann").follow(status=200)
    assert page.request.path == TERMS
    accept = form_with(page, "accept_tos")
    # Nothing else is reached by going round it.
    settings = "/users/me/security/second-factor/"
    assert client.get("/admin/", status=303).location == f"http://localhost{settings}"
    assert client.get(settings, status=303).location == f"http://localhost{TERMS}?next={settings}"
    accept["accept_tos"] = True
    accept.submit(status=303)
    page = client.get("/admin/", status=303).follow(status=200)
    assert page.request.path == settings
    assert "Set up an authenticator app" in page.text


def test_site_without_a_version_asks_nobody(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session
) -> None:
    client = make_client(make_app(site_terms_version=""))
    make_user(db, "ann").terms_version = "1"
    assert client.login("ann").location == "http://localhost/users/me/"
    client.get("/users/me/", status=200)


def test_a_newcomer_has_just_accepted(site: Router, make_client: Callable[..., Client]) -> None:
    client = make_client(site)
    client.register("ann").follow(status=200)
