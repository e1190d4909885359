"""The second factor: set up, asked for at sign-in and before what is grave, taken off, reset."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import segno
from allauth.account.internal.decorators import login_stage_required
from allauth.core import ratelimit
from allauth.mfa.stages import AuthenticateStage
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from bayan.core import notices, secretbox
from bayan.core.errors import DomainError
from bayan.organisation.selectors import authority_names
from bayan.people import selectors, services
from bayan.people.forms.factor import CodeForm
from bayan.people.models import Member
from bayan.people.permissions import StaffRequest, for_members, requires, wants_factor

# In the session, locked: the secret of an app that is being set up.
SETTING_UP = "second_factor_secret"


# allauth ships no types.
@login_stage_required(  # type: ignore[untyped-decorator]
    stage=AuthenticateStage.key, redirect_urlname="account_login"
)
@require_http_methods(["GET", "POST"])
def at_sign_in(request: HttpRequest) -> HttpResponse:
    """Ask whoever has given their password for a code, too."""
    stage: Any = request._login_stage  # type: ignore[attr-defined]  # noqa: SLF001  # allauth's
    form = CodeForm(request.POST or None)
    if request.method == "POST" and _takes(request, stage.login.user, form):
        answer: HttpResponse = stage.exit()
        return answer
    status = 422 if form.is_bound else 200
    return render(request, "account/second_factor.html", {"form": form}, status=status)


def _takes(request: HttpRequest, member: Member, form: CodeForm) -> bool:
    """Whether the form holds a code of this member; if so, it is kept in the session."""
    if not form.is_valid():
        return False
    now = timezone.now()
    # Six digits are soon tried out, by whomever.
    if not ratelimit.consume(request, action="second_factor", key=f"member:{member.pk}"):
        form.add_error("code", _("Too many attempts. Wait a few minutes and try again."))
        return False
    try:
        services.check_second_factor(member, form.cleaned_data["code"], now=now)
    except DomainError as refused:
        form.add_error("code", str(refused))
        return False
    services.confirm_second_factor(request.session, now=now)
    return True


@never_cache
@require_http_methods(["GET", "POST"])
@for_members
def factor(request: StaffRequest) -> HttpResponse:
    """The member's own second factor: how it is, or the code from which their app learns it."""
    if selectors.second_factor_of(request.user) is None:
        return _set_up(request)
    form = CodeForm(request.POST or None)
    if request.method == "POST" and _takes(request, request.user, form):
        now = timezone.now()
        if request.POST.get("do") == "codes":
            return _codes(request, services.renew_recovery_codes(request.user, now=now))
        services.take_off_second_factor(
            request.user, is_wanted=wants_factor(request.access), now=now
        )
        request.session.pop(services.SECOND_FACTOR_GIVEN, None)
        notices.say(request, _("You are asked for no code at sign-in any more."))
        return redirect("people:me")
    return _page(request, form)


def _page(request: StaffRequest, form: CodeForm, **more: Any) -> HttpResponse:
    context = {
        "form": form,
        "factor": selectors.second_factor_of(request.user),
        "is_wanted": wants_factor(request.access),
        "next": _next(request),
    } | more
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "people/second_factor.html", context, status=status)


def _set_up(request: StaffRequest) -> HttpResponse:
    locked = request.session.get(SETTING_UP)
    secret = secretbox.unlock(locked.encode()) if locked else services.new_factor_secret()
    if not locked:
        request.session[SETTING_UP] = secretbox.lock(secret).decode()
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        now = timezone.now()
        try:
            codes = services.set_up_second_factor(
                request.user, secret, form.cleaned_data["code"], now=now
            )
        except DomainError as refused:
            form.add_error("code", str(refused))
        else:
            del request.session[SETTING_UP]
            services.confirm_second_factor(request.session, now=now)
            return _codes(request, codes)
    issuer = f"{_('Bayan')} · {authority_names()['en']}"
    address = services.factor_address(request.user, secret, issuer=issuer)
    spelt = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    return _page(request, form, drawn=_drawn(address), secret=spelt)


def _codes(request: StaffRequest, codes: list[str]) -> HttpResponse:
    spelt = [f"{code[:4]} {code[4:]}" for code in codes]
    context = {"codes": spelt, "next": _next(request)}
    return render(request, "people/recovery_codes.html", context)


def _drawn(address: str) -> SafeString:
    code = segno.make(address, error="m", micro=False)
    drawn = code.svg_inline(scale=5, border=2, dark="#101828", light="#ffffff", omitsize=True)
    return mark_safe(drawn)  # noqa: S308  # drawn here, of an address of ours


@never_cache
@require_http_methods(["GET", "POST"])
@for_members
def confirm(request: StaffRequest) -> HttpResponse:
    """Ask for a code before something grave, and lead back to it."""
    if selectors.second_factor_of(request.user) is None:
        return redirect("people:second_factor")
    form = CodeForm(request.POST or None)
    if request.method == "POST" and _takes(request, request.user, form):
        return redirect(_next(request))
    status = 422 if form.is_bound else 200
    context = {"form": form, "next": _next(request)}
    return render(request, "people/confirm_factor.html", context, status=status)


def _next(request: HttpRequest) -> str:
    """Where to go on: a page of ours, or the member's own."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()})
    return target if is_ours else "/me/"


@require_POST
@requires("people.manage")
def reset(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Take off the second factor of somebody who has lost it."""
    found = selectors.known_member(request.access, public_id)
    if found is None:
        raise Http404
    services.reset_second_factor(found, by=request.access, now=timezone.now())
    notices.say(
        request, _("Taken off. They set it up anew when they sign in, where their role wants it.")
    )
    return redirect("people:member", public_id)
