"""Accounts of text messages and e-mail: adding and changing them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from bayan.channels import selectors, services, wording
from bayan.channels.forms.gateways import (
    KeyForm,
    NewEmailForm,
    NewSmsForm,
    SenderForm,
    change_form,
)
from bayan.channels.forms.health import StopForm
from bayan.channels.models import Account
from bayan.people.permissions import StaffRequest, requires


@require_http_methods(["GET", "POST"])
@requires("channels.manage")
def new_sms(request: StaffRequest) -> HttpResponse:
    """A gateway of text messages with its first sender."""
    form = NewSmsForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        request.access.require("channels.manage", given["node"])
        account = services.create_account(
            key=given["key"],
            channel=Account.Channel(given["channel"]),
            nature=Account.Nature(given["nature"]),
            name=given["name"],
            base_url=given["base_url"],
            access_token=given["access_token"],
            sender_class=given["sender_class"],
            numbers={services.sender_id(given["key"], given["sender"]): given["sender"]},
            node=given["node"],
            by=request.user,
            now=timezone.now(),
            **services.gateway_secrets(),
        )
        return redirect("channels:account", account.key)
    return _form(request, "channels/sms_new.html", form)


@require_http_methods(["GET", "POST"])
@requires("channels.manage")
def new_email(request: StaffRequest) -> HttpResponse:
    """An e-mail account."""
    form = NewEmailForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        request.access.require("channels.manage", given["node"])
        account = services.create_account(
            key=given["key"],
            channel=Account.Channel.EMAIL,
            nature=Account.Nature(given["nature"]),
            name=given["name"],
            base_url=given["base_url"],
            inbox_url=given["inbox_url"],
            login=given["login"],
            access_token=given["access_token"],
            numbers={given["address"].lower(): given["address"].lower()},
            node=given["node"],
            by=request.user,
            now=timezone.now(),
            **services.gateway_secrets(),
        )
        return redirect("channels:account", account.key)
    return _form(request, "channels/email_new.html", form)


@require_POST
@requires("channels.manage")
def change(request: StaffRequest, key: str) -> HttpResponse:
    """Change what is no secret."""
    found = _account(request, key)
    form = change_form(found, request.POST)
    if not form.is_valid():
        return page(request, found, form=form)
    services.change_gateway(found, **form.cleaned_data, by=request.user, now=timezone.now())
    return redirect("channels:account", key)


@require_POST
@requires("channels.manage")
def save_sender(request: StaffRequest, key: str) -> HttpResponse:
    """One more sender's name, or another kind for one that is there."""
    found = _account(request, key)
    if not found.is_sms:
        raise Http404
    form = SenderForm(request.POST, auto_id="sender-%s")
    if not form.is_valid():
        return page(request, found, sender_form=form)
    given = form.cleaned_data
    services.save_number(
        found,
        external_id=services.sender_id(found.key, given["sender"]),
        display=given["sender"],
        sender_class=given["sender_class"],
        node=services.owner_of(found),
        by=request.user,
        now=timezone.now(),
    )
    return redirect(f"{reverse('channels:account', args=[key])}#numbers")


def page(request: StaffRequest, found: Account, **bound: forms.Form) -> HttpResponse:
    """The account's page, with what was entered and refused."""
    callback = f"/hooks/{found.channel}/{found.key}/{found.verify_token}"
    context: dict[str, Any] = {
        "account": found,
        "numbers": list(found.numbers.select_related("node").order_by("pk")),
        "story": selectors.story_of(found),
        "callback": request.build_absolute_uri(callback) if found.is_sms else "",
        "refused": wording.of_new_token(found.new_access_token_error)
        if found.new_access_token_error
        else None,
        "form": change_form(found),
        "sender_form": SenderForm(auto_id="sender-%s"),
        "access_token_form": KeyForm(auto_id="new-access-%s"),
        "stop_form": StopForm(auto_id="stop-%s"),
        "opened": next(iter(bound), ""),
    }
    part = "#token" if request.htmx and not bound else ""
    return render(
        request, f"channels/gateway.html{part}", context | bound, status=422 if bound else 200
    )


def _account(request: StaffRequest, key: str) -> Account:
    found = get_object_or_404(Account.objects.exclude(channel=Account.Channel.WHATSAPP), key=key)
    request.access.require("channels.manage", services.owner_of(found))
    return found


def _form(request: StaffRequest, template: str, form: forms.Form) -> HttpResponse:
    return render(request, template, {"form": form}, status=422 if form.errors else 200)
