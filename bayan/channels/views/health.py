"""How well the channels are, and what can be done about it."""

from __future__ import annotations

from datetime import timedelta

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from bayan.channels import health, services
from bayan.channels.forms.health import StopForm
from bayan.channels.models import Account, Alert, Number
from bayan.core.views import refusal
from bayan.organisation import selectors as organisation
from bayan.people.permissions import StaffRequest, requires

# So long the page offers to take "settled" back.
JUST_NOW = timedelta(minutes=1)


@require_GET
@requires("channels.read")
def page(request: StaffRequest) -> HttpResponse:
    """All accounts that concern the reader, the worst first."""
    return _page(request)


@require_GET
@requires("channels.read")
def alarm(request: StaffRequest) -> HttpResponse:
    """The band that stands on every page while something critical is open."""
    return render(request, "core/base.html#alarm")


@require_POST
@requires("channels.read")
def settle(request: StaffRequest, alert_id: int) -> HttpResponse:
    """Mark an alert as over."""
    _require_alert(request, alert_id)
    services.mark_settled(alert_id, by=request.user, now=timezone.now())
    return _back(request)


@require_POST
@requires("channels.read")
def reopen(request: StaffRequest, alert_id: int) -> HttpResponse:
    """Take that back."""
    _require_alert(request, alert_id)
    services.reopen_alert(alert_id, by=request.user, now=timezone.now())
    return _back(request)


@require_POST
@requires("channels.manage")
def stop(request: StaffRequest, number_id: int) -> HttpResponse:
    """Send nothing from this number for a while."""
    number = _number(request, number_id)
    form = StopForm(request.POST)
    if not form.is_valid():
        return refusal(request, str(next(iter(form.errors.values()))[0]), status=422)
    services.stop_number(
        number, reason=form.cleaned_data["reason"], by=request.user, now=timezone.now()
    )
    return _back(request, number)


@require_POST
@requires("channels.manage")
def resume(request: StaffRequest, number_id: int) -> HttpResponse:
    """Let it go on."""
    number = _number(request, number_id)
    services.resume_number(number, by=request.user, now=timezone.now())
    return _back(request, number)


@require_POST
@requires("channels.read")
def ask(request: StaffRequest, key: str) -> HttpResponse:
    """Have the provider asked how the account stands, at once."""
    account = get_object_or_404(Account, key=key)
    if not any(
        request.access.may("channels.read", number.node)
        for number in account.numbers.select_related("node")
    ):
        raise Http404
    services.want_sync(account, now=timezone.now())
    return _back(request)


def _page(request: StaffRequest) -> HttpResponse:
    now = timezone.now()
    found = health.overview(request.access, now=now)
    return render(
        request,
        f"channels/health.html{'#health' if request.htmx else ''}",
        {
            "overview": found,
            "just_settled": [
                (alert, words)
                for alert, words in found.history
                if alert.resolved_by_id == request.user.pk
                and alert.resolved_at
                and now - alert.resolved_at < JUST_NOW
            ],
        },
    )


def _back(request: StaffRequest, number: Number | None = None) -> HttpResponse:
    if number and request.POST.get("next") == "account":
        return redirect(f"{reverse('channels:account', args=[number.account.key])}#numbers")
    return _page(request) if request.htmx else redirect("channels:health")


def _number(request: StaffRequest, number_id: int) -> Number:
    number = get_object_or_404(Number.objects.select_related("node", "account"), pk=number_id)
    request.access.require("channels.manage", number.node)
    return number


def _require_alert(request: StaffRequest, alert_id: int) -> None:
    alert = get_object_or_404(Alert.objects.select_related("number__node"), pk=alert_id)
    request.access.require(
        "channels.read", alert.number.node if alert.number else organisation.desk()
    )
