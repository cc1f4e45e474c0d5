"""Tags: their pages and list, what staff do with them, and members who mute one. The list of the tops."""

from collections.abc import Callable
from datetime import timedelta
from itertools import chain

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import Actor, AuditEntry
from myproject.db import utc_now
from myproject.posts import constants as POST
from myproject.posts.models import Post, Tag, TopPost
from myproject.posts.services.hiding import hide_post
from myproject.posts.services.likes import like_post
from myproject.posts.services.removal import remove_post
from myproject.posts.services.tags import edit_tag, mute_tag
from myproject.posts.services.tops import fill_tops, purge_tops
from myproject.users import constants as USER
from myproject.users.models import User
from tests.conftest import Client, form_with, run_tasks
from tests.factories import make_comment, make_post, make_user, sign_in
from tests.functional.pages import field_errors, summary
from tests.functional.posts.test_lists import titles, walk

NUMBER = 2 * POST.PAGE_SIZE + 3


@pytest.fixture
def ann(db: Session) -> User:
    return make_user(db, "ann")


@pytest.fixture
def staff(client: Client, db: Session) -> User:
    boss = make_user(db, "boss", role=USER.Role.STAFF)
    sign_in(client, boss)
    return boss


# Lists


def test_a_tags_page_lists_its_posts_page_by_page(client: Client, db: Session, ann: User) -> None:
    made = [make_post(db, ann, f"Post {count}", tags=["tea", "milk"]).title for count in range(NUMBER)][::-1]
    make_post(db, ann, "Other", tags=["milk"])
    make_post(db, ann, "Draft", tags=["tea"], publish=False)
    assert list(chain.from_iterable(walk(client, "/tags/tea/"))) == made
    assert client.get("/tags/TEA/", status=301).location.endswith("/tags/tea/")
    listed = client.get("/tags/")
    assert [link.get_text() for link in listed.html.select("ul.posts a.tag")] == ["milk", "tea"]
    assert [each.get_text(strip=True) for each in listed.html.select("ul.posts .meta")] == ["44 posts", "43 posts"]
    client.get("/tags/none/", status=404)


def test_a_tag_is_there_for_who_may_see_a_post_with_it(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User, staff: User
) -> None:
    """Its name may say what nobody should read yet, or any more."""
    make_post(db, ann, "Draft", tags=["of-draft"], publish=False)
    make_post(db, ann, "Waiting", tags=["of-waiting"], publish=False).status = POST.Status.WAITING
    gone = make_post(db, ann, "Removed", tags=["of-removed"])
    hidden = make_post(db, ann, "Hidden", tags=["of-hidden"])
    author, other, guest = make_client(), make_client(), make_client()
    bob = make_user(db, "bob")
    sign_in(author, ann)
    sign_in(other, bob)
    mute_tag(db, bob.id, gone.tags[0].id, on=True)
    remove_post(db, Actor(staff.id, staff.name), gone.id, "For a test")
    hide_post(db, hidden)
    seen = {
        "of-draft": {author},
        "of-waiting": {author, client},
        # And by who must be able to mute it no more.
        "of-removed": {client, other},
        "of-hidden": {author, client},
    }
    for name, readers in seen.items():
        for reader in (guest, other, author, client):
            reader.get(f"/tags/{name}/", status=200 if reader in readers else 404)
            reader.get(f"/tags/{name.title()}/", status=301 if reader in readers else 404)
            reader.get(f"/tags/{name}/feed.atom", status=404)
        assert name not in guest.get("/tags/")
    # What staff said of a tag is for everybody.
    form = form_with(client.get("/tags/of-waiting/edit/"), "description")
    form["description"] = "Soon"
    form.submit(status=303)
    assert "Soon" in guest.get("/tags/of-waiting/")
    guest.get("/tags/of-waiting/feed.atom")


def test_a_members_posts_have_pages(client: Client, db: Session, ann: User) -> None:
    made = [make_post(db, ann, f"Post {count}").title for count in range(NUMBER)][::-1]
    make_post(db, make_user(db, "eve"), "Of another")
    assert list(chain.from_iterable(walk(client, "/@ann/posts/"))) == made


