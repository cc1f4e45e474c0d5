"""Nicknames: look-alikes, and changing one's own."""

from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.users import constants as USER
from myproject.users import tasks
from myproject.users.models import FormerName, SecurityLogEntry, User, UserSession
from tests.conftest import Client, form_with
from tests.factories import make_post, make_user, sign_in
from tests.functional.pages import field_errors, flashes, heading, text_of

pytestmark = pytest.mark.one_database

Mails = Callable[..., list[EmailMessage]]

TAKEN = "Somebody else has this nickname"


def rename(client: Client, name: str) -> webtest.TestResponse:
    """Sends the form; also where the page does not offer it yet."""
    form = form_with(client.get("/users/me/edit/"), "csrf_token")
    return client.post(
        "/users/me/name/", {"name": name, "csrf_token": form["csrf_token"].value, "save": "save"}, status="*"
    )


def back_in_time(db: Session, user: User, days: int) -> None:
    """As if the member had last changed their nickname so many days earlier than they did."""
    db.refresh(user)
    assert user.name_changed_at is not None
    user.name_changed_at -= timedelta(days=days)


# Look-alikes


@pytest.mark.parametrize(
    ("has", "wants", "message"),
    [
        ("Iris", "lris", "This nickname is too much like Iris, which somebody else has"),
        ("mark", "rnark", "This nickname is too much like mark, which somebody else has"),
        ("iris", "i\u0307ris", "This nickname is too much like iris, which somebody else has"),
        ("Iris", "\u0130ris", "This nickname is too much like Iris, which somebody else has"),
        ("\u0130ris", "iris", "This nickname is too much like \u0130ris, which somebody else has"),
        ("\u0130ris", "Iris", "This nickname is too much like \u0130ris, which somebody else has"),
        ("ann", "admîn", "This nickname is too much like one that is kept for the site itself"),
        ("ann", "admln", "This nickname is too much like one that is kept for the site itself"),
        (
            "ann",
            "\N{CYRILLIC SMALL LETTER A}nna",
            "Use letters of one script: those of several look too much alike",
        ),
    ],
)
def test_a_nickname_that_looks_like_another_is_refused(
    client: Client, db: Session, has: str, wants: str, message: str
) -> None:
    make_user(db, has)
    page = client.register(wants, email="other@example.org")
    assert page.status_int == 422
    assert field_errors(page) == {"name": message}


def test_the_database_itself_refuses_two_names_that_look_the_same(db: Session) -> None:
    user = make_user(db, "mark")
    other = make_user(db, "other")
    assert user.name_skeleton == "rnark"
    with pytest.raises(sa.exc.IntegrityError), db.begin_nested():
        other.name_skeleton = user.name_skeleton
    db.rollback()


# Renaming


def test_a_new_nickname_is_shown_at_once_everywhere(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User
) -> None:
    make_post(db, ann, "About tea")
    guest = make_client()
    assert "/@ann/" in guest.get("/")
    answer = rename(client, "Anna-Lena")
    assert (answer.status_int, answer.location) == (303, "http://localhost/@anna-lena/")
    page = answer.follow()
    assert flashes(page) == ["Your nickname is Anna-Lena now"]
    assert heading(page) == "Anna-Lena"
    front = guest.get("/")
    assert "/@anna-lena/" in front.text.lower()
    assert "/@ann/" not in front


def test_the_old_address_leads_to_the_new_one(
    client: Client, make_client: Callable[..., Client], ann: User
) -> None:
    guest = make_client()
    guest.get("/@ann/", status=200)
    rename(client, "anna")
    for old in ("/@ann/", "/@ANN/"):
        moved = guest.get(old + "?after=1", status=301)
        assert moved.location == "http://localhost/@anna/?after=1"
    guest.post("/@ann/", status="4*")


def test_the_old_address_of_a_shut_account_leads_nowhere(client: Client, db: Session, ann: User) -> None:
    rename(client, "anna")
    ann.status = USER.Status.INACTIVE
    client.get("/@ann/", status=404)


def test_an_old_nickname_does_not_sign_in_and_the_new_one_does(
    client: Client, make_client: Callable[..., Client], ann: User
) -> None:
    rename(client, "anna")
    make_client().login("anna")
    with pytest.raises(webtest.AppError):
        make_client().login("ann")


def test_nobody_else_gets_an_old_nickname_nor_one_that_looks_like_it(
    client: Client, make_client: Callable[..., Client], db: Session
) -> None:
    user = make_user(db, "Iris")
    sign_in(client, user)
    rename(client, "anna")
    for name in ("iris", "IRIS", "lris"):
        page = make_client().register(name, email="other@example.org")
        assert field_errors(page) == {"name": TAKEN}
    other = make_client()
    sign_in(other, make_user(db, "other"))
    assert field_errors(rename(other, "iris")) == {"name": TAKEN}


def test_the_nickname_of_a_deleted_account_stays_parked(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User
) -> None:
    rename(client, "anna")
    db.delete(ann)
    assert field_errors(make_client().register("ann")) == {"name": TAKEN}


