"""What a member whose mail comes back is told, and how they mend it."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from email.message import EmailMessage

import webtest
from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.emails.constants import Reason
from myproject.emails.services import suppression
from myproject.personal_data import Person
from tests.conftest import PASSWORD, Client, form_with
from tests.factories import make_user, sign_in
from tests.functional.pages import code_in, csrf_token, flashes, heading, link_in, text_of


def stop(db: Session, name: str = "ann", reason: Reason = Reason.HARD) -> None:
    db.commit()
    suppression.note(db, f"{name}@example.org", reason, "550 5.1.1 No such user")
    db.commit()


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
    person = Person(ann.id, ann.name, ann.email, ann.email_canonical)
    ((name, pieces),) = suppression.export_suppressions(db, person)
    (row,) = json.loads("".join(pieces))
    assert (name, row["reason"], row["words"]) == ("bounces.json", "HARD", "550 5.1.1 No such user")
    suppression.erase_suppressions(db, person, removing=False)
    assert suppression.find_record(db, ann.email) is None
