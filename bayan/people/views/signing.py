"""Signing in, in the demo with one click, and where that leads."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from allauth.account.views import LoginView
from django.conf import settings
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from bayan.people import selectors
from bayan.people.models import Member
from bayan.people.permissions import Access


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Lead to what needs the member now, or to their own page; to the sign-in page who is not signed in."""
    access: Access | None = getattr(request, "access", None)
    return redirect("today:today" if access is None or access.may("cases.read") else "people:me")


class SignIn(LoginView):  # type: ignore[misc]  # allauth ships no types
    """E-mail and password; in the demo also its people, one click each."""

    def get_context_data(self, **extra: Any) -> dict[str, Any]:
        members = selectors.demo_members() if settings.IS_DEMO else []
        context: dict[str, Any] = super().get_context_data(demo_members=members, **extra)
        return context


sign_in = SignIn.as_view()


@require_POST
def demo_sign_in(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Sign in as one of the demo's people; exists only while the demo runs."""
    if not settings.IS_DEMO:
        raise Http404
    member = get_object_or_404(Member, public_id=public_id, is_demo=True, is_active=True)
    login(request, member, backend=settings.AUTHENTICATION_BACKENDS[0])
    target = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}):
        target = settings.LOGIN_REDIRECT_URL
    return redirect(target)
