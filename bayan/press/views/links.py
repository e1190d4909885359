"""A story for a journalist, by the link of their own: no account, nothing to fill in."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from bayan.core.errors import DomainError
from bayan.press import services
from bayan.press.views.stories import served, zipped


def _private[**P](
    view: Callable[P, HttpResponseBase],
) -> Callable[P, HttpResponseBase]:
    """Found by no search engine, and its address, which is a key, told to nobody else."""

    @wraps(view)
    def kept(*args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        response = view(*args, **kwargs)
        response.headers.setdefault("Cache-Control", "no-store")
        response["X-Robots-Tag"] = "noindex, nofollow"
        response["Referrer-Policy"] = "same-origin"
        return response

    return kept


@require_safe
@_private
def link(request: HttpRequest, secret: str) -> HttpResponseBase:
    """The text to copy, the pictures in two sizes, everything at once; or until when it is held."""
    try:
        found = services.open_link(secret, now=timezone.now(), is_counted=request.method == "GET")
    except services.LinkIsOver as refused:
        return _over(request, refused, HTTPStatus.GONE)
    context: dict[str, Any] = {
        "secret": secret,
        "story": found.story,
        "files": found.files,
        "until": found.until,
        "is_held": found.is_held,
        "is_embargoed": found.story.is_embargoed(now=timezone.now()),
    }
    return render(request, "press/link.html", context)


def _over(request: HttpRequest, refused: DomainError, status: int) -> HttpResponse:
    return render(request, "press/link.html", {"over": str(refused)}, status=status)


@require_safe
@_private
def file(request: HttpRequest, secret: str, file_id: UUID) -> HttpResponseBase:
    """One file as it came, or a picture in the size of a web page."""
    is_fetched = "download" in request.GET and request.method == "GET"
    # A part of a file, or what the browser has already, is no second fetching.
    is_again = "Range" in request.headers or "If-None-Match" in request.headers
    try:
        found = services.file_behind(
            secret, file_id, is_counted=is_fetched and not is_again, now=timezone.now()
        )
    except services.LinkIsOver as refused:
        return _over(request, refused, HTTPStatus.GONE)
    except services.StillEmbargoed as refused:
        return _over(request, refused, HTTPStatus.FORBIDDEN)
    return served(request, found, size=request.GET.get("size", ""))


@require_safe
@_private
def archive(request: HttpRequest, secret: str) -> HttpResponseBase:
    """All files as they came, as one archive."""
    try:
        found = services.files_behind(
            secret, is_counted=request.method == "GET", now=timezone.now()
        )
    except services.LinkIsOver as refused:
        return _over(request, refused, HTTPStatus.GONE)
    except services.StillEmbargoed as refused:
        return _over(request, refused, HTTPStatus.FORBIDDEN)
    return zipped(found.story, found.files)
