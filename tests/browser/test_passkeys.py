"""Passkeys in a real browser, with an authenticator of Chromium's own making (its WebAuthn domain of CDP)."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import CDPSession, Page, expect

from tests.browser.axe import axe_findings, load_axe
from tests.browser.people import register, sign_out
from tests.browser.test_journey import verify_by_link
from tests.browser.test_pages import AXE_OPTIONS
from tests.browser.test_second_factor import sign_in_by_half
from tests.phones import code_of

LIST = "/users/me/security/passkeys/"


class Device:
    """An authenticator of one window. It answers when `willing`, as if its owner had touched it."""

    def __init__(self, page: Page) -> None:
        self.session: CDPSession = page.context.new_cdp_session(page)
        self.session.send("WebAuthn.enable")
        self.id = ""
        self.add()

    def add(self) -> None:
        """Puts a new authenticator, with no passkeys, in place of the one before."""
        if self.id:
            self.send("removeVirtualAuthenticator")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": False,
        }
        made = self.session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self.id = made["authenticatorId"]

    def send(self, verb: str, **values: Any) -> dict[str, Any]:
        return dict(self.session.send(f"WebAuthn.{verb}", {"authenticatorId": self.id} | values))

    def willing(self, yes: bool) -> None:
        self.send("setAutomaticPresenceSimulation", enabled=yes)

    def verifies(self, yes: bool) -> None:
        self.send("setUserVerified", isUserVerified=yes)

    def passkeys(self) -> list[dict[str, Any]]:
        return list(self.send("getCredentials")["credentials"])


# Else the field of names would sign in before the button does: Chromium's authenticator is quicker than a person.
NO_AUTOFILL = "PublicKeyCredential.isConditionalMediationAvailable = async () => false"


def add_passkey(page: Page, device: Device, name: str) -> None:
    device.willing(True)
    page.get_by_label("Name of the passkey").fill(name)
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text(f"The passkey “{name}” is saved")).to_be_visible()
    device.willing(False)


def newcomer(page: Page, name: str) -> None:
    register(page, name)
    verify_by_link(page, name)


def accessible(page: Page, look: str) -> None:
    load_axe(page)
    assert axe_findings(page, look, AXE_OPTIONS) == []


def test_member_adds_two_signs_in_with_one_and_removes_the_other(make_page: Callable[..., Page]) -> None:
    page = make_page()
    page.add_init_script(NO_AUTOFILL)
    newcomer(page, "petra")
    device = Device(page)
    page.get_by_role("link", name="petra").click()
    page.get_by_role("link", name="Security").click()
    page.get_by_role("link", name="Passkeys").click()
    expect(page.get_by_text("You have no passkeys yet.")).to_be_visible()
    expect(page.get_by_text("needs JavaScript")).to_be_hidden()
    accessible(page, "no passkeys")

    add_passkey(page, device, "Old laptop")
    device.add()
    add_passkey(page, device, "Phone")
    expect(page.locator(".card h2")).to_have_text(["Old laptop", "Phone"])
    accessible(page, "two passkeys")

    sign_out(page)
    page.goto("/users/login/")
    accessible(page, "login")
    device.willing(True)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page).to_have_url(re.compile("/users/me/$"))
    expect(page.get_by_role("heading", name="Hi petra!")).to_be_visible()
    assert [each["signCount"] > 1 for each in device.passkeys()] == [True]

    page.goto(f"/users/reauth/?next={LIST}")
    accessible(page, "a fresh sign-in")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).to_have_url(re.compile(f"{LIST}$"))
    phone = page.locator(".card").filter(has_text="Phone")
    expect(phone).not_to_contain_text("not used yet")
    page.get_by_role("link", name="Rename Phone").click()
    page.get_by_label("Name of the passkey").fill("New phone")
    accessible(page, "rename")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Remove Old laptop").click()
    accessible(page, "remove")
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_text("The passkey “Old laptop” is removed")).to_be_visible()
    expect(page.locator(".card h2")).to_have_text(["New phone"])


def test_field_of_names_offers_passkeys(make_page: Callable[..., Page]) -> None:
    page = make_page()
    newcomer(page, "otto")
    device = Device(page)
    page.goto(LIST)
    add_passkey(page, device, "Laptop")
    sign_out(page)
    expect(page).to_have_url(re.compile("/$"))
    # Chromium's own authenticator chooses at once what a person would choose from the list.
    device.willing(True)
    page.goto("/users/login/?next=/drafts/")
    expect(page).to_have_url(re.compile("/drafts/$"))
    expect(page.get_by_role("link", name="otto")).to_be_visible()


def test_what_goes_wrong_is_said_and_can_be_tried_again(make_page: Callable[..., Page]) -> None:
    page = make_page()
    page.add_init_script(NO_AUTOFILL)
    newcomer(page, "nina")
    device = Device(page)
    page.goto(LIST)
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.locator("[data-passkey-message]")).to_have_text("Fill in this field")
    expect(page.get_by_label("Name of the passkey")).to_be_focused()
    accessible(page, "an error")

    add_passkey(page, device, "Laptop")
    page.get_by_label("Name of the passkey").fill("Laptop again")
    device.willing(True)
    page.get_by_role("button", name="Add a passkey").click()
    told = "This device has a passkey for your account already."
    expect(page.locator("[data-passkey-message]")).to_have_text(told)
    assert len(device.passkeys()) == 1

    device.willing(False)
    sign_out(page)
    page.goto("/users/login/")
    device.verifies(False)
    device.willing(True)
    button = page.get_by_role("button", name="Sign in with a passkey")
    button.click()
    expect(page.locator("[data-passkey-message]")).to_contain_text("No passkey was used")
    device.verifies(True)
    button.click()
    expect(page.get_by_role("heading", name="Hi nina!")).to_be_visible()


@pytest.mark.parametrize("javascript", [False])
def test_without_scripts_a_sentence_says_what_is_missing(page: Page, javascript: bool) -> None:
    page.goto("/users/login/")
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
    newcomer(page, "plain-pia")
    page.goto(LIST)
    expect(page.get_by_text("Adding a passkey needs JavaScript")).to_be_visible()
    expect(page.get_by_role("button", name="Add a passkey")).to_be_hidden()


def test_passkey_is_the_second_factor_beside_a_password(make_page: Callable[..., Page]) -> None:
    page = make_page()
    page.add_init_script(NO_AUTOFILL)
    newcomer(page, "pilar")
    device = Device(page)
    page.goto(LIST)
    add_passkey(page, device, "Phone")
    page.goto("/users/me/security/second-factor/")
    page.get_by_role("button", name="Set up an authenticator app").click()
    secret = page.locator("code.secret").inner_text().replace(" ", "")
    page.get_by_label("Code from the app").fill(code_of(secret))
    page.get_by_role("button", name="Turn on").click()
    expect(page.locator(".recovery-codes code")).to_have_count(10)

    sign_out(page)
    sign_in_by_half(page, "pilar")
    accessible(page, "a second factor with a passkey")
    page.goto("/drafts/")
    expect(page.get_by_text("You need to be signed in for this page")).to_be_visible()
    page.go_back()
    device.willing(True)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).to_have_url(re.compile("/users/me/$"))
    expect(page.get_by_text("Welcome pilar")).to_be_visible()
