"""A second factor: setting it up, signing in with it, losing it; and that nothing leads past it."""

import re
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.security.keys import KeyRing, keys_of
from myproject.users import constants as USER
from myproject.users.models import (
    Authenticator,
    RecoveryCode,
    SecurityLogEntry,
    SignInStep,
    User,
    UserSession,
)
from myproject.users.services import passwords, second_factor, sign_ins
from tests.conftest import PASSWORD, Client, form_with
from tests.factories import make_user, sign_in
from tests.functional.pages import cookies_set, csrf_token, field_errors, flashes, heading, link_in, text_of
from tests.phones import CLIENT, Phone, code_of, turn_on

pytestmark = pytest.mark.one_database

SETTINGS = "/users/me/security/second-factor/"
ADD = f"{SETTINGS}authenticator/"
SHOW = "/users/login/second-factor/"
ANY_CODE = "[B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4}"


@pytest.fixture
def ann(db: Session) -> User:
    return make_user(db, "ann")


@pytest.fixture
def phone(db: Session, ann: User) -> Phone:
    return turn_on(db, ann)


def press(client: Client, action: str) -> webtest.TestResponse:
    """Presses the button of the settings that sends to `action`."""
    page = client.get(SETTINGS)
    return next(form for form in page.forms.values() if form.action == SETTINGS + action).submit()


def begin(client: Client) -> tuple[webtest.TestResponse, str]:
    """The page that shows a new secret, and the secret."""
    page = press(client, "begin/").follow()
    return page, page.html.select_one("code.secret").get_text().replace(" ", "")


def type_code(page: webtest.TestResponse, code: str, status: int) -> webtest.TestResponse:
    form = form_with(page, "code")
    form["code"] = code
    return form.submit(status=status)


def codes_on(page: webtest.TestResponse) -> list[str]:
    return [element.get_text() for element in page.html.select(".recovery-codes code")]


def half(client: Client, **values: Any) -> webtest.TestResponse:
    """Signs in as far as the password goes; the page that asks for the code."""
    answer = client.login("ann", **values)
    assert answer.location.startswith(f"http://localhost{SHOW}?next=")
    return answer.follow()


def is_signed_in(client: Client) -> bool:
    return client.get("/users/me/", status="*").status_int == 200


def log(db: Session, user: User) -> list[USER.SecurityEvent]:
    return list(
        db.scalars(
            sa.select(SecurityLogEntry.event)
            .where(SecurityLogEntry.user_id == user.id)
            .order_by(SecurityLogEntry.id)
        )
    )


# Setting up


def test_setting_up_shows_a_secret_takes_its_code_and_gives_ten_recovery_codes(
    client: Client, db: Session, ann: User
) -> None:
    sign_in(client, ann)
    page, secret = begin(client)
    assert page.html.select_one("svg.qr")
    field = page.html.select_one("#code")
    assert (field["autocomplete"], field["inputmode"]) == ("one-time-code", "numeric")
    page = type_code(page, code_of(secret), 200)
    assert heading(page) == "Your recovery codes"
    codes = codes_on(page)
    assert len(set(codes)) == 10
    assert all(re.fullmatch(ANY_CODE, code) for code in codes)
    assert ann.second_factor_at is not None
    assert "It is on" in client.get(SETTINGS).text


def test_the_second_factor_stays_off_until_a_code_proves_the_app(client: Client, db: Session, ann: User) -> None:
    sign_in(client, ann)
    page, secret = begin(client)
    page = type_code(page, code_of(secret, -5), 422)
    assert field_errors(page)["code"].startswith("This is not the code that the app shows now")
    assert ann.second_factor_at is None
    assert db.scalar(sa.select(sa.func.count()).select_from(Authenticator)) == 0
    # The secret is the same still, so that the app need not be set up anew.
    assert page.html.select_one("code.secret").get_text().replace(" ", "") == secret
    assert len(codes_on(type_code(page, code_of(secret), 200))) == 10


