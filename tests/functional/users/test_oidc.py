"""Signing in, registering and connecting by way of a third party, and what a hostile one or visitor tries."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import EmailMessage
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
import webtest
from joserfc import jwt
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.db import sessions_of, utc_now
from myproject.security.oidc import make_client as make_party
from myproject.security.ratelimit import RateLimiter
from myproject.settings import settings_of
from myproject.users import constants as USER
from myproject.users.models import Connection, SecurityLogEntry, SignInStep, User, UserSession
from tests.conftest import PASSWORD, Client, form_with
from tests.factories import make_user, sign_in
from tests.functional.pages import field_errors, flashes, heading, link_in, summary, text_of
from tests.functional.users.oidc import address_in, connect, fill_registration, leave
from tests.oidc.providers import (
    CLIENT_ID,
    CLIENT_SECRET,
    GithubStub,
    HostileProvider,
    signed_with_a_shared_secret,
    unsigned,
)
from tests.servers import serving

pytestmark = pytest.mark.one_database


@pytest.fixture(scope="module")
def hostile_server() -> Iterator[HostileProvider]:
    with serving(HostileProvider()) as server:
        yield server


@pytest.fixture
def provider(hostile_server: HostileProvider) -> HostileProvider:
    hostile_server.renew()
    return hostile_server


@pytest.fixture(scope="module")
def github_server() -> Iterator[GithubStub]:
    with serving(GithubStub()) as server:
        yield server


@pytest.fixture
def github(github_server: GithubStub) -> GithubStub:
    github_server.renew()
    return github_server


@pytest.fixture
def make_site(
    make_app: Callable[..., Router], provider: HostileProvider, github: GithubStub
) -> Callable[..., Router]:
    """A site that knows both providers, and has asked them nothing yet."""

    def make(**overrides: object) -> Router:
        app = make_app(**provider.options | github.options | overrides)
        settings = settings_of(app.registry)
        app.registry["oidc"].update({each.name: make_party(each, settings.site_url) for each in settings.oidc})
        return app

    return make


@pytest.fixture
def app(make_site: Callable[..., Router]) -> Router:
    return make_site()


@pytest.fixture
def ann(db: Session, provider: HostileProvider) -> User:
    """A member who has connected the provider's account, and has also a password."""
    user = make_user(db, "ann")
    db.add(Connection(user_id=user.id, provider="hostile", issuer=provider.issuer, subject=provider.subject))
    db.flush()
    return user


def is_signed_in(client: Client) -> bool:
    return client.get("/users/me/", status="*").status_int == 200


def sessions(db: Session) -> int:
    return db.scalar(sa.select(sa.func.count(UserSession.id))) or 0


def arrive(client: Client, provider: HostileProvider, **changes: str | None) -> webtest.TestResponse:
    """Goes to the provider and comes back."""
    return client.get(provider.authorize(leave(client, "hostile"), **changes), status="*")


def refused(client: Client, db: Session, answer: webtest.TestResponse) -> bool:
    """Whether an answer says that nothing came of it, and nothing did."""
    assert answer.status_int == 400
    assert heading(answer) == "No sign-in with hostile"
    assert not db.scalar(
        sa.select(SignInStep.id).where(SignInStep.step == USER.Step.PROVIDER_REGISTRATION).limit(1)
    )
    return sessions(db) == 0 and not is_signed_in(client)


# Signing in


def test_connected_account_signs_in(client: Client, db: Session, ann: User, provider: HostileProvider) -> None:
    answer = arrive(client, provider)
    assert (answer.status_int, answer.location) == (303, "http://localhost/users/me/")
    assert flashes(answer.follow()) == ["Welcome ann"]
    assert db.scalar(sa.select(UserSession.way)) == USER.Way.PROVIDER
    assert db.scalar(sa.select(Connection.last_used_at)) is not None


def test_sign_in_leads_where_the_visitor_wanted(client: Client, ann: User, provider: HostileProvider) -> None:
    address = leave(client, "hostile", "/users/login/?next=/drafts/")
    assert client.get(provider.authorize(address)).location == "http://localhost/drafts/"


def test_sign_in_leads_to_no_other_site(client: Client, ann: User, provider: HostileProvider) -> None:
    address = leave(client, "hostile", "/users/login/?next=//evil.example/")
    assert client.get(provider.authorize(address)).location == "http://localhost/users/me/"


def test_site_asks_for_a_code_with_a_challenge_and_fresh_values(client: Client, provider: HostileProvider) -> None:
    first, second = (parse_qs(urlsplit(leave(client, "hostile")).query) for _ in range(2))
    assert first["response_type"] == ["code"]
    assert first["code_challenge_method"] == ["S256"]
    assert first["redirect_uri"] == ["http://localhost/users/oidc/hostile/callback/"]
    assert "openid" in first["scope"][0].split()
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name][0]) >= 43
        assert first[name] != second[name]


def test_leaving_needs_the_form_token(client: Client) -> None:
    client.post("/users/oidc/hostile/start/", {"csrf_token": "wrong"}, status=400)
    client.get("/users/oidc/hostile/start/", status=405)


def test_second_factor_is_asked_after_the_provider(
    client: Client, db: Session, ann: User, provider: HostileProvider
) -> None:
    ann.second_factor_at = utc_now()
    answer = arrive(client, provider)
    assert "/users/login/second-factor/" in answer.location
    assert sessions(db) == 0
    assert not is_signed_in(client)


