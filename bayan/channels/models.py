"""Accounts on channels, what goes out through them, and what the provider said of it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from bayan.core import secretbox
from bayan.core.models import PublicIdField
from bayan.organisation.models import Node


class Account(models.Model):
    """One account with a provider: its secrets, and the numbers that belong to it."""

    class Nature(models.TextChoices):
        # From the first day: nothing of an exercise or a demo can reach a real person.
        REAL = "real", _("real")
        DEMO = "demo", _("demo")
        EXERCISE = "exercise", _("exercise")

    class Channel(models.TextChoices):
        WHATSAPP = "whatsapp", _("WhatsApp")

    key = models.SlugField(_("key"), max_length=40, unique=True)
    channel = models.CharField(_("channel"), max_length=20, choices=Channel)
    nature = models.CharField(_("nature"), max_length=10, choices=Nature)
    name = models.CharField(_("name"), max_length=120)
    base_url = models.URLField(_("provider's address"))
    api_version = models.CharField(_("provider's version"), max_length=10, default="v25.0")
    app_secret_locked = models.BinaryField(_("app secret"))
    verify_token_locked = models.BinaryField(_("verify token"))
    access_token_locked = models.BinaryField(_("access token"))

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(nature="real") | Q(base_url__startswith="http://127.0.0.1:"),
                name="account_demo_and_exercise_reach_only_the_emulator",
            )
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def app_secret(self) -> str:
        return secretbox.unlock(self.app_secret_locked)

    @property
    def verify_token(self) -> str:
        return secretbox.unlock(self.verify_token_locked)

    @property
    def access_token(self) -> str:
        return secretbox.unlock(self.access_token_locked)


class Number(models.Model):
    """One phone number of an account: the provider names it in every webhook."""

    account = models.ForeignKey(Account, models.PROTECT, related_name="numbers")
    external_id = models.CharField(_("provider's id"), max_length=40, unique=True)
    display = models.CharField(_("number"), max_length=30)
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return self.display


class Outgoing(models.Model):
    """One message to one recipient. The row is the queue entry; a dispatcher claims it."""

    class Lane(models.IntegerChoices):
        PERSON = 10, _("a person's reply")
        AUTOMATIC = 20, _("automatic")

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        SENDING = "sending", _("sending")
        # Was in flight when a dispatcher died, and nothing tells whether it arrived.
        UNCERTAIN = "uncertain", _("uncertain")
        SENT = "sent", _("sent")
        DELIVERED = "delivered", _("delivered")
        READ = "read", _("read")
        FAILED = "failed", _("failed")

    public_id = PublicIdField()
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    number = models.ForeignKey(Number, models.PROTECT, related_name="+")
    to_phone = models.CharField(_("to (mobile)"), max_length=20, blank=True)
    to_whatsapp_id = models.CharField(_("to (WhatsApp id)"), max_length=160, blank=True)
    # The provider's part of the body: {"type": "text", "text": {…}}.
    content = models.JSONField(_("content"))
    lane = models.PositiveSmallIntegerField(_("lane"), choices=Lane)
    # What an answer to this message is about: receivers are listed in config/subscriptions.py.
    subject_type = models.CharField(_("subject"), max_length=60, blank=True)
    subject_key = models.CharField(_("subject's key"), max_length=80, blank=True)
    request_id = models.CharField(_("request"), max_length=40, blank=True)

    state = models.CharField(_("state"), max_length=10, choices=State, default=State.QUEUED)
    # Null until the provider gives one: many rows may have none, no two the same.
    external_id = models.CharField(  # noqa: DJ001
        _("provider's id"), max_length=160, null=True, unique=True
    )
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    not_before = models.DateTimeField(_("not before"))
    claimed_at = models.DateTimeField(_("claimed"), null=True)
    created_at = models.DateTimeField(_("made"))
    sent_at = models.DateTimeField(_("sent at"), null=True)
    delivered_at = models.DateTimeField(_("delivered at"), null=True)
    read_at = models.DateTimeField(_("read at"), null=True)
    failed_at = models.DateTimeField(_("failed at"), null=True)
    error = models.JSONField(_("error"), null=True)

    class Meta:
        indexes = [
            models.Index(
                "lane", "not_before", "id", name="outgoing_queue", condition=Q(state="queued")
            ),
            models.Index("claimed_at", name="outgoing_in_flight", condition=Q(state="sending")),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(to_phone="") | ~Q(to_whatsapp_id=""), name="outgoing_has_a_recipient"
            )
        ]

    def __str__(self) -> str:
        return str(self.public_id)

    @property
    def status(self) -> str:
        """The state as others know it: a message being sent is still queued to them."""
        return "queued" if self.state == self.State.SENDING else self.state


class Status(models.Model):
    """One thing the provider said of a message, whether or not we sent it."""

    external_id = models.CharField(_("provider's id"), max_length=160)
    status = models.CharField(_("status"), max_length=20)
    recipient = models.CharField(_("recipient"), max_length=160)
    outgoing = models.ForeignKey(Outgoing, models.CASCADE, null=True, related_name="statuses")
    provider_at = models.DateTimeField(_("provider's time"))
    received_at = models.DateTimeField(_("received"))
    error = models.JSONField(_("error"), null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("external_id", "status", "recipient", name="status_said_once")
        ]

    def __str__(self) -> str:
        return f"{self.external_id} {self.status}"
