"""What members report from the field."""

from __future__ import annotations

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from bayan.cases.models import Case
from bayan.core.models import PublicIdField
from bayan.organisation.models import Node
from bayan.people.models import Member


class FieldReportQuerySet(models.QuerySet["FieldReport"]):
    def shown(self) -> FieldReportQuerySet:
        """Those that say something and were not called off."""
        return self.exclude(state=FieldReport.State.DROPPED).exclude(messages=[])


class FieldReport(models.Model):
    """Pictures, place and words that a member sent from where they stand, until they said that is all."""

    class State(models.TextChoices):
        DRAFT = "draft", pgettext_lazy("field report", "not finished")
        SENT = "sent", pgettext_lazy("field report", "sent")
        DROPPED = "dropped", pgettext_lazy("field report", "called off")

    public_id = PublicIdField()
    # The member's body: what they report is its business, and that of those above it.
    node = models.ForeignKey(Node, models.PROTECT, related_name="+", db_index=False)
    member = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+", db_index=False)
    # Keys of its messages, in their order; they stand in a case's conversation once it belongs to one.
    messages = ArrayField(models.BigIntegerField(), default=list, verbose_name=_("messages"))
    text = models.TextField(_("text"), blank=True)
    latitude = models.FloatField(_("latitude"), null=True)
    longitude = models.FloatField(_("longitude"), null=True)
    place = models.CharField(_("place"), max_length=200, blank=True)
    # How many of its messages are pictures, videos, voice or documents.
    files = models.PositiveSmallIntegerField(_("files"), default=0)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.DRAFT)
    begun_at = models.DateTimeField(_("begun"))
    # When its last part came.
    at = models.DateTimeField(_("at"))
    # Until then the member's messages are taken for parts of it; empty: no more.
    awaits_until = models.DateTimeField(_("waits for parts until"), null=True)
    # When the member was told what is there and what is missing, and that nothing is: each once.
    told_at = models.DateTimeField(_("told"), null=True)
    whole_at = models.DateTimeField(_("told that it is whole"), null=True)
    # What was opened of it, or what it was joined to.
    case = models.ForeignKey(Case, models.PROTECT, null=True, related_name="+", db_index=False)

    objects = FieldReportQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "member", name="field_report_one_at_a_time", condition=Q(awaits_until__isnull=False)
            ),
            models.CheckConstraint(
                condition=Q(awaits_until=None) | Q(state="draft"),
                name="field_report_waits_as_draft",
            ),
            models.CheckConstraint(
                condition=Q(latitude=None, longitude=None)
                | Q(latitude__gte=-90, latitude__lte=90, longitude__gte=-180, longitude__lte=180),
                name="field_report_is_on_earth",
            ),
        ]
        indexes = [
            models.Index(F("at").desc(), F("id").desc(), name="field_report_newest"),
            models.Index("case", name="field_report_of_case", condition=Q(case__isnull=False)),
        ]

    def __str__(self) -> str:
        return str(self.public_id)

    def is_awaited(self, *, now: datetime) -> bool:
        """True while the member's messages are parts of it."""
        return self.awaits_until is not None and self.awaits_until > now

    @property
    def point(self) -> tuple[float, float] | None:
        """Where it was reported, if that was sent."""
        if self.latitude is None or self.longitude is None:
            return None
        return self.latitude, self.longitude

    @property
    def has_place(self) -> bool:
        return self.point is not None

    @property
    def is_whole(self) -> bool:
        """Pictures, place and words are there."""
        return bool(self.files and self.has_place and self.text)
