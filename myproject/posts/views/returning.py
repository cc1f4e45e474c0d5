"""Where a button leads back to that stands in a list of other things than posts."""

from urllib.parse import urlencode

from myproject.web.request import Request
from myproject.web.templating import url


def list_address(request: Request) -> str | None:
    """The list that the form names as `list`: the page of the inbox, or else the settings of notifications. None
    where it names none.
    """
    listed = request.POST.get("list")
    if listed != "inbox":
        return None if listed is None else url(request, "notifications.settings")
    asked = {name: request.POST.get(name) for name in ("show", "after")}
    query = urlencode({name: value for name, value in asked.items() if isinstance(value, str)})
    return url(request, "notifications.list") + (f"?{query}" if query else "")
