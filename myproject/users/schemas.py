"""The shape of what the account's forms take."""

import re
from collections.abc import Callable, Iterable
from typing import Any
from zoneinfo import available_timezones

import colander
import deform

from myproject.forms.schema import (
    BIDI_CONTROLS,
    Schema,
    checkbox,
    choice,
    email,
    line,
    number,
    paragraph,
    password,
    upload,
)
from myproject.i18n import LANGUAGES, _
from myproject.security.common_passwords import is_common
from myproject.text import is_name
from myproject.users import constants as USER

WEB_ADDRESS = re.compile(r"https?://[^\s/?#@]+\.[^\s@]+\Z", re.IGNORECASE)


MANY_MARKS = re.compile("[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]{4}")


def nickname(node: colander.SchemaNode, value: str) -> None:
    if not is_name(value, USER.NAME_JOINERS):
        raise colander.Invalid(node, _("Use letters and digits, with single - or _ between them"))


def web_address(node: colander.SchemaNode, value: str) -> None:
    if value and not WEB_ADDRESS.match(value):
        raise colander.Invalid(node, _("Write a whole address, such as https://example.org"))


def visible_name(node: colander.SchemaNode, value: str) -> None:
    if BIDI_CONTROLS.search(value):
        raise colander.Invalid(node, _("Leave out characters that change the direction of text"))
    if MANY_MARKS.search(value):
        raise colander.Invalid(node, _("Leave out some of the marks above and below the letters"))


def same_password(node: colander.SchemaNode, data: dict[str, Any]) -> None:
    if data["password"] != data["confirm"]:
        raise invalid_child(node, "confirm", _("The two passwords differ"))


def fresh_password(known: Iterable[str] = ()) -> Callable[[colander.SchemaNode, dict[str, Any]], None]:
    """A validator: the password is repeated right, and is not simply the nickname or the address, as `known` or as
    the form has them, nor another of `known`.
    """

    def validate(node: colander.SchemaNode, data: dict[str, Any]) -> None:
        same_password(node, data)
        words = {str(word).casefold() for word in (*known, data.get("name", ""), data.get("email", ""))} - {""}
        words |= {word.partition("@")[0] for word in words}
        if data["password"].casefold() in words:
            message = _("Choose one that is not your name or address, nor the name of this site")
            raise invalid_child(node, "password", message)

    return validate


def invalid_child(node: colander.SchemaNode, name: str, message: str) -> colander.Invalid:
    """An error of one field, from a validator of the whole form."""
    error = colander.Invalid(node)
    error[name] = message
    return error


def new_password(minimum: int, title: str = _("Password")) -> list[colander.SchemaNode]:
    """The two nodes in which a new password is chosen, at least `minimum` characters long and not a common one."""

    def uncommon(node: colander.SchemaNode, value: str) -> None:
        if is_common(value, minimum):
            raise colander.Invalid(
                node, _("Many people use this password, so it is among the first that are tried. Choose another.")
            )

    return [
        password(
            "password",
            title,
            min=minimum,
            check=uncommon,
            autocomplete="new-password",
            hint=_("At least ${min} characters, whatever you like", mapping={"min": minimum}),
        ),
        password("confirm", _("The same again"), autocomplete="new-password"),
    ]


def whose_password(name: str) -> colander.SchemaNode:
    """The nickname beside a password, unseen: managers of passwords keep both together."""
    return colander.SchemaNode(
        colander.String(),
        name="username",
        default=name,
        missing="",
        widget=deform.widget.TextInputWidget(template="username", hidden=True),
    )


def join_reason() -> colander.SchemaNode:
    """What admins read before they let somebody in."""
    return paragraph(
        "reason",
        _("Why would you like to join?"),
        max=USER.APPROVAL_REASON_MAX_LENGTH,
        rows=4,
        hint=_("The people who run the site read it before they let you in. Nobody else sees it."),
    )


def name_line(title: str, hint: str) -> colander.SchemaNode:
    """The node of a nickname."""
    return line(
        "name",
        title,
        min=USER.NAME_MIN_LENGTH,
        max=USER.NAME_MAX_LENGTH,
        autocomplete="username",
        attributes={"autocapitalize": "none", "spellcheck": "false"},
        hint=hint,
        check=nickname,
    )


class Rename(Schema):
    name = name_line(_("New nickname"), _("Letters and digits, with - or _ between them."))


def registration(minimum: int, known: Iterable[str] = (), *, ask_reason: bool = False) -> Schema:
    """Nickname, address, password twice, and the terms; `minimum` is the shortest password, `known` are words that
    make no password. With `ask_reason` also why somebody wants to join.
    """
    return Schema(
        name_line(_("Nickname"), _("Everybody sees it. Letters and digits, with - or _ between them.")),
        email("email", _("Email"), autocomplete="email", hint=_("Nobody sees it. We send a link to verify it.")),
        *new_password(minimum),
        *([join_reason()] if ask_reason else []),
        checkbox(
            "accept_tos",
            _("I accept the terms of this site"),
            error=_("You can only join if you accept the terms"),
        ),
        validator=fresh_password(known),
    )


def first_admin(minimum: int, known: Iterable[str] = ()) -> Schema:
    """`registration` for who starts the site: nobody mails a link to verify their address."""
    schema = registration(minimum, known)
    schema["email"].description = _("Nobody sees it. Mails to you go there.")
    return schema


def provider_registration(*, ask_email: bool, ask_reason: bool) -> Schema:
    """What a third party can't tell of somebody who registers by way of it."""
    return Schema(
        name_line(_("Nickname"), _("Everybody sees it. Letters and digits, with - or _ between them.")),
        *(
            [
                email(
                    "email",
                    _("Email"),
                    autocomplete="email",
                    hint=_("Nobody sees it. We send a link to verify it."),
                )
            ]
            if ask_email
            else []
        ),
        *([join_reason()] if ask_reason else []),
        checkbox(
            "accept_tos",
            _("I accept the terms of this site"),
            error=_("You can only join if you accept the terms"),
        ),
    )


