"""A member's own page."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from django.views.i18n import set_language

from bayan.core import notices
from bayan.core import undo as core_undo
from bayan.core.errors import DomainError
from bayan.core.events import phone_numbers
from bayan.people import selectors, services
from bayan.people.forms.deputies import DeputyForm
from bayan.people.forms.me import BackupForm, PhoneForm, QuietForm
from bayan.people.permissions import StaffRequest, for_members

TURNS = 10


@require_GET
@for_members
def me(request: StaffRequest) -> HttpResponse:
    """What the member may do and until when, their turns, their deputy, their mobile."""
    return page(request)


@require_POST
@for_members
def link_phone(request: StaffRequest) -> HttpResponse:
    """A code to send from the mobile, shown this once."""
    form = PhoneForm(request.POST)
    if not form.is_valid() or not phone_numbers():
        return page(request, phone_form=form)
    try:
        code = services.ask_link_code(request.user, form.cleaned_data["phone"], now=timezone.now())
    except services.NoMobile as refused:
        form.add_error("phone", str(refused))
        return page(request, phone_form=form)
    response = page(request, code=code)
    response["Cache-Control"] = "no-store"
    return response


@require_POST
@for_members
def unlink_phone(request: StaffRequest) -> HttpResponse:
    """Know the member by their mobile no more."""
    services.unlink_phone(request.user, now=timezone.now())
    return redirect("people:me")


@require_POST
@for_members
def backup_phone(request: StaffRequest) -> HttpResponse:
    """Another mobile on which to be reached."""
    form = BackupForm(request.POST)
    if form.is_valid():
        try:
            services.set_backup_phone(
                request.user,
                form.cleaned_data["backup_phone"],
                by=request.access,
                now=timezone.now(),
            )
        except services.NoMobile as refused:
            form.add_error("backup_phone", str(refused))
        else:
            return redirect("people:me")
    return page(request, backup_form=form)


@require_POST
@for_members
def quiet(request: StaffRequest) -> HttpResponse:
    """Until when only emergencies come by WhatsApp: a span that is offered, a time, or no more."""
    span, now = request.POST.get("span", ""), timezone.now()
    if span == "end":
        services.end_quiet(request.user, now=now)
        return redirect("people:me")
    form = QuietForm(request.POST)
    if span in services.SPANS:
        until = services.end_of(span, now=now)
    elif form.is_valid():
        until = form.cleaned_data["until"]
    else:
        return page(request, quiet_form=form)
    try:
        services.be_quiet(request.user, until, now=now)
    except DomainError as refused:
        form.add_error("until", str(refused))
        return page(request, quiet_form=form)
    return redirect("people:me")


@require_POST
@for_members
def end_tour(request: StaffRequest) -> HttpResponse:
    """The member has been shown around, or does not want to be."""
    services.end_tour(request.user, now=timezone.now())
    return HttpResponse(status=204)


@require_POST
@for_members
def restart_tour(request: StaffRequest) -> HttpResponse:
    """Show the member around once more, from their first page on."""
    services.restart_tour(request.user)
    return redirect("home")


def page(
    request: StaffRequest,
    *,
    deputy_form: DeputyForm | None = None,
    phone_form: PhoneForm | None = None,
    backup_form: BackupForm | None = None,
    quiet_form: QuietForm | None = None,
    code: str = "",
) -> HttpResponse:
    """The page, with what was entered and refused, or with the code that was asked for."""
    now, member = timezone.now(), request.user
    swaps = selectors.swaps_for(member, now=now)
    context = {
        "member": member,
        "roles": [(role, role.member_id != member.pk) for role in request.access.roles],
        "turns": selectors.turns_ahead(member, now=now, limit=TURNS),
        "now": now,
        "factor": selectors.second_factor_of(member),
        "asked_of_me": [swap for swap in swaps if swap.asked_id == member.pk],
        "asked_by_me": [swap for swap in swaps if swap.asked_id != member.pk],
        "waiting": selectors.hand_over_to(member, now=now),
        "deputies": selectors.deputies_of(member, now=now),
        "stands_in_for": selectors.stands_in_for(member, now=now),
        "deputy_form": deputy_form or DeputyForm(member=member, now=now),
        "deputy_failed": deputy_form is not None,
        "phone_form": phone_form or PhoneForm(initial={"phone": member.phone}),
        "backup_form": backup_form
        or BackupForm(initial={"backup_phone": member.backup_phone and f"+{member.backup_phone}"}),
        "numbers": phone_numbers(),
        "code": code,
        "is_quiet": member.is_quiet(now=now),
        "spans": [(key, label) for key, (label, _ends) in services.SPANS.items()],
        "quiet_form": quiet_form or QuietForm(),
    }
    failed = any(form is not None for form in (deputy_form, phone_form, backup_form, quiet_form))
    return render(request, "people/me.html", context, status=422 if failed else 200)


@require_POST
@for_members
def undo(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Undo what the member has just done; the screens follow by themselves."""
    core_undo.undo(public_id, by=request.user, now=timezone.now())
    notices.say(request, _("Undone."))
    if request.htmx:
        return HttpResponse()
    back = request.headers.get("Referer", "")
    known = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
    return redirect(back if known else settings.LOGIN_REDIRECT_URL)


@require_POST
def speak(request: HttpRequest) -> HttpResponseBase:
    """Choose the language of the pages, and for a member that in which Bayan writes to them."""
    if request.user.is_authenticated:
        services.choose_language(request.user, request.POST.get("language", ""))
    return set_language(request)
