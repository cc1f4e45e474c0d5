"""Browsers that a member has signed in with: strangers do not lock their owner out, and new ones are told."""

from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.security.keys import keys_of
from myproject.users.models import User
from myproject.users.services import passwords
from myproject.users.views.device import fingerprint
from tests.conftest import PASSWORD, Client, form_with
from tests.factories import make_user
from tests.functional.pages import cookies_set, link_in, text_of
from tests.phones import turn_on

pytestmark = pytest.mark.one_database

NEW_PASSWORD = "staple battery horse"


def try_to_sign_in(client: Client, login: str, password: str = PASSWORD) -> int:
    form = form_with(client.get("/users/login/"), "login")
    form["login"], form["password"] = login, password
    return int(form.submit(status="*").status_int)


@pytest.fixture
def app(make_app: Callable[..., Router]) -> Router:
    return make_app(
        **{
            "ratelimit.enabled": True,
            "ratelimit.login_account": "3 per hour",
            "ratelimit.login_device": "4 per hour",
            "ratelimit.login_address": "1000 per hour",
        }
    )


@pytest.fixture
def owner(client: Client, db: Session) -> Client:
    """A browser that Ann has signed in with, and signed out."""
    make_user(db, "ann")
    client.login("ann")
    client.logout()
    return client


def attack(make_client: Callable[..., Client]) -> Client:
    """Uses up the tries of Ann's account, and gives the browser of it."""
    stranger = make_client(address="203.0.113.7")
    while try_to_sign_in(stranger, "ann", "wrong") != 429:
        pass
    return stranger


def test_the_owner_gets_in_with_a_browser_of_theirs_and_nobody_with_another(
    owner: Client, make_client: Callable[..., Client]
) -> None:
    stranger = attack(make_client)
    assert try_to_sign_in(stranger, "ann") == 429
    assert try_to_sign_in(make_client(), "ann") == 429
    assert try_to_sign_in(owner, "ann") == 303


def test_the_tries_of_a_known_browser_are_limited_too(owner: Client, make_client: Callable[..., Client]) -> None:
    tries = [try_to_sign_in(owner, "ann", "wrong") for _ in range(5)]
    assert tries == [422, 422, 422, 422, 429]


def test_a_browser_of_another_account_does_not_help(
    owner: Client, make_client: Callable[..., Client], db: Session
) -> None:
    make_user(db, "bob")
    bobs = make_client()
    bobs.login("bob")
    bobs.logout()
    attack(make_client)
    assert try_to_sign_in(bobs, "ann") == 429


def test_members_who_take_turns_at_a_browser_are_all_remembered(
    owner: Client, make_client: Callable[..., Client], db: Session, mails: Callable[..., list[EmailMessage]]
) -> None:
    others = ["bob", "cyd", "dan", "eve"]
    for name in [*others, *others]:
        if name not in {user.name for user in db.scalars(sa.select(User))}:
            make_user(db, name)
        owner.login(name)
        owner.logout()
    assert sum("a new browser" in mail["Subject"] for mail in mails() if "ann" not in mail["To"]) == len(others)
    attack(make_client)
    assert try_to_sign_in(owner, "ann") == 303
    owner.logout()
    # One more, and of them all Bob was away the longest.
    make_user(db, "fay")
    owner.login("fay")
    owner.logout()
    told = len(mails(to="bob@example.org"))
    owner.login("bob")
    assert len(mails(to="bob@example.org")) == told + 1
    assert len(owner.cookies["device"]) < 1200


def test_a_cookie_of_before_there_could_be_several_members_in_it_is_good(
    owner: Client, make_client: Callable[..., Client], app: Router, db: Session
) -> None:
    ann = db.scalars(sa.select(User).where(User.name == "ann")).one()
    values = [ann.id, "an id", fingerprint(ann.password), "", True]
    other = make_client()
    other.set_cookie("device", str(keys_of(app.registry).signer("device").dumps(values)))
    attack(make_client)
    assert try_to_sign_in(other, "ann") == 303


@pytest.mark.parametrize("forge", [lambda value: value[:-2] + "xx", lambda value: "", lambda value: "[1, 2, 3]"])
def test_a_forged_cookie_does_not_help(
    owner: Client, make_client: Callable[..., Client], forge: Callable[[str], str]
) -> None:
    other = make_client()
    other.set_cookie("device", forge(owner.cookies["device"].strip('"')))
    attack(make_client)
    assert try_to_sign_in(other, "ann") == 429


def test_a_changed_password_ends_what_other_browsers_had(
    owner: Client, make_client: Callable[..., Client]
) -> None:
    second = make_client()
    second.login("ann")
    form = form_with(second.get("/users/me/password/"), "current")
    form["current"], form["password"], form["confirm"] = PASSWORD, NEW_PASSWORD, NEW_PASSWORD
    form.submit(status=303)
    second.logout()
    attack(make_client)
    assert try_to_sign_in(owner, "ann", NEW_PASSWORD) == 429
    assert try_to_sign_in(second, "ann", NEW_PASSWORD) == 303


def choose_by_mail(browser: Client, mails: Callable[..., list[EmailMessage]]) -> None:
    """Chooses a new password for Ann's account by a mailed link."""
    asking = form_with(browser.get("/users/lost-password/"), "email")
    asking["email"] = "ann@example.org"
    asking.submit(status=303)
    form = form_with(browser.get(link_in(mails(to="ann@example.org")[-1])), "confirm")
    form["password"] = form["confirm"] = NEW_PASSWORD
    form.submit(status=303)


