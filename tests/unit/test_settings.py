"""Settings: where they come from, what they may be, and what a site that can't start says."""

import os
import re
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest

from myproject.settings import Settings, SettingsError, load_settings, table
from myproject.settings_mail import MailTls, MailTransport
from myproject.settings_oidc import Kind
from myproject.settings_site import Mode, secret_keys
from myproject.settings_users import CaptchaProvider, Registration


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "secret.key"
    file.touch(mode=0o600)
    file.write_text("k" * 32 + "\n")
    return file


@pytest.fixture
def production(key_file: Path) -> dict[str, str]:
    """The options of a site that may start in production."""
    return {
        "site.url": "https://community.example.org",
        "secret_key.file": str(key_file),
        "mail.transport": "smtp",
        "mail.sender": "community@example.org",
    }


@pytest.fixture
def problems(production: dict[str, str]) -> Callable[..., list[str]]:
    """`problems({"mail.port": "x"})` gives what a production site says that differs in those options."""

    def find(changes: dict[str, str] | None = None, environ: dict[str, str] | None = None) -> list[str]:
        try:
            load_settings(production | (changes or {}), environ or {})
        except SettingsError as error:
            return error.problems
        return []

    return find


# Defaults


def test_production_starts_with_four_settings(problems: Callable[..., list[str]]) -> None:
    assert problems() == []


def test_defaults(production: dict[str, str]) -> None:
    settings = load_settings(production, {})
    assert settings.site_mode is Mode.PRODUCTION
    assert settings.site_title == "My community"
    assert settings.site_timezone == "UTC"
    assert settings.site_hosts == ()
    assert settings.sqlalchemy_url == "sqlite:///var/site.sqlite"
    assert settings.redis_url == ""
    assert settings.tasks_embedded is True
    assert settings.tasks_file == Path("var/tasks.sqlite")
    assert settings.ratelimit_enabled is True
    assert settings.mail_tls is MailTls.STARTTLS
    assert settings.captcha_provider is CaptchaProvider.QUESTION
    assert len(settings.captcha_questions) == 2
    assert settings.users_registration is Registration.OPEN
    assert settings.users_require_verified_email is True
    assert settings.users_password_rounds == 12
    assert settings.proxy_count == 0


def test_a_site_is_in_production_unless_it_says_otherwise(production: dict[str, str]) -> None:
    assert not load_settings(production, {}).development
    assert load_settings(production | {"site.mode": "development"}, {}).development


def test_development_may_do_what_production_may_not(key_file: Path) -> None:
    options = {
        "site.mode": "development",
        "site.url": "http://community.example.org",
        "secret_key.file": str(key_file),
        "users.password_rounds": "4",
        "pyramid.reload_templates": "true",
    }
    settings = load_settings(options, {})
    assert settings.mail_transport is MailTransport.FILES
    assert not settings.secure


def test_each_setting_has_a_name_a_default_that_parses_and_a_meaning() -> None:
    for row in table():
        assert row["name"] == row["key"].removeprefix("oidc.NAME.").replace(".", "_")
        assert row["meaning"]
        row["parse"](row["default"])
    assert len({row["key"] for row in table()}) == len(table())


def test_settings_can_not_be_changed(production: dict[str, str]) -> None:
    with pytest.raises(FrozenInstanceError):
        load_settings(production, {}).site_title = "Another"  # type: ignore[misc]


# Where they come from


def test_environment_wins_over_the_ini_file(production: dict[str, str]) -> None:
    environ = {"MYPROJECT_SITE__TITLE": "From the environment", "MYPROJECT_MAIL__PORT": "587"}
    settings = load_settings(production | {"site.title": "From the file", "mail.port": "26"}, environ)
    assert (settings.site_title, settings.mail_port) == ("From the environment", 587)


def test_key_with_an_underscore_has_a_name_in_the_environment(production: dict[str, str]) -> None:
    settings = load_settings(production, {"MYPROJECT_CAPTCHA__MIN_SECONDS": "9"})
    assert settings.captcha_min_seconds == 9


def test_empty_value_in_the_environment_counts(production: dict[str, str]) -> None:
    options = production | {"redis.url": "redis://localhost/0"}
    assert load_settings(options, {"MYPROJECT_REDIS__URL": ""}).redis_url == ""