def test_sign_in_is_as_fresh_as_the_one_there(client: Client, ann: User, provider: HostileProvider) -> None:
    arrive(client, provider)
    client.get("/users/me/connections/", status=200)
    client.logout()
    # One that does not tell may have been long ago.
    for auth_time in (LONG_AGO, None):
        provider.lies.claims = {"auth_time": auth_time}
        arrive(client, provider)
        assert "/users/reauth/" in client.get("/users/me/connections/").location
        client.logout()


@pytest.mark.parametrize("auth_time", [-1, 10**30, True, 1.5, "now", []])
def test_odd_time_of_the_sign_in_there_breaks_nothing(
    client: Client, ann: User, provider: HostileProvider, auth_time: object
) -> None:
    provider.lies.claims = {"auth_time": auth_time}
    assert arrive(client, provider).status_int == 303


def test_shut_account_does_not_sign_in(client: Client, db: Session, ann: User, provider: HostileProvider) -> None:
    ann.status = USER.Status.INACTIVE
    answer = arrive(client, provider)
    assert answer.location == "http://localhost/users/login/"
    assert "This account has been shut" in flashes(answer.follow())[0]
    assert sessions(db) == 0


def test_new_sign_in_ends_the_one_that_the_browser_had(
    client: Client, db: Session, ann: User, provider: HostileProvider
) -> None:
    ben = make_user(db, "ben")
    answer = client.get(provider.authorize(leave(client, "hostile")))
    sign_in(client, ben)
    client.get(provider.authorize(leave_signed_in(client)))
    assert answer.status_int == 303
    assert db.scalar(sa.select(sa.func.count()).where(UserSession.user_id == ben.id)) == 0


def leave_signed_in(client: Client) -> str:
    """As `leave`, for a member: the page of the form is for guests, but its address is there for all."""
    token = form_with(client.get("/users/me/connections/"), "csrf_token")["csrf_token"].value
    return address_in(client.post("/users/oidc/hostile/start/", {"csrf_token": token}))


def test_person_who_declines_there_is_back_where_they_began(
    client: Client, ann: User, provider: HostileProvider
) -> None:
    answer = arrive(client, provider, code=None, error="access_denied")
    assert answer.location == "http://localhost/users/login/"
    assert flashes(answer.follow()) == ["You have not signed in at hostile"]


# Attacks


def test_wrong_state_is_refused(client: Client, db: Session, ann: User, provider: HostileProvider) -> None:
    assert refused(client, db, arrive(client, provider, state="x" * 43))


def test_missing_state_is_refused(client: Client, db: Session, ann: User, provider: HostileProvider) -> None:
    assert refused(client, db, arrive(client, provider, state=None))


def test_replayed_answer_is_refused(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User, provider: HostileProvider
) -> None:
    back = provider.authorize(leave(client, "hostile"))
    cookie = client.cookies["provider"]
    client.get(back, status=303)
    client.logout()
    client.set_cookie("provider", cookie)
    assert refused(client, db, client.get(back, status="*"))


def test_state_of_another_browser_is_refused(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User, provider: HostileProvider
) -> None:
    attacker = make_client()
    back = provider.authorize(leave(attacker, "hostile"))
    # Without having begun anything, and in the midst of a sign-in of its own.
    assert refused(client, db, client.get(back, status="*"))
    leave(client, "hostile")
    assert refused(client, db, client.get(back, status="*"))


def test_answer_to_another_provider_is_refused(
    client: Client, db: Session, ann: User, provider: HostileProvider
) -> None:
    back = provider.authorize(leave(client, "hostile"))
    client.get(back.replace("/hostile/", "/github/"), status=400)
    assert sessions(db) == 0


def test_old_answer_is_refused(client: Client, db: Session, ann: User, provider: HostileProvider) -> None:
    back = provider.authorize(leave(client, "hostile"))
    db.execute(sa.update(SignInStep).values(expires_at=utc_now() - timedelta(seconds=1)))
    assert refused(client, db, client.get(back, status="*"))


@pytest.mark.parametrize("iss", ["https://evil.example", "", None])
def test_answer_that_names_another_issuer_or_none_is_refused(
    client: Client, db: Session, ann: User, provider: HostileProvider, iss: str | None
) -> None:
    assert refused(client, db, arrive(client, provider, iss=iss))


def test_code_of_another_sign_in_is_refused(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User, provider: HostileProvider
) -> None:
    stolen = parse_qs(urlsplit(provider.authorize(leave(make_client(), "hostile"))).query)["code"][0]
    assert refused(client, db, arrive(client, provider, code=stolen))


@pytest.mark.parametrize("answer", [{"code": None}, {"code": "unknown"}, {"code": None, "error": "server_error"}])
def test_answer_without_a_good_code_is_refused(
    client: Client, db: Session, ann: User, provider: HostileProvider, answer: dict[str, str | None]
) -> None:
    assert refused(client, db, arrive(client, provider, **answer))


