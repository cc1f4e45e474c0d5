"""The mailbox that mail returns to, read by IMAP (RFC 9051) or POP3 (RFC 1939)."""

import contextlib
import imaplib
import logging
import poplib
import re
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

from myproject.emails import constants as EMAIL
from myproject.settings import Settings
from myproject.settings_bounces import BounceProtocol
from myproject.settings_mail import MailTls

log = logging.getLogger(__name__)

# One run reads so many messages, and begins none after so many seconds: there is another in five minutes.
MOST_MESSAGES = 200
MOST_SECONDS = 30
LINES_OF_LONG_ONES = 2_000
# Who broke a conversation off tries so often to begin another, before the server has noticed.
MOST_TRIES = 5
SECONDS_BETWEEN_TRIES = 0.2

# Acts on one message and says whether the mailbox is done with it. Raises where it must be read once more.
Take = Callable[[bytes], bool]


class MailboxError(Exception):
    """The mailbox can't be read. Its text is for people, and names the settings to look at."""


class MailboxBusy(Exception):
    """Somebody else reads it, as another worker may."""


def read_mailbox(settings: Settings, take: Take) -> int:
    """Gives each message of the mailbox to `take`, and gives how many there were. What `take` is done with is
    deleted; the rest is marked as read, where the protocol knows of that, and deleted as well where it does not.

    Raises MailboxError, and what `take` raises; what was read before that stays read.
    """
    read = read_imap if settings.mail_bounces_protocol is BounceProtocol.IMAP else read_pop3
    try:
        with told(settings):
            return read(settings, take)
    except MailboxBusy:
        return 0


def check_mailbox(settings: Settings) -> int:
    """Signs in and changes nothing; gives how many messages there are. Raises MailboxError, or MailboxBusy."""
    with told(settings):
        if settings.mail_bounces_protocol is BounceProtocol.IMAP:
            with open_imap(settings) as client:
                client.login(settings.mail_bounces_username, settings.mail_bounces_password)
                (count,) = expect(client.select("INBOX", readonly=True))
                return int(count or 0)
        with contextlib.closing(open_pop3(settings)) as pop3:
            sign_in_pop3(pop3, settings)
            number, _octets = pop3.stat()
            pop3.quit()
            return number


@contextlib.contextmanager
def told(settings: Settings) -> Iterator[None]:
    """Makes a MailboxError of what goes wrong with a mail server."""
    try:
        yield
    except (imaplib.IMAP4.error, poplib.error_proto, OSError, EOFError) as error:
        # What the server says may repeat what it was told: no password goes into the log.
        words = str(error) if isinstance(error, OSError) else "the server says no"
        raise MailboxError(
            f"Can't read the mailbox of bounces at {settings.mail_bounces_host} ({words}): see mail.bounces.*"
        ) from None


def messages_left(count: int) -> Iterator[int]:
    """The numbers of the messages that one run may read, from 0."""
    ends = time.monotonic() + MOST_SECONDS
    for number in range(min(count, MOST_MESSAGES)):
        if time.monotonic() > ends:
            return
        yield number


# IMAP


def read_imap(settings: Settings, take: Take) -> int:
    with open_imap(settings) as client:
        client.login(settings.mail_bounces_username, settings.mail_bounces_password)
        expect(client.select("INBOX"))
        (found,) = expect(client.uid("SEARCH", "UNSEEN", "UNDELETED"))
        uids = (found or b"").split()
        done = 0
        try:
            for number in messages_left(len(uids)):
                uid = uids[number].decode("ascii")
                size = EMAIL.REPORT_MAX_BYTES
                answer = expect(client.uid("FETCH", uid, f"(BODY.PEEK[]<0.{size}>)"))
                # None where another worker has deleted it meanwhile.
                data = next((part[1] for part in answer if isinstance(part, tuple)), None)
                flag = r"(\Deleted)" if data is None or take(data) else r"(\Seen)"
                expect(client.uid("STORE", uid, "+FLAGS.SILENT", flag))
                done += 1
        finally:
            # What was read is done with, whatever stopped us.
            with contextlib.suppress(imaplib.IMAP4.error, OSError):
                client.expunge()
        return done


