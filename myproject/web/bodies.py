"""The bodies of forms, read in time and memory that grow with their size alone.

WebOb reads them with Python's old `cgi`, which takes minutes for a body of many short lines, and longer for one of
many headers.
"""

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from multipart import MultipartParser, ParserError, parse_options_header
from pyramid.config import Configurator
from webob.multidict import MultiDict, NoVars

if TYPE_CHECKING:
    from myproject.web.request import Request

MOST_FIELDS = 200
MULTIPART = "multipart/form-data"
FORM_TYPES = ("", "application/x-www-form-urlencoded", MULTIPART)
# Of all fields that hold no file. Who sends more has typed none of it.
TEXT_BYTES = 1_048_576
# What is larger waits on the disk.
SPOOL_BYTES = 256 * 1024


class TooLarge(ValueError):
    """There is more text than anybody types."""


def read_form(request: "Request") -> MultiDict | NoVars:
    """The fields of the form that a request sends, in their order: text, or `multipart.MultipartPart` for a file
    with a name; none where it sends no form. Bytes that are no UTF-8 become U+FFFD.

    Raises TooLarge, or another ValueError for a body that can't be read or has more than `MOST_FIELDS` fields.
    """
    if request.method not in ("POST", "PUT", "PATCH") or request.content_type not in FORM_TYPES:
        return NoVars()
    content_type, options = parse_options_header(request.headers.get("Content-Type", ""))
    if options.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise ParserError("another charset")
    request.make_body_seekable()
    request.body_file_raw.seek(0)
    if content_type == MULTIPART:
        form = read_parts(request, options.get("boundary", ""))
    elif (request.content_length or 0) > TEXT_BYTES:
        raise TooLarge
    else:
        text = request.body_file_raw.read(TEXT_BYTES).decode("utf-8", "replace")
        form = MultiDict(parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=MOST_FIELDS))
    request.body_file_raw.seek(0)
    return form


def read_parts(request: "Request", boundary: str) -> MultiDict:
    """The fields of RFC 7578's multipart/form-data."""
    form, text_bytes = MultiDict(), 0
    if not boundary:
        raise ParserError("no boundary")
    parser = MultipartParser(
        request.body_file_raw,
        boundary,
        request.content_length or 0,
        part_limit=MOST_FIELDS,
        spool_limit=SPOOL_BYTES,
        memory_limit=2 * TEXT_BYTES,
    )
    for part in parser:
        if part.filename:
            form.add(part.name, part)
            continue
        text_bytes += part.size
        if text_bytes > TEXT_BYTES:
            raise TooLarge
        form.add(part.name, part.raw.decode("utf-8", "replace"))
        part.close()
    return form


def includeme(config: Configurator) -> None:
    config.add_request_method(read_form, "POST", reify=True)
