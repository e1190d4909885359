"""Where those come from who have not signed in."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def address_of(request: HttpRequest) -> str:
    """Where the request comes from; behind a proxy of ours, what that one says of it."""
    if settings.TRUSTS_PROXY:
        # The last one was written by our proxy; those before it by whoever sent the request.
        told = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
        if told:
            return told
    return str(request.META.get("REMOTE_ADDR", ""))


def network_of(address: str) -> str:
    """The address as it is counted: of IPv6 a household has 2^64, which count as one."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv6Address) and not known.ipv4_mapped:
        return str(ipaddress.ip_network((known, 64), strict=False))
    return str(getattr(known, "ipv4_mapped", None) or known)