def open_imap(settings: Settings) -> imaplib.IMAP4:
    host, port, timeout = settings.mail_bounces_host, settings.bounces_port, settings.mail_timeout
    if settings.mail_bounces_tls is MailTls.IMPLICIT:
        return imaplib.IMAP4_SSL(host, port, ssl_context=ssl.create_default_context(), timeout=timeout)
    client = imaplib.IMAP4(host, port, timeout=timeout)
    if settings.mail_bounces_tls is MailTls.STARTTLS:
        client.starttls(ssl.create_default_context())
    return client


def expect(answer: tuple[str, list[Any]]) -> list[Any]:
    """What the server answered. Raises imaplib's error where that is not OK."""
    status, data = answer
    if status != "OK":
        raise imaplib.IMAP4.error(status)
    return data


# POP3


def read_pop3(settings: Settings, take: Take) -> int:
    """A server has one reader at a time, keeps their place, and deletes when they leave with QUIT.

    A line of more than 2048 bytes, which no mail may have (RFC 5322, 2.1.1), ends the conversation: its message is
    deleted unread by the next one.
    """
    unreadable: set[int] = set()
    tries_left = 0
    while True:
        try:
            return read_pop3_once(settings, take, unreadable)
        except LineTooLong as error:
            if error.number in unreadable or len(unreadable) >= MOST_MESSAGES:
                raise poplib.error_proto("line too long") from None
            unreadable.add(error.number)
            tries_left = MOST_TRIES
        except MailboxBusy:
            if not tries_left:
                raise
            tries_left -= 1
            time.sleep(SECONDS_BETWEEN_TRIES)


class LineTooLong(Exception):
    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def read_pop3_once(settings: Settings, take: Take, unreadable: set[int]) -> int:
    client = open_pop3(settings)
    try:
        sign_in_pop3(client, settings)
        count, _octets = client.stat()
        done = 0
        try:
            for number in messages_left(count):
                if number not in unreadable:
                    take(message_of(client, number))
                client.dele(number + 1)
                done += 1
        except LineTooLong:
            raise
        except BaseException:
            # Leave in order, so that what was read is deleted.
            with contextlib.suppress(poplib.error_proto, OSError):
                client.quit()
            raise
        client.quit()
        return done
    finally:
        client.close()


def message_of(client: poplib.POP3, number: int) -> bytes:
    """A message, of a long one the beginning. Raises LineTooLong."""
    found = re.search(rb"^\+OK \d+ (\d+)", client.list(number + 1))  # type: ignore[call-overload]
    too_long = found is not None and int(found[1]) > EMAIL.REPORT_MAX_BYTES
    try:
        answer = client.top(number + 1, LINES_OF_LONG_ONES) if too_long else client.retr(number + 1)
    except poplib.error_proto as error:
        if str(error) == "line too long":
            raise LineTooLong(number) from None
        raise
    return b"\r\n".join(answer[1])


def sign_in_pop3(client: poplib.POP3, settings: Settings) -> None:
    """Raises MailboxBusy where the server says that the mailbox is open elsewhere (RFC 2449, 8.1.2)."""
    try:
        client.user(settings.mail_bounces_username)
        client.pass_(settings.mail_bounces_password)
    except poplib.error_proto as error:
        if "[IN-USE]" in str(error):
            raise MailboxBusy from None
        raise


def open_pop3(settings: Settings) -> poplib.POP3:
    host, port, timeout = settings.mail_bounces_host, settings.bounces_port, settings.mail_timeout
    if settings.mail_bounces_tls is MailTls.IMPLICIT:
        return poplib.POP3_SSL(host, port, context=ssl.create_default_context(), timeout=timeout)
    client = poplib.POP3(host, port, timeout=timeout)
    if settings.mail_bounces_tls is MailTls.STARTTLS:
        client.stls(ssl.create_default_context())
    return client