def test_tops_stand_by_likes_within_their_period(client: Client, db: Session, ann: User) -> None:
    made = [make_post(db, ann, f"Post {count}") for count in range(NUMBER)]
    for number, post in enumerate(made):
        post.like_count = 1 + number % 3
        post.published_at = utc_now() - timedelta(days=20 if number == 0 else 0, minutes=number)
    db.flush()
    fill_tops(db)
    # What nobody likes is in none of them.
    make_post(db, ann, "Not liked")
    ranked = [post.title for post in sorted(made, key=lambda post: (-post.like_count, -post.id))]
    for period in ("all", "year", "month"):
        assert list(chain.from_iterable(walk(client, f"/?sort=top&period={period}"))) == ranked
    ranked.remove("Post 0")
    for period in ("week", "day"):
        assert list(chain.from_iterable(walk(client, f"/?sort=top&period={period}"))) == ranked
    purge_tops(db)
    like_post(db, make_user(db, "eve").id, made[1].id, True)
    like_post(db, make_user(db, "joe").id, made[1].id, True)
    assert titles(client.get("/?sort=top&period=day"))[0] == "Post 1"
    client.get("/?sort=top&period=hour", status=404)
    for period in ("day", "all"):
        page = client.get(f"/?sort=top&period={period}&after={'A' * 22}")
        assert "Nobody has liked" in page
        assert "Not liked" in page.click("Newest posts")


def test_tops_are_written_anew_for_more_posts_than_a_statement_has_parameters(db: Session, ann: User) -> None:
    post = make_post(db, ann)
    post.like_count = 2
    db.flush()
    fill_tops(db, range(70_000))
    tops = db.execute(sa.select(TopPost.post_id, TopPost.like_count)).all()
    assert tops == [(post.id, 2)] * len(POST.Span)


# What is new, in lists


def test_a_list_marks_posts_with_comments_since_the_member_looked(
    client: Client, make_client: Callable[..., Client], app: Router, db: Session, ann: User
) -> None:
    seen, _unseen = make_post(db, ann, "Seen"), make_post(db, ann, "Unseen")
    sign_in(client, make_user(db, "bob"))
    client.get(f"/posts/{seen.id}/{seen.slug}/")
    db.commit()
    run_tasks(app.registry)
    make_comment(db, seen, ann)
    page = client.get("/")
    assert [badge.parent.a.get_text() for badge in page.html.select(".post-title .badge")] == ["Seen"]
    assert make_client().get("/").html.select(".post-title .badge") == []
    read = next(form for form in page.forms.values() if form.action.endswith("/posts/read/"))
    assert read.submit(status=303).follow().html.select(".post-title .badge") == []


def test_a_muted_tag_leaves_the_front_page_and_no_other(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User
) -> None:
    made = [
        make_post(db, ann, f"Post {count}", tags=["tea"] if count % 2 else ["milk"]) for count in range(NUMBER)
    ]
    sign_in(client, make_user(db, "bob"))
    muting = form_with(client.get("/tags/tea/"), "on")
    muting.submit("on", status=303)
    wanted = [post.title for post in made if post.tags[0].name == "milk"][::-1]
    db.execute(sa.update(Post).values(like_count=1))
    for address in ("/", "/?sort=active", "/?sort=top"):
        assert sorted(chain.from_iterable(walk(client, address))) == sorted(wanted)
    assert titles(client.get("/tags/tea/"))[0] == "Post 41"
    assert titles(make_client().get("/"))[0] == "Post 42"
    assert titles(make_client().get("/"))[1] == "Post 41"
    unmuting = form_with(client.get("/users/me/muted-tags/").follow(), "list")
    assert "You follow no tag and have muted none" in unmuting.submit("on", status=303).follow()
    assert titles(client.get("/"))[1] == "Post 41"


# Staff


def test_staff_make_a_tag_the_synonym_of_another(client: Client, db: Session, ann: User, staff: User) -> None:
    make_post(db, ann, "Green", tags=["tee"])
    make_post(db, ann, "Both", tags=["tee", "tea"])
    form = form_with(client.get("/tags/tee/edit/"), "synonym_of")
    form["description"], form["synonym_of"] = "What to *drink*", "TEA"
    form.submit("save", status=303)
    assert client.get("/tags/tee/", status=301).location.endswith("/tags/tea/")
    assert titles(client.get("/tags/tea/")) == ["Both", "Green"]
    assert [tag.name for tag in make_post(db, ann, "Black", tags=["tee"]).tags] == ["tea"]
    entry = db.scalars(sa.select(AuditEntry).where(AuditEntry.action == "tag.edit")).one()
    assert (entry.before["synonym_of"], entry.after["synonym_of"]) == ("", "tea")


