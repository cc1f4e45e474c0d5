"""Passkeys: adding, naming and removing them, and signing in with one; and everything that must not work."""

import json
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
from myproject.users import constants as USER
from myproject.users.models import Connection, Passkey, SecurityLogEntry, SignInStep, User, UserSession
from tests.authenticator import PRESENT, Authenticator, tampered
from tests.conftest import Client
from tests.factories import make_user, sign_in
from tests.functional.pages import csrf_token, flashes, summary, text_of

pytestmark = pytest.mark.one_database

LIST = "/users/me/security/passkeys/"
ADD = "/users/passkeys/add/"
SIGN_IN = "/users/passkeys/sign-in/"
REAUTH = "/users/passkeys/reauth/"
SECOND_FACTOR = "/users/passkeys/second-factor/"
REFUSED = "This passkey was not accepted. It may have been removed here: try another one."
OVER = "That took too long, or was tried too often. Begin again."


def send(client: Client, path: str, *, status: int = 200, **fields: str) -> dict[str, Any]:
    """What the script does: posts a form with the token in a header, and reads the JSON."""
    headers = {"X-CSRF-Token": csrf_token(client.get("/users/lost-password/"))}
    answer = client.post(path, fields, headers=headers, status=status)
    assert answer.content_type == "application/json"
    return dict(answer.json)


def ask(client: Client, path: str = SIGN_IN, **fields: str) -> dict[str, Any]:
    """The options that the browser gets."""
    return dict(send(client, f"{path}options/", **fields)["publicKey"])


def reply(
    client: Client, credential: Any, path: str = SIGN_IN, *, status: int = 200, **fields: str
) -> dict[str, Any]:
    return send(client, path, status=status, credential=json.dumps(credential), **fields)


def add(client: Client, device: Authenticator, name: str = "My phone") -> dict[str, Any]:
    """Adds a passkey to the account that is signed in; gives the options it was made for."""
    options = ask(client, ADD, name=name)
    assert reply(client, device.create(options), ADD) == {"location": LIST}
    return options


def stale(db: Session) -> None:
    """Makes every session older than what counts as fresh."""
    before = utc_now() - timedelta(minutes=USER.REAUTH_MINUTES + 1)
    db.execute(sa.update(UserSession).values(authenticated_at=before))


def history(db: Session, user: User) -> list[tuple[USER.SecurityEvent, str]]:
    columns = (SecurityLogEntry.event, SecurityLogEntry.detail)
    statement = sa.select(*columns).where(SecurityLogEntry.user_id == user.id).order_by(SecurityLogEntry.id)
    return [(row.event, row.detail) for row in db.execute(statement)]


def name_in_header(client: Client) -> str:
    """Who the site takes the browser for; empty for a guest."""
    link = client.get("/").html.select_one(".site-nav-member")
    return link.get_text(strip=True) if link else ""


@pytest.fixture
def ann(db: Session) -> User:
    return make_user(db, "ann")


@pytest.fixture
def device() -> Authenticator:
    return Authenticator()


@pytest.fixture
def owner(client: Client, ann: User) -> Client:
    """The browser in which Ann is signed in."""
    sign_in(client, ann)
    return client


@pytest.fixture
def guest(owner: Client, device: Authenticator, make_client: Callable[..., Client]) -> Client:
    """A browser nobody is signed in with, beside a device that has a passkey of Ann's."""
    add(owner, device)
    return make_client()


# Adding


def test_passkey_is_added_and_stands_in_the_list_the_history_and_a_mail(
    owner: Client, ann: User, device: Authenticator, db: Session, mails: Callable[..., list[EmailMessage]]
) -> None:
    add(owner, device, "Phone of <Ann>")
    page = owner.get(LIST)
    assert flashes(page) == ["The passkey “Phone of <Ann>” is saved"]
    assert page.html.select_one(".card h2").get_text() == "Phone of <Ann>"
    assert "not used yet" in page
    assert (USER.SecurityEvent.PASSKEY_ADDED, "Phone of <Ann>") in history(db, ann)
    (mail,) = mails(to="ann@example.org")
    assert "A passkey was added: Phone of" in text_of(mail)


