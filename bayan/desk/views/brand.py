"""The authority's colours."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET

from bayan.organisation import selectors as organisation


@require_GET
@cache_control(public=True, max_age=3600)
def brand(_request: HttpRequest) -> HttpResponse:
    """A sheet that puts the authority's colours in place of the house's; for everybody, like any other."""
    return HttpResponse(organisation.brand_sheet(), content_type="text/css; charset=utf-8")
