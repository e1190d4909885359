"""Polls: a question, its options, who is asked, and what they chose."""

from __future__ import annotations

import hashlib
import json
import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from bayan.channels.models import Reach
from bayan.core.models import PublicIdField
from bayan.organisation.models import Node
from bayan.people.models import Member


class PollQuerySet(models.QuerySet["Poll"]):
    def sent(self) -> PollQuerySet:
        """Those that have left, whatever became of them."""
        return self.filter(sent_at__isnull=False)


class Poll(models.Model):
    """One question of a body to several people, of whom each chooses one answer until a time."""

    class State(models.TextChoices):
        DRAFT = "draft", pgettext_lazy("poll", "draft")
        OPEN = "open", pgettext_lazy("poll", "open")
        CLOSED = "closed", pgettext_lazy("poll", "closed")
        CANCELLED = "cancelled", pgettext_lazy("poll", "cancelled")

    class Why(models.TextChoices):
        """Why it closed."""

        TIME = "time", pgettext_lazy("poll closed", "its time was over")
        ALL = "all", pgettext_lazy("poll closed", "everybody has voted")
        HAND = "hand", pgettext_lazy("poll closed", "closed by hand")

    class Quorum(models.TextChoices):
        NONE = "", pgettext_lazy("quorum", "none")
        SHARE = "share", pgettext_lazy("quorum", "percent of those asked")
        PEOPLE = "people", pgettext_lazy("quorum", "people")

    public_id = PublicIdField()
    # The body in whose name it asks.
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    author = models.ForeignKey(Member, models.PROTECT, related_name="+")
    question = models.CharField(_("question"), max_length=300)
    # Who voted is kept apart from what; nobody sees the one beside the other (docs/meetings.md).
    is_secret = models.BooleanField(_("secret"), default=False)
    tells_all = models.BooleanField(_("everybody asked hears the result"), default=True)
    quorum_kind = models.CharField(
        _("quorum"), max_length=6, choices=Quorum, blank=True, default=Quorum.SHARE
    )
    quorum = models.PositiveSmallIntegerField(_("at least"), default=50)
    # Working hours from when it is sent; empty: until `until`.
    term_hours = models.PositiveSmallIntegerField(_("within, in working hours"), null=True)
    until = models.DateTimeField(_("until"), null=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.DRAFT)
    created_at = models.DateTimeField(_("made"))
    changed_at = models.DateTimeField(_("changed"))

    sent_at = models.DateTimeField(_("sent"), null=True)
    # Before this nobody is told, so that sending it can be undone.
    leaves_at = models.DateTimeField(_("leaves"), null=True)
    due_at = models.DateTimeField(_("due"), null=True)
    remind_at = models.DateTimeField(_("reminds"), null=True)
    # Of question and options as they were sent: each button carries its beginning.
    fingerprint = models.CharField(_("fingerprint"), max_length=64, blank=True)
    # The bodies whose people are asked.
    bodies = ArrayField(models.BigIntegerField(), default=list)
    handed_at = models.DateTimeField(_("handed over"), null=True)
    reminded_at = models.DateTimeField(_("reminded"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)
    why = models.CharField(_("why it closed"), max_length=4, choices=Why, blank=True)
    cancel_reason = models.CharField(_("why it was cancelled"), max_length=500, blank=True)
    # Its end was told to whom it concerns.
    told_at = models.DateTimeField(_("told"), null=True)

    objects = PollQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state="draft", sent_at=None)
                | ~Q(state="draft") & Q(sent_at__isnull=False, due_at__isnull=False),
                name="poll_sent_has_its_time",
            ),
            models.CheckConstraint(
                condition=Q(state="draft", ended_at=None)
                | Q(state="open", ended_at=None)
                | Q(state="closed", ended_at__isnull=False)
                | Q(state="cancelled", ended_at__isnull=False),
                name="poll_ends_with_its_state",
            ),
        ]
        indexes = [
            models.Index(F("changed_at").desc(), F("id").desc(), name="poll_latest"),
            models.Index("due_at", "id", name="poll_open", condition=Q(state="open")),
            models.Index(
                "id",
                name="poll_to_tell",
                condition=Q(told_at=None, ended_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.question

    @property
    def is_open(self) -> bool:
        return self.state == self.State.OPEN

    @property
    def is_draft(self) -> bool:
        return self.state == self.State.DRAFT

    def print_of(self, options: list[str]) -> str:
        """SHA-256, hexadecimal, of the question with these options."""
        said = json.dumps([str(self.public_id), self.question, options, self.is_secret])
        return hashlib.sha256(said.encode()).hexdigest()


class Option(models.Model):
    """One answer that can be chosen."""

    poll = models.ForeignKey(Poll, models.CASCADE, related_name="options")
    position = models.PositiveSmallIntegerField(_("position"))
    text = models.CharField(_("answer"), max_length=100)
    # Counted when it closed.
    votes = models.PositiveIntegerField(_("votes"), null=True)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint("poll", "position", name="option_once")]

    def __str__(self) -> str:
        return self.text


class Voter(models.Model):
    """One person who is asked. What they chose stands here only where the poll is open to all eyes."""

    public_id = PublicIdField()
    poll = models.ForeignKey(Poll, models.CASCADE, related_name="voters")
    member = models.ForeignKey(Member, models.PROTECT, related_name="+")
    # The body for which they are asked.
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    handed_at = models.DateTimeField(_("handed over"), null=True)
    reach = models.OneToOneField(Reach, models.SET_NULL, null=True, related_name="+")
    reminded_at = models.DateTimeField(_("reminded"), null=True)
    voted_at = models.DateTimeField(_("voted"), null=True)
    option = models.ForeignKey(Option, models.PROTECT, null=True, related_name="+")
    told_at = models.DateTimeField(_("told of the end"), null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("poll", "member", name="voter_once"),
            models.CheckConstraint(
                condition=Q(option=None) | Q(voted_at__isnull=False), name="voter_chose_by_voting"
            ),
        ]
        indexes = [
            models.Index("member", "poll", name="voter_of_member"),
            models.Index("poll", "node", "id", name="voter_to_tell", condition=Q(handed_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.poll_id} asked of {self.member_id}"


class Ballot(models.Model):
    """One vote of a secret poll, until it is counted: without a person, a moment or an order.

    The key lets whoever voted choose anew: it is made of poll and voter with a secret that is not in the
    database. Counted, it is thrown away.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    poll = models.ForeignKey(Poll, models.CASCADE, related_name="ballots")
    option = models.ForeignKey(Option, models.CASCADE, related_name="+")
    key = models.BinaryField(_("key"), max_length=32, unique=True)

    def __str__(self) -> str:
        return f"ballot of {self.poll_id}"
