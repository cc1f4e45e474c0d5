"""What tests read in the site's pages."""

import re
from email.message import EmailMessage

import webtest


def field_errors(page: webtest.TestResponse) -> dict[str, str]:
    """The error that stands beside each field, by the field's name."""
    return {
        element["id"].removesuffix("-error"): element.get_text(" ", strip=True).removeprefix("Error: ")
        for element in page.html.select(".field-error")
    }


def summary(page: webtest.TestResponse) -> str:
    """What stands above the form about what is wrong with it."""
    element = page.html.select_one("#error-summary")
    return element.get_text(" ", strip=True) if element else ""


def flashes(page: webtest.TestResponse) -> list[str]:
    return [element.get_text(strip=True) for element in page.html.select(".flash")]


def heading(page: webtest.TestResponse) -> str:
    return str(page.html.h1.get_text(" ", strip=True))


def csrf_token(page: webtest.TestResponse) -> str:
    found = re.search(r'name="csrf_token" value="(\w+)"', page.text)
    assert found, page.text
    return found[1]


def cookies_set(answer: webtest.TestResponse) -> dict[str, str]:
    """The cookies that an answer sets, whole, by name."""
    return {header.partition("=")[0]: header for header in answer.headers.getall("Set-Cookie")}


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def link_in(mail: EmailMessage) -> str:
    """The path of the mail's link that holds a token."""
    found = re.search(
        r"https?://[^/\s]+(/users/(?:verify|reset-password|email/confirm|email/undo|second-factor/reset|second-factor/keep)/[\w-]+/)",
        text_of(mail),
    )
    assert found, text_of(mail)
    return found[1]


def code_in(mail: EmailMessage) -> str:
    """The code that a verification mail gives to type."""
    found = re.search(r"\b[B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4}\b", text_of(mail))
    assert found, text_of(mail)
    return found[0]
