"""Secret keys: one file, a derived key for each purpose, older keys that still verify."""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from typing import Any, cast

from cryptography.fernet import Fernet, MultiFernet
from itsdangerous import URLSafeTimedSerializer
from pyramid.config import Configurator

from myproject.settings import settings_of
from myproject.settings_site import secret_keys


class KeyRing:
    """Keys for each purpose, derived from the site's secret keys (newest first).

    Derivation is one block of HKDF-Expand (RFC 5869) with SHA-256: the keys in the file are already uniform.
    """

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self.secrets = secrets
        self.derived: dict[str, list[bytes]] = {}

    def derive(self, purpose: str) -> list[bytes]:
        """32-byte keys for `purpose`, newest first."""
        keys = self.derived.get(purpose)
        if keys is None:
            info = purpose.encode() + b"\x01"
            keys = [hmac.digest(secret.encode(), info, "sha256") for secret in self.secrets]
            self.derived[purpose] = keys
        return keys

    def derive_by_id(self, purpose: str) -> dict[str, bytes]:
        """The same by a short public name of each key, newest first: for what is verified years later."""
        return {hashlib.sha256(key).hexdigest()[:8]: key for key in self.derive(purpose)}

    def box(self, purpose: str) -> MultiFernet:
        """Encrypts what has to be read again; the newest key encrypts, all decrypt."""
        return MultiFernet([Fernet(urlsafe_b64encode(key)) for key in self.derive(purpose)])

    def signer(self, purpose: str) -> URLSafeTimedSerializer:
        """Signs and verifies small JSON values with the time; the newest key signs, all verify."""
        # itsdangerous wants the oldest key first.
        return URLSafeTimedSerializer(list(reversed(self.derive(purpose))), salt=purpose)


def keys_of(registry: Any) -> KeyRing:
    return cast(KeyRing, registry["keys"])


def includeme(config: Configurator) -> None:
    config.registry["keys"] = KeyRing(secret_keys(settings_of(config.registry).secret_key_file))
