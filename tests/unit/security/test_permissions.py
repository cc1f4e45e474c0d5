"""Who may do what, as a table to be read beside the one in `permissions.py`."""

from types import SimpleNamespace

import pytest

from myproject.db import utc_now
from myproject.security.identity import Identity
from myproject.security.permissions import RULES, Permission, may_publish, permits
from myproject.users import constants as USER

AUTHOR_ID = 7


def member(status: USER.Status, role: USER.Role = USER.Role.USER, id: int = 1) -> Identity:
    return Identity(
        id=id,
        name="ann",
        display_name="Ann",
        email="ann@example.org",
        verified=status == USER.Status.ACTIVE,
        role=role,
        status=status,
        locale="en",
        time_zone="UTC",
        theme="system",
        avatar="",
        second_factor=False,
        terms_version="1",
        session_id=1,
        authenticated_at=utc_now(),
    )


WHO: dict[str, Identity | None] = {
    "guest": None,
    "new": member(USER.Status.NEW),
    "active": member(USER.Status.ACTIVE),
    "new author": member(USER.Status.NEW, id=AUTHOR_ID),
    "author": member(USER.Status.ACTIVE, id=AUTHOR_ID),
    "staff": member(USER.Status.ACTIVE, USER.Role.STAFF),
    "admin": member(USER.Status.ACTIVE, USER.Role.ADMIN),
    "new admin": member(USER.Status.NEW, USER.Role.ADMIN),
    "inactive": member(USER.Status.INACTIVE),
    "inactive author": member(USER.Status.INACTIVE, id=AUTHOR_ID),
    "inactive staff": member(USER.Status.INACTIVE, USER.Role.STAFF),
    "inactive admin": member(USER.Status.INACTIVE, USER.Role.ADMIN),
}

EVERYONE = set(WHO)
SIGNED_IN = {"new", "active", "new author", "author", "staff", "admin", "new admin"}
AUTHOR_AND_STAFF = {"new author", "author", "staff", "admin"}

GRANTS: dict[str, set[str]] = {
    "site:pages:view": EVERYONE,
    "site:mailbox:view": EVERYONE,
    "emails:mail:stop": EVERYONE,
    "emails:bounce:tell": EVERYONE,
    "users:account:enter": EVERYONE,
    "users:account:leave": EVERYONE,
    "users:account:view": SIGNED_IN,
    "users:account:edit": SIGNED_IN,
    "users:account:protect": SIGNED_IN,
    "users:terms:accept": SIGNED_IN,
    # Where the route names no least role; below, where it does.
    "users:invitation:write": set(),
    "users:profile:view": EVERYONE,
    "users:avatar:view": EVERYONE,
    # But for their own profile; below.
    "users:block:write": SIGNED_IN,
    "posts:post:list": EVERYONE,
    "posts:post:view": EVERYONE,
    "posts:post:write": SIGNED_IN,
    "posts:post:mark": SIGNED_IN,
    "posts:post:edit": AUTHOR_AND_STAFF,
    "posts:post:remove": AUTHOR_AND_STAFF,
    "posts:post:curate": {"staff", "admin"},
    "posts:tag:edit": {"staff", "admin"},
    "comments:comment:view": EVERYONE,
    "comments:comment:write": SIGNED_IN,
    "comments:comment:edit": AUTHOR_AND_STAFF,
    "comments:comment:remove": AUTHOR_AND_STAFF,
    "comments:comment:curate": {"staff", "admin"},
    "bookmarks:bookmark:write": SIGNED_IN,
    "images:image:view": EVERYONE,
    "images:image:write": SIGNED_IN,
    "images:image:delete": AUTHOR_AND_STAFF,
    "notifications:notification:read": SIGNED_IN,
    "notifications:choices:edit": EVERYONE,
    "moderation:flag:write": SIGNED_IN,
    "moderation:hidden:view": SIGNED_IN,
    "moderation:waiting:answer": {"staff", "admin"},
    "moderation:ban:set": {"staff", "admin"},
    "admin:pages:view": {"admin"},
    "admin:users:edit": {"admin"},
    "admin:emails:edit": {"admin"},
    "admin:settings:edit": {"admin"},
}


def test_every_permission_has_a_rule_with_a_predicate() -> None:
    assert set(RULES) == set(Permission)
    assert all(RULES.values())


def test_this_table_names_every_permission() -> None:
    assert set(GRANTS) == {permission.value for permission in Permission}


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("permission", GRANTS)
def test_grants(permission: str, who: str) -> None:
    written_by_author = SimpleNamespace(author_id=AUTHOR_ID)
    assert permits(permission, WHO[who], written_by_author) == (who in GRANTS[permission])


@pytest.mark.parametrize(
    ("least", "inviters"),
    [
        (USER.Role.USER, {"active", "author", "staff", "admin"}),
        (USER.Role.STAFF, {"staff", "admin"}),
        (USER.Role.ADMIN, {"admin"}),
    ],
)
def test_who_invites(least: USER.Role, inviters: set[str]) -> None:
    route = SimpleNamespace(invite_role=least)
    assert {who for who in WHO if permits("users:invitation:write", WHO[who], route)} == inviters


def test_nobody_blocks_themselves() -> None:
    assert not permits("users:block:write", WHO["author"], SimpleNamespace(id=AUTHOR_ID))
    assert permits("users:block:write", WHO["active"], SimpleNamespace(id=AUTHOR_ID))


@pytest.mark.parametrize("permission", ["posts:post:edit", "comments:comment:edit"])
@pytest.mark.parametrize(
    "context", [None, object(), SimpleNamespace(author_id=None)], ids=["none", "other", "left"]
)
def test_nobody_is_the_author_of_what_has_none(permission: str, context: object) -> None:
    assert not permits(permission, WHO["author"], context)
    assert not permits(permission, None, context)
    assert permits(permission, WHO["staff"], context)


@pytest.mark.parametrize(
    "permission", ["", "view", "POST_VIEW", "posts:post:views", "__no_permission_required__", "\ud800"]
)
@pytest.mark.parametrize("who", ["guest", "active", "admin"])
def test_unknown_permission_is_denied(permission: str, who: str) -> None:
    assert not permits(permission, WHO[who], SimpleNamespace(author_id=AUTHOR_ID))


@pytest.mark.parametrize(
    ("who", "verified_needed", "publishes"),
    [
        ("guest", True, False),
        ("guest", False, False),
        ("new", True, False),
        ("new", False, True),
        ("active", True, True),
        ("active", False, True),
        ("new admin", True, False),
        ("inactive", True, False),
        ("inactive", False, False),
        ("inactive admin", False, False),
    ],
)
def test_who_publishes(who: str, verified_needed: bool, publishes: bool) -> None:
    assert may_publish(WHO[who], verified_needed) == publishes