def test_options_ask_for_a_discoverable_credential_and_a_verified_user(owner: Client) -> None:
    options = ask(owner, ADD, name="Phone")
    assert options["rp"] == {"id": "localhost", "name": owner.app.registry["settings"].site_title}
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["requireResidentKey"] is True
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["attestation"] == "none"
    assert options["user"]["name"] == "ann"


def test_all_passkeys_of_a_member_have_one_random_handle_and_each_is_excluded_from_the_next(
    owner: Client, device: Authenticator, db: Session
) -> None:
    first = add(owner, device, "one")
    second = ask(owner, ADD, name="two")
    assert first["user"]["id"] == second["user"]["id"]
    stored = db.scalars(sa.select(Passkey)).one()
    assert len(stored.handle) == 64
    assert [each["id"] for each in second["excludeCredentials"]] == [device_id(device)]


def device_id(device: Authenticator) -> str:
    return str(device.get({"challenge": ""})["id"])


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("", "Fill in this field"),
        ("  ", "Fill in this field"),
        ("x" * 61, "Write at most 60 characters"),
        ("a\u202eb", "Leave out characters that change the direction of text"),
    ],
)
def test_name_is_looked_at_before_the_device_makes_a_passkey(owner: Client, name: str, error: str) -> None:
    assert send(owner, f"{ADD}options/", status=422, name=name) == {"error": error, "field": "name"}


def test_unverified_member_can_not_leave_a_passkey_behind(
    client: Client, db: Session, make_client: Callable[..., Client]
) -> None:
    # Or who registers with somebody else's address comes back once its owner has taken the account over.
    sign_in(client, make_user(db, "squatter", status=USER.Status.NEW))
    answer = send(client, f"{ADD}options/", status=422, name="Phone")
    assert answer["error"].startswith("Verify your address first")
    assert "verify your address" in client.get(LIST)


def test_no_more_passkeys_than_there_may_be(owner: Client, ann: User, db: Session, device: Authenticator) -> None:
    options = ask(owner, ADD, name="one too many")
    handle = bytes(64)
    for number in range(USER.PASSKEYS_MAX):
        db.add(Passkey(user_id=ann.id, credential_id=b"%d" % number, handle=handle, public_key=b"", name="x"))
    full = "You have as many passkeys as an account can have: remove one first"
    assert reply(owner, device.create(options), ADD, status=422)["error"] == full
    assert send(owner, f"{ADD}options/", status=422, name="x")["error"] == full
    assert owner.get(LIST).html.select_one("[data-passkey]") is None


def refuse_to_add(owner: Client, credential: Any, db: Session) -> None:
    assert reply(owner, credential, ADD, status=422)["error"] == REFUSED
    assert db.scalar(sa.select(sa.func.count(Passkey.id))) == 0


@pytest.mark.parametrize(
    "wrong",
    [{"origin": "http://evil.example"}, {"origin": "https://localhost"}, {"rp_id": "evil.example"}],
    ids=["origin", "scheme", "rp-id"],
)
def test_passkey_made_for_another_site_is_not_added(owner: Client, db: Session, wrong: dict[str, str]) -> None:
    refuse_to_add(owner, Authenticator(**wrong).create(ask(owner, ADD, name="x")), db)


def test_passkey_that_did_not_verify_its_user_is_not_added(owner: Client, db: Session) -> None:
    refuse_to_add(owner, Authenticator(flags=PRESENT).create(ask(owner, ADD, name="x")), db)


def test_passkey_made_for_another_challenge_is_not_added(
    owner: Client, device: Authenticator, db: Session
) -> None:
    before = ask(owner, ADD, name="x")
    ask(owner, ADD, name="x")
    refuse_to_add(owner, device.create(before), db)


