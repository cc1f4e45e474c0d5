"""Who may do what: one table from permission to predicates.

A permission is granted where any of its predicates says so, and denied where none does or the table lacks it.
A predicate is a pure function of the identity (None for a guest) and the context object of the route.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from myproject.security.identity import Identity
from myproject.users import constants as USER


class Permission(StrEnum):
    """`scope:resource:action`, as PyPI's Warehouse writes them."""

    SITE_VIEW = "site:pages:view"
    SITE_DEVELOP = "site:mailbox:view"
    MAIL_STOP = "emails:mail:stop"
    BOUNCE_TELL = "emails:bounce:tell"

    ACCOUNT_ENTER = "users:account:enter"
    ACCOUNT_LEAVE = "users:account:leave"
    ACCOUNT_VIEW = "users:account:view"
    ACCOUNT_EDIT = "users:account:edit"
    ACCOUNT_PROTECT = "users:account:protect"
    TERMS_ACCEPT = "users:terms:accept"
    INVITATION_WRITE = "users:invitation:write"
    PROFILE_VIEW = "users:profile:view"
    AVATAR_VIEW = "users:avatar:view"
    BLOCK_WRITE = "users:block:write"

    POST_LIST = "posts:post:list"
    POST_VIEW = "posts:post:view"
    POST_WRITE = "posts:post:write"
    POST_MARK = "posts:post:mark"
    TAG_EDIT = "posts:tag:edit"
    POST_EDIT = "posts:post:edit"
    POST_REMOVE = "posts:post:remove"
    POST_CURATE = "posts:post:curate"
    COMMENT_VIEW = "comments:comment:view"
    COMMENT_WRITE = "comments:comment:write"
    COMMENT_EDIT = "comments:comment:edit"
    COMMENT_REMOVE = "comments:comment:remove"
    COMMENT_CURATE = "comments:comment:curate"
    BOOKMARK_WRITE = "bookmarks:bookmark:write"
    IMAGE_VIEW = "images:image:view"
    IMAGE_WRITE = "images:image:write"
    IMAGE_DELETE = "images:image:delete"
    NOTIFICATION_READ = "notifications:notification:read"
    NOTIFICATION_CHOOSE = "notifications:choices:edit"
    FLAG_WRITE = "moderation:flag:write"
    HIDDEN_VIEW = "moderation:hidden:view"
    WAITING_ANSWER = "moderation:waiting:answer"
    BAN_SET = "moderation:ban:set"

    ADMIN_VIEW = "admin:pages:view"
    ADMIN_USERS_EDIT = "admin:users:edit"
    ADMIN_EMAILS_EDIT = "admin:emails:edit"
    ADMIN_SETTINGS_EDIT = "admin:settings:edit"


Predicate = Callable[[Identity | None, Any], bool]


def everyone(identity: Identity | None, context: Any) -> bool:
    return True


def signed_in(identity: Identity | None, context: Any) -> bool:
    """Any member with a session: ACTIVE, or NEW, whose address is not verified yet."""
    return identity is not None and identity.status != USER.Status.INACTIVE


def active(identity: Identity | None, context: Any) -> bool:
    return identity is not None and identity.status == USER.Status.ACTIVE


def staff(identity: Identity | None, context: Any) -> bool:
    return active(identity, context) and identity is not None and identity.is_staff


def admin(identity: Identity | None, context: Any) -> bool:
    return active(identity, context) and identity is not None and identity.is_admin


def inviter(identity: Identity | None, context: Any) -> bool:
    """A verified member of the least role that may invite, which the context of the route names."""
    least: USER.Role | None = getattr(context, "invite_role", None)
    return active(identity, context) and identity is not None and least is not None and identity.role <= least


def somebody_else(identity: Identity | None, context: Any) -> bool:
    """Any member but the one whose profile the route has loaded, if it has one."""
    return signed_in(identity, context) and identity is not None and getattr(context, "id", None) != identity.id


def author(identity: Identity | None, context: Any) -> bool:
    """The one who wrote the post or comment that the route has loaded."""
    return (
        signed_in(identity, context)
        and identity is not None
        and getattr(context, "author_id", None) == identity.id
    )


