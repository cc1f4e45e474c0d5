"""Writing and changing posts. Markdown comes rendered (`render`): that is slow, and the caller does it with no
transaction open.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject import audit
from myproject.audit import Actor
from myproject.cache import touch
from myproject.db import publish as tell
from myproject.db import utc_now
from myproject.markdown.references import LookUp, know_nothing
from myproject.posts import constants as POST
from myproject.posts import errors
from myproject.posts.models import Post
from myproject.posts.services.links import host_of, with_link
from myproject.posts.services.lists import list_drafts
from myproject.posts.services.newcomers import check_pause
from myproject.posts.services.revisions import keep_revision
from myproject.posts.services.tags import find_or_make_tags, relist
from myproject.posts.services.visibility import PUBLISHED
from myproject.rerender import Rendered
from myproject.text import RENDERER_VERSION, excerpt, render_markdown, slugify


@dataclass(frozen=True)
class PostPublished:
    """Event: a post came into the open, in this transaction."""

    db: Session
    post: Post


@dataclass(frozen=True)
class PostEdited:
    """Event: a post that is no draft says something else, in this transaction. Whoever is not its author gives a
    reason.
    """

    db: Session
    post: Post
    editor_id: int | None
    reason: str


@dataclass(frozen=True)
class Text:
    """A post's words and what they were rendered to."""

    title: str
    body: str
    body_html: str
    excerpt: str
    tags: tuple[str, ...] = ()
    link_url: str = ""

    @property
    def link_host(self) -> str:
        return host_of(self.link_url)

    @property
    def whole_html(self) -> str:
        """The words with the link before them."""
        return with_link(self.link_url, self.body_html)


def render(
    title: str, body: str, tags: Iterable[str], look_up: LookUp = know_nothing, *, link_url: str = ""
) -> Text:
    """Renders a post's Markdown; what the preview shows and the page will."""
    body_html = render_markdown(body, look_up)
    return Text(title, body, body_html, excerpt(body_html, POST.EXCERPT_MAX_LENGTH), tuple(tags), link_url)


def create_post(
    db: Session, author_id: int, text: Text, *, publish: bool, approve_first: int = 0, pause: int = 0
) -> Post:
    """Makes a post, as a draft or published; one of the author's first `approve_first` waits for approval. Raises
    TooManyDrafts, and TooSoon where `pause` minutes have to lie between it and their last one.
    """
    if not publish and len(list_drafts(db, author_id)) >= POST.DRAFTS_MAX:
        raise errors.TooManyDrafts
    post = Post(author_id=author_id, status=POST.Status.DRAFT)
    apply(db, post, text)
    db.add(post)
    if publish:
        publish_or_hold(db, post, approve_first, pause)
    # The address of the new post is made from its number.
    db.flush()
    return post


def edit_post(
    db: Session,
    post_id: int,
    version: int,
    text: Text,
    *,
    publish: bool = False,
    approve_first: int = 0,
    pause: int = 0,
    editor: Actor | None = None,
    reason: str = "",
) -> Post:
    """Changes a post that `editor` (without one, its author) opened at `version`; what others have read is kept as
    a revision. Raises EditConflict where it has changed since, RemovedMeanwhile, and TooSoon as `create_post`.
    """
    post = db.get_one(Post, post_id, with_for_update=True, populate_existing=True)
    if post.status == POST.Status.REMOVED:
        raise errors.RemovedMeanwhile
    if post.version != version and not is_of(post, text):
        raise errors.EditConflict(post.version, post.body, differing(post, text))
    if post.version != version and not publish:
        return post
    is_draft, is_own = post.status == POST.Status.DRAFT, editor is None or editor.id == post.author_id
    if not is_draft:
        if is_of(post, text):
            return post
        note_edit(db, post, editor, reason)
    apply(db, post, text)
    post.version += 1
    post.updated_at = utc_now()
    if not is_draft:
        if post.status != POST.Status.WAITING or not is_own:
            post.edited_at = post.updated_at
        relist(db, post)
        touch(db, "posts", f"post:{post.id}")
        tell(db, PostEdited(db, post, editor.id if editor else post.author_id, reason))
    elif publish:
        publish_or_hold(db, post, approve_first, pause)
    return post


def note_edit(db: Session, post: Post, editor: Actor | None, reason: str) -> None:
    """Keeps what a post says before it is changed, and tells the audit where it is somebody else's."""
    editor_id = editor.id if editor else post.author_id
    keep_revision(db, post, editor_id, reason)
    if editor and editor_id != post.author_id:
        before, after = {"status": post.status.name, "version": post.version}, {"version": post.version + 1}
        audit.record(db, "post.edit", post, actor=editor, reason=reason, before=before, after=after)


def is_of(post: Post, text: Text) -> bool:
    """Whether a post says just what `text` does: saved twice, or by somebody of the same mind."""
    said = post.title, post.body, post.link_url, {tag.name for tag in post.tags}
    return said == (text.title, text.body, text.link_url, set(text.tags))


def differing(post: Post, text: Text) -> dict[str, str]:
    """What a post has beside its body that is not what `text` has, as its form shows it."""
    others = {
        name: there
        for name, there, given in [
            ("title", post.title, text.title),
            ("link_url", post.link_url, text.link_url),
        ]
        if there != given
    }
    tags = [tag.name for tag in post.tags]
    return others if set(tags) == set(text.tags) else others | {"tags": ", ".join(tags)}


def apply(db: Session, post: Post, text: Text) -> None:
    post.title, post.body, post.body_html, post.excerpt = text.title, text.body, text.body_html, text.excerpt
    post.link_url = text.link_url
    post.body_renderer = RENDERER_VERSION
    slug = slugify(text.title)[: POST.SLUG_MAX_LENGTH]
    post.slug = f"{slug}-post"[: POST.SLUG_MAX_LENGTH] if slug in POST.RESERVED_SLUGS else slug
    post.tags = find_or_make_tags(db, text.tags, post.tags)


def publish_or_hold(db: Session, post: Post, approve_first: int, pause: int) -> None:
    """Publishes a post, or where fewer than `approve_first` of its author's stand in the open, has it wait for the
    approval of staff. Raises TooSoon where their last one is not `pause` minutes old.
    """
    theirs = sa.select(Post.id).where(Post.author_id == post.author_id, PUBLISHED).limit(approve_first)
    with db.no_autoflush:
        check_pause(db, post.author_id, pause)
        waits = approve_first > 0 and len(db.scalars(theirs).all()) < approve_first
    if waits:
        post.status = POST.Status.WAITING
    else:
        publish_post(db, post)


def rendered_anew(db: Session, post: Post) -> None:
    """What follows where another renderer made `body_html` of the same words."""
    post.excerpt = excerpt(post.body_html, POST.EXCERPT_MAX_LENGTH)
    touch(db, "posts", f"post:{post.id}")


RENDERED = Rendered(Post, "body", rendered_anew)


def publish_post(db: Session, post: Post) -> None:
    post.status = POST.Status.PUBLISHED
    post.published_at = post.last_activity_at = utc_now()
    if post.edited_at is not None:
        # By staff, while it waited.
        post.edited_at = post.published_at
    # Subscribers write rows that point to the post.
    db.add(post)
    db.flush()
    relist(db, post)
    touch(db, "posts", f"post:{post.id}", f"user:{post.author_id}")
    tell(db, PostPublished(db, post))