LONG_AGO = 1_600_000_000


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"nonce": ["another"]},
        {"aud": "another"},
        {"aud": None},
        {"aud": []},
        {"aud": ["another"]},
        {"aud": [CLIENT_ID, "another"]},
        {"aud": [CLIENT_ID, "another"], "azp": "another"},
        {"azp": "another"},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"exp": LONG_AGO},
        {"exp": None},
        {"exp": "never"},
        {"iat": LONG_AGO},
        {"iat": None},
        {"iat": 9_999_999_999},
        {"nbf": 9_999_999_999},
        {"sub": None},
        {"sub": ""},
        {"sub": 248289761001},
        {"sub": "x" * 256},
        {"sub": "a\nb"},
    ],
    ids=str,
)
def test_id_token_with_a_wrong_claim_is_refused(
    client: Client, db: Session, ann: User, provider: HostileProvider, claims: dict[str, object]
) -> None:
    provider.lies.claims = claims
    assert refused(client, db, arrive(client, provider))


def test_id_token_for_several_of_which_we_are_the_one_signs_in(
    client: Client, ann: User, provider: HostileProvider
) -> None:
    provider.lies.claims = {"aud": [CLIENT_ID, "another"], "azp": CLIENT_ID}
    assert arrive(client, provider).status_int == 303


def test_unsigned_id_token_is_refused(client: Client, db: Session, ann: User, provider: HostileProvider) -> None:
    provider.lies.sign = unsigned
    assert refused(client, db, arrive(client, provider))


def test_id_token_signed_with_a_foreign_key_is_refused(
    client: Client, db: Session, ann: User, provider: HostileProvider
) -> None:
    provider.lies.sign = lambda claims: jwt.encode({"alg": "RS256", "kid": "one"}, claims, provider.other_key)
    assert refused(client, db, arrive(client, provider))


def test_id_token_of_an_unknown_key_is_refused(
    client: Client, db: Session, ann: User, provider: HostileProvider
) -> None:
    provider.lies.sign = lambda claims: jwt.encode({"alg": "RS256", "kid": "two"}, claims, provider.key)
    assert refused(client, db, arrive(client, provider))


def test_id_token_that_brings_its_own_key_is_refused(
    client: Client, db: Session, ann: User, provider: HostileProvider
) -> None:
    header = {"alg": "RS256", "kid": "two", "jwk": provider.other_key.as_dict(private=False)}
    provider.lies.sign = lambda claims: jwt.encode(header, claims, provider.other_key)
    assert refused(client, db, arrive(client, provider))


def test_id_token_signed_with_a_secret_of_both_is_refused(
    client: Client, db: Session, ann: User, provider: HostileProvider
) -> None:
    provider.lies.sign = signed_with_a_shared_secret(CLIENT_SECRET)
    assert refused(client, db, arrive(client, provider))


def test_id_token_signed_with_the_public_key_as_a_secret_is_refused(
    client: Client, db: Session, ann: User, provider: HostileProvider
) -> None:
    public = provider.key.as_pem(private=False).decode().replace("-----", "")
    provider.lies.sign = signed_with_a_shared_secret(public)
    assert refused(client, db, arrive(client, provider))


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "a.b.c.d.e", "x" * 100_000])
def test_what_is_no_token_is_refused(
    client: Client, db: Session, ann: User, provider: HostileProvider, token: str
) -> None:
    provider.lies.sign = lambda claims: token
    assert refused(client, db, arrive(client, provider))


def test_keys_that_the_provider_has_changed_are_fetched_anew(
    client: Client, ann: User, provider: HostileProvider, app: Router
) -> None:
    arrive(client, provider)
    client.logout()
    party = app.registry["oidc"]["hostile"]
    party.keys_fetched_at -= 120
    old = provider.key
    provider.key = type(old).generate_key(2048, {"kid": "new", "use": "sig"})
    provider.lies.sign = lambda claims: jwt.encode({"alg": "RS256", "kid": "new"}, claims, provider.key)
    try:
        assert arrive(client, provider).status_int == 303
    finally:
        provider.key = old


def test_unknown_keys_have_the_keys_fetched_but_rarely(
    client: Client, ann: User, provider: HostileProvider
) -> None:
    provider.lies.sign = lambda claims: jwt.encode({"alg": "RS256", "kid": "two"}, claims, provider.key)
    for _ in range(3):
        arrive(client, provider)
    assert provider.calls.count("/jwks") == 1
    assert provider.calls.count("/.well-known/openid-configuration") == 1


# A provider that is away, or makes no sense


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"authorization_endpoint": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "http://evil.example/"},
        {"token_endpoint": ["x"]},
        {"token_endpoint": "http://169.254.169.254/latest/"},
        {"jwks_uri": "file:///etc/passwd"},
    ],
    ids=str,
)
def test_provider_that_says_nonsense_of_itself_is_as_good_as_away(
    client: Client, provider: HostileProvider, metadata: dict[str, object]
) -> None:
    provider.lies.metadata = metadata
    answer = submit_start(client)
    assert answer.status_int == 503
    assert "does not answer just now" in answer.text


def submit_start(client: Client) -> webtest.TestResponse:
    action = "/users/oidc/hostile/start/"
    form = next(form for form in client.get("/users/login/").forms.values() if form.action.endswith(action))
    return form.submit(status="*")


def test_site_is_not_led_into_the_network_by_what_a_provider_says(
    client: Client, ann: User, provider: HostileProvider, github: GithubStub
) -> None:
    github.calls.clear()
    provider.lies.metadata = {"jwks_uri": f"https://127.0.0.1:{github.server_address[1]}/jwks"}
    assert arrive(client, provider).status_int == 503
    assert github.calls == []


