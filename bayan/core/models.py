"""The audit trail: who did what, when, and to what; numbered and chained by the sealer."""

import json
import secrets
import time
from typing import Any
from uuid import UUID

from django.db import models
from django.db.models.functions import UUID7
from django.utils.translation import gettext_lazy as _


def uuid7() -> UUID:
    """A time-ordered UUID of version 7 (RFC 9562): 48 bits of milliseconds, 74 of chance."""
    value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


class PlainJSON(json.JSONEncoder):
    """JSON with its Arabic as it is: escaped, and escaped again on the way, a letter takes twelve bytes.

    For columns that are written with each message.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options | {"ensure_ascii": False, "separators": (",", ":")})


class PublicIdField(models.UUIDField):  # type: ignore[type-arg]
    """The name under which a row leaves the house (URLs, API, provider payloads): a UUIDv7."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        kwargs |= {"unique": True, "editable": False, "default": uuid7, "db_default": UUID7()}
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]


class AuditEntry(models.Model):
    """One change that somebody made. Never altered, except once by the sealer.

    Holds keys and plain facts, no personal values, so that a person can be deleted.
    """

    at = models.DateTimeField(_("at"))
    actor = models.CharField(_("actor"), max_length=80)
    actor_label = models.CharField(_("actor's role"), max_length=120)
    action = models.CharField(_("action"), max_length=80)
    subject_type = models.CharField(_("subject"), max_length=60)
    subject_key = models.CharField(_("subject's key"), max_length=80)
    # A plain number: core knows no organisation. Row-level security reads it.
    node_id = models.BigIntegerField(_("body"), null=True)
    details = models.JSONField(_("details"), default=dict)
    request_id = models.CharField(_("request"), max_length=40, blank=True)

    number = models.BigIntegerField(_("number in the chain"), null=True, unique=True)
    previous_hash = models.BinaryField(_("hash before"), null=True, max_length=32)
    hash = models.BinaryField(_("hash"), null=True, max_length=32)

    class Meta:
        indexes = [
            models.Index("id", name="audit_unsealed", condition=models.Q(number=None)),
            models.Index("subject_type", "subject_key", "id", name="audit_of_subject"),
            models.Index("node_id", models.F("id").desc(), name="audit_of_node"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(number=None, hash=None, previous_hash=None)
                | models.Q(number__isnull=False, hash__isnull=False, previous_hash__isnull=False),
                name="audit_sealed_whole_or_not_at_all",
            )
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.subject_type}:{self.subject_key}"


class AuditHead(models.Model):
    """The last link of the chain, kept apart so that cutting the chain's end is noticed too."""

    number = models.BigIntegerField(_("number"))
    hash = models.BinaryField(_("hash"), max_length=32)

    def __str__(self) -> str:
        return str(self.number)


class UndoStep(models.Model):
    """What a member did a moment ago, and what it takes to undo it (core.undo)."""

    public_id = PublicIdField()
    # A plain number: core knows no people. Row-level security reads it.
    member_id = models.BigIntegerField(_("member"))
    action = models.CharField(_("action"), max_length=60)
    facts = models.JSONField(_("facts"))
    expires_at = models.DateTimeField(_("until"))
    undone_at = models.DateTimeField(_("undone"), null=True)

    class Meta:
        indexes = [models.Index("expires_at", name="undo_expired")]

    def __str__(self) -> str:
        return f"{self.action} {self.public_id}"


class Wording(models.Model):
    """What an authority says in an automatic message instead of Bayan's own words (core.automatic).

    It belongs to the whole platform, not to a body, and names no person.
    """

    key = models.CharField(_("text"), max_length=80)
    language = models.CharField(_("language"), max_length=2)
    # One text, or all forms of one that counts.
    forms = models.JSONField(_("words"))
    changed_at = models.DateTimeField(_("changed"))

    class Meta:
        constraints = [
            models.UniqueConstraint("key", "language", name="wording_once_a_language"),
        ]

    def __str__(self) -> str:
        return f"{self.key} ({self.language})"
