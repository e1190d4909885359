"""Circulars, letters, telegrams and memos: to whom they go, who has seen them, and what was answered."""

from __future__ import annotations

import hashlib
import json

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, JSONField, Q, Value
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from bayan.channels.models import Media, Reach
from bayan.core.models import PublicIdField
from bayan.correspondence.questions import version_of
from bayan.inbox.models import Message
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.work.models import Item


class AddressList(models.Model):
    """Members who get letters together, under a name of their own."""

    public_id = PublicIdField()
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    name = models.CharField(_("name"), max_length=80)
    members: models.ManyToManyField[Member, models.Model] = models.ManyToManyField(
        Member, related_name="+", verbose_name=_("members")
    )

    class Meta:
        constraints = [models.UniqueConstraint("node", "name", name="address_list_once")]

    def __str__(self) -> str:
        return self.name


class LetterQuerySet(models.QuerySet["Letter"]):
    def sent(self) -> LetterQuerySet:
        """Those that have left, whatever became of them."""
        return self.filter(sent_at__isnull=False)


class Letter(models.Model):
    """One subject, written by one body to several people."""

    class Kind(models.TextChoices):
        CIRCULAR = "circular", pgettext_lazy("letter", "circular")
        LETTER = "letter", pgettext_lazy("letter", "letter")
        TELEGRAM = "telegram", pgettext_lazy("letter", "telegram")
        MEMO = "memo", pgettext_lazy("letter", "internal memo")
        FACTS = "facts", pgettext_lazy("letter", "request for facts")
        DIRECTION = "direction", pgettext_lazy("letter", "instruction")
        ASSIGNMENT = "assignment", pgettext_lazy("letter", "assignment")

    class Urgency(models.TextChoices):
        USUAL = "usual", pgettext_lazy("urgency of a letter", "usual")
        URGENT = "urgent", pgettext_lazy("urgency of a letter", "urgent")
        VERY_URGENT = "very_urgent", pgettext_lazy("urgency of a letter", "very urgent")
        AT_ONCE = "at_once", pgettext_lazy("urgency of a letter", "at once")

    class Grade(models.TextChoices):
        """The four grades of the National Data Management Office's classification policy."""

        PUBLIC = "public", pgettext_lazy("grade", "public")
        RESTRICTED = "restricted", pgettext_lazy("grade", "restricted")
        SECRET = "secret", pgettext_lazy("grade", "secret")
        TOP_SECRET = "top_secret", pgettext_lazy("grade", "top secret")

    class Wants(models.TextChoices):
        """What is wanted of whoever gets it; the kinds of work."""

        ACKNOWLEDGE = Item.Kind.ACKNOWLEDGE, pgettext_lazy("wanted", "to be seen")
        ANSWER = Item.Kind.ANSWER, pgettext_lazy("wanted", "an answer")
        DO = Item.Kind.DO, pgettext_lazy("wanted", "to be done")

    class State(models.TextChoices):
        DRAFT = "draft", pgettext_lazy("letter", "draft")
        # Before its signature, where somebody was asked to read it.
        REVIEWING = "reviewing", pgettext_lazy("letter", "under review")
        REVIEW = "review", pgettext_lazy("letter", "waits for signature")
        RETURNED = "returned", pgettext_lazy("letter", "returned for changes")
        REFUSED = "refused", pgettext_lazy("letter", "not signed")
        SENT = "sent", pgettext_lazy("letter", "sent")
        RECALLED = "recalled", pgettext_lazy("letter", "recalled")

    public_id = PublicIdField()
    # The body in whose name it is written.
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    kind = models.CharField(_("kind"), max_length=12, choices=Kind, default=Kind.CIRCULAR)
    subject = models.CharField(_("subject"), max_length=140)
    text = models.TextField(_("text"))
    urgency = models.CharField(_("urgency"), max_length=12, choices=Urgency, default=Urgency.USUAL)
    grade = models.CharField(_("grade"), max_length=12, choices=Grade, default=Grade.PUBLIC)
    wants = models.CharField(_("wanted"), max_length=12, choices=Wants, default=Wants.ACKNOWLEDGE)
    # Working hours from when it is sent.
    term_hours = models.PositiveSmallIntegerField(_("within, in working hours"), default=21)
    # In their place a day, by the end of its working hours.
    due_on = models.DateField(_("due on a day"), null=True)
    # Of what is to be done a picture or a file is to show that it was.
    wants_proof = models.BooleanField(_("proof is wanted"), default=False, db_default=False)
    # Of the official correspondence system, which Bayan does not replace.
    official_number = models.CharField(
        _("number in official correspondence"), max_length=40, blank=True
    )
    official_date = models.CharField(_("its date"), max_length=40, blank=True)
    transaction_number = models.CharField(_("transaction number"), max_length=40, blank=True)
    refers_to = models.ForeignKey("self", models.SET_NULL, null=True, related_name="followed_by")
    corrects = models.ForeignKey("self", models.SET_NULL, null=True, related_name="corrected_by")

    # The form that is to be filled in, six fields at most (`questions.Question.as_kept`); empty: none.
    fields = models.JSONField(_("form"), default=list, db_default=Value("[]", JSONField()))

    author = models.ForeignKey(Member, models.PROTECT, related_name="+")
    # Whoever signs it; as they stand under it.
    signer = models.ForeignKey(Member, models.PROTECT, null=True, related_name="+")
    signer_title = models.CharField(_("post of whoever signs"), max_length=120, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.DRAFT)
    created_at = models.DateTimeField(_("made"))
    changed_at = models.DateTimeField(_("changed"))
    # What was submitted: whoever signs, signs this and nothing else.
    submitted_hash = models.CharField(_("hash of what was submitted"), max_length=64, blank=True)
    approval = models.ForeignKey(Item, models.SET_NULL, null=True, related_name="+")
    # The keys of those who were ever asked to review it: what row-level security looks at.
    reviewers = ArrayField(models.BigIntegerField(), default=list, db_default=[])
    remark = models.TextField(_("why it was returned"), blank=True)

    # «رقم المتابعة»: counted by body and Hijri year, given when it is sent.
    year = models.PositiveSmallIntegerField(_("year"), null=True)
    number = models.PositiveIntegerField(_("number"), null=True)
    sent_at = models.DateTimeField(_("sent"), null=True)
    due_at = models.DateTimeField(_("due"), null=True)
    # The bodies to whose people it went: what row-level security looks at.
    bodies = ArrayField(models.BigIntegerField(), default=list)
    # All have been written to.
    handed_at = models.DateTimeField(_("handed over"), null=True)
    recalled_at = models.DateTimeField(_("recalled"), null=True)
    recall_reason = models.TextField(_("why it was recalled"), blank=True)

    objects = LetterQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint("node", "year", "number", name="letter_number_once"),
            models.CheckConstraint(
                condition=Q(sent_at=None, number=None, year=None)
                | Q(sent_at__isnull=False, number__isnull=False, year__isnull=False),
                name="letter_sent_has_its_number",
            ),
            models.CheckConstraint(
                condition=~Q(state="recalled") | Q(recalled_at__isnull=False),
                name="letter_recalled_has_its_moment",
            ),
        ]
        indexes = [
            models.Index(F("changed_at").desc(), F("id").desc(), name="letter_latest"),
            models.Index(
                F("sent_at").desc(),
                F("id").desc(),
                name="letter_sent",
                condition=Q(sent_at__isnull=False),
            ),
            models.Index(
                "id", name="letter_to_hand_over", condition=Q(state="sent", handed_at=None)
            ),
            GinIndex("bodies", name="letter_of_bodies"),
            models.Index("number", "year", name="letter_of_number"),
        ]

    def __str__(self) -> str:
        return self.subject

    @property
    def reference(self) -> str:
        """«رقم المتابعة», as 1448/12; empty until it is sent."""
        return f"{self.year}/{self.number}" if self.number else ""

    @property
    def is_open(self) -> bool:
        """True while its words may still be changed."""
        return self.state in {self.State.DRAFT, self.State.RETURNED}

    @property
    def is_classified(self) -> bool:
        return self.grade != self.Grade.PUBLIC

    @property
    def is_secret(self) -> bool:
        return self.grade in {self.Grade.SECRET, self.Grade.TOP_SECRET}

    @property
    def form_version(self) -> str:
        """What tells its form from one with other fields."""
        return version_of(self.fields)

    @property
    def fingerprint(self) -> str:
        """SHA-256, hexadecimal, of everything that whoever signs it answers for."""
        parts = [
            self.kind, self.subject, self.text, self.urgency, self.grade, self.wants,
            self.term_hours, self.official_number, self.official_date, self.transaction_number,
            self.refers_to_id, self.corrects_id,
            sorted(
                [a.kind, a.node_id, a.role, a.member_id, a.list_id, a.is_copy]
                for a in self.addresses.all()
            ),
            [a.media.sha256 for a in self.attachments.select_related("media").order_by("pk")],
        ]  # fmt: skip
        if self.fields:
            # What was submitted before there were forms keeps its fingerprint.
            parts.append(self.fields)
        # The same of what there was not always.
        if self.due_on:
            parts.append(["due", self.due_on])
        if self.wants_proof:
            parts.append("proof")
        return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()


