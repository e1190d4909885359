"""What whole cases need besides themselves: endings that wait, followers, transfers, dry runs under way."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from bayan.core.models import PublicIdField
from bayan.inbox.models import Message
from bayan.organisation.models import Node
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
    # By when they were last told to expect news, and that message: it may still wait for them to write.
    promised_until = models.DateTimeField(_("told to expect news by"), null=True)
    promised = models.ForeignKey(
        Message, models.SET_NULL, null=True, related_name="+", db_index=False
    )

    class Meta:
        indexes = [
            models.Index("case", name="follower_to_tell", condition=Q(told_at=None)),
            models.Index("own", name="follower_held", condition=Q(held__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.own_id} {self.case_id}"


class Promised(models.Model):
    """That those who follow a case are to be told by when to expect news of it, once it stays so."""

    case = models.OneToOneField("cases.Case", models.CASCADE, primary_key=True, related_name="+")
    # Another promise within that time, and only the last is told; None: everybody has heard.
    due_at = models.DateTimeField(_("told at"), null=True)

    class Meta:
        indexes = [
            models.Index("due_at", name="promised_to_tell", condition=Q(due_at__isnull=False))
        ]

    def __str__(self) -> str:
        return f"{self.case_id}"


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


class Transfer(models.Model):
    """That a case went from one body to another, and why, in the words of whoever passed it on."""

    case = models.ForeignKey(
        "cases.Case", models.CASCADE, related_name="transfers", verbose_name=_("case")
    )
    origin = models.ForeignKey(Node, models.PROTECT, related_name="+", db_index=False)
    to = models.ForeignKey(Node, models.PROTECT, related_name="+", db_index=False)
    reason = models.CharField(_("reason"), max_length=200)
    by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+", db_index=False)
    # As the line of the trail that says so.
    at = models.DateTimeField(_("at"))

    def __str__(self) -> str:
        return f"{self.case_id} {self.at:%Y-%m-%d}"


class Team(models.Model):
    """Members of one body who do one kind of work together: rules give cases to whoever of them is free."""

    public_id = PublicIdField()
    node = models.ForeignKey(Node, models.PROTECT, related_name="+", verbose_name=_("body"))
    name_ar = models.CharField(_("name in Arabic"), max_length=80)
    name_en = models.CharField(_("name in English"), max_length=80)
    # Those who answer for the body then, whoever stands here: a role may end.
    members = models.ManyToManyField(Member, related_name="+", through="TeamMember")
    # Put away: rules give it nothing, and what it was given stays explained.
    ended_at = models.DateTimeField(_("put away"), null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "node", "name_ar", name="team_once_in_a_body", condition=Q(ended_at=None)
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return self.name_en if get_language() == "en" else self.name_ar


class TeamMember(models.Model):
    """That somebody belongs to a team."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="rows")
    member = models.ForeignKey(Member, models.CASCADE, related_name="+", db_index=False)

    class Meta:
        constraints = [models.UniqueConstraint("team", "member", name="team_member_once")]

    def __str__(self) -> str:
        return f"{self.team_id} {self.member_id}"


class TermsSet(models.Model):
    """Times that were set on the page, over those of the authority's file; the latest holds."""

    public_id = PublicIdField()
    # By "due", "answer", …, then by kind or "category.…" (for all: empty), then by priority:
    # [hours, around the clock].
    terms = models.JSONField(_("times"), default=dict)
    # Which row was changed; both empty: an older set, or the file's times, hold again.
    of = models.CharField(_("of which cases"), max_length=60, blank=True)
    priority = models.CharField(_("priority"), max_length=10, blank=True)
    by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(_("at"))
    # Open cases are dated anew in their order, up to this one by now; None: they keep their dates, or all
    # have the new ones.
    dated_to = models.BigIntegerField(_("dated anew up to"), null=True)

    class Meta:
        indexes = [
            models.Index("id", name="terms_set_to_date", condition=Q(dated_to__isnull=False))
        ]

    def __str__(self) -> str:
        return str(self.public_id)
