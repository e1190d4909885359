"""Surge mode: the hours in which far more is written than a body can answer one by one."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from bayan.core.models import PublicIdField
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people.models import Member, Role


class SurgeQuerySet(models.QuerySet["Surge"]):
    def on(self) -> SurgeQuerySet:
        """Those under way."""
        return self.filter(ended_at=None)


class Surge(models.Model):
    """One time of surge mode in one body and all below it; it stays as a record of what was done."""

    class Step(models.IntegerChoices):
        """What is put off, in this order; each step includes those before it (services.shedding)."""

        NOTHING = 0, _("nothing is put off")
        SECOND_OPINION = 1, _("second opinions wait")
        LIKENESS = 2, _("comparing cases and pictures waits")
        WHERE = 3, _("nobody is asked where it is")
        BULK = 4, _("broadcasts pause")
        FIGURES = 5, _("figures of the weeks wait")

    public_id = PublicIdField()
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    begun_at = models.DateTimeField(_("began"))
    begun_by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    ended_at = models.DateTimeField(_("ended"), null=True)
    ended_by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    reason = models.CharField(_("reason"), max_length=200)
    # What proposed it.
    burst = models.ForeignKey(
        "cases.Burst", models.SET_NULL, null=True, related_name="+", db_index=False
    )
    # Where people are pointed to: its words, as they are sent, and its address.
    statement = models.TextField(_("statement"), max_length=900, blank=True)
    statement_link = models.URLField(_("link of the statement"), max_length=300, blank=True)
    # What each person is sent once, with places for the reference, the wait and the statement.
    thanks = models.TextField(_("acknowledgement"), max_length=900)
    # In place of what is worked out from the queue.
    # How those write whom the statement answers; a burst's own words to begin with.
    terms = models.JSONField(_("words"), default=list)
    wait_words = models.CharField(_("expected wait"), max_length=60, blank=True)
    step = models.PositiveSmallIntegerField(_("step"), choices=Step, default=Step.NOTHING)
    step_at = models.DateTimeField(_("step since"))
    # Chosen by hand: what is measured changes it no more.
    is_by_hand = models.BooleanField(_("by hand"), default=False)
    # What waits in the journal, as last measured: bodies, and seconds of the oldest.
    backlog = models.PositiveIntegerField(_("waiting in the journal"), default=0)
    backlog_seconds = models.PositiveIntegerField(_("age of the oldest"), default=0)
    measured_at = models.DateTimeField(_("measured"), null=True)
    # Every step that was taken: [moment, step, "hand" or "measured", backlog, seconds].
    steps = models.JSONField(_("steps"), default=list)
    # Keys of the broadcasts that were paused for it; each once.
    paused = models.JSONField(_("paused broadcasts"), default=list)
    # What it came to, counted when it ended (surge.reading.Summary).
    summary = models.JSONField(_("summary"), default=dict)

    objects = SurgeQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint("node", name="surge_one_at_a_time", condition=Q(ended_at=None)),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__gte=F("begun_at")),
                name="surge_ends_after_it_begins",
            ),
            models.CheckConstraint(condition=Q(step__lte=5), name="surge_step_is_known"),
        ]
        indexes = [models.Index(F("begun_at").desc(), "node", name="surge_latest")]

    def __str__(self) -> str:
        return f"{self.node_id} {self.begun_at:%Y-%m-%d %H:%M}"

    @property
    def is_on(self) -> bool:
        return self.ended_at is None

    @property
    def since(self) -> datetime:
        """When what it is about began to be written."""
        return min(self.burst.started_at, self.begun_at) if self.burst else self.begun_at

    @cached_property
    def bodies(self) -> list[Node]:
        """The body and all below it."""
        return [node for node in organisation.nodes().values() if self.node_id in node.lineage]

    @property
    def nodes(self) -> list[int]:
        """Their keys."""
        return [node.pk for node in self.bodies]

    @property
    def pointer(self) -> str:
        """The statement as one is pointed to it, in one piece; empty: there is none."""
        return "\n".join(part for part in (self.statement.strip(), self.statement_link) if part)


class Acknowledged(models.Model):
    """A person who wrote during a surge, and when they were last told that it was heard.

    Owed first, sent by the worker: whatever is killed, each person gets it once.
    """

    surge = models.ForeignKey(Surge, models.CASCADE, related_name="+", db_index=False)
    # No constraint in the database: a contact that is merged into another leaves its row behind.
    contact = models.ForeignKey(
        "people.Contact", models.DO_NOTHING, related_name="+", db_constraint=False
    )
    case = models.ForeignKey("cases.Case", models.CASCADE, related_name="+", db_index=False)
    # Since when it is owed; empty once it was sent, or turned out not to be due.
    owed_at = models.DateTimeField(_("owed since"), null=True)
    sent_at = models.DateTimeField(_("sent"), null=True)

    class Meta:
        constraints = [models.UniqueConstraint("surge", "contact", name="acknowledged_once")]
        indexes = [
            models.Index("id", name="acknowledged_owed", condition=Q(owed_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.surge_id} {self.contact_id}"


class Handled(models.Model):
    """A case that many others are like, handled with them: pointed to the statement, or needing nothing.

    It waits some seconds, in which it is undone without a trace at the person's; then the worker does it.
    """

    class How(models.TextChoices):
        POINTED = "pointed", _("pointed to the statement")
        NONE = "none", _("needs no answer")

    surge = models.ForeignKey(Surge, models.CASCADE, related_name="+", db_index=False)
    case = models.ForeignKey("cases.Case", models.CASCADE, related_name="+")
    how = models.CharField(_("how"), max_length=10, choices=How)
    by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    due_at = models.DateTimeField(_("due"))
    done_at = models.DateTimeField(_("done"), null=True)

    class Meta:
        constraints = [models.UniqueConstraint("surge", "case", name="handled_once")]
        indexes = [models.Index("due_at", name="handled_due", condition=Q(done_at=None))]

    def __str__(self) -> str:
        return f"{self.case_id} {self.how}"


class TeamLink(models.Model):
    """A link by which members of other bodies come to help, for hours. Only its hash is kept."""

    public_id = PublicIdField()
    surge = models.ForeignKey(Surge, models.CASCADE, related_name="links")
    hash = models.BinaryField(_("hash"), max_length=32, unique=True)
    made_by = models.ForeignKey(Member, models.PROTECT, related_name="+")
    made_at = models.DateTimeField(_("made"))
    # Until when the link opens, and until when whoever came by it helps.
    expires_at = models.DateTimeField(_("good until"))
    help_until = models.DateTimeField(_("help until"))
    most = models.PositiveSmallIntegerField(_("people at the most"))
    used = models.PositiveSmallIntegerField(_("people who came"), default=0)
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(used__lte=F("most")), name="team_link_is_used_so_often"
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("made_at")), name="team_link_is_good_for_a_while"
            ),
        ]

    def __str__(self) -> str:
        return str(self.public_id)


class Helper(models.Model):
    """A member who helps during a surge, and how long."""

    class End(models.TextChoices):
        TIME = "time", pgettext_lazy("helper", "their time is over")
        SURGE = "surge", pgettext_lazy("helper", "the surge ended")
        WITHDRAWN = "withdrawn", pgettext_lazy("helper", "withdrawn")

    public_id = PublicIdField()
    surge = models.ForeignKey(Surge, models.CASCADE, related_name="helpers")
    member = models.ForeignKey(Member, models.CASCADE, related_name="+")
    link = models.ForeignKey(TeamLink, models.SET_NULL, null=True, related_name="+", db_index=False)
    role = models.ForeignKey(Role, models.SET_NULL, null=True, related_name="+", db_index=False)
    joined_at = models.DateTimeField(_("came"))
    ends_at = models.DateTimeField(_("until"))
    # What they held went back to the lane, and why.
    left_at = models.DateTimeField(_("left"), null=True)
    left_by = models.CharField(_("why they left"), max_length=10, choices=End, blank=True)
    given_back = models.PositiveIntegerField(_("given back"), default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "surge", "member", name="helper_once_at_a_time", condition=Q(left_at=None)
            ),
            models.CheckConstraint(
                condition=Q(left_at=None, left_by="") | Q(left_at__isnull=False) & ~Q(left_by=""),
                name="helper_left_for_a_reason",
            ),
        ]
        indexes = [models.Index("ends_at", name="helper_to_leave", condition=Q(left_at=None))]

    def __str__(self) -> str:
        return f"{self.member_id} {self.surge_id}"
