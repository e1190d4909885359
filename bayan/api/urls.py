"""The JSON API: `/api/v1/…`, bearer tokens, cursor paging, problem documents (RFC 9457)."""

from __future__ import annotations

import json
from functools import partial
from http import HTTPStatus

import structlog
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, ValidationError
from ninja.security import HttpBearer

from bayan.api.views import router
from bayan.core import audit
from bayan.core.errors import DomainError
from bayan.core.views import note_after

log = structlog.get_logger(__name__)


class Bearer(HttpBearer):
    """The people middleware has resolved the token already; here it is only asked for."""

    def authenticate(self, request: HttpRequest, token: str) -> object:
        return getattr(request, "api_scopes", None)


api = NinjaAPI(
    title="Bayan",
    version="1",
    description="Conversations, messages, cases, circulars, polls and meetings. "
    "A token sees what its member sees.",
    auth=Bearer(),
    docs_url=None,
    urls_namespace="api",
)
api.add_router("", router)


def problem(status: HTTPStatus, detail: str, **more: object) -> HttpResponse:
    """A problem document."""
    document = {"type": "about:blank", "title": status.phrase, "status": status, "detail": detail}
    return HttpResponse(
        json.dumps(document | more, ensure_ascii=False),
        status=status,
        content_type="application/problem+json; charset=utf-8",
    )


@api.exception_handler(AuthenticationError)
def _unauthenticated(request: HttpRequest, _error: object) -> HttpResponse:
    response = problem(
        HTTPStatus.UNAUTHORIZED, _("Send 'Authorization: Bearer <token>' with a valid token.")
    )
    response["WWW-Authenticate"] = "Bearer"
    return response


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    errors = [
        {"where": ".".join(map(str, fault["loc"])), "what": fault["msg"]} for fault in error.errors
    ]
    return problem(
        HTTPStatus.UNPROCESSABLE_ENTITY, _("The request does not fit the schema."), errors=errors
    )


@api.exception_handler(DomainError)
def _refused(request: HttpRequest, error: DomainError) -> HttpResponse:
    response = problem(HTTPStatus.CONFLICT, str(error))
    if error.entries:
        note_after(response, partial(audit.record_all, error.entries))
    return response


@api.exception_handler(PermissionDenied)
def _forbidden(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
    return problem(HTTPStatus.FORBIDDEN, str(error))


@api.exception_handler(Http404)
def _missing(request: HttpRequest, _error: Http404) -> HttpResponse:
    return problem(HTTPStatus.NOT_FOUND, _("There is nothing here that this token may see."))


@api.exception_handler(Exception)
def _failed(request: HttpRequest, error: Exception) -> HttpResponse:
    log.error("api.failed", exc_info=error)
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        _("Something went wrong on our side. Nothing of this request was saved: try it again."),
    )