def test_challenge_for_adding_is_spent_once(owner: Client, device: Authenticator, db: Session) -> None:
    options = ask(owner, ADD, name="x")
    cookie = owner.cookies["passkey"]
    assert reply(owner, device.create(options), ADD) == {"location": LIST}
    owner.set_cookie("passkey", cookie)
    assert reply(owner, device.create(options), ADD, status=422)["error"] == OVER
    assert db.scalar(sa.select(sa.func.count(Passkey.id))) == 1


def test_challenge_for_adding_is_spent_by_a_wrong_answer_too(
    owner: Client, device: Authenticator, db: Session
) -> None:
    options = ask(owner, ADD, name="x")
    cookie = owner.cookies["passkey"]
    refuse_to_add(owner, {"no": "credential"}, db)
    owner.set_cookie("passkey", cookie)
    assert reply(owner, device.create(options), ADD, status=422)["error"] == OVER


def test_challenge_for_adding_is_nothing_for_another_member(
    owner: Client, device: Authenticator, db: Session, make_client: Callable[..., Client]
) -> None:
    options = ask(owner, ADD, name="x")
    other = make_client()
    sign_in(other, make_user(db, "ben"))
    other.set_cookie("passkey", owner.cookies["passkey"])
    assert reply(other, device.create(options), ADD, status=422)["error"] == OVER
    assert db.scalar(sa.select(sa.func.count(Passkey.id))) == 0


def test_credential_that_somebody_has_is_not_added_again(
    owner: Client, device: Authenticator, db: Session, make_client: Callable[..., Client]
) -> None:
    add(owner, device)
    other = make_client()
    sign_in(other, make_user(db, "ben"))
    again = device.create(ask(other, ADD, name="x"), device.credentials[0])
    assert reply(other, again, ADD, status=422)["error"] == REFUSED
    assert db.scalars(sa.select(Passkey.name)).all() == ["My phone"]


def test_adding_asks_for_a_fresh_sign_in(owner: Client, db: Session) -> None:
    stale(db)
    leads_to = {"location": "/users/reauth/?next=/users/me/security/passkeys/"}
    assert send(owner, f"{ADD}options/", name="x") == leads_to
    assert send(owner, ADD, credential="{}") == leads_to
    assert db.scalar(sa.select(sa.func.count(SignInStep.id))) == 0


def test_list_asks_for_a_fresh_sign_in(owner: Client, db: Session) -> None:
    stale(db)
    assert "/users/reauth/?next=" in owner.get(LIST, status=303).location


# Signing in


def test_passkey_signs_in_without_a_name(guest: Client, device: Authenticator, ann: User, db: Session) -> None:
    options = ask(guest)
    assert options["rpId"] == "localhost"
    assert options["userVerification"] == "required"
    assert options["allowCredentials"] == []
    assert reply(guest, device.get(options)) == {"location": "/users/me/"}
    assert name_in_header(guest) == "ann"
    newest = db.scalars(sa.select(UserSession).order_by(UserSession.id.desc())).first()
    assert newest is not None
    assert newest.way is USER.Way.PASSKEY
    assert history(db, ann)[-1] == (USER.SecurityEvent.SIGNED_IN, "")
    used = db.scalars(sa.select(Passkey)).one()
    assert used.sign_count == 1
    assert used.last_used_at is not None


def test_sign_in_goes_where_the_visitor_wanted_to_be_and_nowhere_else(
    guest: Client, device: Authenticator
) -> None:
    for wanted, there in (("/drafts/", "/drafts/"), ("//evil.example/", "/users/me/")):
        assert reply(guest, device.get(ask(guest)), next=wanted) == {"location": there}


