"""Addresses that mail comes back from, as admins see them."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
import webtest
from sqlalchemy.orm import Session

from myproject.admin import constants as ADMIN
from myproject.admin.schemas import SUPPRESSION_TITLES
from myproject.audit import AuditEntry
from myproject.emails.constants import Reason
from myproject.emails.services import suppression
from myproject.users.models import User
from tests.conftest import Client, form_with
from tests.factories import make_user, sign_in
from tests.functional.emails.test_bounces_told import banner
from tests.functional.pages import field_errors, flashes

LIST = "/admin/emails/suppressions/"


def note(db: Session, address: str, reason: Reason = Reason.HARD) -> int:
    found = suppression.note(db, address, reason, "550 <no> such user")
    assert found is not None
    return found.id


def addresses(page: webtest.TestResponse) -> list[str]:
    return [row.th.get_text() for row in page.html.select("tbody tr")]


def test_an_admin_lets_mail_through_with_a_reason_that_stands_in_the_audit(
    client: Client, db: Session, root: User, make_client: Callable[..., Client]
) -> None:
    ann = make_user(db, "ann")
    sign_in(hers := make_client(), ann)
    number = note(db, ann.email)
    assert banner(hers.get("/")) != ""
    page = client.get(f"/admin/users/{ann.id}/").click("mail comes back")
    assert "550 <no> such user" in page.html.get_text()

    form = form_with(page, "reason")
    assert "reason" in field_errors(form.submit(status=422))
    form["reason"] = "The provider says that it was a mistake of theirs"
    assert flashes(form.submit(status=303).follow()) == ["Mail goes to ann@example.org again"]
    assert suppression.find(db, ann.email) is None
    entry = db.scalars(sa.select(AuditEntry).where(AuditEntry.target_type == "suppressions")).one()
    assert (entry.action, entry.actor_id, entry.target_id, entry.before) == (
        "suppression.lift",
        root.id,
        number,
        {"reason": "HARD"},
    )
    assert entry.reason == "The provider says that it was a mistake of theirs"
    assert banner(hers.get("/")) == ""
    # What is lifted has no button, and one that was open still says so.
    page = client.get(f"{LIST}{number}/")
    assert "Mail let through again" in page.html.get_text()
    assert "reason" not in {name for form in page.forms.values() for name in form.fields}
    assert flashes(form.submit(status=303).follow()) == ["Mail goes to ann@example.org already"]


def test_the_list_holds_what_is_stopped_by_address_and_what_is_not(
    client: Client, db: Session, root: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, reason in enumerate((Reason.HARD, Reason.COMPLAINT, Reason.HARD, Reason.SOFT)):
        note(db, f"member{number}@example.org", reason)
    note(db, "50%_off@example.net")
    page = client.get("/admin/emails/").click("Mail that comes back")
    assert addresses(page) == [
        "50%_off@example.net",
        *(f"member{number}@example.org" for number in (2, 1, 0)),
    ]
    assert "Called spam by its reader" in page.html.get_text()
    assert addresses(client.get(LIST, {"q": " Member1@ "})) == ["member1@example.org"]
    assert addresses(client.get(LIST, {"q": "%_"})) == ["50%_off@example.net"]
    assert addresses(page.click("Not stopped")) == ["member3@example.org"]
    monkeypatch.setattr(ADMIN, "PAGE_SIZE", 2)
    second = client.get(LIST, {"q": "member"}).click("Older")
    assert addresses(second) == ["member0@example.org"]


def test_every_reason_has_a_title() -> None:
    assert set(SUPPRESSION_TITLES) == set(Reason)