def test_a_secret_that_another_browser_began_is_not_shown_and_not_taken(
    make_client: Callable[..., Client], ann: User
) -> None:
    one, other = make_client(), make_client()
    sign_in(one, ann)
    sign_in(other, ann)
    begin(one)
    assert other.get(ADD, status=303).location.endswith(SETTINGS)
    mallory = make_client()
    sign_in(mallory, make_user(mallory.db, "mallory"))
    mallory.set_cookie("authenticator", one.cookies["authenticator"].strip('"'))
    assert mallory.get(ADD, status=303).location.endswith(SETTINGS)
    token = csrf_token(mallory.get("/users/me/"))
    assert mallory.post(ADD, {"csrf_token": token, "code": "123456"}).location.endswith(SETTINGS)


def test_looking_at_the_pages_of_the_second_factor_changes_nothing(client: Client, db: Session, ann: User) -> None:
    sign_in(client, ann)
    client.get(SETTINGS)
    client.get(ADD, status=303)
    assert db.scalar(sa.select(sa.func.count(SignInStep.id))) == 0
    client.get(f"{SETTINGS}begin/", status=405)


def test_secret_and_recovery_codes_stand_nowhere_as_they_are(db: Session, ann: User, phone: Phone) -> None:
    authenticator = db.get_one(Authenticator, ann.id)
    assert phone.secret not in authenticator.secret
    hashes = db.scalars(sa.select(RecoveryCode.code_hash)).all()
    assert len(hashes) == 10
    assert not {code for code in phone.codes for stored in hashes if code in stored}


def test_the_waiting_secret_is_encrypted_too(client: Client, db: Session, ann: User) -> None:
    sign_in(client, ann)
    _page, secret = begin(client)
    (data,) = db.scalars(sa.select(SignInStep.data))
    assert secret not in repr(data)


def test_a_second_factor_outlives_a_new_key_of_the_site(db: Session, ann: User, phone: Phone) -> None:
    old = keys_of(db.info["registry"])
    newer = KeyRing(("a newer key, long enough to be taken by anybody", *old.secrets))
    assert second_factor.take_code(db, newer, ann, phone.code(), CLIENT)
    # Used once, the secret no longer needs the old key.
    db.expire_all()
    newest = KeyRing(newer.secrets[:1])
    assert second_factor.decrypt(newest, db.get_one(Authenticator, ann.id).secret) == phone.secret
    assert second_factor.take_code(db, newer, ann, phone.codes[0], CLIENT)
    other = KeyRing(("another key, long enough to be taken by anybody",))
    assert not second_factor.take_code(db, other, ann, phone.code(1), CLIENT)
    assert not second_factor.take_code(db, other, ann, phone.codes[1], CLIENT)


def test_turning_it_on_ends_every_other_session(make_client: Callable[..., Client], ann: User) -> None:
    here, elsewhere = make_client(), make_client()
    sign_in(here, ann)
    sign_in(elsewhere, ann)
    page, secret = begin(here)
    type_code(page, code_of(secret), 200)
    assert is_signed_in(here)
    assert not is_signed_in(elsewhere)


def test_a_new_member_verifies_the_address_first(client: Client, db: Session) -> None:
    sign_in(client, make_user(db, "newcomer", status=USER.Status.NEW))
    assert "Verify your address first" in client.get(SETTINGS).text
    answer = client.post(f"{SETTINGS}begin/", {"csrf_token": csrf_token(client.get("/users/me/"))})
    assert answer.location.endswith("/users/verify/")
    assert db.scalar(sa.select(sa.func.count(SignInStep.id))) == 0


@pytest.mark.parametrize(("method", "path"), [("GET", SETTINGS), ("GET", ADD), ("POST", f"{SETTINGS}off/")])
def test_its_pages_ask_for_a_fresh_sign_in(
    client: Client, db: Session, ann: User, phone: Phone, method: str, path: str
) -> None:
    sign_in(client, ann)
    token = csrf_token(client.get("/users/me/"))
    db.execute(sa.update(UserSession).values(authenticated_at=utc_now() - timedelta(hours=1)))
    answer = client.request(path, method=method, headers={"X-CSRF-Token": token}, status="*")
    assert answer.status_int == (303 if method == "GET" else 400)
    if method == "GET":
        assert "/users/reauth/?next=" in answer.location
    assert ann.second_factor_at is not None


# Signing in