def test_provider_that_is_away_leaves_a_page_that_says_so_and_the_password_works(
    client: Client, db: Session, ann: User, provider: HostileProvider
) -> None:
    provider.away = True
    answer = submit_start(client)
    assert answer.status_int == 503
    assert answer.headers["Retry-After"]
    assert heading(answer) == "No sign-in with hostile"
    assert "Try again in a minute, or sign in another way" in answer.text
    client.login("ann")
    assert is_signed_in(client)


def test_provider_that_goes_away_meanwhile_leaves_a_page_that_says_so(
    client: Client, db: Session, ann: User, provider: HostileProvider
) -> None:
    back = provider.authorize(leave(client, "hostile"))
    provider.away = True
    answer = client.get(back, status=503)
    assert "does not answer just now" in answer.text
    assert sessions(db) == 0


def test_provider_that_is_away_is_left_alone_for_a_moment(client: Client, provider: HostileProvider) -> None:
    provider.away = True
    for _ in range(3):
        submit_start(client)
    assert len(provider.calls) == 1


def test_unknown_provider_is_not_there(client: Client) -> None:
    client.get("/users/oidc/nobody/callback/?code=a&state=b", status=404)


@pytest.mark.parametrize("query", ["", "?state=%F0%9F%92%A9", "?state=a&state=b&code=%0D%0A", "?error=<script>"])
def test_callback_that_nobody_asked_for_is_refused(client: Client, query: str) -> None:
    answer = client.get(f"/users/oidc/hostile/callback/{query}", status=400)
    assert "<script>" not in answer.text


def test_sign_ins_by_way_of_a_provider_are_limited(make_site: Callable[..., Router], db: Session) -> None:
    app = make_site(ratelimit_enabled=True, ratelimit_provider_address="2 per hour")
    client = Client(app, db)
    assert [submit_start(client).status_int for _ in range(2)] == [200, 200]
    # As after a restart.
    vars(app.registry["limiter"]).update(vars(RateLimiter(settings_of(app.registry), sessions_of(app.registry))))
    assert submit_start(client).status_int == 429


# Registering


def begin_registration(client: Client, provider: HostileProvider) -> webtest.TestResponse:
    answer = arrive(client, provider)
    assert answer.location == "http://localhost/users/oidc/hostile/register/"
    return answer.follow()


def test_newcomer_with_a_verified_address_registers_and_is_active(
    client: Client, db: Session, provider: HostileProvider, mails: Callable[..., list[EmailMessage]]
) -> None:
    page = begin_registration(client, provider)
    form = form_with(page, "accept_tos")
    assert form["name"].value == "ann"
    assert "email" not in form.fields
    assert "password" not in form.fields
    answer = fill_registration(page)
    assert flashes(answer.follow()) == ["Thanks for registering"]
    user = db.scalars(sa.select(User)).one()
    assert (user.name, user.email, user.password) == ("ann", "ann@example.org", None)
    assert (user.status, user.verified) == (USER.Status.ACTIVE, True)
    assert (user.terms_version, user.terms_accepted_from) == ("1", "127.0.0.1")
    connection = db.scalars(sa.select(Connection)).one()
    assert (connection.user_id, connection.issuer) == (user.id, provider.issuer)
    assert connection.subject == provider.subject
    assert mails() == []
    client.logout()
    assert arrive(client, provider).location == "http://localhost/users/me/"


def test_newcomer_with_an_unverified_address_verifies_it_by_mail(
    client: Client, db: Session, provider: HostileProvider, mails: Callable[..., list[EmailMessage]]
) -> None:
    provider.email_verified = False
    page = begin_registration(client, provider)
    assert form_with(page, "accept_tos")["email"].value == "ann@example.org"
    assert fill_registration(page).status_int == 303
    user = db.scalars(sa.select(User)).one()
    assert (user.status, user.verified) == (USER.Status.NEW, False)
    assert "Confirm your address" in str(mails(to="ann@example.org")[0]["Subject"])


@pytest.mark.parametrize("word", ["true", 1, "yes", None])
def test_only_the_standards_own_word_verifies_an_address(
    client: Client, db: Session, provider: HostileProvider, word: object
) -> None:
    provider.lies.claims = {"email_verified": word}
    fill_registration(begin_registration(client, provider))
    assert not db.scalars(sa.select(User)).one().verified


def test_another_address_than_the_vouched_one_is_not_verified_by_being_sent_along(
    client: Client, db: Session, provider: HostileProvider
) -> None:
    page = begin_registration(client, provider)
    token = form_with(page, "accept_tos")["csrf_token"].value
    fields = {"csrf_token": token, "name": "ann", "email": "boss@example.org", "accept_tos": "true"}
    client.post("/users/oidc/hostile/register/", fields, status=303)
    assert db.scalars(sa.select(User)).one().email == "ann@example.org"


def test_address_that_another_member_holds_is_never_linked(
    client: Client, db: Session, provider: HostileProvider
) -> None:
    owner = make_user(db, "ann-first", email="ann@example.org")
    page = begin_registration(client, provider)
    assert "belongs to an account here" in page.text
    assert not any("accept_tos" in form.fields for form in page.forms.values())
    token = next(iter(page.forms.values()))["csrf_token"].value if page.forms else ""
    fields = {"csrf_token": token, "name": "ann-too", "accept_tos": "true"}
    client.post("/users/oidc/hostile/register/", fields, status="*")
    assert db.scalars(sa.select(User.id)).all() == [owner.id]
    assert db.scalars(sa.select(Connection)).all() == []
    assert not is_signed_in(client)


