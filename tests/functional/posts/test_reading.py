"""What members do with posts and comments that they read: likes, follow and mute, what is new to them."""

from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.cache import touch
from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.db import utc_now
from myproject.posts.models import Post, PostVisit, TopPost
from myproject.users.models import User
from tests.conftest import Client, run_tasks
from tests.factories import make_comment, make_comments, make_post, make_user, sign_in
from tests.functional.pages import csrf_token, flashes

DAY = timedelta(days=1)


@pytest.fixture
def ann(db: Session) -> User:
    return make_user(db, "ann")


@pytest.fixture
def post(db: Session, ann: User) -> Post:
    return make_post(db, ann)


@pytest.fixture
def bob(client: Client, db: Session) -> User:
    bob = make_user(db, "bob")
    sign_in(client, bob)
    return bob


def read(client: Client, post: Post, query: str = "") -> webtest.TestResponse:
    return client.get(f"/posts/{post.id}/{post.slug}/{query}")


def press(client: Client, page: webtest.TestResponse, words: str, within: str = "main") -> webtest.TestResponse:
    """Presses a button of the page's one form for what members do with it, and gives the answer."""
    form = page.html.select_one("form#mine")
    fields = {field["name"]: field["value"] for field in form.select("input")}
    button = next(each for each in page.html.select(f"{within} button") if each.get_text(strip=True) == words)
    assert button.get("form", form["id"] if button.find_parent("form") else None) == "mine"
    fields[button["name"]] = button["value"]
    return client.post(button.get("formaction", form["action"]), fields, status=303)


def likes(page: webtest.TestResponse, within: str) -> str:
    return str(page.html.select_one(f"{within} .likes").get_text(strip=True))


def work(app: Router, db: Session) -> None:
    db.commit()
    run_tasks(app.registry)
    db.expire_all()


# Likes


def test_a_post_is_liked_once_and_the_like_taken_back(
    client: Client, make_client: Callable[..., Client], db: Session, bob: User, post: Post
) -> None:
    page = read(client, post)
    assert likes(page, ".post") == ""
    for _ in range(2):
        liked = press(client, page, "Like", ".post").follow()
        assert likes(liked, ".post") == likes(read(make_client(), post), ".post") == "1 like"
    assert db.scalars(sa.select(TopPost.like_count)).all() == [1, 1, 1, 1]
    taken = press(client, liked, "Take back your like", ".post").follow()
    assert likes(taken, ".post") == likes(read(make_client(), post), ".post") == ""
    assert db.scalars(sa.select(TopPost.post_id)).all() == []


def test_a_liked_comment_is_marked_for_who_likes_it_and_leads_back_to_its_page(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User, bob: User, post: Post
) -> None:
    comments = [make_comment(db, post, ann) for _ in range(2)]
    own = make_comment(db, post, bob)
    place = f"?order=new&from={comments[1].id}"
    answer = press(client, read(client, post, place), "Like", f"#comment-{comments[0].id}")
    assert answer.location.endswith(f"/{post.slug}/{place}#comment-{comments[0].id}")
    page = answer.follow()
    assert likes(page, f"#comment-{comments[0].id}") == "1 like"
    assert page.html.select_one(f"#comment-{comments[0].id} button").get_text() == "Take back your like"
    assert page.html.select_one(f"#comment-{comments[1].id} button").get_text() == "Like"
    guest = read(make_client(), post)
    assert likes(guest, f"#comment-{comments[0].id}") == "1 like"
    assert "<!--" not in guest
    assert guest.html.select("article button") == []
    page = read(client, post)
    assert page.html.select_one(f"#comment-{own.id} button") is None
    client.post(f"/comments/{own.id}/like/", {"on": "1", "csrf_token": csrf_token(page)}, status=403)


def test_a_script_is_told_what_now_stands_there(client: Client, bob: User, post: Post) -> None:
    fields = {"on": "1", "csrf_token": csrf_token(read(client, post))}
    answer = client.post(f"/posts/{post.id}/like/", fields, headers={"Accept": "application/json"})
    assert answer.json == {"on": True, "words": "Take back your like", "likes": "1 like"}


# Follow and mute


def test_who_muted_a_post_gets_no_mail_of_replies(
    client: Client, db: Session, ann: User, post: Post, mails: Callable[..., list[EmailMessage]]
) -> None:
    sign_in(client, ann)
    muted = press(client, read(client, post), "Mute").follow()
    make_comment(db, post, make_user(db, "eve"))
    assert mails(to="ann@example.org") == []
    press(client, muted, "Stop muting")
    make_comment(db, post, make_user(db, "joe"))
    assert len(mails(to="ann@example.org")) == 1


# What is new


def new(page: webtest.TestResponse) -> list[int]:
    return [
        int(element["id"].removeprefix("comment-"))
        for element in page.html.select("article.comment")
        if element.select(".badge-info")
    ]


def let_visit_end(db: Session) -> None:
    """Puts everything an hour into the past."""
    hour = timedelta(hours=1)
    for visit in db.scalars(sa.select(PostVisit)):
        visit.seen_at, visit.new_since = visit.seen_at - hour, visit.new_since - hour
    for comment in db.scalars(sa.select(Comment)):
        comment.created_at -= hour
    for post in db.scalars(sa.select(Post)):
        post.last_activity_at -= hour
    touch(db, "site")


