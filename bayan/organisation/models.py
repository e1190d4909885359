"""The tree: authority, agencies, municipalities, departments."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from bayan.core.calendar import Span, spans_in


class NodeQuerySet(models.QuerySet["Node"]):
    def municipalities(self) -> NodeQuerySet:
        return self.filter(kind=Node.Kind.MUNICIPALITY)

    def targets(self) -> NodeQuerySet:
        """Those to which rules lead cases: municipalities, and departments wherever they belong."""
        return self.filter(kind__in=[Node.Kind.MUNICIPALITY, Node.Kind.DEPARTMENT])


class Node(models.Model):
    """One body of the tree. Every operational row belongs to one."""

    class Kind(models.TextChoices):
        AUTHORITY = "authority", _("authority")
        AGENCY = "agency", _("agency")
        MUNICIPALITY = "municipality", _("municipality")
        DEPARTMENT = "department", _("department")

    key = models.SlugField(_("key"), max_length=60, unique=True)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="children"
    )
    # Its ancestors and itself, from the root down: "is below" is one array look-up.
    lineage = ArrayField(models.BigIntegerField(), default=list)
    name_ar = models.CharField(_("name in Arabic"), max_length=120)
    name_en = models.CharField(_("name in English"), max_length=120)
    # The place alone, as a list shows it: «الخبر» beside «بلدية محافظة الخبر».
    short_name_ar = models.CharField(_("short name in Arabic"), max_length=80)
    short_name_en = models.CharField(_("short name in English"), max_length=80)
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    objects = NodeQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="authority", parent=None) | ~Q(kind="authority") & ~Q(parent=None),
                name="node_only_the_authority_is_a_root",
            ),
            models.UniqueConstraint(
                "kind", condition=Q(kind="authority"), name="node_one_authority"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return self.name_en if get_language() == "en" else self.name_ar

    @property
    def short_name(self) -> str:
        return self.short_name_en if get_language() == "en" else self.short_name_ar

    @property
    def is_target(self) -> bool:
        """As `targets`, of one."""
        return self.kind in {self.Kind.MUNICIPALITY, self.Kind.DEPARTMENT}

    @property
    def is_desk(self) -> bool:
        """True for the authority itself: what no body owns yet stands at its desk."""
        return self.kind == Node.Kind.AUTHORITY


class OutsideBody(models.Model):
    """A body that is none of ours, to which a matter is passed on."""

    key = models.SlugField(_("key"), max_length=60, unique=True)
    name_ar = models.CharField(_("name in Arabic"), max_length=120)
    name_en = models.CharField(_("name in English"), max_length=120)
    short_name_ar = models.CharField(_("short name in Arabic"), max_length=80)
    short_name_en = models.CharField(_("short name in English"), max_length=80)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    # Who takes what we give them, and by what they are reached.
    contact_name = models.CharField(_("contact person"), max_length=120, blank=True, db_default="")
    phone = models.CharField(_("mobile"), max_length=20, blank=True, db_default="")
    email = models.EmailField(_("e-mail"), blank=True, db_default="")

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return self.name_en if get_language() == "en" else self.name_ar

    @property
    def short_name(self) -> str:
        return self.short_name_en if get_language() == "en" else self.short_name_ar


class BodyHours(models.Model):
    """When one body works, where that is not as the authority does; what lies below it works so too."""

    node = models.OneToOneField(Node, models.CASCADE, primary_key=True, related_name="hours")
    # Seven lists of hours such as 07:30-14:30, Monday first; null: as above it.
    week = models.JSONField(_("week"), null=True)
    # The hours of working days in Ramadan; null: as above it.
    ramadan = models.JSONField(_("hours in Ramadan"), null=True)

    def __str__(self) -> str:
        return str(self.node_id)

    def spans_of_week(self) -> tuple[tuple[Span, ...], ...] | None:
        """The week as a calendar counts it."""
        return None if self.week is None else tuple(spans_in(day) for day in self.week)

    def spans_of_ramadan(self) -> tuple[Span, ...] | None:
        """The hours in Ramadan as a calendar counts them."""
        return None if self.ramadan is None else spans_in(self.ramadan)


class OwnDay(models.Model):
    """Days on which one body is closed, or open at other hours: its own holiday, a festival, a flood."""

    node = models.ForeignKey(Node, models.CASCADE, related_name="own_days")
    first = models.DateField(_("from"))
    last = models.DateField(_("until"))
    name = models.CharField(_("name"), max_length=120)
    # Empty: closed.
    hours = ArrayField(models.CharField(max_length=11), default=list, verbose_name=_("hours"))

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(last__gte=models.F("first")), name="own_day_ends_after_it_begins"
            )
        ]
        indexes = [models.Index("node", "first", name="own_day_of_node")]

    def __str__(self) -> str:
        return f"{self.name} {self.first}"