def test_sign_in_is_remembered_where_that_is_asked_for(guest: Client, device: Authenticator) -> None:
    for remember, days in (("false", None), ("true", 30)):
        headers = {"X-CSRF-Token": csrf_token(guest.get("/users/lost-password/"))}
        credential = json.dumps(device.get(ask(guest)))
        answer = guest.post(SIGN_IN, {"credential": credential, "remember": remember}, headers=headers)
        (cookie,) = (each for each in answer.headers.getall("Set-Cookie") if each.startswith("session="))
        assert (f"Max-Age={(days or 0) * 86_400}" in cookie) == (days is not None)


def test_sign_in_needs_no_second_factor_beside_a_passkey(
    guest: Client, device: Authenticator, ann: User, db: Session
) -> None:
    ann.second_factor_at = utc_now()
    assert reply(guest, device.get(ask(guest))) == {"location": "/users/me/"}
    assert name_in_header(guest) == "ann"


def test_passkey_of_a_shut_account_signs_nobody_in(
    guest: Client, device: Authenticator, ann: User, db: Session
) -> None:
    ann.status = USER.Status.INACTIVE
    answer = reply(guest, device.get(ask(guest)), status=422)
    assert answer["error"].startswith("This account has been shut")
    assert name_in_header(guest) == ""


def refuse_to_enter(guest: Client, credential: Any, db: Session, error: str = REFUSED) -> None:
    sessions = db.scalar(sa.select(sa.func.count(UserSession.id)))
    assert reply(guest, credential, status=422)["error"] == error
    assert name_in_header(guest) == ""
    assert db.scalar(sa.select(sa.func.count(UserSession.id))) == sessions


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "http://evil.example"},
        {"origin": "http://localhost.evil.example"},
        {"origin": "https://localhost"},
        {"rp_id": "evil.example"},
        {"flags": PRESENT},
        {"flags": 0},
    ],
    ids=["origin", "longer-origin", "scheme", "rp-id", "not-verified", "not-present"],
)
def test_answer_for_another_site_or_of_an_unverified_user_is_refused(
    guest: Client, device: Authenticator, db: Session, wrong: dict[str, Any]
) -> None:
    wrongly = Authenticator(credentials=device.credentials, **wrong)
    refuse_to_enter(guest, wrongly.get(ask(guest)), db)


def test_origin_and_relying_party_come_from_the_settings_and_not_from_the_host(
    make_app: Callable[..., Router], make_client: Callable[..., Client], device: Authenticator, db: Session
) -> None:
    app = make_app(site_hosts="other.example")
    owner, guest = make_client(app), make_client(app)
    sign_in(owner, make_user(db, "ann"))
    add(owner, device)
    guest.extra_environ["HTTP_HOST"] = "other.example"
    options = ask(guest)
    assert options["rpId"] == "localhost"
    fooled = Authenticator(origin="http://other.example", credentials=device.credentials)
    refuse_to_enter(guest, fooled.get(options), db)


@pytest.mark.parametrize("part", ["signature", "authenticatorData", "clientDataJSON"])
def test_answer_that_was_tampered_with_is_refused(
    guest: Client, device: Authenticator, db: Session, part: str
) -> None:
    credential = device.get(ask(guest))
    credential["response"][part] = tampered(credential["response"][part])
    refuse_to_enter(guest, credential, db)


def test_answer_of_a_passkey_that_is_unknown_here_is_refused(guest: Client, db: Session) -> None:
    stranger = Authenticator()
    stranger.create(ask(guest) | {"user": {"id": "AAAA"}})
    refuse_to_enter(guest, stranger.get(ask(guest)), db)


@pytest.mark.parametrize("handle", [None, "AAAA", 1, ""])
def test_answer_without_the_members_handle_is_refused(
    guest: Client, device: Authenticator, db: Session, handle: Any
) -> None:
    credential = device.get(ask(guest))
    credential["response"]["userHandle"] = handle
    refuse_to_enter(guest, credential, db)


