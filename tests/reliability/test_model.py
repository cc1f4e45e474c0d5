"""Posts, comments, replies, edits, likes, removals, restores and approvals in any order, beside a plain account of
them in memory.

`HYPOTHESIS_PROFILE=long` runs many more and longer orders than CI has time for.
"""

import os
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pyramid.router import Router

from myproject.audit import Actor
from myproject.comments import constants as COMMENT
from myproject.comments import errors as comment_errors
from myproject.comments.models import Comment
from myproject.comments.services import approval as comment_approval
from myproject.comments.services import hiding as comment_hiding
from myproject.comments.services import likes as comment_likes
from myproject.comments.services import removal as comment_removal
from myproject.comments.services import threads
from myproject.comments.services import visibility as comment_visibility
from myproject.comments.services.writing import create_comment, edit_comment
from myproject.db import sessions_of, utc_now
from myproject.moderation import constants as MODERATION
from myproject.moderation.services import cases, flagging
from myproject.posts import constants as POST
from myproject.posts import errors as post_errors
from myproject.posts.models import Post, post_tags
from myproject.posts.services import approval, likes, lists, removal, visibility, writing
from myproject.security.identity import Identity
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
RESTORE_DAYS = 14
# What texts say: each is given by its number.
WORDS = ("Some words.", "Other words.")
POST_TEXTS = [writing.render("A title", words, ["bees"]) for words in WORDS]
index = st.integers(0, 10_000)
member = st.integers(0, MEMBERS - 1)
words = st.integers(0, len(WORDS) - 1)


