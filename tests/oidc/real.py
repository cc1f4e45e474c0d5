"""A real OpenID provider, of npm's package `oidc-provider`, run by node on the loopback interface."""

import fcntl
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import requests

from tests import servers
from tests.oidc.providers import CLIENT_ID, CLIENT_SECRET

FOLDER = Path(__file__).parent
FILES = ("package.json", "package-lock.json", "provider.js")
CACHE = FOLDER.parents[1] / ".pytest_cache"
NAME = "real"


def installed() -> Path:
    """The folder with the provider and what it needs: made once, by the pinned versions of package-lock.json."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        servers.missing("node (install the packages `nodejs` and `npm`)")
    checksum = hashlib.sha256(b"".join((FOLDER / name).read_bytes() for name in FILES)).hexdigest()[:16]
    target = CACHE / f"oidc-provider-{checksum}"
    CACHE.mkdir(exist_ok=True)
    # Workers of xdist want it at the same time.
    with (CACHE / "oidc-provider.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            made = Path(tempfile.mkdtemp(dir=CACHE))
            for name in FILES:
                shutil.copy(FOLDER / name, made)
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(command, cwd=made, check=False, capture_output=True, text=True)
            if done.returncode:
                shutil.rmtree(made)
                servers.missing(f"the npm package `oidc-provider`: {done.stderr}")
            made.rename(target)
    return target


@contextmanager
def real_provider(site_urls: list[str], port: int | None = None) -> Iterator[servers.Server]:
    """The provider, which knows the sites at these addresses. Its `url` is the issuer."""
    folder = installed()
    port = port or servers.free_port()
    issuer = f"http://localhost:{port}"
    callbacks = [f"{url}/users/oidc/{NAME}/callback/" for url in site_urls]
    with tempfile.TemporaryDirectory() as log:
        server = servers.Server(
            ["node", str(folder / "provider.js"), str(port), CLIENT_ID, CLIENT_SECRET, *callbacks],
            url=issuer,
            log_file=Path(log) / "provider.log",
            ready=lambda: requests.get(f"{issuer}/.well-known/openid-configuration", timeout=5).ok,
            cwd=folder,
        )
        with servers.running(server):
            yield server


def options(issuer: str) -> dict[str, str]:
    """The site's settings for the provider."""
    return {
        f"oidc.{NAME}.issuer": issuer,
        f"oidc.{NAME}.client_id": CLIENT_ID,
        f"oidc.{NAME}.client_secret": CLIENT_SECRET,
        f"oidc.{NAME}.label": "Real",
        f"oidc.{NAME}.private_hosts": issuer.removeprefix("http://"),
    }


class FormAction(HTMLParser):
    """Whether a page has a form."""

    found = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found = self.found or tag == "form"


def sign_in_there(session: requests.Session, address: str, name: str, back: str) -> str:
    """What a browser does at the provider, from `address` on, until it is sent to an address that begins with
    `back`: gives that one, unvisited. The provider's cookies are the session's.
    """
    answer = session.get(address, allow_redirects=False, timeout=10)
    for _ in range(10):
        if answer.is_redirect:
            address = urljoin(address, answer.headers["Location"])
            if address.startswith(back):
                return address
            answer = session.get(address, allow_redirects=False, timeout=10)
        else:
            page = FormAction()
            page.feed(answer.text)
            assert page.found, answer.text
            answer = session.post(address, {"name": name}, allow_redirects=False, timeout=10)
    raise AssertionError(f"the provider does not come back: {address}")
