"""Signing in at a third party: OpenID Connect Core 1.0 with the authorization code flow, and GitHub's OAuth 2.0.

Always with PKCE (RFC 7636, S256), with a state and a nonce that are used once, and with the issuer checked
wherever it is named (RFC 9207, RFC 9700). Who somebody is comes from the token endpoint alone, and is the pair of
issuer and subject: never a name, never an address.

Nothing here touches the database: what `begin` gives to remember is stored by the caller, bound to the browser.
"""

import hmac
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from pyramid.config import Configurator

from myproject.security.outbound import Outbound, prepare
from myproject.security.tokens import make_token
from myproject.settings import settings_of
from myproject.settings_oidc import GITHUB, Kind, Provider
from myproject.text import clean_line
from myproject.users import constants as USER

log = logging.getLogger(__name__)

# Signatures by a key that only the provider has: no `none`, and none by a secret that both have (RFC 8725, 3.1).
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
KEY_TYPES = ("RSA", "EC", "OKP")
MOST_KEYS = 50
LEEWAY_SECONDS = 60
KEPT_SECONDS = 60 * 60
# How often a token that names an unknown key may have the keys fetched anew.
RENEWED_SECONDS = 60
REST_SECONDS = 5
ID_TOKEN_MAX_SECONDS = 60 * USER.STEP_MINUTES


class Away(Exception):
    """The provider gives no answer, or none that makes sense."""


class Refused(Exception):
    """What came back is no proof of a sign-in that this browser began."""


class Cancelled(Exception):
    """The person has not signed in there after all."""


@dataclass(frozen=True)
class Person:
    """Who has signed in at a provider, and what it says of them."""

    issuer: str
    subject: str
    # What they are called there, to tell two accounts apart; and what they might be called here.
    label: str
    name: str
    email: str
    email_verified: bool
    # Seconds since the epoch; None where the provider does not tell.
    authenticated_at: int | None = None


@dataclass(frozen=True)
class Departure:
    """Where the browser is sent, and what must be remembered until it comes back (JSON values)."""

    url: str
    memory: dict[str, str]


class Client(Protocol):
    """What the site is to one provider."""

    provider: Provider

    def begin(self, *, again: bool = False) -> Departure:
        """With `again`, the provider asks for the proof once more even where the person is signed in there. Raises
        Away.
        """

    def finish(self, memory: Mapping[str, str], answer: Mapping[str, str]) -> Person:
        """Who came back with `answer`, the query of the callback. Raises Away, Refused or Cancelled."""


def same_state(memory: Mapping[str, str], answer: Mapping[str, str]) -> bool:
    """Whether an answer is to the request that this browser remembers."""
    return hmac.compare_digest(memory["state"].encode(), answer.get("state", "").encode("utf-8", "replace"))


def shortened(value: Any, length: int) -> str:
    """A text of the provider in one line that can be stored anywhere; empty where it is none."""
    return clean_line(value)[:length] if isinstance(value, str) else ""


def address(value: Any) -> str:
    """A mail address of the provider, as it is; empty where something would have to be left out of it: what is
    left is another address, for which nobody vouches.
    """
    text = shortened(value, 2 * USER.EMAIL_MAX_LENGTH)
    return text if text == value else ""


