"""Whatever a person must do by a time: work items, their clocks, who was told, and the proof."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from bayan.channels.models import Media, Outgoing, Reach
from bayan.core.models import PublicIdField
from bayan.inbox.models import Message
from bayan.organisation.models import Node, OutsideBody
from bayan.people.models import Member
from bayan.work.ladders import Level, Term


class Clock(models.Model):
    """One term that runs for something, and the ladder that is climbed while nobody ends it.

    Holds keys and moments only: what it is about is asked from whoever owns the subject (work.events).
    """

    class Name(models.TextChoices):
        """Of several clocks of one subject; an item has one."""

        DUE = "due", pgettext_lazy("clock", "the task")
        ANSWER = "answer", pgettext_lazy("clock", "first answer")
        CLOSE = "close", pgettext_lazy("clock", "the end")
        # It runs from the moment that the end was missed.
        SECOND = "second", pgettext_lazy("clock", "second deadline")
        UPDATE = "update", pgettext_lazy("clock", "promised news")
        # It runs while all others wait for the person; then somebody looks whether to go on without.
        PERSON = "person", pgettext_lazy("clock", "the person's answer")

    # item, case, …: registered in config/subscriptions.py.
    subject_type = models.CharField(_("subject"), max_length=40)
    subject_key = models.CharField(_("subject's key"), max_length=80)
    name = models.CharField(_("name"), max_length=20, choices=Name)
    ladder = models.CharField(_("ladder"), max_length=40, default="usual")
    since = models.DateTimeField(_("since"))
    due_at = models.DateTimeField(_("due"))
    around_the_clock = models.BooleanField(_("around the clock"), default=False)
    # The key of the body whose working time counts; empty: the authority's. A key only, as the others.
    calendar_of = models.BigIntegerField(_("whose working time counts"), null=True)
    # The next rung, by its place in the ladder, and when it rings; empty once the last has rung.
    rung = models.PositiveSmallIntegerField(_("rung"), default=0)
    rings_at = models.DateTimeField(_("rings"), null=True)
    # While it waits for the person who is served, nobody is late.
    paused_at = models.DateTimeField(_("paused"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "subject_type", "subject_key", "name",
                name="clock_one_of_a_name", condition=Q(ended_at=None),
            )
        ]  # fmt: skip
        indexes = [
            models.Index("subject_key", "subject_type", name="clock_of_subject"),
            models.Index(
                "rings_at",
                name="clock_to_ring",
                condition=Q(rings_at__isnull=False, paused_at=None, ended_at=None),
            ),
            models.Index(
                "since", name="clock_of_person", condition=Q(name="person", ended_at=None)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject_type} {self.subject_key} {self.name}"

    @property
    def term(self) -> Term:
        return Term(self.since, self.due_at, self.around_the_clock, self.calendar_of)


class Ring(models.Model):
    """A rung of a clock's ladder that rang: once, whoever looks and whatever is killed."""

    clock = models.ForeignKey(Clock, models.CASCADE, related_name="rings")
    rung = models.PositiveSmallIntegerField(_("rung"))
    level = models.CharField(_("level"), max_length=10, choices=Level)
    # Counted anew after the clock was set to another time.
    due_at = models.DateTimeField(_("due"))
    at = models.DateTimeField(_("at"))

    class Meta:
        constraints = [
            models.UniqueConstraint("clock", "rung", "due_at", name="ring_once"),
        ]

    def __str__(self) -> str:
        return f"{self.clock_id} {self.level}"


class Contractor(models.Model):
    """A company that works for the authority and gets tasks by a link."""

    public_id = PublicIdField()
    name = models.CharField(_("name"), max_length=120, unique=True)
    contact_name = models.CharField(_("contact person"), max_length=120, blank=True)
    phone = models.CharField(_("mobile"), max_length=20, blank=True)
    email = models.EmailField(_("e-mail"), blank=True, db_default="")
    ended_at = models.DateTimeField(_("no longer works for us since"), null=True)

    def __str__(self) -> str:
        return self.name


class Project(models.Model):
    """What a contractor does for a department: who answers for which work where."""

    public_id = PublicIdField()
    contractor = models.ForeignKey(Contractor, models.PROTECT, related_name="projects")
    # The department whose project it is.
    department = models.ForeignKey(Node, models.PROTECT, related_name="+")
    name = models.CharField(_("project"), max_length=160)
    number = models.CharField(_("contract number"), max_length=40, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("contractor", "department", "name", name="project_once")
        ]

    def __str__(self) -> str:
        return self.name


class ItemQuerySet(models.QuerySet["Item"]):
    def open(self) -> ItemQuerySet:
        return self.filter(state=Item.State.OPEN)

    def late(self, *, now: datetime) -> ItemQuerySet:
        return self.open().filter(due_at__lt=now)


