"""Pages that belong to no app: refusals and errors; and what parts of an address mean."""

from collections.abc import Callable
from datetime import date, datetime, time
from http import HTTPStatus
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

# Beyond them nothing was written, and sums with days overflow.
FIRST_YEAR, LAST_YEAR = 1901, 2199


def uuid_in(given: str) -> UUID | None:
    """The UUID that this part of an address is; None for anything else."""
    try:
        return UUID(given)
    except ValueError:
        return None


def day_in(given: str) -> date | None:
    """The day that this part of an address is, as `2026-11-30`; None for anything else, and before
    1901 or after 2199."""
    try:
        day = parse_date(given)
    except ValueError:
        return None
    return day if day and FIRST_YEAR <= day.year <= LAST_YEAR else None


def midnight(day: date) -> datetime:
    """The moment at which this day begins where the reader is."""
    return timezone.make_aware(datetime.combine(day, time()))


def refusal(request: HttpRequest, text: str, *, status: int = HTTPStatus.CONFLICT) -> HttpResponse:
    """A service's refusal: a notice for a fragment's request, a page otherwise."""
    template = "core/notice.html" if getattr(request, "htmx", False) else "core/refusal.html"
    return render(request, template, {"text": text}, status=status)


def note_after(response: HttpResponseBase, note: Callable[[], None]) -> None:
    """Let a refused request leave this note: nothing else of it stays, as its transaction is rolled back."""
    response.notes = [*getattr(response, "notes", ()), note]  # type: ignore[attr-defined]


def form_expired(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that was open too long or came from elsewhere."""
    text = _("This page was open for too long. Reload it and try again; nothing was changed.")
    return refusal(request, text, status=HTTPStatus.FORBIDDEN)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refusal(
        request,
        str(exception) or _("Your role does not include this page."),
        status=HTTPStatus.FORBIDDEN,
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refusal(
        request,
        _("There is nothing here that you may see. It may have moved to another body."),
        status=HTTPStatus.NOT_FOUND,
    )


def failed(request: HttpRequest) -> HttpResponse:
    return refusal(
        request,
        _("Something went wrong on our side. Nothing of your last step was saved: try it again."),
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
    )