def test_unverified_address_that_another_member_holds_is_never_linked(
    client: Client, db: Session, provider: HostileProvider, mails: Callable[..., list[EmailMessage]]
) -> None:
    owner = make_user(db, "ann-first", email="ann@example.org")
    provider.email_verified = False
    fill_registration(begin_registration(client, provider))
    made = db.scalars(sa.select(User).where(User.id != owner.id)).one()
    assert not made.verified
    assert db.scalars(sa.select(Connection.user_id)).all() == [made.id]
    # As with the other form: only the owner of the address learns of it.
    (mail,) = mails(to="ann@example.org")
    assert "already" in str(mail["Subject"])


def test_squatter_of_an_unverified_address_does_not_keep_its_owner_out(
    client: Client, db: Session, provider: HostileProvider
) -> None:
    squatter = make_user(db, "squatter", email="ann@example.org", status=USER.Status.NEW)
    fill_registration(begin_registration(client, provider))
    made = db.scalars(sa.select(User).where(User.id != squatter.id)).one()
    assert (made.email, made.verified) == ("ann@example.org", True)


def test_same_name_elsewhere_leads_to_no_account(client: Client, db: Session, provider: HostileProvider) -> None:
    make_user(db, "ann", email="other@example.org")
    page = begin_registration(client, provider)
    assert form_with(page, "accept_tos")["name"].value == ""
    answer = fill_registration(page, name="ann")
    assert answer.status_int == 422
    assert field_errors(answer)["name"] == "Somebody else has this nickname"
    # Nothing is lost: the same page works with another name.
    assert fill_registration(answer, name="ann-too").status_int == 303


def test_terms_must_be_accepted(client: Client, db: Session, provider: HostileProvider) -> None:
    answer = fill_registration(begin_registration(client, provider), accept_tos=False)
    assert answer.status_int == 422
    assert "accept_tos" in field_errors(answer)
    assert db.scalars(sa.select(User)).all() == []


def test_other_account_of_the_same_provider_is_another_person(
    client: Client, db: Session, ann: User, provider: HostileProvider
) -> None:
    provider.subject = "another"
    provider.lies.userinfo = {"sub": "248289761001"}
    assert "/register/" in arrive(client, provider).location
    assert sessions(db) == 0


def test_address_comes_from_userinfo_where_the_token_has_none(
    client: Client, db: Session, provider: HostileProvider
) -> None:
    provider.lies.claims = {"email": None, "email_verified": None}
    provider.lies.userinfo = {"email": "me@example.org", "email_verified": True}
    fill_registration(begin_registration(client, provider), name="ann")
    user = db.scalars(sa.select(User)).one()
    assert (user.email, user.verified) == ("me@example.org", True)


def test_userinfo_of_another_person_is_not_believed(
    client: Client, db: Session, provider: HostileProvider
) -> None:
    provider.lies.claims = {"email": None, "email_verified": None}
    provider.lies.userinfo = {"sub": "another", "email": "me@example.org", "email_verified": True}
    page = begin_registration(client, provider)
    assert form_with(page, "accept_tos")["email"].value == ""


@pytest.mark.parametrize(
    "email", ["no address", "a@b", "x" * 400 + "@example.org", "a@example.org\nBcc: b@example.org"]
)
def test_address_that_is_none_is_asked_for(client: Client, provider: HostileProvider, email: str) -> None:
    provider.email = email
    page = begin_registration(client, provider)
    assert form_with(page, "accept_tos")["email"].value == ""


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "admin", "ab", "x" * 90, "\u202e", ""])
def test_name_that_can_not_be_had_is_asked_for(client: Client, provider: HostileProvider, name: str) -> None:
    provider.email = ""
    provider.lies.claims = {"preferred_username": name}
    page = begin_registration(client, provider)
    assert "<script>alert" not in page.text
    answer = fill_registration(page, name="fine-name", email="fine@example.org")
    assert answer.status_int == 303


@pytest.mark.parametrize("claim", ["preferred_username", "nickname", "name"])
def test_name_that_no_database_takes_is_cleaned(
    client: Client, db: Session, provider: HostileProvider, claim: str
) -> None:
    provider.lies.claims = {"email": None, "preferred_username": None, claim: "Fine\0 \u202e\u2028name"}
    answer = fill_registration(begin_registration(client, provider), name="fine-name", email="fine@example.org")
    assert answer.status_int == 303
    assert db.scalar(sa.select(Connection.label)) == "Fine name"


@pytest.mark.parametrize("email", ["ad\0min@example.org", "admin@exa\x01mple.org", "admin\u202a@example.org"])
def test_provider_vouches_for_the_address_as_it_is_and_for_no_part_of_it(
    client: Client, db: Session, provider: HostileProvider, email: str
) -> None:
    provider.email = email
    page = begin_registration(client, provider)
    assert form_with(page, "accept_tos")["email"].value == ""
    fill_registration(page, name="fine-name", email="admin@example.org")
    assert db.scalar(sa.select(User.email_verified_at)) is None


def test_invitation_that_comes_along_is_not_stored_where_it_can_be_none(client: Client, db: Session) -> None:
    token = form_with(client.get("/users/login/"), "login")["csrf_token"].value
    fields = {"csrf_token": token, "invitation": "x" * 500_000}
    client.post("/users/oidc/hostile/start/", fields, status=200)
    assert db.scalars(sa.select(SignInStep)).one().data["invitation"] == ""


