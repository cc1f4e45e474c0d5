"""The site's settings: one typed table, parsed and checked once, at start.

A setting comes from the first of these that names it:

1. the environment, as ``MYPROJECT_`` and the key in upper case, each dot written as two underscores
   (``site.url`` is ``MYPROJECT_SITE__URL``);
2. the ini file;
3. a file: ``KEY_file`` in the ini file or the environment names it, and its stripped content is the value.

`docs/settings.md` is held to this table by a test.
"""

import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import limits
from pyramid.settings import asbool
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from myproject import settings_oidc

ENVIRONMENT_PREFIX = "MYPROJECT_"
E = TypeVar("E", bound=StrEnum)

SECRET_KEY_MIN_LENGTH = 32
ALTCHA_SCRIPT = Path(__file__).parent / "static/vendor/altcha/altcha.min.js"
PASSWORD_ROUNDS_FLOOR = 12
LOOPBACK = ("localhost", "127.0.0.1", "::1")
DEFAULT_PORTS = {"http": ":80", "https": ":443"}
# A host name or address as a browser sends it: ASCII, perhaps a port, no user.
HOST = re.compile(r"([a-z0-9]([a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
DEBUGGING = re.compile(r"(pyramid\.)?(debug|reload)_[a-z_]+|PYRAMID_(DEBUG|RELOAD)_[A-Z_]+")
MAIL_ADDRESS = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+")


class SettingsError(Exception):
    """Every setting that is wrong, each with what mends it."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(
            "The site can't start, because of its settings:\n" + "\n".join(f"  - {p}" for p in problems)
        )
        self.problems = problems


class Mode(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class MailTransport(StrEnum):
    FILES = "files"
    SMTP = "smtp"


class MailTls(StrEnum):
    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


class CaptchaProvider(StrEnum):
    NONE = "none"
    QUESTION = "question"
    ALTCHA = "altcha"
    RECAPTCHA = "recaptcha"
    HCAPTCHA = "hcaptcha"
    TURNSTILE = "turnstile"


class SecondFactorFor(StrEnum):
    NONE = "none"
    STAFF = "staff"


class Registration(StrEnum):
    OPEN = "open"
    INVITE = "invite"
    APPROVAL = "approval"
    CLOSED = "closed"


class Inviters(StrEnum):
    """The least role that may invite; named as `users.constants.Role`."""

    USER = "user"
    STAFF = "staff"
    ADMIN = "admin"


def text(value: str) -> str:
    return value.strip()


def at_most(most: int) -> Callable[[str], str]:
    """Text of up to `most` characters."""

    def parse(value: str) -> str:
        if len(value.strip()) > most:
            raise ValueError(f"say at most {most} characters")
        return value.strip()

    return parse


def at_least(least: int, most: int = 2**31 - 1) -> Callable[[str], int]:
    def parse(value: str) -> int:
        value = value.strip()
        # int() would take `1_000` and the digits of every script.
        if not re.fullmatch(r"-?[0-9]{1,10}", value) or not least <= int(value) <= most:
            bounds = f"of {least} or more" if most == 2**31 - 1 else f"from {least} to {most}"
            raise ValueError(f"say a whole number {bounds}")
        return int(value)

    return parse


BOOLEANS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


def boolean(value: str) -> bool:
    try:
        return BOOLEANS[value.strip().lower()]
    except KeyError:
        raise ValueError("say true or false") from None


def words(value: str) -> tuple[str, ...]:
    return tuple(value.split())


def hosts(value: str) -> tuple[str, ...]:
    names = words(value.lower())
    if not all(HOST.fullmatch(name) for name in names):
        raise ValueError("say host names with blanks between, such as www.example.org localhost:6543")
    return names


def lines(value: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in value.splitlines() if line.strip())


def path(value: str) -> Path:
    try:
        return Path(value.strip()).expanduser()
    except RuntimeError:
        raise ValueError("say a path without `~`: there is no such home folder") from None


def time_zone(value: str) -> str:
    try:
        ZoneInfo(value.strip())
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("say a name from the IANA time zone database, such as Europe/Paris") from None
    return value.strip()


def origin(value: str) -> str:
    """An http or https address without path, query or fragment, as browsers send it (RFC 6454, 6.2).

    That is in lower case, without a last slash and without the scheme's own port.
    """
    value = value.strip().rstrip("/").lower()
    if not value:
        return ""
    scheme, _, netloc = value.partition("://")
    if scheme not in DEFAULT_PORTS or not HOST.fullmatch(netloc) or not has_port(value):
        raise ValueError("say the site's own address, such as https://community.example.org (IDNs as xn--)")
    return f"{scheme}://{netloc.removesuffix(DEFAULT_PORTS[scheme])}"


def has_port(url: str) -> bool:
    """Whether the port of an address is one, or left out."""
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def web_address(value: str) -> str:
    value = value.strip()
    parts = urlsplit(value)
    if value and (parts.scheme not in DEFAULT_PORTS or not parts.hostname or not has_port(value)):
        raise ValueError("say an address such as https://service.example.org/check, or nothing")
    return value


def database(value: str) -> str:
    """The address of a database; it may hold a password, so no message repeats it."""
    try:
        backend = make_url(value.strip()).get_backend_name()
    except (ArgumentError, ValueError):
        backend = ""
    if backend not in ("sqlite", "postgresql"):
        raise ValueError("say sqlite:///FILE or postgresql://USER@HOST/DATABASE")
    return value.strip()


def redis_address(value: str) -> str:
    value = value.strip()
    if value and (urlsplit(value).scheme not in ("redis", "rediss", "unix") or not has_port(value)):
        raise ValueError("say an address such as redis://localhost/0, or nothing")
    return value


def mail_address(value: str) -> str:
    """One mail address, perhaps as `Name <address>`."""
    value = value.strip()
    address = value.partition("<")[2].removesuffix(">") if value.endswith(">") else value
    if value and not (MAIL_ADDRESS.fullmatch(address) and value.isprintable()):
        raise ValueError("say one mail address, such as community@example.org")
    return value


def rate(value: str) -> str:
    """A limit in the words of the `limits` library, such as ``10 per 5 minutes``; several joined by ``;``."""
    try:
        limits.parse_many(value.strip())
    except ValueError:
        raise ValueError("say such as `10 per 5 minutes` or `5 per hour; 20 per day`") from None
    return value.strip()


def one_of(enum: type[E]) -> Callable[[str], E]:
    def parse(value: str) -> E:
        try:
            return enum(value.strip())
        except ValueError:
            raise ValueError("say one of " + ", ".join(enum)) from None

    return parse


def setting(key: str, parse: Callable[[str], Any], default: str, meaning: str) -> Any:
    """One row of the table: `default` is written as the ini file would write it."""
    return field(metadata={"key": key, "parse": parse, "default": default, "meaning": meaning})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of the site, parsed. Attributes carry the key with dots as underscores."""

    site_mode: Mode = setting(
        "site.mode", one_of(Mode), "production", "`development` shows the mailbox and lets mistakes be seen"
    )
    site_title: str = setting("site.title", text, "My community", "the name in the header and in mails")
    site_url: str = setting("site.url", origin, "", "the address people type; every link in a mail starts with it")
    site_hosts: tuple[str, ...] = setting(
        "site.hosts", hosts, "", "further host names (with port) to answer to, for instance of a health check"
    )
    site_admins: tuple[str, ...] = setting(
        "site.admins", words, "", "addresses of the people who run the site, shown on error pages"
    )
    site_timezone: str = setting("site.timezone", time_zone, "UTC", "time zone for people who chose none")
    site_terms_version: str = setting(
        "site.terms_version",
        at_most(20),
        "1",
        "version of the terms; with a new one every member is asked to accept them; empty: nobody is",
    )
    secret_key_file: Path = setting(
        "secret_key.file",
        path,
        "var/secret.key",
        "file with the secret key (first line) and older ones; mode 0600",
    )
    sqlalchemy_url: str = setting(
        "sqlalchemy.url",
        database,
        "sqlite:///var/site.sqlite",
        "the database: `sqlite:///FILE` or `postgresql://...`",
    )
    sqlalchemy_pool_size: int = setting(
        "sqlalchemy.pool_size", at_least(1), "8", "connections kept open by one process"
    )
    sqlalchemy_max_overflow: int = setting(
        "sqlalchemy.max_overflow", at_least(0), "8", "connections one process may open beyond those"
    )
    sqlalchemy_busy_timeout: int = setting(
        "sqlalchemy.busy_timeout",
        at_least(1),
        "5000",
        "milliseconds to wait for a lock (SQLite and PostgreSQL)",
    )
    sqlalchemy_statement_timeout: int = setting(
        "sqlalchemy.statement_timeout",
        at_least(1),
        "15000",
        "milliseconds one statement may take (PostgreSQL)",
    )
    sqlalchemy_connect_timeout: int = setting(
        "sqlalchemy.connect_timeout", at_least(1), "3", "seconds to wait for a connection (PostgreSQL)"
    )
    sqlalchemy_pool_timeout: int = setting(
        "sqlalchemy.pool_timeout", at_least(1), "5", "seconds to wait for a free connection of the pool"
    )
    redis_url: str = setting(
        "redis.url",
        redis_address,
        "",
        "Redis for cache, limits and tasks, such as `redis://localhost/0`; empty: one process",
    )
    tasks_embedded: bool = setting("tasks.embedded", boolean, "true", "run a worker thread inside the web process")
    tasks_file: Path = setting(
        "tasks.file", path, "var/tasks.sqlite", "the queue's own file where there is no Redis"
    )
    storage_folder: Path = setting(
        "storage.folder", path, "var/files", "where pictures and exports of members are kept"
    )
    cache_size: int = setting(
        "cache.size", at_least(0), "33554432", "bytes the in-memory cache may hold (without Redis)"
    )
    cache_guest_seconds: int = setting(
        "cache.guest_seconds",
        at_least(0),
        "60",
        "how long a page for guests may be served from cache; 0 turns it off",
    )
    cache_user_seconds: int = setting(
        "cache.user_seconds", at_least(0), "300", "how long a member's row stays in cache"
    )
    ratelimit_enabled: bool = setting("ratelimit.enabled", boolean, "true", "limit how often things may be tried")
    ratelimit_login_address: str = setting(
        "ratelimit.login_address", rate, "30 per 5 minutes", "sign-ins tried from one client address"
    )
    ratelimit_login_account: str = setting(
        "ratelimit.login_account", rate, "10 per 5 minutes", "sign-ins tried for one account"
    )
    ratelimit_login_device: str = setting(
        "ratelimit.login_device",
        rate,
        "10 per 5 minutes",
        "sign-ins tried for one account from one browser that was signed in to it before",
    )
    ratelimit_reauth_account: str = setting(
        "ratelimit.reauth_account", rate, "10 per 5 minutes", "passwords asked of one member who is signed in"
    )
    ratelimit_register_address: str = setting(
        "ratelimit.register_address", rate, "5 per hour; 20 per day", "accounts made from one client address"
    )
    ratelimit_invitation_account: str = setting(
        "ratelimit.invitation_account", rate, "20 per day", "invitations made by one member"
    )
    ratelimit_rename_account: str = setting(
        "ratelimit.rename_account", rate, "20 per hour", "new nicknames tried by one member"
    )
    ratelimit_lost_password_address: str = setting(
        "ratelimit.lost_password_address", rate, "10 per hour", "resets asked for from one client address"
    )
    ratelimit_lost_password_account: str = setting(
        "ratelimit.lost_password_account", rate, "3 per hour; 5 per day", "resets asked for one mail address"
    )
    ratelimit_verify_address: str = setting(
        "ratelimit.verify_address", rate, "30 per hour", "links followed and codes typed from one client address"
    )
    ratelimit_verify_account: str = setting(
        "ratelimit.verify_account", rate, "5 per hour", "verification mails sent to one member"
    )
    ratelimit_code_account: str = setting(
        "ratelimit.code_account", rate, "20 per hour", "codes typed by one member"
    )
    ratelimit_second_factor_account: str = setting(
        "ratelimit.second_factor_account",
        rate,
        "10 per 15 minutes; 50 per day",
        "codes of an authenticator app tried for one account",
    )
    ratelimit_provider_address: str = setting(
        "ratelimit.provider_address",
        rate,
        "30 per 5 minutes",
        "sign-ins by way of a third party from one client address",
    )
    ratelimit_passkey_address: str = setting(
        "ratelimit.passkey_address",
        rate,
        "120 per 5 minutes",
        "passkeys asked for and answered with from one client address; each sign-in page asks once",
    )
    ratelimit_passkey_account: str = setting(
        "ratelimit.passkey_account", rate, "20 per 5 minutes", "passkeys used or added by one member"
    )
    ratelimit_write_address: str = setting(
        "ratelimit.write_address",
        rate,
        "60 per 10 minutes",
        "posts and comments published from one client address",
    )
    ratelimit_post_account: str = setting(
        "ratelimit.post_account", rate, "5 per 10 minutes; 50 per day", "posts published by one member"
    )
    ratelimit_comment_account: str = setting(
        "ratelimit.comment_account", rate, "10 per 2 minutes; 200 per day", "comments written by one member"
    )
    ratelimit_preview_account: str = setting(
        "ratelimit.preview_account", rate, "60 per 5 minutes", "previews, drafts and edits by one member"
    )
    ratelimit_newcomer_post_account: str = setting(
        "ratelimit.newcomer_post_account", rate, "3 per day", "posts published by one new member"
    )
    ratelimit_newcomer_comment_account: str = setting(
        "ratelimit.newcomer_comment_account", rate, "20 per hour", "comments written by one new member"
    )
    ratelimit_keep_account: str = setting(
        "ratelimit.keep_account",
        rate,
        "150 per 5 minutes",
        "texts that the editor saves by itself while one member writes",
    )
    ratelimit_search_address: str = setting(
        "ratelimit.search_address", rate, "30 per minute", "searches from one client address"
    )
    ratelimit_upload_account: str = setting(
        "ratelimit.upload_account", rate, "10 per hour", "pictures sent by one member"
    )
    ratelimit_export_account: str = setting(
        "ratelimit.export_account", rate, "3 per day", "exports of their data asked for by one member"
    )
    mail_transport: MailTransport = setting(
        "mail.transport",
        one_of(MailTransport),
        "files",
        "`smtp`, or `files`: one file a mail, for development",
    )
    mail_folder: Path = setting("mail.folder", path, "var/mail", "where the `files` transport writes")
    mail_host: str = setting("mail.host", text, "localhost", "SMTP server")
    mail_port: int = setting("mail.port", at_least(1, 65535), "25", "SMTP port")
    mail_username: str = setting("mail.username", text, "", "SMTP user; empty: no authentication")
    mail_password: str = setting(
        "mail.password", text, "", "SMTP password; better in a file: `mail.password_file`"
    )
    mail_tls: MailTls = setting(
        "mail.tls",
        one_of(MailTls),
        "starttls",
        "`starttls` and `implicit` verify the certificate, `none` is plain",
    )
    mail_timeout: int = setting("mail.timeout", at_least(1), "20", "seconds to wait for the SMTP server")
    mail_sender: str = setting("mail.sender", mail_address, "", "the address mails come from")
    mail_redirect_all_to: str = setting(
        "mail.redirect_all_to", mail_address, "", "send every mail to this address instead (staging)"
    )
    captcha_provider: CaptchaProvider = setting(
        "captcha.provider", one_of(CaptchaProvider), "question", "how registration tells people from programs"
    )
    captcha_questions: tuple[str, ...] = setting(
        "captcha.questions",
        lines,
        "What colour is a ripe lemon? = yellow\nHow many legs does a cat have? = 4, four",
        "one a line: the question, `=`, the right answers with commas between",
    )
    captcha_min_seconds: int = setting(
        "captcha.min_seconds",
        at_least(0),
        "3",
        "a registration form sent faster than this was not filled by a person",
    )
    captcha_work: int = setting(
        "captcha.work",
        at_least(100, 1_000_000),
        "3000",
        "keys that a browser has to try for `altcha`, on average; a phone tries about a thousand in a second",
    )
    captcha_site_key: str = setting("captcha.site_key", text, "", "public key of the remote provider")
    captcha_secret_key: str = setting(
        "captcha.secret_key",
        text,
        "",
        "secret of the remote provider; better in a file: `captcha.secret_key_file`",
    )
    captcha_verify_url: str = setting(
        "captcha.verify_url", web_address, "", "the remote provider's siteverify address; empty: its own"
    )
    users_registration: Registration = setting(
        "users.registration",
        one_of(Registration),
        "open",
        "who may register: everybody, who has an invitation, who an admin lets in, nobody",
    )
    users_invite_role: Inviters = setting(
        "users.invite_role", one_of(Inviters), "user", "who may invite: all verified members, staff, only admins"
    )
    users_require_verified_email: bool = setting(
        "users.require_verified_email", boolean, "true", "members publish only once their address is verified"
    )
    users_require_second_factor: SecondFactorFor = setting(
        "users.require_second_factor",
        one_of(SecondFactorFor),
        "none",
        "who must have a second factor; `staff`: staff and admins reach nothing before they have set one up",
    )
    users_password_min_length: int = setting(
        "users.password_min_length", at_least(8, 64), "10", "shortest password, in characters"
    )
    users_password_min_length_staff: int = setting(
        "users.password_min_length_staff",
        at_least(8, 64),
        "15",
        "the same for staff and admins; what is longer of the two holds for them",
    )
    users_password_rounds: int = setting(
        "users.password_rounds",
        at_least(4, 20),
        "12",
        "cost of a password hash, as bcrypt counts it (a power of two)",
    )
    users_password_concurrency: int = setting(
        "users.password_concurrency", at_least(1), "2", "passwords hashed at once by one process"
    )
    users_password_waiting: int = setting(
        "users.password_waiting",
        at_least(0),
        "1",
        "passwords that may wait for their turn; more come back later",
    )
    users_password_leaks_url: str = setting(
        "users.password_leaks_url",
        web_address,
        "",
        "server that knows leaked passwords, as `https://api.pwnedpasswords.com/range/`; empty: none is asked",
    )
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
    newcomers_days: int = setting(
        "newcomers.days", at_least(0), "3", "days in which a member counts as new; 0: nobody does"
    )
    newcomers_posts: int = setting(
        "newcomers.posts", at_least(1, 1000), "5", "published posts with which a member is new no longer"
    )
    newcomers_links: int = setting(
        "newcomers.links", at_least(0), "3", "links that a new member may put into one post or comment"
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
    proxy_address: str = setting(
        "proxy.address",
        text,
        "127.0.0.1",
        "the address the nearest proxy connects from; `*`: any (a closed network)",
    )
    proxy_count: int = setting(
        "proxy.count", at_least(0), "0", "how many proxies in front add to X-Forwarded-For; 0: believe none"
    )
    retention_sessions_days: int = setting(
        "retention.sessions_days", at_least(1), "30", "days a remembered sign-in lasts"
    )
    retention_security_log_days: int = setting(
        "retention.security_log_days",
        at_least(1),
        "90",
        "days a member's security history is kept, with its network addresses",
    )
    retention_emails_days: int = setting(
        "retention.emails_days", at_least(1), "30", "days the outbox keeps what was sent or given up"
    )
    retention_restore_days: int = setting(
        "retention.restore_days", at_least(0), "14", "days in which members may restore what they removed"
    )
    retention_removed_days: int = setting(
        "retention.removed_days",
        at_least(1),
        "30",
        "days the text of what was removed is kept for staff to restore",
    )
    retention_drafts_days: int = setting(
        "retention.drafts_days", at_least(1), "180", "days a draft is kept that nobody has touched"
    )

    # The rows of these are in `settings_oidc`.
    oidc: tuple[settings_oidc.Provider, ...] = ()

    @classmethod
    def with_defaults(cls, **values: Any) -> "Settings":
        """Settings with the given attributes, unchecked, and defaults for the rest: for tools."""
        defaults = {f.name: f.metadata["parse"](f.metadata["default"]) for f in fields(cls) if f.metadata}
        return cls(**defaults | values)

    @property
    def development(self) -> bool:
        return self.site_mode is Mode.DEVELOPMENT

    @property
    def secure(self) -> bool:
        """Whether people reach the site by https: cookies are then Secure and named `__Host-`."""
        return self.site_url.startswith("https://")

    def password_minimum(self, *, staff: bool) -> int:
        """The shortest password, in characters, that a member may choose; `staff`: one of staff, or an admin."""
        shortest, of_staff = self.users_password_min_length, self.users_password_min_length_staff
        return max(shortest, of_staff) if staff else shortest

    @property
    def host(self) -> str:
        """Host name (and port, where it is not the scheme's own) of `site.url`, lower case."""
        return urlsplit(self.site_url).netloc.lower()


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
        variable = ENVIRONMENT_PREFIX + name.upper().replace(".", "__")
        return environ.get(variable, options.get(name))

    value = named(key)
    if value is None:
        value_file = named(key + "_file")
        value = default if value_file is None else Path(value_file).read_text(encoding="utf-8").strip()
    return value


def load_settings(options: Mapping[str, str], environ: Mapping[str, str] = os.environ) -> Settings:
    """Parses and checks every setting.

    `options` are the ini file's keys of the app's section. Raises `SettingsError` that lists all problems.
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
    if problems:
        raise SettingsError(problems)
    return settings


def contradictions(settings: Settings, options: Mapping[str, str], environ: Mapping[str, str]) -> list[str]:
    """What is wrong with settings that parse, each with its mend."""
    problems = []
    if not settings.site_url:
        problems.append("site.url: unset; say the site's own address, such as https://community.example.org")
    remote = settings.captcha_provider in (
        CaptchaProvider.RECAPTCHA,
        CaptchaProvider.HCAPTCHA,
        CaptchaProvider.TURNSTILE,
    )
    if remote and not (settings.captcha_site_key and settings.captcha_secret_key):
        problems.append(
            f"captcha.provider: {settings.captcha_provider} needs captcha.site_key and captcha.secret_key"
        )
    if settings.captcha_provider is CaptchaProvider.ALTCHA and not ALTCHA_SCRIPT.exists():
        problems.append("captcha.provider: altcha's script is not installed; run `make vendor`, which needs npm")
    if settings.captcha_provider is CaptchaProvider.QUESTION:
        for line in settings.captcha_questions or ("",):
            question, _, answers = line.rpartition("=")
            if not question.strip() or not answers.strip(" ,"):
                problems.append(f"captcha.questions: write `question = answer, other answer`, not {line!r}")
    problems += secret_key_problems(settings)
    if not settings.development:
        problems += production_problems(settings, options, environ)
    return problems


def production_problems(settings: Settings, options: Mapping[str, str], environ: Mapping[str, str]) -> list[str]:
    problems = []
    # Pyramid reads these from the options, with its prefix or without, and from the environment.
    debugging = [
        key
        for key, value in [*options.items(), *environ.items()]
        if (DEBUGGING.fullmatch(key) and asbool(value)) or (key == "pyramid.includes" and "debugtoolbar" in value)
    ]
    if debugging:
        problems.append(
            f"{', '.join(sorted(debugging))}: debugging is on; take it out, or set site.mode = development"
        )
    if in_the_clear(settings.site_url):
        problems.append("site.url: passwords would travel in the clear; put TLS in front and say https://")
    if in_the_clear(settings.captcha_verify_url):
        problems.append("captcha.verify_url: the secret would travel in the clear; say https://")
    if in_the_clear(settings.users_password_leaks_url):
        problems.append("users.password_leaks_url: who listens would learn of passwords; say https://")
    if settings.users_password_rounds < PASSWORD_ROUNDS_FLOOR:
        problems.append(f"users.password_rounds: say {PASSWORD_ROUNDS_FLOOR} or more")
    if settings.mail_transport is MailTransport.FILES:
        problems.append("mail.transport: files reaches nobody; say smtp, with mail.host and mail.sender")
    elif not settings.mail_sender:
        problems.append("mail.sender: unset; say the address mails come from")
    if settings.mail_username and settings.mail_tls is MailTls.NONE and settings.mail_host not in LOOPBACK:
        problems.append("mail.tls: the mail password would travel in the clear; say starttls or implicit")
    return problems


def in_the_clear(url: str) -> bool:
    """Whether what is sent to `url` leaves this machine without encryption."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in LOOPBACK


def secret_key_problems(settings: Settings) -> list[str]:
    """What is wrong with the secret key's file, with the command that mends it."""
    file = settings.secret_key_file
    mend = "run `myproject --config FILE.ini init`"
    try:
        mode = file.stat().st_mode
        keys = secret_keys(file)
    except FileNotFoundError:
        return [f"secret_key.file: {file} is missing; {mend}"]
    except (OSError, UnicodeDecodeError) as error:
        return [f"secret_key.file: {file} can't be read ({type(error).__name__}); {mend}"]
    problems = []
    if not keys or any(len(key) < SECRET_KEY_MIN_LENGTH for key in keys):
        problems.append(
            f"secret_key.file: {file} holds a key shorter than {SECRET_KEY_MIN_LENGTH} characters; "
            f"delete it and {mend}"
        )
    if stat.S_IMODE(mode) & 0o077:
        problems.append(f"secret_key.file: others can read {file}; run `chmod 600 {file}`")
    return problems


def secret_keys(file: Path) -> tuple[str, ...]:
    """The keys in the file, newest first: the first signs, all verify."""
    return lines(file.read_text(encoding="utf-8"))


def settings_of(registry: Any) -> Settings:
    """The site's settings, as `main` put them into the application registry."""
    return cast(Settings, registry["settings"])