def test_variables_of_other_programs_do_not_count(production: dict[str, str]) -> None:
    others = (
        "SITE__TITLE",
        "myproject_site__title",
        "MYPROJECT_CONFIG",
        "MYPROJECT_SERVICE_HOST",
        "MYPROJECT_PORT",
    )
    settings = load_settings(production, dict.fromkeys(others, "a"))
    assert settings.site_title == "My community"


def test_what_names_no_setting_is_told_with_the_nearest_that_does(problems: Callable[..., list[str]]) -> None:
    options = {
        "users.registraton": "closed",
        "user.password_min_length": "20",
        "users_require_verified_email": "false",
        "mail.pasword_file": "/run/secret",
        "bogus.key": "1",
        # Of libraries, and of an add-on that is included.
        "pyramid.default_locale_name": "de",
        "pyramid.includes": "pyramid_exclog",
        "exclog.ignore": "",
        "jinja2.trim_blocks": "true",
        "retry.attempts": "2",
        "debug_notfound": "false",
    }
    environ = {
        "MYPROJECT_SITE_TITLE": "a",
        "MYPROJECT_USERS__REGISTRATON": "closed",
        "MYPROJECT_Redis__URL": "redis://localhost/0",
        "MYPROJECT_BOGUS__KEY": "1",
    }
    no = "there is no such setting;"
    assert sorted(problems(options, environ)) == [
        f"MYPROJECT_BOGUS__KEY: {no} take it out (docs/settings.md has them all)",
        f"MYPROJECT_Redis__URL: {no} do you mean MYPROJECT_REDIS__URL?",
        f"MYPROJECT_SITE_TITLE: {no} do you mean MYPROJECT_SITE__TITLE?",
        f"MYPROJECT_USERS__REGISTRATON: {no} do you mean MYPROJECT_USERS__REGISTRATION?",
        f"bogus.key: {no} take it out (docs/settings.md has them all)",
        f"mail.pasword_file: {no} do you mean mail.password_file?",
        f"user.password_min_length: {no} do you mean users.password_min_length?",
        f"users.registraton: {no} do you mean users.registration?",
        f"users_require_verified_email: {no} do you mean users.require_verified_email?",
    ]


