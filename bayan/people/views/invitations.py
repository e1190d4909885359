"""Invitations: the open ones, a new one, and the page to which the link leads."""

from __future__ import annotations

from uuid import UUID

from allauth.core import ratelimit
from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from bayan.core.errors import DomainError
from bayan.core.views import refusal
from bayan.people import selectors, services
from bayan.people.forms.invitations import AcceptForm, InviteForm
from bayan.people.models import Invitation
from bayan.people.permissions import StaffRequest, requires

TOO_MANY = 429


@require_http_methods(["GET", "POST"])
@requires("people.manage")
def invitations(request: StaffRequest) -> HttpResponse:
    """Who is invited and has not come yet; and one more."""
    form = InviteForm(request.POST or None, access=request.access)
    if request.method != "POST" or not form.is_valid():
        return _page(request, form)
    if not ratelimit.consume(request, action="invite", user=request.user):
        return _too_many(request)
    given = form.cleaned_data
    try:
        invitation, secret = services.invite(
            email=given["email"],
            phone=given["phone"],
            name_ar=given["name_ar"],
            kind=given["kind"],
            node=given["node"],
            role_ends_at=given["until"],
            by=request.access,
            now=timezone.now(),
        )
    except DomainError as refused:
        form.add_error(None, str(refused))
        return _page(request, form)
    return _page(request, InviteForm(access=request.access), made=invitation, secret=secret)


@require_POST
@requires("people.manage")
def renew(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """A new link, shown this once."""
    invitation = _found(public_id)
    secret = services.renew_invitation(invitation, by=request.access, now=timezone.now())
    return _page(request, InviteForm(access=request.access), made=invitation, secret=secret)


@require_POST
@requires("people.manage")
def withdraw(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """The link leads nowhere any more."""
    services.withdraw_invitation(_found(public_id), by=request.access, now=timezone.now())
    return redirect("people:invitations")


@require_http_methods(["GET", "POST"])
@never_cache
@sensitive_post_parameters("password", "again")
def accept(request: HttpRequest, secret: str) -> HttpResponse:
    """Come in by the link: a look uses nothing up, the sent form does."""
    if request.user.is_authenticated:
        return refusal(
            request, _("You are signed in already. Sign out first to accept an invitation.")
        )
    # Counts what is sent, not looks: nobody guesses a link of 256 bits, and looking changes nothing.
    if not ratelimit.consume(request, action="accept_invitation"):
        return _too_many(request)
    now = timezone.now()
    invitation = selectors.invitation_behind(secret, now=now)
    if invitation is None:
        return refusal(
            request,
            _("This link is not good any more. Ask whoever invited you for a new one."),
            status=410,
        )
    form = AcceptForm(request.POST or None, invitation=invitation)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            member = services.accept_invitation(
                secret,
                name_ar=given["name_ar"],
                name_en=given["name_en"],
                email=given["email"],
                password=given["password"],
                now=now,
            )
        except (services.AddressTaken, services.PhoneTaken) as refused:
            form.add_error(None, str(refused))
        else:
            login(request, member, backend=settings.AUTHENTICATION_BACKENDS[0])
            return redirect("people:me")
    context = {"form": form, "invitation": invitation}
    return render(request, "people/accept.html", context, status=422 if form.errors else 200)


def _page(
    request: StaffRequest,
    form: InviteForm,
    *,
    made: Invitation | None = None,
    secret: str = "",
) -> HttpResponse:
    now = timezone.now()
    context = {
        "form": form,
        "made": made,
        "link": request.build_absolute_uri(reverse("people:accept", args=[secret]))
        if secret
        else "",
        "days": services.INVITATION_GOOD_FOR.days,
        "rows": [
            (invitation, invitation.expires_at <= now)
            for invitation in selectors.open_invitations(request.access)
        ],
    }
    response = render(
        request, "people/invitations.html", context, status=422 if form.errors else 200
    )
    if secret:
        response["Cache-Control"] = "no-store"
    return response


def _found(public_id: UUID) -> Invitation:
    return get_object_or_404(Invitation, public_id=public_id)


def _too_many(request: HttpRequest) -> HttpResponse:
    return refusal(
        request, _("Too many attempts. Wait a few minutes and try again."), status=TOO_MANY
    )
