"""A member's picture, their data as a file, and leaving, with scripts and without."""

import io
import re
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from PIL import Image
from playwright.sync_api import Page, expect

from myproject.cli.context import Site
from myproject.db import sessions_of, utc_now
from myproject.users.models import User
from myproject.users.tasks import erase_leavers
from tests.browser.people import follow, open_mail, register, sign_in
from tests.conftest import PASSWORD, LiveServer


def picture() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (300, 200), "teal").save(stream, "PNG")
    return stream.getvalue()


def verify(page: Page, name: str) -> None:
    open_mail(page, name, "Confirm your address")
    follow(page, "/users/verify/")
    page.get_by_role("button", name="Verify my address").click()
    expect(page.get_by_text("your address is verified")).to_be_visible()


def sign_in_again(page: Page, name: str) -> None:
    page.goto("/users/login/")
    page.get_by_label("Nickname or email").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main").get_by_role("button", name="Sign in", exact=True).click()


def let_the_days_pass(live_server: LiveServer, name: str) -> None:
    """The days in which a member may think better of it are over, and the worker does what it does each hour."""
    registry = Site(str(live_server.ini)).registry()
    with sessions_of(registry).writing() as db:
        leaver = sa.update(User).where(User.name_canonical == name, User.delete_after > utc_now())
        assert db.execute(leaver.values(delete_after=utc_now() - timedelta(seconds=1))).rowcount == 1
    erase_leavers(registry)


def leave(page: Page) -> None:
    page.goto("/users/me/")
    page.get_by_role("link", name="Your data").click()
    page.get_by_role("link", name="Delete your account").click()
    page.get_by_label("Your posts and comments").select_option("Remove them")
    page.get_by_label("Delete my account").check()
    page.get_by_role("button", name="Delete my account").click()
    expect(page.get_by_text("Your account is shut")).to_be_visible()


@pytest.mark.with_and_without_javascript
def test_a_member_shows_a_picture(make_page: Callable[..., Page], javascript: bool) -> None:
    name = f"pia-{'script' if javascript else 'plain'}"
    page = make_page(java_script_enabled=javascript)
    register(page, name)
    page.goto("/users/me/edit/")
    page.get_by_label("Picture").set_input_files(
        {"name": "a.svg", "mimeType": "image/svg+xml", "buffer": b"<svg/>"}
    )
    page.get_by_label("Name to show").fill("Pia P.")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#avatar-error")).to_contain_text("This is no picture that can be read")
    expect(page.get_by_label("Name to show")).to_have_value("Pia P.")
    page.get_by_label("Picture").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": picture()})
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Your profile is saved")).to_be_visible()
    page.goto(f"/@{name}/")
    shown = page.locator(".profile-head img.avatar")
    expect(shown).to_be_visible()
    assert shown.evaluate("image => image.naturalWidth") == 192


@pytest.mark.with_and_without_javascript
def test_a_member_takes_their_data_along(make_page: Callable[..., Page], javascript: bool, tmp_path: Path) -> None:
    name = f"dora-{'script' if javascript else 'plain'}"
    page = make_page(java_script_enabled=javascript, accept_downloads=True)
    register(page, name)
    verify(page, name)
    page.goto("/users/me/")
    page.get_by_role("link", name="Your data").click()
    page.get_by_role("button", name="Put my data together").click()
    expect(page.locator(".flash")).to_contain_text("We put your data together")
    open_mail(page, name, "Your data at")
    follow(page, "/users/me/data/")
    with page.expect_download() as download:
        page.get_by_role("link", name="Fetch the file").click()
    file = tmp_path / "data.zip"
    download.value.save_as(file)
    assert download.value.suggested_filename.endswith(".zip")
    with zipfile.ZipFile(file) as archive:
        assert name in archive.read("profile.json").decode()


@pytest.mark.with_and_without_javascript
def test_a_member_leaves_thinks_better_of_it_twice_and_goes_for_good(
    make_page: Callable[..., Page], javascript: bool, live_server: LiveServer
) -> None:
    name = f"lea-{'script' if javascript else 'plain'}"
    page, visitor = make_page(java_script_enabled=javascript), make_page(java_script_enabled=javascript)
    register(page, name)
    verify(page, name)

    leave(page)
    visitor.goto(f"/@{name}/")
    expect(visitor.get_by_role("heading", level=1)).not_to_have_text(name)
    open_mail(page, name, "will be deleted")
    follow(page, "/users/keep-account/")
    page.get_by_role("button", name="Keep my account").click()
    expect(page.get_by_text("Your account stays")).to_be_visible()
    visitor.goto(f"/@{name}/")
    expect(visitor.get_by_role("heading", level=1)).to_have_text(name)

    sign_in(page, name)
    leave(page)
    sign_in_again(page, name)
    expect(page).to_have_url(re.compile("/users/me/delete/$"))
    page.get_by_role("button", name="Keep my account").click()
    expect(page.get_by_text("Your account stays")).to_be_visible()
    visitor.goto(f"/@{name}/")
    expect(visitor.get_by_role("heading", level=1)).to_have_text(name)

    leave(page)
    let_the_days_pass(live_server, name)
    sign_in_again(page, name)
    expect(page.get_by_role("alert").first).to_contain_text("Wrong email or password")
    visitor.goto(f"/@{name}/")
    expect(visitor.get_by_role("heading", level=1)).not_to_have_text(name)
