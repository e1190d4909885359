"""Requests and the forms in which they are made."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import F, Func, IntegerField, Q
from django.db.models.lookups import LessThanOrEqual
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from bayan.channels.models import Media, Reach
from bayan.core.models import PublicIdField
from bayan.organisation.models import Node
from bayan.people.models import Member
from bayan.work.models import Item

# A form is filled in on a phone.
MOST_FIELDS = 6


class Length(Func):
    """How many entries a list in JSON has."""

    function = "jsonb_array_length"
    output_field = IntegerField()


class Kind(models.TextChoices):
    """By what the year's inventory counts."""

    COVERAGE = "coverage", pgettext_lazy("need", "coverage and photography")
    DESIGN = "design", pgettext_lazy("need", "design")
    PRINTING = "printing", pgettext_lazy("need", "printing")
    TRANSLATION = "translation", pgettext_lazy("need", "translation")
    VEHICLE = "vehicle", pgettext_lazy("need", "vehicle")
    EQUIPMENT = "equipment", pgettext_lazy("need", "equipment")
    OTHER = "other", pgettext_lazy("need", "other")


class Form(models.Model):
    """What can be asked for: its fields are those of its present version."""

    public_id = PublicIdField()
    # By which the authority pack names it.
    key = models.SlugField(_("key"), max_length=60, unique=True)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    # Who provides it.
    provider = models.ForeignKey(Node, models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    is_on = models.BooleanField(_("offered"), default=True)
    version = models.ForeignKey("FormVersion", models.PROTECT, null=True, related_name="+")

    def __str__(self) -> str:
        return self.key


class FormVersion(models.Model):
    """A form as it was for a while: a request keeps the one in which it was made."""

    form = models.ForeignKey(Form, models.CASCADE, related_name="versions")
    number = models.PositiveSmallIntegerField(_("version"))
    name_ar = models.CharField(_("name in Arabic"), max_length=80)
    name_en = models.CharField(_("name in English"), max_length=80, blank=True)
    help_ar = models.CharField(_("help in Arabic"), max_length=200, blank=True)
    help_en = models.CharField(_("help in English"), max_length=200, blank=True)
    # As `needs.fields.Field` reads them.
    fields = models.JSONField(_("fields"))
    made_by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    made_at = models.DateTimeField(_("made"))

    class Meta:
        constraints = [
            models.UniqueConstraint("form", "number", name="form_version_once"),
            models.CheckConstraint(
                condition=LessThanOrEqual(Length("fields"), MOST_FIELDS),
                name="form_version_fits_a_phone",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.form_id} {self.number}"

    @property
    def name(self) -> str:
        return (self.name_en if get_language() == "en" else "") or self.name_ar

    @property
    def help(self) -> str:
        return (self.help_en if get_language() == "en" else "") or self.help_ar


class NeedQuerySet(models.QuerySet["Need"]):
    def undecided(self) -> NeedQuerySet:
        return self.filter(state__in=UNDECIDED)

    def open(self) -> NeedQuerySet:
        """What somebody still has to do something for."""
        return self.filter(state__in=OPEN)

    def late(self, *, now: datetime) -> NeedQuerySet:
        return self.filter(state__in=TO_PROVIDE, due_at__lt=now)


class Need(models.Model):
    """One request of a body: asked, decided, provided, confirmed by whoever asked."""

    class State(models.TextChoices):
        ASKED = "asked", pgettext_lazy("need", "asked")
        REVIEW = "review", pgettext_lazy("need", "under review")
        GRANTED = "granted", pgettext_lazy("need", "granted")
        PARTLY = "partly", pgettext_lazy("need", "granted in part")
        REFUSED = "refused", pgettext_lazy("need", "not granted")
        PROVIDED = "provided", pgettext_lazy("need", "provided")
        CONFIRMED = "confirmed", pgettext_lazy("need", "received")
        WITHDRAWN = "withdrawn", pgettext_lazy("need", "withdrawn")

    public_id = PublicIdField()
    reference = models.CharField(_("number"), max_length=9, unique=True)
    # Who asks, and who provides: both see it.
    node = models.ForeignKey(Node, models.PROTECT, related_name="+", db_index=False)
    provider = models.ForeignKey(Node, models.PROTECT, related_name="+", db_index=False)
    version = models.ForeignKey(FormVersion, models.PROTECT, related_name="needs")
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    title = models.CharField(_("subject"), max_length=140)
    # By the keys of the version's fields.
    answers: models.JSONField[Any, Any] = models.JSONField(_("answers"), default=dict)
    quantity = models.PositiveIntegerField(_("asked"), default=1)
    # When it is needed, where the form asks for it.
    starts_at = models.DateTimeField(_("needed from"), null=True)
    ends_at = models.DateTimeField(_("needed until"), null=True)

    state = models.CharField(_("state"), max_length=10, choices=State, default=State.ASKED)
    asked_by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    asked_at = models.DateTimeField(_("asked"))
    decided_by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField(_("decided"), null=True)
    # Why it was not granted, or not in full.
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    granted = models.PositiveIntegerField(_("granted"), null=True)
    # By when it is provided, and the task of whoever does it.
    due_at = models.DateTimeField(_("due"), null=True)
    item = models.ForeignKey(Item, models.SET_NULL, null=True, related_name="+")
    provided = models.PositiveIntegerField(_("provided"), null=True)
    provided_at = models.DateTimeField(_("provided"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)

    objects = NeedQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="refused") & ~Q(state="partly") | ~Q(reason=""),
                name="need_less_than_asked_has_a_reason",
            ),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="need_asks_for_something"),
            models.CheckConstraint(
                condition=Q(granted=None) | Q(granted__lte=F("quantity")),
                name="need_grants_no_more_than_asked",
            ),
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="need_ends_after_it_starts",
            ),
        ]
        indexes = [
            models.Index("node", F("asked_at").desc(), F("id").desc(), name="need_of_node"),
            models.Index("provider", F("asked_at").desc(), F("id").desc(), name="need_of_provider"),
            models.Index(F("asked_at").desc(), F("id").desc(), name="need_asked"),
            models.Index("item", name="need_of_item", condition=Q(item__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


State = Need.State
UNDECIDED = (State.ASKED, State.REVIEW)
TO_PROVIDE = (State.GRANTED, State.PARTLY)
OPEN = (*UNDECIDED, *TO_PROVIDE, State.PROVIDED)


class Step(models.Model):
    """What happened to a request, and that whoever asked is told of it."""

    class Way(models.TextChoices):
        WHATSAPP = "whatsapp", "WhatsApp"
        TEMPLATE = "template", _("WhatsApp, by template")
        PAGE = "page", _("on the page only")

    need = models.ForeignKey(Need, models.CASCADE, related_name="steps")
    # The state to which it led.
    state = models.CharField(_("state"), max_length=10, choices=Need.State)
    words = models.CharField(_("words"), max_length=1000, blank=True)
    by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    # Without an account, by a link.
    by_name = models.CharField(_("who"), max_length=120, blank=True)
    at = models.DateTimeField(_("at"))
    # Not before: what was done can be undone until then. Empty: nobody is told.
    tell_at = models.DateTimeField(_("to tell"), null=True)
    told_at = models.DateTimeField(_("told"), null=True)
    way = models.CharField(_("way"), max_length=10, choices=Way, blank=True)
    # The letter by which it goes on where WhatsApp fails; it knows how far that is.
    reach = models.ForeignKey(Reach, models.SET_NULL, null=True, related_name="+")

    class Meta:
        indexes = [
            models.Index(
                "tell_at",
                name="need_step_to_tell",
                condition=Q(told_at=None, tell_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.need_id} {self.state}"


class Attachment(models.Model):
    """A file of a request, in one of its fields."""

    need = models.ForeignKey(Need, models.CASCADE, related_name="attachments")
    field = models.CharField(_("field"), max_length=20)
    media = models.ForeignKey(Media, models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"{self.need_id} {self.field}"
