"""A small mail server of one mailbox, by POP3 (RFC 1939) and by IMAP (RFC 9051): as much as a client needs."""

import re
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests import servers

USER, PASSWORD = "bounces", "a password"
SECONDS_TO_NOTICE = 0.3


@dataclass
class Mailbox:
    """The messages, by their numbers, and which of them were read; `port` is where it answers."""

    messages: dict[int, bytes] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)
    deleted: set[int] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    port: int = 0
    # Goes silent after the password, for a client that must not wait for ever.
    hangs: threading.Event = field(default_factory=threading.Event)

    def put(self, *messages: bytes) -> None:
        for message in messages:
            self.messages[max(self.messages, default=0) + 1] = message


class Session(socketserver.StreamRequestHandler):
    mailbox: Mailbox
    context: ssl.SSLContext | None

    def start_tls(self) -> None:
        assert self.context is not None
        self.wfile.flush()
        self.request = self.connection = self.context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb", self.rbufsize)
        self.wfile = socketserver._SocketWriter(self.connection)  # type: ignore[attr-defined]

    def say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self) -> None:
        self.greet()
        while line := self.rfile.readline(4096):
            if not self.answer(line.decode().strip()):
                return

    def greet(self) -> None:
        raise NotImplementedError

    def answer(self, line: str) -> bool:
        raise NotImplementedError


class Pop3(Session):
    def setup(self) -> None:
        super().setup()
        self.user = ""
        self.holds = False
        self.gone: set[int] = set()
        self.listed: list[int] = []

    def finish(self) -> None:
        # Who leaves without QUIT is noticed after a while.
        if self.holds:
            time.sleep(SECONDS_TO_NOTICE)
        self.leave()
        super().finish()

    def leave(self) -> None:
        if self.holds:
            self.holds = False
            self.mailbox.lock.release()

    def greet(self) -> None:
        self.say("+OK ready")

    def answer(self, line: str) -> bool:
        word, _blank, rest = line.partition(" ")
        numbers = [int(each) for each in rest.split() if each.isdigit()]
        match word.upper():
            case "STLS":
                self.say("+OK begin")
                self.start_tls()
            case "CAPA":
                self.send([b"STLS"])
            case "USER":
                self.user = rest
                self.say("+OK")
            case "PASS" if (self.user, rest) != (USER, PASSWORD):
                self.say("-ERR [AUTH] wrong")
            case "PASS" if not self.mailbox.lock.acquire(blocking=False):
                self.say("-ERR [IN-USE] somebody else reads it")
            case "PASS":
                self.holds = True
                self.listed = sorted(self.mailbox.messages)
                if self.mailbox.hangs.is_set():
                    return True
                self.say("+OK")
            case "STAT":
                self.say(f"+OK {len(self.listed)} 0")
            case "LIST":
                self.say(f"+OK {numbers[0]} {len(self.message(numbers[0]))}")
            case "RETR":
                self.send(self.message(numbers[0]).split(b"\r\n"))
            case "TOP":
                self.send(self.message(numbers[0]).split(b"\r\n")[: numbers[1]])
            case "DELE":
                self.gone.add(self.listed[numbers[0] - 1])
                self.say("+OK")
            case "QUIT":
                for number in self.gone:
                    del self.mailbox.messages[number]
                self.leave()
                self.say("+OK")
                return False
            case _:
                self.say("-ERR what?")
        return True

    def message(self, number: int) -> bytes:
        return self.mailbox.messages[self.listed[number - 1]]

    def send(self, lines: list[bytes]) -> None:
        stuffed = [b"." + line if line.startswith(b".") else line for line in lines]
        self.wfile.write(b"\r\n".join([b"+OK", *stuffed, b".", b""]))


class Imap(Session):
    def greet(self) -> None:
        self.say("* OK ready")

    def answer(self, line: str) -> bool:
        tag, _blank, rest = line.partition(" ")
        box, words = self.mailbox, rest.upper()
        if words.startswith("CAPABILITY"):
            self.say("* CAPABILITY IMAP4rev1 STARTTLS")
        elif words.startswith("STARTTLS"):
            self.say(f"{tag} OK begin")
            self.start_tls()
            return True
        elif words.startswith("LOGIN"):
            if rest != f'LOGIN {USER} "{PASSWORD}"':
                self.say(f"{tag} NO [AUTHENTICATIONFAILED] wrong")
                return True
        elif words.startswith(("SELECT", "EXAMINE")):
            self.say(f"* {len(box.messages)} EXISTS")
        elif words.startswith("UID SEARCH"):
            wanted = sorted(box.messages.keys() - box.seen - box.deleted)
            self.say(f"* SEARCH {' '.join(map(str, wanted))}".rstrip())
        elif found := re.fullmatch(r"UID FETCH (\d+) \(BODY\.PEEK\[\]<0\.(\d+)>\)", rest):
            number, size = int(found[1]), int(found[2])
            data = box.messages[number][:size]
            self.wfile.write(
                f"* {number} FETCH (UID {number} BODY[]<0> {{{len(data)}}}\r\n".encode() + data + b")\r\n"
            )
        elif found := re.fullmatch(r"UID STORE (\d+) \+FLAGS\.SILENT (.+)", rest):
            (box.deleted if "Deleted" in found[2] else box.seen).add(int(found[1]))
        elif words.startswith("EXPUNGE"):
            for number in box.deleted:
                box.messages.pop(number, None)
        elif words.startswith("LOGOUT"):
            self.say("* BYE")
        self.say(f"{tag} OK done")
        return not words.startswith("LOGOUT")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    # For TLS from the first byte on.
    context: ssl.SSLContext | None = None

    def get_request(self) -> tuple[socket.socket, object]:
        connection, address = super().get_request()
        return (self.context.wrap_socket(connection, server_side=True) if self.context else connection), address

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that breaks off is what some tests are about."""


@contextmanager
def serving(protocol: str, context: ssl.SSLContext | None = None, *, starttls: bool = False) -> Iterator[Mailbox]:
    """An empty mailbox of `USER`, served by `pop3` or `imap` on the loopback; with a `context`, by TLS."""
    mailbox = Mailbox()
    values = {"mailbox": mailbox, "context": context}
    handler = type("Handler", ({"pop3": Pop3, "imap": Imap}[protocol],), values)
    with servers.serving(Server(("127.0.0.1", 0), handler)) as server:
        server.context = None if starttls else context
        mailbox.port = server.server_address[1]
        yield mailbox
