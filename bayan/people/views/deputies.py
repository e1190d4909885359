"""Deputies, named by the member on their own page or by a director on the member's."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from bayan.core.errors import DomainError
from bayan.people import selectors, services
from bayan.people.forms.deputies import DeputyForm
from bayan.people.models import Deputyship, Member
from bayan.people.permissions import StaffRequest, for_members, requires
from bayan.people.views import me, members


@require_POST
@for_members
def name_own(request: StaffRequest) -> HttpResponse:
    """The member is away, and a colleague stands in."""
    form = _named(request, request.user)
    return redirect("people:me") if form is None else me.page(request, deputy_form=form)


@require_POST
@requires("people.manage")
def name(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """The director names somebody for a member."""
    member = selectors.known_member(request.access, public_id)
    if member is None:
        raise Http404
    form = _named(request, member)
    if form is None:
        return redirect("people:member", public_id)
    return members.page(request, member, deputy_form=form)


@require_POST
@for_members
def end(request: StaffRequest, deputyship_id: int) -> HttpResponse:
    """Nobody stands in any more. For the member, the deputy, and who is in charge of the member."""
    found = get_object_or_404(
        Deputyship.objects.select_related("member", "deputy"), pk=deputyship_id
    )
    services.end_deputyship(found, by=request.access, now=timezone.now())
    if request.user.pk in (found.member_id, found.deputy_id):
        return redirect("people:me")
    return redirect("people:member", found.member.public_id)


def _named(request: StaffRequest, member: Member) -> DeputyForm | None:
    """Do it; the form is returned only if it did not work, with the reason."""
    now = timezone.now()
    form = DeputyForm(request.POST, member=member, now=now)
    if not form.is_valid():
        return form
    try:
        services.name_deputy(
            member,
            deputy=form.cleaned_data["deputy"],
            starts_at=form.starts_at,
            ends_at=form.ends_at,
            by=request.access,
            now=now,
        )
    except DomainError as refused:
        form.add_error(None, str(refused))
        return form
    return None