class Review(models.Model):
    """That somebody is asked to read a letter before it is signed; what they say stands in their task."""

    letter = models.ForeignKey(Letter, models.CASCADE, related_name="reviews")
    reviewer = models.ForeignKey(Member, models.PROTECT, related_name="+")
    item = models.OneToOneField(Item, models.SET_NULL, null=True, related_name="+")
    # The fingerprint of what they were asked to read.
    hash = models.CharField(_("hash of what was submitted"), max_length=64)
    asked_at = models.DateTimeField(_("asked"))

    def __str__(self) -> str:
        return f"{self.letter_id} by {self.reviewer_id}"


class Address(models.Model):
    """A line of the address: people of bodies by their role, one member, or a list."""

    class Kind(models.TextChoices):
        MUNICIPALITIES = "municipalities", _("all municipalities")
        BODY = "body", _("a body")
        MEMBER = "member", _("a member")
        LIST = "list", _("a list")

    letter = models.ForeignKey(Letter, models.CASCADE, related_name="addresses")
    kind = models.CharField(_("kind"), max_length=14, choices=Kind)
    node = models.ForeignKey(Node, models.PROTECT, null=True, related_name="+")
    # Who of a body; empty: whoever heads it and its media.
    role = models.CharField(_("role"), max_length=20, choices=Role.Kind, blank=True)
    member = models.ForeignKey(Member, models.CASCADE, null=True, related_name="+")
    list = models.ForeignKey(AddressList, models.CASCADE, null=True, related_name="+")
    # «صورة لـ»: they are told, nothing is wanted of them.
    is_copy = models.BooleanField(_("copy"), default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "letter", "kind", "node", "role", "member", "list",
                name="address_once", nulls_distinct=False,
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.letter_id} {self.kind}"


