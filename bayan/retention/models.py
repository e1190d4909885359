"""What is held whatever its period says, and what was decided of what is due."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from bayan.core.models import PublicIdField
from bayan.organisation.models import Node
from bayan.people.models import Member
from bayan.retention.registry import keepings


class Schedule(models.Model):
    """How long what is kept, from one moment on, as the page has it; the latest counts, none is changed.

    Without one the pack's `retention.toml` counts.
    """

    number = models.PositiveIntegerField(_("version"), unique=True)
    # As in the file: what, kinds, grades, years, source; the first that fits counts.
    rules = models.JSONField(_("rules"))
    made_at = models.DateTimeField(_("made"))
    made_by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")

    def __str__(self) -> str:
        return str(self.number)


class HoldQuerySet(models.QuerySet["Hold"]):
    def standing(self) -> HoldQuerySet:
        return self.filter(lifted_at=None)


class Hold(models.Model):
    """A legal hold on one thing: as long as it stands, nobody destroys the thing."""

    # What kind of thing it is, as it was registered (config/subscriptions.py), and its public id.
    what = models.CharField(_("what"), max_length=20)
    key = models.UUIDField(_("key"))
    node = models.ForeignKey(Node, models.PROTECT, related_name="+", db_index=False)
    reason = models.CharField(_("reason"), max_length=500)
    placed_by = models.ForeignKey(Member, models.PROTECT, related_name="+")
    placed_at = models.DateTimeField(_("placed"))
    lifted_by = models.ForeignKey(Member, models.PROTECT, null=True, related_name="+")
    lifted_at = models.DateTimeField(_("lifted"), null=True)

    objects = HoldQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "what", "key", name="hold_one_stands", condition=Q(lifted_at=None)
            )
        ]

    def __str__(self) -> str:
        return f"{self.what} {self.key}"


class DecisionQuerySet(models.QuerySet["Decision"]):
    def binding(self, *, now: datetime) -> DecisionQuerySet:
        """Those by which a thing is not due now: handed over, or kept longer."""
        return self.filter(Q(verdict=Decision.Verdict.HAND_OVER) | Q(until__gt=now))


class Decision(models.Model):
    """What a director decided of one thing whose period was over. It outlives the thing."""

    class Verdict(models.TextChoices):
        KEEP = "keep", pgettext_lazy("retention", "kept longer")
        HAND_OVER = "hand_over", pgettext_lazy("retention", "handed over")
        DESTROY = "destroy", pgettext_lazy("retention", "destroyed")

    what = models.CharField(_("what"), max_length=20)
    key = models.UUIDField(_("key"))
    node = models.ForeignKey(Node, models.PROTECT, related_name="+", db_index=False)
    # Its number alone: no word of what it said.
    number = models.CharField(_("number"), max_length=40)
    verdict = models.CharField(_("decision"), max_length=10, choices=Verdict)
    reason = models.CharField(_("reason"), max_length=500)
    until = models.DateTimeField(_("kept until"), null=True)
    # SHA-256 of what was destroyed, hexadecimal.
    digest = models.CharField(_("fingerprint"), max_length=64, blank=True)
    by = models.ForeignKey(Member, models.PROTECT, related_name="+")
    at = models.DateTimeField(_("decided"))

    objects = DecisionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(verdict="destroy") | ~Q(digest=""),
                name="decision_destroyed_has_a_fingerprint",
            )
        ]
        indexes = [
            models.Index("what", "key", name="decision_of_thing"),
            models.Index(F("at").desc(), F("id").desc(), name="decision_latest"),
        ]

    def __str__(self) -> str:
        return f"{self.what} {self.number} {self.verdict}"


class Removal(models.Model):
    """All of one kind that was due at a moment is destroyed, batch by batch, by whoever started that."""

    class State(models.TextChoices):
        RUNNING = "running", pgettext_lazy("removal", "under way")
        STOPPED = "stopped", pgettext_lazy("removal", "stopped")
        FINISHED = "finished", pgettext_lazy("removal", "finished")

    public_id = PublicIdField()
    what = models.CharField(_("what"), max_length=20)
    # Of this body and those below it.
    node = models.ForeignKey(Node, models.PROTECT, related_name="+", db_index=False)
    # What was due then, as whoever started it saw it: nothing younger goes.
    as_of = models.DateTimeField(_("due at"))
    due = models.PositiveIntegerField(_("due"))
    reason = models.CharField(_("reason"), max_length=500)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.RUNNING)
    # How far it is: the key of the last one that was looked at.
    after = models.BigIntegerField(_("looked at up to"), default=0)
    removed = models.PositiveIntegerField(_("removed"), default=0)
    held = models.PositiveIntegerField(_("held"), default=0)
    refused = models.PositiveIntegerField(_("could not be removed"), default=0)
    by = models.ForeignKey(Member, models.PROTECT, related_name="+")
    started_at = models.DateTimeField(_("started"))
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "what", "node", name="removal_one_at_a_time", condition=Q(state="running")
            ),
            models.CheckConstraint(
                condition=Q(state="running", ended_at=None)
                | ~Q(state="running") & Q(ended_at__isnull=False),
                name="removal_ends_with_its_state",
            ),
        ]
        indexes = [models.Index(F("started_at").desc(), name="removal_latest")]

    def __str__(self) -> str:
        return f"{self.what} {self.state}"

    @property
    def label(self) -> str:
        """What it removes, in words."""
        keeping = keepings().get(self.what)
        return str(keeping.label) if keeping else self.what

    @property
    def looked_at(self) -> int:
        return self.removed + self.held + self.refused
