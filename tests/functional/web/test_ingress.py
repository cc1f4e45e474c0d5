"""Requests as no browser sends them: each gets a page, and none an error of ours."""

import io
import itertools
import socket
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from pyramid.interfaces import IRoutesMapper
from pyramid.router import Router
from sqlalchemy.orm import Session
from webob import Request, Response

from myproject.receiving import MOST_LARGER, MOST_LARGER_OF_ONE
from myproject.users import constants as USER
from myproject.web.ingress import FOR_PROGRAMS
from tests.conftest import Client, LiveServer
from tests.factories import make_post, make_user, sign_in
from tests.functional.pages import csrf_token

pytestmark = pytest.mark.one_database

FORM = "application/x-www-form-urlencoded"
BOUNDARY = "multipart/form-data; boundary=frontier"
END = b"--frontier--\r\n"


def send(app: Router, path: bytes = b"/", **environ: Any) -> Response:
    """Sends a request whose path is given in bytes, as a server has them after percent-decoding.

    `body` is what the client sends; its length goes along unless `CONTENT_LENGTH` says another.
    """
    body: bytes = environ.pop("body", b"")
    request = Request.blank("/")
    request.environ.update(
        {
            "PATH_INFO": path.decode("latin-1"),
            "HTTP_HOST": "localhost",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.input": io.BytesIO(body),
            "CONTENT_LENGTH": str(len(body)),
        }
        | environ
    )
    return request.get_response(app)


def check_page(answer: Response) -> None:
    assert answer.status_int < 500
    assert answer.content_type == "text/html"
    assert b"<h1>" in answer.body
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


BAD_ADDRESSES: dict[str, dict[str, Any]] = {
    "path that is no UTF-8": {"path": b"/\xff/"},
    "path cut within a letter": {"path": b"/@\xc3/"},
    "path with a lone surrogate": {"path": b"/\xed\xa0\x80/"},
    "path with an overlong slash": {"path": b"/\xc0\xaf/"},
    "path with NUL": {"path": b"/posts/\x00/"},
    "path without end": {"path": b"/" + b"x" * 100_000},
    "query that is no UTF-8": {"QUERY_STRING": "q=%ff"},
    "query with a bare percent sign": {"QUERY_STRING": "after=%"},
    "query with NUL": {"QUERY_STRING": "after=%00"},
    "query key with NUL": {"QUERY_STRING": "%00=1"},
    "query with a lone surrogate": {"QUERY_STRING": "after=%ED%A0%80"},
    "query without end": {"QUERY_STRING": "q=" + "x" * 100_000},
    "query with raw bytes": {"QUERY_STRING": "after=\xff\xfe"},
    "query of separators": {"QUERY_STRING": "&" * 3000},
    "other host": {"HTTP_HOST": "evil.example"},
    "other port": {"HTTP_HOST": "localhost:81"},
    "host with a path": {"HTTP_HOST": "localhost/@evil.example"},
    "host with a user": {"HTTP_HOST": "localhost@evil.example"},
    "host with blanks": {"HTTP_HOST": "localhost evil.example"},
    "host with raw bytes": {"HTTP_HOST": "\xff\xfe"},
    "no host": {"HTTP_HOST": ""},
    "cookies of raw bytes": {"HTTP_COOKIE": "session=\xff\xfe; guest=\x01; flash=\xed\xa0\x80"},
    "cookies that are none": {"HTTP_COOKIE": ';;;==;session;"="session="\\777"'},
    "cookie without end": {"HTTP_COOKIE": "session=" + "x" * 60_000},
    "language of raw bytes": {"HTTP_ACCEPT_LANGUAGE": "\xff;q=a,,;;"},
    "etag of raw bytes": {"HTTP_IF_NONE_MATCH": "\xff\"'"},
    "date that is none": {"HTTP_IF_MODIFIED_SINCE": "yesterday"},
    "range that is none": {"HTTP_RANGE": "bytes=9-1,a-"},
    "agent of raw bytes": {"HTTP_USER_AGENT": "\xff" * 5000},
    "unknown method": {"REQUEST_METHOD": "BREW"},
    "method of raw bytes": {"REQUEST_METHOD": "\xff"},
    "reading with a body": {"body": b"q=1", "CONTENT_TYPE": FORM},
    "number beyond all": {"path": b"/posts/" + b"9" * 200 + b"/"},
    "number of another script": {"path": "/posts/١٢/".encode()},
    "cursor beyond all": {"QUERY_STRING": "after=" + "9" * 100},
    "cursor of letters": {"QUERY_STRING": "after=AAAA"},
    "order that is none": {"QUERY_STRING": "sort=%27%3B--"},
    "keys of a tree": {"QUERY_STRING": "__start__=a:mapping&__end__=a:mapping"},
}


