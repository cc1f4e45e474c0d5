"""The development mailbox: what the `files` transport wrote, as a mail program would show it."""

import email
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from markupsafe import Markup
from pyramid.httpexceptions import HTTPNotFound
from pyramid.response import Response

from myproject.emails import constants as EMAIL
from myproject.web.request import Request

# As `FileTransport` names its files, without the ending. Nothing else is a name, so no path leads elsewhere.
NAME_PATTERN = r"[0-9]{8}T[0-9]{12}-[0-9a-f]{8}"
LISTED = 100

ADDRESS = re.compile(r"https?://[^\s<>\"]+")


@dataclass(frozen=True)
class MailFile:
    name: str
    to: str
    subject: str
    sent_at: datetime


def read_mail(folder: Path, name: str) -> EmailMessage | None:
    """The mail of that name, None where there is none."""
    if not re.fullmatch(NAME_PATTERN, name):
        return None
    try:
        content = (folder / f"{name}.eml").read_bytes()
    except FileNotFoundError:
        return None
    return email.message_from_bytes(content, policy=default)


def mail_names(folder: Path) -> list[str]:
    """Names of the mails in a folder, newest first."""
    names = (file.stem for file in folder.glob("*.eml"))
    return sorted((name for name in names if re.fullmatch(NAME_PATTERN, name)), reverse=True)


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    return "" if body is None else str(body.get_content())


def with_links(text: str) -> Markup:
    """Text whose http addresses can be clicked."""
    result, end = Markup(""), 0
    for match in ADDRESS.finditer(text):
        result += text[end : match.start()]
        result += Markup('<a href="{0}">{0}</a>').format(match[0])
        end = match.end()
    return result + text[end:]


def mail_of(request: Request) -> EmailMessage:
    mail = read_mail(request.site.mail_folder, request.matchdict["name"])
    if mail is None:
        raise HTTPNotFound
    return mail


def list_mails(request: Request) -> dict[str, Any]:
    folder = request.site.mail_folder
    names = mail_names(folder)
    mails = []
    for name in names[:LISTED]:
        mail = read_mail(folder, name)
        if mail is not None:
            sent_at = datetime.strptime(name.partition("-")[0], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
            mails.append(MailFile(name, str(mail["To"]), str(mail["Subject"]), sent_at))
    return {"mails": mails, "hidden": len(names) - len(mails)}


def show_mail(request: Request) -> dict[str, Any]:
    mail = mail_of(request)
    return {
        "name": request.matchdict["name"],
        "subject": str(mail["Subject"]),
        "headers": [(name, str(value)) for name, value in mail.items()],
        "text": with_links(part(mail, "plain")),
    }


def show_html(request: Request) -> Response:
    response = Response(part(mail_of(request), "html"), content_type="text/html", charset="utf-8")
    response.headers["Content-Security-Policy"] = EMAIL.PAGE_POLICY
    return response
