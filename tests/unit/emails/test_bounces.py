"""What messages say that came back: shapes of real servers, written for these tests in `bounces/`; any bytes."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from myproject.emails import constants as EMAIL
from myproject.emails.bounces.providers import PROVIDERS
from myproject.emails.bounces.reading import read_report
from myproject.emails.bounces.verdicts import Verdict, judge

FOLDER = Path(__file__).parent / "bounces"
HARD, SOFT, COMPLAINT, NOTHING = Verdict.HARD, Verdict.SOFT, Verdict.COMPLAINT, Verdict.NOTHING
OURS = "<0b1c2d3e4f5061728394a5b6c7d8e9f0@community.example>"
RETURN_PATH = "bounces+42.0123456789abcdef01234567@community.example"
ANN = "ann@reader.example"

# By file: the verdict, the code it goes by, and the first recipient that is named; None for what is no report.
SHAPES: dict[str, tuple[Verdict, str, str] | None] = {
    "amazon_ses": (HARD, "5.1.1", ANN),
    "answer_of_a_person": None,
    "complaint": (COMPLAINT, "", ANN),
    "complaint_redacted": (COMPLAINT, "", ""),
    "cut_off": (HARD, "5.1.2", ANN),
    "delivered": (NOTHING, "2.0.0", ANN),
    "domino_not_listed": (HARD, "5.0.0", ANN),
    "encoded_status": (HARD, "5.1.1", ANN),
    "exchange_full": (SOFT, "5.2.2", ANN),
    "exchange_not_allowed": (NOTHING, "5.7.133", ANN),
    "exim_plain": (HARD, "", ANN),
    "exim_retry_timeout": (SOFT, "5.0.0", ANN),
    "exim_unknown": (HARD, "5.1.1", ANN),
    "forwarded_to_two": (NOTHING, "2.0.0", ANN),
    "gateway_spam_verdict": (NOTHING, "5.7.0", ""),
    "gmail_delay": (NOTHING, "4.4.1", "ann@gmail.example"),
    "gmail_disabled": (HARD, "5.2.1", "ann@gmail.example"),
    "gmail_full": (SOFT, "4.2.2", "ann@gmail.example"),
    "gmail_takes_it_for_spam": (NOTHING, "5.7.1", ANN),
    "gmail_unknown": (HARD, "5.1.1", "ann@gmail.example"),
    "holiday_exchange": None,
    "holiday_gmail": None,
    "junk_from_a_daemon": None,
    "not_spam": (NOTHING, "", ""),
    "office365_access_denied": (HARD, "5.4.1", ANN),
    "office365_unknown": (HARD, "5.1.10", ANN),
    "outlook_com_blocked": (NOTHING, "5.7.1", "ann@outlook.example"),
    "outlook_com_unavailable": (HARD, "5.5.0", "ann@outlook.example"),
    "postfix_delayed": (NOTHING, "4.4.1", ANN),
    "postfix_full": (SOFT, "5.2.2", ANN),
    "postfix_given_up": (SOFT, "4.4.1", ANN),
    "postfix_no_such_domain": (HARD, "5.4.4", "ann@raeder.example"),
    "postfix_unknown": (HARD, "5.1.1", ANN),
    "qmail_full": (SOFT, "5.2.2", ANN),
    "qmail_remote": (HARD, "", ANN),
    "qmail_unknown": (HARD, "5.1.1", ANN),
    "sendmail_unknown": (HARD, "5.1.1", "ann@old.reader.example"),
    "utf8_unknown": (HARD, "5.1.1", "änne@bücher.example"),
    "yahoo_no_account": (HARD, "5.0.0", "ann@yahoo.example"),
}


def test_every_shape_is_read_for_what_it_says():
    found = {}
    for file in FOLDER.glob("*.eml"):
        report = read_report(file.read_bytes())
        found[file.stem] = report and (report.verdict, report.status, next(iter(report.recipients), ""))

    assert found == SHAPES


def test_every_report_leads_back_to_the_mail_by_the_envelope_and_by_what_it_returns():
    reports = {name: read_report((FOLDER / f"{name}.eml").read_bytes()) for name, shape in SHAPES.items() if shape}

    assert [name for name, report in reports.items() if report and RETURN_PATH not in report.delivered_to] == []
    # A filter returns nothing of what it has refused.
    without = [name for name, report in reports.items() if report and report.message_ids != (OURS,)]
    assert without == ["gateway_spam_verdict"]


def test_the_words_are_the_servers_own_and_none_of_the_mail_that_is_returned():
    plain, unknown = (
        read_report((FOLDER / f"{name}.eml").read_bytes()) for name in ("exim_plain", "postfix_unknown")
    )

    assert plain is not None
    assert plain.words == "Unrouteable address"
    assert unknown is not None
    assert unknown.words == (
        "550 5.1.1 <ann@reader.example>: Recipient address rejected: User unknown in virtual mailbox table"
    )


# Answers of servers as they come, and what they mean.
ANSWERS = [
    ("5.0.0", "550 #5.1.0 Address rejected.", HARD),
    ("5.1.0", "550 5.1.0 <bounces@x.example> sender rejected", NOTHING),
    ("5.1.7", "550 5.1.7 Invalid sender address", NOTHING),
    ("5.7.1", "554 5.7.1 <ann@x.example>: Recipient address rejected: Access denied", NOTHING),
    ("5.7.1", "550 5.7.1 <ann@x.example>: user unknown", HARD),
    ("5.7.26", "550-5.7.26 This mail has been blocked because the sender is unauthenticated.", NOTHING),
    ("5.4.1", "550 5.4.1 [ann@x.example]: Recipient address rejected: Access denied", HARD),
    ("5.4.310", "554 5.4.310 DNS domain reader.example does not exist", HARD),
    ("5.4.6", "554 5.4.6 Hop count exceeded - possible mail loop", SOFT),
    ("5.3.4", "552 5.3.4 Message size exceeds fixed maximum message size", NOTHING),
    ("5.2.3", "552 5.2.3 too large for the mailbox", NOTHING),
    ("5.6.7", "550 5.6.7 SMTPUTF8 is required", NOTHING),
    ("5.7.13", "525 5.7.13 User account disabled", HARD),
    ("4.7.0", "421 4.7.0 Our system has detected an unusual rate of mail", NOTHING),
    ("4.2.1", "450 4.2.1 The user is receiving mail too quickly", SOFT),
    ("", "550 No such user - psmtp", HARD),
    ("", "550 Requested action not taken: mailbox unavailable", HARD),
    ("", "552 mailbox full", SOFT),
    ("", "550 Mailbox quota exceeded", SOFT),
    ("", "556 Domain does not accept mail (nullMX)", HARD),
    ("", "550 Blocked, see https://blocklist.example/?ip=192.0.2.10", NOTHING),
    ("", "550 ann@nospam.example: invalid mailbox", HARD),
    ("", "553 sorry, that domain isn't in my list of allowed rcpthosts; relaying denied", NOTHING),
    ("", "554 rejected due to SPF policy", NOTHING),
    ("", "451 Greylisted, try again", NOTHING),
    ("", "", SOFT),
]


def test_an_answer_means_what_its_code_says_and_where_that_says_little_its_words():
    found = [(status, words, judge("failed", status, words)[0]) for status, words, _verdict in ANSWERS]

    assert found == ANSWERS


PIECES = [
    b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n",
    b"Content-Type: message/delivery-status\n",
    b"Content-Type: message/feedback-report\n",
    b"Content-Type: message/rfc822\n",
    b"Content-Transfer-Encoding: base64\n",
    b"Content-Type: text/plain; charset=utf-7\n",
    b"From: MAILER-DAEMON\n",
    b"Final-Recipient: rfc822; \xff@\xfe\n",
    b"Status: 5.1.1\n",
    b"Action: failed\n",
    b"could not be delivered\n",
    b"\n--b\n",
    b"--b--\n",
    b"\n",
]


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(st.binary(max_size=400), st.lists(st.sampled_from(PIECES) | st.binary(max_size=20)).map(b"".join))
)
@example(b"")
@example(
    b"Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n\x00\xff\n--b"
)
def test_no_bytes_make_it_raise(data: bytes):
    read_report(data)


@pytest.mark.parametrize(
    "line",
    [
        b"user " * 20_000,
        b"a-" * 50_000,
        b"a." * 50_000,
        b"x" * 100_000,
        b"1 " * 50_000,
        b"<a@" * 30_000,
        b">" * 100_000,
    ],
    ids=lambda line: line[:5].decode(),
)
def test_what_is_made_to_be_slow_is_not(line: bytes):
    text = b"From: MAILER-DAEMON@x.example\nSubject: failure notice\n\n" + line
    begun = time.process_time()
    read_report(text)
    assert time.process_time() - begun < 2


def test_of_a_long_message_only_the_beginning_is_read():
    report = (FOLDER / "postfix_unknown.eml").read_bytes()
    junk = b"X-Junk: " + b"x" * EMAIL.REPORT_MAX_BYTES + b"\n"

    assert read_report(report + b"x" * EMAIL.REPORT_MAX_BYTES) is not None
    assert read_report(junk + report) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("event-data", "event", "id", "recipient", "data", "type", "to", "bounce", "email")),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
SIGNED = {"svix-id": "msg_1"}


@settings(max_examples=200, deadline=None)
@given(JSON, st.sampled_from(sorted(PROVIDERS)))
@example([{"event": "bounce", "sg_event_id": 5, "email": ["x"]}], "sendgrid")
@example({"event-data": {"event": "failed", "id": "1", "recipient": None, "message": 5}}, "mailgun")
@example({"type": "email.bounced", "data": {"to": {"a@b": 1}, "bounce": []}}, "resend")
def test_whatever_a_provider_sends_is_read_or_refused(data: object, provider: str):
    body = json.dumps(data).encode()
    try:
        events = PROVIDERS[provider].events(SIGNED, body)
    except ValueError:
        return
    assert all("@" in event.address for event in events)