@dataclass
class Thing:
    """What the account says of a post or a comment."""

    author: int
    state: str
    post: int = 0
    parent: int | None = None
    level: int = 1
    likes: set[int] = field(default_factory=set)
    words: int = 0
    version: int = 1
    # Whether everybody could ever read it.
    was_open: bool = False
    # Of what was removed: whether by its author, and what hid it before.
    by_author: bool = False
    hidden_as: str = ""

    def remove(self, by_author: bool) -> None:
        self.hidden_as = self.state if self.state in (HIDDEN, BANNED) else ""
        self.state, self.by_author = REMOVED, by_author

    def edit(self, words: int) -> None:
        self.words, self.version = words, self.version + 1


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

        def refused(self, error: type[Exception], do: Any, *given: Any) -> None:
            with pytest.raises(error):
                self.change(do, *given)

        # Writing

        @initialize()
        def begin_a_thread(self) -> None:
            """A few steps are most of them about something then."""
            self.write_post(0, OPEN)
            for author in (1, 2, 0):
                self.comment(author, max(self.posts), max(self.comments, default=None), waits=False)

        @rule(author=member, how=st.sampled_from([OPEN, DRAFT, WAITING]))
        def write_post(self, author: int, how: str) -> None:
            first = NEW_MEMBERS if how == WAITING else 0
            made = self.change(
                writing.create_post,
                MEMBERS_HERE[author].id,
                POST_TEXTS[0],
                publish=how != DRAFT,
                approve_first=first,
            )
            self.posts[made] = Thing(author, how, was_open=how == OPEN)

        @rule(at=index, words=words, publish=st.booleans(), late=st.booleans())
        def edit_post(self, at: int, words: int, publish: bool, late: bool) -> None:
            """`late`: another edit came first. Hidden texts have rules of their own."""
            number = self.chosen(self.posts, at, OPEN, DRAFT, WAITING, REMOVED)
            if number is None:
                return
            post = self.posts[number]
            given = (writing.edit_post, number, post.version - late, POST_TEXTS[words])
            same = words == post.words
            if post.state == REMOVED:
                self.refused(post_errors.RemovedMeanwhile, *given)
            elif late and not same:
                self.refused(post_errors.EditConflict, *given)
            else:
                self.change(*given, publish=publish)
                if (post.state in (DRAFT, WAITING) and (publish or not late)) or not same:
                    post.edit(words)
                if post.state == DRAFT and publish:
                    post.state, post.was_open = OPEN, True

        @precondition(lambda self: self.posts)
        @rule(author=member, on=index, waits=st.booleans())
        def write_comment(self, author: int, on: int, waits: bool) -> None:
            post = self.chosen(self.posts, on)
            assert post is not None
            self.comment(author, post, None, waits)

        @precondition(lambda self: self.comments)
        @rule(author=member, on=index, waits=st.booleans())
        def reply(self, author: int, on: int, waits: bool) -> None:
            number = self.chosen(self.comments, on)
            assert number is not None
            # Deeper ones stand beside what they answer.
            if self.comments[number].level < COMMENT.LEVELS:
                self.comment(author, self.comments[number].post, number, waits)

        def comment(self, author: int, post: int, parent: int | None, waits: bool) -> None:
            first = NEW_MEMBERS if waits else 0
            given = (post, MEMBERS_HERE[author].id, WORDS[0], f"<p>{WORDS[0]}</p>", parent)
            number = self.change(create_comment, *given, approve_first=first)
            above = self.comments[parent] if parent else None
            # Nothing is said on what is not in the open.
            is_open = self.posts[post].state == OPEN and (above is None or above.state == OPEN)
            assert (number is not None) == is_open
            if number is not None:
                level = above.level + 1 if above else 1
                self.comments[number] = Thing(author, WAITING if waits else OPEN, post, parent, level)

        @rule(at=index, words=words, late=st.booleans())
        def edit_comment(self, at: int, words: int, late: bool) -> None:
            number = self.chosen(self.comments, at, OPEN, WAITING, REMOVED)
            if number is None:
                return
            comment = self.comments[number]
            given = (edit_comment, number, comment.version - late, WORDS[words], f"<p>{WORDS[words]}</p>")
            if comment.state == REMOVED:
                self.refused(comment_errors.RemovedMeanwhile, *given)
            elif words == comment.words:
                self.change(*given)
            elif late:
                self.refused(comment_errors.EditConflict, *given)
            else:
                self.change(*given)
                comment.edit(words)

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
            counted = self.change(do, MEMBERS_HERE[who].id, number, on)
            if thing.state != OPEN:
                assert counted is None
                return
            (thing.likes.add if on else thing.likes.discard)(who)
            assert counted == len(thing.likes)

        # Removal and restoring, by authors (`own`) and by staff; approval

        @rule(at=index, own=st.booleans())
        def remove_post(self, at: int, own: bool) -> None:
            number = self.chosen(self.posts, at, OPEN, HIDDEN, *((DRAFT, WAITING) if own else ()))
            if number is not None:
                post = self.posts[number]
                self.change(removal.remove_post, actor(post, own), number, "" if own else "for a test")
                post.remove(own)

        @rule(at=index, own=st.booleans())
        def restore_post(self, at: int, own: bool) -> None:
            number = self.chosen(self.posts, at, REMOVED)
            if number is None:
                return
            post = self.posts[number]
            # A draft is its author's alone.
            may = post.by_author if own else post.was_open or not post.by_author
            assert self.may_restore(removal.find_tombstone, number, post, own) == may
            if may:
                self.change(removal.restore_post, actor(post, own), number)
                post.state = (own and post.hidden_as) or (OPEN if post.was_open else DRAFT)

        @rule(at=index, own=st.booleans())
        def remove_comment(self, at: int, own: bool) -> None:
            number = self.chosen(self.comments, at, OPEN, WAITING, HIDDEN, BANNED)
            if number is None:
                return
            comment = self.comments[number]
            self.change(comment_removal.remove_comment, actor(comment, own), number, "" if own else "for a test")
            if own and comment.state == WAITING:
                del self.comments[number]
            else:
                comment.remove(own)

        @rule(at=index, own=st.booleans())
        def restore_comment(self, at: int, own: bool) -> None:
            number = self.chosen(self.comments, at, REMOVED)
            if number is None:
                return
            comment = self.comments[number]
            seen = self.is_seen(self.posts[comment.post], comment.author if own else -1, not own)
            may = seen and (comment.by_author or not own)
            assert self.may_restore(comment_removal.find_tombstone, number, comment, own) == may
            if may:
                self.change(comment_removal.restore_comment, actor(comment, own), number)
                comment.state = (own and comment.hidden_as) or OPEN

        def may_restore(self, find: Any, number: int, thing: Thing, own: bool) -> bool:
            identity = identity_of(thing.author) if own else identity_of(-1)
            with sessions.reading() as db:
                tombstone = find(db, number, identity)
            return tombstone is not None and tombstone.may_restore(identity, RESTORE_DAYS)

        @rule(at=index, approve=st.booleans())
        def answer_post(self, at: int, approve: bool) -> None:
            number = self.chosen(self.posts, at, WAITING)
            if number is not None:
                self.change(approval.answer, STAFF, number, approve=approve, reason="for a test")
                self.answer(self.posts[number], approve)

        @rule(at=index, approve=st.booleans())
        def answer_comment(self, at: int, approve: bool) -> None:
            number = self.chosen(self.comments, at, WAITING)
            if number is not None:
                self.change(comment_approval.answer, STAFF, number, approve=approve, reason="for a test")
                self.answer(self.comments[number], approve)

        def answer(self, thing: Thing, approve: bool) -> None:
            if approve:
                thing.state, thing.was_open = OPEN, True
            else:
                thing.remove(by_author=False)

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
            if keep:
                thing.state = OPEN
            else:
                thing.remove(by_author=False)

        @rule(author=member, hide=st.booleans())
        def ban_or_not(self, author: int, hide: bool) -> None:
            do = comment_hiding.hide_comments_of if hide else comment_hiding.show_comments_of
            self.change(do, MEMBERS_HERE[author].id)
            for thing in self.comments.values():
                if thing.author == author and hide and thing.state == OPEN:
                    thing.state = BANNED
                elif thing.author == author and not hide and thing.state == BANNED:
                    thing.state = OPEN
                elif thing.author == author and not hide and thing.hidden_as == BANNED:
                    thing.hidden_as = ""

        # What holds after each

        @invariant()
        def the_rows_are_what_the_account_says(self) -> None:
            with sessions.reading() as db:
                columns = (Post.id, Post.status, Post.like_count, Post.comment_count, Post.version, Post.body)
                rows = db.execute(sa.select(*columns)).all()
                assert {id: (STATES[status], *rest) for id, status, *rest in rows} == {
                    number: (
                        post.state,
                        len(post.likes),
                        sum(each.post == number and each.state == OPEN for each in self.comments.values()),
                        post.version,
                        WORDS[post.words],
                    )
                    for number, post in self.posts.items()
                }
                said = (Comment.id, Comment.status, Comment.like_count, Comment.version, Comment.body)
                assert {id: (status.name, *rest) for id, status, *rest in db.execute(sa.select(*said))} == {
                    number: (COMMENT_STATES[each.state], len(each.likes), each.version, WORDS[each.words])
                    for number, each in self.comments.items()
                }

        @invariant()
        def lists_show_what_is_in_the_open(self) -> None:
            public = {number for number, post in self.posts.items() if post.state == OPEN}
            with sessions.reading() as db:
                for sort in POST.Sort:
                    page = lists.list_posts(db, sort)
                    liked = {number for number in public if self.posts[number].likes}
                    shown = liked if sort is POST.Sort.TOP else public
                    assert page.next_cursor is not None or {row.id for row in page.rows} == shown
                tagged = sa.select(post_tags.c.post_id).where(post_tags.c.listed_at.is_not(None))
                assert set(db.scalars(tagged)) == public

        def is_seen(self, post: Thing, who: int, is_staff: bool) -> bool:
            """Whether a member (nobody: -1) may read a post."""
            return (
                post.state == OPEN
                or (post.state in (DRAFT, WAITING, HIDDEN) and post.author == who)
                or (post.state in (WAITING, HIDDEN) and is_staff)
                or (post.state == REMOVED and is_staff and (post.was_open or not post.by_author))
            )

        def has_place(self, number: int) -> bool:
            """Whether everybody sees a comment in the tree, or the place where it was."""
            answers = [id for id, each in self.comments.items() if each.parent == number]
            state = self.comments[number].state
            # Of a hidden one everybody sees the place; of a removed one as long as there are replies.
            return state in (OPEN, HIDDEN, BANNED) or (state == REMOVED and any(map(self.has_place, answers)))

        @invariant()
        def everybody_sees_what_is_for_them(self) -> None:
            places = {number for number in self.comments if self.has_place(number)}
            with sessions.reading() as db:
                for who, is_staff in ((-1, False), (0, False), (1, False), (-1, True)):
                    values = {
                        "viewer_id": visibility.NOBODY if who < 0 else MEMBERS_HERE[who].id,
                        "viewer_is_staff": is_staff,
                    }
                    seen = set(db.scalars(sa.select(Post.id).where(visibility.VISIBLE), values))
                    expected = {id for id, post in self.posts.items() if self.is_seen(post, who, is_staff)}
                    assert seen == expected
                    read = sa.select(Comment.id).join(Post, Post.id == Comment.post_id)
                    visible = set(db.scalars(read.where(comment_visibility.VISIBLE), values))
                    assert visible == {
                        number
                        for number, each in self.comments.items()
                        if each.post in seen
                        and (
                            number in places
                            or (each.state == WAITING and (each.author == who or is_staff))
                            or (each.state == REMOVED and is_staff)
                        )
                    }

        @invariant()
        def the_tree_has_the_places_and_the_words_of_those_in_the_open(self) -> None:
            with sessions.reading() as db:
                for post in {each.post for each in self.comments.values()}:
                    shown = {row.id: bool(row.body_html) for row in threads.list_comments(db, post).comments}
                    assert shown == {
                        number: each.state == OPEN
                        for number, each in self.comments.items()
                        if each.post == post and self.has_place(number)
                    }

    with sessions.writing() as db:
        people = [make_user(db, f"member-{number}") for number in range(MEMBERS)]
        MEMBERS_HERE[:] = [Actor(user.id, user.name) for user in people]
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
MEMBERS_HERE: list[Actor] = []
STAFF = Actor(None, "")


def actor(thing: Thing, own: bool) -> Actor:
    """Who acts on something: its author, or staff."""
    return MEMBERS_HERE[thing.author] if own else STAFF


def identity_of(who: int) -> Identity:
    """A member as they are signed in; -1 for staff."""
    acting = STAFF if who < 0 else MEMBERS_HERE[who]
    assert acting.id is not None
    return Identity(
        id=acting.id,
        name=acting.name,
        display_name="",
        email="",
        verified=True,
        role=USER.Role.STAFF if who < 0 else USER.Role.USER,
        status=USER.Status.ACTIVE,
        locale="",
        time_zone="",
        theme="",
        avatar="",
        second_factor=False,
        terms_version="",
        session_id=0,
        authenticated_at=utc_now(),
    )


def test_any_order_of_changes_leads_to_what_a_plain_account_says(app: Router) -> None:
    run_state_machine_as_test(make_machine(app), settings=SETTINGS)
