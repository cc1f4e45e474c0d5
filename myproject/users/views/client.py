"""What the views of accounts need of a request beside its form, and how they show where one came from."""

import ipaddress

from translationstring import TranslationString
from ua_parser import parse

from myproject.i18n import _
from myproject.users.services.accounts import Client
from myproject.web.request import Request


def client_of(request: Request) -> Client:
    return Client(request.client_addr, request.user_agent or "")


def browser_name(user_agent: str) -> TranslationString:
    """What a browser calls itself, in a few words: its name, main version and system."""
    found = parse(user_agent)
    browser = " ".join(filter(None, (found.user_agent.family, found.user_agent.major))) if found.user_agent else ""
    system = found.os.family if found.os else ""
    if browser and system:
        return _("${browser} on ${system}", mapping={"browser": browser, "system": system})
    if browser or system:
        return _("${browser}", mapping={"browser": browser or system})
    return _("An unknown browser")


def coarse_network(address: str) -> str:
    """The network of an address, as large as a town's or a provider's: IPv4 to /24, IPv6 to /48. Empty where it is
    no address.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ipaddress.IPv4Network((ip, 24), strict=False))
    return str(ipaddress.IPv6Network((ip, 48), strict=False))
