"""What guards an account, on one page that leads to the others, and what happened to it."""

from typing import Any

from pyramid.httpexceptions import HTTPFound, HTTPNotFound
from pyramid.response import Response
from translationstring import TranslationString

from myproject.emails.constants import Kind
from myproject.i18n import _
from myproject.pagination import BadCursor
from myproject.users import constants as USER
from myproject.users.services import export, history, second_factor
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
    USER.SecurityEvent.PASSKEY_COPIED: _(
        "A passkey was refused, for there may be a copy of it: ${detail}. Remove it, and add a new one"
    ),
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
    USER.SecurityEvent.ADDRESS_VERIFIED: _("You verified your address: ${detail}"),
    USER.SecurityEvent.ADDRESS_CORRECTED: _("You corrected your address, which was not verified yet: ${detail}"),
    USER.SecurityEvent.PASSWORD_RESET_ASKED: _("Somebody asked for a link to choose a new password"),
    USER.SecurityEvent.PASSWORD_RESET_STARTED: _(
        "The people who run the site had a link to choose a new password sent to you"
    ),
}
# Of every kind in the lane of an account's safety.
MAIL_SENTENCES: dict[str, TranslationString] = {
    Kind.VERIFY: _("A mail to ${detail}: confirm your address"),
    Kind.ALREADY_REGISTERED: _("A mail to ${detail}: you have an account already"),
    Kind.RESET_PASSWORD: _("A mail to ${detail}: choose a new password"),
    Kind.PASSWORD_CHANGED: _("A mail to ${detail}: your password was changed"),
    Kind.LOST_SECOND_FACTOR: _("A mail to ${detail}: turn off the second factor that you lost"),
    Kind.SECOND_FACTOR_RESET: _("A mail to ${detail}: your second factor will be turned off"),
    Kind.SECURITY_NOTICE: _("A mail to ${detail}: a notice about the safety of your account"),
    Kind.DELETION_ASKED: _("A mail to ${detail}: your account will be deleted"),
    Kind.CHANGE_EMAIL: _("A mail to ${detail}: confirm your new address"),
    Kind.EMAIL_CHANGED: _("A mail to ${detail}: your address was changed"),
}


def hub(request: Request) -> dict[str, Any]:
    """The cards of `users/security.html`; each screen adds its own there."""
    few_codes = second_factor.few_recovery_codes(request.dbsession, request.member)
    return {"member": request.member, "few_codes": few_codes} | warning(request)


def sentence(line: history.Line | history.MailLine) -> TranslationString:
    """What a line of the history tells."""
    if isinstance(line, history.MailLine):
        # One of a version that knew more kinds is a notice all the same.
        told = MAIL_SENTENCES.get(line.kind, MAIL_SENTENCES[Kind.SECURITY_NOTICE])
        return _(told, mapping={"detail": line.to_address})
    return _(SENTENCES[line.event], mapping={"detail": line.detail})


def show_history(request: Request) -> dict[str, Any]:
    """The member's own history, a page at a time."""
    try:
        page = history.list_history(request.dbsession, export.person_of(request.member), request.GET.get("after"))
    except BadCursor:
        raise HTTPNotFound from None
    return {
        "page": page,
        "sentence": sentence,
        "browser_name": browser_name,
        "coarse_network": coarse_network,
    }


def change_password_address(request: Request) -> Response:
    """Where password managers look for the page to change a password (W3C: A Well-Known URL for Changing
    Passwords).
    """
    return HTTPFound(url(request, "users.password"))