def test_answer_signed_with_another_members_passkey_is_theirs_alone(
    guest: Client, device: Authenticator, db: Session, make_client: Callable[..., Client]
) -> None:
    ben, other = make_client(), Authenticator()
    sign_in(ben, make_user(db, "ben"))
    add(ben, other)
    # Ben's key, under the number and the handle of Ann's.
    forged = other.get(ask(guest))
    forged |= {"id": device_id(device), "rawId": device_id(device)}
    forged["response"]["userHandle"] = device.credentials[0].handle
    refuse_to_enter(guest, forged, db)


def test_answer_is_taken_once(
    guest: Client, device: Authenticator, db: Session, make_client: Callable[..., Client]
) -> None:
    credential = device.get(ask(guest))
    cookie = guest.cookies["passkey"]
    reply(guest, credential)
    thief = make_client()
    thief.set_cookie("passkey", cookie)
    refuse_to_enter(thief, credential, db, OVER)


def test_challenge_is_spent_by_a_wrong_answer_too(guest: Client, device: Authenticator, db: Session) -> None:
    options = ask(guest)
    cookie = guest.cookies["passkey"]
    refuse_to_enter(guest, {}, db)
    guest.set_cookie("passkey", cookie)
    refuse_to_enter(guest, device.get(options), db, OVER)


def test_challenge_is_nothing_in_another_browser(
    guest: Client, device: Authenticator, db: Session, make_client: Callable[..., Client]
) -> None:
    credential, other = device.get(ask(guest)), make_client()
    refuse_to_enter(other, credential, db, OVER)
    # Nor with a challenge of its own.
    ask(other)
    refuse_to_enter(other, credential, db)


def test_challenge_that_is_too_old_is_refused(guest: Client, device: Authenticator, db: Session) -> None:
    credential = device.get(ask(guest))
    db.execute(sa.update(SignInStep).values(expires_at=utc_now() - timedelta(seconds=1)))
    refuse_to_enter(guest, credential, db, OVER)


def test_challenge_for_adding_signs_nobody_in(
    guest: Client, owner: Client, device: Authenticator, db: Session
) -> None:
    options = ask(owner, ADD, name="x")
    guest.set_cookie("passkey", owner.cookies["passkey"])
    refuse_to_enter(guest, device.get(options), db, OVER)


@pytest.mark.parametrize("back", [0, 1], ids=["the-same", "lower"])
def test_count_that_does_not_go_on_is_refused_and_told_to_the_owner_by_mail_once_a_day(
    guest: Client,
    device: Authenticator,
    ann: User,
    db: Session,
    mails: Callable[..., list[EmailMessage]],
    back: int,
) -> None:
    def told() -> list[str]:
        return [text for text in map(text_of, mails(to=ann.email)) if "there may be a copy of it" in text]

    db.execute(sa.update(Passkey).values(sign_count=5))
    for event in (USER.SecurityEvent.PASSKEY_COPIED, USER.SecurityEvent.SIGN_IN_FAILED):
        device.credentials[0].sign_count = 4 - back
        refuse_to_enter(guest, device.get(ask(guest)), db)
        assert history(db, ann)[-1] == (event, "My phone")
        (text,) = told()
    assert "My phone" in text
    assert "/users/me/security/passkeys/" in text
    assert "there is nothing to do" not in text
    assert db.scalar(sa.select(Passkey.sign_count)) == 5
    old = sa.update(SecurityLogEntry).where(SecurityLogEntry.event == USER.SecurityEvent.PASSKEY_COPIED)
    db.execute(old.values(created_at=utc_now() - timedelta(hours=USER.PASSKEY_COPIED_HOURS, minutes=1)))
    device.credentials[0].sign_count = 4
    refuse_to_enter(guest, device.get(ask(guest)), db)
    assert len(told()) == 2


