"""Cases: what a municipality owes an answer to."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from bayan.core.models import PublicIdField
from bayan.core.references import LENGTH, digits_in
from bayan.inbox.models import Conversation
from bayan.organisation.models import Node
from bayan.people.models import Contact, Member


class CaseQuerySet(models.QuerySet["Case"]):
    def open(self) -> CaseQuerySet:
        return self.filter(closed_at=None)

    def closed(self) -> CaseQuerySet:
        return self.exclude(closed_at=None)

    def matching(self, words: str) -> CaseQuerySet:
        """By the beginning of the reference, or the contact's name."""
        found = Q(contact__name__icontains=words)
        if digits := digits_in(words):
            found |= Q(reference__startswith=digits)
        return self.filter(found)


class Case(models.Model):
    """One matter of one person, from their first message to its outcome.

    Open until it has an outcome; an outcome is final here.
    """

    class Outcome(models.TextChoices):
        RESOLVED = "resolved", _("put right")
        ANSWERED = "answered", _("answered")
        REFERRED = "referred", _("referred to another body")
        DUPLICATE = "duplicate", _("duplicate")
        NOT_ACTIONABLE = "not_actionable", _("could not be acted on")

    class Satisfaction(models.IntegerChoices):
        VERY_SATISFIED = 5, _("very satisfied")
        SATISFIED = 4, _("satisfied")
        NEUTRAL = 3, _("neutral")
        DISSATISFIED = 2, _("dissatisfied")
        VERY_DISSATISFIED = 1, _("very dissatisfied")

    public_id = PublicIdField()
    reference = models.CharField(_("reference"), max_length=20, unique=True)
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    contact = models.ForeignKey(Contact, models.PROTECT, related_name="cases")
    conversation = models.ForeignKey(Conversation, models.PROTECT, related_name="cases")
    # A label of taxonomy.md, given by triage or by hand; empty until then.
    kind = models.CharField(_("kind"), max_length=20, blank=True)
    opened_at = models.DateTimeField(_("opened"))
    closed_at = models.DateTimeField(_("closed"), null=True)
    closed_by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    outcome = models.CharField(_("outcome"), max_length=20, choices=Outcome, blank=True)
    satisfaction = models.PositiveSmallIntegerField(
        _("satisfaction"), choices=Satisfaction, null=True
    )
    satisfaction_at = models.DateTimeField(_("satisfaction given"), null=True)

    objects = CaseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(closed_at=None) | Q(closed_at__gte=F("opened_at")),
                name="case_closes_after_it_opens",
            ),
            models.CheckConstraint(
                condition=Q(closed_at=None, outcome="")
                | Q(closed_at__isnull=False) & ~Q(outcome=""),
                name="case_closes_with_an_outcome",
            ),
            models.CheckConstraint(
                condition=Q(reference__regex=rf"^[1-9][0-9]{{{LENGTH - 1}}}$"),
                name="case_reference_is_digits",
            ),
        ]
        indexes = [
            models.Index(F("opened_at").desc(), F("id").desc(), name="case_newest"),
            models.Index(
                "node",
                F("opened_at").desc(),
                F("id").desc(),
                name="case_open_of_node",
                condition=Q(closed_at=None),
            ),
            models.Index("conversation", name="case_of_conversation"),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def is_closed(self) -> bool:
        return self.closed_at is not None

    @property
    def state(self) -> str:
        return "closed" if self.is_closed else "open"
