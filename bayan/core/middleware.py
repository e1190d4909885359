"""What every request gets: a request id that follows it, and the language its reader chose."""

from collections.abc import Callable
from uuid import uuid4

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import translation

Handler = Callable[[HttpRequest], HttpResponseBase]


def request_id(get_response: Handler) -> Handler:
    """Bind an id to all log lines and audit entries of the request; the answer names it."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        identifier = given if given.isalnum() and len(given) <= 40 else uuid4().hex
        with structlog.contextvars.bound_contextvars(request_id=identifier):
            response = get_response(request)
        response["X-Request-ID"] = identifier
        return response

    return middleware


def chosen_language(get_response: Handler) -> Handler:
    """Speak the language chosen with the switch; Arabic otherwise, whatever the browser prefers."""
    known = dict(settings.LANGUAGES)

    def middleware(request: HttpRequest) -> HttpResponseBase:
        chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
        language = chosen if chosen in known else settings.LANGUAGE_CODE
        with translation.override(language):
            request.LANGUAGE_CODE = language
            response = get_response(request)
        response.headers.setdefault("Content-Language", language)
        return response

    return middleware
