"""Cases: the list, the panel beside a conversation, handing over and closing."""

from __future__ import annotations

from uuid import UUID

from django.db.models import TextChoices
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
from bayan.core.views import refusal, uuid_in
from bayan.inbox import selectors as inbox
from bayan.inbox.models import Conversation
from bayan.people import selectors as people
from bayan.people.permissions import StaffRequest, requires


@require_GET
@requires("cases.read")
def cases(request: StaffRequest) -> HttpResponse:
    """The list of cases; a number typed into the search finds its case."""
    filters = _filters(request)
    found = inbox.look_for(filters.words) if filters.words else None
    now = timezone.now()
    after = request.GET.get("after")
    context = {
        "filters": filters,
        "state": filters.view,
        "words": filters.words,
        # Read out on the phone, a digit is soon wrong: the check digit tells.
        "is_mistyped": _is_mistyped(filters.words),
        "is_near": found is not None and found.is_near,
        "now": now,
        "counts": selectors.counts(filters, member=request.user, now=now, found=found),
        "page": selectors.page_of_cases(
            selectors.cases(filters, member=request.user, now=now, found=found),
            filters=filters,
            after=Cursor.read(after) if after else None,
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


def _is_mistyped(words: str) -> bool:
    digits = digits_in(words)
    return len(digits) == LENGTH and not is_reference(digits)


def _filters(request: StaffRequest) -> selectors.Filters:
    given = request.GET
    view = given.get("state", "open")
    owner = given.get("owner", "")
    return selectors.Filters(
        view=view if view in selectors.VIEWS else "open",
        words=given.get("q", "").strip()[:100],
        body=given.get("body", "")[:60],
        kind=_one_of(Case.Kind, given.get("kind", "")),
        category=_one_of(Case.Category, given.get("category", "")),
        priority=_one_of(Case.Priority, given.get("priority", "")),
        stage=_one_of(Case.Stage, given.get("stage", "")),
        owner=owner if owner == "none" or uuid_in(owner) else "",
    )


def _one_of(choices: type[TextChoices], given: str) -> str:
    return given if given in choices.values else ""


def _conversation_url(case: Case) -> str:
    return reverse("inbox:conversation", args=[case.conversation.public_id])
