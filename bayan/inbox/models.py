"""Conversations with the public, and their messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from bayan.channels.models import Media, Number, Outgoing
from bayan.core.models import PublicIdField
from bayan.core.references import digits_in
from bayan.organisation.models import Node
from bayan.people.models import Contact, Identity, Member

# Free text may be sent for this long after the person's last message (reference 1.9).
WINDOW = timedelta(hours=24)
# Fewer digits than these would find half of everything.
FEWEST_DIGITS = 3


# Of the person: channels.events.IncomingMessage; of ours: inbox.services.
SHOWN_KINDS = {
    "text", "image", "audio", "voice", "video", "document", "sticker", "location", "contacts", "reaction",
    "button", "button_reply", "list_reply", "flow_reply", "order", "edit", "revoke",
    "buttons", "list", "link", "ask_location", "ask_phone", "form", "template",
}  # fmt: skip


class ConversationQuerySet(models.QuerySet["Conversation"]):
    def open(self) -> ConversationQuerySet:
        return self.exclude(matter="")

    def closed(self) -> ConversationQuerySet:
        return self.filter(matter="")

    def waiting(self) -> ConversationQuerySet:
        """The person wrote last, and something of theirs is still open."""
        return self.open().filter(
            Q(last_outbound_at=None) | Q(last_inbound_at__gt=F("last_outbound_at"))
        )

    def matching(self, words: str) -> ConversationQuerySet:
        """By the contact's name, part of their phone, or the number of the open matter."""
        found = Q(contact__name__icontains=words)
        digits = digits_in(words)
        if len(digits) >= FEWEST_DIGITS:
            found |= Q(matter__startswith=digits)
            # A number begins with +966 or with 0: what follows is the same.
            phones = Identity.objects.filter(
                contact=OuterRef("contact"),
                scheme=Identity.Scheme.PHONE,
                value__contains=digits.lstrip("0"),
            )
            found |= Q(Exists(phones))
        return self.filter(found)


class Conversation(models.Model):
    """All that one contact and one body say to each other through one number."""

    public_id = PublicIdField()
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="conversations")
    number = models.ForeignKey(Number, models.PROTECT, related_name="+")
    # The reference of the open matter, which every reply carries; empty when nothing is open.
    matter = models.CharField(_("open case"), max_length=20, blank=True)
    preview = models.CharField(_("last words"), max_length=160, blank=True)
    last_message_at = models.DateTimeField(_("last message"))
    last_inbound_at = models.DateTimeField(_("last message of the person"), null=True)
    last_outbound_at = models.DateTimeField(_("last message of ours"), null=True)
    # Up to this moment a member has looked: the person's ticks turn blue.
    read_at = models.DateTimeField(_("read"), null=True)
    created_at = models.DateTimeField(_("began"))

    objects = ConversationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "contact", "number", "node", name="conversation_one_per_contact_number_body"
            )
        ]
        indexes = [
            models.Index(F("last_message_at").desc(), F("id").desc(), name="conversation_newest"),
            models.Index(
                "node", F("last_message_at").desc(), F("id").desc(), name="conversation_of_node"
            ),
            models.Index(
                F("last_message_at").desc(),
                F("id").desc(),
                name="conversation_open",
                condition=~Q(matter=""),
            ),
        ]

    def __str__(self) -> str:
        return str(self.public_id)

    @property
    def state(self) -> str:
        return "open" if self.matter else "closed"

    @property
    def is_waiting(self) -> bool:
        return bool(self.matter) and (
            self.last_outbound_at is None
            or (self.last_inbound_at is not None and self.last_inbound_at > self.last_outbound_at)
        )

    @property
    def window_closes_at(self) -> datetime | None:
        """Until when free text may be sent; None when the person never wrote."""
        return self.last_inbound_at + WINDOW if self.last_inbound_at else None

    def is_writable(self, *, now: datetime) -> bool:
        closes_at = self.window_closes_at
        return closes_at is not None and now < closes_at


