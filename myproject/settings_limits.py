"""Settings of how often things may be done."""

from dataclasses import dataclass

from myproject.settings_values import boolean, rate, rate_at_most, setting


@dataclass(frozen=True, kw_only=True)
class LimitSettings:
    """How often what may be done: `ratelimit.NAME`, by which `security.ratelimit` knows it."""

    ratelimit_enabled: bool = setting("ratelimit.enabled", boolean, "true", "limit how often things may be tried")
    ratelimit_login_address: str = setting(
        "ratelimit.login_address",
        rate,
        "30 per 5 minutes",
        "sign-ins tried from one client address, from browsers new to the account",
    )
    ratelimit_login_site: str = setting(
        "ratelimit.login_site",
        rate,
        "1000 per 5 minutes",
        "sign-ins tried on the whole site, from browsers that no member signed in with before",
    )
    ratelimit_login_account: str = setting(
        "ratelimit.login_account",
        rate,
        "5 per 5 minutes",
        "sign-ins tried with one nickname or one address, of which an account has both, from browsers new to it",
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
    ratelimit_register_tries: str = setting(
        "ratelimit.register_tries",
        rate,
        "60 per hour; 200 per day",
        "registration forms sent from one client address, with taken nicknames and wrong answers too",
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
        "ratelimit.lost_password_account",
        rate,
        "3 per hour; 5 per day",
        "resets asked for one mail address; beyond that a link goes there only where the last one is good no more",
    )
    ratelimit_verify_address: str = setting(
        "ratelimit.verify_address", rate, "30 per hour", "links followed and codes typed from one client address"
    )
    ratelimit_verify_account: str = setting(
        "ratelimit.verify_account", rate, "5 per hour", "verification mails sent to one member"
    )
    ratelimit_account_mail_recipient: str = setting(
        "ratelimit.account_mail_recipient",
        rate,
        "6 per hour; 12 per day",
        "mails that strangers can have sent to one address: to confirm it, or that it has an account; as many for"
        " a new password of accounts that have not verified it",
    )
    ratelimit_code_account: str = setting(
        "ratelimit.code_account", rate, "20 per hour", "codes typed by one member"
    )
    ratelimit_second_factor_account: str = setting(
        "ratelimit.second_factor_account",
        rate,
        "20 per day",
        "codes of an authenticator app tried for one account, from browsers new to it, with whatever passwords;"
        " more than `ratelimit.second_factor_password`, so that its owner has some left after choosing another",
    )
    ratelimit_second_factor_password: str = setting(
        "ratelimit.second_factor_password",
        rate,
        "10 per day",
        "codes of an authenticator app tried for one account and password, from browsers new to it",
    )
    ratelimit_second_factor_device: str = setting(
        "ratelimit.second_factor_device",
        rate,
        "10 per 15 minutes; 50 per day",
        "codes of an authenticator app tried for one account from one browser that was signed in to it before",
    )
    ratelimit_second_factor_failures: str = setting(
        "ratelimit.second_factor_failures",
        # NIST SP 800-63B-4, 3.2.2: no more than 100 in a row.
        rate_at_most(100),
        "50 per 30 days",
        "wrong codes in a row for one account and password, from all browsers new to it together, and as many from"
        " all that were signed in to it before; at most 100 (NIST SP 800-63B)",
    )
    ratelimit_lost_second_factor_account: str = setting(
        "ratelimit.lost_second_factor_account",
        rate,
        "3 per day",
        "mails asked for by somebody who has lost their second factor, for one account",
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
    ratelimit_flag_account: str = setting(
        "ratelimit.flag_account", rate, "20 per hour", "texts reported by one member"
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
    ratelimit_image_account: str = setting(
        "ratelimit.image_account",
        rate,
        "30 per hour; 150 per day",
        "images for posts and comments sent by one member",
    )
    ratelimit_upload_account: str = setting(
        "ratelimit.upload_account", rate, "10 per hour", "pictures sent by one member"
    )
    ratelimit_export_account: str = setting(
        "ratelimit.export_account", rate, "3 per day", "exports of their data asked for by one member"
    )
