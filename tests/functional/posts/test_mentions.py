"""`@name` in posts, comments and profiles: a link where there is such a member."""

from collections.abc import Callable
from typing import Any

from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.users import constants as USER
from myproject.users.services import accounts, names
from tests.conftest import Client, form_with
from tests.factories import make_post, make_user, sign_in


def links(page: Any, where: str = ".prose") -> list[tuple[str, str]]:
    """The links in the text of a page, as target and words."""
    return [(link["href"], link.get_text()) for link in page.html.select(f"{where} a")]


def test_members_who_are_there_are_linked_in_preview_post_comment_and_profile(client: Client, db: Session) -> None:
    make_user(db, "José")
    make_user(db, "Gone", status=USER.Status.INACTIVE)
    sign_in(client, make_user(db, "ann"))
    text = "@josé @JOSÉ @Gone @nobody `@josé`"
    expected = [("/@jos%C3%A9/", "@josé"), ("/@jos%C3%A9/", "@JOSÉ")]
    form = form_with(client.get("/posts/new/"), "title")
    form["title"], form["body"] = "To José", text
    preview = form.submit("preview")
    assert links(preview) == expected
    post = form.submit("publish", status=303).follow()
    assert links(post, "article.post .prose") == expected
    assert str(preview.html.select_one(".prose")) == str(post.html.select_one("article.post .prose"))

    comment = form_with(post, "body")
    comment["body"] = text
    assert links(comment.submit("send", status=303).follow().follow(), ".comment .prose") == expected
    profile = form_with(client.get("/users/me/edit/"), "bio")
    profile["bio"] = text
    profile.submit(status=303)
    assert client.get("/@ann/").text.count('href="/@jos%C3%A9/"') == 2


def test_a_link_to_a_member_leads_on_after_they_changed_their_name(client: Client, db: Session) -> None:
    ann = make_user(db, "ann")
    post = make_post(db, ann)
    sign_in(client, ann)
    comment = form_with(client.get(f"/posts/{post.id}/{post.slug}/"), "body")
    comment["body"] = "by @ann"
    page = comment.submit("send", status=303).follow().follow()
    names.rename(db, ann.id, "anna", accounts.Client("127.0.0.1", "a test"))
    ((target, _words),) = links(page, ".comment .prose")
    assert client.get(target).location.endswith("/@anna/")


def test_all_names_of_a_text_take_one_query(
    app: Router, client: Client, db: Session, query_counter: Callable[..., Any]
) -> None:
    for name in ("one", "two", "three"):
        make_user(db, name)
    sign_in(client, make_user(db, "ann"))
    form = form_with(client.get("/posts/new/"), "title")
    form["title"] = "Names"
    counts = []
    for text in ("nobody", "@one @two @three @four"):
        form["body"] = text
        with query_counter() as statements:
            form.submit("preview")
        counts.append(len(statements))
    assert counts[1] == counts[0] + 1
