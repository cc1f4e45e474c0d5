"""Registering, signing in and connecting at a real third party, with scripts and without."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import Request as BrowserRequest

from tests import servers
from tests.browser.axe import axe_findings, load_axe
from tests.browser.conftest import Watch
from tests.browser.people import sign_out
from tests.conftest import LiveServer
from tests.oidc.real import options, real_provider

pytestmark = pytest.mark.one_database


class WatchBoth(Watch):
    """Lets the browser go to the third party as well."""

    other = ""

    def on_request(self, request: BrowserRequest) -> None:
        if urlsplit(request.url).netloc != self.other:
            super().on_request(request)


@dataclass
class Sites:
    site: LiveServer
    provider: servers.Server


@pytest.fixture
def sites(make_live_server: Callable[..., LiveServer]) -> Iterator[Sites]:
    port = servers.free_port()
    site = make_live_server(**options(f"http://localhost:{port}"))
    with real_provider([site.url], port) as provider:
        yield Sites(site, provider)


@pytest.fixture
def page(browser: Browser, sites: Sites, javascript: bool) -> Iterator[Page]:
    watch = WatchBoth(urlsplit(sites.site.url).netloc)
    watch.other = urlsplit(sites.provider.url).netloc
    context = browser.new_context(base_url=sites.site.url, java_script_enabled=javascript)
    watch.watch(context)
    yield context.new_page()
    context.close()
    assert watch.seen == []


def sign_in_there(page: Page, sites: Sites, name: str) -> None:
    expect(page).to_have_url(re.compile(re.escape(sites.provider.url)))
    page.get_by_label("Who are you?").fill(name)
    page.get_by_role("button", name="I am").click()


def look(page: Page, javascript: bool, what: str) -> None:
    if javascript:
        load_axe(page)
        assert axe_findings(page, what, {}) == []


@pytest.mark.with_and_without_javascript
def test_newcomer_registers_at_a_third_party_and_comes_back(page: Page, sites: Sites, javascript: bool) -> None:
    page.goto("/")
    page.get_by_role("link", name="Register").first.click()
    look(page, javascript, "register")
    page.get_by_role("button", name="Continue with Real").click()
    sign_in_there(page, sites, "tove")

    expect(page).to_have_url(re.compile("/users/oidc/real/register/$"))
    expect(page.get_by_label("Nickname")).to_have_value("tove")
    expect(page.get_by_text("Your address will be tove@example.org")).to_be_visible()
    look(page, javascript, "register by a provider")
    page.get_by_label("I accept the terms").check()
    page.locator("main").get_by_role("button", name="Register").click()
    expect(page.get_by_text("Thanks for registering")).to_be_visible()
    expect(page.get_by_role("heading", name="Hi tove!")).to_be_visible()

    page.goto("/users/me/connections/")
    expect(page.get_by_text("tove@example.org")).to_be_visible()
    look(page, javascript, "connections")
    page.get_by_role("button", name="Disconnect Real").click()
    expect(page.get_by_text("It is the only way you sign in")).to_be_visible()

    sign_out(page)
    page.goto("/users/login/?next=/drafts/")
    page.get_by_role("button", name="Continue with Real").click()
    # The third party remembers them, and asks nothing.
    expect(page).to_have_url(re.compile("/drafts/$"))
    expect(page.get_by_text("Welcome tove")).to_be_visible()


@pytest.mark.with_and_without_javascript
def test_third_party_that_is_away_is_told_and_the_way_back_leads_to_the_password(
    page: Page, sites: Sites, javascript: bool
) -> None:
    sites.provider.stop()
    page.goto("/users/login/")
    page.get_by_role("button", name="Continue with Real").click()
    expect(page.get_by_role("alert")).to_contain_text("Real does not answer just now")
    look(page, javascript, "provider away")
    page.locator("main").get_by_role("link", name="Sign in").click()
    expect(page.get_by_label("Nickname or email")).to_be_visible()