class Login(Schema):
    login = line(
        "login",
        _("Nickname or email"),
        max=USER.EMAIL_MAX_LENGTH,
        autocomplete="username webauthn",
        attributes={"autocapitalize": "none", "spellcheck": "false"},
    )
    password = password("password", _("Password"), autocomplete="current-password")
    remember = checkbox("remember", _("Keep me signed in on this device"))


class Reauth(Schema):
    password = password("password", _("Password"), autocomplete="current-password")


def app_code() -> Schema:
    """A code of an authenticator app. Recovery codes pass too: people type them where a code is asked for."""
    return Schema(
        line(
            "code",
            _("Code from the app"),
            max=40,
            autocomplete="one-time-code",
            attributes={"inputmode": "numeric", "spellcheck": "false"},
            hint=_("Six digits"),
        )
    )


def recovery_code() -> Schema:
    return Schema(
        line(
            "code",
            _("Recovery code"),
            max=40,
            autocomplete="off",
            attributes={"inputmode": "text", "autocapitalize": "characters", "spellcheck": "false"},
            hint=_("Such as WDJB-MJHT"),
        )
    )


class LostPassword(Schema):
    email = email("email", _("Email"), autocomplete="email")


def reset_password(minimum: int, name: str = "", known: Iterable[str] = ()) -> Schema:
    """A new password for the member `name`, of at least `minimum` characters and none of `known`."""
    return Schema(
        whose_password(name),
        *new_password(minimum, _("New password")),
        validator=fresh_password((name, *known)),
    )


def change_password(minimum: int, name: str, known: Iterable[str], *, ask_present: bool = True) -> Schema:
    """The present password, where there is one, and a new one; the rest as in `reset_password`."""
    present = password("current", _("Present password"), autocomplete="current-password")
    return Schema(
        whose_password(name),
        *([present] if ask_present else []),
        *new_password(minimum, _("New password")),
        validator=fresh_password((name, *known)),
    )


class Terms(Schema):
    accept_tos = checkbox(
        "accept_tos",
        _("I accept the terms of this site"),
        error=_("You can only go on if you accept the terms"),
    )


class Invitation(Schema):
    uses = number("uses", _("For how many people?"), min=1, max=USER.INVITATION_USES_MAX, hint=_("From 1 to 20"))
    days = number("days", _("For how many days?"), min=1, max=USER.INVITATION_DAYS_MAX, hint=_("From 1 to 30"))
    note = line(
        "note",
        _("Note"),
        max=USER.INVITATION_NOTE_MAX_LENGTH,
        optional=True,
        hint=_("For yourself, such as whom it is for"),
    )


def change_email(*, with_password: bool) -> Schema:
    """The new address and, for a member who has one, the password."""
    nodes = [email("email", _("New address"), autocomplete="email")]
    if with_password:
        nodes.append(password("password", _("Password"), autocomplete="current-password"))
    return Schema(*nodes)


class VerifyCode(Schema):
    code = line(
        "code",
        _("Code from the mail"),
        max=40,
        autocomplete="one-time-code",
        attributes={"inputmode": "text", "autocapitalize": "characters", "spellcheck": "false"},
        hint=_("Such as WDJB-MJHT"),
    )


class PasskeyName(Schema):
    name = line(
        "name",
        _("Name of the passkey"),
        max=USER.PASSKEY_NAME_MAX_LENGTH,
        check=visible_name,
        hint=_("To tell it apart, such as the device it is on"),
    )


class CorrectEmail(Schema):
    email = email("email", _("Email"), autocomplete="email")


class DeleteAccount(Schema):
    posts = choice(
        "posts",
        _("Your posts and comments"),
        [("keep", _("Keep them, as by a former member")), ("remove", _("Remove them"))],
    )
    sure = checkbox("sure", _("Delete my account"), error=_("Tick this box if you want to delete your account"))


class Profile(Schema):
    avatar = upload(
        "avatar",
        _("Picture"),
        accept="image/png,image/jpeg,image/webp,image/gif",
        hint=_("PNG, JPEG, WebP or GIF, up to ${megabytes} MB. Its middle is shown, as a square."),
    )
    remove_avatar = checkbox("remove_avatar", _("Remove the picture"))
    display_name = line(
        "display_name",
        _("Name to show"),
        max=USER.DISPLAY_NAME_MAX_LENGTH,
        check=visible_name,
        autocomplete="name",
        optional=True,
        hint=_("Instead of your nickname, next to what you write"),
    )
    bio = paragraph("bio", _("About you"), max=USER.BIO_MAX_LENGTH, optional=True, hint=_("Markdown works here"))
    website = line(
        "website",
        _("Website"),
        max=USER.WEBSITE_MAX_LENGTH,
        check=web_address,
        autocomplete="url",
        attributes={"inputmode": "url"},
        optional=True,
    )
    time_zone = choice(
        "time_zone",
        _("Time zone"),
        [
            ("", _("The site's own")),
            *((name, name.replace("_", " ")) for name in sorted(available_timezones())),
        ],
        missing="",
    )
    locale = choice(
        "locale",
        _("Language"),
        [("", _("What the browser asks for")), *((code, code) for code in LANGUAGES)],
        missing="",
    )
    theme = choice(
        "theme",
        _("Colours"),
        [
            (USER.Theme.SYSTEM.value, _("As the device has it")),
            (USER.Theme.LIGHT.value, _("Light")),
            (USER.Theme.DARK.value, _("Dark")),
        ],
    )
