"""The site's settings: one typed table, parsed and checked once, at start.

A setting comes from the first of these that names it:

1. the environment, as ``MYPROJECT_`` and the key in upper case, each dot written as two underscores
   (``site.url`` is ``MYPROJECT_SITE__URL``);
2. the ini file;
3. a file: ``KEY_file`` in the ini file or the environment names it, and its stripped content is the value.

The rows stand in the `settings_*` modules, by subject. `docs/settings.md` is held to this table by a test.
"""

import os
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, cast

from myproject import settings_oidc
from myproject.settings_bounces import BounceSettings, problems_of_bounces
from myproject.settings_limits import LimitSettings
from myproject.settings_mail import MailSettings, problems_of_mail
from myproject.settings_moderation import ModerationSettings
from myproject.settings_notifications import NotificationSettings
from myproject.settings_site import Mode, ProxySettings, RetentionSettings, SiteSettings, problems_of_site
from myproject.settings_stores import StoreSettings
from myproject.settings_unknown import PREFIX as ENVIRONMENT_PREFIX
from myproject.settings_unknown import problems_of_unknown, variable
from myproject.settings_users import CaptchaSettings, UserSettings, problems_of_captcha, problems_of_users
from myproject.settings_writing import WritingSettings


class SettingsError(Exception):
    """Every setting that is wrong, each with what mends it."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(
            "The site can't start, because of its settings:\n" + "\n".join(f"  - {p}" for p in problems)
        )
        self.problems = problems


# The fields of a dataclass are those of its last base first: that is the order of the document.
@dataclass(frozen=True, kw_only=True)
class Settings(
    RetentionSettings,
    ProxySettings,
    NotificationSettings,
    ModerationSettings,
    WritingSettings,
    UserSettings,
    CaptchaSettings,
    BounceSettings,
    MailSettings,
    LimitSettings,
    StoreSettings,
    SiteSettings,
):
    """All settings of the site, parsed. Attributes carry the key with dots as underscores."""

    # The rows of these are in `settings_oidc`.
    oidc: tuple[settings_oidc.Provider, ...] = ()

    @classmethod
    def with_defaults(cls, **values: Any) -> "Settings":
        """Settings with the given attributes, unchecked, and defaults for the rest: for tools."""
        defaults = {f.name: f.metadata["parse"](f.metadata["default"]) for f in fields(cls) if f.metadata}
        return cls(**defaults | values)


def table() -> list[dict[str, Any]]:
    """The rows of `docs/settings.md`: key, default as the ini file writes it, meaning, and type."""
    rows = [f for f in fields(Settings) if f.metadata] + settings_oidc.ROWS
    return [{"name": f.name, "type": f.type, **f.metadata} for f in rows]


def keys_in(options: Mapping[str, str], environ: Mapping[str, str]) -> list[str]:
    """The keys that the ini file or the environment gives."""
    variables = (name for name in environ if name.startswith(ENVIRONMENT_PREFIX))
    keys = [name.removeprefix(ENVIRONMENT_PREFIX).replace("__", ".").lower() for name in variables]
    return sorted({*options, *keys})


def read(options: Mapping[str, str], environ: Mapping[str, str], key: str, default: str) -> str:
    """The raw text of one setting, from the environment, the ini file, or the file that either names.

    Raises OSError where such a file can't be read.
    """

    def named(name: str) -> str | None:
        return environ.get(variable(name), options.get(name))

    value = named(key)
    if value is None:
        value_file = named(key + "_file")
        value = default if value_file is None else Path(value_file).read_text(encoding="utf-8").strip()
    return value


def load_settings(options: Mapping[str, str], environ: Mapping[str, str] = os.environ) -> Settings:
    """Parses and checks every setting.

    `options` are the ini file's keys of the app's section. What names no setting is wrong too.
    Raises `SettingsError` that lists all problems.
    """
    problems: list[str] = []
    values: dict[str, Any] = {}
    for row in fields(Settings):
        if not row.metadata:
            continue
        assert row.default is MISSING
        key, parse = row.metadata["key"], row.metadata["parse"]
        try:
            values[row.name] = parse(read(options, environ, key, row.metadata["default"]))
        except (ValueError, OSError) as error:
            problems.append(f"{key}: {error}")
            values[row.name] = parse(row.metadata["default"])
    values["oidc"], problems_of_oidc = settings_oidc.read_providers(
        keys_in(options, environ),
        partial(read, options, environ),
        production=values["site_mode"] is Mode.PRODUCTION,
    )
    # A setting that does not parse stands at its default now, of which nothing need be said.
    wrong = {problem.partition(":")[0] for problem in problems}
    settings = Settings(**values)
    problems += [
        problem for problem in contradictions(settings, options, environ) if problem.partition(":")[0] not in wrong
    ]
    problems += problems_of_oidc
    keys = [row.metadata["key"] for row in fields(Settings) if row.metadata]
    problems += problems_of_unknown(keys, options, environ)
    if problems:
        raise SettingsError(problems)
    return settings


def contradictions(settings: Settings, options: Mapping[str, str], environ: Mapping[str, str]) -> list[str]:
    """What is wrong with settings that parse, each with its mend."""
    production = not settings.development
    return [
        *problems_of_site(settings, options, environ),
        *problems_of_captcha(settings, production=production),
        *problems_of_users(settings, production=production),
        *problems_of_mail(settings, production=production),
        *problems_of_bounces(settings, production=production),
    ]


def settings_of(registry: Any) -> Settings:
    """The site's settings, as `main` put them into the application registry."""
    return cast(Settings, registry["settings"])
