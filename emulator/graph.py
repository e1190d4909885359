"""What all calls to the provider share: the token, refusals, the fields asked for, and paging."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Concatenate
from urllib.parse import urlencode

import msgspec

from emulator.asgi import Request, Response, json_response
from emulator.carrier import Carrier
from emulator.errors import ProviderError
from emulator.faults import BEFORE, Faults

DEFAULT_PAGE, LARGEST_PAGE = 25, 1000


class Trouble(Exception):
    """A request that gets no proper answer."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


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
        except Trouble as trouble:
            return trouble.answer

    return answer


def bad_gateway() -> Response:
    page = b"<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"
    return Response(status=502, content_type="text/html", body=page)


def cut() -> Response:
    """No answer at all."""
    return Response(is_cut=True)


def _make_trouble(faults: Faults) -> None:
    if faults.strikes("outage"):
        raise ProviderError(2, "Temporary due to downtime or due to being overloaded.")
    if faults.strikes("disconnect", code=BEFORE):
        raise Trouble(cut())
    if faults.strikes("bad_gateway", code=BEFORE):
        raise Trouble(bad_gateway())
    if fault := faults.strikes("rate_limit"):
        raise ProviderError(fault.code or 80007, "Too many requests.", http_status=429)
    if faults.strikes("expired_token"):
        raise ProviderError(190, "Error validating access token: the session has expired.")


def authorise(request: Request, carrier: Carrier) -> None:
    """Let the faults strike that can hit any request, then refuse one without a valid token."""
    if carrier.faults.are_any:
        _make_trouble(carrier.faults)
    scheme, _, given = request.headers.get(b"authorization", b"").partition(b" ")
    # Uploads of samples say OAuth, all else says Bearer.
    if scheme not in (b"Bearer", b"OAuth"):
        raise ProviderError(0, "An access token is required to request this resource.")
    if not carrier.account.is_valid(given.decode("latin-1")):
        raise ProviderError(190, "Invalid OAuth access token.")


def unknown_object(
    request: Request, object_id: str, *, http_status: int | None = None
) -> ProviderError:
    # The provider answers 100 with subcode 33 for an object that it does not know or will not
    # show; code 33 alone means a number that once existed.
    return ProviderError(
        100,
        f"Unsupported {request.method.lower()} request. Object with ID '{object_id}' does not "
        "exist, cannot be loaded due to missing permissions, or does not support this operation.",
        subcode=33,
        http_status=http_status,
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
