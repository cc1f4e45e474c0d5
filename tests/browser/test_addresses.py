"""A changed address, confirmed from the new one and put back from the old one, with scripts and without."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.people import fill_new_password, follow, open_mail, register, sign_in, sign_out
from tests.browser.test_journey import verify_by_link
from tests.conftest import PASSWORD

NEW_PASSWORD = "staple battery horse"


@pytest.mark.with_and_without_javascript
def test_member_changes_the_address_and_the_old_one_puts_it_back(
    make_page: Callable[..., Page], javascript: bool
) -> None:
    name = f"adda-{'script' if javascript else 'plain'}"
    new = f"{name}-new"
    page = make_page(java_script_enabled=javascript)
    register(page, name)
    verify_by_link(page, name)

    page.goto("/users/me/security/")
    page.get_by_role("link", name="Change your address").click()
    page.get_by_label("New address").fill(f"{new}@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Send me a link").click()
    expect(page.get_by_text(f"We have sent a link to {new}@example.org")).to_be_visible()
    open_mail(page, new, "Confirm your new address")
    follow(page, "/users/email/confirm/")
    page.get_by_role("button", name="Confirm the address").click()
    expect(page.get_by_text(f"Your address is {new}@example.org now")).to_be_visible()
    sign_out(page)
    sign_in(page, f"{new}@example.org")

    # Whoever reads the old address is somebody else's browser.
    owner = make_page(java_script_enabled=javascript)
    open_mail(owner, name, "was changed")
    follow(owner, "/users/email/undo/")
    owner.get_by_role("button", name="Put the address back").click()
    expect(owner.get_by_text(f"Your address is {name}@example.org again")).to_be_visible()
    page.goto("/users/me/")
    expect(page.get_by_text("You need to be signed in for this page")).to_be_visible()

    open_mail(owner, name, "Choose a new password")
    follow(owner, "/users/reset-password/")
    fill_new_password(owner, NEW_PASSWORD)
    owner.get_by_role("button", name="Save the new password").click()
    sign_in(owner, f"{name}@example.org", NEW_PASSWORD)
    expect(owner).to_have_url(re.compile("/users/me/$"))
