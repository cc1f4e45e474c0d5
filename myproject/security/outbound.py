"""Calls to other servers: the one client for all of them (OWASP ASVS 5.0: 1.3.6, 13.2.4, 15.3.2).

By https, to public addresses, without redirects, within 5 seconds with the look-up of the name, for at most 1 MiB.
A host name is looked up once, every address it has is checked, and the connection goes to one of them: a name that
changes its mind between the check and the call (DNS rebinding) gains nothing.
"""

import io
import ipaddress
import os
import socket
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NewConnectionError

SECONDS = 5.0
MOST_BYTES = 1024 * 1024
CHUNK = 64 * 1024
LOOKUPS_AT_ONCE = 8
DEFAULT_PORTS = {"http": 80, "https": 443}

# What routers carry to anybody (RFC 6890), less what leads on to an IPv4 address of any kind: Teredo and its
# neighbours, 6to4; and documentation. IPv4-mapped addresses and those of NAT64 stand outside of 2000::/3.
GLOBAL_IPV6 = ipaddress.IPv6Network("2000::/3")
NOT_GLOBAL_IPV6 = [
    ipaddress.IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
]
NOT_GLOBAL_IPV4 = [ipaddress.IPv4Network(text) for text in ("192.0.0.0/24", "192.88.99.0/24")]

Resolve = Callable[[str, int], Collection[str]]

# A look-up whose caller has gone on keeps its place until it ends: so many hang at most, and no thread more.
lookups = threading.BoundedSemaphore(LOOKUPS_AT_ONCE)


class Refused(requests.RequestException):
    """A call that is not made: its address is none that the site calls. Or an answer that is not read."""


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, in the order in which to try them. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_rest, address in found))


def resolve_until(deadline: float, resolve: Resolve, host: str, port: int) -> list[str]:
    """What `resolve` gives, by `deadline` on the monotonic clock: the system's own look-up knows no end that a
    caller could set. Raises OSError, and TimeoutError where that is over.
    """
    late = TimeoutError(f"the address of {host} was not found in time")
    if not lookups.acquire(timeout=max(0.0, deadline - time.monotonic())):
        raise late
    found: Future[list[str]] = Future()

    def look_up() -> None:
        try:
            found.set_result(list(resolve(host, port)))
        except Exception as error:
            found.set_exception(error)
        finally:
            lookups.release()

    # One that still hangs when the process ends keeps nobody waiting, as a thread of an executor would.
    threading.Thread(target=look_up, name="resolver", daemon=True).start()
    try:
        return found.result(max(0.0, deadline - time.monotonic()))
    except TimeoutError:
        raise late from None


def is_public(address: str) -> bool:
    """Whether an address is one of the internet's own: no private, loopback, link-local or metadata address, and
    none that stands for another.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        return ip.scope_id is None and ip in GLOBAL_IPV6 and not any(ip in network for network in NOT_GLOBAL_IPV6)
    return ip.is_global and not (
        ip.is_multicast or ip.is_reserved or any(ip in network for network in NOT_GLOBAL_IPV4)
    )


def is_near(address: str) -> bool:
    """Whether an address is of a private network or of this machine: what a setting may name. Where machines in a
    cloud find their own keys (link-local) is never called.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and (ip.ipv4_mapped or ip.scope_id):
        return False
    return (ip.is_private or ip.is_loopback) and not (ip.is_link_local or ip.is_unspecified or ip.is_multicast)


