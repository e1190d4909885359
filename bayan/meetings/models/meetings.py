"""Meetings: who is invited and comes, what is on the agenda, what was said and decided."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from bayan.channels.models import Media, Reach
from bayan.core.models import PublicIdField
from bayan.organisation.models import Node
from bayan.people.models import Member
from bayan.work.models import Item


class MeetingQuerySet(models.QuerySet["Meeting"]):
    def called(self) -> MeetingQuerySet:
        """Those to which people were invited, whatever became of them."""
        return self.filter(called_at__isnull=False)


class Meeting(models.Model):
    """People of several bodies at one table, in a room or by a link."""

    class Kind(models.TextChoices):
        SINGLE = "single", pgettext_lazy("meeting", "single meeting")
        PERIODIC = "periodic", pgettext_lazy("meeting", "periodic meeting of directors")

    class State(models.TextChoices):
        DRAFT = "draft", pgettext_lazy("meeting", "draft")
        CALLED = "called", pgettext_lazy("meeting", "invited")
        CANCELLED = "cancelled", pgettext_lazy("meeting", "cancelled")

    class Minutes(models.TextChoices):
        """How far its minutes are."""

        NONE = "", pgettext_lazy("minutes", "not written yet")
        REVIEW = "review", pgettext_lazy("minutes", "wait for the chair")
        RETURNED = "returned", pgettext_lazy("minutes", "returned for changes")
        APPROVED = "approved", pgettext_lazy("minutes", "approved")

    public_id = PublicIdField()
    # The body that holds it.
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    author = models.ForeignKey(Member, models.PROTECT, related_name="+")
    title = models.CharField(_("title"), max_length=140)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.SINGLE)
    starts_at = models.DateTimeField(_("begins"))
    minutes_long = models.PositiveSmallIntegerField(_("length in minutes"), default=60)
    place = models.CharField(_("place"), max_length=120, blank=True)
    link = models.CharField(_("link"), max_length=200, blank=True)
    chair = models.ForeignKey(Member, models.PROTECT, related_name="+")
    secretary = models.ForeignKey(Member, models.PROTECT, related_name="+")
    follows = models.OneToOneField("self", models.SET_NULL, null=True, related_name="followed_by")
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.DRAFT)
    created_at = models.DateTimeField(_("made"))
    changed_at = models.DateTimeField(_("changed"))
    called_at = models.DateTimeField(_("invited"), null=True)
    leaves_at = models.DateTimeField(_("leaves"), null=True)
    # Counted up each time that time or place change: whoever was invited is told anew.
    revision = models.PositiveSmallIntegerField(_("revision"), default=0)
    cancelled_at = models.DateTimeField(_("cancelled"), null=True)
    cancel_reason = models.CharField(_("why it was cancelled"), max_length=500, blank=True)

    minutes_state = models.CharField(
        _("minutes"), max_length=10, choices=Minutes, blank=True, default=Minutes.NONE
    )
    # What was submitted: the chair approves this and nothing else.
    submitted_hash = models.CharField(_("hash of what was submitted"), max_length=64, blank=True)
    approval = models.ForeignKey(Item, models.SET_NULL, null=True, related_name="+")
    remark = models.TextField(_("why it was returned"), blank=True)
    approved_at = models.DateTimeField(_("approved"), null=True)

    objects = MeetingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state="draft", called_at=None)
                | ~Q(state="draft") & Q(called_at__isnull=False),
                name="meeting_called_has_its_moment",
            ),
            models.CheckConstraint(
                condition=~Q(state="cancelled") | Q(cancelled_at__isnull=False),
                name="meeting_cancelled_has_its_moment",
            ),
            models.CheckConstraint(
                condition=~Q(minutes_state="approved") | Q(approved_at__isnull=False),
                name="minutes_approved_have_their_moment",
            ),
        ]
        indexes = [
            models.Index(F("starts_at").desc(), F("id").desc(), name="meeting_latest"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=self.minutes_long)

    @property
    def where(self) -> str:
        return self.place or self.link

    @property
    def is_draft(self) -> bool:
        return self.state == self.State.DRAFT

    @property
    def is_called(self) -> bool:
        return self.state == self.State.CALLED

    @property
    def fingerprint(self) -> str:
        """SHA-256, hexadecimal, of everything that the chair answers for."""
        parts = [
            self.title, self.starts_at.isoformat(), self.where,
            list(self.agenda.order_by("position").values_list("title", "presenter", "said")),
            list(
                self.decisions.order_by("pk").values_list("text", "owner_id", "node_id", "due_at")
            ),
            list(
                self.invitees.order_by("member_id").values_list("member_id", "attended", "stand_in")
            ),
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()


class AgendaItem(models.Model):
    """One item of the agenda, and what was said about it."""

    public_id = PublicIdField()
    meeting = models.ForeignKey(Meeting, models.CASCADE, related_name="agenda")
    position = models.PositiveSmallIntegerField(_("position"))
    title = models.CharField(_("item"), max_length=200)
    presenter = models.CharField(_("presented by"), max_length=120, blank=True)
    takes = models.PositiveSmallIntegerField(_("minutes"), null=True)
    media = models.ForeignKey(Media, models.PROTECT, null=True, related_name="+")
    said = models.TextField(_("what was said"), blank=True)

    class Meta:
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return self.title


class Invitee(models.Model):
    """One person who is invited."""

    class Answer(models.TextChoices):
        NONE = "", pgettext_lazy("invitation", "no answer")
        COMES = "comes", pgettext_lazy("invitation", "comes")
        EXCUSED = "excused", pgettext_lazy("invitation", "excused")
        SENDS = "sends", pgettext_lazy("invitation", "sends somebody")

    public_id = PublicIdField()
    meeting = models.ForeignKey(Meeting, models.CASCADE, related_name="invitees")
    member = models.ForeignKey(Member, models.PROTECT, related_name="+")
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    answer = models.CharField(_("answer"), max_length=8, choices=Answer, blank=True)
    answered_at = models.DateTimeField(_("answered"), null=True)
    # Who comes in their place, as they call them.
    stand_in = models.CharField(_("in their place"), max_length=120, blank=True)
    # Their next message in WhatsApp is taken for that name until then.
    awaits_until = models.DateTimeField(_("waits for the name until"), null=True)
    attended = models.BooleanField(_("attended"), null=True)
    reach = models.OneToOneField(Reach, models.SET_NULL, null=True, related_name="+")
    # Of which revision they were told: less than the meeting's, and they are told again.
    told_revision = models.SmallIntegerField(_("told of"), default=-1)
    day_told_at = models.DateTimeField(_("reminded a day before"), null=True)
    hour_told_at = models.DateTimeField(_("reminded an hour before"), null=True)
    cancel_told_at = models.DateTimeField(_("told that it is cancelled"), null=True)
    minutes_told_at = models.DateTimeField(_("got the minutes"), null=True)

    class Meta:
        constraints = [models.UniqueConstraint("meeting", "member", name="invitee_once")]
        indexes = [
            models.Index("member", "meeting", name="invitee_of_member"),
            models.Index("member", name="invitee_awaits", condition=Q(awaits_until__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.meeting_id} with {self.member_id}"


class Decision(models.Model):
    """What was decided: who does it until when. Approved with the minutes, it is a task."""

    public_id = PublicIdField()
    meeting = models.ForeignKey(Meeting, models.CASCADE, related_name="decisions")
    agenda_item = models.ForeignKey(
        AgendaItem, models.SET_NULL, null=True, related_name="decisions"
    )
    text = models.CharField(_("decision"), max_length=300)
    owner = models.ForeignKey(Member, models.PROTECT, related_name="+")
    # The body for which they do it.
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    due_at = models.DateTimeField(_("due"))
    item = models.OneToOneField(Item, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.text