def test_value_may_stand_in_a_file_of_its_own(production: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("s3cret é\n", encoding="utf-8")
    assert load_settings(production | {"mail.password_file": str(file)}, {}).mail_password == "s3cret é"


def test_environment_may_name_the_file(production: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "of_the_ini").write_text("a")
    (tmp_path / "of_the_environment").write_text("b")
    options = production | {"mail.password_file": str(tmp_path / "of_the_ini")}
    environ = {"MYPROJECT_MAIL__PASSWORD_FILE": str(tmp_path / "of_the_environment")}
    assert load_settings(options, environ).mail_password == "b"


def test_value_itself_wins_over_a_file(production: dict[str, str], tmp_path: Path) -> None:
    options = production | {"mail.password": "said", "mail.password_file": str(tmp_path / "missing")}
    assert load_settings(options, {}).mail_password == "said"


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["missing", "not UTF-8"])
def test_file_that_can_not_be_read_is_named(
    problems: Callable[..., list[str]], tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    (problem,) = problems({"mail.password_file": str(file)})
    assert problem.startswith("mail.password: ")


# What they may be

GOOD: list[tuple[str, str, object]] = [
    ("tasks.embedded", " Yes ", True),
    ("tasks.embedded", "off", False),
    ("tasks.embedded", "0", False),
    ("mail.port", " 587 ", 587),
    ("ratelimit.second_factor_failures", " 20 per hour; 100 per 30 days ", "20 per hour; 100 per 30 days"),
    ("site.url", "https://Community.Example.org/", "https://community.example.org"),
    ("site.url", "HTTPS://community.example.org:443", "https://community.example.org"),
    ("site.url", "https://community.example.org:8443", "https://community.example.org:8443"),
    ("site.url", "http://localhost:80", "http://localhost"),
    ("site.url", "http://localhost:8080", "http://localhost:8080"),
    ("site.url", "http://127.0.0.1:6543", "http://127.0.0.1:6543"),
    ("site.url", "http://[::1]:6543", "http://[::1]:6543"),
    ("site.url", "https://xn--mnchen-3ya.example", "https://xn--mnchen-3ya.example"),
    ("site.hosts", " www.Example.org\n localhost:6543 web_1", ("www.example.org", "localhost:6543", "web_1")),
    ("site.admins", "a@example.org  b@example.org", ("a@example.org", "b@example.org")),
    ("site.timezone", "Europe/Paris", "Europe/Paris"),
    (
        "captcha.questions",
        "\nWhat is 2 + 2 = ? = 4\n\n  Snow? = white \n",
        ("What is 2 + 2 = ? = 4", "Snow? = white"),
    ),
    (
        "captcha.verify_url",
        "https://captcha.example.org/siteverify",
        "https://captcha.example.org/siteverify",
    ),
    ("captcha.verify_url", "http://localhost:8000/", "http://localhost:8000/"),
    ("ratelimit.login_address", " 5 per hour; 20 per day ", "5 per hour; 20 per day"),
    ("ratelimit.login_address", "10/minute", "10/minute"),
    ("redis.url", "unix:///run/redis.sock?db=1", "unix:///run/redis.sock?db=1"),
    ("redis.url", "rediss://:secret@redis.example:6380/1", "rediss://:secret@redis.example:6380/1"),
    (
        "sqlalchemy.url",
        "postgresql://site@/site?host=/run/postgresql",
        "postgresql://site@/site?host=/run/postgresql",
    ),
    (
        "sqlalchemy.url",
        "postgresql+psycopg://site:p%40ss@db/site",
        "postgresql+psycopg://site:p%40ss@db/site",
    ),
    ("mail.sender", "My community <community@example.org>", "My community <community@example.org>"),
    ("mail.redirect_all_to", "test@localhost", "test@localhost"),
    ("users.registration", " closed ", Registration.CLOSED),
    ("proxy.address", "*", "*"),
]


@pytest.mark.parametrize(("key", "written", "read"), GOOD)
def test_good_value_is_read(production: dict[str, str], key: str, written: str, read: object) -> None:
    assert getattr(load_settings(production | {key: written}, {}), key.replace(".", "_")) == read


# Key, value, and what mends it: each stops a site in production.
BAD: list[tuple[str, str, str]] = [
    ("site.mode", "prod", "say one of development, production"),
    ("site.url", "", "unset; say the site's own address"),
    ("site.url", "community.example.org", "say the site's own address"),
    ("site.url", "ftp://community.example.org", "say the site's own address"),
    ("site.url", "https://", "say the site's own address"),
    ("site.url", "https://community.example.org/forum", "say the site's own address"),
    ("site.url", "https://community.example.org?a=b", "say the site's own address"),
    ("site.url", "https://community.example.org#a", "say the site's own address"),
    ("site.url", "https://user:secret@community.example.org", "say the site's own address"),
    ("site.url", "https://community.example.org:99999", "say the site's own address"),
    ("site.url", "https://community.example.org:0", "say the site's own address"),
    ("site.url", "https://community.example.org:x", "say the site's own address"),
    ("site.url", "https://community example.org", "say the site's own address"),
    ("site.url", "https://münchen.example", "xn--"),
    ("site.url", "https://[::1", "say the site's own address"),
    ("site.url", "https://[:::::]", "say the site's own address"),
    ("site.url", "http://community.example.org", "put TLS in front and say https://"),
    ("site.hosts", "https://www.example.org", "say host names"),
    ("site.hosts", "www.example.org, example.org", "say host names"),
    ("site.timezone", "Mars/Olympus", "IANA time zone database"),
    ("site.timezone", "Europe", "IANA time zone database"),
    ("site.timezone", "", "IANA time zone database"),
    ("site.timezone", "../../etc/passwd", "IANA time zone database"),
    ("secret_key.file", "/nowhere/secret.key", "is missing; run `myproject --config FILE.ini init`"),
    ("secret_key.file", "~nobody-by-that-name/secret.key", "say a path without `~`"),
    ("secret_key.file", "/", "/ is a directory; name the file itself"),
    ("secret_key.file", "/dev/null/secret.key", "(Not a directory); see that the path leads to a file"),
    ("sqlalchemy.url", "", "say sqlite:///FILE or postgresql://"),
    ("sqlalchemy.url", "var/site.sqlite", "say sqlite:///FILE or postgresql://"),
    ("sqlalchemy.url", "mysql://root:secret@db/site", "say sqlite:///FILE or postgresql://"),
    ("sqlalchemy.url", "postgresql://db:port/site", "say sqlite:///FILE or postgresql://"),
    ("sqlalchemy.pool_size", "0", "say a whole number of 1 or more"),
    ("sqlalchemy.max_overflow", "-1", "say a whole number of 0 or more"),
    ("sqlalchemy.busy_timeout", "5s", "say a whole number of 1 or more"),
    ("redis.url", "localhost:6379", "say an address such as redis://localhost/0"),
    ("redis.url", "http://localhost", "say an address such as redis://localhost/0"),
    ("redis.url", "redis://localhost:port/0", "say an address such as redis://localhost/0"),
    ("tasks.embedded", "maybe", "say true or false"),
    ("tasks.embedded", "", "say true or false"),
    ("cache.size", "32 MB", "say a whole number of 0 or more"),
    ("ratelimit.login_address", "often", "say such as `10 per 5 minutes`"),
    ("ratelimit.login_address", "", "say such as `10 per 5 minutes`"),
    ("ratelimit.login_address", "10 per fortnight", "say such as `10 per 5 minutes`"),
    ("ratelimit.login_address", "5 per hour; rarely", "say such as `10 per 5 minutes`"),
    ("mail.transport", "files", "reaches nobody; say smtp"),
    ("mail.transport", "sendmail", "say one of files, smtp"),
    ("mail.port", "0", "say a whole number from 1 to 65535"),
    ("mail.port", "65536", "say a whole number from 1 to 65535"),
    ("mail.port", "1_000", "say a whole number from 1 to 65535"),
    ("mail.port", "٥٨٧", "say a whole number from 1 to 65535"),
    ("mail.tls", "ssl", "say one of none, starttls, implicit"),
    ("mail.sender", "", "unset; say the address mails come from"),
    ("mail.sender", "community", "say one mail address"),
    ("mail.sender", "a@example.org, b@example.org", "say one mail address"),
    ("mail.sender", "a@example.org\nBcc: b@example.org", "say one mail address"),
    ("mail.redirect_all_to", "nobody", "say one mail address"),
    ("captcha.provider", "magic", "say one of none, question, altcha, recaptcha, hcaptcha, turnstile"),
    ("captcha.provider", "hcaptcha", "needs captcha.site_key and captcha.secret_key"),
    ("captcha.questions", "", "write `question = answer, other answer`"),
    ("captcha.questions", "What colour is snow?", "write `question = answer, other answer`"),
    ("captcha.questions", "What colour is snow? =", "write `question = answer, other answer`"),
    ("captcha.questions", "What colour is snow? = , ,", "write `question = answer, other answer`"),
    ("captcha.questions", "= white", "write `question = answer, other answer`"),
    ("captcha.verify_url", "captcha.example.org", "say an address such as https://"),
    ("captcha.verify_url", "http://captcha.example.org/", "say https://"),
    ("users.password_leaks_url", "http://leaks.example.org/range/", "say https://"),
    ("users.registration", "anybody", "say one of open, invite, approval, closed"),
    ("users.password_min_length", "7", "say a whole number from 8 to 64"),
    ("users.password_min_length", "65", "say a whole number from 8 to 64"),
    ("users.password_rounds", "11", "say 12 or more"),
    ("users.password_rounds", "3", "say a whole number from 4 to 20"),
    ("users.password_rounds", "21", "say a whole number from 4 to 20"),
    ("users.password_concurrency", "0", "say a whole number of 1 or more"),
    ("ratelimit.second_factor_failures", "20 per hour; 101 per 30 days", "say at most 100, such as"),
    ("ratelimit.second_factor_failures", "often", "say such as `10 per 5 minutes`"),
    ("proxy.count", "-1", "say a whole number of 0 or more"),
    ("proxy.count", "one", "say a whole number of 0 or more"),
    ("retention.sessions_days", "0", "say a whole number from 1 to 30"),
    ("retention.sessions_days", "31", "say a whole number from 1 to 30"),
    ("retention.emails_days", "9999999999", "say a whole number of 1 or more"),
    ("pyramid.debug_all", "true", "debugging is on; take it out, or set site.mode = development"),
    ("pyramid.debug_authorization", "y", "debugging is on"),
    ("pyramid.reload_templates", "1", "debugging is on"),
    ("debug_notfound", "t", "debugging is on"),
    ("reload_all", "on", "debugging is on"),
    ("pyramid.includes", "pyramid_debugtoolbar", "debugging is on"),
]


@pytest.mark.parametrize(("key", "value", "mend"), BAD)
def test_bad_value_is_named_with_its_mend(
    problems: Callable[..., list[str]], key: str, value: str, mend: str
) -> None:
    (problem,) = problems({key: value})
    assert problem.startswith(f"{key}: ")
    assert mend in problem


CANARY = "c4nary-of-a-secret"
# The settings that hold a secret, or may. A test of their names finds those that are forgotten here.
SECRETS = {
    "captcha.questions": f"What colour is snow? = {CANARY}",
    "captcha.secret_key": CANARY,
    "mail.bounces.password": CANARY,
    "mail.password": CANARY,
    "mail.webhooks.mailgun_key": CANARY,
    "mail.webhooks.resend_key": CANARY,
    "mail.webhooks.sendgrid_key": CANARY,
    "oidc.NAME.client_secret": CANARY,
    "redis.url": f"redis://:{CANARY}@localhost/0",
    "sqlalchemy.url": f"postgresql://site:{CANARY}@localhost/site",
}


def test_no_secret_is_in_what_settings_look_like_in_a_log(production: dict[str, str]) -> None:
    named = {row["key"] for row in table() if re.search(r"(password|secret|_key)$", row["key"])}
    # A public key, and how often a code may be tried for one password.
    assert named - {"captcha.site_key", "ratelimit.second_factor_password"} <= set(SECRETS)
    options = KEYCLOAK | {key.replace("NAME", "keycloak"): value for key, value in SECRETS.items()}
    settings = load_settings(production | options, {})
    assert settings.oidc[0].client_secret == CANARY
    held = {row.metadata["key"] for row in fields(settings) if CANARY in str(getattr(settings, row.name))}
    assert held == set(SECRETS) - {"oidc.NAME.client_secret"}
    assert CANARY not in repr(settings)
    assert CANARY not in repr(settings.oidc[0])


def test_bad_values_are_listed_all_at_once(production: dict[str, str]) -> None:
    # The last of each key; what a value that does not parse would lead to is not said again.
    bad = {key: value for key, value, _ in BAD if key not in ("site.mode", "captcha.provider")}
    assert len(bad) >= 15
    with pytest.raises(SettingsError) as error:
        load_settings(production | bad, {})
    debugging = [key for key in bad if "debug" in key or "reload" in key or key == "pyramid.includes"]
    said = {problem.partition(":")[0] for problem in error.value.problems}
    assert said == set(bad) - set(debugging) | {", ".join(sorted(debugging))}
    for problem in error.value.problems:
        assert f"\n  - {problem}" in str(error.value)


def test_altcha_without_its_script_is_refused_with_what_installs_it(
    problems: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "altcha.min.js"
    monkeypatch.setattr("myproject.settings_users.ALTCHA_SCRIPT", script)
    (problem,) = problems({"captcha.provider": "altcha"})
    assert problem.startswith("captcha.provider: ")
    assert "make vendor" in problem
    script.touch()
    assert problems({"captcha.provider": "altcha"}) == []


def test_debugging_in_the_environment_stops_production(problems: Callable[..., list[str]]) -> None:
    (problem,) = problems(environ={"PYRAMID_DEBUG_ALL": "1", "PYRAMID_RELOAD_TEMPLATES": "0"})
    assert problem.startswith("PYRAMID_DEBUG_ALL: debugging is on")


def test_debugging_that_is_off_stops_nothing(problems: Callable[..., list[str]]) -> None:
    assert problems({"pyramid.debug_all": "false", "pyramid.includes": "pyramid_tm"}) == []


def test_mail_password_does_not_travel_in_the_clear(problems: Callable[..., list[str]]) -> None:
    plain = {"mail.tls": "none", "mail.username": "site", "mail.host": "mail.example.org"}
    (problem,) = problems(plain)
    assert problem.startswith("mail.tls: ")
    assert "say starttls or implicit" in problem
    assert problems(plain | {"mail.host": "localhost"}) == []
    assert problems(plain | {"mail.username": ""}) == []


@pytest.mark.parametrize("provider", ["recaptcha", "hcaptcha", "turnstile"])
def test_remote_captcha_starts_with_its_keys(problems: Callable[..., list[str]], provider: str) -> None:
    keys = {"captcha.site_key": "a", "captcha.secret_key": "b", "captcha.questions": ""}
    assert problems({"captcha.provider": provider} | keys) == []
    for key in ("captcha.site_key", "captcha.secret_key"):
        assert len(problems({"captcha.provider": provider} | keys | {key: ""})) == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sqlalchemy.url", "mysql://root:hunter2@db/site"),
        ("sqlalchemy.url", "hunter2"),
        ("redis.url", "http://:hunter2@localhost"),
        ("site.url", "https://root:hunter2@site.example"),
    ],
)
def test_no_password_in_what_is_said(problems: Callable[..., list[str]], key: str, value: str) -> None:
    assert "hunter2" not in "".join(problems({key: value}))


