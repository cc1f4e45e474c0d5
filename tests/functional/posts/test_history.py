"""What posts and comments said before they were changed, and who may still change them."""

from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import COMMAND_LINE, AuditEntry
from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment, CommentRevision
from myproject.comments.services import hiding, removal
from myproject.comments.services.likes import like_comment
from myproject.db import utc_now
from myproject.posts import constants as POST
from myproject.posts.models import Post, PostRevision
from myproject.posts.services.hiding import hide_post, show_post
from myproject.posts.services.likes import like_post
from myproject.users import constants as USER
from myproject.users.models import User
from tests.conftest import Client, form_with
from tests.factories import make_comment, make_post, make_user, sign_in
from tests.functional.pages import text_of

HOUR = timedelta(hours=1)


@pytest.fixture
def staff(make_client: Callable[..., Client], db: Session) -> Client:
    client = make_client()
    sign_in(client, make_user(db, "boss", role=USER.Role.STAFF))
    return client


@pytest.fixture
def post(db: Session, ann: User) -> Post:
    return make_post(db, ann, "Of tea", body="Green tea is best", tags=["tea"])


def edit(client: Client, address: str, **values: str) -> None:
    form = form_with(client.get(address), "body")
    for name, value in values.items():
        form[name] = value
    form.submit("save", status=303)


def age(db: Session, what: type[Post] | type[Comment]) -> None:
    """Makes everything of a kind an hour older."""
    moments = {"created_at": what.created_at - HOUR} if what is Comment else {"published_at": utc_now() - HOUR}
    if what is Comment:
        moments = {"created_at": utc_now() - HOUR}
    db.execute(sa.update(what).values(moments | {"edited_at": None}))


def test_a_later_change_is_kept_and_everybody_can_read_it(
    client: Client, make_client: Callable[..., Client], db: Session, post: Post
) -> None:
    address = f"/posts/{post.id}/"
    edit(client, f"{address}edit/", body="Black tea is best")
    guest = make_client()
    # Its author was still writing.
    assert db.query(PostRevision).all() == []
    assert "No older text is shown" in guest.get(f"{address}history/")
    age(db, Post)
    edit(client, f"{address}edit/", title="Of milk", body="Black milk is best", tags="milk")
    page = guest.get(f"{address}history/")
    removed, added = (
        [mark.get_text(" ", strip=True) for mark in page.html.select(f".diff {tag}")] for tag in ("del", "ins")
    )
    assert removed == [f"removed: {word} end of what was removed" for word in ("tea", "tea", "tea")]
    assert added == [f"added: {word} end of what was added" for word in ("milk", "milk", "milk")]
    assert page.html.select_one('a.edited, a[href="?version=2"]') is not None
    assert guest.get(f"{address}of-milk/").html.select_one("a.edited")["href"] == f"{address}history/"
    guest.get(f"{address}history/?version=1", status=404)
    guest.get(f"{address}history/?version=x", status=404)
    # Nobody but staff puts an older text back.
    assert not page.html.select("main form")


def test_staff_change_with_a_reason_and_put_an_older_text_back(
    client: Client, staff: Client, db: Session, post: Post
) -> None:
    address = f"/posts/{post.id}/"
    edit(staff, f"{address}edit/", body="Tea is sold here", reason="A wrong name")
    # Though it follows at once, what staff wrote is not folded away.
    edit(client, f"{address}edit/", body="Tea is drunk here")
    page = client.get(f"{address}history/?version=1")
    assert "A wrong name" in page.html.select_one(".changes").get_text()
    assert db.query(AuditEntry).filter_by(action="post.edit").one().reason == "A wrong name"
    form = form_with(staff.get(f"{address}history/?version=1"), "revision")
    edit(client, f"{address}edit/", body="Meanwhile")
    page = form.submit("restore", status=409)
    form_with(page, "revision").submit("restore", status=303)
    db.expire_all()
    assert db.get_one(Post, post.id).body == "Green tea is best"
    assert db.query(AuditEntry).filter_by(action="post.edit").count() == 2


