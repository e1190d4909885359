"""Bookings: the calendar by week and month, booking, handing out and taking back."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bayan.core import notices
from bayan.core.errors import DomainError
from bayan.core.forms import Controls
from bayan.core.views import uuid_in
from bayan.needs import planning, selectors, services
from bayan.needs.models import Booking, Need, Thing
from bayan.people.permissions import StaffRequest, requires

AS_WRITTEN = "%Y-%m-%dT%H:%M"
WEEK = 7


class ThingField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """A choice of things, by name."""

    def label_from_instance(self, obj: Thing) -> str:
        return f"{obj.name} · {obj.node.short_name}"


class MomentField(forms.DateTimeField):
    """A day and a time, as a phone asks for them."""

    def __init__(self, **options: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=AS_WRITTEN)
        super().__init__(input_formats=[AS_WRITTEN], widget=widget, **options)


class BookForm(Controls):
    """What, from when until when, how many, what for: five fields."""

    thing = ThingField(
        label=gettext_lazy("What"),
        queryset=Thing.objects.none(),
        to_field_name="public_id",
        empty_label="—",
    )
    starts_at = MomentField(label=gettext_lazy("From"))
    ends_at = MomentField(label=gettext_lazy("Until"))
    count = forms.IntegerField(
        label=gettext_lazy("How many"),
        min_value=1,
        max_value=1000,
        initial=1,
        widget=forms.NumberInput(attrs={"inputmode": "numeric", "dir": "ltr"}),
    )
    purpose = forms.CharField(
        label=gettext_lazy("What for"),
        max_length=140,
        widget=forms.TextInput(attrs={"dir": "auto"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        thing = self.fields["thing"]
        assert isinstance(thing, ThingField)  # noqa: S101  # ours, above
        thing.queryset = selectors.lent_things()


def _day_in(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 2000 < found.year < 2100 else None


@require_GET
@requires("needs.read")
def calendar(request: StaffRequest) -> HttpResponse:
    """What is booked, by week or month; on a phone the same days below each other."""
    now = timezone.now()
    today = timezone.localdate(now)
    view = "month" if request.GET.get("view") == "month" else "week"
    asked = _day_in(request.GET.get("from", "")) or today
    key = uuid_in(request.GET.get("thing", ""))
    thing = selectors.lent_things().filter(public_id=key).first() if key else None
    if view == "month":
        begin = asked.replace(day=1)
        first = planning.sunday_of(begin)
        following = (begin + timedelta(days=32)).replace(day=1)
        before = (begin - timedelta(days=1)).replace(day=1)
        count = WEEK * -(-((following - first).days) // WEEK)
        days = planning.days(first, count, access=request.access, thing=thing, month=begin.month)
    else:
        begin = planning.sunday_of(asked)
        following, before = begin + timedelta(days=WEEK), begin - timedelta(days=WEEK)
        days = planning.days(begin, WEEK, access=request.access, thing=thing)
    context = {
        "days": days,
        "is_empty": not any(day.entries or day.outages for day in days),
        "view": view,
        "begin": begin,
        "last": following - timedelta(days=1),
        "before": before,
        "following": following,
        "today": today,
        "thing": thing,
        "things": selectors.lent_things(),
        "may_book": request.access.may("needs.ask"),
        "overdue": list(
            Booking.objects.overdue(now=now)
            .select_related("thing", "node", "booked_by")
            .order_by("ends_at")[:20]
        ),
        "now": now,
    }
    part = "#calendar" if request.htmx else ""
    return render(request, f"needs/calendar.html{part}", context)


@require_http_methods(["GET", "POST"])
@requires("needs.ask")
def book(request: StaffRequest) -> HttpResponse:
    """Book something for the reader's body, or for a request that they provide."""
    now = timezone.now()
    need = _need_of(request)
    node = need.node if need else selectors.home_of(request.access, "needs.ask")
    assert node is not None  # noqa: S101  # the door let only members with such a role through
    form = BookForm(request.POST or None, initial=_initial(request, need, now=now))
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            made = services.book(
                services.Wish(
                    thing=given["thing"],
                    node=node,
                    starts_at=given["starts_at"],
                    ends_at=given["ends_at"],
                    count=given["count"],
                    purpose=given["purpose"],
                    need=need,
                ),
                by=request.user,
                now=now,
            )
        except DomainError as refused:
            form.add_error(None, str(refused))
        else:
            notices.say(request, _("Booked. Nobody else gets it at that time."))
            return redirect("needs:booking", made.public_id)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
    context = {"form": form, "node": node, "need": need}
    return render(request, "needs/book.html", context, status=status)


