"""Registering in a browser where the captcha is proof of work. No page may break the policy: see `make_page`."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests import servers
from tests.browser.axe import axe_findings, load_axe
from tests.browser.people import fill_new_password
from tests.conftest import PASSWORD, LiveServer

HOME = re.compile("/users/me/$")

pytestmark = pytest.mark.one_database


@pytest.fixture
def live_server(make_live_server: Callable[..., LiveServer]) -> LiveServer:
    servers.altcha_script()
    return make_live_server(captcha_provider="altcha", captcha_work=300)


def fill(page: Page, name: str) -> None:
    page.get_by_label("Nickname").fill(name)
    page.get_by_label("Email").fill(f"{name}@example.org")
    fill_new_password(page, PASSWORD)
    page.get_by_label("I accept the terms").check()


def test_the_check_is_done_while_the_form_is_filled(make_page: Callable[..., Page]) -> None:
    page = make_page()
    page.goto("/users/register/")
    expect(page.get_by_label("I am a person")).not_to_be_checked()
    expect(page.get_by_text("needs JavaScript")).to_be_hidden()
    fill(page, "ann")
    expect(page.get_by_label("Checked")).to_be_checked()
    load_axe(page)
    assert axe_findings(page, "checked", {}) == []
    page.get_by_role("button", name="Register").click()
    expect(page).to_have_url(HOME)


def test_who_sends_the_form_at_once_need_not_send_it_twice(make_page: Callable[..., Page]) -> None:
    page = make_page()
    page.goto("/users/register/")
    # All of it and the button in one moment, as programs for passwords fill forms: nothing is checked yet.
    page.evaluate(
        """([password]) => {
          const form = document.getElementById("form");
          const values = { name: "bob", email: "bob@example.org", password, confirm: password };
          for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
          form.elements.accept_tos.checked = true;
          form.querySelector("button[name=register]").click();
        }""",
        [PASSWORD],
    )
    expect(page).to_have_url(HOME)


def test_after_a_mistake_the_check_is_made_again(make_page: Callable[..., Page]) -> None:
    page = make_page()
    page.goto("/users/register/")
    fill(page, "carl-")
    page.get_by_role("button", name="Register").click()
    expect(page.locator("#name-error")).to_be_visible()
    page.get_by_label("Nickname").fill("carl")
    fill_new_password(page, PASSWORD)
    page.get_by_role("button", name="Register").click()
    expect(page).to_have_url(HOME)


def test_without_scripts_the_page_says_that_it_needs_them(make_page: Callable[..., Page]) -> None:
    page = make_page(java_script_enabled=False)
    page.goto("/users/register/")
    expect(page.get_by_text("This check that you are a person needs JavaScript")).to_be_visible()
