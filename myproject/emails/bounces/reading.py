"""What a message says that came back: of which mail, and whether the address is dead.

It reads delivery status notifications (RFC 3464, within the multipart/report of RFC 6522), their kin in UTF-8
(RFC 6533), feedback reports (RFC 5965), and the plain text of servers that know none of these. Pure: bytes in, a
`Report` out. Whether it is to be believed is decided elsewhere: anybody can write such a message.
"""

import base64
import contextlib
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, message_from_string
from email.message import Message
from email.policy import compat32

from myproject.emails import constants as EMAIL
from myproject.emails.bounces.verdicts import Verdict, judge, verdict_of_text

log = logging.getLogger(__name__)

# Where servers say which address a message was delivered to: `To` names the envelope sender of the mail.
DELIVERED_TO = ("To", "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-Delivered-To")
DAEMON = re.compile(
    r"(?i)\b(?:mailer-daemon|mail-daemon|mdaemon|postmaster|mail delivery (?:sub)?system|maildelivery)\b"
)
ADDRESS = re.compile(r"[^\s<>\"(),:;@\[\]]{1,128}@[^\s<>\"(),:;@]{1,255}")
MESSAGE_ID = re.compile(r"<[^<>\s@]{1,200}@[^<>\s@]{1,200}>")
WRITTEN_MESSAGE_ID = re.compile(r"(?im)^[> \t]*Message-ID:\s*(<[^<>\s@]{1,200}@[^<>\s@]{1,200}>)")
# A returned mail within plain text: what follows is ours, and none of the server's words.
RETURNED = re.compile(
    r"(?im)^(?:-{2,} ?(?:Below this line is a copy|This is a copy of|Original message|The following is|"
    r"The header of|Message header|Included is|Your original)|Received: |Return-Path: |Original message headers)"
)
# The lines above their recipient that servers write without a report: Exim, qmail, Gmail of old.
NAMED_IN_TEXT = re.compile(r"(?m)^\s{0,8}<?([^\s<>\"(),:;@]{1,128}@[^\s<>\"(),:;@]{1,255}?)>?:?\s*$")
# `not-spam` says the contrary, and `auth-failure` (RFC 6591) nothing of a reader.
COMPLAINTS = ("abuse", "fraud", "opt-out", "opt-out-list", "miscategorized", "other")
MOST_CHARACTERS = 64 * 1024
MOST_SAID = 8 * 1024
MOST_PARTS = 50
MOST_NAMED = 20


@dataclass(frozen=True)
class Report:
    """What a message says of a mail of ours. `delivered_to` are the addresses that it came to, `recipients` those
    that it says the mail was for, `message_ids` those that it quotes. `status` is the code of RFC 3463, or empty;
    `words` are the server's, on one line.
    """

    verdict: Verdict
    delivered_to: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    message_ids: tuple[str, ...] = ()
    status: str = ""
    words: str = ""


def read_report(data: bytes) -> Report | None:
    """What a message says, None where it is no report: an answer of a person or of their holiday, or junk.

    Takes any bytes, and reads at most `REPORT_MAX_BYTES` of them. Never raises.
    """
    try:
        return report_of(message_from_bytes(data[: EMAIL.REPORT_MAX_BYTES], policy=compat32))
    except Exception:
        # The library has met most of what is sent, but not all; a message must not stop those behind it.
        log.warning("bounces: a message can't be read", exc_info=True)
        return None


def report_of(message: Message) -> Report | None:
    parts = [part for _number, part in zip(range(MOST_PARTS), message.walk(), strict=False)]
    kinds = [part.get_content_type() for part in parts]
    delivered_to = addresses_in(*(value for name in DELIVERED_TO for value in header(message, name)))
    message_ids = quoted_ids(message, parts)
    if "message/feedback-report" in kinds:
        return complaint(parts[kinds.index("message/feedback-report")], delivered_to, message_ids)
    status_parts = [part for part in parts if part.get_content_type().endswith("delivery-status")]
    if status_parts:
        blocks = [block for part in status_parts for block in blocks_of(part)]
        found = status_report(blocks, delivered_to, message_ids)
        if found is not None:
            return found
    if not from_a_server(message):
        return None
    return plain_report(message, parts, delivered_to, message_ids)


def header(message: Message, name: str) -> list[str]:
    """Every value of a header, as text on one line, whatever bytes it was."""
    raw = [str(value) for each, value in message.raw_items() if each.lower() == name.lower()]
    # The parser keeps what is not ASCII as surrogates: in these reports that is UTF-8 (RFC 6532).
    return [" ".join(value.encode("utf-8", "surrogateescape").decode("utf-8", "replace").split()) for value in raw]


def first(message: Message, name: str) -> str:
    return next(iter(header(message, name)), "")


def addresses_in(*texts: str) -> tuple[str, ...]:
    """The addresses in some texts, each once, in their order."""
    found = dict.fromkeys(address for text in texts for address in ADDRESS.findall(text[:2_000]))
    return tuple(found)[:MOST_NAMED]


