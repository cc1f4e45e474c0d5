"""Setting up a second factor and signing in with it, with scripts and without."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import axe_findings, load_axe
from tests.browser.people import register, sign_out
from tests.browser.test_journey import verify_by_link
from tests.conftest import PASSWORD
from tests.phones import code_of

AXE_OPTIONS = {"rules": {"target-size": {"enabled": True}}}


def sign_in_by_half(page: Page, name: str) -> None:
    page.goto("/users/login/")
    page.get_by_label("Nickname or email").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main").get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Second factor")


def type_code(page: Page, label: str, code: str) -> None:
    page.get_by_label(label).fill(code)
    page.locator("#form-enter").click()


def check(page: Page, findings: list[str], javascript: bool) -> None:
    """Looks at the page with axe, which is a script, wide and narrow."""
    if not javascript:
        return
    load_axe(page)
    for width in (1280, 320):
        page.set_viewport_size({"width": width, "height": 800})
        findings += axe_findings(page, f"{page.url} {width}", AXE_OPTIONS)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, page.url
    page.set_viewport_size({"width": 1280, "height": 800})


@pytest.mark.with_and_without_javascript
def test_member_sets_up_an_app_and_signs_in_with_it(make_page: Callable[..., Page], javascript: bool) -> None:
    name = f"tova-{'script' if javascript else 'plain'}"
    page = make_page(java_script_enabled=javascript)
    findings: list[str] = []
    register(page, name)
    verify_by_link(page, name)

    page.goto("/users/me/security/")
    page.get_by_role("link", name="Second factor").click()
    check(page, findings, javascript)
    page.get_by_role("button", name="Set up an authenticator app").click()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    check(page, findings, javascript)
    secret = page.locator("code.secret").inner_text().replace(" ", "")
    page.get_by_label("Code from the app").fill("000000")
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("alert")).to_contain_text("This is not the code that the app shows now")
    page.get_by_label("Code from the app").fill(code_of(secret))
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("status")).to_have_text("The second factor is on. Every other device is signed out.")
    codes = page.locator(".recovery-codes code").all_inner_texts()
    assert len(codes) == 10
    check(page, findings, javascript)
    page.get_by_role("link", name="I have kept them").click()
    check(page, findings, javascript)

    sign_out(page)
    sign_in_by_half(page, name)
    check(page, findings, javascript)
    # The one that set it up is used up.
    code = code_of(secret, 1)
    type_code(page, "Code from the app", f"{code[:3]} {code[3:]}")
    expect(page.get_by_text(f"Welcome {name}")).to_be_visible()

    sign_out(page)
    sign_in_by_half(page, name)
    page.goto("/users/login/second-factor/lost/")
    check(page, findings, javascript)
    page.goto("/users/login/second-factor/")
    page.get_by_role("link", name="Use a recovery code").click()
    check(page, findings, javascript)
    type_code(page, "Recovery code", codes[0].lower())
    expect(page.get_by_text(f"Welcome {name}")).to_be_visible()
    expect(page).to_have_url(re.compile("/users/me/$"))
    assert findings == []
