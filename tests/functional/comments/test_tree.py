"""The comments below a post: their order, their levels, their pages and permalinks."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
import webtest
from sqlalchemy.orm import Session

from myproject.cache import touch
from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.db import utc_now
from myproject.posts.models import Post
from myproject.users import constants as USER
from myproject.users.models import User
from tests.conftest import Client
from tests.factories import make_comment, make_comments, make_post, make_user, sign_in

NUMBER = COMMENT.PAGE_SIZE + 30


@pytest.fixture
def ann(db: Session) -> User:
    return make_user(db, "ann")


@pytest.fixture
def post(db: Session, ann: User) -> Post:
    return make_post(db, ann)


def read(client: Client, post: Post, query: str = "") -> webtest.TestResponse:
    return client.get(f"/posts/{post.id}/{post.slug}/{query}")


def ids(page: webtest.TestResponse) -> list[int]:
    return [int(element["id"].removeprefix("comment-")) for element in page.html.select("article.comment")]


def levels(page: webtest.TestResponse) -> list[int]:
    """How many lists stand around each comment."""
    return [len(element.find_parents("ol")) for element in page.html.select("article.comment")]


def answered(page: webtest.TestResponse) -> list[str]:
    """Whom each comment says that it answers."""
    notes = [element.select_one(".in-reply-to") for element in page.html.select("article.comment")]
    return [note.get_text(" ", strip=True) if note else "" for note in notes]


def put(db: Session, comment: Comment, status: COMMENT.Status) -> None:
    comment.status = status
    comment.removed_at = utc_now() if status == COMMENT.Status.REMOVED else None
    touch(db, f"post:{comment.post_id}")


def test_replies_stand_below_what_they_answer_the_first_first(
    client: Client, db: Session, ann: User, post: Post
) -> None:
    first, second = make_comment(db, post, ann), make_comment(db, post, ann)
    below = [make_comment(db, post, ann, parent=first) for _ in range(2)]
    deeper = make_comment(db, post, ann, parent=below[0])
    last = make_comment(db, post, ann, parent=second)
    page = read(client, post)
    assert ids(page) == [first.id, below[0].id, deeper.id, below[1].id, second.id, last.id]
    assert levels(page) == [1, 2, 3, 2, 1, 2]
    assert set(answered(page)) == {""}


@pytest.mark.one_database
def test_footnotes_of_comments_that_say_the_same_are_each_comments_own(
    client: Client, db: Session, ann: User, post: Post
) -> None:
    for _number in range(2):
        make_comment(db, post, ann, "So it is[^1]\n\n[^1]: Is it?")
    for page in (read(client, post), client.get("/@ann/comments/")):
        names = [element["id"] for element in page.html.select(".prose [id]")]
        assert len(names) == len(set(names)) == 4
        for comment in page.html.select(".prose"):
            links = [link["href"] for link in comment.select("a")]
            assert {link["id"] for link in comment.select("[id]")} == {link.removeprefix("#") for link in links}


def test_below_five_levels_replies_go_on_flat_and_say_whom_they_answer(
    client: Client, db: Session, ann: User, post: Post
) -> None:
    chain: list[Comment] = []
    for number in range(8):
        writer = make_user(db, f"member-{number}")
        chain.append(make_comment(db, post, writer, parent=chain[-1] if chain else None))
    beside = make_comment(db, post, ann, parent=chain[3])
    page = read(client, post)
    assert ids(page) == [*(comment.id for comment in chain), beside.id]
    assert levels(page) == [1, 2, 3, 4, 5, 5, 5, 5, 5]
    assert answered(page) == [
        *[""] * 5,
        "in reply to @member-4",
        "in reply to @member-5",
        "in reply to @member-6",
        "",
    ]
    note = page.html.select(".in-reply-to a")[0]
    assert note["href"] == f"/comments/{chain[4].id}/"


def test_every_list_that_opens_is_closed(client: Client, db: Session, ann: User, post: Post) -> None:
    top = make_comment(db, post, ann)
    for parent in (top, top, None, None):
        comment = make_comment(db, post, ann, parent=parent)
        make_comment(db, post, ann, parent=comment)
    section = "".join(str(read(client, post).text).partition('<ol class="comments">')[1:])
    opened, closed = (len(re.findall(pattern, section)) for pattern in (r"<(?:ol|li)[ >]", r"</(?:ol|li)>"))
    # Nine comments, in a list of their own and one below each that is answered.
    assert opened == closed == 9 + 6


def test_a_page_without_comments_says_so(client: Client, post: Post) -> None:
    page = read(client, post)
    assert ids(page) == []
    assert "Nobody has answered yet" in page
    assert page.html.select_one("#comments-title").get_text() == "0 comments"


def test_the_count_is_how_many_there_are(client: Client, db: Session, ann: User, post: Post) -> None:
    for number in range(1, 4):
        make_comment(db, post, ann)
        page = read(client, post)
        assert page.html.select_one("#comments-title").get_text().split()[0] == str(number)
        assert client.get("/").html.select_one(".comment-count strong").get_text() == str(number)
    assert db.scalar(sa.select(sa.func.count(Comment.id))) == 3


def test_a_comment_shows_author_role_and_time(client: Client, db: Session, post: Post) -> None:
    boss = make_user(db, "Boss", role=USER.Role.STAFF)
    boss.display_name = "The Boss"
    comment = make_comment(db, post, boss, "Some *words*")
    element = read(client, post).html.select_one(f"#comment-{comment.id}")
    assert element.select_one(".byline a").get_text() == "The Boss"
    assert element.select_one(".byline a")["href"] == "/@boss/"
    assert element.select_one(".byline .badge").get_text() == "Staff"
    assert element.select_one("time")["datetime"].startswith(comment.created_at.isoformat()[:16])
    assert element.select_one(".prose em").get_text() == "words"


CANARIES = [
    "<script>alert('canary')</script>",
    "<img src=x onerror=alert('canary')>",
    "[click](javascript:alert('canary'))",
    "[click](data:text/html;base64,PHNjcmlwdD5hbGVydCgnY2FuYXJ5Jyk8L3NjcmlwdD4=)",
    "<svg/onload=alert('canary')>",
    '<a href="https://example.org" onclick="alert(1)" style="position:fixed">x</a>',
    "<iframe src=//example.org></iframe>",
    "![canary](https://example.org/canary.png)",
    "```\"><script>alert('canary')\ncode\n```",
]


@pytest.mark.parametrize("body", CANARIES)
def test_nothing_that_a_comment_holds_can_act(
    client: Client, db: Session, ann: User, post: Post, body: str
) -> None:
    comment = make_comment(db, post, ann, body)
    element = read(client, post).html.select_one(f"#comment-{comment.id} .prose")
    assert element.find_all(["script", "img", "svg", "iframe", "style", "form", "input"]) == []
    for inner in element.find_all(True):
        assert not [name for name in inner.attrs if name.startswith("on") or name == "style"]
        assert inner.get("href", "https:").startswith(("https:", "http:", "mailto:", "/"))


def test_markup_in_a_display_name_is_text(client: Client, db: Session, ann: User, post: Post) -> None:
    ann.display_name = '"><script>alert(1)</script>'
    make_comment(db, post, ann)
    page = read(client, post)
    assert "<script>alert" not in page
    assert page.html.select_one(".comment .byline a").get_text() == ann.display_name


def test_links_of_members_are_marked_for_search_engines(
    client: Client, db: Session, ann: User, post: Post
) -> None:
    make_comment(db, post, ann, "[a link](https://example.org/)")
    link = read(client, post).html.select_one(".comment .prose a")
    assert {"nofollow", "ugc"} <= set(link["rel"])


# Pages


def test_pages_show_every_comment_once_in_order(client: Client, db: Session, ann: User, post: Post) -> None:
    made = [comment.id for comment in make_comments(db, post, ann, NUMBER)]
    first = read(client, post)
    assert ids(first) == made[: COMMENT.PAGE_SIZE]
    following = first.html.select_one("a[rel=next]")["href"]
    second = client.get(following.partition("#")[0])
    assert ids(second) == made[COMMENT.PAGE_SIZE :]
    assert second.html.select_one("a[rel=next]") is None
    assert second.html.select_one("#comments-title").get_text() == f"{NUMBER} comments"
    back = second.html.select_one("#comments .notice a")
    assert ids(client.get(back["href"].partition("#")[0])) == ids(first)


def permalink(client: Client, comment: int) -> tuple[str, webtest.TestResponse]:
    """Where a permalink leads: the query that names the page, and the page."""
    answer = client.get(f"/comments/{comment}/", status=303)
    parts = urlsplit(answer.location)
    assert parts.fragment == f"comment-{comment}"
    return parts.query, client.get(f"{parts.path}?{parts.query}" if parts.query else parts.path)


def test_a_permalink_leads_to_the_page_that_shows_the_comment(
    client: Client, db: Session, ann: User, post: Post
) -> None:
    made = [comment.id for comment in make_comments(db, post, ann, NUMBER)]
    for number in (0, 1, COMMENT.PAGE_SIZE - 1):
        query, page = permalink(client, made[number])
        assert query == ""
        assert made[number] in ids(page)
    for number in (COMMENT.PAGE_SIZE, NUMBER - 1):
        query, page = permalink(client, made[number])
        assert query == f"from={made[number]}"
        assert ids(page) == made[number:]


def test_a_permalink_into_a_thread_shows_it_from_its_top(
    client: Client, db: Session, ann: User, post: Post
) -> None:
    make_comments(db, post, ann, COMMENT.PAGE_SIZE)
    top = make_comment(db, post, ann)
    reply = make_comment(db, post, ann, parent=top)
    deeper = make_comment(db, post, ann, parent=reply)
    query, page = permalink(client, deeper.id)
    assert query == f"from={top.id}"
    assert (ids(page), levels(page)) == ([top.id, reply.id, deeper.id], [1, 2, 3])


def test_of_a_long_thread_the_page_shows_the_beginning_and_leads_to_the_rest(
    client: Client, db: Session, ann: User, post: Post
) -> None:
    bob = make_user(db, "bob")
    top = make_comment(db, post, bob)
    number = COMMENT.THREAD_SIZE + COMMENT.PAGE_SIZE
    replies = [comment.id for comment in make_comments(db, post, ann, number, parent=top)]
    below = make_comment(db, post, ann, parent=db.get_one(Comment, replies[-2]))
    other = make_comment(db, post, ann)
    first = read(client, post)
    assert ids(first) == [top.id, *replies[: COMMENT.THREAD_SIZE - 1], other.id]
    rest = first.html.select_one(".thread-rest a")["href"]
    second = client.get(rest.partition("#")[0])
    assert ids(second) == replies[COMMENT.THREAD_SIZE - 1 : -1]
    assert answered(second)[0] == "in reply to @bob"
    third = client.get(second.html.select_one("a[rel=next]")["href"].partition("#")[0])
    assert (ids(third), levels(third)) == ([below.id, replies[-1]], [1, 1])
    # What a closed list says of itself counts what it holds, and tells where that is not all of the thread.
    assert first.html.select_one(".replies > summary").get_text() == f"More than {COMMENT.THREAD_SIZE - 1} replies"
    assert second.html.select_one(".replies > summary") is None
    # Permalinks lead to the page that shows the comment: from its thread on, or from near above it.
    assert permalink(client, replies[0])[0] == f"from={top.id}"
    query, page = permalink(client, below.id)
    assert query == f"thread={replies[-2]}"
    assert ids(page) == [replies[-2], below.id, replies[-1]]
    assert [each.get_text() for each in page.html.select(".replies > summary")] == ["1 reply"]


@pytest.mark.parametrize("order", list(COMMENT.Order))
def test_threads_stand_in_the_order_asked_for_on_every_page(
    client: Client, db: Session, ann: User, post: Post, order: COMMENT.Order
) -> None:
    tops = make_comments(db, post, ann, NUMBER)
    reply = make_comment(db, post, ann, parent=tops[3])
    for number, top in enumerate(tops):
        top.like_count = number % 7
    keys = {
        COMMENT.Order.OLD: lambda top: top.id,
        COMMENT.Order.NEW: lambda top: -top.id,
        COMMENT.Order.BEST: lambda top: (-top.like_count, -top.id),
    }
    expected = [top.id for top in sorted(tops, key=keys[order])]
    expected.insert(expected.index(tops[3].id) + 1, reply.id)
    seen, address = [], f"?order={order}"
    while address:
        page = read(client, post, address)
        seen += ids(page)
        following = page.html.select_one("#comments a[rel=next]")
        address = "?" + urlsplit(following["href"]).query if following else ""
    assert seen == expected


def test_replies_are_folded_with_their_number(client: Client, db: Session, ann: User, post: Post) -> None:
    top = make_comment(db, post, ann)
    reply = make_comment(db, post, ann, parent=top)
    make_comment(db, post, ann, parent=reply)
    make_comment(db, post, ann, parent=top)
    folded = read(client, post).html.select("details.replies")
    assert [each.summary.get_text() for each in folded] == ["3 replies", "1 reply"]
    assert [each.has_attr("open") for each in folded] == [True, True]


@pytest.mark.parametrize("status", [COMMENT.Status.WAITING, COMMENT.Status.REMOVED])
def test_what_is_not_shown_of_a_thread_makes_it_no_longer(
    client: Client, db: Session, ann: User, post: Post, status: COMMENT.Status
) -> None:
    top = make_comment(db, post, ann)
    *replies, unseen = make_comments(db, post, ann, COMMENT.THREAD_SIZE, top)
    put(db, unseen, status)
    page = read(client, post)
    assert ids(page) == [top.id, *(reply.id for reply in replies)]
    assert page.html.select(".thread-rest") == []
    # It takes no room from what is written after it.
    late = make_comment(db, post, ann, parent=top)
    put(db, replies[0], status)
    assert ids(read(client, post))[-1] == late.id
    query = urlsplit(client.get(f"/comments/{late.id}/").location).query
    assert query == ""


def test_what_is_not_shown_leaves_room_for_other_threads(
    client: Client, db: Session, ann: User, post: Post
) -> None:
    top = make_comment(db, post, ann)
    for comment in make_comments(db, post, ann, COMMENT.PAGE_SIZE, top):
        put(db, comment, COMMENT.Status.WAITING)
    others = make_comments(db, post, ann, COMMENT.PAGE_SIZE - 1)
    assert ids(read(client, post)) == [top.id, *(other.id for other in others)]


def test_a_page_cannot_begin_with_what_was_never_shown(client: Client, db: Session, ann: User, post: Post) -> None:
    top = make_comment(db, post, ann)
    unseen, last = make_comment(db, post, ann, parent=top), make_comment(db, post, ann, parent=top)
    put(db, unseen, COMMENT.Status.WAITING)
    for query in (f"?thread={unseen.id}", "?thread=99999"):
        assert ids(read(client, post, query)) == []
    put(db, unseen, COMMENT.Status.REMOVED)
    unseen.refused_at = utc_now()
    assert ids(read(client, post, f"?thread={unseen.id}")) == []
    put(db, unseen, COMMENT.Status.REMOVED)
    unseen.refused_at = None
    assert ids(read(client, post, f"?thread={unseen.id}")) == [last.id]


@pytest.mark.parametrize("start", ["x", "-1", "1e3", "9" * 19, "%D9%A1"])
def test_a_page_that_starts_at_no_number_is_not_found(client: Client, post: Post, start: str) -> None:
    client.get(f"/posts/{post.id}/{post.slug}/?from={start}", status=404)
    client.get(f"/posts/{post.id}/{post.slug}/?thread={start}", status=404)
    client.get(f"/posts/{post.id}/{post.slug}/?order={start}", status=404)


def test_a_page_that_starts_at_a_comment_of_another_post_shows_none_of_that(
    client: Client, db: Session, ann: User, post: Post
) -> None:
    make_comment(db, post, ann)
    other = make_comment(db, make_post(db, ann), ann)
    for query in ("from", "thread", "order=best&from"):
        assert ids(read(client, post, f"?{query}={other.id}")) == []


def test_there_is_no_comment_below_a_number_without_one(client: Client) -> None:
    client.get("/comments/999/", status=404)
    client.get(f"/comments/{'9' * 19}/", status=404)


def test_comments_of_a_post_that_is_a_draft_again_are_not_found(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User, post: Post
) -> None:
    comment = make_comment(db, post, ann)
    db.execute(sa.update(Post).values(status=0))
    sign_in(client, make_user(db, "eve"))
    for visitor in (client, make_client()):
        visitor.get(f"/comments/{comment.id}/", status=404)
    client.get(f"/comments/{comment.id}/reply/", status=404)


def test_a_page_that_has_no_comments_any_more_does_not_say_that_nobody_has_answered(
    client: Client, db: Session, ann: User, post: Post
) -> None:
    nobody, gone = "Nobody has answered yet", "No comments stand here any more: they were removed or moved."
    address = f"/posts/{post.id}/{post.slug}/"
    for query in ("", "?from=99999"):
        assert nobody in client.get(address + query)
    make_comment(db, post, ann)
    there = make_comment(db, make_post(db, ann, "Another"), ann)
    db.commit()
    for query in ("?from=99999", f"?thread={there.id}", "?order=new&from=0"):
        page = client.get(address + query)
        assert nobody not in page
        assert gone in page
        link = page.html.find("a", string="Show the comments from the first one on")
        assert client.get(link["href"]).html.select("article.comment")