@pytest.mark.parametrize("case", BAD_ADDRESSES)
def test_an_address_or_header_that_makes_no_sense_gets_a_page(app: Router, case: str) -> None:
    check_page(send(app, **BAD_ADDRESSES[case]))


@pytest.mark.parametrize(
    "case", [case for case in BAD_ADDRESSES if case.split()[-1] in ("UTF-8", "NUL", "end") or "host" in case]
)
def test_what_can_not_be_read_is_told_so(app: Router, case: str) -> None:
    expected = 200 if case == "cookie without end" else 400
    assert send(app, **BAD_ADDRESSES[case]).status_int == expected


BAD_FORMS: dict[str, dict[str, Any]] = {
    "no form": {"CONTENT_TYPE": ""},
    "JSON": {"body": b'{"login": "ann"}', "CONTENT_TYPE": "application/json"},
    "XML": {"body": b"<login/>", "CONTENT_TYPE": "text/xml"},
    "type that is none": {"body": b"login=ann", "CONTENT_TYPE": ";;;"},
    "charset that is none": {"body": b"login=ann", "CONTENT_TYPE": f"{FORM}; charset=klingon"},
    "charset that is no text": {"body": b"login=ann", "CONTENT_TYPE": f"{FORM}; charset=base64"},
    "another charset": {"body": b"login=%e9", "CONTENT_TYPE": f"{FORM}; charset=latin-1"},
    "charset of two bytes": {"body": b"login=ann", "CONTENT_TYPE": f"{FORM}; charset=utf-16"},
    "bytes that are no UTF-8": {"body": b"login=%ff%fe&password=x"},
    "raw bytes that are no UTF-8": {"body": b"login=\xff\xfe&password=x"},
    "lone surrogate": {"body": b"login=%ED%A0%80&password=x"},
    "bare percent signs": {"body": b"login=%&password=%%%zz"},
    "NUL": {"body": b"login=%00&password=%00"},
    "NUL in a key": {"body": b"lo%00gin=a&password=x"},
    "the same key many times": {"body": b"login=a&login=b&password=x&password=y" * 3},
    "very many fields": {"body": b"&".join(b"f%d=1" % number for number in range(10_000))},
    "keys of a tree": {
        "body": b"__start__=login:mapping&login=a&__end__=login:mapping&__start__=password:sequence&password=x"
    },
    "keys of a tree that never ends": {"body": b"__start__=login:mapping" + b"&__start__=x:sequence" * 150},
    "keys of a tree that never began": {"body": b"__end__=login:mapping&login=ann&password=x"},
    "form name of the library": {"body": b"__formid__=form&_charset_=klingon&login=a&password=x"},
    "length short of the body": {"body": b"login=ann&password=x", "CONTENT_LENGTH": "3"},
    "length below nothing": {"body": b"login=ann", "CONTENT_LENGTH": "-1"},
    "length that is no number": {"body": b"login=ann", "CONTENT_LENGTH": "many"},
    "parts without boundary": {"body": b"--frontier\r\n", "CONTENT_TYPE": "multipart/form-data"},
    "parts that never end": {
        "body": b'--frontier\r\nContent-Disposition: form-data; name="login"\r\n\r\nann',
        "CONTENT_TYPE": BOUNDARY,
    },
    "parts of nothing": {"body": b"--frontier--\r\n", "CONTENT_TYPE": BOUNDARY},
    "no parts": {"body": b"hello", "CONTENT_TYPE": BOUNDARY},
    "part without name": {
        "body": b"--frontier\r\nContent-Disposition: form-data\r\n\r\nann\r\n--frontier--\r\n",
        "CONTENT_TYPE": BOUNDARY,
    },
    "part without headers": {"body": b"--frontier\r\n\r\nann\r\n--frontier--\r\n", "CONTENT_TYPE": BOUNDARY},
    "part with a name of raw bytes": {
        "body": b'--frontier\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nann\r\n--frontier--\r\n',
        "CONTENT_TYPE": BOUNDARY,
    },
    "part of raw bytes": {
        "body": b'--frontier\r\nContent-Disposition: form-data; name="login"\r\n\r\n\xff\xfe\r\n--frontier--\r\n',
        "CONTENT_TYPE": BOUNDARY,
    },
    "part in an encoding that is none": {
        "body": b'--frontier\r\nContent-Disposition: form-data; name="login"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n====\r\n--frontier--\r\n",
        "CONTENT_TYPE": BOUNDARY,
    },
    "part with a charset that is none": {
        "body": b'--frontier\r\nContent-Disposition: form-data; name="login"\r\n'
        b"Content-Type: text/plain; charset=klingon\r\n\r\nann\r\n--frontier--\r\n",
        "CONTENT_TYPE": BOUNDARY,
    },
    "file for a field": {
        "body": b'--frontier\r\nContent-Disposition: form-data; name="login"; filename="a.txt"\r\n\r\nann\r\n'
        b"--frontier--\r\n",
        "CONTENT_TYPE": BOUNDARY,
    },
    "file for a token": {
        "body": b'--frontier\r\nContent-Disposition: form-data; name="csrf_token"; filename="a.txt"\r\n\r\nann\r\n'
        b"--frontier--\r\n",
        "CONTENT_TYPE": BOUNDARY,
    },
    "boundary of raw bytes": {"body": b"--\xff\r\n", "CONTENT_TYPE": "multipart/form-data; boundary=\xff"},
    "boundary without end": {
        "body": b"--frontier\r\n",
        "CONTENT_TYPE": "multipart/form-data; boundary=" + "x" * 10_000,
    },
}