def test_registration_that_was_never_begun_is_not_renewed_with_a_new_token(client: Client) -> None:
    answer = client.post("/users/oidc/hostile/register/", {"csrf_token": "wrong"}, status=303)
    assert answer.location == "http://localhost/users/login/"


def test_registration_needs_the_browser_that_came_back(
    client: Client, make_client: Callable[..., Client], provider: HostileProvider
) -> None:
    begin_registration(client, provider)
    other = make_client()
    assert other.get("/users/oidc/hostile/register/").location == "http://localhost/users/login/"


def test_registration_is_over_once_it_was_sent(client: Client, db: Session, provider: HostileProvider) -> None:
    page = begin_registration(client, provider)
    cookie = client.cookies["joining"]
    fill_registration(page)
    client.logout()
    client.set_cookie("joining", cookie)
    assert client.get("/users/oidc/hostile/register/").location == "http://localhost/users/login/"


def test_closed_site_takes_nobody_by_way_of_a_provider(
    make_site: Callable[..., Router], db: Session, provider: HostileProvider
) -> None:
    client = Client(make_site(users_registration="closed"), db)
    page = begin_registration(client, provider)
    assert not any("accept_tos" in form.fields for form in page.forms.values())
    assert "takes no new members" in page.text


def test_site_with_approval_has_newcomers_wait(
    make_site: Callable[..., Router], db: Session, provider: HostileProvider
) -> None:
    client = Client(make_site(users_registration="approval"), db)
    page = begin_registration(client, provider)
    answer = fill_registration(page, reason="I like bread")
    assert answer.location == "http://localhost/users/register/waiting/"
    user = db.scalars(sa.select(User)).one()
    assert (user.approval, user.approval_reason) == (USER.Approval.WAITING, "I like bread")
    assert sessions(db) == 0
    # And who comes back meanwhile is told so.
    assert "waits for" in flashes(arrive(client, provider).follow())[0]


def test_site_by_invitation_takes_nobody_without_one(
    make_site: Callable[..., Router], db: Session, provider: HostileProvider
) -> None:
    client = Client(make_site(users_registration="invite"), db)
    page = begin_registration(client, provider)
    assert not any("accept_tos" in form.fields for form in page.forms.values())
    assert db.scalars(sa.select(User)).all() == []


# Connecting


def test_member_connects_an_account_and_is_told_by_mail(
    client: Client, db: Session, provider: HostileProvider, mails: Callable[..., list[EmailMessage]]
) -> None:
    user = make_user(db, "ben")
    sign_in(client, user)
    answer = client.get(provider.authorize(connect(client, "hostile")))
    assert answer.location == "http://localhost/users/me/connections/"
    page = answer.follow()
    assert flashes(page) == ["You can now sign in with hostile"]
    assert "ann@example.org" in page.text
    (mail,) = mails(to="ben@example.org")
    assert "An account elsewhere can now sign in to yours: hostile" in text_of(mail)
    assert db.scalar(sa.select(SecurityLogEntry.event)) == USER.SecurityEvent.PROVIDER_CONNECTED
    client.logout()
    assert arrive(client, provider).status_int == 303
    assert is_signed_in(client)


def test_connecting_wants_a_fresh_sign_in(client: Client, db: Session) -> None:
    sign_in(client, make_user(db, "ben"))
    db.execute(sa.update(UserSession).values(authenticated_at=utc_now() - timedelta(minutes=11)))
    assert "/users/reauth/" in client.get("/users/me/connections/").location


def test_connecting_wants_a_verified_address(client: Client, db: Session, provider: HostileProvider) -> None:
    user = make_user(db, "ben", status=USER.Status.NEW)
    sign_in(client, user)
    page = client.get("/users/me/connections/")
    assert "Verify your address" in page.text
    token = form_with(page, "csrf_token")["csrf_token"].value
    answer = client.post("/users/me/connections/", {"csrf_token": token, "connect": "hostile"})
    client.get(provider.authorize(address_in(answer)), status="*")
    assert db.scalars(sa.select(Connection)).all() == []


def test_sign_in_of_a_signed_in_member_connects_nothing(
    client: Client, db: Session, provider: HostileProvider
) -> None:
    """Else an attacker could have a browser sign in, and have it connect the attacker's account."""
    sign_in(client, make_user(db, "ben"))
    answer = client.get(provider.authorize(leave_signed_in(client)))
    assert answer.location == "http://localhost/users/me/connections/"
    assert db.scalars(sa.select(Connection)).all() == []


def test_connecting_ends_with_the_sign_in_that_began_it(
    client: Client, db: Session, provider: HostileProvider
) -> None:
    sign_in(client, make_user(db, "ben"))
    back = provider.authorize(connect(client, "hostile"))
    sign_in(client, make_user(db, "cleo"))
    client.get(back, status=400)
    assert db.scalars(sa.select(Connection)).all() == []


def test_account_that_another_member_has_connected_is_refused(
    client: Client, db: Session, ann: User, provider: HostileProvider
) -> None:
    sign_in(client, make_user(db, "ben"))
    answer = client.get(provider.authorize(connect(client, "hostile")))
    assert "connected to another member" in flashes(answer.follow())[0]
    assert db.scalars(sa.select(Connection.user_id)).all() == [ann.id]