class OAuthClient:
    """What OpenID Connect and GitHub share."""

    scope = ""

    def __init__(self, provider: Provider, redirect_uri: str) -> None:
        self.provider = provider
        self.redirect_uri = redirect_uri
        self.resting_until = 0.0

    @contextmanager
    def session(self, **options: Any) -> Iterator[OAuth2Session]:
        """A session for the calls of one sign-in. What goes wrong in it comes out as Away or Refused.

        After a failure the provider is left alone for a moment: it would hold up thread after thread.
        """
        if time.monotonic() < self.resting_until:
            raise Away(f"{self.provider.name} failed a moment ago")
        session = OAuth2Session(
            self.provider.client_id,
            self.provider.client_secret,
            scope=self.scope,
            redirect_uri=self.redirect_uri,
            code_challenge_method="S256",
            # A token is used at once, and need not live for long.
            leeway=0,
            **options,
        )
        prepare(session, Outbound(self.provider.private_hosts))
        try:
            with session:
                yield session
        except OAuthError as error:
            raise Refused(f"{self.provider.name}: {error.error}") from error
        except requests.HTTPError as error:
            raise Away(f"{self.provider.name}: {error}") from error
        # RecursionError comes out of JSON that is nested too deep.
        except (requests.RequestException, ValueError, RecursionError) as error:
            self.resting_until = time.monotonic() + REST_SECONDS
            raise Away(f"{self.provider.name}: {error}") from error

    def get_json(self, session: OAuth2Session, url: str, **options: Any) -> Any:
        response = session.get(url, headers={"Accept": "application/json"}, **options)
        response.raise_for_status()
        return response.json()

    def code_in(self, answer: Mapping[str, str]) -> str:
        """The authorization code. Raises Cancelled or Refused where the answer has none."""
        if answer.get("error") in ("access_denied", "login_required", "interaction_required", "consent_required"):
            raise Cancelled
        if "error" in answer or not answer.get("code"):
            raise Refused(f"{self.provider.name} answered {answer.get('error', 'without a code')!r}")
        return answer["code"]

    def memory(self) -> dict[str, str]:
        return {"state": make_token(), "nonce": make_token(), "verifier": make_token()}