def test_a_renamed_tag_leaves_its_old_name_as_a_synonym_and_takes_it_back(
    client: Client, db: Session, ann: User, staff: User
) -> None:
    def rename(name: str, to: str, **fields: str) -> None:
        form = form_with(client.get(f"/tags/{name}/edit/"), "synonym_of")
        form["name"] = to
        for field, value in fields.items():
            form[field] = value
        form.submit("save", status=303)

    make_post(db, ann, "Of tables", tags=("sql",))
    make_post(db, ann, "Of leaves", tags=("tea",))
    rename("sql", "databases")
    assert "Of tables" in client.get("/tags/sql/", status=301).follow()
    assert client.get("/tags/sql/feed.atom", status=301).location.endswith("/tags/databases/feed.atom")
    rename("databases", "sql")
    assert "Of tables" in client.get("/tags/databases/", status=301).follow()
    assert "Of tables" in client.get("/tags/sql/")
    rename("sql", "tables", synonym_of="tea")
    for name in ("sql", "databases", "tables"):
        assert client.get(f"/tags/{name}/", status=301).location.endswith("/tags/tea/")
    # Of one that nobody has read of, nothing is left.
    (tag,) = make_post(db, ann, "A draft", tags=("seceret",), publish=False).tags
    edit_tag(db, Actor(staff.id, staff.name), tag.id, name="secret", description="", retired=False, synonym_of="")
    assert db.scalars(sa.select(Tag.name).where(Tag.name == "seceret")).all() == []


def test_a_tag_is_edited_only_into_one_that_can_be(client: Client, db: Session, ann: User, staff: User) -> None:
    make_post(db, ann, tags=["tea", "milk"])
    for field, value in (("name", "milk"), ("name", "a b"), ("synonym_of", "tea"), ("synonym_of", "none")):
        form = form_with(client.get("/tags/tea/edit/"), "synonym_of")
        form[field] = value
        assert field in field_errors(form.submit("save", status=422))


def test_a_tag_that_somebody_else_has_changed_is_changed_only_by_who_has_seen_that(
    client: Client, db: Session, ann: User, staff: User
) -> None:
    make_post(db, ann, tags=["tea"])
    first, second = (form_with(client.get("/tags/tea/edit/"), "synonym_of") for _ in range(2))
    first["description"] = "What to *drink*"
    assert first.submit("save", status=303).location == first.submit("save", status=303).location
    second["retired"] = True
    page = second.submit("save", status=409)
    assert "This has changed since you opened it" in summary(page)
    assert field_errors(page) == {"description": "It is “What to *drink*” now", "retired": "It is not retired now"}
    tag = db.scalars(sa.select(Tag)).one()
    assert (tag.description, tag.retired_at) == ("What to *drink*", None)
    again = form_with(page, "synonym_of")
    assert again["retired"].checked
    again["description"] = "What to drink"
    again.submit("save", status=303)
    db.refresh(tag)
    assert tag.description == "What to drink"
    assert tag.retired_at is not None
    changes = sa.select(sa.func.count(AuditEntry.id)).where(AuditEntry.action == "tag.edit")
    assert db.scalar(changes) == 2


def test_a_retired_tag_is_given_to_no_new_post_and_stays_with_old_ones(
    client: Client, db: Session, ann: User
) -> None:
    sign_in(client, ann)
    post = make_post(db, ann, tags=["tea"])
    db.scalars(sa.select(Tag)).one().retired_at = utc_now()
    form = form_with(client.get("/posts/new/"), "tags")
    form["title"], form["body"], form["tags"] = "New", "Text", "tea"
    assert "tags" in field_errors(form.submit("publish", status=422))
    form = form_with(client.get(f"/posts/{post.id}/edit/"), "tags")
    form["title"] = "Another title"
    form.submit("save", status=303)
    assert db.scalars(sa.select(Post.title)).one() == "Another title"


def test_where_the_setting_says_so_only_staff_make_new_tags(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session, ann: User
) -> None:
    client = make_client(make_app(posts_new_tags="staff"))
    make_post(db, ann, tags=["tea"])
    for role, status in ((USER.Role.USER, 422), (USER.Role.STAFF, 303)):
        sign_in(client, make_user(db, f"member-{role}", role=role))
        form = form_with(client.get("/posts/new/"), "tags")
        form["title"], form["body"], form["tags"] = "About bees", "Text", "tea bees"
        answer = form.submit("publish", status=status)
        assert status == 303 or "tags" in field_errors(answer)