PATHS = (b"/users/login/", b"/users/me/edit/", b"/posts/new/", b"/posts/1/comments/", b"/nowhere/")


@pytest.mark.parametrize("case", BAD_FORMS)
def test_a_form_that_makes_no_sense_gets_a_page(app: Router, client: Client, db: Session, case: str) -> None:
    user = make_user(db, "ann")
    make_post(db, user)
    as_guest = {"HTTP_X_CSRF_TOKEN": csrf_token(client.get("/users/login/"))}
    as_guest["HTTP_COOKIE"] = f"guest={client.cookies['guest']}"
    as_member = {"HTTP_COOKIE": f"session={sign_in(client, user)}"}
    as_member["HTTP_X_CSRF_TOKEN"] = csrf_token(client.get("/users/me/edit/"))
    for path in PATHS:
        for visitor in ({}, as_guest, as_member):
            environ = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": FORM} | visitor | BAD_FORMS[case]
            answer = send(app, path, **environ)
            # A guest is sent to sign in, and a profile whose fields were left out but for one is saved.
            if answer.status_int != 303:
                check_page(answer)
                assert answer.status_int >= 400


def part(name: str, content: bytes, headers: bytes = b"", filename: str = "") -> bytes:
    """One part of a multipart body, as `BOUNDARY` begins it."""
    file = f'; filename="{filename}"' if filename else ""
    disposition = f'Content-Disposition: form-data; name="{name}"{file}'.encode()
    return b"--frontier\r\n" + disposition + b"\r\n" + headers + b"\r\n" + content + b"\r\n"


DEAR_FORMS = {
    "many headers": (400, BOUNDARY, part("title", b"a", b"X-A: b\r\n" * 100_000)),
    "a long header": (400, BOUNDARY, part("title", b"a", b"X-A: " + b"b" * 100_000 + b"\r\n")),
    "many parts": (400, BOUNDARY, part("title", b"a") * 5_000),
    "much text in a part": (413, BOUNDARY, part("body", b"\n" * 2_000_000)),
    "much text in many parts": (413, BOUNDARY, part("body", b"\n" * 20_000) * 100),
    "much text": (413, FORM, b"title=" + b"\n" * 2_000_000),
    "many fields": (400, FORM, b"a=&" * 200_000),
}


@pytest.mark.parametrize("case", DEAR_FORMS)
def test_a_form_that_would_take_long_to_read_is_refused(app: Router, case: str) -> None:
    status, content_type, body = DEAR_FORMS[case]
    body += END if content_type == BOUNDARY else b""
    for path in (b"/posts/new/", b"/users/login/"):
        answer = send(app, path, REQUEST_METHOD="POST", CONTENT_TYPE=content_type, body=body)
        assert answer.status_int == status
        check_page(answer)


def test_fields_of_a_form_come_in_their_order_as_text_and_files(app: Router) -> None:
    lines = b"\n" * 3_000_000
    body = part("a", "é".encode()) + part("b", b"") + part("a", b"\xff") + part("file", lines, filename="a.png")
    request = app.request_factory.blank("/", method="POST", body=body + END, content_type=BOUNDARY)
    form = list(request.POST.items())
    assert form[:3] == [("a", "é"), ("b", ""), ("a", "\ufffd")]
    assert (form[3][0], form[3][1].filename, form[3][1].file.read()) == ("file", "a.png", lines)