def test_device_that_does_not_count_signs_in_again_and_again(
    owner: Client, make_client: Callable[..., Client]
) -> None:
    device = Authenticator(counts=False)
    add(owner, device)
    for _ in range(2):
        guest = make_client()
        assert reply(guest, device.get(ask(guest))) == {"location": "/users/me/"}


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "{",
        "[]",
        "null",
        "1" * 5000,
        '"\\ud800"',
        "[" * 10_000,
        "x" * 30_000,
        '{"id": 1, "rawId": "\\ud800", "type": "public-key", "response": {}}',
        '{"id": "", "rawId": "", "type": "public-key", "response": {"clientDataJSON": "", "authenticatorData": "",'
        ' "signature": "", "attestationObject": ""}}',
        '{"id": "AA", "rawId": "AA", "type": "public-key", "response": {"clientDataJSON": "e30", "signature": "A",'
        ' "authenticatorData": "é", "attestationObject": "gYGBgYGB"}}',
    ],
)
def test_what_is_no_answer_is_refused(owner: Client, make_client: Callable[..., Client], sent: str) -> None:
    guest = make_client()
    ask(guest)
    assert send(guest, SIGN_IN, status=422, credential=sent)["error"] == REFUSED
    ask(owner, ADD, name="x")
    assert send(owner, ADD, status=422, credential=sent)["error"] == REFUSED


def test_answer_to_the_script_is_a_form_with_a_token(client: Client) -> None:
    client.post(f"{SIGN_IN}options/", status=400)
    headers = {"X-CSRF-Token": csrf_token(client.get("/users/lost-password/")), "Content-Type": "application/json"}
    client.post(f"{SIGN_IN}options/", "{}", headers=headers, status=400)


# A fresh sign-in


def test_passkey_makes_the_sign_in_fresh_under_a_new_token(
    owner: Client, device: Authenticator, db: Session
) -> None:
    add(owner, device)
    stale(db)
    page = owner.get(LIST, status=303).follow()
    assert page.html.select_one("[data-passkey=get]")["data-action"] == REAUTH
    options, before = ask(owner, REAUTH), owner.cookies["session"]
    assert [each["id"] for each in options["allowCredentials"]] == [device_id(device)]
    assert reply(owner, device.get(options), REAUTH, next=LIST) == {"location": LIST}
    owner.get(LIST, status=200)
    assert owner.cookies["session"] != before
    assert db.scalar(sa.select(sa.func.count(UserSession.id))) == 1


def test_fresh_sign_in_takes_only_the_members_own_passkeys(
    owner: Client, device: Authenticator, db: Session, make_client: Callable[..., Client]
) -> None:
    add(owner, device)
    other, others = make_client(), Authenticator()
    sign_in(other, make_user(db, "ben"))
    add(other, others)
    stale(db)
    assert reply(owner, others.get(ask(owner, REAUTH)), REAUTH, status=422)["error"] == REFUSED
    # Nor a challenge that was given to somebody else, or for something else.
    credential = device.get(ask(other, REAUTH))
    owner.set_cookie("passkey", other.cookies["passkey"])
    assert reply(owner, credential, REAUTH, status=422)["error"] == OVER
    assert reply(owner, device.get(ask(owner)), REAUTH, status=422)["error"] == OVER
    assert reply(owner, device.get(ask(owner, REAUTH)), status=422)["error"] == OVER
    owner.get(LIST, status=303)


def test_member_without_passkeys_is_not_offered_one(owner: Client) -> None:
    assert owner.get("/users/reauth/").html.select_one("[data-passkey]") is None
    assert send(owner, f"{REAUTH}options/", status=422)["error"] == "This account has no passkey"


# A second factor


def half_sign_in(client: Client, user: User) -> webtest.TestResponse:
    """Signs in with the password, and stands before the second factor."""
    user.second_factor_at = utc_now()
    return client.login(user.name, remember=True).follow()