@dataclass(frozen=True)
class Quote:
    """What a message answers, as far as the member may see it."""

    kind: str
    text: str
    is_ours: bool
    # Where it stands, if it stands in the same conversation.
    message_id: UUID | None = None


class Message(models.Model):
    """One message, of the person or of ours. What became of ours stands in its outgoing row."""

    # What it quotes and who carried our reaction, where inbox.selectors read them for many at once.
    quote: Quote | None = None
    reaction: Message | None = None

    class Direction(models.TextChoices):
        IN = "in", _("in")
        OUT = "out", _("out")

    class Forwarded(models.TextChoices):
        ONCE = "once", _("forwarded")
        OFTEN = "often", _("forwarded many times")

    public_id = PublicIdField()
    # The conversation's, repeated: row-level security reads it without a join.
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="messages")
    direction = models.CharField(_("direction"), max_length=3, choices=Direction)
    kind = models.CharField(_("kind"), max_length=30)
    text = models.TextField(_("text"), blank=True)
    # The reference of the case it belongs to; a case's messages are found by it.
    matter = models.CharField(_("case"), max_length=20, blank=True)
    # What its kind has besides text, in our words (channels.events.IncomingMessage.payload).
    payload = models.JSONField(_("parts"), default=dict)
    media = models.ForeignKey(Media, models.PROTECT, null=True, related_name="messages")
    # The person passed on what somebody else wrote; more than five times is a sign of a rumour.
    forwarded = models.CharField(_("forwarded"), max_length=10, choices=Forwarded, blank=True)
    # The emoji that the person put on it, and ours.
    their_reaction = models.CharField(_("their reaction"), max_length=32, blank=True)
    our_reaction = models.CharField(_("our reaction"), max_length=32, blank=True)
    edited_at = models.DateTimeField(_("changed by the person"), null=True)
    revoked_at = models.DateTimeField(_("taken back by the person"), null=True)
    number = models.ForeignKey(Number, models.PROTECT, related_name="+")
    external_id = models.CharField(_("provider's id"), max_length=160, blank=True)
    quoted_id = models.CharField(_("answers"), max_length=160, blank=True)
    outgoing = models.OneToOneField(Outgoing, models.PROTECT, null=True, related_name="message")
    # None for what the platform sent by itself.
    author = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    request_id = models.CharField(_("request"), max_length=40, blank=True)
    sent_at = models.DateTimeField(_("sent, by the provider's clock"))
    received_at = models.DateTimeField(_("received"))

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "number", "external_id", name="message_received_once", condition=Q(direction="in")
            ),
            models.CheckConstraint(
                condition=Q(direction="in", outgoing=None)
                | Q(direction="out", outgoing__isnull=False),
                name="message_of_ours_is_sent",
            ),
        ]
        indexes = [
            models.Index("conversation", "received_at", "id", name="message_of_conversation"),
            models.Index("matter", name="message_of_case", condition=~Q(matter="")),
            models.Index("number", "external_id", name="message_quoted"),
            # What came before the message that it is about; nearly always empty.
            models.Index(
                "quoted_id",
                name="message_touching_unknown",
                condition=Q(direction="in")
                & (Q(kind="reaction") | Q(kind="edit") | Q(kind="revoke")),
            ),
        ]

    def __str__(self) -> str:
        return str(self.public_id)

    @property
    def status(self) -> str:
        return self.outgoing.status if self.outgoing else "received"

    @property
    def error(self) -> dict[str, object] | None:
        return self.outgoing.error if self.outgoing else None

    @property
    def is_shown(self) -> bool:
        """False for kinds that nobody knows yet: they are kept whole, but cannot be shown."""
        return self.kind in SHOWN_KINDS

    @property
    def watched(self) -> Outgoing | None:
        """What of ours the screen waits for on this message: itself, or our reaction to it."""
        return self.outgoing or (self.reaction.outgoing if self.reaction else None)
