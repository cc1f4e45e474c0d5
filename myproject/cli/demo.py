"""`myproject demo`: a site to look at, and rows to measure with. The words stand in `demo_content.py`."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from inspect import cleandoc

import click
import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.audit import COMMAND_LINE
from myproject.cli import demo_content as content
from myproject.cli.context import Site
from myproject.cli.demo_bulk import Source, add_bulk
from myproject.cli.users import told
from myproject.comments.services.writing import create_comment
from myproject.db import Sessions, sessions_of, utc_now
from myproject.errors import InputError
from myproject.notifications import constants as NOTE
from myproject.notifications.models import Notification
from myproject.posts.models import Post
from myproject.posts.services.tags import relist
from myproject.posts.services.writing import Text, create_post, render
from myproject.security.passwords import hasher_of
from myproject.text import canonical, render_markdown
from myproject.users import constants as USER
from myproject.users.models import User
from myproject.users.services import profiles, registration, roles

PASSWORD = "demo-password-1"  # noqa: S105 - printed for everybody to use, and only in development
SEED = 1
LONGEST_PAUSE = timedelta(hours=6)  # before somebody answers
NEWS = timedelta(days=4)  # what is younger, nobody has read yet


@dataclass(frozen=True)
class Words:
    """The demo's words, rendered: posts in the order of `content.POSTS`, and the HTML of each comment."""

    texts: Sequence[Text]
    html: Mapping[str, str]


@dataclass
class Turn:
    """A comment, when it is its turn, and the one it answers. `id` is known once it is written."""

    at: datetime
    post: Post
    said: content.Said
    answers: "Turn | None"
    id: int | None = None


@click.command()
@click.option("--first-run", is_flag=True, help="Do nothing where anybody has an account.")
@click.option("--posts", "bulk_posts", type=click.IntRange(min=0), default=0, help="Add this many posts more.")
@click.option(
    "--comments",
    "bulk_comments",
    type=click.IntRange(min=0),
    default=0,
    help="Spread so many over those posts.",
)
@click.pass_obj
def demo(site: Site, first_run: bool, bulk_posts: int, bulk_comments: int) -> None:
    """Fills the site with members, posts and comments to look at; only in development.

    With --posts and --comments it adds rows for measurements, also where the demo content is there already.
    """
    settings = site.settings()
    if not settings.development:
        raise click.ClickException(
            f"{site.ini} has site.mode = {settings.site_mode}. Demo content is for development only: "
            "its members, an admin among them, have a password that everybody knows."
        )
    if bulk_comments and not bulk_posts:
        raise click.UsageError("--comments needs --posts: they are spread over those.")
    registry = site.registry()
    # These sessions know no registry, so nobody is told what happens in them: no mail goes out.
    sessions = Sessions(sessions_of(registry).engine)
    with sessions.reading() as db:
        if first_run and db.scalar(sa.select(User.id).limit(1)) is not None:
            return
        is_filled = bool(find_authors(db))
    if is_filled and not bulk_posts:
        raise click.ClickException("The demo content is there already.")

    words = render_words()
    if not is_filled:
        password = PASSWORD.ljust(settings.password_minimum(staff=True), "1")
        password_hash = hasher_of(registry).hash(password)
        try:
            with sessions.writing() as db:
                fill(db, words, password_hash, settings.site_terms_version)
        except InputError as error:
            raise click.ClickException(f"{told(error.message)}. Demo content wants an empty site.") from None
        show_people(password)
    if bulk_posts:
        for done in add_bulk(sessions, bulk_source(sessions, words), bulk_posts, bulk_comments):
            click.echo(f"\r{done}", nl=False, err=True)
        click.echo(f"\rAdded {bulk_posts} posts and {bulk_comments} comments")


def find_authors(db: Session) -> list[int]:
    """The numbers of the demo's active members, in the order in which they joined."""
    names = [canonical(person.name) for person in content.PEOPLE]
    statement = sa.select(User.id).where(User.name_canonical.in_(names), User.status == USER.Status.ACTIVE)
    return list(db.scalars(statement.order_by(User.id)))


def bulk_source(sessions: Sessions, words: Words) -> Source:
    """The demo's words for rows in bulk, of posts the first paragraph: nobody reads them, and disks are small."""
    texts = [render(text.title, text.body.partition("\n\n")[0], text.tags) for text in words.texts]
    with sessions.reading() as db:
        return Source(texts, [(cleandoc(body), html) for body, html in words.html.items()], find_authors(db))


def render_words() -> Words:
    """Renders all Markdown of the demo: slow, so before any transaction."""
    bodies = {said.body for written in content.POSTS for said in content.walk(written.comments)}
    return Words(
        [render(written.title, cleandoc(written.body), written.tags) for written in content.POSTS],
        {body: render_markdown(cleandoc(body)) for body in sorted(bodies)},
    )


