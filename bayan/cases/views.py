"""Cases: the list, the panel beside a conversation, handing over and closing."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseClientRedirect

from bayan.cases import selectors, services
from bayan.cases.forms import AssignForm, CloseForm, closing_words
from bayan.cases.models import Case
from bayan.core.paging import Cursor
from bayan.core.references import LENGTH, digits_in, is_reference
from bayan.core.views import refusal
from bayan.inbox.models import Conversation
from bayan.people import selectors as people
from bayan.people.permissions import StaffRequest, requires


@require_GET
@requires("cases.read")
def cases(request: StaffRequest) -> HttpResponse:
    """The list of cases; a number typed into the search finds its case."""
    state = request.GET.get("state", "open")
    words = request.GET.get("q", "").strip()[:100]
    after = request.GET.get("after")
    context = {
        "state": state,
        "words": words,
        # Read out on the phone, a digit is soon wrong: the check digit tells.
        "is_mistyped": len(digits_in(words)) == LENGTH and not is_reference(digits_in(words)),
        "counts": selectors.counts(),
        "page": selectors.page_of_cases(
            state=state, words=words, after=Cursor.read(after) if after else None
        ),
    }
    part = ("#rows" if after else "#list") if request.htmx else ""
    return render(request, f"cases/cases.html{part}", context)


@require_GET
@requires("cases.read")
def panel(request: StaffRequest, conversation_id: UUID) -> HttpResponse:
    """The case of a conversation, as the panel beside it shows it."""
    conversation = get_object_or_404(
        Conversation.objects.select_related("contact", "node", "number"), public_id=conversation_id
    )
    return _panel(request, conversation, selectors.latest_of(conversation))


@require_POST
@requires("cases.assign")
def assign(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Give the case to a municipality."""
    case = get_object_or_404(Case.objects.select_related("node"), public_id=public_id)
    request.access.require("cases.assign", case.node)
    form = AssignForm(request.POST)
    if not form.is_valid():
        return refusal(request, str(next(iter(form.errors.values()))[0]), status=422)
    case = services.assign_case(
        public_id, to=form.cleaned_data["to"], by=request.user, now=timezone.now()
    )
    # The conversation may have become part of another one, so the page is fetched anew.
    if request.htmx:
        return HttpResponseClientRedirect(_conversation_url(case))
    return redirect(_conversation_url(case))


@require_POST
@requires("cases.close")
def close(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Close the case and ask the person how content they are."""
    case = get_object_or_404(Case.objects.select_related("node"), public_id=public_id)
    request.access.require("cases.close", case.node)
    form = CloseForm(request.POST)
    if not form.is_valid():
        return refusal(request, str(next(iter(form.errors.values()))[0]), status=422)
    case = services.close_case(
        public_id,
        outcome=form.cleaned_data["outcome"],
        words=form.cleaned_data["words"],
        by=request.user,
        now=timezone.now(),
    )
    if not request.htmx:
        return redirect(_conversation_url(case))
    return _panel(request, case.conversation, selectors.latest_of(case.conversation))


def _panel(request: StaffRequest, conversation: Conversation, case: Case | None) -> HttpResponse:
    return render(
        request,
        # A page of its own where there is no room beside the conversation.
        f"cases/panel.html{'#panel' if request.htmx else ''}",
        {
            "conversation": conversation,
            "case": case,
            "timeline": people.in_words(selectors.timeline_of(case)) if case else [],
            "earlier_cases": selectors.earlier_cases(conversation, but=case),
            "phone": selectors.phone_of(conversation),
            "may_assign": case is not None
            and request.access.may("cases.assign", case.node)
            and case.node.is_desk,
            "may_close": case is not None and request.access.may("cases.close", case.node),
            "is_writable": conversation.is_writable(now=timezone.now()),
            "assign_form": AssignForm(),
            "close_form": CloseForm(),
            "closing_words": closing_words(),
        },
    )


def _conversation_url(case: Case) -> str:
    return reverse("inbox:conversation", args=[case.conversation.public_id])
