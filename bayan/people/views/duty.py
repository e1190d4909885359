"""The duty roster by week, and one turn's page."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from bayan.core.errors import DomainError
from bayan.organisation.models import Node
from bayan.people import selectors, services
from bayan.people.forms.duty import NoteForm, PlanForm, SwapForm, first_of_week, moment
from bayan.people.models import Swap, Turn
from bayan.people.permissions import StaffRequest, for_members, requires

WEEK = timedelta(days=7)


@require_GET
@requires("duty.read")
def roster(request: StaffRequest) -> HttpResponse:
    """A body's week: who is on duty when, and who is now."""
    node = _body(request, request.GET.get("body", ""))
    return _roster(request, node, _week(request.GET.get("from", "")))


@require_POST
@requires("duty.manage")
def plan(request: StaffRequest, key: str) -> HttpResponse:
    """Put a week's pattern into the roster."""
    node = _body(request, key)
    request.access.require("duty.manage", node)
    first, now = _week(request.POST.get("from", "")), timezone.now()
    form = PlanForm(request.POST, node=node, first_day=first, now=now)
    if form.is_valid():
        try:
            services.plan_turns(node, list(form.slots), by=request.access, now=now)
        except DomainError as refused:
            form.add_error(None, str(refused))
        else:
            return _back_to(node, first)
    return _roster(request, node, first, form=form)


@require_GET
@requires("duty.read")
def turn(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """One turn: who, when, the note, and what may be done with it."""
    return _turn(request, _found(request, public_id))


@require_POST
@requires("duty.manage")
def remove(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Take the turn out of the roster."""
    found = _found(request, public_id)
    services.remove_turn(found, by=request.access, now=timezone.now())
    return _back_to(found.node, timezone.localdate(found.starts_at))


@require_POST
@requires("duty.read")
def swap(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Ask a colleague to take the turn; whoever writes the roster gives it at once."""
    found, now = _found(request, public_id), timezone.now()
    form = SwapForm(request.POST, turn=found, now=now)
    if form.is_valid():
        given = form.cleaned_data
        try:
            services.ask_swap(
                found, to=given["to"], in_return=given["in_return"], by=request.access, now=now
            )
        except DomainError as refused:
            form.add_error(None, str(refused))
        else:
            return redirect("people:turn", public_id)
    return _turn(request, found, swap_form=form)


@require_POST
@for_members
def answer(request: StaffRequest, swap_id: int) -> HttpResponse:
    """Take the turn over, or not."""
    services.answer_swap(
        get_object_or_404(Swap, pk=swap_id),
        accepts=request.POST.get("answer") == "yes",
        by=request.access,
        now=timezone.now(),
    )
    return redirect("people:me")


@require_POST
@for_members
def withdraw_swap(request: StaffRequest, swap_id: int) -> HttpResponse:
    """Take the question back."""
    services.withdraw_swap(
        get_object_or_404(Swap, pk=swap_id), by=request.access, now=timezone.now()
    )
    return redirect("people:me")


@require_POST
@requires("duty.read")
def hand_over(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Write the note for the next one."""
    found = _found(request, public_id)
    form = NoteForm(request.POST)
    if form.is_valid():
        services.hand_over(found, form.cleaned_data["note"], by=request.access, now=timezone.now())
        return redirect("people:turn", public_id)
    return _turn(request, found, note_form=form)


@require_POST
@requires("duty.read")
def acknowledge(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """The next one has read the note."""
    services.acknowledge(_found(request, public_id), by=request.access, now=timezone.now())
    return redirect("people:turn", public_id)


def _roster(
    request: StaffRequest, node: Node, first: date, *, form: PlanForm | None = None
) -> HttpResponse:
    now = timezone.now()
    may_plan = request.access.may("duty.manage", node)
    turns = selectors.turns_of(node, since=moment(first), before=moment(first + WEEK))
    days = [first + timedelta(days=number) for number in range(WEEK.days)]
    if may_plan and form is None:
        form = PlanForm(node=node, first_day=first, now=now)
    context = {
        "node": node,
        "may_print_tree": request.access.may("duty.manage"),
        "bodies": selectors.bodies_for(request.access, "duty.read"),
        "first": first,
        "last": days[-1],
        "previous": first - WEEK,
        "following": first + WEEK,
        "is_this_week": first == first_of_week(timezone.localdate(now)),
        "today": timezone.localdate(now),
        "now": now,
        "days": [
            # A turn that began the evening before the week is shown on the week's first day, as such.
            (
                day,
                [
                    (t, timezone.localdate(t.starts_at) < first)
                    for t in turns
                    if max(timezone.localdate(t.starts_at), first) == day
                ],
            )
            for day in days
        ],
        "is_empty": not turns,
        "on_duty": selectors.on_duty(node, now=now),
        "waiting": selectors.hand_over_to(request.user, now=now),
        "may_plan": may_plan,
        "form": form if may_plan else None,
    }
    failed = form is not None and form.is_bound
    return render(request, "people/duty.html", context, status=422 if failed else 200)


def _turn(
    request: StaffRequest,
    found: Turn,
    *,
    swap_form: SwapForm | None = None,
    note_form: NoteForm | None = None,
) -> HttpResponse:
    now = timezone.now()
    is_own = found.member_id == request.user.pk
    may_plan = request.access.may("duty.manage", found.node)
    following = selectors.turn_after(found)
    is_ahead = found.starts_at > now
    context = {
        "turn": found,
        "is_own": is_own,
        "may_plan": may_plan,
        "is_under_way": found.starts_at <= now < found.ends_at,
        "is_over": found.ends_at <= now,
        "week": first_of_week(timezone.localdate(found.starts_at)),
        "swap": found.swaps.filter(outcome="").select_related("asked", "in_return").first(),
        "swap_form": (swap_form or SwapForm(turn=found, now=now))
        if is_ahead and (is_own or may_plan)
        else None,
        "note_form": (note_form or NoteForm(initial={"note": found.note}))
        if is_own and found.may_be_handed_over(now=now)
        else None,
        "may_acknowledge": found.noted_at
        and not found.acknowledged_at
        and following is not None
        and following.member_id == request.user.pk,
    }
    failed = bool((swap_form and swap_form.errors) or (note_form and note_form.errors))
    return render(request, "people/turn.html", context, status=422 if failed else 200)


def _body(request: StaffRequest, key: str) -> Node:
    """The body that was asked for; without one, that of the member's main role."""
    if key:
        return get_object_or_404(selectors.bodies_for(request.access, "duty.read"), key=key)
    role = request.access.main_role
    assert role is not None  # noqa: S101  # the door asks for a role
    return role.node


def _found(request: StaffRequest, public_id: UUID) -> Turn:
    found = get_object_or_404(
        Turn.objects.select_related("node", "member", "acknowledged_by"), public_id=public_id
    )
    if not request.access.may("duty.read", found.node):
        raise Http404
    return found


def _week(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = timezone.localdate()
    # Far away from now nobody plans, and the calendar ends.
    return first_of_week(
        day if abs(day - timezone.localdate()).days < 3660 else timezone.localdate()
    )


def _back_to(node: Node, day: date) -> HttpResponse:
    query = urlencode({"body": node.key, "from": first_of_week(day).isoformat()})
    return redirect(f"{reverse('people:duty')}?{query}")
