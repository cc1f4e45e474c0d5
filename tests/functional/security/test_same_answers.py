"""Nobody learns from an answer whether there is an account: status, headers, text and the work of hashing are the
same for a known, an unknown, a shut account, and one without a password (OWASP ASVS 5.0: 6.3.8).
"""

import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.security.passwords import hasher_of
from myproject.users import constants as USER
from myproject.users.models import SecurityLogEntry, User
from tests.conftest import CAPTCHA_ANSWER, PASSWORD, Client, form_with, run_tasks
from tests.factories import make_user
from tests.functional.pages import code_in

# Names that no page has a word of: an account that is there, none, and three that are not as others.
KNOWN, UNKNOWN, SHUT, ELSEWHERE, UNVERIFIED = ACCOUNTS = (
    "amberjack",
    "barracuda",
    "coelacanth",
    "dorado",
    "eulachon",
)
# What differs in any two answers: a number for the logs, and what is as long as what was typed. So do the values
# of cookies and form tokens.
VARIABLE = {"X-Request-ID", "Content-Length"}

Answer = tuple[int, list[tuple[str, str]], str]


@pytest.fixture
def members(db: Session) -> None:
    make_user(db, KNOWN)
    make_user(db, SHUT, status=USER.Status.INACTIVE)
    # Only third parties sign this one in.
    make_user(db, ELSEWHERE).password = None
    make_user(db, UNVERIFIED, status=USER.Status.NEW)


@contextmanager
def hashes(app: Router) -> Iterator[list[str]]:
    """Lists what each hash is made with, or checked against, where it is handed to the threads that do that."""
    hasher = hasher_of(app.registry)
    run: Callable[..., Any] = hasher.run
    seen: list[str] = []

    def counted(do: Callable[..., Any], *args: Any) -> Any:
        seen.append(str(args[-1]))
        return run(do, *args)

    hasher.run = counted  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        del hasher.run


def cookie_shape(header: str) -> str:
    """A cookie's name and attributes, without its value and the second at which it ends."""
    return re.sub(r"expires=[^;]*", "expires", re.sub(r"=[^;]*", "=", header, count=1))


def shape(answer: webtest.TestResponse, *own: str) -> Answer:
    """An answer without what differs each time, and without what the visitor typed."""
    text = re.sub(r'(name="csrf_token" value=")\w+', r"\1", answer.text)
    headers = [
        (name, cookie_shape(value) if name == "Set-Cookie" else value)
        for name, value in answer.headers.items()
        if name not in VARIABLE
    ]
    for word in own:
        text = text.replace(word, "TYPED")
    return answer.status_int, headers, text


def send(client: Client, path: str, **values: object) -> webtest.TestResponse:
    form = form_with(client.get(path), next(iter(values)))
    for name, value in values.items():
        form[name] = value
    return form.submit(status="*")


def compare(
    app: Router, make_client: Callable[..., Client], act: Callable[[Client, str], list[Answer]]
) -> tuple[list[list[Answer]], list[int]]:
    """What `act` answers for each account, and how many hashes each cost."""
    answers, counts = [], []
    for account in ACCOUNTS:
        client = make_client()
        with hashes(app) as seen:
            answers.append(act(client, account))
        counts.append(len(seen))
        run_tasks(app.registry)
    return answers, counts


@pytest.mark.usefixtures("members")
@pytest.mark.parametrize("by", ["name", "address"])
def test_a_sign_in_with_a_wrong_password(app: Router, make_client: Callable[..., Client], by: str) -> None:
    def act(client: Client, account: str) -> list[Answer]:
        login = account if by == "name" else f"{account}@example.org"
        return [shape(send(client, "/users/login/", login=login, password="wrong"), login)]

    answers, counts = compare(app, make_client, act)
    assert answers[0][0][0] == 422
    for answer in answers[1:]:
        assert answer == answers[0]
    # An address may be of two accounts: one has verified it, another only says that it is theirs.
    assert counts == [1 if by == "name" else 2] * len(ACCOUNTS)


@pytest.mark.usefixtures("members")
def test_asking_for_a_lost_password(app: Router, make_client: Callable[..., Client]) -> None:
    def act(client: Client, account: str) -> list[Answer]:
        email = f"{account}@example.org"
        answer = send(client, "/users/lost-password/", email=email)
        return [shape(answer, email), shape(answer.follow(), email)]

    answers, counts = compare(app, make_client, act)
    assert answers[0][0][0] == 303
    for answer in answers[1:]:
        assert answer == answers[0]
    assert counts == [0] * len(ACCOUNTS)


@pytest.mark.usefixtures("members")
def test_registering_with_an_address(app: Router, make_client: Callable[..., Client]) -> None:
    def act(client: Client, account: str) -> list[Answer]:
        # The nickname is everybody's to see, and so may be told to be taken; the address is not.
        name, email = f"new-{account}", f"{account}@example.org"
        form = form_with(client.get("/users/register/"), "accept_tos")
        form["name"], form["email"], form["password"], form["confirm"] = name, email, PASSWORD, PASSWORD
        form["accept_tos"], form["captcha_answer"] = True, CAPTCHA_ANSWER
        answer = form.submit(status="*")
        return [shape(answer, email, name), shape(answer.follow(), email, name)]

    answers, counts = compare(app, make_client, act)
    assert answers[0][0][0] == 303
    for answer in answers[1:]:
        assert answer == answers[0]
    assert counts == [1] * len(ACCOUNTS)


