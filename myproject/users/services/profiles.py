"""What members say of themselves, and what everybody may see of it."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.cache import touch
from myproject.text import RENDERER_VERSION, canonical, render_markdown
from myproject.users import constants as USER
from myproject.users.models import User


@dataclass(frozen=True)
class Profile:
    """What everybody may see of a member."""

    id: int
    name: str
    title: str
    bio_html: str
    website: str
    role: USER.Role
    avatar: str
    created_at: datetime


PROFILE_STATEMENT = sa.select(
    User.id, User.name, User.display_name, User.bio_html, User.website, User.role, User.avatar, User.created_at
).where(
    User.name_canonical == sa.bindparam("name"),
    User.status != USER.Status.INACTIVE,
    User.deletion == USER.Deletion.NONE,
    User.approval.in_(USER.ADMITTED),
)


def find_profile(db: Session, name: str) -> Profile | None:
    """The public profile of a nickname, in any case; None where there is none, or the account is shut."""
    row = db.execute(PROFILE_STATEMENT, {"name": canonical(name)}).first()
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
    )


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


def render_bio(bio: str) -> str:
    return render_markdown(bio) if bio else ""