def test_the_owner_may_take_an_old_nickname_back(client: Client, db: Session, ann: User) -> None:
    rename(client, "anna")
    back_in_time(db, ann, USER.RENAME_DAYS)
    assert rename(client, "ann").status_int == 303
    assert client.get("/@anna/", status=301).location == "http://localhost/@ann/"
    client.get("/@ann/", status=200)
    assert db.scalars(sa.select(FormerName.name_canonical)).all() == ["anna"]


def test_a_nickname_is_free_again_once_its_time_is_over(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User
) -> None:
    rename(client, "anna")
    db.execute(sa.update(FormerName).values(parked_until=utc_now()))
    client.get("/@ann/", status=404)
    assert make_client().register("ann", email="other@example.org").status_int == 303
    assert db.scalars(sa.select(FormerName)).all() == []


def test_what_is_parked_no_longer_is_purged(app: Router, client: Client, db: Session, ann: User) -> None:
    rename(client, "anna")
    back_in_time(db, ann, USER.RENAME_DAYS)
    rename(client, "hannah")
    over = FormerName.name_canonical == "ann"
    db.execute(sa.update(FormerName).where(over).values(parked_until=utc_now() - timedelta(days=1)))
    db.commit()
    tasks.purge(app.registry)
    assert db.scalars(sa.select(FormerName.name_canonical)).all() == ["anna"]


def test_a_nickname_changes_once_in_thirty_days(client: Client, db: Session, ann: User) -> None:
    rename(client, "anna")
    page = client.get("/users/me/name/")
    assert "You can change it again from" in page
    assert not [form for form in page.forms.values() if "name" in form.fields]
    refused = rename(client, "hannah")
    assert refused.status_int == 422
    assert "can't change it again yet" in field_errors(refused)["name"]
    back_in_time(db, ann, USER.RENAME_DAYS)
    assert rename(client, "hannah").status_int == 303


def test_another_spelling_of_the_same_nickname_parks_nothing(client: Client, db: Session, ann: User) -> None:
    assert rename(client, "Ann").status_int == 303
    client.get("/@ann/", status=200)
    assert db.scalars(sa.select(FormerName)).all() == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "Fill in this field"),
        ("a b", "Use letters and digits, with single - or _ between them"),
        ("ann", "This is your nickname already"),
        ("BOB", TAKEN),
        ("b0b", "This nickname is too much like bob, which somebody else has"),
        ("support", "This nickname is kept for the site itself"),
        (
            "Straßenbahnschaffnerin-Krößing",
            "Choose a shorter nickname: some of its letters, such as ß, count as two",
        ),
    ],
)
def test_a_nickname_that_can_not_be_had_is_told_beside_its_field(
    client: Client, db: Session, ann: User, name: str, message: str
) -> None:
    make_user(db, "bob")
    page = rename(client, name)
    assert page.status_int == 422
    assert field_errors(page) == {"name": message}
    assert form_with(page, "name")["name"].value == name
    db.refresh(ann)
    assert ann.name == "ann"


def test_a_new_nickname_may_look_like_ones_own_old_one(client: Client, db: Session) -> None:
    user = make_user(db, "Iris")
    sign_in(client, user)
    assert rename(client, "lris").status_int == 303


def test_the_owner_is_told_by_mail_and_in_the_history(
    client: Client, db: Session, ann: User, mails: Mails
) -> None:
    rename(client, "anna")
    (mail,) = mails(to="ann@example.org")
    assert "It was ann before" in text_of(mail)
    entry = db.scalars(sa.select(SecurityLogEntry)).one()
    assert (entry.event, entry.detail) == (USER.SecurityEvent.NAME_CHANGED, "ann")


def test_changing_the_nickname_asks_for_a_fresh_sign_in(client: Client, db: Session, ann: User) -> None:
    db.execute(sa.update(UserSession).values(authenticated_at=utc_now() - timedelta(hours=1)))
    assert client.get("/users/me/name/", status=303).location.endswith("/users/reauth/?next=/users/me/name/")
    assert rename(client, "anna").status_int == 400
    db.refresh(ann)
    assert ann.name == "ann"


def test_new_nicknames_are_tried_only_so_often(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session
) -> None:
    app = make_app(ratelimit_enabled=True, ratelimit_rename_account="2 per hour")
    client = make_client(app)
    make_user(db, "bob")
    sign_in(client, make_user(db, "ann"))
    assert [rename(client, "bob").status_int for _ in range(3)] == [422, 422, 429]


def test_admins_see_the_nicknames_that_a_member_had(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User
) -> None:
    rename(client, "anna")
    admin = make_client()
    sign_in(admin, make_user(db, "root-of-all", role=USER.Role.ADMIN))
    page = admin.get(f"/admin/users/{ann.id}/")
    assert page.html.find("dt", string="Former nicknames").find_next("dd").get_text() == "@ann (given up just now)"
