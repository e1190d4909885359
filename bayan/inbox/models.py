"""Conversations with the public, and their messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from bayan.channels.models import Media, Number, Outgoing
from bayan.core.models import PlainJSON, PublicIdField
from bayan.organisation.models import Node
from bayan.people.models import Contact, Member

# Free text may be sent for this long after the person's last message (reference 1.9).
WINDOW = timedelta(hours=24)
# A page says for so long that somebody is here, or writes; the page itself says it again in time.
HERE_FOR, WRITES_FOR = timedelta(seconds=75), timedelta(seconds=20)
# The person wrote last, and something of theirs is still open.
WAITING = ~Q(matter="") & (Q(last_outbound_at=None) | Q(last_inbound_at__gt=F("last_outbound_at")))

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
        return self.filter(WAITING)

    def awake(self, *, now: datetime) -> ConversationQuerySet:
        """Not put off, or the time is up."""
        return self.filter(Q(snoozed_until=None) | Q(snoozed_until__lte=now))

    def snoozed(self, *, now: datetime) -> ConversationQuerySet:
        return self.filter(snoozed_until__gt=now)


class Conversation(models.Model):
    """All that one contact and one body say to each other through one number."""

    public_id = PublicIdField()
    node = models.ForeignKey(Node, models.PROTECT, related_name="+", db_index=False)
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="conversations")
    number = models.ForeignKey(Number, models.PROTECT, related_name="+")
    # The reference of the open matter, which every reply carries; empty when nothing is open.
    matter = models.CharField(_("open case"), max_length=20, blank=True)
    preview = models.CharField(_("last words"), max_length=160, blank=True)
    last_message_at = models.DateTimeField(_("last message"))
    last_inbound_at = models.DateTimeField(_("last message of the person"), null=True)
    last_outbound_at = models.DateTimeField(_("last message of ours"), null=True)
    # False for letters: they are answered whenever one likes.
    has_window = models.BooleanField(_("has a window"), default=True, db_default=True)
    # Up to this moment a member has looked: the person's ticks turn blue.
    read_at = models.DateTimeField(_("read"), null=True)
    # The member who answers; None: whoever comes first.
    assignee = models.ForeignKey(
        Member, models.SET_NULL, null=True, related_name="+", verbose_name=_("assigned to")
    )
    # Out of the lists until then, or until the person writes.
    snoozed_until = models.DateTimeField(_("put off until"), null=True)
    # Keys of labels: few, shown with every row, changed for many at once.
    labels = ArrayField(models.BigIntegerField(), default=list, verbose_name=_("labels"))
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
            # Lists and their counts read these alone; row-level security needs the body.
            models.Index(
                F("last_message_at").desc(),
                F("id").desc(),
                include=["node", "assignee", "snoozed_until"],
                name="conversation_open",
                condition=~Q(matter=""),
            ),
            models.Index(
                F("last_message_at").desc(),
                F("id").desc(),
                include=["node", "snoozed_until"],
                name="conversation_waiting",
                condition=WAITING,
            ),
            models.Index(
                "assignee",
                F("last_message_at").desc(),
                F("id").desc(),
                name="conversation_of_assignee",
                condition=~Q(matter="") & Q(assignee__isnull=False),
            ),
            models.Index(
                "snoozed_until",
                name="conversation_snoozed",
                condition=Q(snoozed_until__isnull=False),
            ),
            GinIndex("labels", name="conversation_labelled", condition=~Q(labels=[])),
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
        """Until when free text may be sent; None when the person never wrote, and where no window closes."""
        if self.last_inbound_at is None or not self.has_window:
            return None
        return self.last_inbound_at + WINDOW

    def is_writable(self, *, now: datetime) -> bool:
        if not self.has_window:
            return self.last_inbound_at is not None
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
    node = models.ForeignKey(Node, models.PROTECT, related_name="+", db_index=False)
    # Indexes below begin with it, and with the number.
    conversation = models.ForeignKey(
        Conversation, models.CASCADE, related_name="messages", db_index=False
    )
    direction = models.CharField(_("direction"), max_length=3, choices=Direction)
    kind = models.CharField(_("kind"), max_length=30)
    text = models.TextField(_("text"), blank=True)
    # The reference of the case it belongs to; a case's messages are found by it.
    matter = models.CharField(_("case"), max_length=20, blank=True)
    # What its kind has besides text, in our words (channels.events.IncomingMessage.payload).
    payload = models.JSONField(_("parts"), default=dict, encoder=PlainJSON)
    media = models.ForeignKey(Media, models.PROTECT, null=True, related_name="messages")
    # The person passed on what somebody else wrote; more than five times is a sign of a rumour.
    forwarded = models.CharField(_("forwarded"), max_length=10, choices=Forwarded, blank=True)
    # The emoji that the person put on it, and ours.
    their_reaction = models.CharField(_("their reaction"), max_length=32, blank=True)
    our_reaction = models.CharField(_("our reaction"), max_length=32, blank=True)
    edited_at = models.DateTimeField(_("changed by the person"), null=True)
    revoked_at = models.DateTimeField(_("taken back by the person"), null=True)
    number = models.ForeignKey(Number, models.PROTECT, related_name="+", db_index=False)
    external_id = models.CharField(_("provider's id"), max_length=160, blank=True)
    quoted_id = models.CharField(_("answers"), max_length=160, blank=True)
    outgoing = models.OneToOneField(Outgoing, models.PROTECT, null=True, related_name="message")
    # Of what came in, the member who passed it on; of ours, None for what Bayan sent by itself.
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
            # Few; a list and a case's panel ask for them.
            models.Index(
                "conversation", "matter", name="message_passed_on", condition=Q(forwarded="often")
            ),
            # The latest of a body, for a search of its own.
            models.Index("node", "id", name="message_of_node"),
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
    def is_passed_on(self) -> bool:
        """True for what a member forwarded into a case: the person of the conversation has not written it."""
        return self.direction == self.Direction.IN and self.author_id is not None

    @property
    def is_shown(self) -> bool:
        """False for kinds that nobody knows yet: they are kept whole, but cannot be shown."""
        return self.kind in SHOWN_KINDS

    @property
    def watched(self) -> Outgoing | None:
        """What of ours the screen waits for on this message: itself, or our reaction to it."""
        return self.outgoing or (self.reaction.outgoing if self.reaction else None)


class Note(models.Model):
    """What members tell each other beside a conversation; the person never sees it."""

    public_id = PublicIdField()
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="notes")
    matter = models.CharField(_("case"), max_length=20, blank=True)
    author = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    text = models.TextField(_("text"))
    created_at = models.DateTimeField(_("written"))

    class Meta:
        indexes = [models.Index("conversation", "created_at", name="note_of_conversation")]

    def __str__(self) -> str:
        return str(self.public_id)

    # Notes stand between messages, and the template asks of both.
    is_note = True

    @property
    def received_at(self) -> datetime:
        return self.created_at


class Mention(models.Model):
    """A member who is called by a note, until they have looked."""

    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    note = models.ForeignKey(Note, models.CASCADE, related_name="mentions")
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="mentions")
    member = models.ForeignKey(Member, models.CASCADE, related_name="+")
    seen_at = models.DateTimeField(_("seen"), null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("note", "member", name="mention_once_in_a_note"),
        ]
        indexes = [
            models.Index("member", name="mention_unseen", condition=Q(seen_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.note_id} {self.member_id}"


class Label(models.Model):
    """A word of a body's own by which its conversations are sorted; the authority's serve everybody."""

    class Tone(models.TextChoices):
        GREY = "grey", _("grey")
        GREEN = "ok", _("green")
        AMBER = "warn", _("amber")
        RED = "bad", _("red")
        BLUE = "info", _("blue")

    public_id = PublicIdField()
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    name = models.CharField(_("name"), max_length=40)
    tone = models.CharField(_("colour"), max_length=5, choices=Tone, default=Tone.GREY)

    class Meta:
        constraints = [models.UniqueConstraint("node", "name", name="label_once_in_a_body")]

    def __str__(self) -> str:
        return self.name


class CannedReply(models.Model):
    """A ready answer of a body; the authority's serve everybody."""

    public_id = PublicIdField()
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    title = models.CharField(_("title"), max_length=80)
    text = models.TextField(_("text"), max_length=2000)

    class Meta:
        constraints = [models.UniqueConstraint("node", "title", name="canned_reply_once_in_a_body")]

    def __str__(self) -> str:
        return self.title