def test_signing_in_asks_for_the_code_and_leads_to_where_one_wanted_to_be(
    client: Client, db: Session, ann: User, phone: Phone
) -> None:
    form = form_with(client.get("/users/login/?next=/drafts/"), "login")
    form["login"], form["password"] = "ann", PASSWORD
    page = form.submit(status=303).follow()
    assert heading(page) == "Second factor"
    assert "session" not in client.cookies
    answer = type_code(page, phone.code(), 303)
    assert answer.location == "http://localhost/drafts/"
    assert "Max-Age=0" in cookies_set(answer)["step"]
    assert flashes(answer.follow()) == ["Welcome ann"]
    assert log(db, ann)[-1] == USER.SecurityEvent.SIGNED_IN
    assert db.scalar(sa.select(sa.func.count(SignInStep.id))) == 0


@pytest.mark.parametrize("write", ["{0}{1}", "{0} {1}", "{0}-{1}", " {0}\u2013{1} "])
def test_a_code_may_be_written_with_blanks_and_dashes(client: Client, phone: Phone, write: str) -> None:
    code = phone.code()
    type_code(half(client), write.format(code[:3], code[3:]), 303)
    assert is_signed_in(client)


@pytest.mark.parametrize("again", [str, lambda code: f"{code[:3]} {code[3:]}", lambda code: wide(code)])
def test_no_code_is_taken_twice_however_it_is_written(
    make_client: Callable[..., Client], phone: Phone, again: Callable[[str], str]
) -> None:
    code = phone.code()
    type_code(half(make_client()), code, 303)
    late = make_client()
    page = type_code(half(late), again(code), 422)
    assert field_errors(page) == {
        "code": "This is no code of your app, and no recovery code, or it has been used already"
    }
    assert not is_signed_in(late)


def wide(code: str) -> str:
    return "".join(chr(ord(digit) + 0xFEE0) for digit in code)


def test_a_code_from_before_the_last_one_is_not_taken(make_client: Callable[..., Client], phone: Phone) -> None:
    earlier = phone.code()
    type_code(half(make_client()), phone.code(1), 303)
    type_code(half(make_client()), earlier, 422)


def test_the_code_that_set_it_up_signs_nobody_in(
    client: Client, ann: User, make_client: Callable[..., Client]
) -> None:
    sign_in(client, ann)
    page, secret = begin(client)
    code = code_of(secret)
    type_code(page, code, 200)
    type_code(half(make_client()), code, 422)


@pytest.mark.parametrize("typed", ["", "12345", "abcdef", "\ud800", "½" * 6, "0" * 41, "'; --"])
def test_what_is_no_code_is_refused_at_the_field(client: Client, phone: Phone, typed: str) -> None:
    token = csrf_token(half(client))
    body = {"csrf_token": token, "code": typed.encode("utf-8", "surrogatepass")}
    assert "code" in field_errors(client.post(SHOW, body, status=422))
    assert not is_signed_in(client)


def test_remember_me_lasts_through_the_code(client: Client, db: Session, phone: Phone) -> None:
    answer = type_code(half(client, remember=True), phone.code(), 303)
    assert "Max-Age=2592000" in cookies_set(answer)["session"]
    (expires_at,) = db.scalars(sa.select(UserSession.expires_at))
    assert expires_at > utc_now() + timedelta(days=29)


def test_five_tries_end_the_sign_in_though_the_sixth_were_right(client: Client, db: Session, phone: Phone) -> None:
    page = half(client)
    for _ in range(USER.STEP_TRIES):
        page = type_code(page, "000000", 422)
    answer = type_code(page, phone.code(), 303)
    assert "/users/login/" in answer.location
    assert flashes(answer.follow()) == ["That took too long, or was tried too often. Begin again."]
    assert not is_signed_in(client)


def test_wrong_codes_stand_in_the_history_of_the_account(
    client: Client, db: Session, ann: User, phone: Phone
) -> None:
    type_code(half(client), "000000", 422)
    assert log(db, ann)[-1] == USER.SecurityEvent.SIGN_IN_FAILED


def test_tries_are_limited_by_the_account_over_many_sign_ins(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session, phone: Phone
) -> None:
    app = make_app(ratelimit_enabled=True, ratelimit_second_factor_account="3 per hour")
    for _ in range(3):
        type_code(half(make_client(app)), "000000", 422)
    answer = type_code(half(make_client(app)), phone.code(), 429)
    assert int(answer.headers["Retry-After"]) > 0


