"""The stream that keeps screens live."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator

from asgiref.sync import sync_to_async
from django.db import connection
from django.http import HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_GET

from bayan.core.live import hub
from bayan.people import selectors
from bayan.people.models import Member
from bayan.people.permissions import StaffRequest, check_scope, sign_in_first

# A browser that hears nothing for longer takes the line for dead; proxies do so after a minute.
HEARTBEAT_SECONDS = 20
VISIBILITY_SECONDS = 60


@require_GET
def live(request: StaffRequest) -> HttpResponseBase:
    """Server-sent events: what changed, as topic and id, of what this member may see."""
    if not request.user.is_authenticated:
        return sign_in_first(request)
    check_scope(request)
    member = request.user
    # Read here, inside the request's transaction: the stream itself has none.
    nodes = selectors.visible_node_ids(member)
    response = StreamingHttpResponse(_stream(member, nodes), content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


async def _stream(member: Member, nodes: frozenset[int]) -> AsyncGenerator[bytes]:
    read_at = time.monotonic()
    yield b"retry: 2000\n\n"
    async with hub.subscription() as queue:
        while True:
            try:
                notice = await asyncio.wait_for(queue.get(), HEARTBEAT_SECONDS)
            except TimeoutError:
                yield b": still here\n\n"
                continue
            if notice is None:
                # The browser reconnects and then fetches its lists anew.
                return
            if time.monotonic() - read_at > VISIBILITY_SECONDS:
                nodes = await sync_to_async(_visible_now)(member)
                read_at = time.monotonic()
            if notice.node_id in nodes:
                yield f"event: change\ndata: {notice.topic} {notice.key}\n\n".encode()


def _visible_now(member: Member) -> frozenset[int]:
    try:
        return selectors.visible_node_ids(member)
    finally:
        # A stream lives for hours: it holds no connection meanwhile.
        connection.close()
