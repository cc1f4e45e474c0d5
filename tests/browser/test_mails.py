"""The HTML part of every mail, as a mail program that is a browser shows it."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, StorageState, expect
from pyramid.router import Router

from myproject.emails.constants import Kind
from myproject.emails.models import Email
from tests.browser.axe import axe_findings, load_axe
from tests.browser.people import (
    DEMO_PASSWORD,
    fill_new_password,
    fill_registration,
    open_mail,
    register,
    sign_in,
)
from tests.unit.emails.samples import CONTEXTS

# What WCAG asks. Landmarks, which axe recommends for pages, are the mail program's.
AXE_OPTIONS = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}

Sign = Callable[[str], StorageState]
Open = Callable[..., Page]


def verify(make_page: Open, signed_in: Sign) -> Page:
    page = make_page()
    register(page, "mails-verify")
    open_mail(page, "mails-verify", "Confirm your address")
    return page


def already_registered(make_page: Open, signed_in: Sign) -> Page:
    page = make_page()
    page.goto("/users/register/")
    fill_registration(page, "mails-twice")
    page.get_by_label("Email").fill("haruka@example.org")
    page.get_by_role("button", name="Register").click()
    open_mail(page, "haruka", "You already have an account")
    return page


def reset_password(make_page: Open, signed_in: Sign) -> Page:
    page = make_page()
    page.goto("/users/lost-password/")
    page.get_by_label("Email").fill("haruka@example.org")
    page.get_by_role("button", name="Send me a link").click()
    open_mail(page, "haruka", "Choose a new password")
    return page


def password_changed(make_page: Open, signed_in: Sign) -> Page:
    page = make_page()
    sign_in(page, "haruka", DEMO_PASSWORD)
    page.goto("/users/me/password/")
    page.get_by_label("Present password").fill(DEMO_PASSWORD)
    fill_new_password(page, DEMO_PASSWORD)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Your new password is saved")).to_be_visible()
    open_mail(page, "haruka", "was changed")
    return page


def reply(make_page: Open, signed_in: Sign) -> Page:
    page = make_page(storage_state=signed_in("elif"))
    page.goto("/@priya/")
    page.get_by_role("link", name="Forty lines").click()
    page.get_by_role("link", name="Reply to tomasz").first.click()
    page.get_by_label("Your comment").fill("- One\n- Two, with `code`")
    page.get_by_role("button", name="Send").click()
    open_mail(page, "tomasz", "answered your comment")
    return page


MAILS = {
    Kind.VERIFY: verify,
    Kind.ALREADY_REGISTERED: already_registered,
    Kind.RESET_PASSWORD: reset_password,
    Kind.PASSWORD_CHANGED: password_changed,
    Kind.REPLY: reply,
}


# Those that a few steps lead to come the whole way; the others are written from a sample.
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("kind", Kind)
def test_mail_is_readable_on_a_phone_in_light_and_dark(
    make_page: Open, signed_in: Sign, app: Router, kind: Kind
) -> None:
    if kind in MAILS:
        page = MAILS[kind](make_page, signed_in)
        page.get_by_role("link", name="HTML part").click()
    else:
        page = make_page()
        email = Email(kind=kind.value, locale="en", context=CONTEXTS[kind])
        page.set_content(app.registry["mail_templates"].render(email)[2])
    expect(page.locator("hr")).to_be_visible()
    # Axe takes a ground that nobody has painted for white, also where the browser shows it dark.
    page.evaluate("document.documentElement.style.background = 'Canvas'")
    page.set_viewport_size({"width": 320, "height": 800})
    load_axe(page)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert axe_findings(page, scheme, AXE_OPTIONS) == []
        assert page.evaluate("document.documentElement.scrollWidth") == 320
