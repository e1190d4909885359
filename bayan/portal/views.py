"""Following a case without signing in: its number, a code by WhatsApp, how it stands."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, timedelta
from functools import wraps
from http import HTTPStatus
from typing import Any, Concatenate

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bayan.cases.models import Case
from bayan.core.errors import DomainError
from bayan.core.references import digits_in, is_reference
from bayan.core.visitors import address_of
from bayan.portal import selectors, services
from bayan.portal.forms import CodeForm, FeedbackForm, RatingForm, ReferenceForm
from bayan.portal.models import Feedback

COOKIE, SALT = "bayan_case", "bayan.portal"
STAYS_OPEN_FOR = timedelta(minutes=30)
# An answer for a number that exists comes no later than one for a number that does not.
ANSWERS_AFTER = 0.25
# The day on which the words of these pages last changed.
UPDATED = date(2026, 11, 28)

type View[**P] = Callable[Concatenate[HttpRequest, P], HttpResponse]


def private[**P](view: View[P]) -> View[P]:
    """Kept by no browser and no proxy between, found by no search engine."""

    @wraps(view)
    def kept_private(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        response = view(request, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        response["X-Robots-Tag"] = "noindex, nofollow"
        # The address holds the number of the case.
        response["Referrer-Policy"] = "same-origin"
        return response

    return kept_private


def of_a_case(view: Callable[[HttpRequest, str], HttpResponse]) -> Callable[..., HttpResponse]:
    """Only what can be the number of a case is looked at; a mistyped digit is found here, without looking."""

    @wraps(view)
    def checked(request: HttpRequest, reference: str) -> HttpResponse:
        digits = digits_in(reference)
        if not is_reference(digits):
            form = ReferenceForm({"reference": reference[:40]})
            return _render(request, "track", {"form": form}, status=HTTPStatus.NOT_FOUND)
        if digits != reference:
            return redirect("portal:case", digits)
        return view(request, digits)

    return checked


@require_GET
@private
def track(request: HttpRequest) -> HttpResponse:
    """The form for the number of a case."""
    given = request.GET.get("reference")
    form = ReferenceForm(request.GET) if given is not None else ReferenceForm()
    if form.is_bound and form.is_valid():
        return redirect("portal:case", form.cleaned_data["reference"])
    return _render(request, "track", {"form": form})


@require_GET
@private
@of_a_case
def case(request: HttpRequest, reference: str) -> HttpResponse:
    """The case, for whoever has shown a code; for all others the offer to send one."""
    found = _let_in(request, reference)
    if found is None:
        return _render(request, "ask", {"reference": reference})
    context = {"case": found, "satisfactions": Case.Satisfaction.choices}
    return _render(request, "case", context, page=Feedback.Page.CASE)


@require_POST
@private
@of_a_case
def send(request: HttpRequest, reference: str) -> HttpResponse:
    """Have a code sent. The answer is the same whether the case exists or not."""
    began = time.monotonic()
    try:
        services.send_code(
            reference,
            address=address_of(request),
            language=get_language() or settings.LANGUAGE_CODE,
            now=timezone.now(),
        )
    except services.TooOften as refused:
        return _too_often(request, reference, refused)
    _take_time(began)
    return redirect("portal:code", reference)


@require_http_methods(["GET", "POST"])
@private
@of_a_case
def code(request: HttpRequest, reference: str) -> HttpResponse:
    """The field for the code; the right one opens the case."""
    context = {"reference": reference, "ways_to_write": selectors.ways_to_write(reference)}
    if request.method == "GET":
        return _render(request, "code", context | {"form": CodeForm()})
    began = time.monotonic()
    form = CodeForm(request.POST)
    if not form.is_valid():
        return _render(request, "code", context | {"form": form})
    try:
        opened = services.open_case(
            reference,
            form.cleaned_data["code"],
            address=address_of(request),
            now=timezone.now(),
        )
    except services.TooOften as refused:
        return _too_often(request, reference, refused)
    _take_time(began)
    if opened is None:
        form.add_error(
            "code",
            _(
                "This code is not right or no longer valid. Look at our latest message, or have a new "
                "one sent."
            ),
        )
        return _render(request, "code", context | {"form": form})
    response = redirect("portal:case", reference)
    response.set_signed_cookie(
        COOKIE,
        ":".join(map(str, opened)),
        salt=SALT + reference,
        max_age=STAYS_OPEN_FOR,
        path=_path(reference),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


@require_POST
@private
@of_a_case
def rate(request: HttpRequest, reference: str) -> HttpResponse:
    """Keep how content the person is; an unhappy answer opens the case again."""
    found = _let_in(request, reference)
    if found is None:
        return redirect("portal:case", reference)
    form = RatingForm(request.POST)
    problem = ""
    if form.is_valid():
        try:
            services.rate(found.case_id, form.cleaned_data["satisfaction"], now=timezone.now())
        except DomainError as refused:
            # Meanwhile it was opened again, by an answer on WhatsApp or by a member.
            problem = str(refused)
        else:
            return redirect("portal:case", reference)
    context = {
        "case": _let_in(request, reference) or found,
        "satisfactions": Case.Satisfaction.choices,
        "rating_problem": problem or _("Choose one of the answers."),
    }
    return _render(request, "case", context, page=Feedback.Page.CASE)


@require_POST
@private
@of_a_case
def leave(request: HttpRequest, reference: str) -> HttpResponse:
    """Close the case on this device, which may be somebody else's."""
    response = redirect("portal:track")
    response.delete_cookie(COOKIE, path=_path(reference), samesite="Lax")
    return response


@require_POST
@private
def feedback(request: HttpRequest) -> HttpResponse:
    """Keep whether a page was useful, and go back to it."""
    form = FeedbackForm(request.POST)
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}):
        back = _path("")
    if form.is_valid():
        services.give_feedback(
            form.cleaned_data["page"],
            is_useful=form.cleaned_data["useful"] == "yes",
            language=get_language() or settings.LANGUAGE_CODE,
            address=address_of(request),
            now=timezone.now(),
        )
    return redirect(f"{back.partition('?')[0].partition('#')[0]}?thanks=1#feedback")


def _let_in(request: HttpRequest, reference: str) -> selectors.Tracked | None:
    """The case that this visitor has shown a code for within the last half hour."""
    given = request.get_signed_cookie(
        COOKIE, default=None, salt=SALT + reference, max_age=STAYS_OPEN_FOR
    )
    if not given:
        return None
    case_id, _separator, contact_id = given.partition(":")
    return selectors.tracked(case_id, contact_id)


def _too_often(request: HttpRequest, reference: str, refused: Exception) -> HttpResponse:
    context = {
        "reference": reference,
        "problem": str(refused),
        "ways_to_write": selectors.ways_to_write(reference),
    }
    return _render(request, "too_often", context, status=HTTPStatus.TOO_MANY_REQUESTS)


def _render(
    request: HttpRequest,
    name: str,
    context: dict[str, Any],
    *,
    page: str = Feedback.Page.TRACK,
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    context |= {"page": page, "updated": UPDATED, "has_thanked": "thanks" in request.GET}
    return render(request, f"portal/{name}.html", context, status=status)


def _path(reference: str) -> str:
    return f"/track/{reference}"


def _take_time(began: float) -> None:
    time.sleep(max(0.0, ANSWERS_AFTER - (time.monotonic() - began)))