def test_a_comment_may_be_changed_for_a_day_and_its_history_tells(
    client: Client, staff: Client, db: Session, ann: User, post: Post
) -> None:
    comment = make_comment(db, post, ann, "I like tea")
    address = f"/comments/{comment.id}/"
    age(db, Comment)
    edit(client, f"{address}edit/", body="I hate tea")
    page = client.get(f"{address}history/")
    assert page.html.select_one(".diff del").get_text(" ", strip=True) == "removed: like end of what was removed"
    form = form_with(client.get(f"{address}edit/"), "body")
    db.execute(sa.update(Comment).values(created_at=utc_now() - timedelta(hours=25)))
    form["body"] = "Too late"
    page = form.submit("save", status=422)
    assert form_with(page, "body")["body"].value == "Too late"
    client.get(f"{address}edit/", status=303)
    links = client.get(f"/posts/{post.id}/of-tea/").html.select(".comment-tools a")
    assert f"{address}edit/" not in [link["href"] for link in links]
    assert f"{address}delete/" in [link["href"] for link in links]
    edit(staff, f"{address}edit/", body="We hate tea", reason="For clarity")
    form_with(staff.get(f"{address}history/?version=1"), "revision").submit("restore", status=303)
    db.expire_all()
    assert db.get_one(Comment, comment.id).body == "I like tea"
    assert db.query(CommentRevision).count() == 3


def test_where_the_setting_says_so_posts_are_changed_for_some_time_only(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session, ann: User, post: Post
) -> None:
    client = make_client(make_app(posts_edit_minutes=30))
    sign_in(client, ann)
    client.get(f"/posts/{post.id}/edit/", status=200)
    age(db, Post)
    client.app.registry["cache"].touch([f"post:{post.id}"])
    client.get(f"/posts/{post.id}/edit/", status=303)


@pytest.fixture
def texts(db: Session, ann: User, post: Post) -> dict[str, Post | Comment]:
    """What ann has just written, of each kind."""
    return {"posts": post, "comments": make_comment(db, make_post(db, ann, "Of water"), ann, "Green tea is best")}


def kept(db: Session) -> dict[str, list[str]]:
    """The older texts that are kept, in their order."""
    return {
        kind: list(db.scalars(sa.select(revision.body).order_by(revision.version)))
        for kind, revision in (("posts", PostRevision), ("comments", CommentRevision))
    }


def test_each_change_after_an_answer_is_kept_however_soon(
    client: Client, db: Session, texts: dict[str, Post | Comment]
) -> None:
    eve = make_user(db, "eve")
    for kind, text in texts.items():
        for number in range(3):
            edit(client, f"/{kind}/{text.id}/edit/", body=f"Tea {number}")
            if isinstance(text, Comment):
                make_comment(db, text.post, eve, "Oh", text)
            else:
                make_comment(db, text, eve, "Oh")
    # As each answer found them; between the first words and the next nobody had said anything.
    assert kept(db) == {kind: ["Tea 0", "Tea 1"] for kind in texts}


def test_each_change_after_a_like_is_kept_however_soon(
    client: Client, db: Session, texts: dict[str, Post | Comment]
) -> None:
    eve = make_user(db, "eve")
    like_post(db, eve.id, texts["posts"].id, True)
    like_comment(db, eve.id, texts["comments"].id, True)
    for kind, text in texts.items():
        for number in range(3):
            edit(client, f"/{kind}/{text.id}/edit/", body=f"Tea {number}")
    assert kept(db) == {kind: ["Green tea is best"] for kind in texts}


def test_the_time_in_which_changes_are_not_kept_is_not_made_longer_by_them(
    client: Client, db: Session, texts: dict[str, Post | Comment]
) -> None:
    minutes = timedelta(minutes=POST.GRACE_MINUTES - 1)
    for number in range(3):
        for kind, text in texts.items():
            edit(client, f"/{kind}/{text.id}/edit/", body=f"Tea {number}")
        # Each change comes minutes after the one before.
        for model, column in ((Post, "published_at"), (Comment, "created_at")):
            for row in db.execute(sa.select(model.id, getattr(model, column))).all():
                db.execute(sa.update(model).where(model.id == row[0]).values({column: row[1] - minutes}))
    assert kept(db) == {kind: ["Tea 1"] for kind in texts}


