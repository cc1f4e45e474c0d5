"""The edited profile and the public one."""

from collections.abc import Callable

import pytest
import webtest
from sqlalchemy.orm import Session

from myproject.users import constants as USER
from myproject.users.models import User
from tests.conftest import Client, form_with
from tests.factories import make_post, make_user, sign_in
from tests.functional.pages import field_errors, flashes, heading

pytestmark = pytest.mark.one_database

VALUES = {
    "display_name": "Ann Lee",
    "bio": "I *like* tea.\n\n    and code",
    "website": "https://ann.example/~ann?x=1",
    "time_zone": "Europe/Paris",
    "locale": "en",
    "theme": "dark",
}


@pytest.fixture
def ann(db: Session, client: Client) -> User:
    """A member who is signed in at `client`."""
    user = make_user(db, "Ann")
    sign_in(client, user)
    return user


def edit(client: Client, *, status: int = 303, values: dict[str, str]) -> webtest.TestResponse:
    form = form_with(client.get("/users/me/edit/"), "display_name")
    for name, value in values.items():
        if name in ("time_zone", "locale", "theme"):
            form[name].force_value(value)
        else:
            form[name] = value
    return form.submit(status=status)


def test_every_field_is_kept(client: Client, db: Session, ann: User) -> None:
    page = edit(client, values=VALUES).follow()
    assert flashes(page) == ["Your profile is saved"]
    form = form_with(client.get("/users/me/edit/"), "display_name")
    assert {name: form[name].value for name in VALUES} == VALUES


def test_every_field_can_be_cleared(client: Client, db: Session, ann: User) -> None:
    edit(client, values=VALUES)
    edit(client, values=dict.fromkeys(VALUES, "") | {"theme": "system"})
    db.refresh(ann)
    assert (ann.display_name, ann.bio, ann.bio_html, ann.website) == ("", "", "", "")
    assert (ann.time_zone, ann.locale, ann.theme) == ("", "", "system")
    page = client.get("/@ann/")
    assert heading(page) == "Ann"
    assert "tea" not in page


def test_the_display_name_stands_for_the_nickname(client: Client, ann: User) -> None:
    edit(client, values={"display_name": "Ann Lee"})
    assert heading(client.get("/users/me/")) == "Hi Ann Lee!"
    assert heading(client.get("/@ann/")) == "Ann Lee"


def test_the_chosen_colours_are_the_pages(client: Client, ann: User) -> None:
    edit(client, values={"theme": "dark"})
    assert client.get("/").html.html["data-theme"] == "dark"


def test_the_chosen_time_zone_is_that_of_exact_times(client: Client, db: Session, ann: User) -> None:
    make_post(db, ann)
    edit(client, values={"time_zone": "Asia/Kathmandu"})
    assert "+0545" in client.get("/").html.select_one("time")["title"]


LONG = "Write at most {} characters"
WHOLE = "Write a whole address, such as https://example.org"


@pytest.mark.parametrize(
    ("field", "typed", "message"),
    [
        ("display_name", "x" * 61, LONG.format(60)),
        ("display_name", "Ann \u202eeel", "Leave out characters that change the direction of text"),
        ("bio", "x" * 2001, LONG.format(2000)),
        ("website", "ann.example", WHOLE),
        ("website", "javascript:alert(1)", WHOLE),
        ("website", "https://ann@evil.example", WHOLE),
        ("website", "ftp://ann.example", WHOLE),
        ("website", "https://ann.example/ x", WHOLE),
        ("website", "https://ann.example/" + "x" * 200, LONG.format(200)),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_everything_typed_stays(
    client: Client, db: Session, ann: User, field: str, typed: str, message: str
) -> None:
    page = edit(client, status=422, values=VALUES | {field: typed})
    assert message in field_errors(page)[field]
    assert set(field_errors(page)) == {field}
    form = form_with(page, "display_name")
    assert {name: form[name].value for name in VALUES} == VALUES | {field: typed}
    db.refresh(ann)
    assert (ann.display_name, ann.website) == ("", "")


@pytest.mark.parametrize("field", ["time_zone", "locale", "theme"])
def test_a_choice_that_was_not_offered_is_refused(client: Client, ann: User, field: str) -> None:
    assert field in field_errors(edit(client, status=422, values={field: "../etc/passwd"}))


def test_a_bio_is_shown_as_safe_markdown(client: Client, db: Session, ann: User) -> None:
    bio = "*Hello* <script>alert(1)</script> [x](javascript:alert(1)) [site](https://ann.example)"
    edit(client, values={"bio": bio + ' <img src=x onerror="alert(1)">'})
    prose = client.get("/@ann/").html.select_one(".prose")
    assert prose.em.get_text() == "Hello"
    assert not prose.select("script, img, [onerror], [href^=javascript]")
    assert {"nofollow", "ugc"} <= set(prose.select_one("a")["rel"])


def test_what_the_form_does_not_offer_can_not_be_set(client: Client, db: Session, ann: User) -> None:
    form = form_with(client.get("/users/me/edit/"), "display_name")
    extra = {"role": "0", "status": "0", "id": "7", "name": "root", "email": "x@example.org", "revision": "9"}
    client.post("/users/me/edit/", [*form.submit_fields(), *extra.items()], status=303)
    db.refresh(ann)
    assert (ann.role, ann.status, ann.name) == (USER.Role.USER, USER.Status.ACTIVE, "Ann")
    assert ann.email == "Ann@example.org"


# The public profile


def test_a_profile_shows_who_it_is_and_their_posts(
    make_client: Callable[..., Client], db: Session, client: Client, ann: User
) -> None:
    edit(client, values=VALUES)
    make_post(db, ann, "Of tea")
    make_post(db, ann, "Not ready", publish=False)
    make_post(db, make_user(db, "bob"), "Of coffee")
    page = make_client().get("/@ann/")
    assert heading(page) == "Ann Lee"
    assert "@Ann" in page
    assert page.html.select_one('a[href="https://ann.example/~ann?x=1"]')["rel"] == [
        "nofollow",
        "ugc",
        "noopener",
        "me",
    ]
    assert page.html.select_one(".prose em").get_text() == "like"
    assert [link.get_text() for link in page.html.select('main a[href^="/posts/"]')] == ["Of tea"]


def test_a_profile_tells_no_address(make_client: Callable[..., Client], ann: User) -> None:
    assert "example.org" not in make_client().get("/@ann/")


@pytest.mark.parametrize("spelling", ["Ann", "ANN", "%EF%BD%81nn"])
def test_other_spellings_lead_to_the_profiles_address_in_lower_case(
    client: Client, ann: User, spelling: str
) -> None:
    assert client.get(f"/@{spelling}/", status=301).location == "http://localhost/@ann/"


def test_a_name_of_another_script_has_an_address(client: Client, db: Session) -> None:
    make_user(db, "Ångström", email="a@example.org")
    answer = client.get("/@%C3%85ngstr%C3%B6m/", status=301)
    assert answer.location == "http://localhost/@%C3%A5ngstr%C3%B6m/"
    assert heading(answer.follow()) == "Ångström"


def test_a_shut_account_and_an_unknown_one_have_no_profile(client: Client, db: Session) -> None:
    make_user(db, "shut", status=USER.Status.INACTIVE)
    client.get("/@shut/", status=404)
    client.get("/@nobody/", status=404)


def test_a_member_who_is_not_verified_has_a_profile(client: Client, db: Session) -> None:
    make_user(db, "new-one", status=USER.Status.NEW)
    client.get("/@new-one/", status=200)
