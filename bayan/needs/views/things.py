"""Things: what there is, what is out of order, what is given out and filled up."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bayan.core import notices
from bayan.core.errors import DomainError
from bayan.core.forms import Controls
from bayan.core.views import refusal
from bayan.needs import planning, selectors, services
from bayan.needs.models import Booking, Movement, Outage, Thing
from bayan.needs.views.bookings import MomentField
from bayan.organisation.models import Node
from bayan.people.permissions import StaffRequest, requires

LATEST = 30
MOST = 1_000_000


class NodeField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """A choice of bodies, by name."""

    def label_from_instance(self, obj: Node) -> str:
        return obj.name


def _number(label: Any, **options: Any) -> forms.IntegerField:
    widget = forms.NumberInput(attrs={"inputmode": "numeric", "dir": "ltr"})
    return forms.IntegerField(label=label, max_value=MOST, widget=widget, **options)


class ThingForm(Controls):
    """A thing as it is written down; its name in English and what belongs to it may stay empty."""

    name_ar = forms.CharField(label=gettext_lazy("Name in Arabic"), max_length=80)
    name_en = forms.CharField(
        label=gettext_lazy("Name in English"),
        max_length=80,
        required=False,
        widget=forms.TextInput(attrs={"dir": "ltr"}),
    )
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=Thing.Kind.choices)
    note = forms.CharField(
        label=gettext_lazy("What belongs to it"),
        max_length=300,
        required=False,
        widget=forms.TextInput(attrs={"dir": "auto"}),
    )
    stock = _number(gettext_lazy("How many there are"), min_value=0)
    is_consumable = forms.BooleanField(
        label=gettext_lazy("It is used up: given out for good, and counted down"), required=False
    )
    low_at = _number(
        gettext_lazy("Low from"),
        min_value=0,
        required=False,
        help_text=gettext_lazy("Of what is used up: so few are to be bought again."),
    )
    buffer_minutes = _number(
        gettext_lazy("Minutes between two bookings"),
        min_value=0,
        required=False,
        help_text=gettext_lazy("Of what is lent: batteries are charged, a car is cleaned."),
    )

    def __init__(self, *args: Any, thing: Thing | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["buffer_minutes"].widget.attrs["max"] = 1440
        if thing is not None:
            # Its stock changes by what comes and goes, each with a word.
            del self.fields["stock"]
            del self.fields["is_consumable"]

    def facts(self, node: Node, thing: Thing | None) -> services.Facts:
        given = self.cleaned_data
        return services.Facts(
            kind=given["kind"],
            name_ar=given["name_ar"],
            name_en=given["name_en"],
            note=given["note"],
            node=node,
            stock=given.get("stock", thing.stock if thing else 0),
            is_consumable=given.get("is_consumable", False),
            low_at=given["low_at"] or 0,
            buffer_minutes=min(given["buffer_minutes"] or 0, 1440),
        )


class OutageForm(Controls):
    """How many, from when until when, why."""

    count = _number(gettext_lazy("How many"), min_value=1, initial=1)
    starts_at = MomentField(label=gettext_lazy("From"))
    ends_at = MomentField(label=gettext_lazy("Until"))
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200)


class GiveOutForm(Controls):
    """How many, to whom, what for."""

    count = _number(gettext_lazy("How many"), min_value=1)
    to = NodeField(
        label=gettext_lazy("To whom"),
        queryset=Node.objects.none(),
        to_field_name="key",
        empty_label="—",
    )
    words = forms.CharField(label=gettext_lazy("What for"), max_length=200, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        to = self.fields["to"]
        assert isinstance(to, NodeField)  # noqa: S101  # ours, above
        to.queryset = Node.objects.order_by("position", "pk")


class RestockForm(Controls):
    """How many come; below zero corrects the count."""

    change = _number(gettext_lazy("How many more"), min_value=-MOST)
    words = forms.CharField(
        label=gettext_lazy("From where, or why it is corrected"), max_length=200
    )


@require_GET
@requires("needs.read")
def things(request: StaffRequest) -> HttpResponse:
    """What there is: lent things with how many are free now, and what is used up with its stock."""
    rows = list(planning.things(now=timezone.now()))
    context = {
        "lent": [row for row in rows if not row.is_consumable],
        "used_up": [row for row in rows if row.is_consumable],
        "may_book": request.access.may("needs.ask"),
        "may_manage": request.access.may("needs.manage"),
    }
    return render(request, "needs/things.html", context)


@require_GET
@requires("needs.read")
def thing(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """One thing: how many, what is booked of it, what came and went."""
    return _page(request, public_id)


def _page(
    request: StaffRequest, public_id: UUID, *, status: int = HTTPStatus.OK, **more: Any
) -> HttpResponse:
    now = timezone.now()
    found = get_object_or_404(planning.things(now=now), public_id=public_id)
    access = request.access
    may_manage = access.may("needs.manage", found.node)
    may_provide = access.may("needs.provide", found.node)
    context = {
        "thing": found,
        "bookings": Booking.objects.standing()
        .filter(thing=found)
        .select_related("node", "booked_by")
        .order_by("starts_at")[:LATEST],
        "outages": Outage.objects.filter(thing=found, ends_at__gt=now).order_by("starts_at"),
        "movements": Movement.objects.filter(thing=found)
        .select_related("node", "by")
        .order_by("-at", "-pk")[:LATEST],
        "may_book": access.may("needs.ask") and not found.is_consumable,
        "may_manage": may_manage,
        "may_provide": may_provide,
        "outage_form": OutageForm() if may_provide and not found.is_consumable else None,
        "give_form": GiveOutForm() if may_provide and found.is_consumable else None,
        "restock_form": RestockForm() if may_manage else None,
        "now": now,
    }
    return render(request, "needs/thing.html", context | more, status=status)


def _owned(request: StaffRequest, public_id: UUID, permission: str) -> Thing:
    found = get_object_or_404(Thing.objects.select_related("node"), public_id=public_id)
    request.access.require(permission, found.node)
    return found


@require_http_methods(["GET", "POST"])
@requires("needs.manage")
def new_thing(request: StaffRequest) -> HttpResponse:
    """Write down a thing of the reader's body."""
    node = selectors.home_of(request.access, "needs.manage")
    assert node is not None  # noqa: S101  # the door let only members with such a role through
    return _edit(request, None, node)


