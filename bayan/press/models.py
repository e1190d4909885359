"""Stories that bodies want published, the files that came with them, journalists, and who got what."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from bayan.channels.models import Media, Outgoing, Template
from bayan.core.models import PublicIdField
from bayan.mandates.models import OTHER
from bayan.organisation.models import Node
from bayan.people.models import Contact, Member
from bayan.work.models import Item


class StoryQuerySet(models.QuerySet["Story"]):
    def unfinished(self) -> StoryQuerySet:
        """Those of which something is still to be done."""
        return self.exclude(
            Q(state=Story.State.PUBLISHED)
            | Q(state=Story.State.DECLINED)
            | Q(state=Story.State.WITHDRAWN)
        )


class Story(models.Model):
    """What a body wants published: its words as they came, the editors' words, and where it stands."""

    class State(models.TextChoices):
        """Which step leads from one to the next: docs/press.md."""

        DRAFT = "draft", pgettext_lazy("story", "draft")
        SUBMITTED = "submitted", pgettext_lazy("story", "received")
        IN_REVIEW = "in_review", pgettext_lazy("story", "in review")
        RETURNED = "returned", pgettext_lazy("story", "returned for completion")
        ACCEPTED = "accepted", pgettext_lazy("story", "accepted")
        SENT = "sent", pgettext_lazy("story", "sent to journalists")
        PUBLISHED = "published", pgettext_lazy("story", "published")
        DECLINED = "declined", pgettext_lazy("story", "not accepted")
        WITHDRAWN = "withdrawn", pgettext_lazy("story", "withdrawn")

    class Source(models.TextChoices):
        WHATSAPP = "whatsapp", _("WhatsApp")
        PAGE = "page", _("the page")

    class People(models.TextChoices):
        """Whether people can be recognised in the pictures, and whether they agreed."""

        UNKNOWN = "", _("not said")
        NONE = "none", _("nobody can be recognised")
        AGREED = "agreed", _("those shown have agreed")
        NOT_AGREED = "not_agreed", _("those shown were not asked")

    class Weight(models.TextChoices):
        """How many must approve it: nobody else, one, two."""

        ROUTINE = "routine", pgettext_lazy("story", "routine")
        IMPORTANT = "important", pgettext_lazy("story", "important")
        STATEMENT = "statement", pgettext_lazy("story", "statement")

    public_id = PublicIdField()
    reference = models.CharField(_("number"), max_length=9, unique=True)
    # The body that wants it published.
    node = models.ForeignKey(Node, models.PROTECT, related_name="+", db_index=False)
    sender = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    source = models.CharField(_("came by"), max_length=10, choices=Source)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.DRAFT)
    # As it came; the editors' words stand beside it and never in its place.
    title = models.CharField(_("title"), max_length=140, blank=True)
    text = models.TextField(_("text"), blank=True)
    # Of WhatsApp, until it is submitted: [moment, provider's id, words], in the order in which it was sent.
    parts = models.JSONField(_("messages"), default=list)
    edited_title = models.CharField(_("edited title"), max_length=140, blank=True)
    edited_text = models.TextField(_("edited text"), blank=True)
    shows_people = models.CharField(
        _("people in the pictures"), max_length=10, choices=People, blank=True
    )
    publish_by = models.DateField(_("wanted by"), null=True)
    embargo_until = models.DateTimeField(_("embargoed until"), null=True)
    # Journalists may prepare it before; otherwise their page shows nothing until then.
    is_open_early = models.BooleanField(_("material open before the embargo ends"), default=False)
    weight = models.CharField(_("weight"), max_length=10, choices=Weight, default=Weight.ROUTINE)
    # What it speaks of: a row of the table of who may speak (mandates).
    topic = models.CharField(_("topic"), max_length=30, default=OTHER, db_default=OTHER)
    editor = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    # Why it was returned or not accepted, in words that the sender reads.
    reason = models.TextField(_("reason"), blank=True)
    # What an approver wrote to the editors.
    remark = models.TextField(_("remark of the approver"), blank=True)
    # The exact version that was approved (`version`), and when.
    approved_version = models.CharField(_("approved version"), max_length=64, blank=True)
    approved_at = models.DateTimeField(_("approved"), null=True)
    created_at = models.DateTimeField(_("begun"))
    submitted_at = models.DateTimeField(_("submitted"), null=True)
    changed_at = models.DateTimeField(_("last step"))

    # In WhatsApp: until when the sender's messages there belong to it; when its counts are to be told, when
    # the sender is to be asked whether that was all, and since when something waits to be told.
    gathers_until = models.DateTimeField(_("takes messages until"), null=True)
    sums_at = models.DateTimeField(_("counts to be told"), null=True)
    asks_at = models.DateTimeField(_("sender to be asked"), null=True)
    unsaid_since = models.DateTimeField(_("not told since"), null=True)

    objects = StoryQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "sender", name="story_one_gathers", condition=Q(gathers_until__isnull=False)
            ),
            models.CheckConstraint(
                condition=Q(state="draft") | Q(state="withdrawn") | Q(submitted_at__isnull=False),
                name="story_submitted_with_its_state",
            ),
        ]
        indexes = [
            models.Index("node", F("changed_at").desc(), F("id").desc(), name="story_of_node"),
            models.Index("state", F("changed_at").desc(), F("id").desc(), name="story_of_state"),
            models.Index("sums_at", name="story_to_sum", condition=Q(sums_at__isnull=False)),
            models.Index("asks_at", name="story_to_ask", condition=Q(asks_at__isnull=False)),
            models.Index(
                "gathers_until", name="story_gathers", condition=Q(gathers_until__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def shown_title(self) -> str:
        """What it is called now."""
        return self.edited_title or self.title

    @property
    def shown_text(self) -> str:
        """What it says now."""
        return self.edited_text or self.text

    @property
    def is_edited(self) -> bool:
        return bool(self.edited_title or self.edited_text)

    def is_embargoed(self, *, now: datetime) -> bool:
        return self.embargo_until is not None and now < self.embargo_until

    def version(self) -> str:
        """A name for exactly what journalists would get now: words, pictures and their order, embargo."""
        said: list[Any] = [
            self.shown_title,
            self.shown_text,
            self.embargo_until.isoformat() if self.embargo_until else "",
            self.is_open_early,
            [[file.sha256, file.caption] for file in self.chosen_files()],
        ]
        return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()

    def chosen_files(self) -> list[StoryFile]:
        """What goes to journalists, in its order."""
        return list(
            self.files.filter(is_chosen=True, twin=None, media__state=Media.State.STORED)
            .select_related("media")
            .order_by("position", "sent_at", "pk")
        )


class StoryFile(models.Model):
    """A picture, a clip or a document of a story: as it came, nothing of it is made smaller."""

    public_id = PublicIdField()
    story = models.ForeignKey(Story, models.CASCADE, related_name="files")
    media = models.ForeignKey(Media, models.PROTECT, related_name="+")
    caption = models.CharField(_("caption"), max_length=500, blank=True)
    position = models.PositiveSmallIntegerField(_("place in the order"), default=0)
    is_chosen = models.BooleanField(_("goes to journalists"), default=True)
    # The same file again, or what WhatsApp made smaller of one that came as it was: that one counts.
    twin = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+")
    # The provider's id of the message that brought it; empty where a page did.
    external_id = models.CharField(_("message"), max_length=160, blank=True)
    sent_at = models.DateTimeField(_("sent"))
    # Until its bytes are here and it was held against the others.
    is_compared = models.BooleanField(_("held against the others"), default=False)

    class Meta:
        constraints = [models.UniqueConstraint("story", "media", name="story_file_once")]
        indexes = [
            models.Index("id", name="story_file_to_compare", condition=Q(is_compared=False)),
        ]

    def __str__(self) -> str:
        return str(self.public_id)

    @property
    def sha256(self) -> str:
        return self.media.sha256 or self.media.expected_sha256

    @property
    def kind(self) -> str:
        """What it is to people: image, video, sound or document, however it was sent."""
        family = self.media.mime_type.partition("/")[0]
        if family in {"image", "video", "audio"}:
            return family
        return "document" if self.media.kind == "document" else self.media.kind

    @property
    def is_compressed(self) -> bool:
        return self.media.is_compressed

    @property
    def name(self) -> str:
        """A name under which it can be saved."""
        ending = {
            "image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "image/heif": ".heic",
            "video/mp4": ".mp4", "video/3gpp": ".3gp", "application/pdf": ".pdf",
        }.get(self.media.mime_type, "")  # fmt: skip
        return self.media.name or f"{self.kind}-{str(self.public_id)[-6:]}{ending}"


class StoryNews(models.Model):
    """That the sender is to be told of a step: written with it, sent by the worker, once."""

    class Way(models.TextChoices):
        WHATSAPP = "whatsapp", "WhatsApp"
        TEMPLATE = "template", _("WhatsApp, by template")
        PAGE = "page", _("on the page only")

    story = models.ForeignKey(Story, models.CASCADE, related_name="news")
    step = models.CharField(_("step"), max_length=10, choices=Story.State)
    # The reason, or the address where it was published.
    words = models.TextField(_("words"), blank=True)
    at = models.DateTimeField(_("at"))
    told_at = models.DateTimeField(_("told"), null=True)
    way = models.CharField(_("way"), max_length=10, choices=Way, blank=True)

    class Meta:
        indexes = [models.Index("id", name="story_news_to_tell", condition=Q(told_at=None))]

    def __str__(self) -> str:
        return f"{self.story_id} {self.step}"


class Approval(models.Model):
    """One member's say on exactly one version of a story."""

    class State(models.TextChoices):
        ASKED = "asked", pgettext_lazy("approval", "asked")
        GIVEN = "given", pgettext_lazy("approval", "approved")
        RETURNED = "returned", pgettext_lazy("approval", "returned for changes")
        REFUSED = "refused", pgettext_lazy("approval", "not approved")
        # The story was changed, or is over: nobody's press counts any more.
        STALE = "stale", pgettext_lazy("approval", "withdrawn: the story was changed")

    story = models.ForeignKey(Story, models.CASCADE, related_name="approvals")
    version = models.CharField(_("version"), max_length=64)
    approver = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    # None: the editor's own, of a routine story.
    item = models.OneToOneField(Item, models.SET_NULL, null=True, related_name="+")
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.ASKED)
    asked_at = models.DateTimeField(_("asked"))
    ended_at = models.DateTimeField(_("ended"), null=True)

    def __str__(self) -> str:
        return f"{self.story_id} {self.state}"


class Publication(models.Model):
    """Where a story was published: the proof."""

    public_id = PublicIdField()
    story = models.ForeignKey(Story, models.CASCADE, related_name="publications")
    outlet = models.CharField(_("outlet"), max_length=120)
    address = models.URLField(_("address"), max_length=500)
    added_by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(_("added"))

    class Meta:
        constraints = [models.UniqueConstraint("story", "address", name="publication_once")]

    def __str__(self) -> str:
        return self.address


class Outlet(models.Model):
    """A newspaper, a station, an account: for whom journalists write."""

    public_id = PublicIdField()
    # Whose register it stands in: the authority's.
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    name = models.CharField(_("name"), max_length=120)

    class Meta:
        constraints = [models.UniqueConstraint("node", "name", name="outlet_once")]

    def __str__(self) -> str:
        return self.name


class JournalistQuerySet(models.QuerySet["Journalist"]):
    def current(self) -> JournalistQuerySet:
        return self.filter(ended_at=None)


class Journalist(models.Model):
    """Somebody of the press to whom the authority may send its news."""

    public_id = PublicIdField()
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    name = models.CharField(_("name"), max_length=120)
    outlet = models.ForeignKey(Outlet, models.PROTECT, null=True, related_name="journalists")
    beat = models.CharField(_("beat"), max_length=120, blank=True)
    # Digits with the country code; empty: no WhatsApp.
    phone = models.CharField(_("mobile (WhatsApp)"), max_length=20, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    language = models.CharField(_("language"), max_length=2, default="ar")
    # That they want the authority's news, and since when.
    agreed_at = models.DateTimeField(_("agreed"), null=True)
    notes = models.TextField(_("notes"), blank=True)
    last_contacted_at = models.DateTimeField(_("last written to"), null=True)
    created_at = models.DateTimeField(_("added"))
    ended_at = models.DateTimeField(_("no longer in the register since"), null=True)

    objects = JournalistQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "node", "phone", name="journalist_phone_once", condition=~Q(phone="")
            ),
        ]
        indexes = [models.Index("node", "name", "id", name="journalist_of_node")]

    def __str__(self) -> str:
        return self.name


class PressList(models.Model):
    """Journalists to whom news go together."""

    public_id = PublicIdField()
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    name = models.CharField(_("name"), max_length=80)
    journalists: models.ManyToManyField[Journalist, Any] = models.ManyToManyField(
        Journalist, related_name="lists"
    )

    class Meta:
        constraints = [models.UniqueConstraint("node", "name", name="press_list_once")]

    def __str__(self) -> str:
        return self.name


class Release(models.Model):
    """One sending of a story to journalists, with the links that go with it."""

    class State(models.TextChoices):
        RUNNING = "running", pgettext_lazy("release", "being sent")
        PAUSED = "paused", pgettext_lazy("release", "paused")
        FINISHED = "finished", pgettext_lazy("release", "sent")
        WITHDRAWN = "withdrawn", pgettext_lazy("release", "withdrawn")

    public_id = PublicIdField()
    story = models.ForeignKey(Story, models.PROTECT, related_name="releases")
    # The authority's desk, which sends it.
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    # As the lists were called.
    lists = ArrayField(models.CharField(max_length=80), default=list, verbose_name=_("lists"))
    template = models.ForeignKey(Template, models.PROTECT, null=True, related_name="+")
    version = models.CharField(_("version"), max_length=64)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.RUNNING)
    not_before = models.DateTimeField(_("not before"))
    links_until = models.DateTimeField(_("links good until"))
    sent_by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    started_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"), null=True)
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True)
    # When the worker took the secrets out of the messages that have arrived.
    forgotten_at = models.DateTimeField(_("words forgotten"), null=True)

    class Meta:
        indexes = [
            models.Index("id", name="release_running", condition=Q(state="running")),
            models.Index("finished_at", name="release_to_forget", condition=Q(forgotten_at=None)),
        ]

    def __str__(self) -> str:
        return str(self.public_id)


