"""The whole path that a newcomer, an answering member and an admin take, with scripts and without."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser.people import fill_new_password, follow, mail_text, open_mail, register, sign_in, sign_out
from tests.conftest import PASSWORD, REPOSITORY, LiveServer

NEW_PASSWORD = "staple battery horse"
BODY = """\
Two things:

- **bread**
- `butter`
"""


def make_admin(server: LiveServer, name: str, folder: Path) -> None:
    """Makes an admin as docs and README have it: from the command line."""
    password_file = folder / "password"
    password_file.write_text(PASSWORD + "\n")
    command = [str(Path(sys.executable).with_name("myproject")), "--config", str(server.ini), "user", "create"]
    options = ["--role", "ADMIN", "--password-file", str(password_file)]
    # The live site includes what makes it fail, which is not installed.
    here = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    subprocess.run([*command, name, f"{name}@example.org", *options], check=True, capture_output=True, env=here)


def verify_by_link(page: Page, name: str) -> None:
    open_mail(page, name, "Confirm your address")
    follow(page, "/users/verify/")
    page.get_by_role("button", name="Verify my address").click()
    expect(page.get_by_text("your address is verified")).to_be_visible()


def verify_by_code(page: Page, name: str) -> None:
    open_mail(page, name, "Confirm your address")
    code = re.search(r"^\w{4}-\w{4}$", mail_text(page), re.MULTILINE)
    assert code is not None
    page.goto("/users/me/")
    page.get_by_role("link", name="Verify your address").click()
    page.get_by_label("Code from the mail").fill(code[0].lower())
    page.get_by_role("button", name="Verify", exact=True).click()
    expect(page.get_by_text("your address is verified")).to_be_visible()


@pytest.mark.with_and_without_javascript
def test_newcomer_posts_is_answered_and_told_by_mail(make_page: Callable[..., Page], javascript: bool) -> None:
    anna, ben = (f"{name}-{'script' if javascript else 'plain'}" for name in ("anna", "ben"))
    title = f"Breakfast by {anna}"

    writer = make_page(java_script_enabled=javascript)
    register(writer, anna)
    expect(writer.get_by_text("Thanks for registering")).to_be_visible()
    expect(writer.get_by_role("heading", name=f"Hi {anna}!")).to_be_visible()
    verify_by_link(writer, anna)

    writer.get_by_role("link", name="New post").click()
    writer.get_by_label("Title").fill(title)
    writer.get_by_label("Text").fill(BODY)
    writer.get_by_label("Tags").fill("food, #morning")
    writer.get_by_role("button", name="Preview").click()
    preview = writer.get_by_role("region", name="Preview")
    expect(preview.get_by_role("listitem").first).to_have_text("bread")
    expect(writer.get_by_label("Text")).to_have_value(BODY)
    writer.get_by_role("button", name="Publish").click()
    expect(writer.get_by_text("Your post is published")).to_be_visible()
    expect(writer.get_by_role("heading", level=1)).to_have_text(title)

    reader = make_page(java_script_enabled=javascript)
    register(reader, ben)
    verify_by_code(reader, ben)
    reader.goto("/")
    reader.get_by_role("link", name=title, exact=True).click()
    reader.get_by_label("Your comment").fill("And **jam**?")
    reader.get_by_role("button", name="Send").click()
    comment = reader.locator(".comment:target")
    expect(comment.locator("strong")).to_have_text("jam")

    open_mail(writer, anna, f"About “{title}”")
    text = mail_text(writer)
    assert f"Hello {anna}," in text
    assert f"{ben} answered your post “{title}”:" in text
    assert "And jam?" in text
    assert "You get this because you wrote the post." in text
    follow(writer, "/comments/")
    target = writer.locator(".comment:target")
    expect(target).to_contain_text("And jam?")
    expect(target).to_be_in_viewport()

    target.get_by_role("link", name=f"Reply to {ben}").click()
    expect(writer.get_by_role("article", name="What you answer")).to_contain_text("And jam?")
    writer.get_by_label("Your comment").fill("Plum, if there is any.")
    writer.get_by_role("button", name="Send").click()
    expect(writer.locator(".comments .comments .comment:target")).to_contain_text("Plum")

    open_mail(reader, ben, f"About “{title}”")
    assert "> And jam?" in mail_text(reader)


@pytest.mark.with_and_without_javascript
def test_admin_changes_a_role_and_shuts_an_account(
    make_page: Callable[..., Page], live_server: LiveServer, javascript: bool, tmp_path: Path
) -> None:
    kind = "script" if javascript else "plain"
    cleo, dan, root = f"cleo-{kind}", f"dan-{kind}", f"chief-{kind}"
    make_admin(live_server, root, tmp_path)
    member, other, admin = (make_page(java_script_enabled=javascript) for _ in range(3))
    register(member, cleo)
    register(other, dan)

    sign_in(admin, root)
    admin.get_by_role("link", name="Admin").click()
    admin.locator(".cards").get_by_role("link", name="Members").click()
    for name in (cleo, dan):
        expect(admin.get_by_role("row").filter(has_text=f"{name}@example.org")).to_be_visible()

    change(admin, cleo, "Role", "Staff", "Helps out on Fridays")
    member.goto(f"/@{cleo}/")
    expect(member.locator(".profile-head .badge")).to_have_text("Staff")

    change(admin, dan, "Status", "Shut", "Sold watches")
    other.get_by_role("link", name="Drafts", exact=True).click()
    expect(other.get_by_text("You need to be signed in")).to_be_visible()
    expect(other.locator("header")).not_to_contain_text(dan)
    other.get_by_label("Nickname or email").fill(dan)
    other.get_by_label("Password").fill(PASSWORD)
    other.locator("main").get_by_role("button", name="Sign in", exact=True).click()
    expect(other.get_by_role("alert")).to_contain_text("This account has been shut")


def change(admin: Page, name: str, field: str, value: str, reason: str) -> None:
    """Finds a member by name and changes role or status; the reason then stands on the member's page."""
    admin.goto("/admin/users/")
    admin.get_by_label("Nickname or address").fill(name)
    admin.get_by_role("button", name="Search").click()
    admin.get_by_role("link", name=name, exact=True).click()
    admin.get_by_label(field).select_option(value)
    admin.get_by_label("Reason").fill(reason)
    admin.get_by_role("button", name="Change").click()
    expect(admin.get_by_text(f"{name} is changed")).to_be_visible()
    expect(admin.get_by_role("row").filter(has_text=reason)).to_be_visible()