def text_of(part: Message) -> str:
    """The text of a part, decoded as well as can be; of a long one the beginning."""
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    charset = part.get_content_charset() or "utf-8"
    try:
        text = content.decode(charset, "replace")
    except (LookupError, ValueError):
        text = content.decode("latin-1")
    return text[:MOST_CHARACTERS]


def blocks_of(part: Message) -> list[Message]:
    """The groups of fields in a delivery status, those of the message and of each recipient (RFC 3464, 2.1).

    Python reads message/delivery-status into a list of them, and the kin in UTF-8 (RFC 6533) as a message with a
    body. Neither should be encoded; some are.
    """
    if not part.is_multipart():
        return groups(text_of(part))
    inner = [each for each in part.get_payload() if isinstance(each, Message)]
    rests = [rest for each in inner if (rest := text_of(each)).strip()]
    if first(part, "Content-Transfer-Encoding").lower() == "base64":
        # Bits that are no base64 are left out: it raises for a wrong length alone.
        with contextlib.suppress(ValueError):
            return groups(base64.b64decode("".join(rests)).decode("utf-8", "replace"))
    return [*inner, *(group for rest in rests for group in groups(rest))]


def groups(text: str) -> list[Message]:
    return [message_from_string(each, policy=compat32) for each in re.split(r"\n\s*\n", lines(text))]


def lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")


def status_report(
    blocks: list[Message], delivered_to: tuple[str, ...], message_ids: tuple[str, ...]
) -> Report | None:
    """What a delivery status says. A mail of ours has one recipient, but who may forward it to several: then the
    mildest counts, for somebody can still be reached. None where no group tells of a recipient.
    """
    told: list[tuple[Verdict, str, str]] = []
    recipients: list[str] = []
    for block in blocks[:MOST_NAMED]:
        action = first(block, "Action").partition(";")[0].strip().lower()
        status = first(block, "Status")
        named = [*header(block, "Original-Recipient"), *header(block, "Final-Recipient")]
        if not (action or status or named):
            continue
        # The type stands before the address: `rfc822; ann@example.org`.
        recipients += [value.partition(";")[2] or value for value in named]
        words = first(block, "Diagnostic-Code")
        words = (words.partition(";")[2] or words).strip()
        told.append((*judge(action, status, words), words))
    if not told:
        return None
    verdict, code, words = min(told, key=lambda each: each[0])
    return Report(verdict, delivered_to, addresses_in(*recipients), message_ids, code, words)


def complaint(part: Message, delivered_to: tuple[str, ...], message_ids: tuple[str, ...]) -> Report:
    """What a feedback report says (RFC 5965, 3): that a reader has called a mail spam, mostly."""
    fields = next(iter(blocks_of(part)), Message())
    kind = first(fields, "Feedback-Type").lower()
    verdict = Verdict.COMPLAINT if kind in COMPLAINTS else Verdict.NOTHING
    named = [*header(fields, "Original-Rcpt-To"), *header(fields, "Removal-Recipient")]
    # The envelope sender of our mail, which is not where complaints are sent.
    delivered_to += addresses_in(*header(fields, "Original-Mail-From"))
    return Report(verdict, delivered_to, addresses_in(*named), message_ids, "", f"feedback: {kind}"[:100])


def from_a_server(message: Message) -> bool:
    """Whether a message without a report may be one of a server all the same. An answer of a person, or of their
    program (RFC 3834), comes from an address like theirs; of a server, from its daemon.
    """
    if message.get_content_type() == "multipart/report" or header(message, "X-Failed-Recipients"):
        return True
    return bool(DAEMON.search(first(message, "From")))


def plain_report(
    message: Message, parts: list[Message], delivered_to: tuple[str, ...], message_ids: tuple[str, ...]
) -> Report | None:
    """What a server says in plain words: qmail, Exim without a report, and what some gateways make."""
    texts = [text_of(part) for part in parts if part.get_content_type() in ("text/plain", "text/html")]
    text = lines(next((text for text in texts if text.strip()), ""))
    returned = RETURNED.search(text)
    said = (text[: returned.start()] if returned else text)[:MOST_SAID]
    verdict, code, words = verdict_of_text(f"{first(message, 'Subject')}\n{said}")
    if verdict is None:
        return None
    recipients = addresses_in(*header(message, "X-Failed-Recipients"), *NAMED_IN_TEXT.findall(said))
    return Report(verdict, delivered_to, recipients, message_ids, code, words)


def quoted_ids(message: Message, parts: list[Message]) -> tuple[str, ...]:
    """The Message-IDs of mails that a message answers or returns, whole or by its headers."""

    def found() -> Iterator[str]:
        for part in parts:
            if part is not message:
                yield from (each for value in header(part, "Message-ID") for each in MESSAGE_ID.findall(value))
            if part.get_content_maintype() in ("text", "message") and not part.is_multipart():
                yield from WRITTEN_MESSAGE_ID.findall(text_of(part))
        for name in ("In-Reply-To", "References", "X-Original-Message-ID"):
            yield from (each for value in header(message, name) for each in MESSAGE_ID.findall(value[:4_000]))

    return tuple(dict.fromkeys(found()))[:MOST_NAMED]