# What changed since one answered


@pytest.fixture
def bob(make_client: Callable[..., Client], db: Session) -> Client:
    """Who answers."""
    client = make_client()
    sign_in(client, make_user(db, "bob"))
    return client


def user(db: Session, name: str) -> User:
    return db.scalars(sa.select(User).where(User.name == name)).one()


def changed_since(client: Client, post: Post) -> list[str]:
    """Where the page of the post leads its reader to what changed since they answered."""
    page = client.get(f"/posts/{post.id}/", status=301).follow()
    links = page.html.select("a.changed-since")
    assert {link.get_text() for link in links} <= {"Changed since you answered"}
    return [link["href"] for link in links]


def diff_of(client: Client, address: str) -> tuple[list[str], list[str]]:
    """The words of a page of history that were taken out, and put in."""
    page = client.get(address)
    removed, added = (
        [str(mark.find(string=True, recursive=False)) for mark in page.html.select(f".diff {tag}")]
        for tag in ("del", "ins")
    )
    return removed, added


def test_who_answered_a_comment_sees_what_changed_since_and_nobody_else_does(
    client: Client, bob: Client, make_client: Callable[..., Client], db: Session, ann: User, post: Post
) -> None:
    comment = make_comment(db, post, ann, "I like tea")
    age(db, Comment)
    reply = make_comment(db, post, user(db, "bob"), "So do I", comment)
    address, others = f"/comments/{comment.id}/", [client, make_client(), make_client()]
    sign_in(others[2], make_user(db, "eve"))
    make_comment(db, post, user(db, "eve"), "Hear, hear", reply)
    make_comment(db, post, ann, "And tea likes me", comment)
    assert changed_since(bob, post) == []
    edit(client, f"{address}edit/", body="I hate tea")
    # The next one is still of its author's writing: what bob answered is not that between the two.
    edit(client, f"{address}edit/", body="I hate milk")
    late = make_comment(db, post, user(db, "eve"), "Why?", comment)
    link = f"{address}history/?since={reply.id}"
    assert changed_since(bob, post) == [link]
    assert [changed_since(other, post) for other in others] == [[], [], []]
    assert diff_of(bob, link) == (["like tea"], ["hate milk"])
    assert "No older text" not in bob.get(f"{address}history/?since=")
    for number in (late.id, comment.id, 999, "x", "9" * 19):
        bob.get(f"{address}history/?since={number}", status=404)
    # Who answers again has seen it.
    again = make_comment(db, post, user(db, "bob"), "Oh", comment)
    assert changed_since(bob, post) == []
    removal.remove_comment(db, COMMAND_LINE, again.id, "for a test")
    assert changed_since(bob, post) == [link]
    # What is hidden or removed leads nowhere.
    for what in (reply, comment):
        hiding.hide_comment(db, db.get_one(Comment, what.id), COMMENT.HiddenFor.REPORTS)
        assert changed_since(bob, post) == []
        bob.get(link, status=404)
        hiding.show_comment(db, db.get_one(Comment, what.id))
        removal.remove_comment(db, COMMAND_LINE, what.id, "for a test")
        assert changed_since(bob, post) == []
        bob.get(link, status=404)
        removal.restore_comment(db, COMMAND_LINE, what.id)
        assert changed_since(bob, post) == [link]