@pytest.mark.with_and_without_javascript
def test_lost_password_is_replaced_by_mail_and_the_new_one_signs_in(page: Page, javascript: bool) -> None:
    name = f"eve-{'script' if javascript else 'plain'}"
    register(page, name)
    verify_by_link(page, name)
    sign_out(page)

    page.get_by_role("link", name="Sign in").click()
    page.get_by_role("link", name="Lost your password?").click()
    page.get_by_label("Email").fill(f"{name}@example.org")
    page.get_by_role("button", name="Send me a link").click()
    expect(page.get_by_text("we have sent a link there")).to_be_visible()
    open_mail(page, name, "Choose a new password")
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))
    follow(page, "/users/reset-password/")
    token = page.url.rstrip("/").rpartition("/")[2]
    fill_new_password(page, NEW_PASSWORD)
    page.get_by_role("button", name="Save the new password").click()
    expect(page.get_by_text("Your new password is saved")).to_be_visible()
    # The files of the page were not asked for with the link's address, and the form was sent with an origin.
    referrers = [request.header_value("referer") or "" for request in asked]
    assert len(referrers) > 3
    assert not any(token in referrer for referrer in referrers)
    assert [request.header_value("origin") for request in asked if request.method == "POST"] != ["null"]

    sign_in(page, f"{name}@example.org", NEW_PASSWORD)
    open_mail(page, name, "was changed")
    sign_out(page)
    page.goto("/users/me/")
    expect(page.get_by_text("You need to be signed in for this page")).to_be_visible()
