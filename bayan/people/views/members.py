"""Members: the list, one member's page, their roles, letting them in or not."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from bayan.core.errors import DomainError
from bayan.core.exports import small_csv
from bayan.people import selectors, services
from bayan.people.forms.deputies import DeputyForm
from bayan.people.forms.me import AddressForm, BackupForm
from bayan.people.forms.members import FilterForm, RoleForm
from bayan.people.models import Member
from bayan.people.permissions import StaffRequest, requires

PAGE = 50
LINES_OF_HISTORY = 30


@require_GET
@requires("people.manage")
def members(request: StaffRequest) -> HttpResponse:
    """Who works in the bodies that this member is in charge of."""
    form = FilterForm(request.GET, access=request.access)
    after = request.GET.get("after", "")
    found = selectors.members_for(request.access, form.asked, now=timezone.now())
    context = {
        "form": form,
        "asked": form.asked,
        "page": selectors.page_of_members(found, after=_uuid(after), limit=PAGE),
        # Of a page that goes on nobody needs the number again.
        "total": found.count() if not after else None,
    }
    part = ("#rows" if after else "#list") if request.htmx else ""
    return render(request, f"people/members.html{part}", context)


@require_GET
@requires("people.manage")
def members_csv(request: StaffRequest) -> HttpResponse:
    """The same list, whole, for a spreadsheet."""
    now = timezone.now()
    found = selectors.members_for(
        request.access, FilterForm(request.GET, access=request.access).asked, now=now
    )
    heading = [_("Name in Arabic"), _("Name in English"), _("E-mail"), _("Mobile"), _("Roles")]
    rows = [
        [
            member.name_ar,
            member.name_en,
            member.email or "",
            member.phone or "",
            "; ".join(str(role) for role in member.standing),  # type: ignore[attr-defined]
        ]
        for member in found
    ]
    return small_csv(f"members-{now:%Y-%m-%d}", [heading, *rows])


@require_GET
@requires("people.manage")
def member(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """One member: roles, deputy, sessions, and what was done about them."""
    return page(request, _known(request, public_id))


@require_POST
@requires("people.manage")
def give_role(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """One more role."""
    found = _known(request, public_id)
    form = RoleForm(request.POST, access=request.access)
    if form.is_valid():
        given = form.cleaned_data
        try:
            services.give_role(
                found,
                kind=given["kind"],
                node=given["node"],
                ends_at=given["until"],
                by=request.access,
                now=timezone.now(),
            )
        except DomainError as refused:
            form.add_error(None, str(refused))
        else:
            return redirect("people:member", public_id)
    return page(request, found, role_form=form)


@require_POST
@requires("people.manage")
def end_role(request: StaffRequest, public_id: UUID, role_id: int) -> HttpResponse:
    """Take a role away."""
    found = _known(request, public_id)
    role = get_object_or_404(found.roles.select_related("member", "node"), pk=role_id)
    services.end_role(role, by=request.access, now=timezone.now())
    return redirect("people:member", public_id)


@require_POST
@requires("people.manage")
def switch_off(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Let the member in no more."""
    services.switch_off(_known(request, public_id), by=request.access, now=timezone.now())
    return redirect("people:member", public_id)


@require_POST
@requires("people.manage")
def switch_on(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Let the member in again."""
    services.switch_on(_known(request, public_id), by=request.access, now=timezone.now())
    return redirect("people:member", public_id)


@require_POST
@requires("people.manage")
def backup_phone(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Another mobile on which the member is to be reached."""
    found = _known(request, public_id)
    form = BackupForm(request.POST)
    if form.is_valid():
        try:
            services.set_backup_phone(
                found, form.cleaned_data["backup_phone"], by=request.access, now=timezone.now()
            )
        except DomainError as refused:
            form.add_error("backup_phone", str(refused))
        else:
            return redirect("people:member", public_id)
    return page(request, found, backup_form=form)


@require_POST
@requires("people.manage")
def address(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """An e-mail address for a member who has none."""
    found = _known(request, public_id)
    form = AddressForm(request.POST)
    if form.is_valid():
        try:
            services.give_address(
                found, form.cleaned_data["email"], by=request.access, now=timezone.now()
            )
        except services.AddressTaken as refused:
            form.add_error("email", str(refused))
        else:
            return redirect("people:member", public_id)
    return page(request, found, address_form=form)


def page(
    request: StaffRequest,
    found: Member,
    *,
    backup_form: BackupForm | None = None,
    address_form: AddressForm | None = None,
    role_form: RoleForm | None = None,
    deputy_form: DeputyForm | None = None,
) -> HttpResponse:
    """A member's page, with what was entered and refused."""
    now = timezone.now()
    roles = list(found.roles.select_related("node").order_by("-starts_at", "-pk"))
    context = {
        "member": found,
        "roles": [
            (role, request.access.may_give(role.kind, role.node))
            for role in roles
            if role.ends_at is None or role.ends_at > now
        ],
        "ended_roles": [role for role in roles if role.ends_at and role.ends_at <= now],
        "deputies": selectors.deputies_of(found, now=now),
        "stands_in_for": selectors.stands_in_for(found, now=now),
        "sessions": found.sessions.filter(expire_date__gt=now).order_by("-expire_date"),
        "clearances": found.clearances.order_by("-cleared_at"),
        "history": selectors.history_of(found, limit=LINES_OF_HISTORY),
        "is_oneself": found.pk == request.user.pk,
        "factor": selectors.second_factor_of(found),
        "is_in_charge": selectors.is_in_charge(request.access, found, now=now),
        "backup_form": backup_form
        or BackupForm(initial={"backup_phone": found.backup_phone and f"+{found.backup_phone}"}),
        "address_form": address_form or AddressForm(),
        "ways_failed": backup_form is not None or address_form is not None,
        "role_form": role_form or RoleForm(access=request.access),
        "role_failed": role_form is not None,
        "deputy_form": deputy_form or DeputyForm(member=found, now=now),
        "deputy_failed": deputy_form is not None,
    }
    failed = any(form is not None for form in (role_form, deputy_form, backup_form, address_form))
    return render(request, "people/member.html", context, status=422 if failed else 200)


def _known(request: StaffRequest, public_id: UUID) -> Member:
    found = selectors.known_member(request.access, public_id)
    if found is None:
        raise Http404
    return found


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