def test_who_commented_on_a_post_sees_what_changed_since(
    client: Client, bob: Client, make_client: Callable[..., Client], db: Session, ann: User, post: Post
) -> None:
    comment = make_comment(db, post, user(db, "bob"), "Yes")
    reply = make_comment(db, post, make_user(db, "eve"), "No", comment)
    eve, address = make_client(), f"/posts/{post.id}/"
    sign_in(eve, user(db, "eve"))
    make_comment(db, post, ann, "I know")
    edit(client, f"{address}edit/", body="Black tea is best")
    # The next one is still of its author's writing.
    edit(client, f"{address}edit/", body="Black milk is best")
    edit(bob, f"/comments/{comment.id}/edit/", body="No")
    link = f"{address}history/?since={comment.id}"
    assert changed_since(bob, post) == [link]
    late = make_comment(db, post, user(db, "eve"), "Milk?")
    # She had answered bob before he changed it.
    of_bob = f"/comments/{comment.id}/history/?since={reply.id}"
    assert [changed_since(other, post) for other in (eve, client, make_client())] == [[of_bob], [], []]
    age(db, Post)
    edit(client, f"{address}edit/", title="Of milk", body="Cold milk is best")
    assert changed_since(eve, post) == [f"{address}history/?since={late.id}", of_bob]
    assert diff_of(bob, link) == (["tea", "Green tea"], ["milk", "Cold milk"])
    assert diff_of(eve, changed_since(eve, post)[0]) == (["tea", "Black"], ["milk", "Cold"])
    for number in (reply.id, post.id + 999, "x"):
        bob.get(f"{address}history/?since={number}", status=404)


# What was not in the open


def changes(page: webtest.TestResponse) -> list[str]:
    """The lines of the changes on a page of history."""
    return [line.get_text(" ", strip=True) for line in page.html.select(".changes li")]


def test_what_a_hidden_text_said_and_what_it_said_before_is_for_its_author_and_staff(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session, ann: User
) -> None:
    app = make_app(moderation_cooldown_minutes=0)
    author, staff, bob, guest = (make_client(app) for _number in range(4))
    sign_in(author, ann)
    sign_in(staff, make_user(db, "boss", role=USER.Role.STAFF))
    sign_in(bob, make_user(db, "bob"))
    post = make_post(db, ann, "Of tea", body="Call 555 now")
    texts = {"posts": post, "comments": make_comment(db, make_post(db, ann, "Of water"), ann, "Call 555 now")}
    bobs = {
        "posts": make_comment(db, post, user(db, "bob"), "Yes"),
        "comments": make_comment(db, texts["comments"].post, user(db, "bob"), "Yes", texts["comments"]),
    }
    for kind, text in texts.items():
        address = f"/{kind}/{text.id}/"
        edit(author, f"{address}edit/", body="Call 555 at once")
        assert len(changes(guest.get(f"{address}history/"))) == 1
        hide(db, text)
        # Even where nobody has answered or liked it: staff may want to see what was reported.
        edit(author, f"{address}edit/", body="Call me at once")
        show(db, text)
        page = guest.get(f"{address}history/")
        assert changes(page) == []
        assert "No older text is shown" in page
        for reader in (guest, bob):
            assert "555" not in reader.get(f"{address}history/")
            for version in (1, 2):
                reader.get(f"{address}history/?version={version}", status=404)
            reader.get(f"{address}history/?since={bobs[kind].id}", status=404)
        assert changed_since(bob, text if isinstance(text, Post) else text.post) == []
        for reader in (author, staff):
            assert len(changes(reader.get(f"{address}history/"))) == 2
            assert "only its author and staff" in changes(reader.get(f"{address}history/"))[0]
            assert diff_of(reader, f"{address}history/?version=1") == (["now"], ["at once"])
            assert diff_of(reader, f"{address}history/?version=2") == (["555"], ["me"])
        # From there on everybody reads what changes.
        edit(staff, f"{address}edit/", body="Write to me at once", reason="Nobody calls")
        for reader in (guest, bob):
            assert len(changes(reader.get(f"{address}history/"))) == 1
            assert diff_of(reader, f"{address}history/") == (["Call"], ["Write to"])
            assert "555" not in reader.get(f"{address}history/")
        assert "only its author" not in changes(staff.get(f"{address}history/"))[0]


def hide(db: Session, text: Post | Comment) -> None:
    db.expire_all()
    if isinstance(text, Post):
        hide_post(db, text)
    else:
        hiding.hide_comment(db, text, COMMENT.HiddenFor.REPORTS)
    db.commit()


def show(db: Session, text: Post | Comment) -> None:
    db.expire_all()
    if isinstance(text, Post):
        show_post(db, text)
    else:
        hiding.show_comment(db, text)
    db.commit()


