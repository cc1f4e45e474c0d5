"""From a row of the outbox to a message: the templates of its kind, headers that nothing typed can break."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import partial
from zoneinfo import ZoneInfoNotFoundError

from jinja2 import Environment
from pyramid.config import Configurator
from pyramid.i18n import Localizer, make_localizer
from pyramid.interfaces import ILocalizer, ITranslationDirectories
from pyramid.registry import Registry

from myproject.emails import constants as EMAIL
from myproject.emails.models import Email
from myproject.emails.services import choosing
from myproject.emails.services.outbox import mail_domain, one_line, printable
from myproject.emails.services.unsubscribing import Stop, make_token
from myproject.i18n import DOMAIN
from myproject.security.keys import keys_of
from myproject.settings import Settings, settings_of
from myproject.text import ENCODED_WORD
from myproject.web.dates import exact
from myproject.web.templating import site_url

# By default a long header (List-Unsubscribe) becomes encoded words, which no mail program takes for a link.
POLICY = SMTP.clone(max_line_length=900)

INERT_MAX_LENGTH = 100
# What makes links of words. A full stop stays in the version of a browser, 128.0, and not in an IP address.
LINKING = re.compile(r"(?P<version>(?<![\d.])\d+\.\d+(?![\w-]|\.\w))|[:@\\<>.。]|//+")
# The same within a word: sentences keep what ends them, and times of the day their colon.
LINKING_IN_WORDS = re.compile(
    r"(?P<version>(?<![\d.])\d+\.\d+(?![\w-]|\.\w))|:(?!\d\d\b)(?=[^\s)])|[@\\<>]|[.。](?=[^\s)])|//+"
)


class MailTemplates:
    """Renders the templates of mails: those in HTML escape what they show, those in text do not."""

    def __init__(self, registry: Registry, environment: Environment) -> None:
        self.registry = registry
        self.html = environment
        self.text = environment.overlay(autoescape=False, trim_blocks=False, lstrip_blocks=False)

    def preview(self, email: Email) -> tuple[str, str] | None:
        """Subject and text of a mail as they would be sent, but for its secrets, which nobody else may see. None
        where it can't be written: its content is gone, or its templates are of another version.
        """
        try:
            subject, text, _html = self.render_masked(email)
        except Exception:
            # Whatever templates raise: it must not hide the page that shows why the mail can't be sent.
            return None
        return subject, text

    def render_masked(self, email: Email) -> tuple[str, str, str]:
        """Subject, text and HTML of a mail without its secrets. Raises what `render` does."""
        return self.render(email, stop_links(self.registry, email, masked=True), masked=True)

    def render(self, email: Email, stop: "StopLinks | None", *, masked: bool = False) -> tuple[str, str, str]:
        """Subject, text and HTML of a mail with the links of `stop_links`. Raises what its templates do, and
        LookupError without context.
        """
        if email.context is None:
            raise LookupError("the content of this mail is gone")
        localizer = localizer_of(self.registry, email.locale)
        settings = settings_of(self.registry)
        values = dict(email.context)
        if masked:
            values |= dict.fromkeys(EMAIL.SECRETS.get(email.kind, ()), EMAIL.MASK)
        values |= {
            "site": settings,
            "site_url": partial(site_url, self.registry),
            "locale": email.locale,
            "inert": inert,
            "unlinked": unlinked,
            "quoted": quoted,
            "moment": partial(moment, settings, email.locale, zone=email.context.get("zone", "")),
            "stop": stop,
            "gettext": partial(localizer.translate, domain=DOMAIN),
            "ngettext": partial(localizer.pluralize, domain=DOMAIN),
        }
        folder = f"emails/{email.kind}"
        subject = self.text.get_template(f"{folder}/subject.txt").render(values)
        values["subject"] = one_line(subject, EMAIL.SUBJECT_MAX_LENGTH)
        text = self.text.get_template(f"{folder}/body.txt").render(values)
        html = self.html.get_template(f"{folder}/body.html").render(values)
        text = re.sub(r"\n{3,}", "\n\n", printable(text)).strip()
        return values["subject"], f"{text}\n", f"{printable(html).strip()}\n"


def header_text(text: str) -> str:
    """Words for a header, in which nothing is decoded as an encoded word: it may hold a line break, an address,
    anything.
    """
    return text.replace(ENCODED_WORD, " ".join(ENCODED_WORD))


def inert(text: str) -> str:
    """What people or their programs wrote, on one line and without what mail programs make links of.

    Security mails show nothing else of theirs: such a mail must not carry somebody else's link.
    """
    # In its plainest form: browsers take wide and small full stops for one as well (UTS 46, 4.5).
    line = one_line(unicodedata.normalize("NFKC", text), INERT_MAX_LENGTH)
    return " ".join(LINKING.sub(lambda found: found["version"] or " ", line).split())


def unlinked(text: str) -> str:
    """What staff wrote to an address that nobody has proved, line by line, without what mail programs make links
    of: whoever registers with somebody's address has them write there.
    """
    lines = unicodedata.normalize("NFKC", text).splitlines()
    return "\n".join(LINKING_IN_WORDS.sub(lambda found: found["version"] or " ", line) for line in lines)


def quoted(text: str) -> str:
    """Each line behind the `> ` that mail programs show as a quotation."""
    return "\n".join(f"> {line}".rstrip() for line in text.strip().splitlines())


def moment(settings: Settings, locale: str, when: str, zone: str = "") -> str:
    """An ISO 8601 time, in words and in the reader's time zone (an IANA name), else in the site's."""
    time = datetime.fromisoformat(when)
    try:
        return exact(time, zone or settings.site_timezone, locale)
    except (ZoneInfoNotFoundError, ValueError):
        # One that this machine does not know keeps no mail from its reader.
        return exact(time, settings.site_timezone, locale)


@dataclass(frozen=True)
class StopLinks:
    """Absolute addresses in a mail that can be stopped: what stops its kind, what stops mail about its post, where
    one reads why it came, where its reader chooses without a sign-in. The second and the third are empty where it
    is about no post.
    """

    kind: str
    thread: str
    why: str
    settings: str


def stop_links(registry: Registry, email: Email, *, masked: bool = False) -> StopLinks | None:
    """None for mail that can't be turned off. Masked, they stop nothing. Raises LookupError where the mail has a
    topic and no reader.
    """
    if email.topic is None:
        return None
    if email.user_id is None:
        raise LookupError("nobody is left who could stop this mail")

    keys = keys_of(registry)

    def address(stop: Stop) -> str:
        token = EMAIL.MASK if masked else make_token(keys, stop)
        return site_url(registry, "emails.unsubscribe", token=token)

    post_id = email.thread_scope
    choices = EMAIL.MASK if masked else choosing.make_token(keys, email.user_id)
    return StopLinks(
        kind=address(Stop(email.user_id, topic=email.topic)),
        thread=address(Stop(email.user_id, post_id=post_id)) if post_id else "",
        why=site_url(registry, "notifications.why", id=post_id) if post_id else "",
        settings=site_url(registry, "notifications.choices", token=choices),
    )


def list_headers(settings: Settings, email: Email, links: StopLinks | None) -> dict[str, str]:
    """What mail programs show their own button for: a list (RFC 2919) to leave by one press (RFC 2369, RFC 8058).
    Mail that can't be turned off has none.
    """
    if links is None:
        return {}
    return {
        "List-Id": f"<{email.topic}.{mail_domain(settings)}>",
        "List-Unsubscribe": f"<{links.kind}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def localizer_of(registry: Registry, locale: str) -> Localizer:
    """The translations of a language, as Pyramid keeps them for its requests."""
    localizer = registry.queryUtility(ILocalizer, name=locale)
    if localizer is None:
        folders = registry.queryUtility(ITranslationDirectories, default=[])
        localizer = make_localizer(locale, folders)
        registry.registerUtility(localizer, ILocalizer, name=locale)
    return localizer


def mailbox(name: str, address: str) -> Address:
    """An address as headers take it: a clean name, and a domain in ASCII. Raises where `address` is none, or would
    be read as another one.
    """
    local, _at, domain = address.rpartition("@")
    if not local or not domain or ENCODED_WORD in address:
        raise ValueError("this is no mail address")
    # An address literal such as [IPv6:::1] is no name.
    if not domain.startswith("["):
        domain = domain.encode("idna").decode("ascii")
    return Address(header_text(one_line(name, EMAIL.NAME_MAX_LENGTH)), local, domain)


def sender_address(settings: Settings) -> str:
    """The address that mails come from, alone: `mail.sender` may hold a name too."""
    return parseaddr(settings.mail_sender)[1] or f"noreply@{mail_domain(settings)}"


def sender_name(settings: Settings, email: Email) -> str:
    """What stands in From: the site's name, behind that of the member who caused the mail. A name that looks like
    an address would pass for the sender's.
    """
    name = inert(email.sender_name or "")
    return f"{name} ({settings.site_title})" if name else settings.site_title


def make_message(registry: Registry, email: Email) -> EmailMessage:
    """The message of a mail: text and HTML in UTF-8, sent as ASCII (RFC 2045), marked automatic (RFC 3834).

    It comes from the site's own address, which is what DKIM and SPF speak for, with the name of who caused it. All
    mails about one post refer to the same Message-ID (RFC 5322, 3.6.4) and have one subject, by which mail
    programs show them as one thread. With `mail.redirect_all_to` it goes there, and names the one it was for in
    X-Original-To.

    Raises what templates do, and LookupError where nobody could stop a mail that says it can be stopped.
    """
    settings = settings_of(registry)
    templates: MailTemplates = registry["mail_templates"]
    links = stop_links(registry, email)
    subject, text, html = templates.render(email, links)
    message = EmailMessage(policy=POLICY)
    message["From"] = mailbox(sender_name(settings, email), sender_address(settings))
    redirected_to = parseaddr(settings.mail_redirect_all_to)[1]
    # Mail that can't be turned off may reach strangers, and a name that looks like a link would be one for them.
    to_name = inert(email.to_name) if links is None else email.to_name
    message["To"] = mailbox(to_name, redirected_to or email.to_address)
    if settings.mail_reply_to:
        message["Reply-To"] = mailbox("", parseaddr(settings.mail_reply_to)[1])
    message["Subject"] = header_text(subject)
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = email.message_id
    if email.in_reply_to:
        message["In-Reply-To"] = email.in_reply_to
    if email.references:
        message["References"] = email.references
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    for name, value in list_headers(settings, email, links).items():
        message[name] = value
    if redirected_to:
        message["X-Original-To"] = header_text(one_line(email.to_address, EMAIL.ADDRESS_MAX_LENGTH))
    message.set_content(text, charset="utf-8", cte="quoted-printable")
    message.add_alternative(html, subtype="html", charset="utf-8", cte="quoted-printable")
    return message


def includeme(config: Configurator) -> None:
    def make_templates() -> None:
        config.registry["mail_templates"] = MailTemplates(config.registry, config.get_jinja2_environment())

    # The environment is there once pyramid_jinja2's own actions have run.
    config.action("emails.templates", make_templates, order=10_000)
