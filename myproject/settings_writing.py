"""Settings of what members write."""

from dataclasses import dataclass
from enum import StrEnum

from myproject.settings_values import at_least, one_of, setting


class TagMakers(StrEnum):
    EVERYBODY = "everybody"
    STAFF = "staff"


@dataclass(frozen=True, kw_only=True)
class WritingSettings:
    """What members write."""

    posts_edit_minutes: int = setting(
        "posts.edit_minutes", at_least(0), "0", "minutes in which authors may change a post; 0: always"
    )
    comments_edit_minutes: int = setting(
        "comments.edit_minutes", at_least(0), "1440", "minutes in which authors may change a comment; 0: always"
    )
    comments_close_days: int = setting(
        "comments.close_days",
        at_least(0),
        "0",
        "days after which a post takes no more comments but from staff; 0: it always does",
    )
    posts_new_tags: TagMakers = setting(
        "posts.new_tags", one_of(TagMakers), "everybody", "who may give a post a tag that there is not yet"
    )
    newcomers_days: int = setting(
        "newcomers.days", at_least(0), "3", "days in which a member counts as new; 0: nobody does"
    )
    newcomers_posts: int = setting(
        "newcomers.posts", at_least(1, 1000), "5", "published posts with which a member is new no longer"
    )
    newcomers_links: int = setting(
        "newcomers.links", at_least(0), "3", "links that a new member may put into one post or comment"
    )
    newcomers_images: int = setting(
        "newcomers.images", at_least(0), "3", "images that a new member may put into one post or comment"
    )
    newcomers_pause_minutes: int = setting(
        "newcomers.pause_minutes", at_least(0), "5", "minutes between two posts of a new member; 0: none"
    )
    posts_approve_first: int = setting(
        "posts.approve_first",
        at_least(0, 1000),
        "0",
        "first posts of a member that wait until staff approve them; 0: none does",
    )
    comments_approve_first: int = setting(
        "comments.approve_first",
        at_least(0, 1000),
        "0",
        "first comments of a member that wait until staff approve them; 0: none does",
    )
    comments_in_a_row: int = setting(
        "comments.in_a_row",
        at_least(0, 1000),
        "10",
        "comments that a member may write one after the other on a post before somebody else does; 0: any number",
    )
