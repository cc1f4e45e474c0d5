"""The one address of a post, and what leads to it."""

import pytest
from sqlalchemy.orm import Session

from myproject.posts import constants as POST
from myproject.posts.models import Post
from myproject.users import constants as USER
from tests.conftest import Client, form_with
from tests.factories import make_post, make_user, sign_in

pytestmark = pytest.mark.one_database


@pytest.fixture
def post(db: Session) -> Post:
    return make_post(db, make_user(db, "ann"), "A fine title")


@pytest.mark.parametrize("end", ["", "wrong/", "A-FINE-TITLE/", "a-fine-title-/", "%C3%A9/"])
def test_the_number_alone_and_a_wrong_slug_lead_there_for_good(client: Client, post: Post, end: str) -> None:
    answer = client.get(f"/posts/{post.id}/{end}", status=301)
    assert answer.location == f"http://localhost/posts/{post.id}/a-fine-title/"
    assert answer.follow().html.h1.get_text() == "A fine title"


def test_a_wrong_slug_leads_there_with_what_was_asked(client: Client, post: Post) -> None:
    answer = client.get(f"/posts/{post.id}/wrong/?order=best", status=301)
    assert answer.location == f"http://localhost/posts/{post.id}/a-fine-title/?order=best"
    answer.follow(status=200)


def test_the_address_without_its_last_slash_leads_there(client: Client, post: Post) -> None:
    answer = client.get(f"/posts/{post.id}/a-fine-title", status=301)
    assert answer.location == f"http://localhost/posts/{post.id}/a-fine-title/"


def test_the_page_names_its_address_by_site_url(client: Client, post: Post) -> None:
    page = client.get(f"/posts/{post.id}/a-fine-title/?utm=1")
    (link,) = page.html.select("link[rel=canonical]")
    assert link["href"] == f"http://localhost/posts/{post.id}/a-fine-title/"


@pytest.mark.parametrize("number", ["0", "999", "9" * 18, "9" * 19, "-1", "x", "1e3", "%D9%A1"])
def test_a_number_that_no_post_has_is_not_found(client: Client, number: str) -> None:
    for end in ("", "a-title/", "edit/"):
        client.get(f"/posts/{number}/{end}", status=404)


RESERVED = [slug.removesuffix(".md").removesuffix(".atom").title() for slug in sorted(POST.RESERVED_SLUGS)]


@pytest.mark.parametrize("title", [*RESERVED, "Source.md", "Feed.atom", "EDIT!", "New", "Drafts"])
def test_a_title_that_is_a_word_of_ours_gets_an_address_of_its_own(
    client: Client, db: Session, title: str
) -> None:
    sign_in(client, make_user(db, "ann"))
    form = form_with(client.get("/posts/new/"), "title")
    form["title"], form["body"] = title, "Some text"
    answer = form.submit("publish", status=303)
    page = answer.follow(status=200)
    assert page.html.h1.get_text() == title
    assert page.html.select_one("link[rel=canonical]")["href"] == answer.location


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Привет, мир", "привет-мир"),
        ("???", "post"),
        ("C++ & <b>", "c-b"),
        ("१०० हिन्दी", "१००-हिन्दी"),
        ("a/b\\c", "a-b-c"),
    ],
)
def test_a_title_in_any_script_has_an_address_that_works(
    client: Client, db: Session, title: str, slug: str
) -> None:
    post = make_post(db, make_user(db, "ann"), title)
    assert post.slug == slug
    page = client.get(f"/posts/{post.id}/", status=301).follow(status=200)
    assert page.html.h1.get_text() == title


def test_a_new_title_gives_a_new_address_and_the_old_one_leads_there(
    client: Client, db: Session, post: Post
) -> None:
    sign_in(client, make_user(db, "boss", role=USER.Role.ADMIN))
    form = form_with(client.get(f"/posts/{post.id}/edit/"), "title")
    form["title"], form["reason"] = "Another title", "A finer one"
    assert form.submit("save", status=303).location == f"http://localhost/posts/{post.id}/another-title/"
    answer = client.get(f"/posts/{post.id}/a-fine-title/", status=301)
    assert answer.location == f"http://localhost/posts/{post.id}/another-title/"
