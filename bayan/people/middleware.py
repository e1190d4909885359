"""One transaction a request, in the web's role, seeing what this member may see."""

from collections.abc import Callable
from functools import partial
from http import HTTPStatus

import structlog
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone

from bayan.core import audit
from bayan.core.errors import DomainError
from bayan.core.rls import look_as
from bayan.core.views import note_after, refusal
from bayan.people import selectors
from bayan.people.freshness import is_given
from bayan.people.permissions import Access, confirm_first, wants_factor

Handler = Callable[[HttpRequest], HttpResponseBase]


# Where one gives a code, or goes away.
WITHOUT_A_CODE = {
    "people:second_factor", "people:confirm_factor", "account_logout", "set_language", "brand",
}  # fmt: skip


class _Refused(Exception):
    """Carries an error answer out of the transaction, so that nothing of the request stays."""

    def __init__(self, response: HttpResponseBase) -> None:
        self.response = response


def _note_refusal(member_id: int, response: HttpResponseBase) -> None:
    notes = getattr(response, "notes", ())
    if notes:
        with transaction.atomic():
            look_as(member_id)
            for note in notes:
                note()


def one_transaction_per_request(get_response: Handler) -> Handler:
    """Give a signed-in request its member's eyes; the work of a refused one is rolled back."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        member = selectors.member_of_token(request.headers.get("Authorization", ""))
        if member is not None:
            request.user = member.member
            request.api_scopes = member.scopes  # type: ignore[attr-defined]
        if not request.user.is_authenticated:
            return get_response(request)
        request.access = Access.of(request.user, now=timezone.now())  # type: ignore[attr-defined]
        structlog.contextvars.bind_contextvars(member=str(request.user.public_id))
        try:
            with transaction.atomic():
                look_as(request.user.pk)
                response = get_response(request)
                if response.status_code >= HTTPStatus.BAD_REQUEST:
                    raise _Refused(response)  # noqa: TRY301  # leaves the transaction
                return response
        except _Refused as refused:
            _note_refusal(request.user.pk, refused.response)
            return refused.response

    def process_exception(request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, DomainError):
            response = refusal(request, str(exception))
            if exception.entries:
                note_after(response, partial(audit.record_all, exception.entries))
            return response
        return None

    def process_view(
        request: HttpRequest, view: object, args: object, kwargs: object
    ) -> HttpResponseBase | None:
        """Let whose role wants a second factor nowhere else before they have given a code of it."""
        access: Access | None = getattr(request, "access", None)
        if access is None or not wants_factor(access) or is_given(request.session):
            return None
        if getattr(request, "api_scopes", None) is not None:
            return None
        match = request.resolver_match
        return None if match and match.view_name in WITHOUT_A_CODE else confirm_first(request)

    middleware.process_view = process_view  # type: ignore[attr-defined]
    middleware.process_exception = process_exception  # type: ignore[attr-defined]
    return middleware