class Item(models.Model):
    """One thing that a person, a contractor or another body must do by a time."""

    class Kind(models.TextChoices):
        ACKNOWLEDGE = "acknowledge", pgettext_lazy("item", "acknowledge")
        ANSWER = "answer", pgettext_lazy("item", "answer")
        DO = "do", pgettext_lazy("item", "do")
        APPROVE = "approve", pgettext_lazy("item", "approve")

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("item", "open")
        DONE = "done", pgettext_lazy("item", "done")
        # Of what was to be approved: back for changes, or not at all.
        RETURNED = "returned", pgettext_lazy("item", "returned for changes")
        REFUSED = "refused", pgettext_lazy("item", "not approved")
        # Who has it by a link will not do it.
        DECLINED = "declined", pgettext_lazy("item", "declined")
        WITHDRAWN = "withdrawn", pgettext_lazy("item", "withdrawn")

    class Silence(models.TextChoices):
        """Why it takes longer: told with one press."""

        PARTS = "parts", _("material or equipment is missing")
        OTHERS = "others", _("another body must act first")
        SITE = "site", _("the site cannot be worked at now")
        TIME = "time", _("it needs more time")
        NOT_OURS = "not_ours", _("it is not ours")

    public_id = PublicIdField()
    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    title = models.CharField(_("title"), max_length=140)
    text = models.TextField(_("hand-over text"), blank=True)
    # What it is part of, as registered in config/subscriptions.py; empty: nothing else.
    subject_type = models.CharField(_("subject"), max_length=40, blank=True)
    subject_key = models.CharField(_("subject's key"), max_length=80, blank=True)
    # The body whose business it is to do, and the one that gave it.
    node = models.ForeignKey(Node, models.PROTECT, related_name="+", db_index=False)
    given_from = models.ForeignKey(Node, models.PROTECT, related_name="+", db_index=False)
    given_by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    given_at = models.DateTimeField(_("given"))
    # One of these has it; none: whoever of the body comes first.
    owner = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+", db_index=False)
    contractor = models.ForeignKey(Contractor, models.PROTECT, null=True, related_name="items")
    outside = models.ForeignKey(OutsideBody, models.PROTECT, null=True, related_name="+")
    project = models.ForeignKey(Project, models.PROTECT, null=True, related_name="+")
    # By when; its clock says the same, with the ladder.
    due_at = models.DateTimeField(_("due"))
    is_emergency = models.BooleanField(_("emergency"), default=False)
    wants_proof = models.BooleanField(_("a picture is wanted"), default=False)
    # What it is about may not stand in a message: it is ended on the page, by whoever has read it there.
    on_page = models.BooleanField(_("on the page only"), default=False)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.OPEN)
    # What the one who did it wrote: the facts asked for, what was done, why it was refused.
    answer = models.TextField(_("answer"), blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True)
    ended_by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    # By a link: as they call themselves.
    ended_name = models.CharField(_("done by"), max_length=120, blank=True)
    silence = models.CharField(_("why it takes longer"), max_length=10, choices=Silence, blank=True)
    silence_at = models.DateTimeField(_("told"), null=True)
    # A button was pressed in WhatsApp: what the member's next message there is taken for.
    awaits = models.CharField(_("waits for words to be"), max_length=10, choices=State, blank=True)
    awaits_until = models.DateTimeField(_("waits for words until"), null=True)

    objects = ItemQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state="open", ended_at=None)
                | ~Q(state="open") & Q(ended_at__isnull=False),
                name="item_ends_with_its_state",
            ),
            models.CheckConstraint(
                condition=Q(owner=None, contractor=None)
                | Q(owner=None, outside=None)
                | Q(contractor=None, outside=None),
                name="item_has_one_holder",
            ),
        ]
        indexes = [
            models.Index("owner", "due_at", "id", name="item_of_owner", condition=Q(state="open")),
            models.Index("node", "due_at", "id", name="item_of_node", condition=Q(state="open")),
            models.Index(
                "given_from", "due_at", "id", name="item_given", condition=Q(state="open")
            ),
            models.Index("subject_type", "subject_key", name="item_of_subject"),
            models.Index(F("ended_at").desc(), F("id").desc(), name="item_ended"),
            # Nearly none; whatever comes in asks whether it is what somebody outside was asked for.
            models.Index(
                "awaits_until",
                name="item_awaits_outside",
                condition=Q(state="open", owner=None, awaits_until__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_open(self) -> bool:
        return self.state == self.State.OPEN

    @property
    def is_outside(self) -> bool:
        """True for what no member does: a contractor or another body has it."""
        return self.contractor_id is not None or self.outside_id is not None

    @property
    def holder_outside(self) -> Contractor | OutsideBody | None:
        """The contractor or the body outside that has it."""
        return self.contractor or self.outside


class Proof(models.Model):
    """A picture of what was done, and where and when it was taken."""

    item = models.ForeignKey(Item, models.CASCADE, related_name="proofs")
    media = models.ForeignKey(Media, models.PROTECT, related_name="+")
    latitude = models.FloatField(_("latitude"), null=True)
    longitude = models.FloatField(_("longitude"), null=True)
    at = models.DateTimeField(_("at"))

    class Meta:
        constraints = [
            models.UniqueConstraint("item", "media", name="proof_once"),
            models.CheckConstraint(
                condition=Q(latitude=None, longitude=None)
                | Q(latitude__gte=-90, latitude__lte=90, longitude__gte=-180, longitude__lte=180),
                name="proof_is_on_earth",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.item_id} {self.media_id}"


class Paper(models.Model):
    """The file of an approval: text and file of one version, which are never changed."""

    item = models.OneToOneField(Item, models.CASCADE, primary_key=True, related_name="paper")
    media = models.ForeignKey(Media, models.PROTECT, related_name="+")
    version = models.PositiveSmallIntegerField(_("version"), default=1)
    # SHA-256 of title, text and file, hexadecimal.
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    # What was asked about the version before.
    replaces = models.OneToOneField(Item, models.SET_NULL, null=True, related_name="newer")

    def __str__(self) -> str:
        return f"{self.item_id} {self.version}"


class Remark(models.Model):
    """What a member, or whoever outside has it, wrote about an item in WhatsApp, which did not end it."""

    item = models.ForeignKey(Item, models.CASCADE, related_name="remarks")
    # None: whoever outside has it, and members who are gone.
    member = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    message = models.OneToOneField(Message, models.SET_NULL, null=True, related_name="+")
    text = models.TextField(_("text"), blank=True)
    at = models.DateTimeField(_("at"))

    class Meta:
        indexes = [models.Index("item", "at", name="remark_of_item")]

    def __str__(self) -> str:
        return f"{self.item_id} {self.at}"


class Link(models.Model):
    """A way to one item for somebody without an account, good for a time. Only its hash is kept."""

    item = models.ForeignKey(Item, models.CASCADE, related_name="links")
    hash = models.BinaryField(_("hash"), max_length=32, unique=True)
    made_by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    made_at = models.DateTimeField(_("made"))
    expires_at = models.DateTimeField(_("until"))
    opened_at = models.DateTimeField(_("first opened"), null=True)
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True)

    def __str__(self) -> str:
        return f"{self.item_id} until {self.expires_at}"


class Notice(models.Model):
    """That a member is told of something that they must do: queued here, sent by the worker, once."""

    class Way(models.TextChoices):
        WHATSAPP = "whatsapp", "WhatsApp"
        TEMPLATE = "template", _("WhatsApp, by template")
        # They have linked no mobile, or no number of ours can send: the ways after it are tried (`reach`),
        # and the page shows it.
        PAGE = "page", _("on the page only")

    member = models.ForeignKey(Member, models.CASCADE, related_name="+", db_index=False)
    clock = models.ForeignKey(Clock, models.CASCADE, related_name="notices")
    # Empty: it was given; else the rung that rang.
    ring = models.ForeignKey(Ring, models.CASCADE, null=True, related_name="notices")
    level = models.CharField(_("level"), max_length=10, choices=Level, blank=True)
    is_emergency = models.BooleanField(_("emergency"), default=False)
    created_at = models.DateTimeField(_("made"))
    told_at = models.DateTimeField(_("told"), null=True)
    way = models.CharField(_("way"), max_length=10, choices=Way, blank=True)
    outgoing = models.ForeignKey(
        Outgoing, models.SET_NULL, null=True, related_name="+", db_index=False
    )
    # How it goes on where WhatsApp does not get to them; none where they work for nobody, or all is over.
    reach = models.ForeignKey(Reach, models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "clock", "member", "ring", name="notice_once", nulls_distinct=False
            ),
        ]
        indexes = [
            models.Index("member", "id", name="notice_to_tell", condition=Q(told_at=None)),
            models.Index("member", F("told_at").desc(), name="notice_told"),
        ]

    def __str__(self) -> str:
        return f"{self.clock_id} to {self.member_id}"


class OutsideNotice(models.Model):
    """That a contractor or a body outside is told of what they were given: once, and at each rung that rings.

    Queued here, made a letter by the worker (services.outside); how far that is, its letter says.
    """

    item = models.ForeignKey(Item, models.CASCADE, related_name="outside_notices")
    clock = models.ForeignKey(Clock, models.CASCADE, related_name="+")
    # Empty: it was given; else the rung that rang.
    ring = models.ForeignKey(Ring, models.CASCADE, null=True, related_name="+")
    level = models.CharField(_("level"), max_length=10, choices=Level, blank=True)
    created_at = models.DateTimeField(_("made"))
    told_at = models.DateTimeField(_("told"), null=True)
    # None though it was told: no way to them is known, or the task was over.
    reach = models.ForeignKey(Reach, models.SET_NULL, null=True, related_name="+")
    # That no way got to them was said to whoever gave it, or need not be.
    settled_at = models.DateTimeField(_("outcome looked at"), null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "clock", "ring", name="outside_notice_once", nulls_distinct=False
            ),
        ]
        indexes = [
            models.Index("id", name="outside_notice_to_tell", condition=Q(told_at=None)),
            models.Index(
                "reach",
                name="outside_notice_to_settle",
                condition=Q(settled_at=None, reach__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.item_id} {self.level}"
