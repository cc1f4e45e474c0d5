"""Codes of authenticator apps (RFC 6238), as every app has them: SHA-1, six digits, thirty seconds."""

import hmac
import re
import unicodedata
from datetime import datetime

import pyotp
import segno

STEP_SECONDS = 30
# How far the clock of a phone may be off, and how long somebody may type (RFC 6238, 5.2).
DRIFT_STEPS = 1
CODE = re.compile("[0-9]{6}")
FILLERS = re.compile(r"[\s\-\u2010-\u2015\u2212]")


def make_secret() -> str:
    """160 random bits (RFC 4226, 4: R6) in base 32."""
    return pyotp.random_base32()


def step_at(moment: datetime) -> int:
    """The number of the time step at a moment (RFC 6238, 4.2)."""
    return int(moment.timestamp()) // STEP_SECONDS


def code_at(secret: str, step: int) -> str:
    """The six digits of a time step."""
    return pyotp.TOTP(secret, interval=STEP_SECONDS).generate_otp(step)


def normalise(typed: str) -> str:
    """What was typed without blanks and dashes, its digits, of whatever script, as ASCII."""
    characters = FILLERS.sub("", typed)
    return "".join(str(unicodedata.digit(each, each)) for each in characters)


def matching_step(secret: str, code: str, moment: datetime) -> int | None:
    """The time step, at most `DRIFT_STEPS` from `moment`, whose code is `code`, normalised; None where none is."""
    if not CODE.fullmatch(code):
        return None
    now = step_at(moment)
    steps = range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1)
    return next((step for step in steps if hmac.compare_digest(code_at(secret, step), code)), None)


def grouped(secret: str) -> str:
    """The secret to be typed: in fours."""
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))


def address(secret: str, account: str, site_title: str) -> str:
    """What the QR code says: the `otpauth` address that apps take a secret from."""
    # A colon parts the site from the account there.
    issuer = site_title.replace(":", " ")
    return pyotp.TOTP(secret, interval=STEP_SECONDS).provisioning_uri(name=account, issuer_name=issuer)


def qr_code(text: str) -> str:
    """A QR code as SVG to stand in a page: no script, and no style that the site's policy would refuse. Dark on
    light, with its margin, whatever the colours of the page: cameras want it so.
    """
    made = segno.make(text, micro=False)
    return str(made.svg_inline(scale=5, dark="#000", light="#fff", svgclass="qr", lineclass=None))
