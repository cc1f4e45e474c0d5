"""An authenticator in software: it makes passkeys and answers with them as a browser would, or wrongly, as told.

ES256 and no attestation (Web Authentication level 3, 6.1, 6.5 and 8.7).
"""

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

PRESENT, VERIFIED, HAS_CREDENTIAL = 0x01, 0x04, 0x40


@dataclass
class Credential:
    """One passkey on the device. An authenticator that does not count says 0 for ever: `counts=False`."""

    handle: str
    counts: bool = True
    sign_count: int = 0
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def public_key(self) -> bytes:
        """As COSE has it (RFC 9053, 7.1.1)."""
        numbers = self.key.public_key().public_numbers()
        x, y = (number.to_bytes(32, "big") for number in (numbers.x, numbers.y))
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})


@dataclass
class Authenticator:
    """A device with a browser: `origin` and `rp_id` are those of the page it believes to be on."""

    origin: str = "http://localhost"
    rp_id: str = "localhost"
    flags: int = PRESENT | VERIFIED
    counts: bool = True
    credentials: list[Credential] = field(default_factory=list)

    def client_data(self, kind: str, options: dict[str, Any]) -> bytes:
        data = {"type": f"webauthn.{kind}", "challenge": options["challenge"], "origin": self.origin}
        return json.dumps(data | {"crossOrigin": False}).encode()

    def authenticator_data(self, credential: Credential, rest: bytes = b"", flags: int = 0) -> bytes:
        head = hashlib.sha256(self.rp_id.encode()).digest() + bytes([self.flags | flags])
        return head + credential.sign_count.to_bytes(4, "big") + rest

    def create(self, options: dict[str, Any], credential: Credential | None = None) -> dict[str, Any]:
        """A new passkey for the options of a creation; or the one given, as if it were new."""
        credential = credential or Credential(options["user"]["id"], self.counts)
        self.credentials.append(credential)
        rest = bytes(16) + len(credential.id).to_bytes(2, "big") + credential.id + credential.public_key()
        data = self.authenticator_data(credential, rest, HAS_CREDENTIAL)
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return answer(
            credential, clientDataJSON=self.client_data("create", options), attestationObject=attestation
        ) | {"transports": ["internal"]}

    def get(self, options: dict[str, Any], credential: Credential | None = None) -> dict[str, Any]:
        """The answer of the newest passkey, or of the one given, to the options of a question."""
        credential = credential or self.credentials[-1]
        credential.sign_count += credential.counts
        client_data, data = self.client_data("get", options), self.authenticator_data(credential)
        signed = credential.key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(hashes.SHA256()))
        made = answer(credential, clientDataJSON=client_data, authenticatorData=data, signature=signed)
        made["response"]["userHandle"] = credential.handle
        return made


def answer(credential: Credential, **parts: bytes) -> dict[str, Any]:
    identifier = bytes_to_base64url(credential.id)
    response = {name: bytes_to_base64url(part) for name, part in parts.items()}
    return {"id": identifier, "rawId": identifier, "type": "public-key", "response": response}


def tampered(text: str) -> str:
    """Base64url of the same bytes, but for the last bit."""
    content = bytearray(base64url_to_bytes(text))
    content[-1] ^= 1
    return bytes_to_base64url(bytes(content))