class Copy(models.Model):
    """A story for one journalist: what became of its message, and what they did with the link."""

    class State(models.TextChoices):
        WAITING = "waiting", pgettext_lazy("copy", "waiting")
        QUEUED = "queued", pgettext_lazy("copy", "handed over")
        LEFT_OUT = "left_out", pgettext_lazy("copy", "not reached")

    class Reason(models.TextChoices):
        NO_WHATSAPP = "no_whatsapp", pgettext_lazy("copy", "neither WhatsApp nor e-mail")
        NOT_AGREED = "not_agreed", pgettext_lazy("copy", "has not agreed to get our news")
        OPTED_OUT = "opted_out", pgettext_lazy("copy", "wants no messages")
        NO_MAIL = "no_mail", pgettext_lazy("copy", "no WhatsApp, and e-mail is not set up")
        EXCEPTED = "excepted", pgettext_lazy("copy", "left out by hand")
        NO_TEMPLATE = "no_template", pgettext_lazy("copy", "no approved template to begin with")
        WITHDRAWN = "withdrawn", pgettext_lazy("copy", "withdrawn before it left")

    public_id = PublicIdField()
    release = models.ForeignKey(Release, models.CASCADE, related_name="copies")
    journalist = models.ForeignKey(Journalist, models.PROTECT, related_name="copies")
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    reason = models.CharField(_("reason"), max_length=12, choices=Reason, blank=True)
    contact = models.ForeignKey(Contact, models.SET_NULL, null=True, related_name="+")
    outgoing = models.OneToOneField(Outgoing, models.SET_NULL, null=True, related_name="+")
    is_by_template = models.BooleanField(_("by template"), default=False)
    is_by_email = models.BooleanField(_("by e-mail"), default=False, db_default=False)
    # The message by WhatsApp that failed: what comes after it was decided, once.
    failed = models.ForeignKey(Outgoing, models.SET_NULL, null=True, related_name="+")
    opens = models.PositiveIntegerField(_("times opened"), default=0)
    downloads = models.PositiveIntegerField(_("files fetched"), default=0)
    opened_at = models.DateTimeField(_("first opened"), null=True)

    class Meta:
        constraints = [models.UniqueConstraint("release", "journalist", name="copy_once")]
        indexes = [models.Index("release", "state", "id", name="copy_of_release")]

    def __str__(self) -> str:
        return str(self.public_id)


class CopyLink(models.Model):
    """The way to a story for one journalist, without an account. Only its hash is kept."""

    copy = models.ForeignKey(Copy, models.CASCADE, related_name="links")
    hash = models.BinaryField(_("hash"), max_length=32, unique=True)
    # Copied by a member for somebody without WhatsApp; None: it went out with the message.
    made_by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    made_at = models.DateTimeField(_("made"))
    expires_at = models.DateTimeField(_("until"))
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True)

    def __str__(self) -> str:
        return f"{self.copy_id} until {self.expires_at}"