def test_passkey_is_taken_as_second_factor(guest: Client, device: Authenticator, ann: User, db: Session) -> None:
    page = half_sign_in(guest, ann)
    assert page.html.select_one("[data-passkey=get]")["data-action"] == SECOND_FACTOR
    options = ask(guest, SECOND_FACTOR)
    assert [each["id"] for each in options["allowCredentials"]] == [device_id(device)]
    assert name_in_header(guest) == ""
    assert reply(guest, device.get(options), SECOND_FACTOR, next="/drafts/") == {"location": "/drafts/"}
    assert name_in_header(guest) == "ann"
    newest = db.scalars(sa.select(UserSession).order_by(UserSession.id.desc())).first()
    assert newest is not None
    assert newest.expires_at - newest.created_at > timedelta(days=29)
    assert db.scalar(sa.select(sa.func.count(SignInStep.id))) == 0


def test_second_factor_is_a_passkey_of_that_member_only(
    guest: Client, ann: User, db: Session, make_client: Callable[..., Client]
) -> None:
    other, others = make_client(), Authenticator()
    sign_in(other, make_user(db, "ben"))
    add(other, others)
    half_sign_in(guest, ann)
    assert reply(guest, others.get(ask(guest, SECOND_FACTOR)), SECOND_FACTOR, status=422)["error"] == REFUSED
    assert name_in_header(guest) == ""


def test_passkey_is_no_second_factor_of_a_sign_in_that_never_began(
    guest: Client, device: Authenticator, ann: User
) -> None:
    assert send(guest, f"{SECOND_FACTOR}options/", status=422)["error"] == OVER
    half_sign_in(guest, ann)
    # A challenge for signing in is none for the second factor.
    assert reply(guest, device.get(ask(guest)), SECOND_FACTOR, status=422)["error"] == OVER
    credential = device.get(ask(guest, SECOND_FACTOR))
    guest.set_cookie("step", "")
    assert reply(guest, credential, SECOND_FACTOR, status=422)["error"] == OVER
    assert name_in_header(guest) == ""


# Keeping


def row(page: webtest.TestResponse, name: str) -> Any:
    return next(card for card in page.html.select(".card") if card.h2.get_text() == name)


def follow(owner: Client, name: str, link: str) -> webtest.TestResponse:
    links = row(owner.get(LIST), name).select("a")
    return owner.get(next(each["href"] for each in links if each.get_text(strip=True) == link))


def test_passkey_is_renamed(owner: Client, device: Authenticator, db: Session) -> None:
    add(owner, device, "Phone")
    form = follow(owner, "Phone", "Rename").forms["form"]
    assert form["name"].value == "Phone"
    form["name"] = "Old phone"
    page = form.submit("save", status=303).follow()
    assert flashes(page) == ["The passkey is called “Old phone” now"]
    assert row(page, "Old phone")


def test_passkey_is_removed_told_by_mail_and_signs_nobody_in_any_more(
    guest: Client,
    owner: Client,
    device: Authenticator,
    ann: User,
    db: Session,
    mails: Callable[..., list[EmailMessage]],
) -> None:
    credential = device.get(ask(guest))
    page = follow(owner, "My phone", "Remove").forms["form"].submit("remove", status=303).follow()
    assert flashes(page) == ["The passkey “My phone” is removed"]
    refuse_to_enter(guest, credential, db)
    assert (USER.SecurityEvent.PASSKEY_REMOVED, "My phone") in history(db, ann)
    assert "A passkey was removed: My phone" in text_of(mails(to="ann@example.org")[-1])


def test_removing_a_passkey_signs_other_devices_out_that_came_by_one(
    guest: Client, owner: Client, device: Authenticator, ann: User, make_client: Callable[..., Client]
) -> None:
    by_password = make_client()
    by_password.login("ann")
    reply(guest, device.get(ask(guest)))
    follow(owner, "My phone", "Remove").forms["form"].submit("remove", status=303)
    assert [name_in_header(each) for each in (guest, by_password, owner)] == ["", "ann", "ann"]


