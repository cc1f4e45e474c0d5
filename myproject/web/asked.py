"""What an address asks for, beside its path."""

from pyramid.httpexceptions import HTTPNotFound

from myproject.pagination import row_number
from myproject.web.request import Request


def asked_number(request: Request, name: str) -> int | None:
    """The number of a row or of a version that `?NAME=` gives; None where the address gives none, or nothing.
    Raises HTTPNotFound for what is no number.
    """
    asked = request.GET.get(name)
    number = row_number(asked) if asked else None
    if asked and number is None:
        raise HTTPNotFound
    return number