RULES: dict[Permission, tuple[Predicate, ...]] = {
    Permission.SITE_VIEW: (everyone,),
    Permission.SITE_DEVELOP: (everyone,),
    Permission.MAIL_STOP: (everyone,),
    Permission.BOUNCE_TELL: (everyone,),
    Permission.ACCOUNT_ENTER: (everyone,),
    Permission.ACCOUNT_LEAVE: (everyone,),
    Permission.ACCOUNT_VIEW: (signed_in,),
    Permission.ACCOUNT_EDIT: (signed_in,),
    Permission.ACCOUNT_PROTECT: (signed_in,),
    Permission.TERMS_ACCEPT: (signed_in,),
    Permission.INVITATION_WRITE: (inviter,),
    Permission.PROFILE_VIEW: (everyone,),
    Permission.AVATAR_VIEW: (everyone,),
    Permission.BLOCK_WRITE: (somebody_else,),
    Permission.POST_LIST: (everyone,),
    Permission.POST_VIEW: (everyone,),
    # A member whose address is not verified yet keeps drafts; publishing asks `may_publish`.
    Permission.POST_WRITE: (signed_in,),
    # To like it, follow it, have read it.
    Permission.POST_MARK: (signed_in,),
    Permission.TAG_EDIT: (staff,),
    Permission.POST_EDIT: (author, staff),
    Permission.POST_REMOVE: (author, staff),
    Permission.POST_CURATE: (staff,),
    Permission.COMMENT_VIEW: (everyone,),
    Permission.COMMENT_WRITE: (signed_in,),
    Permission.COMMENT_EDIT: (author, staff),
    Permission.COMMENT_REMOVE: (author, staff),
    Permission.COMMENT_CURATE: (staff,),
    Permission.BOOKMARK_WRITE: (signed_in,),
    Permission.IMAGE_VIEW: (everyone,),
    Permission.IMAGE_WRITE: (signed_in,),
    Permission.IMAGE_DELETE: (author, staff),
    Permission.NOTIFICATION_READ: (signed_in,),
    # By a link in a mail, which says whose they are.
    Permission.NOTIFICATION_CHOOSE: (everyone,),
    # Reporting asks `may_publish` too; who reads a hidden text, `moderation.services.hidden` decides.
    Permission.FLAG_WRITE: (signed_in,),
    Permission.HIDDEN_VIEW: (signed_in,),
    Permission.WAITING_ANSWER: (staff,),
    Permission.BAN_SET: (staff,),
    Permission.ADMIN_VIEW: (admin,),
    Permission.ADMIN_USERS_EDIT: (admin,),
    Permission.ADMIN_EMAILS_EDIT: (admin,),
    Permission.ADMIN_SETTINGS_EDIT: (admin,),
}


# What is left to a member whose role asks for a second factor that they lack: to set one up, and to leave.
WITHOUT_SECOND_FACTOR = frozenset({Permission.ACCOUNT_PROTECT, Permission.ACCOUNT_LEAVE, Permission.TERMS_ACCEPT})


# Granted before it is asked who looks: a page shows many files, and none of them should take a query; a link that
# stops mail, or chooses it, works the same whoever is signed in.
FOR_ALL = frozenset(
    {
        Permission.AVATAR_VIEW,
        Permission.IMAGE_VIEW,
        Permission.MAIL_STOP,
        Permission.NOTIFICATION_CHOOSE,
        Permission.BOUNCE_TELL,
    }
)


def is_for_members(permission: str | None) -> bool:
    """Whether the table has this permission, and guests don't. Error pages need none of the table."""
    return any(everyone not in RULES[known] for known in Permission if known == permission)


def permits(permission: str, identity: Identity | None, context: Any) -> bool:
    """Whether the table grants `permission` to `identity` on `context`."""
    try:
        predicates = RULES[Permission(permission)]
    except (ValueError, KeyError):
        return False
    return any(predicate(identity, context) for predicate in predicates)


def may_publish(identity: Identity | None, require_verified_email: bool) -> bool:
    """Whether a member may publish: an ACTIVE one always, a NEW one where no address need be verified."""
    if identity is None:
        return False
    return active(identity, None) or (not require_verified_email and signed_in(identity, None))
