"""The headers of every kind of answer, and the cookies."""

from collections.abc import Callable
from dataclasses import dataclass

import bcrypt
import pytest
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.users import constants as USER
from tests.conftest import PASSWORD, Client, form_with
from tests.factories import make_post, make_user, sign_in
from tests.functional.pages import cookies_set
from tests.functional.web.test_errors import NOBODY_LISTENS

pytestmark = pytest.mark.one_database

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}


@dataclass
class Site:
    """A browser at the site, on http or https, and what answers of each kind need to come about."""

    client: Client
    db: Session
    make_client: Callable[..., Client]
    make_app: Callable[..., Router]
    monkeypatch: pytest.MonkeyPatch
    url: str

    def page(self) -> webtest.TestResponse:
        return self.client.get("/", status=200)

    def form(self) -> webtest.TestResponse:
        return self.client.get("/users/register/", status=200)

    def members_page(self) -> webtest.TestResponse:
        sign_in(self.client, make_user(self.db, "ann"))
        return self.client.get("/users/me/", status=200)

    def health(self) -> webtest.TestResponse:
        return self.client.get("/health/live", status=200)

    def static_file(self) -> webtest.TestResponse:
        sheet = self.client.get("/").html.select_one("link[rel=stylesheet]")["href"]
        return self.client.get(sheet, status=200)

    def moved(self) -> webtest.TestResponse:
        return self.client.get("/about", status=301)

    def see_other(self) -> webtest.TestResponse:
        return self.client.get("/users/me/", status=303)

    def not_modified(self) -> webtest.TestResponse:
        etag = self.client.get("/").headers["ETag"]
        return self.client.get("/", headers={"If-None-Match": etag}, status=304)

    def bad_request(self) -> webtest.TestResponse:
        return self.client.get("/?q=%ff", status=400)

    def bad_token(self) -> webtest.TestResponse:
        return self.client.post("/users/login/", {"login": "ann"}, status=400)

    def forbidden(self) -> webtest.TestResponse:
        post = make_post(self.db, make_user(self.db, "olga"))
        sign_in(self.client, make_user(self.db, "ann"))
        return self.client.get(f"/posts/{post.id}/edit/", status=403)

    def not_found(self) -> webtest.TestResponse:
        return self.client.get("/nowhere/", status=404)

    def not_allowed(self) -> webtest.TestResponse:
        return self.client.delete("/", status=405)

    def gone(self) -> webtest.TestResponse:
        return self.client.get("/users/verify/no-such-token-at-all/", status=410)

    def invalid(self) -> webtest.TestResponse:
        return form_with(self.client.get("/users/login/"), "login").submit(status=422)

    def too_many(self) -> webtest.TestResponse:
        options = {"ratelimit.enabled": True, "ratelimit.verify_account": "1 per hour", "site_url": self.url}
        client = self.make_client(self.make_app(**options))
        sign_in(client, make_user(self.db, "ann", status=USER.Status.NEW))
        form = form_with(client.get("/users/verify/"), "resend")
        form.submit("resend", status=303)
        return form.submit("resend", status=429)

    def broken(self) -> webtest.TestResponse:
        def fail(*args: object) -> bool:
            raise RuntimeError("a secret of the site's inside")

        form = form_with(self.client.get("/users/login/"), "login")
        form["login"], form["password"] = "ann", PASSWORD
        self.monkeypatch.setattr(bcrypt, "checkpw", fail)
        return form.submit(status=500)

    def away(self) -> webtest.TestResponse:
        client = self.make_client(self.make_app(sqlalchemy_url=NOBODY_LISTENS, site_url=self.url))
        return client.get("/", status=503)


KINDS = [name for name, value in vars(Site).items() if callable(value) and not name.startswith("_")]


