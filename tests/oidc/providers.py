"""Providers to sign in at, on the loopback interface: one of OpenID Connect that lies as a test asks it to, and
one that has GitHub's addresses. The honest one, a real product, is in `tests.oidc.real`.
"""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jws, jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

CLIENT_ID = "community"
CLIENT_SECRET = "a secret of both"

Claims = dict[str, Any]


@dataclass
class Asked:
    """What the site asked for when it sent a browser."""

    redirect_uri: str
    state: str
    nonce: str
    challenge: str


class Provider(ThreadingHTTPServer):
    """What both kinds share: it answers by the methods that `routes` names, and keeps what it was asked."""

    daemon_threads = True
    name = ""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.issuer = f"http://localhost:{self.server_address[1]}"
        self.codes: dict[str, Asked] = {}
        self.calls: list[str] = []
        self.away = False

    @property
    def options(self) -> dict[str, str]:
        """The site's settings for this provider."""
        return {
            f"oidc.{self.name}.issuer": self.issuer,
            f"oidc.{self.name}.client_id": CLIENT_ID,
            f"oidc.{self.name}.client_secret": CLIENT_SECRET,
            f"oidc.{self.name}.private_hosts": self.issuer.removeprefix("http://"),
        }

    def authorize(self, address: str, **changes: str | None) -> str:
        """What a browser that follows `address` comes back to: the path and query of the callback.

        `changes` replace what the provider says there, None leaves it out.
        """
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT_ID
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = Asked(
            asked["redirect_uri"], asked["state"], asked.get("nonce", ""), asked["code_challenge"]
        )
        says = {"code": code, "state": asked["state"]} | self.says() | changes
        query = urlencode({name: value for name, value in says.items() if value is not None})
        return f"{urlsplit(asked['redirect_uri']).path}?{query}"

    def says(self) -> dict[str, str | None]:
        return {}

    def spend(self, form: dict[str, str]) -> Asked | None:
        """What a code stands for, where the site proves that it is its own."""
        asked = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if asked is None or asked.challenge != challenge or form.get("redirect_uri") != asked.redirect_uri:
            return None
        return asked

    def routes(self) -> dict[str, Callable[[dict[str, str], str], tuple[int, Any]]]:
        """By path, what answers the form and the Authorization header with a status and JSON."""
        raise NotImplementedError


class Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        length = int(self.headers.get("Content-Length") or 0)
        form = {name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()}
        self.server.calls.append(path)
        if self.server.away:
            self.close_connection = True
            return
        status, answer = self.server.routes()[path](form, self.headers.get("Authorization", ""))
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *args: object) -> None:
        pass


@dataclass
class Lies:
    """What differs from an honest answer."""

    claims: Claims = field(default_factory=dict)
    metadata: Claims = field(default_factory=dict)
    userinfo: Claims = field(default_factory=dict)
    sign: Callable[[Claims], str] | None = None
    code_of: str = ""


class HostileProvider(Provider):
    """Honest, until a test puts something into `lies`. A claim or a line of metadata that is None is left out."""

    name = "hostile"

    def __init__(self) -> None:
        super().__init__()
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
        self.other_key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
        self.lies = Lies()
        self.subject = "248289761001"
        self.email, self.email_verified = "ann@example.org", True

    def renew(self) -> None:
        self.lies, self.away = Lies(), False
        self.subject, self.email, self.email_verified = "248289761001", "ann@example.org", True
        self.calls.clear()
        self.codes.clear()

    def says(self) -> dict[str, str | None]:
        return {"iss": self.issuer}

    def routes(self) -> dict[str, Callable[[dict[str, str], str], tuple[int, Any]]]:
        return {
            "/.well-known/openid-configuration": lambda form, who: (200, self.metadata()),
            "/jwks": lambda form, who: (200, KeySet([self.key]).as_dict(private=False)),
            "/token": self.token,
            "/me": lambda form, who: (200, without_none({"sub": self.subject} | self.lies.userinfo)),
        }

    def metadata(self) -> Claims:
        honest = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/me",
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "authorization_response_iss_parameter_supported": True,
        }
        return without_none(honest | self.lies.metadata)

    def token(self, form: dict[str, str], who: str) -> tuple[int, Any]:
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if who != f"Basic {basic}":
            return 401, {"error": "invalid_client"}
        asked = self.spend(form)
        if asked is None:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        honest = {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "auth_time": now,
            "nonce": asked.nonce,
            "email": self.email,
            "email_verified": self.email_verified,
            "preferred_username": self.email.partition("@")[0],
        }
        claims = without_none(honest | self.lies.claims)
        sign = self.lies.sign or (lambda claims: jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key))
        return 200, {"access_token": "a", "token_type": "Bearer", "expires_in": 60, "id_token": sign(claims)}


def without_none(values: Claims) -> Claims:
    return {name: value for name, value in values.items() if value is not None}


def unsigned(claims: Claims) -> str:
    """An ID token with `alg: none` (RFC 7519, 6)."""
    parts = (json.dumps(part).encode() for part in ({"alg": "none", "kid": "one"}, claims))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."


def signed_with_a_shared_secret(key: str) -> Callable[[Claims], str]:
    """`alg: HS256` with a secret that is none: the client's, or the provider's public key (RFC 8725, 2.1)."""

    def sign(claims: Claims) -> str:
        payload = json.dumps(claims)
        return jws.serialize_compact(
            {"alg": "HS256", "kid": "one"}, payload, OctKey.import_key(key), algorithms=["HS256"]
        )

    return sign


class GithubStub(Provider):
    """GitHub as an Enterprise server has it: its API below its own address."""

    name = "github"

    def __init__(self) -> None:
        super().__init__()
        self.user: Any = {"id": 583231, "login": "octocat", "name": "The Octocat"}
        self.emails: Any = []

    def renew(self) -> None:
        self.user = {"id": 583231, "login": "octocat", "name": "The Octocat"}
        self.emails = [
            {"email": "old@example.org", "primary": False, "verified": True},
            {"email": "octocat@example.org", "primary": True, "verified": True},
        ]
        self.away = False
        self.codes.clear()

    def routes(self) -> dict[str, Callable[[dict[str, str], str], tuple[int, Any]]]:
        def api(what: Callable[[], Any]) -> Callable[[dict[str, str], str], tuple[int, Any]]:
            return lambda form, who: (200, what()) if who == "Bearer gho_a" else (401, {})

        return {
            "/login/oauth/access_token": self.token,
            "/api/v3/user": api(lambda: self.user),
            "/api/v3/user/emails": api(lambda: self.emails),
        }

    def token(self, form: dict[str, str], who: str) -> tuple[int, Any]:
        known = (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
        if not known or self.spend(form) is None:
            # GitHub says 200 to that as well.
            return 200, {"error": "bad_verification_code"}
        return 200, {"access_token": "gho_a", "token_type": "bearer", "scope": "user:email"}
