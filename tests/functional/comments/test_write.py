"""Writing, answering and editing comments: nothing typed is lost."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.comments.models import Comment
from myproject.posts import constants as POST
from myproject.posts.models import Post
from myproject.users import constants as USER
from myproject.users.models import User
from tests.conftest import Client, form_with
from tests.factories import make_comment, make_post, make_user, sign_in
from tests.functional.pages import csrf_token, field_errors, flashes, summary

BODY = "Some **bold** words\n\n> & <b>a quote</b>"


@pytest.fixture
def ann(db: Session) -> User:
    return make_user(db, "ann")


@pytest.fixture
def post(db: Session, ann: User) -> Post:
    return make_post(db, ann)


@pytest.fixture
def bob(client: Client, db: Session) -> User:
    """A member who is signed in as `client`."""
    user = make_user(db, "bob")
    sign_in(client, user)
    return user


def write(client: Client, post: Post, body: str = BODY, button: str = "send") -> webtest.TestResponse:
    """Fills the form below a post and sends it."""
    form = form_with(client.get(f"/posts/{post.id}/{post.slug}/"), "body")
    form["body"] = body
    return form.submit(button, status="*")


def kept(page: webtest.TestResponse) -> str:
    return str(form_with(page, "body")["body"].value).replace("\r\n", "\n")


def comments(db: Session) -> list[Comment]:
    db.expire_all()
    return list(db.scalars(sa.select(Comment).order_by(Comment.id)))


def test_a_comment_lands_on_itself(client: Client, db: Session, bob: User, post: Post) -> None:
    answer = write(client, post)
    (comment,) = comments(db)
    assert (answer.status_int, answer.location) == (303, f"http://localhost/comments/{comment.id}/")
    place = answer.follow(status=303)
    assert place.location == f"http://localhost/posts/{post.id}/a-post/#comment-{comment.id}"
    page = client.get(place.location.partition("#")[0])
    assert page.html.select_one(f"#comment-{comment.id} .prose strong").get_text() == "bold"
    assert (comment.author_id, comment.body, comment.parent_id) == (bob.id, BODY, None)


def test_a_comment_is_seen_by_the_next_guest(
    client: Client, make_client: Callable[..., Client], bob: User, post: Post
) -> None:
    guest = make_client()
    address = f"/posts/{post.id}/{post.slug}/"
    assert "Nobody has answered yet" in guest.get(address)
    write(client, post)
    assert "a quote" in guest.get(address)
    assert guest.get("/").html.select_one(".comment-count strong").get_text() == "1"


def test_the_reply_page_shows_what_is_answered(client: Client, db: Session, ann: User, post: Post) -> None:
    comment = make_comment(db, post, ann, "What *do* you think?")
    sign_in(client, make_user(db, "bob"))
    page = client.get(f"/comments/{comment.id}/reply/")
    assert page.html.h1.get_text() == "Reply to ann"
    assert "<em>do</em>" in str(page.html.select_one("article.comment"))
    assert page.html.select_one(f'a[href="/posts/{post.id}/a-post/"]').get_text() == "A post"


def test_a_reply_stands_below_what_it_answers(
    client: Client, db: Session, ann: User, bob: User, post: Post
) -> None:
    parent = make_comment(db, post, ann)
    form = form_with(client.get(f"/comments/{parent.id}/reply/"), "body")
    form["body"] = "I think so"
    answer = form.submit("send", status=303)
    reply = comments(db)[-1]
    assert (reply.parent_id, reply.post_id) == (parent.id, post.id)
    assert answer.follow().location.endswith(f"#comment-{reply.id}")


def test_a_preview_shows_what_will_be_stored_and_stores_nothing(
    client: Client, db: Session, bob: User, post: Post
) -> None:
    page = write(client, post, button="preview")
    assert page.status_int == 200
    assert comments(db) == []
    assert kept(page) == BODY
    form_with(page, "body").submit("send", status=303)
    (comment,) = comments(db)
    assert f'<div class="prose">{comment.body_html}</div>' in page


def test_a_preview_of_a_reply_is_sent_as_one(
    client: Client, db: Session, ann: User, bob: User, post: Post
) -> None:
    parent = make_comment(db, post, ann, "The question")
    form = form_with(client.get(f"/comments/{parent.id}/reply/"), "body")
    form["body"] = "The answer"
    page = form.submit("preview", status=200)
    assert "The question" in page
    form_with(page, "body").submit("send", status=303)
    assert comments(db)[-1].parent_id == parent.id


# What is refused keeps its text


def test_an_empty_comment_is_refused(client: Client, db: Session, bob: User, post: Post) -> None:
    page = write(client, post, " \n ")
    assert (page.status_int, field_errors(page)) == (422, {"body": "Fill in this field"})
    assert comments(db) == []


def test_a_comment_that_is_too_long_is_kept(client: Client, db: Session, bob: User, post: Post) -> None:
    body = "é" * (POST.BODY_MAX_BYTES // 2 + 1)
    page = write(client, post, body)
    assert page.status_int == 422
    assert field_errors(page) == {"body": "This is too long: at most 64 KiB. Split it, or shorten it."}
    assert kept(page) == body
    assert comments(db) == []


def test_a_reply_that_is_refused_stays_a_reply(
    client: Client, db: Session, ann: User, bob: User, post: Post
) -> None:
    parent = make_comment(db, post, ann, "The question")
    form = form_with(client.get(f"/comments/{parent.id}/reply/"), "body")
    page = form.submit("send", status=422)
    assert "The question" in page
    form = form_with(page, "body")
    form["body"] = "The answer"
    form.submit("send", status=303)
    assert comments(db)[-1].parent_id == parent.id


def test_commenting_too_often_keeps_the_text(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session, post: Post
) -> None:
    client = make_client(make_app(ratelimit_enabled=True, ratelimit_comment_account="1 per hour"))
    sign_in(client, make_user(db, "bob"))
    assert write(client, post, "The first").status_int == 303
    page = write(client, post)
    assert page.status_int == 429
    assert 3000 < int(page.headers["Retry-After"]) <= 3600
    assert "Nothing is lost" in summary(page)
    assert kept(page) == BODY
    assert [comment.body for comment in comments(db)] == ["The first"]


def test_a_form_that_was_open_for_too_long_comes_back_filled_and_is_sent_with_one_click(
    client: Client, db: Session, bob: User, post: Post
) -> None:
    form = form_with(client.get(f"/posts/{post.id}/{post.slug}/"), "body")
    form["body"], form["csrf_token"] = BODY, "0" * 64
    page = form.submit("send", status=400)
    assert "Nothing is lost" in summary(page)
    assert kept(page) == BODY
    assert comments(db) == []
    form_with(page, "body").submit("send", status=303)
    assert [comment.body for comment in comments(db)] == [BODY]


def test_a_comment_sent_after_the_sign_in_ended_comes_back_to_be_sent_again(
    client: Client, db: Session, bob: User, post: Post
) -> None:
    form = form_with(client.get(f"/posts/{post.id}/{post.slug}/"), "body")
    form["body"] = BODY
    client.logout()
    page = form.submit("send", status=400)
    assert kept(page) == BODY
    client.login("bob")
    assert comments(db) == []
    form_with(page, "body").submit(status=303)
    assert [comment.body for comment in comments(db)] == [BODY]


# Who may


def test_a_guest_is_asked_to_sign_in_and_comes_back(client: Client, post: Post) -> None:
    page = client.get(f"/posts/{post.id}/{post.slug}/")
    assert page.html.select_one("textarea") is None
    login = page.html.select_one(".write-comment .notice a")["href"]
    assert login == f"/users/login/?next=/posts/{post.id}/a-post/"


def test_a_guest_who_wants_to_reply_is_sent_to_sign_in(client: Client, db: Session, ann: User, post: Post) -> None:
    comment = make_comment(db, post, ann)
    answer = client.get(f"/comments/{comment.id}/reply/", status=303)
    assert answer.location == f"http://localhost/users/login/?next=/comments/{comment.id}/reply/"


def test_a_new_member_is_asked_to_verify_and_keeps_what_was_sent_all_the_same(
    client: Client, db: Session, post: Post
) -> None:
    sign_in(client, make_user(db, "nell", status=USER.Status.NEW))
    page = client.get(f"/posts/{post.id}/{post.slug}/")
    assert page.html.select_one("textarea") is None
    assert "Verify your address to comment" in page
    answer = client.post(f"/posts/{post.id}/comments/", {"body": BODY, "csrf_token": csrf_token(page)}, status=422)
    assert "Verify your address before you comment" in summary(answer)
    assert kept(answer) == BODY
    assert comments(db) == []


def test_a_new_member_may_comment_where_no_address_need_be_verified(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session, post: Post
) -> None:
    client = make_client(make_app(users_require_verified_email=False))
    sign_in(client, make_user(db, "nell", status=USER.Status.NEW))
    assert write(client, post).status_int == 303


def test_a_draft_takes_no_comments_not_even_its_authors(client: Client, db: Session, ann: User) -> None:
    draft = make_post(db, ann, publish=False)
    sign_in(client, ann)
    page = client.get(f"/posts/{draft.id}/{draft.slug}/")
    assert page.html.select_one("#comments") is None
    values = {"body": BODY, "csrf_token": csrf_token(page)}
    client.post(f"/posts/{draft.id}/comments/", values, status=404)
    assert comments(db) == []


@pytest.mark.parametrize("parent", ["999", "other"])
def test_a_reply_to_a_comment_that_is_not_below_the_post_changes_nothing(
    client: Client, db: Session, ann: User, bob: User, post: Post, parent: str
) -> None:
    other = make_comment(db, make_post(db, ann, "Another"), ann)
    page = client.get(f"/posts/{post.id}/{post.slug}/")
    values = {
        "body": BODY,
        "parent_id": str(other.id) if parent == "other" else parent,
        "csrf_token": csrf_token(page),
    }
    page = client.post(f"/posts/{post.id}/comments/", values, status=422)
    assert kept(page) == BODY
    assert [comment.id for comment in comments(db)] == [other.id]
    assert db.scalar(sa.select(Post.comment_count).where(Post.id == post.id)) == 0


@pytest.mark.parametrize("parent", ["x", "1_0", "9" * 19, "-1", "\u0661"])
def test_a_parent_that_is_no_number_is_no_failure_of_the_site(
    client: Client, db: Session, bob: User, post: Post, parent: str
) -> None:
    page = client.get(f"/posts/{post.id}/{post.slug}/")
    values = {"body": BODY, "parent_id": parent, "csrf_token": csrf_token(page)}
    answer = client.post(f"/posts/{post.id}/comments/", values, status="*")
    assert answer.status_int in (404, 422)
    assert comments(db) == []


# Editing


def edit_form(client: Client, comment: Comment) -> webtest.Form:
    return form_with(client.get(f"/comments/{comment.id}/edit/"), "body")


def test_the_author_changes_a_comment_and_it_says_so(client: Client, db: Session, bob: User, post: Post) -> None:
    comment = make_comment(db, post, bob, "The first words")
    assert client.get(f"/posts/{post.id}/{post.slug}/").html.select_one(".edited") is None
    form = edit_form(client, comment)
    assert form["body"].value == "The first words"
    form["body"] = "Some *better* words"
    answer = form.submit("save", status=303).follow()
    page = client.get(answer.location.partition("#")[0])
    assert flashes(page) == ["Your changes are saved"]
    element = page.html.select_one(f"#comment-{comment.id}")
    assert element.select_one(".prose em").get_text() == "better"
    assert element.select_one(".edited").get_text(" ", strip=True).startswith("(edited")
    assert comments(db)[0].version == 2


def test_a_preview_of_an_edit_shows_what_will_be_stored_and_stores_nothing(
    client: Client, make_client: Callable[..., Client], db: Session, bob: User, post: Post
) -> None:
    comment = make_comment(db, post, bob, "The first words")
    form = edit_form(client, comment)
    form["body"] = "Some *better* words"
    page = form.submit("preview", status=200)
    assert page.html.select_one("#preview .prose em").get_text() == "better"
    assert comments(db)[0].body == "The first words"
    form_with(page, "body").submit("save", status=303)
    db.expire_all()
    assert comments(db)[0].body == "Some *better* words"

    # Staff do it with a reason, which waits with the text.
    staff = make_client()
    sign_in(staff, make_user(db, "boss", role=USER.Role.STAFF))
    form = edit_form(staff, comment)
    form["body"], form["reason"] = "Shorter", "Too long"
    form.submit("preview", status=200)
    assert edit_form(staff, comment)["reason"].value == "Too long"


def test_only_who_may_edit_sees_the_link(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User, bob: User, post: Post
) -> None:
    own, others = make_comment(db, post, bob), make_comment(db, post, ann)
    staff = make_client()
    sign_in(staff, make_user(db, "boss", role=USER.Role.STAFF))

    def editable(visitor: Client) -> list[str]:
        links = visitor.get(f"/posts/{post.id}/{post.slug}/").html.select('.comment-tools a[href$="/edit/"]')
        return [str(link["href"]) for link in links]

    own_edit, others_edit = f"/comments/{own.id}/edit/", f"/comments/{others.id}/edit/"
    assert editable(client) == [own_edit]
    assert editable(staff) == [own_edit, others_edit]
    assert editable(make_client()) == []


def test_staff_may_edit_and_other_members_may_not(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User, bob: User, post: Post
) -> None:
    comment = make_comment(db, post, ann, "As it was")
    client.get(f"/comments/{comment.id}/edit/", status=403)
    token = csrf_token(client.get("/users/me/"))
    values = {"body": "Mine", "version": "1", "csrf_token": token}
    client.post(f"/comments/{comment.id}/edit/", values, status=403)
    assert comments(db)[0].body == "As it was"

    staff = make_client()
    sign_in(staff, make_user(db, "boss", role=USER.Role.STAFF))
    form = edit_form(staff, comment)
    form["body"], form["reason"] = "As it should be", "A wrong date"
    form.submit("save", status=303)
    assert (comments(db)[0].body, comments(db)[0].author_id) == ("As it should be", ann.id)


def test_an_edit_of_an_older_comment_is_refused_and_its_text_kept(
    client: Client, db: Session, bob: User, post: Post
) -> None:
    comment = make_comment(db, post, bob)
    first, second = edit_form(client, comment), edit_form(client, comment)
    first["body"] = "The first words"
    first.submit("save", status=303)
    second["body"] = BODY
    page = second.submit("save", status=409)
    assert "This comment was changed since you opened it" in summary(page)
    assert kept(page) == BODY
    assert comments(db)[0].body == "The first words"


def test_an_edit_counts_as_no_new_comment(client: Client, db: Session, bob: User, post: Post) -> None:
    comment = make_comment(db, post, bob)
    form = edit_form(client, comment)
    form["body"] = "Other words"
    form.submit("save", status=303)
    assert db.scalar(sa.select(Post.comment_count)) == 1
