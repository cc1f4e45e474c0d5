"""Who may do what at every address: one table of expected answers, walked with every method.

A new route fails here until it has a row. The answers are those to a right token and an empty form, so 422 means
"let in, and the form was looked at".
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from secrets import token_bytes
from typing import Any

import pytest
import sqlalchemy as sa
from pyramid.interfaces import ICSRFStoragePolicy, IDefaultCSRFOptions, IExceptionResponse, IRoutesMapper
from pyramid.router import Router
from pyramid.security import NO_PERMISSION_REQUIRED
from sqlalchemy.orm import Session

from myproject.audit import Actor
from myproject.comments.models import Comment
from myproject.comments.services.removal import remove_comment
from myproject.db import utc_now
from myproject.emails.constants import Kind, Reason
from myproject.emails.services import choosing, suppression, unsubscribing
from myproject.emails.services.lists import list_emails
from myproject.emails.services.outbox import Mail, queue_mail
from myproject.images import services as images
from myproject.moderation.services.cases import find_or_open
from myproject.posts.models import Post
from myproject.posts.services.hiding import hide_post
from myproject.posts.services.removal import remove_post
from myproject.security.cookies import cookies_of
from myproject.security.csrf import seed_of_member
from myproject.security.keys import keys_of
from myproject.security.permissions import RULES, permits
from myproject.security.policy import COOKIE
from myproject.security.tokens import hash_token, make_token
from myproject.settings import settings_of
from myproject.storage import storage_of
from myproject.users import constants as USER
from myproject.users.models import Passkey, User, UserSession
from myproject.users.services import tokens
from myproject.users.services.avatars import keep_avatar
from tests.conftest import Client
from tests.factories import make_comment, make_post, make_user, sign_in

pytestmark = pytest.mark.one_database

HOUR = timedelta(hours=1)
VISITORS = ("guest", "new", "owner", "other", "staff", "admin")
MAIL = "20261122T100000000000-00000000"

Answers = tuple[int, int, int, int, int, int]


def everybody(status: int) -> Answers:
    return (status,) * 6


def members(status: int) -> Answers:
    """Guests are sent to sign in."""
    return (303, *(status,) * 5)


def author_and_staff(status: int) -> Answers:
    return (303, 403, status, 403, status, status)


def staff_only(status: int) -> Answers:
    return (303, *(403,) * 3, *(status,) * 2)


def admins(status: int) -> Answers:
    """Other members are not told that there is such a page."""
    return (303, 404, 404, 404, 404, status)


def hidden_from_members(status: int) -> Answers:
    """Other members than staff are not told that there is such a page."""
    return (303, 404, 404, 404, status, status)


NOT_ALLOWED = everybody(405)


@dataclass(frozen=True)
class Row:
    """What each of `VISITORS` is answered at `path`, to GET (and HEAD) and to POST.

    Every other method is answered 405, and so are these where there is no view: also at what is not there or not
    to be seen, so that nothing is told.
    """

    route: str
    path: str
    get: Answers
    post: Answers = NOT_ALLOWED


NOBODY = everybody(404)

TABLE = (
    Row("health.live", "/health/live", everybody(200)),
    Row("health.ready", "/health/ready", everybody(200)),
    Row("site.robots", "/robots.txt", everybody(200)),
    Row("site.manifest", "/manifest.webmanifest", everybody(200)),
    # There where a contact is set.
    Row("site.security_txt", "/.well-known/security.txt", NOBODY),
    Row("site.favicon", "/favicon.ico", everybody(302)),
    Row("feeds.site", "/feed.atom", everybody(200)),
    Row("feeds.tag", "/tags/no-such-tag/feed.atom", NOBODY),
    # Without words there is nothing to feed.
    Row("feeds.search", "/search/feed.atom", NOBODY),
    Row("feeds.author", "/@owner-of-it/feed.atom", everybody(200)),
    Row("feeds.author.comments", "/@owner-of-it/comments/feed.atom", everybody(200)),
    Row("feeds.post", "/posts/{post}/feed.atom", everybody(200)),
    Row("feeds.post", "/posts/{draft}/feed.atom", NOBODY),
    Row("feeds.source", "/posts/{post}/source.md", everybody(200)),
    Row("feeds.source", "/posts/{draft}/source.md", (404, 404, 200, 404, 404, 404)),
    Row("feeds.source.json", "/posts/{post}/source.json", everybody(200)),
    Row("feeds.source.json", "/posts/{draft}/source.json", (404, 404, 200, 404, 404, 404)),
    Row("feeds.sitemaps", "/sitemap.xml", everybody(200)),
    Row("feeds.sitemap", "/sitemaps/0.xml", everybody(200)),
    Row("search.show", "/search/", everybody(200)),
    Row("search.description", "/opensearch.xml", everybody(200)),
    Row("site.about", "/about/", everybody(200)),
    Row("site.terms", "/terms/", everybody(200)),
    Row("site.privacy", "/privacy/", everybody(200)),
    Row("site.rules", "/rules/", everybody(200)),
    Row("emails.unsubscribe", "/emails/unsubscribe/{stop_token}/", everybody(200), everybody(200)),
    Row("emails.unsubscribe", "/emails/unsubscribe/no-such-token/", NOBODY, NOBODY),
    # There with a key in the settings: see tests/functional/emails/test_webhooks.py.
    Row("emails.webhooks", "/emails/webhooks/mailgun/", NOT_ALLOWED, NOBODY),
    # The mailbox is there in development only, and nowhere else: see `test_routes_for_development`.
    Row("emails.mailbox.list", "/dev/mailbox/", everybody(200)),
    Row("emails.mailbox.show", f"/dev/mailbox/{MAIL}/", everybody(200)),
    Row("emails.mailbox.html", f"/dev/mailbox/{MAIL}/html/", everybody(200)),
    # There where the provider is altcha.
    Row("captcha.challenge", "/captcha/altcha/", NOBODY),
    Row("users.register", "/users/register/", (200, 303, 303, 303, 303, 303), (422, 303, 303, 303, 303, 303)),
    # Everybody here has accepted the present terms: see tests/functional/users/test_terms.py.
    Row("users.terms", "/users/terms/", members(303), members(422)),
    # The site has an admin: see tests/functional/users/test_first_admin.py.
    Row("users.first_admin", f"/users/setup/{'x' * 43}/", NOBODY, NOBODY),
    # Where registration is by invitation: see tests/functional/users/test_invitations.py.
    Row("users.invitations", "/users/me/invitations/", NOBODY, NOBODY),
    Row("users.invitations.revoke", "/users/me/invitations/1/revoke/", NOT_ALLOWED, NOBODY),
    Row("users.waiting", "/users/register/waiting/", everybody(200)),
    # With providers in the settings: see tests/functional/users/test_oidc.py.
    Row("users.oidc.start", "/users/oidc/nobody/start/", NOT_ALLOWED, NOBODY),
    Row("users.oidc.callback", "/users/oidc/nobody/callback/", NOBODY),
    Row("users.oidc.prove", "/users/oidc/nobody/prove/", NOT_ALLOWED, NOBODY),
    Row("users.oidc.register", "/users/oidc/nobody/register/", NOBODY, NOBODY),
    Row("users.connections", "/users/me/connections/", members(200), members(303)),
    Row("users.login", "/users/login/", (200, 303, 303, 303, 303, 303), everybody(422)),
    Row("users.logout", "/users/logout/", NOT_ALLOWED, everybody(303)),
    Row("users.home", "/users/me/", members(200)),
    Row("users.edit", "/users/me/edit/", members(200), members(422)),
    Row("users.name", "/users/me/name/", members(200), members(422)),
    Row("users.password", "/users/me/password/", members(200), members(422)),
    # Who never verified an address mends that one.
    Row("users.email", "/users/me/email/", (303, 303, 200, 200, 200, 200), members(422)),
    Row("users.email.confirm", "/users/email/confirm/{change_token}/", everybody(200), everybody(303)),
    Row("users.email.confirm", "/users/email/confirm/no-such-token-at-all/", everybody(410), everybody(410)),
    Row("users.email.undo", "/users/email/undo/{undo_token}/", everybody(200), everybody(303)),
    Row("users.email.undo", "/users/email/undo/no-such-token-at-all/", everybody(410), everybody(410)),
    Row("users.reauth", "/users/reauth/", members(200), members(422)),
    Row("users.sessions", "/users/me/sessions/", members(200), members(404)),
    Row("users.history", "/users/me/security/history/", members(200)),
    Row("users.well_known_change_password", "/.well-known/change-password", everybody(302)),
    Row("users.security", "/users/me/security/", members(200)),
    Row("users.data", "/users/me/data/", members(200), members(303)),
    Row("users.data.file", "/users/me/data/export.zip", members(404)),
    Row("users.delete", "/users/me/delete/", members(200), members(422)),
    Row("users.delete.undo", "/users/me/delete/undo/", NOT_ALLOWED, members(303)),
    Row("users.keep", "/users/keep-account/{keep_token}/", everybody(200), everybody(303)),
    Row("users.keep", "/users/keep-account/no-such-token-at-all/", everybody(410), everybody(410)),
    # Who is verified has nothing to verify.
    Row("users.verify", "/users/verify/", (303, 200, 303, 303, 303, 303), members(422)),
    Row("users.correct_email", "/users/verify/address/", (303, 200, 303, 303, 303, 303), members(422)),
    Row("users.verify.link", "/users/verify/{verify_token}/", everybody(200), everybody(303)),
    Row("users.verify.link", "/users/verify/no-such-token-at-all/", everybody(410), everybody(410)),
    Row("users.passkeys", "/users/me/security/passkeys/", members(200)),
    Row("users.passkeys.add.options", "/users/passkeys/add/options/", NOT_ALLOWED, members(422)),
    Row("users.passkeys.add", "/users/passkeys/add/", NOT_ALLOWED, members(422)),
    Row("users.passkeys.reauth.options", "/users/passkeys/reauth/options/", NOT_ALLOWED, members(422)),
    Row("users.passkeys.reauth", "/users/passkeys/reauth/", NOT_ALLOWED, members(422)),
    Row(
        "users.passkeys.second_factor.options",
        "/users/passkeys/second-factor/options/",
        NOT_ALLOWED,
        everybody(422),
    ),
    Row("users.passkeys.second_factor", "/users/passkeys/second-factor/", NOT_ALLOWED, everybody(422)),
    Row("users.passkeys.sign_in.options", "/users/passkeys/sign-in/options/", NOT_ALLOWED, everybody(200)),
    Row("users.passkeys.sign_in", "/users/passkeys/sign-in/", NOT_ALLOWED, everybody(422)),
    Row(
        "users.passkeys.rename",
        "/users/passkeys/{passkey}/rename/",
        (303, 404, 200, 404, 404, 404),
        (303, 404, 422, 404, 404, 404),
    ),
    Row(
        "users.passkeys.remove",
        "/users/passkeys/{passkey}/remove/",
        (303, 404, 200, 404, 404, 404),
        (303, 404, 303, 404, 404, 404),
    ),
    Row("users.lost_password", "/users/lost-password/", everybody(200), everybody(422)),
    Row("users.reset_password", "/users/reset-password/{reset_token}/", everybody(200), everybody(422)),
    Row("users.reset_password", "/users/reset-password/no-such-token-at-all/", everybody(410), everybody(422)),
    # Nothing waits there for anybody here: see tests/functional/users/test_second_factor.py.
    Row("users.second_factor", "/users/login/second-factor/", everybody(303), everybody(303)),
    Row("users.second_factor.lost", "/users/login/second-factor/lost/", everybody(303), everybody(303)),
    Row("users.second_factor.reset", "/users/second-factor/reset/{lost_token}/", everybody(200), everybody(303)),
    Row("users.second_factor.reset", "/users/second-factor/reset/no-such-token-at-all/", *[everybody(410)] * 2),
    Row("users.second_factor.keep", "/users/second-factor/keep/{found_token}/", everybody(200), everybody(303)),
    Row("users.second_factor.keep", "/users/second-factor/keep/no-such-token-at-all/", *[everybody(410)] * 2),
    Row("users.second_factor.stay", "/users/me/security/second-factor/stay/", NOT_ALLOWED, members(303)),
    Row("users.second_factor.settings", "/users/me/security/second-factor/", members(200)),
    Row("users.second_factor.add", "/users/me/security/second-factor/authenticator/", members(303), members(303)),
    Row("users.second_factor.begin", "/users/me/security/second-factor/begin/", NOT_ALLOWED, members(303)),
    Row("users.second_factor.codes", "/users/me/security/second-factor/codes/", NOT_ALLOWED, members(303)),
    Row("users.second_factor.off", "/users/me/security/second-factor/off/", NOT_ALLOWED, members(303)),
    Row("users.avatar", "/avatars/{avatar}-48.webp", everybody(200)),
    Row("users.avatar", f"/avatars/{'0' * 32}-192.webp", NOBODY),
    Row("users.profile", "/@owner-of-it/", everybody(200)),
    Row("users.profile", "/@shut/", NOBODY),
    # They are asked what they want; nobody blocks themselves.
    Row("users.block", "/@owner-of-it/block/", NOT_ALLOWED, (303, 400, 403, 400, 400, 400)),
    Row("users.block", "/@shut/block/", NOT_ALLOWED, NOBODY),
    Row("users.blocked", "/users/me/blocked/", members(200), members(400)),
    Row("posts.list", "/", everybody(200)),
    Row("posts.author", "/@owner-of-it/posts/", everybody(200)),
    Row("posts.author", "/@shut/posts/", NOBODY),
    Row("posts.tags", "/tags/", everybody(200)),
    Row("posts.tag", "/tags/{tag}/", everybody(200)),
    Row("posts.tag.edit", "/tags/{tag}/edit/", staff_only(200), staff_only(422)),
    Row("posts.tag.mute", "/tags/{tag}/mute/", NOT_ALLOWED, members(400)),
    Row("posts.tag.follow", "/tags/{tag}/follow/", NOT_ALLOWED, members(400)),
    Row("posts.tags.muted", "/users/me/muted-tags/", members(301)),
    Row("posts.new", "/posts/new/", members(200), members(422)),
    Row("posts.drafts", "/drafts/", members(200), members(400)),
    Row("posts.edit", "/posts/{post}/edit/", author_and_staff(200), author_and_staff(422)),
    Row(
        "posts.edit",
        "/posts/{draft}/edit/",
        (404, 404, 200, 404, 404, 404),
        (404, 404, 422, 404, 404, 404),
    ),
    # Its author is only asked.
    Row("posts.delete", "/posts/{fresh_post}/delete/", author_and_staff(200), (303, 403, 303, 403, 422, 422)),
    Row(
        "posts.delete",
        "/posts/{removed_post}/delete/",
        (410, 410, 410, 410, 200, 200),
        (410, 410, 410, 410, 422, 422),
    ),
    # One that is not removed.
    Row("posts.restore", "/posts/{post}/restore/", NOT_ALLOWED, author_and_staff(303)),
    Row("posts.restore", "/posts/{removed_post}/restore/", NOT_ALLOWED, author_and_staff(303)),
    Row("posts.history", "/posts/{post}/history/", everybody(200), staff_only(422)),
    Row("posts.lock", "/posts/{post}/lock/", staff_only(200), staff_only(422)),
    Row("posts.pin", "/posts/{post}/pin/", NOT_ALLOWED, staff_only(303)),
    Row("posts.view", "/posts/{post}/a-post/", everybody(200)),
    Row("posts.view", "/posts/{removed_post}/a-post/", (410, 410, 410, 410, 200, 200)),
    Row("posts.view", "/posts/{draft}/a-draft/", (404, 404, 200, 404, 404, 404)),
    Row("posts.short", "/posts/{post}/", everybody(301)),
    Row("posts.short", "/posts/{draft}/", (404, 404, 301, 404, 404, 404)),
    Row("posts.short", "/posts/999999/", NOBODY),
    # One's own can't be liked; others are asked what they want.
    Row("posts.like", "/posts/{post}/like/", NOT_ALLOWED, (303, 403, 403, 400, 400, 400)),
    Row("posts.follow", "/posts/{post}/follow/", NOT_ALLOWED, members(400)),
    Row("posts.news", "/posts/{post}/news/", members(303)),
    Row("posts.read_all", "/posts/read/", NOT_ALLOWED, members(303)),
    Row("comments.like", "/comments/{comment}/like/", NOT_ALLOWED, (303, 403, 403, 400, 400, 400)),
    Row("comments.author", "/@owner-of-it/comments/", everybody(200)),
    Row("comments.author", "/@shut/comments/", NOBODY),
    Row("comments.create", "/posts/{post}/comments/", members(200), members(422)),
    # Drafts can't be commented, even by their author.
    Row("comments.create", "/posts/{draft}/comments/", NOBODY, NOBODY),
    Row("comments.view", "/comments/{comment}/", everybody(303)),
    Row("comments.view", "/comments/999999/", NOBODY),
    Row("comments.reply", "/comments/{comment}/reply/", members(200)),
    Row("comments.edit", "/comments/{comment}/edit/", author_and_staff(200), author_and_staff(422)),
    Row("images.list", "/images/", members(200), members(422)),
    Row("images.view", "/images/{image}.webp", everybody(200)),
    Row("images.view", f"/images/{'0' * 32}.webp", NOBODY),
    Row("images.delete", "/images/{image}/delete/", author_and_staff(200), author_and_staff(303)),
    # Its author is only asked.
    Row(
        "comments.delete",
        "/comments/{fresh_comment}/delete/",
        author_and_staff(200),
        (303, 403, 303, 403, 422, 422),
    ),
    # Back already, or never removed.
    Row("comments.restore", "/comments/{comment}/restore/", author_and_staff(303), author_and_staff(303)),
    Row("comments.restore", "/comments/{removed_comment}/restore/", author_and_staff(200), author_and_staff(303)),
    Row("comments.view", "/comments/{removed_comment}/", (410, 410, 410, 410, 303, 303)),
    Row("comments.history", "/comments/{comment}/history/", everybody(200), staff_only(422)),
    Row("comments.move", "/comments/{comment}/move/", staff_only(200), staff_only(422)),
    Row("comments.split", "/comments/{comment}/split/", staff_only(200), staff_only(422)),
    Row("comments.merge", "/posts/{post}/merge/", staff_only(200), staff_only(422)),
    Row("bookmarks.list", "/bookmarks/", members(200)),
    Row("bookmarks.change", "/posts/{post}/bookmark/", NOT_ALLOWED, members(303)),
    Row("bookmarks.change", "/posts/{draft}/bookmark/", NOT_ALLOWED, (404, 404, 303, 404, 404, 404)),
    Row("notifications.list", "/notifications/", members(200)),
    Row("notifications.read", "/notifications/read/", NOT_ALLOWED, members(400)),
    Row("notifications.settings", "/notifications/settings/", members(200), members(422)),
    Row("notifications.choices", "/notifications/settings/{choices_token}/", everybody(200), everybody(422)),
    Row("notifications.choices", "/notifications/settings/no-such-token/", NOBODY, NOBODY),
    Row("notifications.why", "/posts/{post}/why/", members(200)),
    Row("notifications.why", "/posts/{draft}/why/", (303, 404, 200, 404, 404, 404)),
    Row("notifications.why_member", "/admin/users/{user}/why/", admins(200)),
    Row("notifications.log", "/admin/users/{user}/notifications/", admins(200)),
    Row("notifications.log", "/admin/users/999999/notifications/", admins(404)),
    Row(
        "moderation.report.post",
        "/posts/{post}/report/",
        (303, 403, 403, 200, 200, 200),
        (303, 403, 403, 422, 422, 422),
    ),
    Row(
        "moderation.report.post",
        "/posts/{draft}/report/",
        (404, 404, 403, 404, 404, 404),
        (404, 404, 403, 404, 404, 404),
    ),
    Row(
        "moderation.report.comment",
        "/comments/{comment}/report/",
        (303, 403, 403, 200, 200, 200),
        (303, 403, 403, 422, 422, 422),
    ),
    # What is hidden, and who may read it: see test_canary.py and tests/functional/moderation/test_reports.py.
    Row("moderation.hidden.post", "/posts/{post}/hidden/", members(303), members(303)),
    Row("moderation.hidden.comment", "/comments/{comment}/hidden/", members(303), members(303)),
    Row("moderation.hidden.post", "/posts/{hidden_post}/hidden/", members(200), members(403)),
    Row("posts.view", "/posts/{hidden_post}/a-post/", (404, 404, 303, 404, 303, 303)),
    Row("moderation.queue", "/moderation/", hidden_from_members(200)),
    Row("moderation.case", "/moderation/cases/{case}/", hidden_from_members(200), hidden_from_members(422)),
    Row("moderation.case", "/moderation/cases/999999/", hidden_from_members(404), hidden_from_members(404)),
    Row("moderation.bans", "/moderation/bans/", hidden_from_members(200)),
    Row("moderation.ban", "/moderation/members/{user}/", hidden_from_members(200), hidden_from_members(422)),
    Row("moderation.ban", "/moderation/members/999999/", hidden_from_members(404), hidden_from_members(404)),
    Row("moderation.log", "/moderation/log/", everybody(200)),
    Row("moderation.waiting", "/moderation/waiting/", hidden_from_members(301)),
    # What waits for approval: see tests/functional/comments/test_waiting.py.
    Row(
        "moderation.waiting.post",
        "/moderation/waiting/posts/{post}/",
        hidden_from_members(200),
        hidden_from_members(422),
    ),
    Row(
        "moderation.waiting.comment",
        "/moderation/waiting/comments/{comment}/",
        hidden_from_members(200),
        hidden_from_members(422),
    ),
    Row("admin.home", "/admin/", admins(200)),
    Row("admin.users", "/admin/users/", admins(200)),
    Row("admin.users.view", "/admin/users/{user}/", admins(200), admins(422)),
    Row("admin.users.view", "/admin/users/999999/", admins(404), admins(404)),
    Row("admin.approvals", "/admin/approvals/", admins(200)),
    Row("admin.users.second_factor", "/admin/users/{user}/second-factor/", NOT_ALLOWED, admins(303)),
    Row("admin.users.password", "/admin/users/{user}/password/", NOT_ALLOWED, admins(303)),
    Row("admin.users.sessions", "/admin/users/{user}/sessions/", NOT_ALLOWED, admins(303)),
    Row("admin.audit", "/admin/audit/", admins(200)),
    Row("admin.settings", "/admin/settings/", admins(200), admins(422)),
    Row("admin.approvals.decide", "/admin/approvals/{waiting}/", admins(200), admins(422)),
    # Who never asked to be let in.
    Row("admin.approvals.decide", "/admin/approvals/{user}/", admins(404), admins(404)),
    Row("admin.emails", "/admin/emails/", admins(200)),
    Row("admin.previews", "/admin/emails/previews/", admins(200)),
    Row("admin.previews.view", "/admin/emails/previews/reply/", admins(200)),
    Row("admin.previews.view", "/admin/emails/previews/no_such_kind/", admins(404)),
    Row("admin.previews.html", "/admin/emails/previews/reply/html/", admins(200)),
    Row("admin.emails.view", "/admin/emails/{mail}/", admins(200)),
    Row("admin.mail_doctor", "/admin/emails/doctor/", admins(200), admins(303)),
    Row("admin.emails.view", "/admin/emails/999999/", admins(404)),
    Row("admin.suppressions", "/admin/emails/suppressions/", admins(200)),
    Row("admin.suppressions.lift", "/admin/emails/suppressions/{suppression}/", admins(200), admins(422)),
    Row("admin.suppressions.lift", "/admin/emails/suppressions/999999/", admins(404), admins(404)),
    Row("admin.emails.resend", "/admin/emails/{mail}/resend/", NOT_ALLOWED, admins(303)),
    Row("admin.emails.cancel", "/admin/emails/{mail}/cancel/", NOT_ALLOWED, admins(303)),
    Row("admin.emails.cancel", "/admin/emails/999999/cancel/", NOT_ALLOWED, admins(404)),
    Row("admin.emails.resend_all", "/admin/emails/resend/", NOT_ALLOWED, admins(303)),
    Row("admin.emails.cancel_all", "/admin/emails/cancel/", NOT_ALLOWED, admins(303)),
    Row("admin.emails.open", "/admin/emails/open/", NOT_ALLOWED, admins(303)),
)


class World:
    """A member of each kind, each with a browser, and something at every address of the table."""

    def __init__(self, db: Session, make_client: Callable[..., Client], mail_folder: Path) -> None:
        self.db = db
        self.owner = make_user(db, "owner-of-it")
        self.users = {
            "new": make_user(db, "new-member", status=USER.Status.NEW),
            "owner": self.owner,
            "other": make_user(db, "somebody-else"),
            "staff": make_user(db, "who-helps", role=USER.Role.STAFF),
            "admin": make_user(db, "who-runs-it", role=USER.Role.ADMIN),
        }
        make_user(db, "shut", status=USER.Status.INACTIVE)
        self.moving: User | None = None
        self.waiting = make_user(db, "who-waits", status=USER.Status.NEW)
        self.waiting.approval = USER.Approval.WAITING
        self.post: Post = make_post(db, self.owner, "A post")
        self.draft: Post = make_post(db, self.owner, "A draft", publish=False)
        self.comment: Comment = make_comment(db, self.post, self.owner)
        self.clients = {visitor: make_client() for visitor in VISITORS}
        mail_folder.mkdir(parents=True, exist_ok=True)
        (mail_folder / f"{MAIL}.eml").write_text("To: ann@example.org\nSubject: Hello\n\nHello\n")

    def path(self, row: Row) -> str:
        return self.fill(row.path)

    def fill(self, text: str) -> str:
        """A text with what it names between braces; what of that can be used up is made anew."""
        made: dict[str, Callable[[], Any]] = {
            "{post}": lambda: self.post.id,
            "{tag}": lambda: make_post(self.db, self.owner, tags=["tea"]).tags[0].name,
            "{draft}": lambda: self.draft.id,
            "{fresh_post}": lambda: make_post(self.db, self.owner).id,
            "{removed_post}": self.make_removed_post,
            "{hidden_post}": self.make_hidden_post,
            "{case}": lambda: find_or_open(self.db, self.post).id,
            "{fresh_comment}": lambda: make_comment(self.db, self.post, self.owner).id,
            "{removed_comment}": self.make_removed_comment,
            "{comment}": lambda: self.comment.id,
            "{user}": lambda: self.owner.id,
            "{waiting}": lambda: self.waiting.id,
            "{mail}": self.make_mail,
            "{suppression}": self.make_suppression,
            "{passkey}": self.make_passkey,
            "{verify_token}": self.make_verify_token,
            "{reset_token}": self.make_reset_token,
            "{avatar}": self.make_avatar,
            "{image}": self.make_image,
            "{keep_token}": self.make_keep_token,
            "{stop_token}": self.make_stop_token,
            "{choices_token}": lambda: choosing.make_token(keys_of(self.db.info["registry"]), self.owner.id),
            "{change_token}": lambda: self.make_address_token(USER.TokenPurpose.CHANGE_EMAIL),
            "{undo_token}": lambda: self.make_address_token(USER.TokenPurpose.UNDO_EMAIL),
            "{lost_token}": lambda: self.make_second_factor_token(USER.TokenPurpose.RESET_SECOND_FACTOR),
            "{found_token}": lambda: self.make_second_factor_token(USER.TokenPurpose.KEEP_SECOND_FACTOR),
        }
        for name, make in made.items():
            if name in text:
                text = text.replace(name, str(make()))
        return text

    def make_removed_post(self) -> int:
        post = make_post(self.db, self.owner, "A post")
        remove_post(self.db, Actor(self.owner.id, self.owner.name), post.id)
        return post.id

    def make_hidden_post(self) -> int:
        post = make_post(self.db, self.owner, "A post")
        hide_post(self.db, post)
        return post.id

    def make_removed_comment(self) -> int:
        comment = make_comment(self.db, self.post, self.owner)
        remove_comment(self.db, Actor(self.owner.id, self.owner.name), comment.id)
        return comment.id

    def make_mail(self) -> int:
        queue_mail(self.db, Mail(Kind.ALREADY_REGISTERED, to_address="x@example.org", context={"name": "x"}))
        self.db.flush()
        return list_emails(self.db)[0].id

    def make_suppression(self) -> int:
        found = suppression.note(self.db, "x@example.org", Reason.HARD)
        assert found is not None
        return found.id

    def make_passkey(self) -> int:
        passkey = Passkey(
            user_id=self.owner.id, credential_id=token_bytes(16), handle=b"h", public_key=b"k", name="Phone"
        )
        self.db.add(passkey)
        self.db.flush()
        return passkey.id

    def make_verify_token(self) -> str:
        user = self.users["new"]
        user.email_verified_at, user.status = None, USER.Status.NEW
        return tokens.add_token(self.db, user, USER.TokenPurpose.VERIFY_EMAIL, HOUR)

    def make_address_token(self, purpose: USER.TokenPurpose) -> str:
        """For a member whom no visitor is: it may end the sign-ins."""
        if self.moving is None:
            self.moving = make_user(self.db, "who-moves")
        return tokens.add_token(self.db, self.moving, purpose, HOUR, email="elsewhere@example.org")

    def make_second_factor_token(self, purpose: USER.TokenPurpose) -> str:
        """For a member whom no visitor is: the visitors have no second factor to lose."""
        self.moving = self.moving or make_user(self.db, "who-moves")
        self.moving.second_factor_at = utc_now()
        return tokens.add_token(self.db, self.moving, purpose, HOUR)

    def make_keep_token(self) -> str:
        return tokens.add_token(self.db, self.owner, USER.TokenPurpose.KEEP_ACCOUNT, HOUR)

    def make_stop_token(self) -> str:
        keys = keys_of(self.db.info["registry"])
        return unsubscribing.make_token(keys, unsubscribing.Stop(self.owner.id, topic="reply"))

    def make_avatar(self) -> str:
        return keep_avatar(storage_of(self.db.info["registry"]), {48: b"a picture"})

    def make_image(self) -> str:
        picture = images.Picture(b"a picture", 3, 2)
        name = images.keep_picture(storage_of(self.db.info["registry"]), picture)
        return images.add_image(self.db, self.owner.id, name, picture, "").name

    def make_reset_token(self) -> str:
        return tokens.add_token(self.db, self.owner, USER.TokenPurpose.RESET_PASSWORD, HOUR)


@pytest.fixture
def world(app: Router, db: Session, make_client: Callable[..., Client]) -> World:
    return World(db, make_client, settings_of(app.registry).mail_folder)


def form_token(client: Client) -> str:
    """The token that a form would hold for the client, a guest or freshly signed in; no page is asked for it."""
    registry = client.app.registry
    policy, names = registry.getUtility(ICSRFStoragePolicy), cookies_of(registry)
    session, guest = names.name(COOKIE), names.name("guest")
    if session not in client.cookies and guest not in client.cookies:
        client.set_cookie(guest, make_token())
    # WebTest puts quotes around what it sets.
    seed = (client.cookies.get(session) or client.cookies[guest]).strip('"')
    if session in client.cookies:
        signed_in = sa.select(User.role).join(UserSession, UserSession.user_id == User.id)
        role = client.db.scalar(signed_in.where(UserSession.token_hash == hash_token(seed)))
        seed = seed_of_member(seed, role or USER.Role.ADMIN)
    return str(policy.derive(policy.keys[0], seed))


OTHER_METHODS = ("OPTIONS", "TRACE", "PUT", "PATCH", "DELETE", "FOO")
FIRST_ROWS = {row.route: row for row in reversed(TABLE)}


@pytest.mark.filterwarnings("ignore:Unknown REQUEST_METHOD")
@pytest.mark.parametrize("row", TABLE, ids=[f"{row.route}-{row.path}" for row in TABLE])
def test_every_address_answers_every_method_to_everybody_as_the_table_says(world: World, row: Row) -> None:
    expected, found = {}, {}
    for index, visitor in enumerate(VISITORS):
        client, path = world.clients[visitor], world.path(row)
        if visitor in world.users:
            # Posting may end the session, or change what a member is.
            sign_in(client, world.users[visitor])
        token = form_token(client)
        answers = {"GET": row.get, "HEAD": row.get, "POST": row.post} | dict.fromkeys(
            OTHER_METHODS, everybody(405)
        )
        # Methods that no view has are refused before anybody asks who it is, at whatever path of a route; HEAD is
        # answered by what answers GET. The one method that may change something comes last.
        others = OTHER_METHODS if visitor in ("guest", "admin") and row is FIRST_ROWS[row.route] else ()
        head = ("HEAD",) if visitor in ("guest", "admin") else ()
        for method in ("GET", *head, *others, "POST"):
            answer = client.request(path, method=method, headers={"X-CSRF-Token": token}, status="*")
            cell = f"{visitor} {method}"
            expected[cell], found[cell] = answers[method][index], answer.status_int
            if answer.status_int == 405:
                assert method not in answer.headers["Allow"].split(", ")
            if visitor == "guest" and answers[method] in (members(200), members(422), admins(200), admins(422)):
                assert "/users/login/?next=" in answer.location
    assert found == expected


def test_every_route_has_a_row(app: Router) -> None:
    routes = {route.name for route in app.registry.getUtility(IRoutesMapper).get_routes(include_static=True)}
    assert routes == {row.route for row in TABLE}


def test_every_row_stands_at_the_route_it_names(app: Router, world: World) -> None:
    mapper = app.registry.getUtility(IRoutesMapper)
    for row in TABLE:
        path = world.path(row)
        route = next(route for route in mapper.get_routes() if route.match(path) is not None)
        assert route.name == row.route


def test_routes_for_development_are_not_there_in_production(make_app: Callable[..., Router]) -> None:
    app = make_app(
        site_mode="production",
        site_url="https://site.example",
        mail_transport="smtp",
        mail_sender="site@site.example",
        users_password_rounds=12,
    )
    routes = {route.name for route in app.registry.getUtility(IRoutesMapper).get_routes()}
    assert {row.route for row in TABLE} - routes == {
        "emails.mailbox.list",
        "emails.mailbox.show",
        "emails.mailbox.html",
    }


# Views


def views(app: Router) -> Iterator[tuple[dict[str, Any], str | None]]:
    """Every view but those of exceptions, as Pyramid describes it, with its permission."""
    for view in app.registry.introspector.get_category("views"):
        described = view["introspectable"]
        context = described["context"]
        if isinstance(context, type) and issubclass(context, Exception):
            continue
        if context is IExceptionResponse:
            continue
        permissions = [item["value"] for item in view["related"] if item.category_name == "permissions"]
        yield dict(described), permissions[0] if permissions else None


def test_every_view_names_a_permission_of_the_table_and_one_method(app: Router) -> None:
    found = list(views(app))
    assert len(found) > 40
    for view, permission in found:
        assert permission in RULES, view["callable"]
        assert permission != NO_PERMISSION_REQUIRED
        assert view["request_methods"] in ("GET", "POST"), view["callable"]
        assert view["route_name"], view["callable"]


# What programs post to, with a proof of its own each.
WITHOUT_FORM_TOKEN = {"emails.unsubscribe", "emails.webhooks"}


def test_no_other_view_turns_the_check_of_the_form_token_off(app: Router) -> None:
    options = app.registry.getUtility(IDefaultCSRFOptions)
    assert options.require_csrf is True
    assert options.callback is None
    assert set(options.safe_methods) == {"GET", "HEAD", "OPTIONS", "TRACE"}
    without = set()
    for view, _permission in views(app):
        # None is the default, which was looked at above.
        if view["require_csrf"] not in (None, True):
            without.add(view["route_name"])
    assert without == WITHOUT_FORM_TOKEN


def test_the_only_views_without_permission_answer_errors(app: Router) -> None:
    open_views = [
        item["introspectable"]
        for item in app.registry.introspector.get_category("permissions")
        if item["introspectable"]["value"] == NO_PERMISSION_REQUIRED
    ]
    for permission in open_views:
        for view in app.registry.introspector.related(permission):
            assert issubclass(view["context"], Exception), view["callable"]


def test_without_a_permission_of_its_own_a_view_is_denied_to_admins_too(world: World, app: Router) -> None:
    client = world.clients["admin"]
    sign_in(client, world.users["admin"])
    client.get("/users/me/", status=200)
    identity = app.registry["identify"](world.db, client.cookies["session"].strip('"'))
    assert identity is not None
    assert not permits("denied:unless:named", identity, None)