def test_comments_since_the_last_visit_are_new_until_that_visit_ends(
    client: Client, app: Router, db: Session, ann: User, bob: User, post: Post
) -> None:
    old = make_comment(db, post, ann)
    assert new(read(client, post)) == []
    work(app, db)
    let_visit_end(db)
    fresh = [make_comment(db, post, ann, parent=old), make_comment(db, post, ann)]
    own = make_comment(db, post, make_user(db, "joe"))
    own.author_id = bob.id
    for _ in range(2):
        page = read(client, post)
        assert new(page) == [comment.id for comment in fresh]
        work(app, db)
    links = [link["href"] for link in page.html.select("#comments .news a, article.comment .badge-info + a")]
    assert links == [f"#comment-{comment.id}" for comment in fresh]
    let_visit_end(db)
    assert new(read(client, post)) == []


def test_the_next_new_comment_is_found_on_another_page(
    client: Client, app: Router, db: Session, ann: User, bob: User, post: Post
) -> None:
    for _ in range(COMMENT.PAGE_SIZE):
        make_comment(db, post, ann)
    read(client, post)
    work(app, db)
    let_visit_end(db)
    fresh = [make_comment(db, post, ann).id for _ in range(2)]
    page = read(client, post)
    assert new(page) == []
    assert page.html.select_one(".news a")["href"] == f"/comments/{fresh[0]}/"
    found = client.get(f"/posts/{post.id}/news/", status=303)
    assert found.location.endswith(f"/comments/{fresh[0]}/")
    following = client.get(f"/posts/{post.id}/news/?after={fresh[0]}", status=303)
    assert following.location.endswith(f"/comments/{fresh[1]}/")
    last = client.get(f"/posts/{post.id}/news/?after={fresh[1]}", status=303)
    assert last.location.endswith("#comments")


def walk_news(client: Client, address: str) -> tuple[list[int], list[str]]:
    """Follows the links from each new comment to the next, from the first on: the comments, and the pages."""
    page, walked, pages = client.get(address), [], [address]
    link = page.html.select_one("#comments .news a")
    while link is not None:
        target = link["href"]
        if not target.startswith("#"):
            answer = client.get(target)
            while answer.status_int == 303:
                target, answer = answer.location, answer.follow()
            page = answer
            pages.append(answer.request.path_qs)
        walked.append(int(target.partition("#comment-")[2]))
        link = page.html.select_one(f"#comment-{walked[-1]} .badge-info + a")
        assert len(walked) < 50
    return walked, pages


def test_each_new_comment_leads_to_the_next_in_the_order_that_is_shown_and_the_last_to_none(
    client: Client, app: Router, db: Session, ann: User, bob: User, post: Post
) -> None:
    tops = make_comments(db, post, ann, 120)
    long = tops[30]
    below = make_comments(db, post, ann, COMMENT.THREAD_SIZE + 20, long)
    # The later, the less liked, but for one in the middle.
    for number, top in enumerate(tops):
        top.like_count = 130 - number // 2 if number != 60 else 500
    # The last of so many at once are a little ahead of the clock.
    let_visit_end(db)
    read(client, post)
    work(app, db)
    let_visit_end(db)
    assert walk_news(client, f"/posts/{post.id}/{post.slug}/")[0] == []
    parents = [None, tops[60], below[3], below[-1], tops[2], tops[119], tops[118], None, long]
    fresh = [make_comment(db, post, ann, parent=parent) for parent in parents]
    own = make_comment(db, post, make_user(db, "joe"))
    own.author_id = bob.id
    db.flush()
    likes = {top.path: top.like_count for top in (*tops, fresh[0], fresh[7])}
    ranks: dict[COMMENT.Order, Callable[[str], tuple[int | str, ...]]] = {
        COMMENT.Order.OLD: lambda top: (top,),
        COMMENT.Order.NEW: lambda top: (-int(top),),
        COMMENT.Order.BEST: lambda top: (-likes[top], -int(top)),
    }

    for order, rank in ranks.items():
        in_order = sorted((*rank(comment.path[: COMMENT.SEGMENT]), comment.path, comment.id) for comment in fresh)
        walked, pages = walk_news(client, f"/posts/{post.id}/{post.slug}/?order={order}")
        assert walked == [place[-1] for place in in_order]
        assert len(pages) > 2
        assert order is COMMENT.Order.OLD or all(f"order={order}" in page for page in pages)


def test_where_much_is_new_the_next_is_looked_for_when_it_is_asked_for(
    client: Client, app: Router, db: Session, ann: User, bob: User, post: Post
) -> None:
    make_comments(db, post, ann, COMMENT.PAGE_SIZE)
    let_visit_end(db)
    read(client, post)
    work(app, db)
    let_visit_end(db)
    fresh = [comment.id for comment in make_comments(db, post, ann, COMMENT.PAGE_SIZE + COMMENT.NEWS_WINDOW // 2)]
    fresh.append(make_comment(db, post, ann).id)
    page = read(client, post)
    for link, found in ((".news a", fresh[0]), (f"#comment-{fresh[99]} .badge-info + a", fresh[100])):
        address = page.html.select_one(link)["href"]
        assert address.startswith(f"/posts/{post.id}/news/")
        answer = client.get(address, status=303)
        assert answer.location.endswith(f"/comments/{found}/")
        page = answer.follow(status=303).follow()
    last = page.html.select_one(f"#comment-{fresh[-1]} .badge-info + a")
    answer = client.get(last["href"], status=303)
    assert answer.location.endswith("#comments")
    assert flashes(answer.follow()) == ["No more comments here are new to you"]


def test_a_look_at_a_post_writes_nothing_until_there_is_something_to_note(
    client: Client, app: Router, db: Session, ann: User, bob: User, post: Post
) -> None:
    read(client, post)
    assert app.registry["huey"].pending_count() == 1
    work(app, db)
    read(client, post)
    assert app.registry["huey"].pending_count() == 0
    make_comment(db, post, ann)
    read(client, post)
    assert app.registry["huey"].pending_count() == 1
    assert db.scalar(sa.select(PostVisit.seen_at)) < utc_now()
