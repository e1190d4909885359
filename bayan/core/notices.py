"""Saying what was done: a line on the screen, with a button to undo it where that is possible."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string

# With these htmx leaves the page; what is said waits for the next one.
LEAVING = ("HX-Redirect", "HX-Refresh", "HX-Location")


def say(request: HttpRequest, text: str, *, undo: UUID | None = None) -> None:
    """Show this line with the answer to this request, or on the next page; `undo` as core.undo names it."""
    messages.success(request, text, extra_tags=str(undo or ""))


def said_with_fragments(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Add what was said to a fragment's answer; whole pages show it by themselves (core/base.html)."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if (
            getattr(request, "htmx", False)
            and isinstance(response, HttpResponse)
            and response.status_code == 200
            and not any(header in response for header in LEAVING)
        ):
            said = list(messages.get_messages(request))
            if said:
                response.content += render_to_string(
                    "core/said.html", {"messages": said, "is_fragment": True}, request
                ).encode()
        return response

    return middleware