# What views read of forms that are written by hand, each a text.
HAND_READ = ("domain", "list", "next", "on", "q", "state")


@pytest.mark.parametrize("sent", ["a file", "NUL"])
def test_what_is_no_text_is_refused_wherever_a_form_is_written_by_hand(
    app: Router, client: Client, db: Session, sent: str
) -> None:
    sign_in(client, make_user(db, "root", role=USER.Role.ADMIN))
    token = csrf_token(client.get("/users/me/edit/"))
    views = (view["introspectable"] for view in app.registry.introspector.get_category("views"))
    names = {view["route_name"] for view in views if "POST" in (view["request_methods"] or ())}
    by_hand = names - app.registry["form_views"].keys() - {None}
    refused = 0
    values = {"id": 1, "name": "root", "kind": "verify", "topic": "reply", "token": "x", "provider": "x"}
    for route in map(app.registry.getUtility(IRoutesMapper).get_route, sorted(by_hand)):
        path = route.generate(values)
        if path.startswith(FOR_PROGRAMS):
            continue
        for field in HAND_READ:
            files = [(field, "a.txt", b"1")] if sent == "a file" else []
            texts = {} if files else {field: "a\0b"}
            answer = client.post(path, {"csrf_token": token} | texts, upload_files=files, status="*")
            # What is not there, or not theirs to do, is not, whatever is sent.
            assert answer.status_int in (303, 400, 403, 404), (path, field)
            refused += answer.status_int == 400
    assert refused > 20 * len(HAND_READ)


def test_nothing_is_left_open_by_requests_that_make_no_sense(app: Router) -> None:
    for case in BAD_FORMS.values():
        send(app, b"/users/login/", REQUEST_METHOD="POST", **{"CONTENT_TYPE": FORM} | case)
    for case in BAD_ADDRESSES.values():
        send(app, **case)
    assert app.registry["sessions"].engine.pool.checkedout() == 0


UNFINISHED = (
    b"POST /users/login/ HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000000000\r\n\r\nlogin=ann",
    b"POST /users/login/ HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nlogin=ann",
    b"POST /users/login/ HTTP/1.1\r\nHost: {host}\r\nContent-Le",
    b"GET /",
)
MALFORMED = (
    b"GET /%ff%00 HTTP/1.1\r\nHost: {host}\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: {host}\r\n\r\n",
    b"GET http://evil.example/ HTTP/1.1\r\nHost: {host}\r\n\r\n",
    b"GET * HTTP/1.1\r\nHost: {host}\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: {host}\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : {host}\r\n\r\n",
    b"POST /users/login/ HTTP/1.1\r\nHost: {host}\r\nContent-Length: -5\r\n\r\n",
    b"POST /users/login/ HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    b"POST /users/login/ HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
)


def talk(host: str, data: bytes) -> bytes:
    """What the server says to raw bytes, when nothing more will come."""
    name, _, port = host.partition(":")
    with socket.create_connection((name, int(port)), timeout=20) as connection:
        connection.sendall(data.replace(b"{host}", host.encode()))
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_bytes_that_are_no_request_do_not_disturb_the_server(live_server: LiveServer) -> None:
    host = urlsplit(live_server.url).netloc
    for data in (*UNFINISHED, *MALFORMED):
        status = talk(host, data).partition(b"\r\n")[0]
        assert status == b"" or status.split()[1][:1] in (b"2", b"3", b"4"), (data, status)
    # The log, too, is looked at: a traceback fails the test.
    assert talk(host, b"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n").startswith(b"HTTP/1.0 200 OK")


# What waitress itself refuses, by the status of its answer.
REFUSED = [
    (400, MALFORMED[0]),
    (400, b"GET / HTTP/1.1\r\nHost : {host}\r\n\r\n"),
    (400, b"POST / HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: gzip\r\n\r\n"),
    (413, b"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2000000000\r\n\r\nlogin=ann"),
    (431, b"GET / HTTP/1.1\r\nHost: {host}\r\nCookie: " + b"a" * 262_144),
]


def test_what_the_server_refuses_gets_a_page_of_the_site(live_server: LiveServer) -> None:
    host = urlsplit(live_server.url).netloc
    requests.get(live_server.url, timeout=20)  # the front page is kept by now
    for status, data in REFUSED:
        head, _, page = talk(host, data).partition(b"\r\n\r\n")
        assert int(head.split()[1]) == status, data[:80]
        assert b"content-security-policy: default-src 'none'" in head.lower(), data[:80]
        assert b"cache-control: no-store" in head.lower(), data[:80]
        assert b"<main" in page, data[:80]
        assert b"</html>" in page, data[:80]


