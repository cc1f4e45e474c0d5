"""Error pages where the database is away: they need none, and say when to come back."""

from collections.abc import Callable
from pathlib import Path

import pytest
import webtest
from pyramid.config import Configurator
from pyramid.response import Response
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.web.request import Request
from tests.conftest import PASSWORD, Client, form_with
from tests.factories import make_user, sign_in
from tests.functional.pages import heading
from tests.reliability.faults import Fault

pytestmark = pytest.mark.one_database

# No service has had this port of ours since the eighties.
NOBODY_LISTENS = "postgresql://nobody@127.0.0.1:1/nothing"


def fail_to_tell(exc: Exception, request: Request) -> Response:
    """An error page that fails, and with `X-Again` fails each time it is asked for."""
    raise exc if "X-Again" in request.headers else ZeroDivisionError


def includeme(config: Configurator) -> None:
    config.add_exception_view(fail_to_tell, context=Fault)


@pytest.fixture
def stranded(
    backend: str, site_folder: Path, make_app: Callable[..., Router], make_client: Callable[..., Client]
) -> Client:
    """A browser at a site whose database can't be reached."""
    url = {
        "postgresql": NOBODY_LISTENS,
        # A folder, where the file should be.
        "sqlite": f"sqlite:///{site_folder}",
    }[backend]
    return make_client(make_app(sqlalchemy_url=url))


def check_away(page: webtest.TestResponse) -> None:
    assert page.status_int == 503
    assert int(page.headers["Retry-After"]) > 0
    assert heading(page) == "Back in a moment"
    assert page.html.select_one("header.site-header")


@pytest.mark.parametrize("path", ["/", "/posts/1/", "/posts/1/a-post/", "/@ann/", "/comments/1/"])
def test_a_page_that_needs_the_database_says_to_come_back(stranded: Client, path: str) -> None:
    check_away(stranded.get(path, status="*"))


@pytest.mark.parametrize(
    "path", ["/", "/users/me/", "/users/login/", "/users/register/", "/admin/", "/posts/new/"]
)
def test_a_member_is_told_so_too(stranded: Client, path: str) -> None:
    stranded.set_cookie("session", "x" * 43)
    check_away(stranded.get(path, status="*"))


def test_a_form_that_needs_the_database_says_to_come_back(stranded: Client) -> None:
    form = form_with(stranded.get("/users/login/"), "login")
    form["login"], form["password"] = "ann", PASSWORD
    check_away(form.submit(status="*"))


@pytest.mark.parametrize(
    ("path", "status", "title"),
    [
        ("/nowhere/", 404, "Page not found"),
        ("/static/css/none.css", 404, "Page not found"),
        ("/?q=%ff", 400, "That request made no sense"),
    ],
)
def test_an_error_page_needs_no_database(stranded: Client, path: str, status: int, title: str) -> None:
    for cookie in ("", "x" * 43):
        if cookie:
            stranded.set_cookie("session", cookie)
        page = stranded.get(path, status=status)
        assert heading(page) == title
        assert page.html.select_one("header.site-header")


def test_pages_that_say_the_same_to_everybody_need_no_database(stranded: Client) -> None:
    for path in (
        "/about/",
        "/terms/",
        "/privacy/",
        "/rules/",
        "/users/login/",
        "/health/live",
    ):
        stranded.get(path, status=200)


def test_health_tells_that_the_database_is_away(stranded: Client, client: Client) -> None:
    assert stranded.get("/health/ready", status=503).content_type == "text/plain"
    assert client.get("/health/ready", status=200).text == "ready\n"


def test_error_pages_leave_no_connection_open(app: Router, client: Client, db: Session) -> None:
    sign_in(client, make_user(db, "ann"))
    for path in ("/nowhere/", "/?q=%ff", "/posts/99/", "/admin/", "/users/verify/no-such-token-at-all/"):
        client.get(path, status="*")
        client.post(path, status="*")
    db.commit()
    assert app.registry["sessions"].engine.pool.checkedout() == 0


def test_a_path_without_its_last_slash_leads_to_the_page(client: Client) -> None:
    assert client.get("/users/login?next=/drafts/", status=301).location == (
        "http://localhost/users/login/?next=/drafts/"
    )
    client.get("/nowhere", status=404)
    client.post("/users/login", status=404)


def test_an_error_page_shows_no_markup_of_the_address(client: Client) -> None:
    page = client.get("/%3Cscript%3Ealert(1)%3C/script%3E/", status=404)
    assert "<script>alert" not in page


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("again", [{}, {"X-Again": "1"}], ids=["once", "each-time"])
def test_an_error_page_that_fails_is_a_page_with_all_headers_too(
    make_app: Callable[..., Router], make_client: Callable[..., Client], again: dict[str, str]
) -> None:
    app = make_app(**{"pyramid.includes": f"tests.reliability.faults {__name__}"})
    page = make_client(app).get("/about/", headers={"X-Fail": "late"} | again, status=500)
    assert heading(page) == "Something went wrong"
    assert page.headers["Content-Security-Policy"]
    assert page.headers["X-Content-Type-Options"] == "nosniff"
