"""Every form of the site, and every button: where it stands, who sends it, and what is right in it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import sqlalchemy as sa

from myproject import switches
from myproject.audit import COMMAND_LINE
from myproject.cache import touch
from myproject.comments.services.writing import create_comment, edit_comment
from myproject.db import sessions_of
from myproject.moderation.services import texts
from myproject.posts.services.writing import create_post, edit_post, render
from myproject.security.cookies import cookies_of
from myproject.security.oidc import Person
from myproject.security.passwords import hasher_of
from myproject.users import constants as USER
from myproject.users.models import FormerName, User
from myproject.users.services import deletion, first_admin, invitations, second_factor, sign_ins, steps
from myproject.users.views.enter import STEP_COOKIE
from myproject.users.views.oidc import REGISTRATION_COOKIE
from myproject.users.views.second_factor import ADDING_COOKIE
from tests.conftest import CAPTCHA_ANSWER, PASSWORD
from tests.factories import make_comment, make_post, password_hash
from tests.functional.security.test_access import World
from tests.phones import CLIENT, turn_on

# Made anew for each sending.
NUMBER = "{number}"
NEW_PASSWORD = "a long password of staff"
PROVIDER = "somewhere"


@dataclass(frozen=True)
class Form:
    """What `visitor` posts to a route. `right` is what must be filled in, or otherwise than the page
    has it; every field where no page shows the form at its own
    address. Names between braces are those of `World`.

    `path` is where it stands, if not at the first row of the route; `button` what is pressed; `before` makes the
    form possible once more; `answer` is that to a form that is rightly filled.
    """

    route: str
    visitor: str
    right: dict[str, str] = field(default_factory=dict)
    path: str = ""
    button: str = ""
    before: Callable[[World], str | None] | None = None
    answer: int = 303


# What makes a form possible once more. One that gives text gives the path.


def keep_account(world: World) -> None:
    deletion.keep_account(world.db, world.users["other"].id, CLIENT)


def forget_password(world: World) -> None:
    for user in world.users.values():
        user.password = password_hash(hasher_of(world.db.info["registry"]))


def allow_name(world: World) -> None:
    world.users["other"].name_changed_at = None
    world.db.execute(sa.delete(FormerName))


def ask_for_terms(world: World) -> None:
    user = world.users["other"]
    user.terms_version = ""
    touch(world.db, f"user:{user.id}")


def check_newcomers(world: World) -> None:
    switches.turn(world.db, COMMAND_LINE, switches.Name.CAPTCHA, switches.Position.ON, "")


def set_cookie(world: World, visitor: str, name: str, value: str) -> None:
    client = world.clients[visitor]
    client.set_cookie(cookies_of(client.app.registry).name(name), value)


def sign_in_by_half(world: World) -> None:
    user = world.users["staff"]
    if user.second_factor_at is None:
        turn_on(world.db, user)
    opened = sign_ins.open_session(world.db, user, CLIENT, USER.Way.PASSWORD)
    set_cookie(world, "guest", STEP_COOKIE, opened.token)


def add_authenticator(world: World) -> None:
    registry = world.db.info["registry"]
    keys = registry["keys"]
    token = second_factor.begin_adding(world.db, keys, world.users["other"].id)
    set_cookie(world, "other", ADDING_COOKIE, token)


def let_post_wait(world: World) -> str:
    text = render("A post", "Some **text**.", ())
    post = create_post(world.db, world.owner.id, text, publish=True, approve_first=999)
    return f"/moderation/waiting/posts/{post.id}/"


def let_comment_wait(world: World) -> str:
    comment = create_comment(
        world.db, world.post.id, world.users["other"].id, "Well", "Well", None, approve_first=999
    )
    assert comment is not None
    return f"/moderation/waiting/comments/{comment.id}/"


def change_post(world: World) -> str:
    post = make_post(world.db, world.owner)
    text = render("Another title", "Other text", ())
    edit_post(world.db, post.id, 1, text, editor=COMMAND_LINE, reason="It helps")
    return f"/posts/{post.id}/history/"


def change_comment(world: World) -> str:
    comment = make_comment(world.db, world.post, world.owner)
    edit_comment(world.db, comment.id, 1, "Other text", "Other text", editor=COMMAND_LINE, reason="It helps")
    return f"/comments/{comment.id}/history/"


def has_second_factor(world: World) -> None:
    user = world.users["owner"]
    if user.second_factor_at is None:
        turn_on(world.db, user)
        touch(world.db, f"user:{user.id}")


def make_invitation(world: World) -> str:
    user = world.users["other"]
    invitations.make_invitation(world.db, user.id, uses=1, days=1)
    return f"/users/me/invitations/{invitations.list_invitations(world.db, user.id)[0].id}/revoke/"


def hide_post(world: World) -> str:
    post = make_post(world.db, world.owner)
    make_comment(world.db, post, world.users["other"])
    texts.hide(world.db, post)
    return f"/posts/{post.id}/hidden/"


def hide_comment(world: World) -> str:
    comment = make_comment(world.db, world.post, world.owner)
    make_comment(world.db, world.post, world.users["other"])
    texts.hide(world.db, comment)
    return f"/comments/{comment.id}/hidden/"


def leave_no_admin(world: World) -> str:
    world.db.execute(sa.update(User).values(role=USER.Role.USER))
    world.db.commit()
    with sessions_of(world.db.info["registry"]).writing() as db:
        return f"/users/setup/{first_admin.make_link(db)}/"


def come_from_provider(world: World) -> None:
    person = Person("https://x.example", "1", "x", "x", "", email_verified=False)
    data = {"provider": PROVIDER, "person": asdict(person), "target": "/", "invitation": ""}
    token = steps.begin_step(world.db, USER.Step.PROVIDER_REGISTRATION, data)
    set_cookie(world, "guest", REGISTRATION_COOKIE, token)


# The forms

ACCOUNT = {
    "name": f"someone{NUMBER}",
    "email": f"someone{NUMBER}@example.org",
    "password": NEW_PASSWORD,
    "confirm": NEW_PASSWORD,
    "accept_tos": "true",
}
REGISTRATION = ACCOUNT | {"captcha_answer": CAPTCHA_ANSWER}
POST = {
    "title": "Of tea",
    "body": "Some *text*",
    "tags": "tea, cake",
    "link_url": f"https://site.example/{NUMBER}",
    "image_alt": "A cup",
}
PLACE = {"from": "1", "thread": "", "order": "old"}
REASON = {"reason": "It helps"}
CREDENTIAL = {"credential": '{"id": "AA", "response": {}}', "next": "/drafts/"}
LIST_OF_MAILS = {"state": "0", "topic": "", "q": "ann"}

FORMS = (
    Form("users.sessions", "other", {"session": "1", "others": ""}),
    Form("users.register", "guest", REGISTRATION),
    Form("users.login", "guest", {"login": "somebody-else", "password": PASSWORD, "remember": "true"}),
    Form("users.lost_password", "guest", {"email": "somebody-else@example.org"}),
    Form(
        "users.reset_password",
        "guest",
        {"password": NEW_PASSWORD, "confirm": NEW_PASSWORD},
        "/users/reset-password/{reset_token}/",
        before=forget_password,
    ),
    Form(
        "users.edit",
        "other",
        {
            "display_name": "Olga",
            "bio": "I like *tea*",
            "website": "https://olga.example",
            "time_zone": "Europe/Paris",
            "remove_avatar": "true",
        },
    ),
    Form("users.name", "other", {"name": f"other{NUMBER}"}, before=allow_name),
    Form(
        "users.password",
        "other",
        {"current": PASSWORD, "password": NEW_PASSWORD, "confirm": NEW_PASSWORD},
        before=forget_password,
    ),
    Form(
        "users.email",
        "other",
        {"email": f"elsewhere{NUMBER}@example.org", "password": PASSWORD},
        before=forget_password,
    ),
    Form("users.reauth", "other", {"password": PASSWORD}, before=forget_password),
    Form("users.verify", "new", {"code": "BCDF-GHJK"}, button="verify", answer=422),
    Form("users.correct_email", "new", {"email": f"new{NUMBER}@example.org"}),
    Form("users.data", "other", button="export"),
    Form("users.delete", "other", {"posts": "keep", "sure": "true"}, before=keep_account),
    Form("users.blocked", "other", {"member": "{user}"}),
    Form("users.block", "other", {"on": "1"}),
    Form("users.passkeys.rename", "owner", {"name": "Phone"}),
    Form("users.passkeys.remove", "owner"),
    Form("users.passkeys.add.options", "other", {"name": "Phone"}, answer=200),
    Form("users.passkeys.add", "other", CREDENTIAL | {"name": "Phone"}, answer=422),
    Form("users.passkeys.sign_in", "guest", CREDENTIAL | {"remember": "true"}, answer=422),
    Form("users.passkeys.reauth", "other", CREDENTIAL, answer=422),
    Form("users.passkeys.second_factor", "guest", CREDENTIAL, before=sign_in_by_half, answer=422),
    Form("users.second_factor", "guest", {"code": "123 456"}, before=sign_in_by_half, answer=422),
    Form(
        "users.second_factor",
        "guest",
        {"code": "BCDF-GHJK"},
        "/users/login/second-factor/?recovery",
        before=sign_in_by_half,
        answer=422,
    ),
    Form("users.second_factor.lost", "guest", before=sign_in_by_half),
    Form("users.second_factor.add", "other", {"code": "123456"}, before=add_authenticator, answer=422),
    Form("posts.new", "other", POST, button="publish"),
    Form("posts.new", "other", POST, button="preview", answer=200),
    Form("posts.drafts", "other", {"let_go": "1"}),
    Form("posts.edit", "staff", POST | REASON, button="save"),
    Form("posts.delete", "staff", REASON),
    Form("posts.lock", "staff", REASON),
    Form("posts.history", "staff", button="restore", before=change_post),
    Form("posts.like", "other", {"on": "1"} | PLACE),
    Form("posts.follow", "other", {"attention": "follow"}),
    Form("posts.follow", "other", {"attention": "mute", "list": ""}),
    Form("posts.pin", "staff", {"off": ""}),
    Form("posts.tag.edit", "staff", {"name": "tea", "description": "Leaves in *water*"}),
    Form("posts.tag.mute", "other", {"on": "1", "list": ""}),
    Form("posts.tag.follow", "other", {"on": "0", "list": ""}),
    Form("bookmarks.change", "other", {"on": "1", "list": ""}),
    Form("comments.create", "other", {"body": "Well *said*", "parent_id": ""}, button="send"),
    Form(
        "comments.create", "other", {"body": "Well *said*", "parent_id": "{comment}"}, button="preview", answer=200
    ),
    Form("comments.edit", "staff", {"body": "Well *said*"} | REASON, button="save"),
    Form("comments.like", "other", {"on": "1"}),
    Form("comments.delete", "staff", REASON),
    Form("comments.restore", "owner", path="/comments/{removed_comment}/restore/"),
    Form("comments.history", "staff", button="restore", before=change_comment),
    Form("comments.move", "staff", {"target": "{fresh_post}"} | REASON),
    Form("comments.split", "staff", {"title": "Of cake", "body": "Some *text*"} | REASON),
    Form("comments.merge", "staff", {"target": "{fresh_post}"} | REASON),
    Form("images.list", "other", {"image_alt": "A cup"}, answer=422),
    Form("images.delete", "owner"),
    Form("notifications.settings", "other"),
    Form("notifications.choices", "guest"),
    Form("notifications.read", "other", {"id": "1", "up_to": "", "after": "", "show": "unread"}),
    Form("moderation.report.post", "other", {"reason": "1", "note": "Look"}, button="report"),
    Form("moderation.report.comment", "other", {"reason": "1", "note": "Look"}, button="report"),
    Form("moderation.waiting.post", "staff", REASON, button="remove", before=let_post_wait),
    Form("moderation.waiting.comment", "staff", REASON, button="remove", before=let_comment_wait),
    Form("moderation.case", "staff", REASON, button="stay"),
    Form("moderation.ban", "staff", {"days": "3", "hide": "true"} | REASON, button="ban"),
    Form("moderation.ban", "staff", {"show": "true"}, button="lift"),
    Form("admin.users.view", "admin", {"role": "1", "status": "2"} | REASON, "/admin/users/{waiting}/"),
    Form("admin.users.password", "admin", REASON),
    Form("admin.users.second_factor", "admin", REASON),
    Form("admin.settings", "admin", {"newcomers": "off"} | REASON, before=check_newcomers),
    Form("admin.suppressions.lift", "admin", REASON),
    Form("admin.mail_doctor", "admin", {"headers": "From: a@example.org"}, button="look"),
    Form("admin.approvals.decide", "admin", {"message": "Welcome"}, button="approve"),
    Form("admin.emails.resend_all", "admin", LIST_OF_MAILS),
    Form("admin.emails.cancel_all", "admin", LIST_OF_MAILS),
    Form("admin.emails.open", "admin", {"domain": "example.org"}),
    # Buttons without fields.
    Form("emails.unsubscribe", "guest", answer=200),
    Form("users.logout", "other"),
    Form("users.delete.undo", "other"),
    Form("users.keep", "guest"),
    Form("users.verify.link", "guest"),
    Form("users.email.confirm", "guest"),
    Form("users.email.undo", "guest"),
    Form("users.passkeys.sign_in.options", "guest", answer=200),
    Form("users.passkeys.reauth.options", "owner", answer=200),
    Form("users.passkeys.second_factor.options", "guest", before=sign_in_by_half, answer=422),
    Form("users.second_factor.begin", "other"),
    Form("users.second_factor.codes", "owner", before=has_second_factor, answer=200),
    Form("users.second_factor.stay", "owner", before=has_second_factor),
    Form("users.second_factor.off", "owner", before=has_second_factor),
    Form("users.second_factor.reset", "guest"),
    Form("users.second_factor.keep", "guest"),
    Form("posts.read_all", "other"),
    Form("posts.restore", "staff", path="/posts/{removed_post}/restore/"),
    Form("admin.users.sessions", "admin"),
    Form("admin.emails.resend", "admin"),
    Form("admin.emails.cancel", "admin"),
    # They may do nothing else any more.
    Form("users.terms", "other", {"accept_tos": "true"}, before=ask_for_terms),
    # There is no other admin any more.
    Form("users.first_admin", "guest", ACCOUNT | {"name": f"root{NUMBER}"}, before=leave_no_admin),
)

# With other settings

BY_INVITATION = {"users_registration": "invite"}
FORMS_BY_INVITATION = (
    Form("users.invitations", "other", {"uses": "3", "days": "7", "note": "For Ann"}),
    Form("users.invitations.revoke", "other", before=make_invitation),
)
BY_APPROVAL = {
    "users_registration": "approval",
    "moderation_vouch_comments": 1,
    # Nobody answers there.
    f"oidc.{PROVIDER}.issuer": "http://127.0.0.1:9",
    f"oidc.{PROVIDER}.client_id": "x",
    f"oidc.{PROVIDER}.client_secret": "x",
    f"oidc.{PROVIDER}.private_hosts": "127.0.0.1:9",
}
WHO_ASKS = {"reason": "I like tea"}
FORMS_BY_APPROVAL = (
    Form("moderation.hidden.post", "other", before=hide_post),
    Form("moderation.hidden.comment", "other", before=hide_comment),
    Form("users.register", "guest", REGISTRATION | WHO_ASKS),
    Form(
        "users.oidc.register",
        "guest",
        {"name": f"visitor{NUMBER}", "email": f"ann{NUMBER}@example.org", "accept_tos": "true"} | WHO_ASKS,
        f"/users/oidc/{PROVIDER}/register/",
        before=come_from_provider,
    ),
    Form(
        "users.oidc.start",
        "guest",
        {"next": "/drafts/", "invitation": "x"},
        f"/users/oidc/{PROVIDER}/start/",
        answer=503,
    ),
    Form("users.oidc.prove", "other", {"next": "/drafts/"}, f"/users/oidc/{PROVIDER}/prove/", answer=503),
    Form("users.connections", "other", {"connect": PROVIDER, "disconnect": ""}, answer=503),
)