# The secret key


def test_a_key_that_may_not_be_read_is_given_to_who_runs_the_site(
    problems: Callable[..., list[str]], key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    # Tests may run as root, who may read everything.
    monkeypatch.setattr(Path, "read_text", refuse)
    (problem,) = problems()
    assert f"run `chown {os.geteuid()} {key_file}`" in problem
    assert "init" not in problem


@pytest.mark.parametrize("content", ["", "\n\n", "short\n", "k" * 32 + "\nshort\n"])
def test_short_key_stops_the_site(problems: Callable[..., list[str]], key_file: Path, content: str) -> None:
    key_file.write_text(content)
    (problem,) = problems()
    assert problem.startswith("secret_key.file: ")
    assert "shorter than 32 characters" in problem
    assert "short\n" not in problem


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_key_that_others_can_read_stops_the_site(
    problems: Callable[..., list[str]], key_file: Path, mode: int
) -> None:
    key_file.chmod(mode)
    (problem,) = problems()
    assert f"run `chmod 600 {key_file}`" in problem


def test_key_that_is_no_text_stops_the_site(problems: Callable[..., list[str]], key_file: Path) -> None:
    key_file.write_bytes(b"\xff" * 40)
    (problem,) = problems()
    assert f"{key_file} is not text; put the file back from a backup" in problem


def test_key_is_asked_for_in_development_too(tmp_path: Path) -> None:
    options = {
        "site.mode": "development",
        "site.url": "http://localhost",
        "secret_key.file": str(tmp_path / "missing"),
    }
    with pytest.raises(SettingsError, match="is missing; run"):
        load_settings(options, {})


def test_keys_are_read_newest_first(key_file: Path) -> None:
    key_file.write_text(f"  {'n' * 32}  \r\n\n{'o' * 32}")
    assert secret_keys(key_file) == ("n" * 32, "o" * 32)


# What follows from them


@pytest.mark.parametrize(
    ("url", "secure", "host"),
    [
        ("https://community.example.org", True, "community.example.org"),
        ("https://community.example.org:8443", True, "community.example.org:8443"),
        ("https://community.example.org:443", True, "community.example.org"),
        ("http://localhost:6543", False, "localhost:6543"),
        ("http://[::1]:6543", False, "[::1]:6543"),
    ],
)
def test_host_and_security_follow_from_the_address(
    production: dict[str, str], url: str, secure: bool, host: str
) -> None:
    settings = load_settings(production | {"site.url": url}, {})
    assert (settings.secure, settings.host) == (secure, host)


def test_tools_may_take_defaults_without_checks() -> None:
    values: dict[str, Any] = {"sqlalchemy_url": "sqlite://"}
    settings = Settings.with_defaults(**values)
    assert (settings.sqlalchemy_url, settings.users_password_rounds) == ("sqlite://", 12)


# Third parties

KEYCLOAK = {
    "oidc.keycloak.issuer": "https://login.example.org/realms/one",
    "oidc.keycloak.client_id": "community",
    "oidc.keycloak.client_secret": "a secret",
    "oidc.keycloak.label": "Our own",
}


def test_providers_are_read_for_any_number_of_names(production: dict[str, str], tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from a file\n")
    github = {"oidc.github.client_id": "Iv1", "oidc.github.client_secret_file": str(secret)}
    settings = load_settings(production | KEYCLOAK | github, {})
    keycloak, other = sorted(settings.oidc, key=lambda provider: provider.name, reverse=True)
    assert (keycloak.name, keycloak.kind, keycloak.title) == ("keycloak", Kind.OIDC, "Our own")
    assert keycloak.issuer == "https://login.example.org/realms/one"
    assert keycloak.private_hosts == ()
    assert (other.name, other.kind, other.title) == ("github", Kind.GITHUB, "GitHub")
    assert (other.issuer, other.client_secret) == ("https://github.com", "from a file")


def test_provider_may_come_from_the_environment_alone(production: dict[str, str]) -> None:
    environ = {"MYPROJECT_" + key.upper().replace(".", "__"): value for key, value in KEYCLOAK.items()}
    (provider,) = load_settings(production, environ).oidc
    assert (provider.name, provider.client_id) == ("keycloak", "community")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"oidc.keycloak.issuer": ""}, "oidc.keycloak.issuer: unset"),
        ({"oidc.keycloak.issuer": "login.example.org"}, "oidc.keycloak.issuer: say the issuer's address"),
        ({"oidc.keycloak.issuer": "https://login.example.org/?a=1"}, "oidc.keycloak.issuer: say the issuer's"),
        ({"oidc.keycloak.issuer": "https://me@login.example.org/"}, "oidc.keycloak.issuer: say the issuer's"),
        ({"oidc.keycloak.issuer": "http://login.example.org"}, "oidc.keycloak.issuer: say https://, or name"),
        (
            {"oidc.keycloak.issuer": "http://login.lan", "oidc.keycloak.private_hosts": "login.lan"},
            "oidc.keycloak.issuer: the secret would travel in the clear",
        ),
        ({"oidc.keycloak.client_id": ""}, "oidc.keycloak.client_id: unset"),
        ({"oidc.keycloak.client_secret": ""}, "oidc.keycloak.client_secret: unset"),
        ({"oidc.keycloak.kind": "saml"}, "oidc.keycloak.kind: say one of oidc, github"),
        ({"oidc.keycloak.private_hosts": "http://login.lan"}, "oidc.keycloak.private_hosts: say host names"),
        ({"oidc.keycloak.label": "x" * 61}, "oidc.keycloak.label: say at most 60"),
        ({"oidc.keycloak.isuer": "https://x.example"}, "oidc.keycloak.isuer: there is no such setting"),
        ({"oidc.Key Cloak.issuer": "https://x.example"}, "oidc.Key Cloak.issuer: say oidc.NAME.KEY"),
        (
            {f"oidc.other.{key.rpartition('.')[2]}": value for key, value in KEYCLOAK.items()},
            "oidc.other.issuer: another provider has the same",
        ),
    ],
)
def test_wrong_setting_of_a_provider_is_told_with_its_mend(
    problems: Callable[..., list[str]], changes: dict[str, str], told: str
) -> None:
    (problem,) = problems(KEYCLOAK | changes)
    assert problem.startswith(told)


def test_wrong_settings_of_providers_are_listed_with_all_others(problems: Callable[..., list[str]]) -> None:
    found = problems({"oidc.a.label": "A", "oidc.b.issuer": "nonsense", "mail.port": "x"})
    assert {problem.partition(":")[0] for problem in found} >= {
        "mail.port",
        "oidc.a.issuer",
        "oidc.a.client_id",
        "oidc.b.issuer",
    }
