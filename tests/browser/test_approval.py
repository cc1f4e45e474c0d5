"""A site where admins decide who joins: asking, answering, signing in, all without JavaScript."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Windows
from tests.browser.people import fill_registration, follow, mail_text, open_mail, sign_in
from tests.browser.test_journey import make_admin, verify_by_link
from tests.conftest import LiveServer


@pytest.fixture
def windows(browser: Browser, make_live_server: Callable[..., LiveServer]) -> Iterator[Windows]:
    """Windows on a site of its own whose registration is by approval."""
    server = make_live_server(users_registration="approval", tasks_embedded=True)
    windows = Windows(browser, server)
    yield windows
    windows.close()
    assert windows.seen == []


@pytest.mark.one_database
def test_visitor_asks_to_join_and_signs_in_once_an_admin_has_answered(windows: Windows, tmp_path: Path) -> None:
    make_admin(windows.server, "root-of-all", tmp_path)

    visitor = windows.open(java_script_enabled=False)
    visitor.goto("/users/register/")
    fill_registration(visitor, "anna")
    visitor.get_by_label("Why would you like to join?").fill("I bake bread.")
    visitor.get_by_role("button", name="Register").click()
    expect(visitor.get_by_role("heading", level=1)).to_have_text("Thanks for registering")
    expect(visitor.get_by_text("They answer by mail.")).to_be_visible()
    verify_by_link(visitor, "anna")
    expect(visitor).to_have_url(re.compile("/users/register/waiting/$"))

    admin = windows.open(java_script_enabled=False)
    sign_in(admin, "root-of-all")
    admin.goto("/admin/")
    expect(admin.get_by_text("1 person waits for an answer")).to_be_visible()
    admin.get_by_role("link", name="Requests to join").last.click()
    expect(admin.get_by_text("I bake bread.")).to_be_visible()
    admin.get_by_label("Message").fill("Bring some.")
    admin.get_by_role("button", name="Let in").click()
    expect(admin.get_by_text("anna is let in")).to_be_visible()

    open_mail(visitor, "anna", "Welcome to")
    assert "Bring some." in mail_text(visitor)
    follow(visitor, "/users/login/")
    sign_in(visitor, "anna")
    expect(visitor.get_by_role("heading", name="Hi anna!")).to_be_visible()