def test_larger_bodies_are_taken_as_many_at_once_as_there_is_room_for_and_few_of_one_address(
    make_live_server: Callable[..., LiveServer],
) -> None:
    # What the client itself says of its address stands before what the proxy says.
    live_server = make_live_server(proxy_count=1)
    host, port = urlsplit(live_server.url).hostname, urlsplit(live_server.url).port
    url, files = f"{live_server.url}/posts/new/", {"image": ("x.jpg", b"x" * 2_000_000, "image/jpeg")}

    forged = itertools.count()

    def begin(number: int) -> None:
        head = (
            "POST /posts/new/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n"
            f"X-Forwarded-For: 192.0.2.{next(forged)}, 198.51.100.{number}\r\n\r\nbegins"
        )
        unfinished.enter_context(socket.create_connection((host, port), 20)).sendall(head.encode())

    def post(number: int, **sent: Any) -> requests.Response:
        return requests.post(url, headers={"X-Forwarded-For": f"198.51.100.{number}"}, timeout=20, **sent)

    def post_until(status: int, number: int) -> requests.Response:
        """Asks until the server has read the heads of all that has begun, or seen that they are gone."""
        while (answer := post(number, files=files)).status_code != status:
            assert answer.status_code in (400, 503)
        return answer

    with ExitStack() as unfinished:
        for _ in range(MOST_LARGER_OF_ONE):
            begin(1)
        answer = post_until(503, 1)
        assert answer.headers["Retry-After"]
        assert "<main" in answer.text
        # Nothing of it was read, so that nothing of it is kept.
        assert "Nothing is lost" not in answer.text
        assert "Go back" in answer.text
        assert post(2, files=files).status_code == 400
        for number in range(MOST_LARGER - MOST_LARGER_OF_ONE):
            begin(10 + number)
        post_until(503, 2)
        # What is small has its way.
        assert post(1, data={"title": "x"}).status_code == 400
    post_until(400, 1)


def test_what_is_too_large_is_answered_when_all_of_it_was_sent_and_a_picture_may_be_larger(
    live_server: LiveServer,
) -> None:
    # Browsers look for no answer before.
    for path, size, status in (
        ("/users/login/", 2_000_000, 413),
        ("/posts/new/", 12_000_000, 400),
        ("/users/me/edit/", 40_000_000, 413),
        ("/posts/1/comments/", 31_000_000, 404),
    ):
        files = {"image": ("x.jpg", b"x" * size, "image/jpeg")}
        answer = requests.post(live_server.url + path, files=files, timeout=20)
        assert answer.status_code == status, (path, size)
        if status == 413:
            assert "Go back: what you wrote is most likely still in the form." in answer.text
            assert "A text may have up to 64 KiB" in answer.text
            assert "A picture may have up to 10 MB." in answer.text
    head = b"POST /users/login/ HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2000000\r\n"
    waiting = head + b"Expect: 100-continue\r\n\r\n"
    assert b"413" in talk(urlsplit(live_server.url).netloc, waiting).partition(b"\r\n")[0]


FORGED = (b"X-Forwarded-Proto: gopher", b'X-Forwarded-For: "1.2.3.4, 5.6.7.8', b"X-Forwarded-Proto: https, http")


def test_what_a_proxy_can_not_have_said_gets_a_page_of_the_site(
    make_live_server: Callable[..., LiveServer],
) -> None:
    host = urlsplit(make_live_server(proxy_count=1).url).netloc
    start = b"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
    for line in FORGED:
        head, _, page = talk(host, start + line + b"\r\n\r\n").partition(b"\r\n\r\n")
        assert head.split()[1] == b"400", line
        assert b"content-security-policy: default-src 'none'" in head.lower(), line
        assert b"</html>" in page, line
    said = b"X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: http\r\n\r\n"
    assert talk(host, start + said).split()[1] == b"200"


def test_a_host_of_the_settings_is_answered(app: Router) -> None:
    for host in ("localhost", "LOCALHOST", "localhost:80"):
        assert send(app, HTTP_HOST=host).status_int == 200


def test_a_page_does_not_repeat_the_host_that_was_asked_for(app: Router) -> None:
    answer = send(app, HTTP_X_FORWARDED_HOST="evil.example", HTTP_FORWARDED="host=evil.example")
    assert answer.status_int == 200
    assert b"evil.example" not in answer.body