def show_people(password: str) -> None:
    for person in content.PEOPLE:
        columns = f"{person.name:<15}  {person.role.name:<5}  {person.status.name:<8}  {person.display_name}"
        click.echo(columns.rstrip())
    click.echo(f"Everybody's password: {password}")


# The content


def fill(db: Session, words: Words, password_hash: str, terms_version: str) -> None:
    """Writes members, posts and comments as of the past weeks. Raises InputError where a name is taken."""
    now = utc_now()
    rng = random.Random(SEED)  # noqa: S311 - of pauses between comments
    people = {person.name: add_person(db, person, password_hash, terms_version, now) for person in content.PEOPLE}
    turns: list[Turn] = []
    # In the order of time, so that higher numbers are later, as on a site that grew.
    for written, text in sorted(zip(content.POSTS, words.texts, strict=True), key=lambda pair: -pair[0].days):
        post = add_post(db, people[written.author], written, text, now)
        turns += take_turns(rng, post, written.comments, None, post.created_at, now)
    turns.sort(key=lambda turn: turn.at)
    for turn in turns:
        add_comment(db, people[turn.said.author], turn, words.html[turn.said.body])
    fill_inboxes(db, people, turns, now)


def add_person(db: Session, person: content.Person, password_hash: str, terms_version: str, now: datetime) -> User:
    bio = cleandoc(person.bio)
    user = registration.create_verified(
        db,
        COMMAND_LINE,
        name=person.name,
        email=person.email or f"{person.name}@example.org",
        password_hash=password_hash,
        role=person.role,
    )
    profiles.update_profile(
        db,
        user,
        display_name=person.display_name,
        bio=bio,
        bio_html=profiles.render_bio(bio),
        website=person.website,
        time_zone="",
        locale="",
        theme=USER.Theme.SYSTEM,
    )
    user.created_at = user.terms_accepted_at = user.email_verified_at = now - timedelta(days=person.joined)
    user.terms_version = terms_version
    if person.status == USER.Status.NEW:
        user.status, user.email_verified_at = person.status, None
    elif person.status == USER.Status.INACTIVE:
        # As `change_status`, but for the mail.
        before, user.status = user.status, person.status
        roles.record_change(db, COMMAND_LINE, user, "status", before, person.status, content.WHY_INACTIVE)
    return user


def add_post(db: Session, author: User, written: content.Written, text: Text, now: datetime) -> Post:
    post = create_post(db, author.id, text, publish=not written.draft)
    post.created_at = post.updated_at = post.last_activity_at = now - timedelta(days=written.days)
    if not written.draft:
        post.published_at = post.created_at
        relist(db, post)
    if written.edited:
        post.edited_at = post.updated_at = post.created_at + timedelta(days=written.days) / 2
        post.version += 1
    return post


def take_turns(
    rng: random.Random,
    post: Post,
    thread: Sequence[content.Said],
    answers: Turn | None,
    since: datetime,
    now: datetime,
) -> Iterator[Turn]:
    """Gives each comment its moment: after what it answers and after those beside it, before `now`."""
    for said in thread:
        since += min(LONGEST_PAUSE, (now - since) / 8) * rng.uniform(0.1, 1)
        turn = Turn(since, post, said, answers)
        yield turn
        yield from take_turns(rng, post, said.replies, turn, since, now)


def add_comment(db: Session, author: User, turn: Turn, html: str) -> None:
    parent_id = turn.answers.id if turn.answers else None
    comment = create_comment(db, turn.post.id, author.id, cleandoc(turn.said.body), html, parent_id)
    if comment is None:
        raise LookupError(f"{turn.post.title!r} takes no comments")
    turn.id = comment.id
    comment.created_at = turn.post.last_activity_at = turn.at


def fill_inboxes(db: Session, people: Mapping[str, User], turns: Sequence[Turn], now: datetime) -> None:
    """Tells everybody who has answered them, as of then: what is old they have read, and nothing is mailed now."""
    rows = []
    for turn in turns:
        author_id = people[turn.said.author].id
        user_id = people[turn.answers.said.author].id if turn.answers else turn.post.author_id
        if user_id == author_id:
            continue
        is_read = now - turn.at > NEWS
        rows.append(
            {
                "user_id": user_id,
                "event": f"comment:{turn.id}",
                "kind": NOTE.Kind.COMMENT_REPLY if turn.answers else NOTE.Kind.POST_REPLY,
                "post_id": turn.post.id,
                "comment_id": turn.id,
                "actor_id": author_id,
                "created_at": turn.at,
                "decided_at": turn.at,
                "read_at": turn.at if is_read else None,
                "mail": NOTE.Mail.SKIPPED if is_read else NOTE.Mail.MAILED,
                "outcome": NOTE.Outcome.READ_ON_SITE if is_read else NOTE.Outcome.MAILED,
            }
        )
    db.execute(sa.insert(Notification), rows)