def test_who_knows_the_password_alone_uses_up_no_try_of_a_browser_of_the_owner(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session, phone: Phone
) -> None:
    few = {"second_factor_account": "3 per hour", "second_factor_device": "2 per hour"}
    app = make_app(ratelimit_enabled=True, **{f"ratelimit_{name}": rate for name, rate in few.items()})
    owner, stranger = make_client(app), make_client(app, address="203.0.113.7")
    type_code(half(owner), phone.code(), 303)
    owner.logout()
    page = half(stranger)
    type_code(page, "000000", 422)
    type_code(page, "000000", 422)
    type_code(half(stranger), phone.code(1), 429)
    type_code(half(owner), phone.code(1), 303)
    # A browser of the owner's has its own limit, and to sign in makes no new tries.
    owner.logout()
    for status in (422, 429):
        type_code(half(owner), "000000", status)


def test_who_signed_in_with_the_password_before_there_was_a_second_factor_has_no_tries_apart(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session, ann: User
) -> None:
    app = make_app(ratelimit_enabled=True, ratelimit_second_factor_account="2 per hour")
    thieves, owner = [make_client(app) for _ in range(3)], make_client(app)
    for thief in thieves:
        thief.login("ann")
        thief.logout()
    sign_in(owner, ann)
    page, secret = begin(owner)
    type_code(page, code_of(secret), 200)
    owner.logout()
    for thief, status in zip(thieves, (422, 422, 429), strict=True):
        type_code(half(thief), "000000", status)
    # The browser that turned it on is the owner's.
    type_code(half(owner), code_of(secret, 1), 303)


def test_wrong_codes_in_a_row_end_all_tries_until_there_is_another_password_but_those_of_the_owners_browsers(
    make_app: Callable[..., Router],
    make_client: Callable[..., Client],
    db: Session,
    ann: User,
    phone: Phone,
    mails: Callable[..., list[EmailMessage]],
) -> None:
    few = {"second_factor_failures": "4 per 30 days", "login_account": "100 per hour"}
    app = make_app(ratelimit_enabled=True, **{f"ratelimit_{name}": rate for name, rate in few.items()})
    owner = make_client(app)
    for wrong in range(3):
        type_code(half(make_client(app)), "000000", 422)
        told = [mail for mail in mails(app, to="ann@") if "wrong codes" in mail["Subject"]]
        assert len(told) == (wrong == 2)
    assert "your right password, and then 3 wrong codes" in text_of(told[0])
    # A right one ends the row.
    type_code(half(owner), phone.code(), 303)
    owner.logout()
    for _ in range(4):
        type_code(half(make_client(app)), "000000", 422)
    page = type_code(half(make_client(app)), phone.code(1), 429)
    assert "choose a new one by “Lost password”" in page.text
    assert int(page.headers["Retry-After"]) > 86_400
    type_code(half(owner), phone.code(1), 303)
    reset = make_client(app)
    passwords.ask_for_reset(db, ann.email)
    form = form_with(reset.get(link_in(mails(app, to="ann@")[-1])), "confirm")
    form["password"] = form["confirm"] = "staple battery horse"
    form.submit(status=303)
    page = reset.login("ann", "staple battery horse").follow()
    type_code(page, phone.codes[0], 303)


def test_a_sign_in_that_waited_too_long_begins_again(client: Client, db: Session, phone: Phone) -> None:
    page = half(client)
    db.execute(sa.update(SignInStep).values(expires_at=utc_now() - timedelta(seconds=1)))
    assert "/users/login/" in type_code(page, phone.code(), 303).location
    assert "/users/login/" in client.get(SHOW, status=303).location
    assert not is_signed_in(client)


def test_an_account_shut_meanwhile_is_not_let_in(client: Client, ann: User, phone: Phone) -> None:
    page = half(client)
    ann.status = USER.Status.INACTIVE
    answer = type_code(page, phone.code(), 422)
    assert "This account has been shut" in answer.text
    assert not is_signed_in(client)


def test_signing_out_ends_a_sign_in_that_waits(client: Client, db: Session, phone: Phone) -> None:
    page = half(client)
    client.post("/users/logout/", {"csrf_token": csrf_token(page)}, status=303)
    assert db.scalar(sa.select(sa.func.count(SignInStep.id))) == 0
    assert "/users/login/" in client.get(SHOW, status=303).location


# Recovery codes