@require_http_methods(["GET", "POST"])
@requires("needs.manage")
def edit_thing(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Change what is known of a thing."""
    found = _owned(request, public_id, "needs.manage")
    return _edit(request, found, found.node)


def _edit(request: StaffRequest, found: Thing | None, node: Node) -> HttpResponse:
    known = (
        {
            name: getattr(found, name)
            for name in ("name_ar", "name_en", "kind", "note", "low_at", "buffer_minutes")
        }
        if found
        else {}
    )
    form = ThingForm(request.POST or None, initial=known, thing=found)
    if request.method == "POST" and form.is_valid():
        made = services.save_thing(
            found, form.facts(node, found), by=request.user, now=timezone.now()
        )
        notices.say(request, _("Saved."))
        return redirect("needs:thing", made.public_id)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
    context = {"form": form, "thing": found, "node": node}
    return render(request, "needs/edit_thing.html", context, status=status)


@require_POST
@requires("needs.manage")
def restock(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Let some come into the stock, or correct it."""
    found = _owned(request, public_id, "needs.manage")
    form = RestockForm(request.POST)
    if not form.is_valid():
        return _page(request, public_id, status=HTTPStatus.UNPROCESSABLE_ENTITY, restock_form=form)
    given = form.cleaned_data
    services.restock(found, given["change"], given["words"], by=request.user, now=timezone.now())
    notices.say(request, _("The stock is noted."))
    return redirect("needs:thing", public_id)


@require_POST
@requires("needs.provide")
def give_out(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Give some out for good."""
    found = _owned(request, public_id, "needs.provide")
    form = GiveOutForm(request.POST)
    if not form.is_valid():
        return _page(request, public_id, status=HTTPStatus.UNPROCESSABLE_ENTITY, give_form=form)
    given = form.cleaned_data
    services.give_out(
        found, given["count"], to=given["to"], words=given["words"], by=request.user,
        now=timezone.now(),
    )  # fmt: skip
    notices.say(request, _("Given out, and counted down."))
    return redirect("needs:thing", public_id)


@require_POST
@requires("needs.provide")
def out_of_order(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Let some of a thing not be lent for a time."""
    found = _owned(request, public_id, "needs.provide")
    form = OutageForm(request.POST)
    if not form.is_valid():
        return _page(request, public_id, status=HTTPStatus.UNPROCESSABLE_ENTITY, outage_form=form)
    given = form.cleaned_data
    try:
        cancelled = services.take_out_of_order(
            found, given["count"], given["starts_at"], given["ends_at"], given["reason"],
            by=request.user, now=timezone.now(),
        )  # fmt: skip
    except DomainError as refused:
        return refusal(request, str(refused), status=422)
    said = ngettext(
        "Out of order; %(count)d booking that does not fit any more is cancelled.",
        "Out of order; %(count)d bookings that do not fit any more are cancelled.",
        cancelled,
    ) % {"count": cancelled}
    notices.say(request, said if cancelled else _("Out of order; no booking is touched."))
    return redirect("needs:thing", public_id)


@require_POST
@requires("needs.provide")
def mend(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Let it be lent again."""
    found = _owned(request, public_id, "needs.provide")
    key = request.POST.get("outage", "")
    outage = (
        Outage.objects.select_related("thing")
        .filter(
            thing=found,
            pk=int(key) if key.isascii() and key.isdigit() and len(key) < 18 else 0,
        )
        .first()
    )
    if outage is None:
        return refusal(request, _("It can be lent again."))
    services.mend(outage, by=request.user, now=timezone.now())
    notices.say(request, _("It can be lent again."))
    return redirect("needs:thing", public_id)