@pytest.fixture(params=["http://localhost", "https://site.example"])
def site(
    request: pytest.FixtureRequest,
    make_app: Callable[..., Router],
    make_client: Callable[..., Client],
    db: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> Site:
    client = make_client(make_app(site_url=request.param))
    return Site(client, db, make_client, make_app, monkeypatch, request.param)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_answer_carries_the_security_headers(site: Site, kind: str) -> None:
    answer = getattr(site, kind)()
    headers = answer.headers
    # The address of what is gone is a link in a mail.
    expected = HEADERS | ({"Referrer-Policy": "strict-origin"} if kind == "gone" else {})
    assert {name: headers.getall(name) for name in HEADERS} == {name: [expected[name]] for name in HEADERS}
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert {name: policy[name] for name in POLICY} == POLICY
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["Cache-Control"]
    transport = headers.getall("Strict-Transport-Security")
    if site.url.startswith("https"):
        assert len(transport) == 1
        assert int(transport[0].partition("max-age=")[2].partition(";")[0]) >= 31_536_000
    else:
        assert transport == []


TOKEN = "A" * 40
SECRET_ADDRESSES = [
    *(f"/users/{path}/{TOKEN}/" for path in ("verify", "reset-password", "email/confirm", "email/undo", "setup")),
    *(f"/users/{path}/{TOKEN}/" for path in ("keep-account", "second-factor/reset", "second-factor/keep")),
    f"/emails/unsubscribe/{TOKEN}/",
    f"/notifications/settings/{TOKEN}/",
    f"/users/register/?invitation={TOKEN}",
]


def test_the_path_of_an_address_that_is_a_secret_goes_nowhere(client: Client) -> None:
    for path in SECRET_ADDRESSES:
        for answer in (
            client.get(path, status="*"),
            client.get(path, headers={"Host": "evil.example"}, status=400),
        ):
            assert answer.headers["Referrer-Policy"] == "strict-origin", path


@pytest.mark.parametrize(
    "kind", ["bad_request", "forbidden", "not_found", "not_allowed", "too_many", "broken", "away"]
)
def test_every_error_is_a_page_of_the_site_that_no_cache_keeps(site: Site, kind: str) -> None:
    answer = getattr(site, kind)()
    assert answer.content_type == "text/html"
    assert answer.html.select_one("header.site-header")
    assert answer.html.h1.get_text(strip=True)
    assert answer.html.select_one('a[href="/"]')
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_failure_is_told_with_a_number_to_quote_and_nothing_else(site: Site) -> None:
    page = site.broken()
    assert page.headers["X-Request-ID"] in page.html.main.get_text()
    assert "secret" not in page
    assert "Traceback" not in page
    assert "RuntimeError" not in page


def test_a_method_that_is_not_offered_is_told_which_are(client: Client) -> None:
    assert client.delete("/users/login/", status=405).headers["Allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize("kind", ["page", "form", "members_page", "not_found", "forbidden", "broken"])
def test_no_page_has_a_script_or_style_of_its_own_or_loads_from_elsewhere(site: Site, kind: str) -> None:
    html = getattr(site, kind)().html
    assert not html.select("script:not([src]), style, [style]")
    for element in html.find_all(True):
        assert not [name for name in element.attrs if name.startswith("on")]
    for element in html.select("[src], link[href]"):
        address = element.get("src") or element["href"]
        assert address.startswith("/") or element.get("rel") == ["canonical"]


# Cookies

PUBLIC = [
    "/",
    "/?sort=active",
    "/about/",
    "/terms/",
    "/rules/",
    "/privacy/",
    "/@ann/",
    "/posts/1/a-post/",
    "/nowhere/",
]


@pytest.mark.parametrize("path", PUBLIC)
def test_a_guest_is_given_no_cookie_by_a_page_to_read(client: Client, db: Session, path: str) -> None:
    make_post(db, make_user(db, "ann"))
    assert cookies_set(client.get(path, status="*")) == {}


@pytest.mark.parametrize("path", ["/users/register/", "/users/login/", "/users/lost-password/"])
def test_a_guest_is_given_a_cookie_by_a_form_once(client: Client, path: str) -> None:
    assert set(cookies_set(client.get(path))) == {"guest"}
    assert cookies_set(client.get(path)) == {}


def test_cookies_on_https_are_bound_to_the_site_and_to_https(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session
) -> None:
    make_user(db, "ann")
    client = make_client(make_app(site_url="https://site.example"))
    sets = [client.get("/users/login/"), client.get("/users/me/", status=303)]
    sets += [client.login("ann", remember=True), client.logout()]
    cookies = [header for answer in sets for header in answer.headers.getall("Set-Cookie")]
    assert {cookie.partition("=")[0] for cookie in cookies} == {
        "__Host-guest",
        "__Host-session",
        "__Host-flash",
        "__Host-step",
        "__Host-device",
    }
    for cookie in cookies:
        attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= attributes
        assert not any(attribute.startswith("domain") for attribute in attributes)
        assert len(cookie) < 4096


def test_cookies_on_http_are_out_of_reach_of_scripts_and_other_sites(client: Client, db: Session) -> None:
    make_user(db, "ann")
    for answer in (client.get("/users/login/"), client.login("ann"), client.logout()):
        for cookie in answer.headers.getall("Set-Cookie"):
            attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
            assert {"httponly", "samesite=lax", "path=/"} <= attributes


def test_a_cookie_of_the_plain_name_is_nothing_on_https(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session
) -> None:
    client = make_client(make_app(site_url="https://site.example"))
    token = sign_in(client, make_user(db, "ann"))
    client.get("/users/me/", status=200)
    client.cookiejar.clear()
    client.set_cookie("session", token)
    client.get("/users/me/", status=303)


# Static files


def test_a_static_file_is_kept_for_ever_at_an_address_that_changes_with_it(site: Site) -> None:
    answer = site.static_file()
    assert answer.content_type == "text/css"
    assert "immutable" in answer.headers["Cache-Control"]
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static/css/",
        "/static/css/site.css",
        "/static/../settings.py",
        "/static/..%2f..%2fsetup.cfg",
        "/static/css/site.000000000000.css",
        "/static//etc/passwd",
        "/static/.git/config",
        "/.git/config",
        "/setup.cfg",
    ],
)
def test_nothing_but_the_named_files_is_served(client: Client, path: str) -> None:
    assert client.get(path, status="*").status_int in (400, 404)
