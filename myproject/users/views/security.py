"""What guards an account, on one page that leads to the others, and what happened to it."""

from typing import Any

from pyramid.httpexceptions import HTTPFound
from pyramid.response import Response
from translationstring import TranslationString

from myproject.i18n import _
from myproject.users import constants as USER
from myproject.users.services import history, second_factor
from myproject.users.views.client import browser_name, coarse_network
from myproject.users.views.lost_second_factor import warning
from myproject.web.request import Request
from myproject.web.templating import url

SENTENCES = {
    USER.SecurityEvent.REGISTERED: _("You registered"),
    USER.SecurityEvent.SIGNED_IN: _("You signed in"),
    USER.SecurityEvent.SIGN_IN_FAILED: _("Somebody tried to sign in, and failed"),
    USER.SecurityEvent.SESSIONS_SHUT: _("An admin signed you out everywhere"),
    USER.SecurityEvent.SESSIONS_ENDED: _("You signed out another device"),
    USER.SecurityEvent.PASSWORD_CHANGED: _("You changed your password"),
    USER.SecurityEvent.PASSWORD_RESET: _("You chose a new password by a mailed link"),
    USER.SecurityEvent.EMAIL_CHANGE_ASKED: _("You asked for another address: ${detail}"),
    USER.SecurityEvent.EMAIL_CHANGED: _("Your address was changed to ${detail}"),
    USER.SecurityEvent.EMAIL_CHANGE_UNDONE: _("The change of your address was undone: it is ${detail} again"),
    USER.SecurityEvent.NAME_CHANGED: _("You changed your nickname, which was ${detail} before"),
    USER.SecurityEvent.SECOND_FACTOR_ON: _("You turned the second factor on"),
    USER.SecurityEvent.SECOND_FACTOR_OFF: _("The second factor was turned off"),
    USER.SecurityEvent.RECOVERY_CODES_MADE: _("You made new recovery codes"),
    USER.SecurityEvent.RECOVERY_CODE_USED: _("A recovery code was used: ${detail} are left"),
    USER.SecurityEvent.PASSKEY_ADDED: _("You added a passkey: ${detail}"),
    USER.SecurityEvent.PASSKEY_REMOVED: _("You removed a passkey: ${detail}"),
    USER.SecurityEvent.PROVIDER_CONNECTED: _("You connected an account elsewhere: ${detail}"),
    USER.SecurityEvent.PROVIDER_REMOVED: _("You disconnected an account elsewhere: ${detail}"),
    USER.SecurityEvent.TERMS_ACCEPTED: _("You accepted the terms, version ${detail}"),
    USER.SecurityEvent.EXPORT_ASKED: _("You asked for your data"),
    USER.SecurityEvent.DELETION_ASKED: _("You asked to delete your account"),
    USER.SecurityEvent.DELETION_UNDONE: _("You kept your account, which was to be deleted"),
    USER.SecurityEvent.ROLE_CHANGED: _("The people who run the site changed your role"),
    USER.SecurityEvent.STATUS_CHANGED: _("The people who run the site changed the status of your account"),
    USER.SecurityEvent.SESSION_COPIED: _("Two browsers used one sign-in, so you were signed out everywhere"),
    USER.SecurityEvent.SECOND_FACTOR_RESET_ASKED: _("You asked to turn the second factor off, as you lost it"),
    USER.SecurityEvent.SECOND_FACTOR_RESET_CANCELLED: _("The second factor stays on: it is not lost after all"),
}


def hub(request: Request) -> dict[str, Any]:
    """The cards of `users/security.html`; each screen adds its own there."""
    few_codes = second_factor.few_recovery_codes(request.dbsession, request.member)
    return {"member": request.member, "few_codes": few_codes} | warning(request)


def sentence(line: history.Line) -> TranslationString:
    """What a line of the history tells."""
    return _(SENTENCES[line.event], mapping={"detail": line.detail})


def show_history(request: Request) -> dict[str, Any]:
    """The latest lines of the member's own history."""
    return {
        "lines": history.list_history(request.dbsession, request.member.id),
        "sentence": sentence,
        "browser_name": browser_name,
        "coarse_network": coarse_network,
    }


def change_password_address(request: Request) -> Response:
    """Where password managers look for the page to change a password (W3C: A Well-Known URL for Changing
    Passwords).
    """
    return HTTPFound(url(request, "users.password"))
