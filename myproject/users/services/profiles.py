"""What members say of themselves, and what everybody may see of it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.cache import touch
from myproject.db import BIG_INTEGER
from myproject.markdown.references import LookUp, know_nothing
from myproject.rerender import Rendered
from myproject.text import RENDERER_VERSION, canonical, render_markdown
from myproject.users import constants as USER
from myproject.users.models import User, UserBlock


@dataclass(frozen=True)
class Profile:
    """What everybody may see of a member; and whether they are blocked by who asks, which is for these alone."""

    id: int
    name: str
    title: str
    bio_html: str
    website: str
    role: USER.Role
    avatar: str
    created_at: datetime
    is_blocked: bool = False


# Whose profile there is.
SHOWN = (
    User.status != USER.Status.INACTIVE,
    User.deletion == USER.Deletion.NONE,
    User.approval.in_(USER.ADMITTED),
)
NOBODY = 0
PROFILE_STATEMENT = sa.select(
    User.id,
    User.name,
    User.display_name,
    User.bio_html,
    User.website,
    User.role,
    User.avatar,
    User.created_at,
    sa.exists()
    .where(UserBlock.user_id == sa.bindparam("reader_id", type_=BIG_INTEGER), UserBlock.blocked_id == User.id)
    .label("is_blocked"),
).where(User.name_canonical == sa.bindparam("name"), *SHOWN)


def find_profile(db: Session, name: str, reader_id: int = NOBODY) -> Profile | None:
    """The public profile of a nickname, in any case, as a member reads it, or everybody; None where there is none,
    or the account is shut.
    """
    row = db.execute(PROFILE_STATEMENT, {"name": canonical(name), "reader_id": reader_id}).first()
    if row is None:
        return None
    return Profile(
        row.id,
        row.name,
        row.display_name or row.name,
        row.bio_html,
        row.website,
        row.role,
        row.avatar,
        row.created_at,
        row.is_blocked,
    )


def find_mentioned(db: Session, names: Collection[str]) -> dict[str, str]:
    """Of those who have one of these nicknames and a profile: the name in its address, by the one as written."""
    written = {name: canonical(name) for name in names}
    there = sa.select(User.name_canonical).where(User.name_canonical.in_(set(written.values())), *SHOWN)
    found = set(db.scalars(there))
    return {name: known for name, known in written.items() if known in found}


def update_profile(
    db: Session,
    user: User,
    *,
    display_name: str,
    bio: str,
    bio_html: str,
    website: str,
    time_zone: str,
    locale: str,
    theme: str,
) -> None:
    """Changes what a member says of themselves. `bio_html` is `render_bio(bio)`, made before the transaction."""
    user.display_name, user.website = display_name, website
    user.bio, user.bio_html, user.bio_renderer = bio, bio_html, RENDERER_VERSION
    user.time_zone, user.locale, user.theme = time_zone, locale, theme
    # Cached pages show names.
    touch(db, "site")


def bio_rendered_anew(db: Session, user: User) -> None:
    touch(db, "site")


RENDERED = Rendered(User, "bio", bio_rendered_anew)


def render_bio(bio: str, look_up: LookUp = know_nothing) -> str:
    return render_markdown(bio, look_up) if bio else ""