def test_second_account_of_one_provider_is_refused(
    client: Client, db: Session, ann: User, provider: HostileProvider
) -> None:
    sign_in(client, ann)
    token = form_with(client.get("/users/me/connections/"), "csrf_token")["csrf_token"].value
    answer = client.post("/users/me/connections/", {"csrf_token": token, "connect": "hostile"})
    provider.subject = "another"
    answer = client.get(provider.authorize(address_in(answer)))
    assert "connected another account of this provider" in flashes(answer.follow())[0]
    assert len(db.scalars(sa.select(Connection)).all()) == 1


def disconnect(client: Client) -> webtest.TestResponse:
    page = client.get("/users/me/connections/")
    return form_with(page, "disconnect").submit("disconnect", status=303).follow()


def test_member_with_a_password_disconnects_and_is_told_by_mail(
    client: Client,
    make_client: Callable[..., Client],
    db: Session,
    ann: User,
    provider: HostileProvider,
    mails: Callable[..., list[EmailMessage]],
) -> None:
    elsewhere = make_client()
    arrive(elsewhere, provider)
    sign_in(client, ann)
    assert flashes(disconnect(client)) == ["This account elsewhere is disconnected"]
    assert db.scalars(sa.select(Connection)).all() == []
    new_browser, mail = mails(to="ann@example.org")
    assert "a new browser" in new_browser["Subject"]
    assert "can no longer sign in to yours" in text_of(mail)
    # Whoever came in by it is out; who disconnected it stays.
    assert not is_signed_in(elsewhere)
    assert is_signed_in(client)


def test_last_way_in_is_not_removed(client: Client, db: Session, ann: User) -> None:
    ann.password = None
    sign_in(client, ann)
    assert "the only way you sign in" in flashes(disconnect(client))[0]
    assert len(db.scalars(sa.select(Connection)).all()) == 1


def test_connection_that_the_site_offers_no_more_is_no_way_in(client: Client, db: Session, ann: User) -> None:
    ann.password = None
    db.add(Connection(user_id=ann.id, provider="gone", issuer="https://gone.example", subject="1"))
    sign_in(client, ann)
    assert "the only way you sign in" in flashes(disconnect(client))[0]


def test_one_of_two_connections_is_removed(client: Client, db: Session, ann: User, github: GithubStub) -> None:
    ann.password = None
    db.add(Connection(user_id=ann.id, provider="github", issuer=github.issuer, subject="583231"))
    sign_in(client, ann)
    disconnect(client)
    assert db.scalars(sa.select(Connection.provider)).all() == ["github"]


def test_nobody_disconnects_what_is_somebody_elses(client: Client, db: Session, ann: User) -> None:
    sign_in(client, make_user(db, "ben"))
    token = form_with(client.get("/users/me/connections/"), "csrf_token")["csrf_token"].value
    number = db.scalar(sa.select(Connection.id))
    for value in (number, "x", "9" * 30, "-1"):
        client.post("/users/me/connections/", {"csrf_token": token, "disconnect": value}, status=303)
    assert len(db.scalars(sa.select(Connection)).all()) == 1


# Accounts without a password


def test_account_without_a_password_has_none_to_guess(client: Client, db: Session, ann: User) -> None:
    ann.password = None
    form = form_with(client.get("/users/login/"), "login")
    form["login"], form["password"] = "ann", PASSWORD
    answer = form.submit(status=422)
    assert "Wrong email or password" in summary(answer)


def test_member_without_a_password_chooses_the_first_one(client: Client, db: Session, ann: User) -> None:
    ann.password = None
    sign_in(client, ann)
    form = form_with(client.get("/users/me/password/"), "confirm")
    assert "current" not in form.fields
    form["password"] = form["confirm"] = "staple battery horse"
    form.submit(status=303)
    client.logout()
    client.login("ann", "staple battery horse")


def test_member_with_a_password_is_asked_for_it(client: Client, db: Session, ann: User) -> None:
    sign_in(client, ann)
    form = form_with(client.get("/users/me/password/"), "confirm")
    form["password"] = form["confirm"] = "staple battery horse"
    assert "current" in field_errors(form.submit(status=422))


def test_owner_of_an_address_who_takes_an_account_over_leaves_no_way_in_to_who_made_it(
    client: Client,
    make_client: Callable[..., Client],
    db: Session,
    provider: HostileProvider,
    mails: Callable[..., list[EmailMessage]],
) -> None:
    squatter, owner = client, make_client()
    provider.email_verified = False
    fill_registration(begin_registration(squatter, provider), email="victim@example.org")
    form = form_with(owner.get("/users/lost-password/"), "email")
    form["email"] = "victim@example.org"
    form.submit()
    link = link_in(next(mail for mail in mails(to="victim@example.org") if "reset" in text_of(mail)))
    form = form_with(owner.get(link), "confirm")
    form["password"] = form["confirm"] = "staple battery horse"
    form.submit(status=303)
    owner.login("victim@example.org", "staple battery horse")
    assert db.scalars(sa.select(Connection)).all() == []
    assert not is_signed_in(squatter)
    assert "/register/" in arrive(squatter, provider).location


def prove(client: Client, next_path: str = "/users/me/connections/") -> str:
    page = client.get(f"/users/reauth/?next={next_path}")
    form = next(form for form in page.forms.values() if form.action.endswith("/users/oidc/hostile/prove/"))
    return address_in(form.submit())


