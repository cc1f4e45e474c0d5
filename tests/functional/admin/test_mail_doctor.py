"""The mail doctor's page: asking for a look, waiting for it, reading what was found; a probe to oneself."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.admin import constants as ADMIN
from myproject.admin.models import Checkup
from myproject.users.models import User
from tests.conftest import Client, form_with, run_tasks
from tests.functional.pages import flashes, text_of
from tests.names import NameServer, name_server
from tests.unit.emails.test_doctor import BROKEN, HEADERS, HEALTHY, tell

pytestmark = pytest.mark.one_database

Mails = Callable[..., list[EmailMessage]]
ADDRESS = "/admin/emails/doctor/"


@pytest.fixture(scope="module")
def shared_names() -> Iterator[NameServer]:
    with name_server(HEALTHY) as server:
        yield server


@pytest.fixture
def names(shared_names: NameServer) -> NameServer:
    shared_names.renew(HEALTHY)
    return shared_names


@pytest.fixture
def app(make_app: Callable[..., Router], names: NameServer) -> Router:
    return make_app(
        mail_sender="The site <site@example.org>",
        mail_dkim_selector="s1",
        mail_relay_addresses="192.0.2.25",
        mail_name_server=names.address,
    )


def press(client: Client, button: str, headers: str = "", status: int = 303) -> webtest.TestResponse:
    form = form_with(client.get(ADDRESS), "headers")
    form["headers"] = headers
    return form.submit(button, status=status)


def found(page: webtest.TestResponse) -> dict[str, tuple[str, str, list[str]]]:
    """What the page says of each topic: its badge, its sentence, the records to see and to paste."""
    return {
        item.h3.contents[0].strip(): (
            item.select_one(".badge").get_text(),
            item.select("p")[0].get_text(),
            [record.get_text() for record in item.select("pre")],
        )
        for item in page.html.select(".findings > li")
    }


def test_a_look_is_asked_for_and_taken_by_a_task(
    client: Client, app: Router, root: User, names: NameServer
) -> None:
    assert "Nobody has asked the doctor to look yet" in client.get(ADDRESS)
    page = press(client, "look").follow()
    assert "The doctor is looking" in page
    # No request has asked the DNS.
    assert names.questions == []
    run_tasks(app.registry)
    page = page.click("See what was found")
    assert "The doctor is looking" not in page
    assert "Looked at just now" in page.html.get_text()
    badge, sentence, records = found(page)["Who may send (SPF)"]
    assert (badge, sentence, records) == (
        "Good",
        "The SPF record of example.org permits your relay (192.0.2.25).",
        [],
    )


def test_what_is_wrong_stands_there_with_the_record_to_paste(
    client: Client, app: Router, root: User, names: NameServer
) -> None:
    tell(names, BROKEN["two SPFs"][0])
    press(client, "look")
    run_tasks(app.registry)
    badge, sentence, records = found(client.get(ADDRESS))["Who may send (SPF)"]
    assert (badge, "has 2 SPF records" in sentence) == ("Wrong", True)
    assert records[-1] == 'example.org. IN TXT "v=spf1 ip4:192.0.2.25 mx ~all"'


def test_the_last_result_stays_while_a_new_look_is_under_way(client: Client, app: Router, root: User) -> None:
    press(client, "look")
    run_tasks(app.registry)
    page = press(client, "look").follow()
    assert "The doctor is looking" in page
    assert found(page)["Who may send (SPF)"][0] == "Good"


def test_a_look_that_nobody_takes_is_told(client: Client, db: Session, root: User) -> None:
    press(client, "look")
    checkup = db.scalars(sa.select(Checkup)).one()
    checkup.asked_at -= timedelta(seconds=ADMIN.CHECKUP_SECONDS + 1)
    assert "Is the worker running?" in client.get(ADDRESS)


def test_few_looks_are_kept(client: Client, app: Router, db: Session, root: User) -> None:
    for _ in range(ADMIN.CHECKUPS_KEPT + 3):
        press(client, "look")
    assert db.scalar(sa.select(sa.func.count(Checkup.id))) == ADMIN.CHECKUPS_KEPT
    db.commit()
    # Tasks whose row is gone do no harm.
    run_tasks(app.registry)
    assert found(client.get(ADDRESS))


def test_the_button_mails_a_probe_to_oneself(client: Client, db: Session, root: User, mails: Mails) -> None:
    answer = press(client, "probe")
    assert flashes(answer.follow()) == ["A probe is on its way to root-of-all@example.org"]
    (sent,) = mails()
    assert sent["To"].addresses[0].addr_spec == "root-of-all@example.org"
    assert "http://localhost/admin/emails/doctor/" in text_of(sent)
    # It is no look.
    assert db.scalars(sa.select(Checkup)).all() == []


def test_the_headers_of_the_probe_tell_which_key_to_look_at_from_then_on(
    client: Client, app: Router, root: User, names: NameServer
) -> None:
    press(client, "look", HEADERS)
    run_tasks(app.registry)
    page = client.get(ADDRESS)
    assert "k2._domainkey.example.org" in found(page)["Signature (DKIM)"][1]
    assert found(page)["What the receiver of the probe found"][0] == "Could be better"
    names.questions.clear()
    press(client, "look")
    run_tasks(app.registry)
    assert ("k2._domainkey.example.org", "TXT") in names.questions


@pytest.mark.parametrize("text", ["Hello", "<script>alert(1)</script>", "x" * 100_000])
def test_what_holds_no_headers_is_refused_beside_the_field_and_not_lost(
    client: Client, db: Session, root: User, text: str
) -> None:
    page = press(client, "look", text, status=422)
    assert page.html.select_one("#headers-error, .field-error") is not None
    assert form_with(page, "headers")["headers"].value.strip() == text
    assert db.scalars(sa.select(Checkup)).all() == []


def test_what_the_dns_says_is_text(client: Client, app: Router, root: User, names: NameServer) -> None:
    hostile = "<script>alert(1)</script>"
    tell(names, {"_dmarc.example.org TXT": [f'"v=DMARC1; p={hostile}"']})
    press(client, "look")
    run_tasks(app.registry)
    page = client.get(ADDRESS)
    assert hostile not in page
    assert hostile in page.html.select_one(".findings").get_text()


def test_the_page_is_found_from_the_outbox(client: Client, root: User) -> None:
    page = client.get("/admin/emails/").click("Ask the mail doctor")
    assert page.request.path == ADDRESS