def test_of_a_hidden_text_its_author_and_staff_read_the_history_meanwhile(
    client: Client,
    staff: Client,
    make_client: Callable[..., Client],
    db: Session,
    texts: dict[str, Post | Comment],
) -> None:
    bob = make_client()
    sign_in(bob, make_user(db, "bob"))
    for kind, text in texts.items():
        edit(staff, f"/{kind}/{text.id}/edit/", body="Tea is sold here", reason="A wrong name")
        hide(db, text)
        for reader in (client, staff):
            assert "A wrong name" in changes(reader.get(f"/{kind}/{text.id}/history/"))[0]
        for reader in (bob, make_client()):
            reader.get(f"/{kind}/{text.id}/history/", status=404)


def test_what_staff_change_of_a_waiting_text_leaves_what_stood_there_to_its_author_and_staff(
    make_app: Callable[..., Router],
    make_client: Callable[..., Client],
    db: Session,
    ann: User,
    mails: Callable[..., list[EmailMessage]],
) -> None:
    app = make_app(posts_approve_first=100, comments_approve_first=100)
    author, staff, guest = (make_client(app) for _number in range(3))
    sign_in(author, ann)
    sign_in(staff, make_user(db, "boss", role=USER.Role.STAFF))
    other = make_post(db, make_user(db, "bob"), "Of water")
    form = form_with(author.get("/posts/new/"), "title")
    form["title"], form["body"] = "Of tea", "Green tea is best"
    form.submit("publish", status=303)
    form = form_with(author.get(f"/posts/{other.id}/of-water/"), "body")
    form["body"] = "Green tea is best"
    form.submit("send", status=303)
    texts = {"posts": db.scalars(sa.select(Post).filter_by(author_id=ann.id)).one()}
    texts |= {"comments": db.scalars(sa.select(Comment)).one()}
    for kind, text in texts.items():
        address = f"/{kind}/{text.id}/"
        # Its author is still writing: nobody has read it.
        edit(author, f"{address}edit/", body="Black tea is best")
        assert kept(db)[kind] == []
        edit(staff, f"{address}edit/", body="Black milk is best", reason="No names")
        entry = db.scalars(sa.select(AuditEntry).filter_by(action=f"{kind[:-1]}.edit")).one()
        assert (entry.reason, entry.actor_name) == ("No names", "boss")
        assert (entry.before, entry.after) == ({"status": "WAITING", "version": 2}, {"version": 3})
        assert "No names" in text_of(mails(to="ann@")[-1])
        # What staff wrote stays to be seen.
        edit(author, f"{address}edit/", body="Black water is best")
        assert kept(db)[kind] == ["Black tea is best", "Black milk is best"]
        answer = form_with(staff.get(f"/moderation/waiting{address}"), "reason")
        answer.submit("approve", status=303)
        assert "No names" not in guest.get("/moderation/log/")
        page = guest.get(f"{address}history/")
        assert changes(page) == []
        assert "No older text is shown" in page
        for version in (2, 3):
            guest.get(f"{address}history/?version={version}", status=404)
        for reader in (author, staff):
            assert "No names" in changes(reader.get(f"{address}history/"))[1]
            assert diff_of(reader, f"{address}history/?version=2") == (["tea"], ["milk"])
        # Readers learn that these are not the words of its author alone, and the author finds what became of them.
        page = guest.get(address, status="3*").follow()
        assert f"{address}history/" in [link["href"] for link in page.html.select("a.edited")]
    db.expire_all()
    post = texts["posts"]
    assert post.edited_at == post.published_at


def test_what_only_its_author_changed_while_it_waited_is_not_said_to_be_edited(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session, ann: User
) -> None:
    client = make_client(make_app(comments_approve_first=100))
    sign_in(client, ann)
    post = make_post(db, make_user(db, "bob"), "Of water")
    form = form_with(client.get(f"/posts/{post.id}/of-water/"), "body")
    form["body"] = "Green tea is best"
    form.submit("send", status=303)
    comment = db.scalars(sa.select(Comment)).one()
    edit(client, f"/comments/{comment.id}/edit/", body="Black tea is best")
    db.refresh(comment)
    assert (comment.body, comment.edited_at) == ("Black tea is best", None)