class OidcClient(OAuthClient):
    """An OpenID provider, found by discovery. Its addresses and keys are kept for an hour."""

    scope = "openid profile email"

    def __init__(self, provider: Provider, redirect_uri: str) -> None:
        super().__init__(provider, redirect_uri)
        self.lock = threading.Lock()
        self.known: dict[str, Any] = {}
        self.known_until = 0.0
        self.keys: KeySet | None = None
        self.keys_fetched_at = 0.0

    def begin(self, *, again: bool = False) -> Departure:
        memory = self.memory()
        extra = {"prompt": "login", "max_age": "0"} if again else {}
        with self.session() as session:
            metadata = self.metadata(session)
            url, _state = session.create_authorization_url(
                metadata["authorization_endpoint"],
                state=memory["state"],
                code_verifier=memory["verifier"],
                nonce=memory["nonce"],
                **extra,
            )
        return Departure(url, memory)

    def finish(self, memory: Mapping[str, str], answer: Mapping[str, str]) -> Person:
        with self.session() as session:
            metadata = self.metadata(session)
            self.check_issuer(metadata, answer)
            code = self.code_in(answer)
            # Basic is what a provider that says nothing takes (OpenID Connect Discovery 1.0, 3).
            methods = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
            basic = "client_secret_basic" in methods
            session.token_endpoint_auth_method = "client_secret_basic" if basic else "client_secret_post"
            token = session.fetch_token(
                metadata["token_endpoint"],
                grant_type="authorization_code",
                code=code,
                code_verifier=memory["verifier"],
            )
            claims = self.read_id_token(session, metadata, token.get("id_token"), memory["nonce"])
            if "email" not in claims and isinstance(metadata.get("userinfo_endpoint"), str):
                claims = self.ask_userinfo(session, metadata["userinfo_endpoint"], claims["sub"]) | claims
        return person_of(claims)

    def check_issuer(self, metadata: Mapping[str, Any], answer: Mapping[str, str]) -> None:
        """Raises Refused for an answer that another provider gave (RFC 9207, 2.4)."""
        told = answer.get("iss")
        if told is None and metadata.get("authorization_response_iss_parameter_supported") is True:
            raise Refused(f"{self.provider.name} has not said who it is")
        if told is not None and told != self.provider.issuer:
            raise Refused(f"an answer of {told!r}, not of {self.provider.name}")

    def metadata(self, session: OAuth2Session) -> dict[str, Any]:
        """What the provider says of itself; of this it is believed only as far as its issuer's address."""
        with self.lock:
            if time.monotonic() < self.known_until:
                return self.known
        url = self.provider.issuer.rstrip("/") + "/.well-known/openid-configuration"
        found = self.get_json(session, url, withhold_token=True)
        if not isinstance(found, dict) or found.get("issuer") != self.provider.issuer:
            raise ValueError(f"{url} is not of the issuer {self.provider.issuer}")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not isinstance(found.get(name), str):
                raise ValueError(f"{url} lacks {name}")
            # The browser is sent to the first, so it has to be an address of the web as well.
            Outbound(self.provider.private_hosts).check(found[name])
        with self.lock:
            self.known, self.known_until = found, time.monotonic() + KEPT_SECONDS
        return found

    def key_set(self, session: OAuth2Session, metadata: Mapping[str, Any], *, anew: bool = False) -> KeySet:
        """The keys that the provider signs with. `anew`: fetched again, unless that was a moment ago."""
        with self.lock:
            age = time.monotonic() - self.keys_fetched_at
            if self.keys is not None and age < (RENEWED_SECONDS if anew else KEPT_SECONDS):
                return self.keys
        found = self.get_json(session, metadata["jwks_uri"], withhold_token=True)
        keys = found.get("keys") if isinstance(found, dict) else None
        if not isinstance(keys, list) or len(keys) > MOST_KEYS:
            raise ValueError(f"{metadata['jwks_uri']} is no list of keys, or a very long one")
        signing = [
            key
            for key in keys
            if isinstance(key, dict) and key.get("kty") in KEY_TYPES and key.get("use", "sig") == "sig"
        ]
        try:
            made = KeySet.import_key_set({"keys": signing})
        except (JoseError, TypeError, KeyError) as error:
            raise ValueError(f"{metadata['jwks_uri']} holds no keys to check with") from error
        with self.lock:
            self.keys, self.keys_fetched_at = made, time.monotonic()
        return made

    def read_id_token(
        self, session: OAuth2Session, metadata: Mapping[str, Any], id_token: Any, nonce: str
    ) -> dict[str, Any]:
        """The claims of an ID token (OpenID Connect Core 1.0, 3.1.3.7). Raises Refused."""
        if not isinstance(id_token, str):
            raise Refused(f"{self.provider.name} gave no ID token")
        try:
            try:
                token = jwt.decode(id_token, self.key_set(session, metadata), ALGORITHMS)
            except InvalidKeyIdError:
                token = jwt.decode(id_token, self.key_set(session, metadata, anew=True), ALGORITHMS)
            self.check_claims(token.claims, nonce)
        except JoseError as error:
            raise Refused(f"{self.provider.name}: ID token: {error}") from error
        return token.claims

    def check_claims(self, claims: dict[str, Any], nonce: str) -> None:
        jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self.provider.issuer},
            aud={"essential": True, "value": self.provider.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        ).validate(claims)
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        wrong = {
            "sub": len(claims["sub"]) > USER.SUBJECT_MAX_LENGTH or not claims["sub"].isprintable(),
            "iat": claims["iat"] < time.time() - ID_TOKEN_MAX_SECONDS - LEEWAY_SECONDS,
            "nonce": claims.get("nonce") != nonce,
            "azp": claims.get("azp", None if several else self.provider.client_id) != self.provider.client_id,
        }
        if any(wrong.values()):
            raise Refused(f"{self.provider.name}: ID token: {', '.join(name for name in wrong if wrong[name])}")

    def ask_userinfo(self, session: OAuth2Session, url: str, subject: str) -> dict[str, Any]:
        """What the provider says of a person beside the ID token; nothing where that is of another one (Core,
        5.3.2).
        """
        response = session.get(url, headers={"Accept": "application/json"})
        if response.status_code != requests.codes.ok:
            return {}
        found = response.json()
        return found if isinstance(found, dict) and found.get("sub") == subject else {}


