"""Accounts: the list, adding and changing them, their numbers and secrets, and trying them out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bayan.channels import selectors, services, wording
from bayan.channels.forms.accounts import (
    AccessTokenForm,
    AppSecretForm,
    ChangeForm,
    NewAccountForm,
    NumberForm,
    TestForm,
    VerifyTokenForm,
)
from bayan.channels.forms.gateways import KeyForm
from bayan.channels.forms.health import StopForm
from bayan.channels.models import Account, Number, Outgoing
from bayan.channels.services.testing import SUBJECT as TEST_SUBJECT
from bayan.channels.views import gateways
from bayan.core.errors import DomainError
from bayan.organisation.models import Node
from bayan.people.permissions import StaffRequest, requires

# What to subscribe to at the provider (reference 1.3): everything that Bayan understands.
FIELDS = (
    "messages",
    "message_template_status_update",
    "message_template_quality_update",
    "message_template_components_update",
    "template_category_update",
    "phone_number_quality_update",
    "phone_number_name_update",
    "account_update",
    "account_alerts",
    "account_review_update",
    "business_capability_update",
    "security",
    "user_preferences",
    "flows",
)


@require_GET
@requires("channels.manage")
def accounts(request: StaffRequest) -> HttpResponse:
    """All accounts with their numbers."""
    found = selectors.accounts_for(request.access, "channels.manage", of_all=True)
    numbers: dict[int, list[Number]] = {}
    for number in selectors.numbers_for(request.access, "channels.manage", of_all=True):
        numbers.setdefault(number.account_id, []).append(number)
    rows = [(account, numbers.get(account.pk, [])) for account in found]
    return render(request, "channels/accounts.html", {"rows": rows})


@require_http_methods(["GET", "POST"])
@requires("channels.manage")
def new(request: StaffRequest) -> HttpResponse:
    """A new account with its first number."""
    form = NewAccountForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        request.access.require("channels.manage", given["node"])
        account = services.create_account(
            key=given["key"],
            nature=Account.Nature(given["nature"]),
            name=given["name"],
            base_url=given["base_url"],
            business_id=given["business_id"],
            portfolio=given["portfolio"],
            app_secret=given["app_secret"],
            verify_token=given["verify_token"],
            access_token=given["access_token"],
            numbers={given["external_id"]: given["display"]},
            node=given["node"],
            by=request.user,
            now=timezone.now(),
        )
        return redirect("channels:account", account.key)
    return render(
        request, "channels/account_new.html", {"form": form}, status=422 if form.errors else 200
    )


@require_GET
@requires("channels.manage")
def account(request: StaffRequest, key: str) -> HttpResponse:
    """One account: its facts, numbers and secrets, and what to enter at the provider."""
    return _page(request, _account(request, key))


@require_POST
@requires("channels.manage")
def change(request: StaffRequest, key: str) -> HttpResponse:
    """Change what is no secret."""
    found = _account(request, key)
    form = ChangeForm(request.POST, nature=found.nature)
    if not form.is_valid():
        return _page(request, found, form=form)
    services.change_account(found, **form.cleaned_data, by=request.user, now=timezone.now())
    return _done(key)


@require_POST
@requires("channels.manage")
def save_number(request: StaffRequest, key: str) -> HttpResponse:
    """Add a number, or change one by its id."""
    found = _account(request, key)
    form = NumberForm(request.POST, auto_id="number-%s")
    if not form.is_valid():
        return _page(request, found, number_form=form)
    request.access.require("channels.manage", form.cleaned_data["node"])
    try:
        services.save_number(found, **form.cleaned_data, by=request.user, now=timezone.now())
    except services.NumberTaken as refused:
        form.add_error("external_id", str(refused))
        return _page(request, found, number_form=form)
    return _done(key, "numbers")


@require_POST
@requires("channels.manage")
def remove_number(request: StaffRequest, key: str, number_id: int) -> HttpResponse:
    """Remove a number that was never used."""
    found = _account(request, key)
    number = get_object_or_404(found.numbers.select_related("node", "account"), pk=number_id)
    services.remove_number(number, by=request.user, now=timezone.now())
    return _done(key, "numbers")


@require_POST
@requires("channels.manage")
def app_secret(request: StaffRequest, key: str) -> HttpResponse:
    """Take another app secret beside the old one."""
    found, now = _account(request, key), timezone.now()
    form = AppSecretForm(request.POST, auto_id="new-app-%s")
    if form.is_valid():
        try:
            services.rotate_app_secret(
                found,
                form.cleaned_data["secret"],
                keep_previous_until=now + timedelta(hours=form.cleaned_data["hours"]),
                by=request.user,
                now=now,
            )
        except services.SecretUnchanged as refused:
            form.add_error("secret", str(refused))
        else:
            return _done(key, "app-secret")
    return _page(request, found, app_secret_form=form)


@require_POST
@requires("channels.manage")
def end_app_secret(request: StaffRequest, key: str) -> HttpResponse:
    """Take the old app secret no more."""
    services.end_previous_app_secret(_account(request, key), by=request.user, now=timezone.now())
    return _done(key, "app-secret")


@require_POST
@requires("channels.manage")
def verify_token(request: StaffRequest, key: str) -> HttpResponse:
    """Another verify token."""
    found = _account(request, key)
    form = VerifyTokenForm(request.POST, auto_id="new-verify-%s")
    if not form.is_valid():
        return _page(request, found, verify_token_form=form)
    services.change_verify_token(
        found, form.cleaned_data["token"], by=request.user, now=timezone.now()
    )
    return _done(key, "verify-token")


@require_POST
@requires("channels.manage")
def access_token(request: StaffRequest, key: str) -> HttpResponse:
    """Hand in another access token."""
    found = _account(request, key)
    of_channel = AccessTokenForm if found.is_whatsapp else KeyForm
    form = of_channel(request.POST, auto_id="new-access-%s")
    if form.is_valid():
        try:
            services.offer_access_token(
                found, form.cleaned_data["token"], by=request.user, now=timezone.now()
            )
        except services.SecretUnchanged as refused:
            form.add_error("token", str(refused))
        else:
            return _done(key, "access-token")
    return _page(request, found, access_token_form=form)


@require_http_methods(["GET", "POST"])
@requires("channels.manage")
def test_send(request: StaffRequest) -> HttpResponse:
    """Send a template or a text to a phone of one's own."""
    numbers = selectors.numbers_for(request.access, "channels.manage", of_all=True)
    given = request.POST if request.method == "POST" else request.GET
    choices = selectors.templates_to_try(numbers)
    template = next((t for t in choices if str(t.public_id) == given.get("template")), None)
    if request.method == "POST":
        form = TestForm(request.POST, numbers=numbers, template=template)
        if form.is_valid():
            try:
                row = services.send_test(
                    form.cleaned_data["number"],
                    form.cleaned_data["phone"],
                    text=form.cleaned_data.get("text", ""),
                    template=template,
                    values=form.values,
                    by=request.user,
                    now=timezone.now(),
                )
            except DomainError as refused:
                field = f"value:{getattr(refused, 'field', '')}"
                form.add_error(field if field in form.fields else None, str(refused))
            else:
                return redirect("channels:test", row.public_id)
    else:
        wanted = given.get("number") or (
            next((n.pk for n in numbers if n.account_id == template.account_id), None)
            if template
            else None
        )
        form = TestForm(numbers=numbers, template=template, initial={"number": wanted})
    return render(
        request,
        "channels/test_send.html",
        {"form": form, "template": template, "templates": choices, "numbers": numbers},
        status=422 if form.errors else 200,
    )


