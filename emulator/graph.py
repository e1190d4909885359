"""What all calls to the provider share: the token, refusals, the fields asked for, and paging."""

import hmac
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Concatenate
from urllib.parse import urlencode

import msgspec

from emulator.asgi import Request, Response, json_response
from emulator.carrier import Carrier
from emulator.errors import ProviderError

DEFAULT_PAGE, LARGEST_PAGE = 25, 1000


def refusing[Whose, **Given](
    handler: Callable[Concatenate[Whose, Request, Given], Awaitable[Response]],
) -> Callable[Concatenate[Whose, Request, Given], Awaitable[Response]]:
    """Turn a refusal into the provider's answer."""

    @wraps(handler)
    async def answer(
        self: Whose, request: Request, /, *given: Given.args, **named: Given.kwargs
    ) -> Response:
        try:
            return await handler(self, request, *given, **named)
        except ProviderError as refusal:
            return json_response(refusal.envelope(), refusal.http_status)

    return answer


def authorise(request: Request, carrier: Carrier) -> None:
    """Refuse a request without a valid token."""
    scheme, _, given = request.headers.get(b"authorization", b"").partition(b" ")
    # Uploads of samples say OAuth, all else says Bearer.
    if scheme not in (b"Bearer", b"OAuth"):
        raise ProviderError(0, "An access token is required to request this resource.")
    if not hmac.compare_digest(given, carrier.settings.access_token.encode()):
        raise ProviderError(190, "Invalid OAuth access token.")


def unknown_object(request: Request, object_id: str) -> ProviderError:
    # The provider answers 100 with subcode 33 for an object that it does not know or will not
    # show; code 33 alone means a number that once existed.
    return ProviderError(
        100,
        f"Unsupported {request.method.lower()} request. Object with ID '{object_id}' does not "
        "exist, cannot be loaded due to missing permissions, or does not support this operation.",
        subcode=33,
    )


def decoded(request: Request) -> Any:
    try:
        return msgspec.json.decode(request.body)
    except msgspec.DecodeError as failure:
        raise ProviderError(100, "The request body is not valid JSON.") from failure


def chosen(told: dict[str, Any], request: Request, default: tuple[str, ...]) -> dict[str, Any]:
    """The fields that `?fields=` names, and always the id."""
    asked = request.query.get("fields")
    names = [part.partition("{")[0] for part in asked.split(",")] if asked else default
    return {name: told[name] for name in ("id", *names) if name in told}


def page_of(items: list[dict[str, Any]], request: Request) -> dict[str, Any]:
    """A page of `data` with its cursors, and `next` where more follow."""
    limit = request.query.get("limit", str(DEFAULT_PAGE))
    if not limit.isascii() or not limit.isdigit() or not 0 < int(limit) <= LARGEST_PAGE:
        raise ProviderError(100, f"(#100) The limit is 1 to {LARGEST_PAGE}.")
    ids = [item["id"] for item in items]
    after = request.query.get("after")
    if after is not None and after not in ids:
        raise ProviderError(100, "The cursor after is not valid.")
    start = ids.index(after) + 1 if after is not None else 0
    page = items[start : start + int(limit)]
    if not page:
        return {"data": []}
    paging: dict[str, Any] = {"cursors": {"before": page[0]["id"], "after": page[-1]["id"]}}
    if start + len(page) < len(items):
        host = request.headers.get(b"host", b"").decode("latin-1")
        query = urlencode({**request.query, "after": page[-1]["id"]})
        paging["next"] = f"http://{host}{request.path}?{query}"
    return {"data": page, "paging": paging}
