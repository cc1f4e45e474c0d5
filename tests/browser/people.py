"""What people do on the site, with a browser: verbs that several tests use."""

import re
import time

from playwright.sync_api import Page, expect

from myproject.cli import demo
from tests.conftest import CAPTCHA_ANSWER, PASSWORD

DEMO_PASSWORD = demo.PASSWORD

SECONDS_FOR_A_MAIL = 20


def fill_registration(page: Page, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("Nickname").fill(name)
    page.get_by_label("Email").fill(f"{name}@example.org")
    fill_new_password(page, password)
    page.get_by_label("I accept the terms").check()
    page.locator("[name=captcha_answer]").fill(CAPTCHA_ANSWER)


def fill_new_password(page: Page, password: str) -> None:
    page.locator("[name=password]").fill(password)
    page.locator("[name=confirm]").fill(password)


def register(page: Page, name: str) -> None:
    """Registers from the front page on, and is then signed in."""
    page.goto("/")
    page.get_by_role("link", name="Register").click()
    fill_registration(page, name)
    page.get_by_role("button", name="Register").click()
    expect(page).to_have_url(re.compile("/users/me/$"))


def sign_in(page: Page, login: str, password: str = PASSWORD) -> None:
    page.goto("/users/login/")
    page.get_by_label("Nickname or email").fill(login)
    page.get_by_label("Password").fill(password)
    page.locator("main").get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_url(re.compile("/users/me/$"))
    if "/users/terms/" in page.url:
        # Who was made at the command line has accepted none so far.
        page.get_by_label("I accept the terms").check()
        page.get_by_role("button", name="Go on").click()
    expect(page).to_have_url(re.compile("^[^?]*/users/me/$"))


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You have signed out")).to_be_visible()


def open_mail(page: Page, to: str, subject: str) -> None:
    """Opens the newest mail to a member that has `subject` in its subject, as soon as the worker has sent it."""
    until = time.monotonic() + SECONDS_FOR_A_MAIL
    mail = page.locator(".mailbox > li").filter(has_text=f"{to}@example.org").filter(has_text=subject)
    while True:
        page.goto("/dev/mailbox/")
        if mail.count():
            break
        assert time.monotonic() < until, f"no mail to {to} about {subject}"
    mail.first.get_by_role("link").click()
    expect(page.locator(".mail-text")).to_be_visible()


def mail_text(page: Page) -> str:
    """The text of the mail that `page` shows."""
    return page.locator(".mail-text").inner_text()


def follow(page: Page, path: str) -> None:
    """Follows the first link of the shown mail that leads to `path`, or below it."""
    page.locator(f".mail-text a[href*='{path}']").first.click()
