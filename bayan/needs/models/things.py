"""Things that are lent or given out, and who has them when."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from bayan.core.models import PublicIdField
from bayan.needs.models.asking import Need
from bayan.organisation.models import Node
from bayan.people.models import Member


class Thing(models.Model):
    """Something of which a body has so many: lent for a time, or given out for good."""

    class Kind(models.TextChoices):
        CAMERA = "camera", pgettext_lazy("thing", "photography")
        DRONE = "drone", pgettext_lazy("thing", "drone")
        SOUND = "sound", pgettext_lazy("thing", "sound and screens")
        VEHICLE = "vehicle", pgettext_lazy("thing", "vehicle")
        HALL = "hall", pgettext_lazy("thing", "hall")
        PRINTED = "printed", pgettext_lazy("thing", "printed matter")
        GIVEAWAY = "giveaway", pgettext_lazy("thing", "giveaways")
        OTHER = "other", pgettext_lazy("thing", "other")

    public_id = PublicIdField()
    # By which the authority pack names it; empty for what was added on the page.
    key = models.SlugField(_("key"), max_length=60, blank=True)
    # Whose it is. Every body may see it: who plans must know what there is.
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    name_ar = models.CharField(_("name in Arabic"), max_length=80)
    name_en = models.CharField(_("name in English"), max_length=80, blank=True)
    note = models.CharField(_("what belongs to it"), max_length=300, blank=True)
    # Given out for good, and counted down.
    is_consumable = models.BooleanField(_("is used up"), default=False)
    stock = models.PositiveIntegerField(_("stock"))
    # So few are to be bought again.
    low_at = models.PositiveIntegerField(_("low from"), default=0)
    # So long it rests between two bookings: batteries are charged, a car is cleaned.
    buffer_minutes = models.PositiveSmallIntegerField(_("minutes between bookings"), default=0)
    ended_at = models.DateTimeField(_("no longer there since"), null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("key", name="thing_key_once", condition=~Q(key="")),
        ]

    def __str__(self) -> str:
        return self.name_ar

    @property
    def name(self) -> str:
        return (self.name_en if get_language() == "en" else "") or self.name_ar

    @property
    def is_low(self) -> bool:
        return self.is_consumable and self.stock <= self.low_at


class BookingQuerySet(models.QuerySet["Booking"]):
    def standing(self) -> BookingQuerySet:
        """Those that keep a thing from others."""
        return self.filter(state__in=STANDING)

    def overdue(self, *, now: datetime) -> BookingQuerySet:
        return self.filter(state=Booking.State.OUT, ends_at__lt=now)


class Booking(models.Model):
    """So many of one thing, for a body, from then to then. The database keeps it within the stock."""

    class State(models.TextChoices):
        BOOKED = "booked", pgettext_lazy("booking", "booked")
        OUT = "out", pgettext_lazy("booking", "handed out")
        RETURNED = "returned", pgettext_lazy("booking", "returned")
        CANCELLED = "cancelled", pgettext_lazy("booking", "cancelled")

    class Condition(models.TextChoices):
        GOOD = "good", pgettext_lazy("condition", "in good order")
        DAMAGED = "damaged", pgettext_lazy("condition", "damaged")
        MISSING = "missing", pgettext_lazy("condition", "missing")

    public_id = PublicIdField()
    thing = models.ForeignKey(Thing, models.PROTECT, related_name="bookings", db_index=False)
    # Who has it, and whose it is: both see it.
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    lender = models.ForeignKey(Node, models.PROTECT, related_name="+")
    need = models.ForeignKey(Need, models.SET_NULL, null=True, related_name="bookings")
    count = models.PositiveIntegerField(_("how many"), default=1)
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    purpose = models.CharField(_("what for"), max_length=140, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.BOOKED)
    booked_by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    booked_at = models.DateTimeField(_("booked"))
    out_by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    out_at = models.DateTimeField(_("handed out"), null=True)
    out_note = models.CharField(_("condition when handed out"), max_length=300, blank=True)
    back_by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    back_at = models.DateTimeField(_("came back"), null=True)
    condition = models.CharField(
        _("condition when it came back"), max_length=10, choices=Condition, blank=True
    )
    back_note = models.CharField(_("what was noted"), max_length=300, blank=True)
    # Why it was cancelled by somebody else than who booked.
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True)
    # Somebody else cancelled it: whoever booked is to be told, and was.
    tell_at = models.DateTimeField(_("to tell"), null=True)
    told_at = models.DateTimeField(_("told"), null=True)

    objects = BookingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="booking_ends_after_it_starts"
            ),
            models.CheckConstraint(condition=Q(count__gt=0), name="booking_of_something"),
            models.CheckConstraint(
                condition=~Q(state="returned") | ~Q(condition=""),
                name="booking_comes_back_in_some_condition",
            ),
        ]
        indexes = [
            models.Index("thing", "starts_at", name="booking_of_thing"),
            models.Index("starts_at", "id", name="booking_starts"),
            models.Index(
                "tell_at",
                name="booking_to_tell",
                condition=Q(told_at=None, tell_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.count} of {self.thing_id} from {self.starts_at}"


STANDING = (Booking.State.BOOKED, Booking.State.OUT)


class Outage(models.Model):
    """So many of one thing cannot be lent, from then to then."""

    thing = models.ForeignKey(Thing, models.CASCADE, related_name="outages")
    count = models.PositiveIntegerField(_("how many"), default=1)
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    reason = models.CharField(_("reason"), max_length=200)
    made_by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    made_at = models.DateTimeField(_("made"))

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="outage_ends_after_it_starts"
            ),
            models.CheckConstraint(condition=Q(count__gt=0), name="outage_of_something"),
        ]

    def __str__(self) -> str:
        return f"{self.count} of {self.thing_id} from {self.starts_at}"


class Movement(models.Model):
    """So many came into the stock, or left it for good."""

    thing = models.ForeignKey(Thing, models.CASCADE, related_name="movements")
    # Below zero: given out, or gone.
    count = models.IntegerField(_("how many"))
    # Who got them.
    node = models.ForeignKey(Node, models.PROTECT, null=True, related_name="+")
    need = models.ForeignKey(Need, models.SET_NULL, null=True, related_name="movements")
    words = models.CharField(_("what for"), max_length=200, blank=True)
    by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(_("at"))

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(count=0), name="movement_of_something"),
        ]
        indexes = [models.Index("thing", F("at").desc(), name="movement_of_thing")]

    def __str__(self) -> str:
        return f"{self.count} of {self.thing_id}"
