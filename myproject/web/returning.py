"""Where a button leads back to that stands in a list of other things than posts."""

from urllib.parse import urlencode

from myproject.pagination import row_number
from myproject.web.request import Request
from myproject.web.templating import url


def list_address(request: Request) -> str | None:
    """The list that the form names as `list`: the page of the inbox, or else the settings of notifications. None
    where it names none.
    """
    listed = request.POST.get("list")
    if listed != "inbox":
        return None if listed is None else url(request, "notifications.settings")
    return inbox_address(request)


def inbox_address(request: Request) -> str:
    """The page of the inbox on which the button stood."""
    after = row_number(str(request.POST.get("after", "")))
    query: dict[str, str | int] = {"show": "unread"} if request.POST.get("show") == "unread" else {}
    if after:
        query["after"] = after
    return url(request, "notifications.list") + (f"?{urlencode(query)}" if query else "")