class Attachment(models.Model):
    """A file that goes with a letter."""

    letter = models.ForeignKey(Letter, models.CASCADE, related_name="attachments")
    media = models.ForeignKey(Media, models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint("letter", "media", name="attachment_once")]

    def __str__(self) -> str:
        return f"{self.letter_id} {self.media_id}"


class Recipient(models.Model):
    """One person who gets a letter. What became of it is read from its task and its message."""

    public_id = PublicIdField()
    letter = models.ForeignKey(Letter, models.CASCADE, related_name="recipients")
    member = models.ForeignKey(Member, models.PROTECT, related_name="+")
    # The body for which they get it.
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    is_copy = models.BooleanField(_("copy"), default=False)
    handed_at = models.DateTimeField(_("handed over"), null=True)
    item = models.OneToOneField(Item, models.SET_NULL, null=True, related_name="+")
    # By which ways they were told, and what became of it.
    reach = models.OneToOneField(Reach, models.SET_NULL, null=True, related_name="+")
    # When they first opened it on the page.
    seen_at = models.DateTimeField(_("seen"), null=True)
    recall_told_at = models.DateTimeField(_("told of the recall"), null=True)
    # Of the link in their message, good once; only its hash is kept.
    link_hash = models.BinaryField(_("link's hash"), max_length=32, null=True, unique=True)
    link_used_at = models.DateTimeField(_("link used"), null=True)

    class Meta:
        constraints = [models.UniqueConstraint("letter", "member", name="recipient_once")]
        indexes = [
            models.Index("member", "letter", name="recipient_of_member"),
            models.Index(
                "letter", "node", "id", name="recipient_to_tell", condition=Q(handed_at=None)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.letter_id} to {self.member_id}"


class Filled(models.Model):
    """What somebody filled into the form of a letter."""

    recipient = models.OneToOneField(Recipient, models.CASCADE, related_name="filled")
    version = models.CharField(_("version of the form"), max_length=12)
    # By the field's place: f1, f2, … (`questions.cleaned`); of a picture its name.
    values = models.JSONField(_("answers"), default=dict)
    picture = models.ForeignKey(Media, models.PROTECT, null=True, related_name="+")
    by = models.ForeignKey(Member, models.PROTECT, related_name="+")
    at = models.DateTimeField(_("at"))

    def __str__(self) -> str:
        return f"{self.recipient_id} {self.at}"


class Reply(models.Model):
    """What somebody who got a letter wrote about it, besides the answer that was asked of them."""

    recipient = models.ForeignKey(Recipient, models.CASCADE, related_name="replies")
    # Where it was written in WhatsApp.
    message = models.OneToOneField(Message, models.SET_NULL, null=True, related_name="+")
    text = models.TextField(_("text"), blank=True)
    at = models.DateTimeField(_("at"))

    class Meta:
        indexes = [models.Index("recipient", "at", name="reply_of_recipient")]

    def __str__(self) -> str:
        return f"{self.recipient_id} {self.at}"


class Digest(models.Model):
    """«خلاصة الردود»: what those who got a letter answered, as whoever wrote it summed it up for them."""

    public_id = PublicIdField()
    letter = models.ForeignKey(Letter, models.CASCADE, related_name="digests")
    # Of several of one letter, the first is 1.
    number = models.PositiveSmallIntegerField(_("number"))
    text = models.TextField(_("text"))
    by = models.ForeignKey(Member, models.PROTECT, related_name="+")
    at = models.DateTimeField(_("sent"))
    # Everybody who got the letter gets it; else those of `readers`.
    is_for_all = models.BooleanField(_("for all"), default=True)
    handed_at = models.DateTimeField(_("handed over"), null=True)

    class Meta:
        constraints = [models.UniqueConstraint("letter", "number", name="digest_number_once")]
        indexes = [models.Index("id", name="digest_to_hand_over", condition=Q(handed_at=None))]

    def __str__(self) -> str:
        return f"{self.letter_id} {self.number}"


class DigestReader(models.Model):
    """One who is told of a summary."""

    digest = models.ForeignKey(Digest, models.CASCADE, related_name="readers")
    recipient = models.ForeignKey(Recipient, models.CASCADE, related_name="+")
    told_at = models.DateTimeField(_("told"), null=True)

    class Meta:
        constraints = [models.UniqueConstraint("digest", "recipient", name="digest_reader_once")]

    def __str__(self) -> str:
        return f"{self.digest_id} {self.recipient_id}"


class Look(models.Model):
    """That somebody opened a letter, its document or one of its files: each time."""

    class What(models.TextChoices):
        PAGE = "page", pgettext_lazy("look", "the page")
        DOCUMENT = "document", pgettext_lazy("look", "the document")
        FILE = "file", pgettext_lazy("look", "an attachment")

    letter = models.ForeignKey(Letter, models.CASCADE, related_name="looks")
    member = models.ForeignKey(Member, models.PROTECT, related_name="+")
    what = models.CharField(_("what"), max_length=10, choices=What)
    at = models.DateTimeField(_("at"))

    class Meta:
        indexes = [models.Index("letter", F("at").desc(), name="look_latest")]

    def __str__(self) -> str:
        return f"{self.letter_id} {self.member_id}"
