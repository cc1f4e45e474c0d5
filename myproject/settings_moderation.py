"""Settings of what members report, and of what follows from it."""

from dataclasses import dataclass

from myproject.settings_values import at_least, boolean, setting


@dataclass(frozen=True, kw_only=True)
class ModerationSettings:
    """What members report, and what follows from it."""

    moderation_flags_to_hide: int = setting(
        "moderation.flags_to_hide",
        at_least(0, 1000),
        "3",
        "members who have to report a text to hide it until staff have looked at it; 0: no number does",
    )
    moderation_flagger_texts: int = setting(
        "moderation.flagger_texts",
        at_least(0, 1000),
        "1",
        "posts and comments in the open from which on a member's reports count for that",
    )
    moderation_cooldown_minutes: int = setting(
        "moderation.cooldown_minutes",
        at_least(0),
        "30",
        "minutes until the author of a hidden text may change it, once",
    )
    moderation_vouch_comments: int = setting(
        "moderation.vouch_comments",
        at_least(0, 1000),
        "5",
        "comments in the open from which on a member may read hidden texts and vouch for them",
    )
    moderation_log: bool = setting(
        "moderation.log", boolean, "true", "show everybody what staff did with texts, at `/moderation/log/`"
    )