def test_a_recovery_code_signs_in_once_and_its_owner_hears_of_it(
    make_client: Callable[..., Client],
    db: Session,
    ann: User,
    phone: Phone,
    mails: Callable[..., list[EmailMessage]],
) -> None:
    client = make_client()
    page = half(client).click("Use a recovery code")
    type_code(page, phone.codes[0].lower().replace("-", " "), 303)
    assert is_signed_in(client)
    assert log(db, ann)[-2:] == [USER.SecurityEvent.RECOVERY_CODE_USED, USER.SecurityEvent.SIGNED_IN]
    assert any("9 are left" in text_of(mail) for mail in mails(to="ann@example.org"))
    late = make_client()
    type_code(half(late), phone.codes[0], 422)
    assert not is_signed_in(late)


def test_recovery_codes_of_another_member_are_none(client: Client, db: Session, phone: Phone) -> None:
    other = turn_on(db, make_user(db, "bob"))
    type_code(half(client), other.codes[0], 422)
    type_code(half(client), other.code(), 422)


def test_new_recovery_codes_end_the_old_ones(
    make_client: Callable[..., Client], ann: User, phone: Phone, mails: Callable[..., list[EmailMessage]]
) -> None:
    client = make_client()
    sign_in(client, ann)
    fresh = codes_on(press(client, "codes/"))
    assert len(set(fresh)) == 10
    assert "New recovery codes were made" in text_of(mails(to="ann@example.org")[-1])
    type_code(half(make_client()), phone.codes[0], 422)
    type_code(half(make_client()), fresh[0], 303)


@pytest.mark.parametrize("page", ["/users/me/", "/users/me/security/"])
def test_the_site_reminds_of_new_codes_where_two_are_left(
    client: Client, db: Session, ann: User, phone: Phone, page: str
) -> None:
    sign_in(client, ann)
    keys = keys_of(db.info["registry"])
    for number, code in enumerate(phone.codes):
        reminder = client.get(page).html.select_one(".notice-warning")
        left = USER.RECOVERY_CODES - number
        assert (reminder is not None) == (left <= 2)
        if reminder is not None:
            assert f"Only {left} recovery code" in reminder.get_text()
        assert second_factor.take_code(db, keys, ann, code, CLIENT)
    assert "Only 0 recovery codes are left" in client.get(page).text


def test_without_a_second_factor_the_site_reminds_of_nothing(client: Client, ann: User) -> None:
    sign_in(client, ann)
    assert "recovery code" not in client.get("/users/me/").text


# Turning it off


def test_turning_it_off_ends_codes_and_other_sessions_and_tells_the_owner(
    make_client: Callable[..., Client],
    db: Session,
    ann: User,
    phone: Phone,
    mails: Callable[..., list[EmailMessage]],
) -> None:
    here, elsewhere, waiting = make_client(), make_client(), make_client()
    sign_in(here, ann)
    sign_in(elsewhere, ann)
    page = half(waiting)
    press(here, "off/")
    assert is_signed_in(here)
    assert not is_signed_in(elsewhere)
    assert ann.second_factor_at is None
    assert db.scalar(sa.select(sa.func.count(RecoveryCode.id))) == 0
    assert db.scalar(sa.select(sa.func.count()).select_from(Authenticator)) == 0
    assert "no longer asks for a code" in text_of(mails(to="ann@example.org")[-1])
    assert "/users/login/" in type_code(page, phone.code(), 303).location
    assert make_client().login("ann").location.endswith("/users/me/")


def test_another_app_replaces_the_first(make_client: Callable[..., Client], ann: User, phone: Phone) -> None:
    client = make_client()
    sign_in(client, ann)
    page, secret = begin(client)
    type_code(page, code_of(secret), 200)
    type_code(half(make_client()), phone.code(), 422)
    type_code(half(make_client()), phone.codes[0], 422)
    type_code(half(make_client()), code_of(secret, 1), 303)


# Nothing leads past it


def test_a_remembered_session_is_no_way_past_it_once_signed_out(client: Client, phone: Phone) -> None:
    type_code(half(client, remember=True), phone.code(), 303)
    client.logout()
    half(client)
    assert not is_signed_in(client)