@pytest.fixture
def stale(client: Client, db: Session, ann: User) -> Client:
    """A browser in which ann has signed in long ago."""
    ann.password = None
    sign_in(client, ann)
    db.execute(sa.update(UserSession).values(authenticated_at=utc_now() - timedelta(minutes=11)))
    return client


def test_member_without_a_password_proves_it_at_the_provider(stale: Client, provider: HostileProvider) -> None:
    address = prove(stale)
    query = parse_qs(urlsplit(address).query)
    assert (query["prompt"], query["max_age"]) == (["login"], ["0"])
    answer = stale.get(provider.authorize(address))
    assert answer.location == "http://localhost/users/me/connections/"
    assert heading(answer.follow()) == "Accounts elsewhere"


@pytest.mark.parametrize("auth_time", [LONG_AGO, None, "now"])
def test_old_sign_in_at_the_provider_proves_nothing(
    stale: Client, provider: HostileProvider, auth_time: object
) -> None:
    provider.lies.claims = {"auth_time": auth_time}
    answer = stale.get(provider.authorize(prove(stale)), status="*")
    assert answer.status_int in (303, 400)
    assert "/users/reauth/" in stale.get("/users/me/connections/").location


def test_sign_in_at_the_provider_from_before_the_visitor_was_sent_there_proves_nothing(
    stale: Client, provider: HostileProvider
) -> None:
    # The visitor may cut out of the address that the provider should ask for the proof again.
    provider.lies.claims = {"auth_time": int(time.time()) - 300}
    stale.get(provider.authorize(prove(stale)), status=303)
    assert "/users/reauth/" in stale.get("/users/me/connections/").location


def test_account_of_somebody_else_proves_nothing(stale: Client, db: Session, provider: HostileProvider) -> None:
    ben = make_user(db, "ben")
    db.add(Connection(user_id=ben.id, provider="hostile", issuer=provider.issuer, subject="of-ben"))
    provider.subject = "of-ben"
    stale.get(provider.authorize(prove(stale)), status=303)
    assert "/users/reauth/" in stale.get("/users/me/connections/").location


# GitHub


def test_newcomer_registers_by_github(client: Client, db: Session, github: GithubStub) -> None:
    answer = client.get(github.authorize(leave(client, "github")))
    page = answer.follow()
    assert form_with(page, "accept_tos")["name"].value == "octocat"
    fill_registration(page)
    user = db.scalars(sa.select(User)).one()
    assert (user.email, user.verified) == ("octocat@example.org", True)
    connection = db.scalars(sa.select(Connection)).one()
    assert (connection.issuer, connection.subject) == (github.issuer, "583231")


def test_login_that_somebody_else_took_over_at_github_leads_to_no_account(
    client: Client, db: Session, github: GithubStub
) -> None:
    user = make_user(db, "octocat", email="x@example.org")
    db.add(Connection(user_id=user.id, provider="github", issuer=github.issuer, subject="583231"))
    github.user = {"id": 999, "login": "octocat"}
    assert "/register/" in client.get(github.authorize(leave(client, "github"))).location
    github.user = {"id": 583231, "login": "renamed"}
    assert client.get(github.authorize(leave(client, "github"))).location == "http://localhost/users/me/"


def test_unverified_address_at_github_is_asked_for(client: Client, github: GithubStub) -> None:
    github.emails = [{"email": "octocat@example.org", "primary": True, "verified": False}]
    page = client.get(github.authorize(leave(client, "github"))).follow()
    assert form_with(page, "accept_tos")["email"].value == "octocat@example.org"


@pytest.mark.parametrize("user", [{}, [], None, {"id": "583231"}, {"id": True}, "x"])
def test_github_that_names_nobody_signs_nobody_in(
    client: Client, db: Session, github: GithubStub, user: object
) -> None:
    github.user = user
    client.get(github.authorize(leave(client, "github")), status=503)
    assert sessions(db) == 0


def test_wrong_state_and_wrong_verifier_are_refused_at_github(
    client: Client, make_client: Callable[..., Client], db: Session, github: GithubStub
) -> None:
    client.get(github.authorize(leave(client, "github"), state="x"), status=400)
    stolen = parse_qs(urlsplit(github.authorize(leave(make_client(), "github"))).query)["code"][0]
    client.get(github.authorize(leave(client, "github"), code=stolen), status=400)
    assert sessions(db) == 0


def test_sign_in_by_github_is_not_fresh_and_the_password_makes_it_so(
    client: Client, db: Session, ann: User, github: GithubStub
) -> None:
    db.add(Connection(user_id=ann.id, provider="github", issuer=github.issuer, subject="583231"))
    client.get(github.authorize(leave(client, "github")), status=303)
    page = client.get("/users/me/security/second-factor/", status=303).follow()
    form = form_with(page, "password")
    form["password"] = PASSWORD
    form.submit(status=303)
    client.get("/users/me/security/second-factor/", status=200)


def test_member_who_has_only_github_is_led_to_a_password(client: Client, db: Session, github: GithubStub) -> None:
    bob = make_user(db, "bob")
    bob.password = None
    db.add(Connection(user_id=bob.id, provider="github", issuer=github.issuer, subject="583231"))
    client.get(github.authorize(leave(client, "github")), status=303)
    page = client.get("/users/me/connections/", status=303).follow()
    assert "nobody tells us when you last proved there that it is you" in page
    assert page.click("Choose a password").request.path == "/users/lost-password/"
