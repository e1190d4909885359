"""What whole cases need besides themselves: endings that wait, who follows a matter, dry runs under way."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from bayan.core.models import PublicIdField
from bayan.inbox.models import Message
from bayan.people.models import Member


class Ending(models.Model):
    """Cases that one press ends together, with one outcome and one text.

    It stands for some seconds, in which it is undone without a trace at the persons'; then the worker ends
    them, and the row goes. What was ended stands in the trail of each case.
    """

    by = models.ForeignKey(Member, models.CASCADE, related_name="+")
    # Case.Outcome; named there, as this file is read before it.
    outcome = models.CharField(_("outcome"), max_length=20)
    words = models.TextField(_("closing message"), max_length=3000, blank=True)
    due_at = models.DateTimeField(_("due"))

    class Meta:
        indexes = [models.Index("due_at", name="ending_due")]

    def __str__(self) -> str:
        return f"{self.outcome} {self.due_at:%H:%M:%S}"


class Follower(models.Model):
    """That the person of a case follows what others reported first, and is told once of its end."""

    # Their own report, under whose number they are written to.
    own = models.OneToOneField(
        "cases.Case", models.CASCADE, primary_key=True, related_name="follower"
    )
    case = models.ForeignKey("cases.Case", models.CASCADE, related_name="followers", db_index=False)
    at = models.DateTimeField(_("since"))
    # They wrote that they want to hear no more of it.
    stopped_at = models.DateTimeField(_("stopped"), null=True)
    told_at = models.DateTimeField(_("told of the end"), null=True)
    # Waits until they open the conversation; only then their own report ends.
    held = models.ForeignKey(Message, models.SET_NULL, null=True, related_name="+", db_index=False)

    class Meta:
        indexes = [
            models.Index("case", name="follower_to_tell", condition=Q(told_at=None)),
            models.Index("own", name="follower_held", condition=Q(held__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.own_id} {self.case_id}"


class EndingCase(models.Model):
    """One of the cases of an ending. Whoever pressed first ends it."""

    ending = models.ForeignKey(Ending, models.CASCADE, related_name="cases")
    case = models.OneToOneField("cases.Case", models.CASCADE, related_name="+")

    def __str__(self) -> str:
        return f"{self.ending_id} {self.case_id}"


class RoutingTrial(models.Model):
    """A dry run of routing under way: it goes on step by step as long as somebody looks at it."""

    public_id = PublicIdField()
    by = models.ForeignKey(Member, models.CASCADE, related_name="+")
    begun_at = models.DateTimeField(_("began"))
    # The rule that is looked at as it was typed (a form's data), and which one it changes.
    asked = models.TextField(_("asked"), blank=True)
    rule = models.UUIDField(_("rule"), null=True)
    # The rules as they were (RuleBook); None: there were none.
    stamp = models.UUIDField(_("stamp"), null=True)
    keys = ArrayField(models.BigIntegerField(), verbose_name=_("cases"))
    is_cut = models.BooleanField(_("there were more"), default=False)
    done = models.PositiveIntegerField(_("done"), default=0)
    # See `routing.trying.try_some`.
    found = models.JSONField(_("found"), default=dict)

    def __str__(self) -> str:
        return str(self.public_id)

    @property
    def total(self) -> int:
        return len(self.keys)

    @property
    def is_over(self) -> bool:
        return self.done >= len(self.keys)