@require_GET
@requires("channels.manage")
def test(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """How far a test message has come."""
    row = get_object_or_404(
        Outgoing.objects.select_related("number__account", "number__node", "template"),
        public_id=public_id,
        subject_type=TEST_SUBJECT,
    )
    request.access.require("channels.manage", row.number.node)
    return render(
        request,
        f"channels/test.html{'#progress' if request.htmx else ''}",
        {
            "row": row,
            "reason": wording.of_failure(row.error) if row.error else "",
            "is_over": row.state
            in {Outgoing.State.DELIVERED, Outgoing.State.READ, Outgoing.State.FAILED},
        },
    )


def _account(request: StaffRequest, key: str) -> Account:
    found = get_object_or_404(
        Account.objects.select_related("portfolio", "new_access_token_by"), key=key
    )
    request.access.require("channels.manage", services.owner_of(found))
    return found


def _page(request: StaffRequest, found: Account, **bound: forms.Form) -> HttpResponse:
    if not found.is_whatsapp:
        return gateways.page(request, found, **bound)
    numbers = list(found.numbers.select_related("node").order_by("pk"))
    context: dict[str, Any] = {
        "account": found,
        "numbers": numbers,
        "nodes": Node.objects.order_by("position", "pk"),
        "story": selectors.story_of(found),
        "callback": request.build_absolute_uri(f"/hooks/{found.channel}/{found.key}"),
        "fields": FIELDS,
        "refused": wording.of_new_token(found.new_access_token_error)
        if found.new_access_token_error
        else None,
        "has_previous_secret": found.previous_app_secret_until is not None
        and found.previous_app_secret_until > timezone.now(),
        "form": ChangeForm.of(found),
        "number_form": NumberForm(auto_id="number-%s"),
        "app_secret_form": AppSecretForm(auto_id="new-app-%s"),
        "verify_token_form": VerifyTokenForm(auto_id="new-verify-%s"),
        "access_token_form": AccessTokenForm(auto_id="new-access-%s"),
        "stop_form": StopForm(auto_id="stop-%s"),
        "opened": next(iter(bound), ""),
    }
    part = "#token" if request.htmx and not bound else ""
    return render(
        request, f"channels/account.html{part}", context | bound, status=422 if bound else 200
    )


def _done(key: str, section: str = "") -> HttpResponse:
    return redirect(f"{reverse('channels:account', args=[key])}{'#' if section else ''}{section}")