def _need_of(request: StaffRequest) -> Need | None:
    key = uuid_in(request.POST.get("need", "") or request.GET.get("need", ""))
    if key is None:
        return None
    need = get_object_or_404(Need.objects.select_related("node", "provider"), public_id=key)
    request.access.require("needs.provide", need.provider)
    return need


def _initial(request: StaffRequest, need: Need | None, *, now: datetime) -> dict[str, Any]:
    day = _day_in(request.GET.get("day", "")) or timezone.localdate(now) + timedelta(days=1)
    starts = timezone.make_aware(datetime.combine(day, time(9)))
    ends = starts + timedelta(hours=4)
    if need is not None and need.starts_at:
        starts = need.starts_at
        ends = need.ends_at or starts + timedelta(hours=4)
    return {
        "thing": request.GET.get("thing", ""),
        "starts_at": timezone.localtime(starts).strftime(AS_WRITTEN),
        "ends_at": timezone.localtime(ends).strftime(AS_WRITTEN),
        "purpose": need.title if need else "",
    }


@require_GET
@requires("needs.read")
def booking(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """One booking, and what may be done with it."""
    now = timezone.now()
    found = get_object_or_404(
        Booking.objects.select_related(
            "thing", "node", "lender", "need", "booked_by", "out_by", "back_by"
        ),
        public_id=public_id,
    )
    may_lend = request.access.may("needs.provide", found.lender)
    context = {
        "booking": found,
        "may_lend": may_lend,
        "may_cancel": found.state == Booking.State.BOOKED and _may_cancel(request, found),
        "is_own": request.access.may("needs.ask", found.node),
        "conditions": Booking.Condition.choices,
        "mended_by": (timezone.localtime(now) + timedelta(days=7)).strftime("%Y-%m-%d"),
        "now": now,
    }
    part = "#content" if request.htmx else ""
    return render(request, f"needs/booking.html{part}", context)


def _may_cancel(request: StaffRequest, found: Booking) -> bool:
    access = request.access
    return access.may("needs.ask", found.node) or access.may("needs.provide", found.lender)


@require_POST
@requires("needs.ask")
def cancel(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Let others have it."""
    found = get_object_or_404(Booking.objects.select_related("node", "lender"), public_id=public_id)
    if not _may_cancel(request, found):
        raise PermissionDenied(
            _("Your role in %(body)s does not allow this.") % {"body": found.node.name}
        )
    services.cancel_booking(
        public_id, by=request.user, now=timezone.now(), reason=request.POST.get("reason", "")
    )
    notices.say(request, _("The booking is cancelled."))
    return redirect("needs:booking", public_id)


def _lent(request: StaffRequest, public_id: UUID) -> Booking:
    found = get_object_or_404(Booking.objects.select_related("lender"), public_id=public_id)
    request.access.require("needs.provide", found.lender)
    return found


@require_POST
@requires("needs.provide")
def hand_out(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Hand over what was booked."""
    _lent(request, public_id)
    services.hand_out(
        public_id, by=request.user, now=timezone.now(), note=request.POST.get("note", "")
    )
    notices.say(request, _("Handed out. Whoever booked it is reminded to bring it back."))
    return redirect("needs:booking", public_id)


@require_POST
@requires("needs.provide")
def take_back(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Take back what was handed out, in the condition in which it came."""
    _lent(request, public_id)
    until = _day_in(request.POST.get("mended_by", ""))
    services.take_back(
        public_id,
        request.POST.get("condition", ""),
        by=request.user,
        now=timezone.now(),
        note=request.POST.get("note", ""),
        mended_by=timezone.make_aware(datetime.combine(until, time(16))) if until else None,
    )
    notices.say(request, _("It is back, with its condition noted."))
    return redirect(reverse("needs:booking", args=[public_id]))