@pytest.mark.parametrize("known", [True, False])
def test_who_chose_a_new_password_by_mail_gets_in_while_strangers_guess(
    owner: Client, make_client: Callable[..., Client], mails: Callable[..., list[EmailMessage]], known: bool
) -> None:
    browser = owner if known else make_client()
    attack(make_client)
    choose_by_mail(browser, mails)
    assert try_to_sign_in(make_client(), "ann", NEW_PASSWORD) == 429
    assert try_to_sign_in(browser, "ann", NEW_PASSWORD) == 303


def test_a_browser_that_only_chose_a_new_password_has_no_tries_apart_at_the_second_factor(
    make_app: Callable[..., Router],
    make_client: Callable[..., Client],
    db: Session,
    mails: Callable[..., list[EmailMessage]],
) -> None:
    app = make_app(**{"ratelimit.enabled": True, "ratelimit.second_factor_account": "1 per day"})
    ann = make_user(db, "ann")
    turn_on(db, ann)
    thief = make_client(app)
    for status in (422, 429):
        passwords.ask_for_reset(db, ann.email)
        form = form_with(thief.get(link_in(mails(app, to="ann@example.org")[-1])), "confirm")
        form["password"] = form["confirm"] = NEW_PASSWORD
        form.submit(status=303)
        page = form_with(thief.login("ann", NEW_PASSWORD).follow(), "code")
        page["code"] = "000000"
        page.submit(status=status)


def test_who_shares_a_network_with_strangers_gets_in_with_a_browser_of_theirs(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session
) -> None:
    app = make_app(**{"ratelimit.enabled": True, "ratelimit.login_address": "2 per hour"})
    make_user(db, "ann")
    owner, stranger = make_client(app), make_client(app)
    owner.login("ann")
    owner.logout()
    assert [try_to_sign_in(stranger, name) for name in ("bob", "cyd")] == [422, 429]
    assert try_to_sign_in(owner, "ann") == 303


def test_a_sign_in_with_a_new_browser_is_told_by_mail_and_one_with_a_known_browser_is_not(
    app: Router,
    owner: Client,
    make_client: Callable[..., Client],
    mails: Callable[..., list[EmailMessage]],
) -> None:
    told = len(mails(to="ann@example.org"))
    owner.login("ann")
    assert len(mails(to="ann@example.org")) == told
    stranger = make_client(address="203.0.113.7")
    stranger.login("ann")
    mail = mails(to="ann@example.org")[-1]
    assert mail["Subject"] == "Your account at My community: a new browser"
    text = text_of(mail)
    assert "Somebody signed in to your account with a browser that had not been used for it before." in text
    assert "203.0.113.7" in text
    told = len(mails(to="ann@example.org"))
    stranger.logout()
    stranger.login("ann")
    assert len(mails(to="ann@example.org")) == told


def test_a_browser_that_only_chose_a_new_password_is_new_at_the_sign_in_and_known_from_then_on(
    owner: Client, make_client: Callable[..., Client], mails: Callable[..., list[EmailMessage]]
) -> None:
    def told() -> int:
        return sum("a new browser" in mail["Subject"] for mail in mails(to="ann@example.org"))

    before, stranger = told(), make_client()
    # The last one had signed in before it chose a password once more.
    for browser, count in ((owner, 0), (stranger, 1), (stranger, 1)):
        choose_by_mail(browser, mails)
        browser.login("ann", NEW_PASSWORD)
        assert told() - before == count
        browser.logout()


@pytest.mark.parametrize(("days", "told"), [(179, 0), (180, 1)])
def test_a_sign_in_after_a_long_silence_is_told_with_a_known_browser_too(
    owner: Client, db: Session, mails: Callable[..., list[EmailMessage]], days: int, told: int
) -> None:
    ann = db.scalars(sa.select(User).where(User.name == "ann")).one()
    ann.signed_in_at = utc_now() - timedelta(days=days, minutes=1)
    silent_since = ann.signed_in_at.date().isoformat()
    subject = "Your account at My community: a sign-in after a long time"
    # The second one is no longer after a silence.
    for _ in range(2):
        owner.login("ann")
        owner.logout()
    found = [mail for mail in mails(to="ann@example.org") if mail["Subject"] == subject]
    assert len(found) == told
    assert all(f"for the first time since {silent_since}." in text_of(mail) for mail in found)


def test_a_browser_of_another_member_is_new(
    owner: Client, db: Session, mails: Callable[..., list[EmailMessage]]
) -> None:
    make_user(db, "bob")
    owner.login("bob")
    assert [mail["Subject"] for mail in mails(to="bob@example.org")] == [
        "Your account at My community: a new browser"
    ]


def test_the_browser_that_registered_is_known(
    client: Client, db: Session, mails: Callable[..., list[EmailMessage]]
) -> None:
    client.register("eve")
    user = db.scalars(sa.select(User).where(User.name == "eve")).one()
    user.email_verified_at = user.created_at
    client.logout()
    client.login("eve")
    assert not any("a new browser" in mail["Subject"] for mail in mails())


def test_the_cookie_signs_nobody_in_and_no_script_reads_it(
    owner: Client, make_client: Callable[..., Client], db: Session
) -> None:
    other = make_client()
    other.set_cookie("device", owner.cookies["device"].strip('"'))
    other.get("/users/me/", status=303)
    make_user(db, "bob")
    cookie = cookies_set(make_client().login("bob"))["device"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "bob" not in cookie
