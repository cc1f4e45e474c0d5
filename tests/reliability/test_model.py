"""Posts, comments, likes, removals, restores and approvals in any order, beside a plain account of them in memory.

`HYPOTHESIS_PROFILE=long` runs many more and longer orders than CI has time for.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import Actor
from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.comments.services import approval as comment_approval
from myproject.comments.services import hiding as comment_hiding
from myproject.comments.services import likes as comment_likes
from myproject.comments.services import removal as comment_removal
from myproject.comments.services import visibility as comment_visibility
from myproject.comments.services.writing import create_comment
from myproject.db import sessions_of
from myproject.moderation import constants as MODERATION
from myproject.moderation.services import cases, flagging
from myproject.posts import constants as POST
from myproject.posts.models import Post, post_tags
from myproject.posts.services import approval, likes, lists, removal, visibility, writing
from myproject.users import constants as USER
from tests.factories import make_user

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
SETTINGS = settings(
    max_examples=500 if LONG else 5,
    stateful_step_count=60 if LONG else 25,
    deadline=None,
    derandomize=not LONG,
    suppress_health_check=list(HealthCheck),
)
OPEN, DRAFT, WAITING, REMOVED, HIDDEN, BANNED = "open", "draft", "waiting", "removed", "hidden", "banned"
STATES = {
    POST.Status.PUBLISHED: OPEN,
    POST.Status.DRAFT: DRAFT,
    POST.Status.WAITING: WAITING,
    POST.Status.REMOVED: REMOVED,
    POST.Status.HIDDEN: HIDDEN,
}
MEMBERS = 3
NEW_MEMBERS = 99
index = st.integers(0, 10_000)
member = st.integers(0, MEMBERS - 1)


@dataclass
class Thing:
    """What the account says of a post or a comment."""

    author: int
    state: str
    post: int = 0
    likes: set[int] = field(default_factory=set)


def make_machine(app: Router) -> type[RuleBasedStateMachine]:
    sessions = sessions_of(app.registry)

    class Site(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.posts: dict[int, Thing] = {}
            self.comments: dict[int, Thing] = {}
            with sessions.writer() as db:
                for table in (Comment, Post):
                    db.execute(sa.delete(table))
                db.commit()

        def change(self, do: Any, *given: Any, **options: Any) -> Any:
            with sessions.writing() as db:
                made = do(db, *given, **options)
                db.flush()
                return getattr(made, "id", made)

        def chosen(self, things: dict[int, Thing], at: int, *states: str) -> int | None:
            """One of the things in a state, the one before which `at` stands; None where there is none."""
            fit = [number for number, thing in things.items() if not states or thing.state in states]
            return fit[at % len(fit)] if fit else None

        # Writing

        @rule(author=member, how=st.sampled_from([OPEN, DRAFT, WAITING]))
        def write_post(self, author: int, how: str) -> None:
            text = writing.render("A title", "Some words.", ["bees"])
            first = NEW_MEMBERS if how == WAITING else 0
            who = MEMBER_IDS[author]
            number = self.change(writing.create_post, who, text, publish=how != DRAFT, approve_first=first)
            self.posts[number] = Thing(author, how)

        @precondition(lambda self: self.posts)
        @rule(author=member, on=index, waits=st.booleans())
        def write_comment(self, author: int, on: int, waits: bool) -> None:
            post = self.chosen(self.posts, on)
            assert post is not None
            first = NEW_MEMBERS if waits else 0
            given = (post, MEMBER_IDS[author], "A word.", "<p>A word.</p>")
            number = self.change(create_comment, *given, approve_first=first)
            # Nothing is said on what is not in the open.
            assert (number is not None) == (self.posts[post].state == OPEN)
            if number is not None:
                self.comments[number] = Thing(author, WAITING if waits else OPEN, post)

        # Likes

        @rule(who=member, at=index, on=st.booleans())
        def like_post(self, who: int, at: int, on: bool) -> None:
            number = self.chosen(self.posts, at)
            if number is not None and self.posts[number].author != who:
                self.like(self.posts[number], likes.like_post, who, number, on)

        @rule(who=member, at=index, on=st.booleans())
        def like_comment(self, who: int, at: int, on: bool) -> None:
            number = self.chosen(self.comments, at)
            if number is not None and self.comments[number].author != who:
                self.like(self.comments[number], comment_likes.like_comment, who, number, on)

        def like(self, thing: Thing, do: Any, who: int, number: int, on: bool) -> None:
            counted = self.change(do, MEMBER_IDS[who], number, on)
            if thing.state != OPEN:
                assert counted is None
                return
            (thing.likes.add if on else thing.likes.discard)(who)
            assert counted == len(thing.likes)

        # Removal and approval, by staff

        @rule(at=index)
        def remove_post(self, at: int) -> None:
            number = self.chosen(self.posts, at, OPEN)
            if number is not None:
                self.change(removal.remove_post, STAFF, number, "for a test")
                self.posts[number].state = REMOVED

        @rule(at=index)
        def restore_post(self, at: int) -> None:
            number = self.chosen(self.posts, at, REMOVED)
            if number is not None:
                self.change(removal.restore_post, STAFF, number)
                self.posts[number].state = OPEN

        @rule(at=index)
        def remove_comment(self, at: int) -> None:
            number = self.chosen(self.comments, at, OPEN)
            if number is not None:
                self.change(comment_removal.remove_comment, STAFF, number, "for a test")
                self.comments[number].state = REMOVED

        @rule(at=index)
        def restore_comment(self, at: int) -> None:
            number = self.chosen(self.comments, at, REMOVED)
            if number is not None:
                self.change(comment_removal.restore_comment, STAFF, number)
                self.comments[number].state = OPEN

        @rule(at=index)
        def approve_post(self, at: int) -> None:
            number = self.chosen(self.posts, at, WAITING)
            if number is not None:
                self.change(approval.answer, STAFF, number, approve=True, reason="")
                self.posts[number].state = OPEN

        @rule(at=index)
        def approve_comment(self, at: int) -> None:
            number = self.chosen(self.comments, at, WAITING)
            if number is not None:
                self.change(comment_approval.answer, STAFF, number, approve=True, reason="")
                self.comments[number].state = OPEN

        # Reports, one of which is enough to hide

        @rule(at=index)
        def report_post(self, at: int) -> None:
            number = self.chosen(self.posts, at, OPEN, HIDDEN)
            if number is not None:
                self.report(self.posts[number], post_id=number)

        @rule(at=index)
        def report_comment(self, at: int) -> None:
            number = self.chosen(self.comments, at, OPEN, HIDDEN)
            if number is not None:
                self.report(self.comments[number], comment_id=number)

        def report(self, thing: Thing, **text: int) -> None:
            # Each time another member's: the same one's is looked at once.
            with sessions.writing() as db:
                reporter = make_user(db, f"reporter-{next(NUMBERS)}")
            given = (reporter.id, MODERATION.Reason.SPAM, "")
            assert self.change(flagging.flag_text, *given, flags_to_hide=1, flagger_texts=0, **text)
            thing.state = HIDDEN

        @rule(at=index, keep=st.booleans())
        def decide_about_post(self, at: int, keep: bool) -> None:
            number = self.chosen(self.posts, at, HIDDEN)
            if number is not None:
                self.decide(self.posts[number], Post, number, keep)

        @rule(at=index, keep=st.booleans())
        def decide_about_comment(self, at: int, keep: bool) -> None:
            number = self.chosen(self.comments, at, HIDDEN)
            if number is not None:
                self.decide(self.comments[number], Comment, number, keep)

        def decide(self, thing: Thing, model: type[Post] | type[Comment], number: int, keep: bool) -> None:
            with sessions.writing() as db:
                case = cases.find_or_open(db, db.get_one(model, number))
                decision = MODERATION.Decision.KEPT if keep else MODERATION.Decision.REMOVED
                cases.decide(db, STAFF, case.id, decision, "for a test")
            thing.state = OPEN if keep else REMOVED

        @rule(author=member, hide=st.booleans())
        def ban_or_not(self, author: int, hide: bool) -> None:
            do = comment_hiding.hide_comments_of if hide else comment_hiding.show_comments_of
            self.change(do, MEMBER_IDS[author])
            for thing in self.comments.values():
                if thing.author == author and hide and thing.state == OPEN:
                    thing.state = BANNED
                elif thing.author == author and not hide and thing.state == BANNED:
                    thing.state = OPEN

        # What holds after each

        @invariant()
        def the_rows_are_what_the_account_says(self) -> None:
            with sessions.reading() as db:
                rows = db.execute(sa.select(Post.id, Post.status, Post.like_count, Post.comment_count)).all()
                assert {id: (STATES[status], n, comments) for id, status, n, comments in rows} == {
                    number: (
                        post.state,
                        len(post.likes),
                        sum(each.post == number and each.state == OPEN for each in self.comments.values()),
                    )
                    for number, post in self.posts.items()
                }
                said = db.execute(sa.select(Comment.id, Comment.status, Comment.like_count)).all()
                assert {(id, status.name, n) for id, status, n in said} == {
                    (number, COMMENT_STATES[each.state], len(each.likes)) for number, each in self.comments.items()
                }

        @invariant()
        def lists_show_what_is_in_the_open(self) -> None:
            public = {number for number, post in self.posts.items() if post.state == OPEN}
            with sessions.reading() as db:
                for sort in POST.Sort:
                    page = lists.list_posts(db, sort)
                    assert page.next_cursor is not None or {row.id for row in page.rows} == public
                tagged = sa.select(post_tags.c.post_id).where(post_tags.c.listed_at.is_not(None))
                assert set(db.scalars(tagged)) == public

        @invariant()
        def everybody_sees_what_is_for_them(self) -> None:
            with sessions.reading() as db:
                for who, is_staff in ((-1, False), (0, False), (1, False), (-1, True)):
                    values = {
                        "viewer_id": visibility.NOBODY if who < 0 else MEMBER_IDS[who],
                        "viewer_is_staff": is_staff,
                    }
                    seen = set(db.scalars(sa.select(Post.id).where(visibility.VISIBLE), values))
                    assert seen == {
                        number
                        for number, post in self.posts.items()
                        if post.state == OPEN
                        or (post.state in (DRAFT, WAITING, HIDDEN) and post.author == who)
                        or (post.state in (WAITING, HIDDEN, REMOVED) and is_staff)
                    }
                    read = sa.select(Comment.id).join(Post, Post.id == Comment.post_id)
                    visible = set(db.scalars(read.where(comment_visibility.VISIBLE), values))
                    assert visible == {
                        number
                        for number, each in self.comments.items()
                        if each.post in seen
                        and (
                            # Of a hidden one everybody sees the place.
                            each.state in (OPEN, HIDDEN, BANNED)
                            or (each.state == WAITING and (each.author == who or is_staff))
                            or (each.state == REMOVED and is_staff)
                        )
                    }

    with sessions.writing() as db:
        MEMBER_IDS[:] = [people.id for people in make_members(db)]
        grace = make_user(db, "grace", role=USER.Role.STAFF)
        STAFF.id, STAFF.name = grace.id, grace.name
    return Site


COMMENT_STATES = {
    OPEN: COMMENT.Status.PUBLISHED.name,
    WAITING: COMMENT.Status.WAITING.name,
    REMOVED: COMMENT.Status.REMOVED.name,
    HIDDEN: COMMENT.Status.HIDDEN.name,
    BANNED: COMMENT.Status.HIDDEN.name,
}
NUMBERS = count()
MEMBER_IDS: list[int] = []
STAFF = Actor(None, "")


def make_members(db: Session) -> Iterator[Any]:
    return (make_user(db, f"member-{number}") for number in range(MEMBERS))


def test_any_order_of_changes_leads_to_what_a_plain_account_says(app: Router) -> None:
    run_state_machine_as_test(make_machine(app), settings=SETTINGS)