def test_a_reset_password_is_no_way_past_it(
    client: Client, db: Session, ann: User, phone: Phone, mails: Callable[..., list[EmailMessage]]
) -> None:
    passwords.ask_for_reset(db, ann.email)
    form = form_with(client.get(link_in(mails(to="ann@example.org")[-1])), "confirm")
    form["password"] = form["confirm"] = "staple battery horse"
    form.submit(status=303)
    assert not is_signed_in(client)
    assert client.login("ann", "staple battery horse").location.startswith(f"http://localhost{SHOW}")
    assert not is_signed_in(client)


def test_a_changed_password_keeps_it_and_ends_sign_ins_that_wait(
    make_client: Callable[..., Client], ann: User, phone: Phone
) -> None:
    waiting, client = make_client(), make_client()
    page = half(waiting)
    sign_in(client, ann)
    form = form_with(client.get("/users/me/password/"), "current")
    form["current"] = PASSWORD
    form["password"] = form["confirm"] = "staple battery horse"
    form.submit(status=303)
    assert ann.second_factor_at is not None
    assert "/users/login/" in type_code(page, phone.code(), 303).location
    assert make_client().login("ann", "staple battery horse").location.startswith(f"http://localhost{SHOW}")


def test_the_step_is_no_session(client: Client, phone: Phone) -> None:
    half(client)
    client.set_cookie("session", client.cookies["step"].strip('"'))
    assert not is_signed_in(client)


def test_without_the_password_the_page_of_the_code_leads_to_it(client: Client, phone: Phone) -> None:
    answer = client.get(f"{SHOW}?next=/drafts/", status=303)
    assert answer.location == "http://localhost/users/login/?next=/drafts/"
    token = csrf_token(client.get("/users/login/"))
    answer = client.post(SHOW, {"csrf_token": token, "code": phone.code()}, status=303)
    assert "/users/login/" in answer.location
    assert not is_signed_in(client)


def test_a_step_of_another_kind_is_none_for_the_code(client: Client, db: Session, ann: User, phone: Phone) -> None:
    keys = keys_of(db.info["registry"])
    client.set_cookie("step", second_factor.begin_adding(db, keys, ann.id))
    assert "/users/login/" in client.get(SHOW, status=303).location


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "/\\evil.example/", "javascript:x"]
)
def test_the_code_leads_to_paths_of_the_site_only(client: Client, phone: Phone, target: str) -> None:
    half(client)
    page = client.get(SHOW, {"next": target})
    assert type_code(page, phone.code(), 303).location == "http://localhost/users/me/"


def test_a_passkey_needs_no_code_beside_it(db: Session, ann: User, phone: Phone) -> None:
    opened = sign_ins.open_session(db, ann, CLIENT, USER.Way.PASSKEY)
    assert not opened.needs_second_factor


@pytest.mark.parametrize("way", [USER.Way.PASSWORD, USER.Way.PROVIDER])
def test_one_factor_opens_no_session(db: Session, ann: User, phone: Phone, way: USER.Way) -> None:
    opened = sign_ins.open_session(db, ann, CLIENT, way)
    assert opened.needs_second_factor
    assert db.scalar(sa.select(sa.func.count(UserSession.id))) == 0


def test_qr_code_page_breaks_no_policy(client: Client, ann: User) -> None:
    sign_in(client, ann)
    page, _secret = begin(client)
    assert page.headers["Cache-Control"] == "no-store"
    assert not page.html.select("[style], style, script:not([src])")


def test_who_knew_the_old_password_keeps_no_owner_out_who_chose_another_by_mail(
    make_app: Callable[..., Router],
    make_client: Callable[..., Client],
    db: Session,
    ann: User,
    phone: Phone,
    mails: Callable[..., list[EmailMessage]],
) -> None:
    many = {f"ratelimit_{name}": "100 per hour" for name in ("login_account", "login_address")}
    app = make_app(ratelimit_enabled=True, **many)
    for _ in range(10):
        type_code(half(make_client(app)), "000000", 422)
    page = type_code(half(make_client(app)), phone.code(), 429)
    assert "choose a new one by “Lost password”, then you can go on here" in page.text
    assert int(page.headers["Retry-After"]) > 3600
    owner = make_client(app)
    passwords.ask_for_reset(db, ann.email)
    form = form_with(owner.get(link_in(mails(app, to="ann@")[-1])), "confirm")
    form["password"] = form["confirm"] = "staple battery horse"
    form.submit(status=303)
    type_code(owner.login("ann", "staple battery horse").follow(), phone.code(), 303)
