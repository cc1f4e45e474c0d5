"""What admins turn off while the site runs."""

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.audit import AuditEntry
from myproject.users import constants as USER
from tests.conftest import Client, form_with
from tests.factories import make_user, sign_in
from tests.functional.pages import field_errors, flashes, summary


def turn(client: Client, position: str, reason: str = "The provider is away") -> None:
    form = form_with(client.get("/admin/settings/"), "newcomers")
    form["newcomers"], form["reason"] = position, reason
    assert flashes(form.submit(status=303).follow()) == ["The settings are saved"]


def test_the_check_of_newcomers_is_turned_off_and_on_for_the_next_visitor(
    client: Client, make_client: Callable[..., Client], db: Session
) -> None:
    sign_in(client, make_user(db, "root", role=USER.Role.ADMIN))
    guest = make_client()
    opened_before = form_with(guest.get("/users/register/"), "captcha_answer")
    turn(client, "off")
    page = guest.get("/users/register/")
    assert "captcha_answer" not in form_with(page, "accept_tos").fields
    # Also for a form that was open already, whatever stands in its answer.
    for name, value in {"name": "ann", "email": "ann@example.org"}.items():
        opened_before[name] = value
    opened_before["password"] = opened_before["confirm"] = "correct horse battery"
    opened_before["accept_tos"] = True
    opened_before["captcha_answer"] = "wrong"
    assert opened_before.submit(status=303).location.endswith("/users/me/")
    turn(client, "on")
    assert "captcha_answer" in form_with(make_client().get("/users/register/"), "accept_tos").fields


def test_turning_it_stands_in_the_audit_with_its_reason(client: Client, db: Session) -> None:
    sign_in(client, make_user(db, "root", role=USER.Role.ADMIN))
    turn(client, "off")
    assert "object at" not in client.get("/admin/settings/")
    (entry,) = db.scalars(sa.select(AuditEntry).where(AuditEntry.action == "switch.turn"))
    assert (entry.actor_name, entry.reason) == ("root", "The provider is away")
    cells = [cell.get_text() for cell in client.get("/admin/settings/").html.select("tbody td")]
    assert cells[2:] == ["Switch turned", "On", "Off", "The provider is away"]


def test_a_form_leaves_a_switch_alone_that_another_admin_turned_meanwhile(client: Client, db: Session) -> None:
    sign_in(client, make_user(db, "root", role=USER.Role.ADMIN))
    older = form_with(client.get("/admin/settings/"), "newcomers")
    newer = form_with(client.get("/admin/settings/"), "newcomers")
    newer["writing"], newer["reason"] = "off", "Too much spam"
    newer.submit(status=303)
    older["newcomers"], older["reason"] = "off", "The provider is away"
    older.submit(status=303)
    form = form_with(client.get("/admin/settings/"), "newcomers")
    assert (form["newcomers"].value, form["writing"].value) == ("off", "off")
    # What stands so already is not turned, and the reason is not lost.
    page = newer.submit(status=422)
    assert "Nothing was changed" in summary(page)
    assert form_with(page, "newcomers")["reason"].value == "Too much spam"
    assert len(db.scalars(sa.select(AuditEntry).where(AuditEntry.action == "switch.turn")).all()) == 2


def test_a_reason_is_needed(client: Client, db: Session) -> None:
    sign_in(client, make_user(db, "root", role=USER.Role.ADMIN))
    form = form_with(client.get("/admin/settings/"), "newcomers")
    form["newcomers"] = "off"
    page = form.submit(status=422)
    assert list(field_errors(page)) == ["reason"]
    assert form_with(page, "newcomers")["newcomers"].value == "off"