@pytest.mark.one_database
@pytest.mark.usefixtures("members")
def test_signing_in_by_an_address_that_one_has_just_registered_with(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session
) -> None:
    # With limits: whose tries are counted must tell nothing either. The first sign-in is the browser's own.
    app = make_app(**{"ratelimit.enabled": True, "ratelimit.login_account": "3 per 5 minutes"})
    passwords = {"first": "a password of the first", "second": "a password of the second"}

    def act(client: Client, account: str) -> list[Answer]:
        email = f"{account}@example.org"
        for name, password in passwords.items():
            stored = hasher_of(app.registry).hash(password)
            make_user(db, f"{name}-{account}", email=email, status=USER.Status.NEW).password = stored
        db.commit()
        answers = []
        for login, password in (
            (f"second-{account}", passwords["second"]),
            (email, passwords["second"]),
            (email, passwords["first"]),
            (email, "wrong"),
            (email, passwords["second"]),
        ):
            answer = send(client, "/users/login/", login=login, password=password)
            # How long to wait is a matter of the second at which it is asked.
            answers.append((429, [], "") if answer.status_int == 429 else shape(answer, login))
            if answer.status_int == 303:
                client.logout()
        return answers

    answers, counts = compare(app, lambda: make_client(app), act)
    assert [status for status, *_ in answers[0]] == [303, 303, 422, 422, 429]
    for answer in answers[1:]:
        assert answer == answers[0]
    assert counts == [2 + 1 + 3 * 2] * len(ACCOUNTS)
    # A wrong password is noted for all who may have meant it: that of the newcomer too.
    failed = SecurityLogEntry.event == USER.SecurityEvent.SIGN_IN_FAILED
    noted = sa.select(User.name).join(SecurityLogEntry, SecurityLogEntry.user_id == User.id).where(failed)
    db.expire_all()
    assert {f"second-{account}" for account in ACCOUNTS} <= set(db.scalars(noted))


LINK = re.compile(r'href="(/[^"#]*)')
# In any two accounts alike but for these: secrets and hashes, and numbers, which are also of moments.
SECRET, NUMBER = re.compile(r"[\w:.=-]{24,}", re.ASCII), re.compile(r"\d+")


def plain(text: str, own: Iterable[str]) -> str:
    for word in own:
        text = re.sub(re.escape(word), "OWN", text, flags=re.IGNORECASE)
    return NUMBER.sub("0", SECRET.sub("SECRET", text))


def everything_seen(client: Client, app: Router, own: Iterable[str], within: str) -> Iterator[tuple[str, str]]:
    """Each page below `within` that links lead a member to, by its path, and each file of their export."""
    client.get("/users/me/data/").forms["form"].submit("export", status="*")
    run_tasks(app.registry)
    archive = zipfile.ZipFile(io.BytesIO(client.get("/users/me/data/export.zip").body))
    for name in archive.namelist():
        yield name, plain(archive.read(name).decode(), own)
    seen, waiting = set(), {"/users/me/"}
    while waiting:
        path = waiting.pop()
        shown = plain(path, own)
        if shown in seen or path.startswith(("/static/", "/dev/")) or not path.startswith(within):
            continue
        seen.add(shown)
        answer = client.get(path, status="*")
        if answer.content_type == "text/html":
            yield shown, f"{answer.status_int} {plain(answer.text, own)}"
            waiting |= set(LINK.findall(answer.text))


@pytest.mark.one_database
@pytest.mark.usefixtures("members")
def test_who_typed_an_address_sees_the_same_of_their_own_account_whosever_it_is(
    make_app: Callable[..., Router],
    make_client: Callable[..., Client],
    db: Session,
    mails: Callable[..., list[EmailMessage]],
) -> None:
    app = make_app(**{"ratelimit.enabled": True, "ratelimit.account_mail_recipient": "5 per hour"})
    addresses = iter(range(100, 200))

    def act(account: str) -> dict[str, str]:
        email, name, own = f"{account}@example.org", f"new-{account}", f"own-{account}@example.net"
        words = (email, name, own, account)
        told: dict[str, str] = {}

        def look(client: Client, within: str = "/users/me/") -> None:
            mails(app)
            step = len(told)
            told.update((f"{step}: {path}", text) for path, text in everything_seen(client, app, words, within))

        def answer(client: Client, path: str, **values: object) -> None:
            got = send(client, path, **values)
            text = (got.follow() if got.status_int == 303 else got).text
            told[f"{len(told)}: {got.status_int}"] = plain(text, words)

        def resend(client: Client) -> None:
            got = form_with(client.get("/users/verify/"), "resend").submit("resend", status="*")
            told[f"{len(told)}: {got.status_int}"] = plain(got.text, words)

        def browser() -> Client:
            return make_client(app, address=f"198.51.100.{next(addresses)}")

        # Registering with it, asking for the mail again, and for a new password.
        client = browser()
        client.register(name, email)
        look(client)
        resend(client)
        answer(browser(), "/users/lost-password/", email=email)
        look(client, "/")
        # Mending another address into it, and it into one that is then verified.
        client = browser()
        client.register(f"{name}-2", f"2-{own}")
        answer(client, "/users/verify/address/", email=email)
        answer(browser(), "/users/lost-password/", email=email)
        look(client)
        answer(client, "/users/verify/address/", email=own)
        (mail,) = mails(app, to=own)[-1:]
        answer(client, "/users/verify/", code=code_in(mail))
        look(client)
        # A verified member who changes to it, until it is sent no more mails.
        for _ in range(3):
            answer(client, "/users/me/email/", email=email, password=PASSWORD)
        look(client)
        return told

    known = act(KNOWN)
    answers = [step[-3:] for step in known if step[-5:-3] == ": "]
    assert answers == ["303"] * 8 + ["429"]
    assert "0: /users/me/security/history/" in known
    unknown = act(UNKNOWN)
    assert [step for step in known | unknown if known.get(step) != unknown.get(step)] == []