def test_last_way_in_is_not_removed(owner: Client, device: Authenticator, ann: User, db: Session) -> None:
    add(owner, device, "one")
    ann.password = None
    page = follow(owner, "one", "Remove").forms["form"].submit("remove", status=422)
    assert "It is the only way you sign in" in summary(page)
    assert row(owner.get(LIST), "one")


@pytest.mark.parametrize("other", ["password", "passkey"])
def test_passkey_is_removed_where_there_is_another_way_in(
    owner: Client, device: Authenticator, ann: User, other: str
) -> None:
    add(owner, device, "one")
    if other == "passkey":
        add(owner, device, "two")
        ann.password = None
    follow(owner, "one", "Remove").forms["form"].submit("remove", status=303)


@pytest.mark.parametrize(("name", "status"), [("acme", 303), ("gone", 422)])
def test_provider_is_another_way_in_while_it_stands_in_the_settings(
    make_app: Callable[..., Router],
    make_client: Callable[..., Client],
    device: Authenticator,
    ann: User,
    db: Session,
    name: str,
    status: int,
) -> None:
    options = {"issuer": "https://acme.example", "client_id": "us", "client_secret": "secret"}
    owner = make_client(make_app(**{f"oidc.acme.{key}": value for key, value in options.items()}))
    sign_in(owner, ann)
    add(owner, device, "one")
    ann.password = None
    db.add(Connection(user_id=ann.id, provider=name, issuer="https://acme.example", subject="1"))
    follow(owner, "one", "Remove").forms["form"].submit("remove", status=status)


def test_renaming_and_removing_ask_for_a_fresh_sign_in(owner: Client, device: Authenticator, db: Session) -> None:
    add(owner, device, "Phone")
    for link in ("Rename", "Remove"):
        page = follow(owner, "Phone", link)
        form = page.forms["form"]
        db.execute(sa.update(UserSession).values(authenticated_at=utc_now() - timedelta(hours=1)))
        assert "/users/reauth/" in owner.get(page.request.path, status=303).location
        form.submit(status=400)
        db.execute(sa.update(UserSession).values(authenticated_at=utc_now()))
    assert row(owner.get(LIST), "Phone")


# Limits


def test_passkeys_are_asked_for_so_often_from_one_address(
    make_app: Callable[..., Router], make_client: Callable[..., Client]
) -> None:
    app = make_app(ratelimit_enabled=True, ratelimit_passkey_address="2 per hour")
    for _ in range(2):
        ask(make_client(app))
    answer = send(make_client(app), f"{SIGN_IN}options/", status=429)
    assert answer["error"].startswith("That was too often")
    ask(make_client(app, address="192.0.2.1"))


def test_one_member_uses_passkeys_so_often_and_strangers_use_up_nothing_of_it(
    make_app: Callable[..., Router], make_client: Callable[..., Client], device: Authenticator, db: Session
) -> None:
    app = make_app(ratelimit_enabled=True, ratelimit_passkey_account="2 per hour")
    owner, guest = make_client(app), make_client(app)
    sign_in(owner, make_user(db, "ann"))
    add(owner, device)
    for _ in range(4):
        credential = device.get(ask(guest))
        credential["response"]["signature"] = tampered(credential["response"]["signature"])
        reply(guest, credential, status=422)
    assert reply(guest, device.get(ask(guest))) == {"location": "/users/me/"}
    reply(guest, device.get(ask(guest)), status=429)


def test_who_knows_the_password_and_only_asks_uses_up_no_passkey_of_the_owner(
    make_app: Callable[..., Router], make_client: Callable[..., Client], device: Authenticator, db: Session
) -> None:
    app = make_app(ratelimit_enabled=True, ratelimit_passkey_account="2 per hour")
    owner, stranger = make_client(app), make_client(app)
    ann = make_user(db, "ann")
    sign_in(owner, ann)
    add(owner, device)
    half_sign_in(stranger, ann)
    for _ in range(3):
        ask(stranger, SECOND_FACTOR)
    assert reply(owner, device.get(ask(owner)))["location"] == "/users/me/"
