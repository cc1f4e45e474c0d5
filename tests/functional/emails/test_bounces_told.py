"""What a member whose mail comes back is told, and how they mend it."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import sqlalchemy as sa
import webtest
from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.emails.constants import Reason
from myproject.emails.models import Email
from myproject.emails.services import suppression
from myproject.personal_data import parts_of
from myproject.users.constants import SecurityEvent, Status
from myproject.users.models import User, UserToken
from myproject.users.services import accounts, history
from myproject.users.services.export import person_of
from myproject.users.tasks import purge
from tests.conftest import PASSWORD, Client, form_with
from tests.factories import make_user, sign_in
from tests.functional.pages import code_in, csrf_token, flashes, heading, link_in, text_of


def stop(db: Session, name: str = "ann", reason: Reason = Reason.HARD) -> None:
    db.commit()
    suppression.note(db, f"{name}@example.org", reason, "550 5.1.1 No such user")
    db.commit()


def exported(db: Session, user: User) -> list[dict[str, Any]]:
    ((name, pieces),) = suppression.export_suppressions(db, person_of(user))
    assert name == "bounces.json"
    return json.loads("".join(pieces))


def banner(page: webtest.TestResponse) -> str:
    found = page.html.find("section", attrs={"aria-label": "Your mail"})
    return "" if found is None else str(found.p.get_text(" ", strip=True))


def test_a_member_whose_mail_comes_back_is_told_on_every_page_and_mends_it_by_a_mail_that_arrives(
    client: Client, db: Session, make_client: Callable[..., Client], mails: Callable[..., list[EmailMessage]]
) -> None:
    sign_in(client, make_user(db, "ann"))
    sign_in(other := make_client(), make_user(db, "bob"))
    assert banner(client.get("/")) == ""
    stop(db)
    today = f"{utc_now():%-d %b %Y}"
    for path in ("/", "/users/me/", "/posts/new/", "/drafts/"):
        assert banner(client.get(path)) == (
            f"Mail to a…@example.org bounces since {today} , so we send you no more replies and other news."
        )
    assert banner(other.get("/")) == ""
    # The address itself is tried again, by what mends it.
    page = client.get("/")
    form = next(form for form in page.forms.values() if "resend" in form.fields)
    page = form.submit("resend").follow()
    assert heading(page) == "Verify your address"
    (mail,) = mails(to="ann@example.org")
    assert "mail from" in text_of(mail)
    assert "arrives again" in text_of(mail)
    form = form_with(page, "code")
    form["code"] = code_in(mail)
    assert banner(form.submit(status=303).follow()) == ""
    assert suppression.find(db, "ann@example.org") is None
    assert client.get("/users/verify/", status=303)


def test_the_banner_costs_nobody_a_query(
    client: Client, db: Session, query_counter: Callable[..., AbstractContextManager[list[str]]]
) -> None:
    sign_in(client, make_user(db, "ann"))

    def queries() -> int:
        client.get("/about/")
        with query_counter() as statements:
            client.get("/about/")
        return len(statements)

    before = queries()
    stop(db)
    assert banner(client.get("/about/")) != ""
    assert queries() == before


def test_the_link_of_that_mail_lets_mail_through_and_so_does_another_address(
    client: Client, db: Session, mails: Callable[..., list[EmailMessage]]
) -> None:
    sign_in(client, make_user(db, "ann"))
    stop(db, reason=Reason.COMPLAINT)
    page = client.get("/")
    assert banner(page).startswith("Mail to a…@example.org was reported as unwanted on")
    client.post("/users/verify/", {"resend": "resend", "csrf_token": csrf_token(page)}, status=303)
    link = client.get(link_in(mails(to="ann@example.org")[0]))
    link.forms[max(link.forms)].submit(status=303)
    assert banner(client.get("/")) == ""

    stop(db)
    form = form_with(client.get("/users/me/email/"), "email")
    form["email"], form["password"] = "ann@example.net", PASSWORD
    form.submit(status=303)
    confirm = client.get(link_in(mails(to="ann@example.net")[0]))
    confirm.forms[max(confirm.forms)].submit(status=303)
    assert banner(client.get("/")) == ""
    # The old one is as it was.
    assert suppression.find(db, "ann@example.org") is not None


def test_who_has_an_address_that_takes_mail_verifies_it_once(client: Client, db: Session) -> None:
    sign_in(client, make_user(db, "ann"))
    page = client.get("/")
    answer = client.post("/users/verify/", {"resend": "resend", "csrf_token": csrf_token(page)}, status=303)
    assert flashes(answer.follow()) == ["Your address is verified already"]


def test_what_came_back_goes_along_and_is_erased_with_the_member(db: Session) -> None:
    ann = make_user(db, "ann")
    stop(db)
    (row,) = exported(db, ann)
    assert (row["reason"], row["words"]) == ("HARD", "550 5.1.1 No such user")
    suppression.erase_suppressions(db, person_of(ann), removing=False)
    assert suppression.find_record(db, ann.email) is None


def test_who_claims_an_address_unverified_learns_and_takes_nothing_of_its_owner(
    client: Client, db: Session
) -> None:
    ann = make_user(db, "ann")
    history.mail_notice(db, ann, SecurityEvent.EMAIL_CHANGED, accounts.Client("", ""))
    stop(db, reason=Reason.COMPLAINT)
    eve = make_user(db, "eve", email="ann@example.org", status=Status.NEW)
    sign_in(client, eve)
    assert banner(client.get("/")) == ""
    assert exported(db, eve) == []
    for part in parts_of(db.info["registry"]):
        part.erase(db, person_of(eve), True)
    assert suppression.find(db, ann.email) is not None
    assert db.scalar(sa.select(sa.func.count(Email.id)).where(Email.user_id == ann.id)) > 0


def test_a_new_member_whose_mail_comes_back_is_told_the_same_where_the_address_is_somebody_elses(
    make_client: Callable[..., Client], db: Session
) -> None:
    owner = make_user(db, "ann")
    # The owner hears of it since last month, and of a complaint.
    stop(db, reason=Reason.COMPLAINT)
    suppression.find(db, owner.email).suppressed_at = utc_now() - timedelta(days=30)
    told = []
    for name, address in (("eve", "ann"), ("joe", "nobody")):
        client = make_client()
        sign_in(client, make_user(db, name, email=f"{address}@example.org", status=Status.NEW))
        before = banner(client.get("/"))
        # A full mailbox stops nothing at once.
        stop(db, address, Reason.SOFT)
        full = banner(client.get("/"))
        stop(db, address)
        told.append((before, full, banner(client.get("/")).replace(f"{address[0]}…", "…")))
    assert told[0] == told[1]
    assert told[0][:2] == ("", "")
    assert f"Mail to …@example.org bounces since {utc_now():%-d %b %Y}" in told[0][2]


def test_a_new_member_is_told_that_the_address_they_have_just_typed_bounces(client: Client, db: Session) -> None:
    # Of before, by whoever typed it then.
    stop(db, "eve")
    suppression.release(db, suppression.find(db, "eve@example.org"))
    sign_in(client, make_user(db, "eve", status=Status.NEW))
    stop(db, "eve")
    assert banner(client.get("/")).startswith("Mail to e…@example.org bounces since")


def test_a_new_member_is_told_as_long_as_they_have_not_verified_the_address(client: Client, db: Session) -> None:
    sign_in(client, make_user(db, "eve", status=Status.NEW))
    stop(db, "eve")
    link = sa.update(UserToken).values(expires_at=utc_now() - timedelta(days=1))
    assert db.execute(link.execution_options(synchronize_session=False)).rowcount == 1
    db.commit()
    purge(db.info["registry"])
    assert banner(client.get("/")).startswith("Mail to e…@example.org bounces since")
    db.execute(sa.update(User).values(email_verified_at=utc_now()))
    db.commit()
    purge(db.info["registry"])
    assert db.scalar(sa.select(sa.func.count(UserToken.id))) == 0


def test_the_banner_goes_when_the_pause_of_a_full_mailbox_is_over(client: Client, db: Session) -> None:
    sign_in(client, make_user(db, "ann"))
    stop(db)
    found = suppression.find(db, "ann@example.org")
    found.ends_at = utc_now() - timedelta(minutes=1)
    db.commit()
    assert banner(client.get("/")) == ""
    client.get("/users/verify/", status=303)