class Outbound(HTTPAdapter):
    """The transport of one session, which is for one thread and a few calls: `session.mount`, or `open_session`.

    `private_hosts` are the hosts (with port, where it is not the scheme's own) that settings name: these may be in
    a private network, and be called by http. `resolve` and the limits are there for tests.
    """

    def __init__(
        self,
        private_hosts: Collection[str] = (),
        *,
        resolve: Resolve = resolve,
        seconds: float = SECONDS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.private_hosts = private_hosts
        self.resolve = resolve
        self.seconds = seconds
        self.most_bytes = most_bytes
        self.deadline = 0.0
        # Second handles of the open sockets, by which a call that takes too long is cut.
        self.fuses: list[socket.socket] = []
        super().__init__(max_retries=0)

    def is_named(self, scheme: str, host: str, port: int) -> bool:
        host = f"[{host}]" if ":" in host else host
        names = {f"{host}:{port}"} | ({host} if port == DEFAULT_PORTS[scheme] else set())
        return not names.isdisjoint(self.private_hosts)

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """The answer, its body read. Raises Refused, and what requests raises where there is none in time."""
        self.check(request.url or "")
        # What is compressed could be larger than it looks.
        request.headers["Accept-Encoding"] = "identity"
        self.deadline = time.monotonic() + self.seconds
        # A server that drips would set the clock of a socket back for ever.
        timer = threading.Timer(self.seconds, self.cut)
        timer.daemon = True
        timer.start()
        try:
            options |= {"stream": True, "timeout": self.seconds, "proxies": {}}
            response = super().send(request, **options)
            if response.is_redirect:
                raise Refused(f"{request.url} leads to another address", response=response)
            response.raw = io.BytesIO(self.read(response))
        except (HTTPError, OSError) as error:
            if isinstance(error, requests.RequestException):
                raise
            raise requests.ConnectionError(error, request=request) from error
        finally:
            timer.cancel()
        return response

    def check(self, url: str) -> None:
        """Raises Refused for an address that need not be looked up to be wrong."""
        try:
            parts = urlsplit(url)
            port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
        except ValueError as error:
            raise Refused(f"{url!r} is no address") from error
        if parts.scheme not in DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc:
            raise Refused(f"{url!r} is no address to call")
        if parts.scheme == "http" and not self.is_named("http", parts.hostname, port):
            raise Refused(f"{url!r} is not https, and no setting names its host")

    def read(self, response: requests.Response) -> bytes:
        """The body, in bounded size and time."""
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise Refused("a compressed answer, which was not asked for", response=response)
        body = bytearray()
        while chunk := response.raw.read1(CHUNK):
            body += chunk
            if len(body) > self.most_bytes:
                raise Refused(f"an answer longer than {self.most_bytes} bytes", response=response)
            if time.monotonic() > self.deadline:
                raise requests.ReadTimeout("the answer took too long", response=response)
        if time.monotonic() > self.deadline:
            raise requests.ReadTimeout("the answer was cut, for it took too long", response=response)
        return bytes(body)

    def cut(self) -> None:
        for fuse in self.fuses:
            try:
                fuse.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def connect(self, scheme: str, host: str, port: int) -> socket.socket:
        """A socket to `host`, by an address that has been checked. Raises OSError or Refused."""
        addresses = resolve_until(self.deadline, self.resolve, host, port)
        named = self.is_named(scheme, host, port)
        wrong = [each for each in addresses if not (is_public(each) or (named and is_near(each)))]
        if wrong or not addresses:
            raise Refused(f"{host} is at {', '.join(wrong) or 'no address'}, which this site does not call")
        error: OSError = OSError("no address")
        for address in addresses:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{host} took too long")
            try:
                made = socket.create_connection((address, port), timeout=left)
            except OSError as failed:
                error = failed
                continue
            self.fuses.append(made.dup())
            return made
        raise error

    def get_connection_with_tls_context(self, request: requests.PreparedRequest, *args: Any, **kw: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(request, *args, **kw)
        kind = PinnedHttps if pool.scheme == "https" else PinnedHttp
        pool.ConnectionCls = partial(kind, self)
        return pool

    def close(self) -> None:
        super().close()
        for fuse in self.fuses:
            fuse.close()
        self.fuses.clear()


class PinnedHttp(HTTPConnection):
    scheme = "http"

    def __init__(self, outbound: Outbound, **options: Any) -> None:
        self.outbound = outbound
        super().__init__(**options)

    def _new_conn(self) -> socket.socket:
        return pinned_socket(self, self.outbound)


class PinnedHttps(HTTPSConnection):
    """TLS checks the certificate against the name, whatever address it was found at."""

    scheme = "https"

    def __init__(self, outbound: Outbound, **options: Any) -> None:
        self.outbound = outbound
        super().__init__(**options)

    def _new_conn(self) -> socket.socket:
        return pinned_socket(self, self.outbound)


def pinned_socket(connection: PinnedHttp | PinnedHttps, outbound: Outbound) -> socket.socket:
    try:
        return outbound.connect(connection.scheme, connection.host, connection.port or 0)
    except OSError as error:
        raise NewConnectionError(connection, str(error)) from error


def prepare(session: requests.Session, outbound: Outbound) -> None:
    """Has a session make its calls by `outbound` alone, without the proxies and logins of the machine."""
    session.trust_env = False
    session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
    session.max_redirects = 0
    session.adapters.clear()
    # Also for schemes that it then refuses.
    session.mount("", outbound)


def open_session(private_hosts: Collection[str] = (), **options: Any) -> requests.Session:
    """A session for a few calls; close it. See `Outbound`."""
    session = requests.Session()
    prepare(session, Outbound(private_hosts, **options))
    return session
