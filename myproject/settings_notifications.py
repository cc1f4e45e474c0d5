"""Settings of what members are told."""

from dataclasses import dataclass

from myproject.settings_values import at_least, setting


@dataclass(frozen=True, kw_only=True)
class NotificationSettings:
    """When members are told by mail, and how much."""

    notifications_window: int = setting(
        "notifications.window",
        at_least(0, 1440),
        "10",
        "minutes in which what is read on the site, changed or removed is not mailed, and more about the same post"
        " comes in one mail; 0: mails go at once",
    )
    notifications_daily_cap: int = setting(
        "notifications.daily_cap",
        at_least(1, 10_000),
        "30",
        "mails with notifications that one member gets in 24 hours at most",
    )