class Macro(models.Model):
    """A ready-made series of acts of a body, done with a conversation in one go.

    The authority's serve everybody. Steps are written as the menus send them (`label:…`, `assign:me`,
    `snooze:tomorrow`) and done in their order; the note comes last. What a step names may be gone by then: it
    is passed over.
    """

    public_id = PublicIdField()
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    title = models.CharField(_("title"), max_length=80)
    steps = ArrayField(models.CharField(max_length=60), default=list, verbose_name=_("steps"))
    note = models.TextField(_("internal note"), max_length=2000, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint("node", "title", name="macro_once_in_a_body")]

    def __str__(self) -> str:
        return self.title

    @property
    def reply_id(self) -> UUID | None:
        """The ready reply that is put into the composer, if one is."""
        return next(
            (UUID(step.removeprefix("ready:")) for step in self.steps if step.startswith("ready:")),
            None,
        )

    @property
    def changes_anything(self) -> bool:
        """False when it only writes into the composer, which makes no sense for many."""
        return bool(self.note) or any(not step.startswith("ready:") for step in self.steps)


class SavedView(models.Model):
    """A list of conversations or cases that a member looks at again, by its filters."""

    class Page(models.TextChoices):
        CONVERSATIONS = "conversations", _("messages")
        CASES = "cases", _("cases")

    public_id = PublicIdField()
    member = models.ForeignKey(Member, models.CASCADE, related_name="+")
    page = models.CharField(_("page"), max_length=20, choices=Page)
    name = models.CharField(_("name"), max_length=40)
    # What stands behind the question mark of the page's address.
    query = models.CharField(_("filters"), max_length=500)

    class Meta:
        constraints = [
            models.UniqueConstraint("member", "page", "name", name="saved_view_once_by_its_name")
        ]

    def __str__(self) -> str:
        return self.name


class Presence(models.Model):
    """Who has a conversation before their eyes, and who is writing: true for a minute at most."""

    node = models.ForeignKey(Node, models.CASCADE, related_name="+")
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="+")
    member = models.ForeignKey(Member, models.CASCADE, related_name="+")
    seen_at = models.DateTimeField(_("seen"))
    writing_at = models.DateTimeField(_("writing"), null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "conversation", "member", name="presence_once_in_a_conversation"
            )
        ]

    def __str__(self) -> str:
        return f"{self.conversation_id} {self.member_id}"
