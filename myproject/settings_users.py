"""Settings of members: how they register and sign in."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from myproject.settings_values import at_least, boolean, in_the_clear, lines, one_of, setting, text, web_address

ALTCHA_SCRIPT = Path(__file__).parent / "static/vendor/altcha/altcha.min.js"
PASSWORD_ROUNDS_FLOOR = 12


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


@dataclass(frozen=True, kw_only=True)
class CaptchaSettings:
    """How registration tells people from programs."""

    captcha_provider: CaptchaProvider = setting(
        "captcha.provider", one_of(CaptchaProvider), "question", "how registration tells people from programs"
    )
    captcha_questions: tuple[str, ...] = setting(
        "captcha.questions",
        lines,
        "What colour is a ripe lemon? = yellow\nHow many legs does a cat have? = 4, four",
        "one a line: the question, `=`, the right answers with commas between",
        secret=True,
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
        secret=True,
    )
    captcha_verify_url: str = setting(
        "captcha.verify_url", web_address, "", "the remote provider's siteverify address; empty: its own"
    )


@dataclass(frozen=True, kw_only=True)
class UserSettings:
    """Members and their passwords."""

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
        "who must have a second factor; `staff`: staff and admins reach nothing before they have set one up, or "
        "used a passkey",
    )
    users_silence_days: int = setting(
        "users.silence_days",
        at_least(1),
        "180",
        "days without a sign-in after which the next one is told by mail, also from a browser that is known",
    )
    users_second_factor_reset_days: int = setting(
        "users.second_factor_reset_days",
        at_least(1, 30),
        "3",
        "days that a lost second factor waits to be turned off; a mail says so to its owner each day",
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

    def password_minimum(self, *, staff: bool) -> int:
        """The shortest password, in characters, that a member may choose; `staff`: one of staff, or an admin."""
        shortest, of_staff = self.users_password_min_length, self.users_password_min_length_staff
        return max(shortest, of_staff) if staff else shortest


def problems_of_captcha(settings: CaptchaSettings, *, production: bool) -> list[str]:
    """What is wrong with settings that parse, each with its mend."""
    problems = []
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
    if production and in_the_clear(settings.captcha_verify_url):
        problems.append("captcha.verify_url: the secret would travel in the clear; say https://")
    return problems


def problems_of_users(settings: UserSettings, *, production: bool) -> list[str]:
    """What is wrong with settings that parse, each with its mend."""
    if not production:
        return []
    problems = []
    if in_the_clear(settings.users_password_leaks_url):
        problems.append("users.password_leaks_url: who listens would learn of passwords; say https://")
    if settings.users_password_rounds < PASSWORD_ROUNDS_FLOOR:
        problems.append(f"users.password_rounds: say {PASSWORD_ROUNDS_FLOOR} or more")
    return problems
