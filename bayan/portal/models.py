"""The public pages: codes that let a person see their case, what is counted to slow a guesser, feedback."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from bayan.cases.models import Case
from bayan.channels.models import Outgoing


class TrackingCode(models.Model):
    """A code sent to whoever reported a case: it opens the page of that case once. Only its hash is kept."""

    case = models.ForeignKey(Case, models.CASCADE, related_name="+")
    # Its message, whose words are forgotten once nobody can use them.
    outgoing = models.ForeignKey(Outgoing, models.SET_NULL, null=True, related_name="+")
    salt = models.CharField(_("salt"), max_length=22)
    hash = models.BinaryField(_("hash"), max_length=32)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    created_at = models.DateTimeField(_("sent"))
    expires_at = models.DateTimeField(_("valid until"))
    used_at = models.DateTimeField(_("used"), null=True)

    class Meta:
        indexes = [models.Index("expires_at", name="tracking_code_expired")]

    def __str__(self) -> str:
        return f"{self.case_id} {self.created_at}"


class Allowance(models.Model):
    """How often somebody did something in a stretch of time; every process counts here.

    Who it was (an address, a case's number) stands here as a keyed hash only.
    """

    key = models.BinaryField(_("who and what"), max_length=32)
    since_at = models.DateTimeField(_("since"))
    count = models.PositiveIntegerField(_("count"))

    class Meta:
        constraints = [
            models.UniqueConstraint("key", "since_at", name="allowance_once_in_a_stretch")
        ]
        indexes = [models.Index("since_at", name="allowance_past")]

    def __str__(self) -> str:
        return f"{self.since_at} {self.count}"


class Feedback(models.Model):
    """What somebody answered to “Was this page useful?”; nothing tells who."""

    class Page(models.TextChoices):
        TRACK = "track", _("Follow your case")
        CASE = "case", _("Your case")

    page = models.CharField(_("page"), max_length=20, choices=Page)
    language = models.CharField(_("language"), max_length=10)
    is_useful = models.BooleanField(_("useful"))
    created_at = models.DateTimeField(_("given"))

    class Meta:
        indexes = [models.Index("created_at", name="feedback_latest")]

    def __str__(self) -> str:
        return f"{self.page} {self.is_useful}"
