"""The journal: every webhook body as it was signed, until it is processed and beyond."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from bayan.channels.models import Account


class JournalEntry(models.Model):
    """One webhook body. The table is partitioned by day (migration 0001)."""

    pk = models.CompositePrimaryKey("id", "received_at")
    id = models.BigIntegerField(_("number"))
    received_at = models.DateTimeField(_("received"))
    account = models.ForeignKey(Account, models.PROTECT, db_constraint=False, related_name="+")
    request_id = models.CharField(_("request"), max_length=40)
    body = models.BinaryField(_("body"))
    processed_at = models.DateTimeField(_("processed"), null=True)
    set_aside_at = models.DateTimeField(_("set aside"), null=True)
    # Why it was set aside, or what of it nobody acts on yet.
    remark = models.TextField(_("remark"), blank=True)

    class Meta:
        managed = False
        db_table = "intake_journal"

    def __str__(self) -> str:
        return str(self.id)


class Seen(models.Model):
    """A provider's message id that was taken in: the provider may deliver it again for seven days."""

    key = models.CharField(_("key"), max_length=220, primary_key=True)
    seen_at = models.DateTimeField(_("seen"))

    class Meta:
        indexes = [models.Index("seen_at", name="seen_when")]

    def __str__(self) -> str:
        return self.key
