"""Proof of work: what is accepted for a solution, and what is not."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import altcha
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pyramid.testing import DummyRequest

from myproject.security.captcha import altcha as ours
from myproject.security.captcha.altcha import AltchaCaptcha
from myproject.security.captcha.base import CaptchaFailed
from myproject.security.keys import KeyRing
from myproject.security.ratelimit import RateLimiter
from myproject.settings import Settings

OLD, NEW = "the key that the site had before " * 2, "the key that the site has now " * 2


@pytest.fixture
def make_captcha(make_settings: Callable[..., Settings]) -> Callable[..., AltchaCaptcha]:
    """`make_captcha(keys...)` gives the captcha of a site that has those secret keys, the newest first."""

    def make(*keys: str) -> AltchaCaptcha:
        return AltchaCaptcha(20, KeyRing(keys or (NEW,)), RateLimiter(make_settings()))

    return make


@pytest.fixture
def captcha(make_captcha: Callable[..., AltchaCaptcha]) -> AltchaCaptcha:
    return make_captcha()


def solve(challenge: dict[str, Any]) -> dict[str, Any]:
    """What the widget sends, before it is packed."""
    given_challenge = altcha.Challenge.from_dict(challenge)
    solution = altcha.solve_challenge(given_challenge)
    assert solution is not None
    return altcha.Payload(given_challenge, solution).to_dict()


def pack(payload: object) -> str:
    return base64.b64encode(json.dumps(payload).encode()).decode()


def visitor(address: str = "192.0.2.1") -> DummyRequest:
    return DummyRequest(client_addr=address)


def form(response: str, address: str = "192.0.2.1") -> DummyRequest:
    return DummyRequest(post={"altcha": response}, client_addr=address)


def refused(captcha: AltchaCaptcha, response: str) -> str:
    with pytest.raises(CaptchaFailed) as failed:
        captcha.verify(form(response))
    return str(failed.value.message)


def test_a_solved_challenge_passes(captcha: AltchaCaptcha) -> None:
    captcha.verify(form(pack(solve(captcha.issue(visitor())))))


def test_a_solved_challenge_passes_from_the_network_that_it_was_given_to(captcha: AltchaCaptcha) -> None:
    payload = pack(solve(captcha.issue(visitor("2001:db8:1:2::3"))))
    for address in ("192.0.2.1", "2001:db8:1:3::3"):
        with pytest.raises(CaptchaFailed, match="network address has changed"):
            captcha.verify(form(payload, address))
    # One household, and the tries above have not used it up.
    captcha.verify(form(payload, "2001:db8:1:2::4"))


def test_a_solved_challenge_passes_once(captcha: AltchaCaptcha) -> None:
    payload = solve(captcha.issue(visitor()))
    captcha.verify(form(pack(payload)))
    assert "used already" in refused(captcha, pack(payload))
    # The same in another wrapping.
    payload["solution"]["time"] = 123
    assert "used already" in refused(captcha, pack(payload))


def test_a_request_that_is_tried_again_passes_again(captcha: AltchaCaptcha) -> None:
    request = form(pack(solve(captcha.issue(visitor()))))
    captcha.verify(request)
    captcha.verify(request)


def test_two_challenges_differ(captcha: AltchaCaptcha) -> None:
    one, other = (captcha.issue(visitor())["parameters"] for _ in range(2))
    assert one["nonce"] != other["nonce"]


def test_a_challenge_that_is_too_old_does_not_pass(
    captcha: AltchaCaptcha, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ours, "CHALLENGE_SECONDS", -1)
    assert "has expired" in refused(captcha, pack(solve(captcha.issue(visitor()))))


def test_a_challenge_ends_after_twenty_minutes(captcha: AltchaCaptcha) -> None:
    assert captcha.issue(visitor())["parameters"]["expiresAt"] == pytest.approx(time.time() + 20 * 60, abs=2)


def test_a_challenge_for_something_else_does_not_pass(
    captcha: AltchaCaptcha, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ours, "PURPOSE", "something else")
    payload = pack(solve(captcha.issue(visitor())))
    monkeypatch.undo()
    assert "Please complete" in refused(captcha, payload)


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("parameters", "cost", 1),
        ("parameters", "expiresAt", 2**40),
        ("parameters", "keyPrefix", "00"),
        ("parameters", "data", {"for": "registration", "more": 1}),
        ("parameters", "keySignature", None),
        ("parameters", "salt", "00" * 16),
        ("challenge", "signature", "00" * 32),
        ("challenge", "signature", None),
        ("solution", "derivedKey", "00" * 32),
        ("solution", "derivedKey", None),
    ],
)
def test_what_was_tampered_with_does_not_pass(captcha: AltchaCaptcha, part: str, name: str, value: object) -> None:
    payload = solve(captcha.issue(visitor()))
    parts = {"parameters": payload["challenge"]["parameters"], **payload}
    parts[part][name] = value
    assert "Please complete" in refused(captcha, pack(payload))


def test_a_challenge_that_somebody_made_themselves_does_not_pass(captcha: AltchaCaptcha) -> None:
    for secret in (None, "a key of their own"):
        data = ours.purpose_of(visitor())
        made = altcha.create_challenge("SHA-256", 1, hmac_secret=secret, hmac_key_secret=secret, data=data)
        assert "Please complete" in refused(captcha, pack(solve(made.to_dict())))


def test_a_challenge_of_the_older_key_passes_after_a_change_of_keys(
    make_captcha: Callable[..., AltchaCaptcha],
) -> None:
    payload = pack(solve(make_captcha(OLD).issue(visitor())))
    make_captcha(NEW, OLD).verify(form(payload))
    assert "Please complete" in refused(make_captcha(NEW), payload)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["challenge", "solution", "parameters", "signature", "derivedKey", "expiresAt"]), inner
        )
    ),
    max_leaves=12,
)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(JSON | st.fixed_dictionaries({"challenge": JSON, "solution": JSON}))
def test_no_payload_fails_but_by_being_refused(captcha: AltchaCaptcha, payload: object) -> None:
    refused(captcha, pack(payload))


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(JSON)
def test_no_parameters_fail_but_by_being_refused(captcha: AltchaCaptcha, value: object) -> None:
    payload = {
        "challenge": {
            "parameters": dict.fromkeys(["algorithm", "nonce", "salt", "cost", "expiresAt", "data"], value),
            "signature": "00",
        },
        "solution": {"counter": value, "derivedKey": value},
    }
    refused(captcha, pack(payload))


@pytest.mark.parametrize(
    "response", ["", "?", "é", "x" * 20_000, "bnVsbA==", "[" * 9000], ids=lambda text: text[:9]
)
def test_what_is_no_payload_does_not_pass(captcha: AltchaCaptcha, response: str) -> None:
    assert "Please complete" in refused(captcha, response)
