"""What can go wrong with an account, in words for its owner."""

from myproject.errors import InputError, TooManyBytes, waiting
from myproject.i18n import _
from myproject.users import constants as USER


class NameTaken(InputError):
    message = _("Somebody else has this nickname")
    field = "name"


class NameTooLong(InputError):
    message = _("Choose a shorter nickname: some of its letters, such as ß, count as two")
    field = "name"


class NameReserved(InputError):
    message = _("This nickname is kept for the site itself")
    field = "name"


class NameLikeReserved(InputError):
    message = _("This nickname is too much like one that is kept for the site itself")
    field = "name"


class NameTooAlike(InputError):
    message = _("This nickname is too much like one that somebody else has")
    field = "name"


class NameMixesScripts(InputError):
    message = _("Use letters of one script: those of several look too much alike")
    field = "name"


class NameUnchanged(InputError):
    message = _("This is your nickname already")
    field = "name"


class RenamedLately(InputError):
    message = _("You have changed your nickname not long ago, and can't change it again yet")
    field = "name"


class WrongCredentials(InputError):
    message = _("Wrong email or password")


class AccountInactive(InputError):
    """`reason` is what the admin wrote; it is for who has proved that the account is theirs."""

    message = _("This account has been shut.")

    def __init__(self, reason: str = "") -> None:
        words = _("This account has been shut, for this reason: “${reason}”.", mapping={"reason": reason})
        super().__init__(words if reason else None)


class WaitsForApproval(InputError):
    message = _("This account waits for the people who run the site to let it in. They will write to you.")


class AccountRefused(InputError):
    message = _("The people who run the site have not let this account in. They have written to you.")


class TooManyMails(InputError):
    """`seconds` is how long to wait until the address may be sent another."""

    def __init__(self, seconds: int) -> None:
        words = waiting(
            seconds,
            _(
                "So many mails were sent to this address that no more go there for now. Try again in ${seconds}"
                " seconds."
            ),
            _(
                "So many mails were sent to this address that no more go there for now. Try again in ${minutes}"
                " minutes."
            ),
            _(
                "So many mails were sent to this address that no more go there for now. Try again in ${hours}"
                " hours."
            ),
        )
        super().__init__(words)


class RegistrationClosed(InputError):
    message = _("This site takes no new members at present.")


class InvitationNeeded(InputError):
    message = _("New members come here by invitation: ask somebody who is a member for a link.")


class InvitationOver(InputError):
    message = _("This invitation is used up, or too old. Ask for a new one.")


class TooManyInvitations(InputError):
    message = _("You have as many open invitations as one member can have: revoke one first")


class AlreadyDecided(InputError):
    """`approval` is what stands now."""

    message = _("Somebody has decided this already")

    def __init__(self, approval: USER.Approval) -> None:
        super().__init__()
        self.approval = approval


class StepGone(InputError):
    message = _("That took too long, or was tried too often. Begin again.")


class AppCodeWrong(InputError):
    message = _("This is not the code that the app shows now. Wait for the next one, and check the phone's clock.")
    field = "code"


class SecondFactorWrong(InputError):
    message = _("This is no code of your app, and no recovery code, or it has been used already")
    field = "code"


class TooManyWrongCodes(InputError):
    message = _(
        "So many wrong codes were typed for this account that it takes none for now in a browser like this one."
        " Somebody may know its password: choose a new one by “Lost password”, then you can go on here."
    )


class SecondFactorOff(InputError):
    message = _("This account has no second factor")


class WrongPassword(InputError):
    message = _("This is not your password")
    field = "current"


class PasswordLeaked(InputError):
    message = _("This password was found in a leak at another site, so others may know it. Choose another.")
    field = "password"


class NotYourPassword(WrongPassword):
    """The same, where the form has but one password."""

    field = "password"


class SameEmail(InputError):
    message = _("This is your address already")
    field = "email"


class NotVerified(InputError):
    message = _("Verify the address you have first, or correct it")


class LinkInvalid(InputError):
    message = _("This link has been used, or is too old. Ask for a new one.")


class CodeWrong(InputError):
    message = _("This is not the code, or it is too old. After three tries ask for a new one.")
    field = "code"


class EmailTaken(InputError):
    message = _("This address already belongs to another account. Sign in there, or use another address.")
    field = "email"


class AddressUnverified(InputError):
    message = _("Verify your address first: until then anybody might have registered with it")


class PasskeyRefused(InputError):
    message = _("This passkey was not accepted. It may have been removed here: try another one.")


class NoPasskey(InputError):
    message = _("This account has no passkey")


class NothingWaits(InputError):
    message = _("Nobody waits for this second factor to be turned off any more")


class AskAnotherAdmin(InputError):
    message = _("You have agreed already: now another admin has to")


class TooManyPasskeys(InputError):
    message = _("You have as many passkeys as an account can have: remove one first")


class LastWayIn(InputError):
    message = _("It is the only way you sign in: first choose a password, or add another passkey")


class PictureTooBig(TooManyBytes):
    message = _("This picture is too big: send one of up to ${megabytes} MB and 24 megapixels")
    field = "avatar"


class PictureUnreadable(InputError):
    message = _("This is no picture that can be read: send a PNG, JPEG, WebP or GIF")
    field = "avatar"


class AlreadyVerified(InputError):
    message = _("Your address is verified already")
    field = "email"


class ExportWaiting(InputError):
    message = _("We are at it already: a mail tells you when your data are ready")


class LastAdmin(InputError):
    message = _("The site needs an admin: make somebody else one first")


class OwnAccount(InputError):
    message = _("You can't change your own role or status: ask another admin")


class NotBannable(InputError):
    message = _("Staff and admins are not banned from commenting: their role is changed first")


class AlreadyBanned(InputError):
    message = _("Somebody else has banned them from commenting meanwhile")


class NoLongerAdmin(InputError):
    message = _("You are no longer an admin")


class NotNewAgain(InputError):
    message = _("This address is verified: the account can be active or shut, but not new again")
    field = "status"


class ConnectedElsewhere(InputError):
    message = _("This account elsewhere is connected to another member of this site. Disconnect it there first.")


class ConnectedAlready(InputError):
    message = _("You have connected another account of this provider already. Disconnect that one first.")


class LastWayToDisconnect(InputError):
    message = _(
        "It is the only way you sign in: first choose a password, add a passkey or connect another account"
    )


class NotProved(InputError):
    message = _("That did not prove that it is you. Sign in there with the account that you have connected here.")