def person_of(claims: Mapping[str, Any]) -> Person:
    email = address(claims.get("email"))
    name = shortened(claims.get("preferred_username"), 100) or shortened(claims.get("nickname"), 100)
    signed_in_at = claims.get("auth_time")
    return Person(
        issuer=claims["iss"],
        subject=claims["sub"],
        label=(email or name or shortened(claims.get("name"), 100))[: USER.EMAIL_MAX_LENGTH],
        name=name or email.partition("@")[0],
        email=email,
        # No string, and no number: only the word of the standard (Core, 5.1).
        email_verified=claims.get("email_verified") is True,
        authenticated_at=signed_in_at if type(signed_in_at) is int and signed_in_at < 2**32 else None,
    )


def is_fresh(person: Person, sent_at: float) -> bool:
    """Whether somebody has proved at the provider who they are since they were sent there, at `sent_at` seconds
    since the epoch: the browser may have left out that they should. Not every provider tells (OpenID Connect Core
    1.0, 3.1.2.1: max_age).
    """
    return person.authenticated_at is not None and person.authenticated_at >= sent_at - LEEWAY_SECONDS


class GithubClient(OAuthClient):
    """GitHub, or an Enterprise server of its kind, which has its API below its own address."""

    scope = "read:user user:email"

    def begin(self, *, again: bool = False) -> Departure:
        memory = self.memory()
        with self.session() as session:
            url, _state = session.create_authorization_url(
                f"{self.provider.issuer}/login/oauth/authorize",
                state=memory["state"],
                code_verifier=memory["verifier"],
            )
        return Departure(url, memory)

    @property
    def api(self) -> str:
        issuer = self.provider.issuer
        return "https://api.github.com" if issuer == GITHUB else f"{issuer}/api/v3"

    def finish(self, memory: Mapping[str, str], answer: Mapping[str, str]) -> Person:
        code = self.code_in(answer)
        with self.session(token_endpoint_auth_method="client_secret_post") as session:  # noqa: S106 (a method)
            session.fetch_token(
                f"{self.provider.issuer}/login/oauth/access_token",
                grant_type="authorization_code",
                code=code,
                code_verifier=memory["verifier"],
            )
            user = self.get_json(session, f"{self.api}/user")
            if not isinstance(user, dict) or type(user.get("id")) is not int:
                raise ValueError("no user")
            email, verified = self.primary_address(session)
        # The login can be given up and taken by somebody else; the number can not.
        name = shortened(user.get("login"), 100)
        return Person(self.provider.issuer, str(user["id"]), name, name, email, verified)

    def primary_address(self, session: OAuth2Session) -> tuple[str, bool]:
        """The address that the person has chosen there, and whether it is verified; none where they keep it."""
        response = session.get(f"{self.api}/user/emails", headers={"Accept": "application/json"})
        found = response.json() if response.status_code == requests.codes.ok else []
        for each in found if isinstance(found, list) else []:
            if isinstance(each, dict) and each.get("primary") is True:
                return address(each.get("email")), each.get("verified") is True
        return "", False


def make_client(provider: Provider, site_url: str) -> Client:
    redirect_uri = f"{site_url}/users/oidc/{provider.name}/callback/"
    if provider.kind is Kind.GITHUB:
        return GithubClient(provider, redirect_uri)
    return OidcClient(provider, redirect_uri)


def clients_of(registry: Any) -> dict[str, Client]:
    """The site's clients by the name of the provider, as settings have them."""
    clients: dict[str, Client] = registry["oidc"]
    return clients


def includeme(config: Configurator) -> None:
    settings = settings_of(config.registry)
    config.registry["oidc"] = {
        provider.name: make_client(provider, settings.site_url) for provider in settings.oidc
    }
