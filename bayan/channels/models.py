"""Accounts on channels, what goes out through them, and what the provider said of it."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from bayan.core import secretbox
from bayan.core.models import PublicIdField
from bayan.organisation.models import Node
from bayan.people.models import Contact, Member


class Portfolio(models.Model):
    """A business as the provider counts it: the messaging limit holds for all its numbers together."""

    key = models.SlugField(_("key"), max_length=40, unique=True)
    # People reached outside a window in any 24 hours (reference 1.10); none: unlimited.
    daily_limit = models.PositiveIntegerField(_("messaging limit"), null=True, default=250)
    # This share of it is kept for a crisis: nothing else may use it up.
    reserve_percent = models.PositiveSmallIntegerField(_("kept for a crisis, %"), default=20)
    # What the dispatcher last counted of `Reached`, so that it need not count at every claim.
    used = models.PositiveIntegerField(_("used"), default=0)
    counted_at = models.DateTimeField(_("counted"), null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(reserve_percent__lte=100), name="portfolio_reserve_is_a_share"
            )
        ]

    def __str__(self) -> str:
        return self.key

    def allowance(self, *, crisis: bool) -> int | None:
        """How many people may be reached in 24 hours in all; None: as many as one likes."""
        if self.daily_limit is None:
            return None
        return (
            self.daily_limit if crisis else self.daily_limit * (100 - self.reserve_percent) // 100
        )


# What stands in `stop_error` of a number that a person stopped.
BY_HAND = "by hand"


class Account(models.Model):
    """One account with a provider: its secrets, and the numbers that belong to it."""

    class Nature(models.TextChoices):
        # From the first day: nothing of an exercise or a demo can reach a real person.
        REAL = "real", _("real")
        DEMO = "demo", _("demo")
        EXERCISE = "exercise", _("exercise")

    class Channel(models.TextChoices):
        WHATSAPP = "whatsapp", _("WhatsApp")
        UNIFONIC = "unifonic", _("SMS by Unifonic")
        TAQNYAT = "taqnyat", _("SMS by Taqnyat")
        EMAIL = "email", _("E-mail")

    key = models.SlugField(_("key"), max_length=40, unique=True)
    channel = models.CharField(_("channel"), max_length=20, choices=Channel)
    nature = models.CharField(_("nature"), max_length=10, choices=Nature)
    name = models.CharField(_("name"), max_length=120)
    portfolio = models.ForeignKey(Portfolio, models.PROTECT, related_name="accounts")
    # The provider's id of the account (WABA): templates and notices name it.
    business_id = models.CharField(_("business account id"), max_length=40, blank=True)
    # Of an e-mail account: smtp:// or smtps://.
    base_url = models.CharField(_("provider's address"), max_length=200)
    # Of an e-mail account: by which name we sign in, and where what people write lies (imap:// or imaps://).
    login = models.CharField(_("user name"), max_length=254, blank=True, db_default="")
    inbox_url = models.CharField(_("mailbox's address"), max_length=200, blank=True, db_default="")
    # How far the mailbox has been read: its own generation, and the last message of it.
    inbox_generation = models.BigIntegerField(_("mailbox's generation"), null=True)
    inbox_position = models.BigIntegerField(_("last message read"), null=True)
    api_version = models.CharField(_("provider's version"), max_length=10, default="v25.0")
    app_secret_locked = models.BinaryField(_("app secret"))
    # Webhooks signed with the secret before this one are taken until then: a change leaves no gap.
    previous_app_secret_locked = models.BinaryField(_("previous app secret"), null=True)
    previous_app_secret_until = models.DateTimeField(
        _("previous app secret valid until"), null=True
    )
    verify_token_locked = models.BinaryField(_("verify token"))
    access_token_locked = models.BinaryField(_("access token"))
    # Handed in to take the place of the token; the provider is asked about it first.
    new_access_token_locked = models.BinaryField(_("new access token"), null=True)
    new_access_token_at = models.DateTimeField(_("new access token handed in"), null=True)
    new_access_token_by = models.ForeignKey(
        Member, models.SET_NULL, null=True, related_name="+", verbose_name=_("handed in by")
    )
    # Why it was not taken; until another is handed in.
    new_access_token_error = models.JSONField(_("why the new token was refused"), null=True)
    # What the provider said of the token when it was last asked; no expiry: it does not expire.
    token_checked_at = models.DateTimeField(_("token checked"), null=True)
    token_is_valid = models.BooleanField(_("token is valid"), null=True)
    token_expires_at = models.DateTimeField(_("token expires"), null=True)
    # Set by whoever wants the provider's facts at once; cleared by the worker that fetched them.
    sync_wanted_at = models.DateTimeField(_("to be synchronised"), null=True)
    synced_at = models.DateTimeField(_("synchronised"), null=True)
    sync_error = models.JSONField(_("why it could not be synchronised"), null=True)
    last_webhook_at = models.DateTimeField(_("last webhook"), null=True)
    # Whether people are asked where it is when their report leaves that open (cases.services.asking).
    asks_where = models.BooleanField(_("asks where it is"), default=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(nature="real")
                | (
                    (
                        Q(base_url__startswith="http://127.0.0.1:")
                        | Q(base_url__startswith="smtp://127.0.0.1:")
                    )
                    & (Q(inbox_url="") | Q(inbox_url__startswith="imap://127.0.0.1:"))
                ),
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

    @property
    def is_whatsapp(self) -> bool:
        return self.channel == self.Channel.WHATSAPP

    @property
    def is_sms(self) -> bool:
        return self.channel in SMS


# The gateways by which a text message leaves.
SMS = (Account.Channel.UNIFONIC, Account.Channel.TAQNYAT)


class Quality(models.TextChoices):
    """How content people are with what they get, by the provider."""

    GREEN = "GREEN", _("high")
    YELLOW = "YELLOW", _("medium")
    RED = "RED", _("low")
    UNKNOWN = "UNKNOWN", _("not known")


class NumberQuerySet(models.QuerySet["Number"]):
    def of_whatsapp(self) -> NumberQuerySet:
        """Those to which people can write, and which have templates and windows."""
        return self.filter(account__channel=Account.Channel.WHATSAPP)


class Number(models.Model):
    """One phone number of an account, a sender's name of a text message, an e-mail address."""

    class Class(models.TextChoices):
        """What a sender's name may be used for, as the operators have it registered."""

        SERVICE = "service", _("service")
        AWARENESS = "awareness", _("awareness")
        WARNING = "warning", _("warning of danger")
        PROMOTIONAL = "promotional", _("advertising (-AD)")

    account = models.ForeignKey(Account, models.PROTECT, related_name="numbers")
    external_id = models.CharField(_("provider's id"), max_length=254, unique=True)
    display = models.CharField(_("number"), max_length=254)
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    verified_name = models.CharField(_("name that people see"), max_length=120, blank=True)
    name_status = models.CharField(_("state of the name"), max_length=40, blank=True)
    quality = models.CharField(
        _("quality"), max_length=10, choices=Quality, default=Quality.UNKNOWN
    )
    # Messages a second, as the provider permits (reference 1.11).
    throughput = models.PositiveSmallIntegerField(_("messages per second"), default=80)
    # An error that only a person can mend stopped it (class P of reference 1.14): nothing is sent until then.
    stopped_at = models.DateTimeField(_("stopped"), null=True)
    stop_error = models.JSONField(_("why it stopped"), null=True)
    last_sent_at = models.DateTimeField(_("last accepted message"), null=True)
    last_received_at = models.DateTimeField(_("last message of a person"), null=True)
    # Of a text message's sender; empty elsewhere.
    sender_class = models.CharField(
        _("kind of sender"), max_length=12, choices=Class, blank=True, db_default=""
    )

    objects = NumberQuerySet.as_manager()

    def __str__(self) -> str:
        return self.display


class Template(models.Model):
    """A text that the provider approved beforehand: the only thing that goes out outside the window."""

    class Category(models.TextChoices):
        UTILITY = "UTILITY", _("service")
        MARKETING = "MARKETING", _("awareness and news")
        AUTHENTICATION = "AUTHENTICATION", _("code")

    class Status(models.TextChoices):
        DRAFT = "DRAFT", _("draft")
        # Handed to the worker, who hands it to the provider.
        SUBMITTING = "SUBMITTING", _("being submitted")
        PENDING = "PENDING", _("under review")
        APPROVED = "APPROVED", _("approved")
        REJECTED = "REJECTED", _("rejected")
        PAUSED = "PAUSED", _("paused")
        DISABLED = "DISABLED", _("disabled")
        # It is gone at the provider; kept here because messages point to it.
        DELETED = "DELETED", _("deleted")

    class Purpose(models.TextChoices):
        # Asks the person to tap, which opens the window again.
        REOPEN = "reopen", _("opens the conversation again")
        # Tells a member of what they must do, when they have not written for a day.
        WORK = "work", _("tells members of their tasks")
        # Brings a contractor or an outside body a task, with its link.
        OUTSIDE = "outside", _("brings contractors and other bodies their tasks")

    public_id = PublicIdField()
    account = models.ForeignKey(Account, models.PROTECT, related_name="templates")
    name = models.CharField(_("name"), max_length=512)
    language = models.CharField(_("language"), max_length=10)
    category = models.CharField(_("category"), max_length=20, choices=Category)
    status = models.CharField(_("state"), max_length=20, choices=Status, default=Status.DRAFT)
    quality = models.CharField(
        _("quality"), max_length=10, choices=Quality, default=Quality.UNKNOWN
    )
    # The provider's own list of parts: header, body, footer, buttons.
    components = models.JSONField(_("parts"))
    is_named = models.BooleanField(_("parameters have names"), default=False)
    purpose = models.CharField(_("used for"), max_length=20, choices=Purpose, blank=True)
    # After so many seconds a message that did not arrive is worth nothing any more.
    ttl_seconds = models.PositiveIntegerField(_("worth sending for, seconds"), null=True)
    external_id = models.CharField(_("provider's id"), max_length=40, blank=True)
    error = models.JSONField(_("why it was rejected or paused"), null=True)
    changed_at = models.DateTimeField(_("changed"))
    # Somebody deleted it; until then they may change their mind.
    forget_at = models.DateTimeField(_("to be deleted at"), null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "account", "name", "language", name="template_once_per_language"
            )
        ]
        indexes = [models.Index("account", "external_id", name="template_of_provider")]

    def __str__(self) -> str:
        return f"{self.name} ({self.language})"

    @property
    def is_usable(self) -> bool:
        return self.status == self.Status.APPROVED and self.forget_at is None


class Flow(models.Model):
    """A form of the provider's, which opens inside WhatsApp; made there, known here to send it."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="flows")
    external_id = models.CharField(_("provider's id"), max_length=40)
    name = models.CharField(_("name"), max_length=200)
    status = models.CharField(_("state"), max_length=20)
    # Null until the form was read; empty where a service of its own says how it begins.
    first_screen = models.CharField(  # noqa: DJ001
        _("first screen"), max_length=80, null=True, blank=True
    )

    class Meta:
        constraints = [models.UniqueConstraint("account", "external_id", name="flow_once")]

    def __str__(self) -> str:
        return self.name


class Media(models.Model):
    """A file that came in or goes out: fetched at once, checked, kept by its hash."""

    class State(models.TextChoices):
        WAITING = "waiting", _("being fetched")
        STORED = "stored", _("stored")
        # Too large, or not what it says it is.
        REFUSED = "refused", _("refused")
        # The provider does not have it any more.
        GONE = "gone", _("gone")

    public_id = PublicIdField()
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    number = models.ForeignKey(Number, models.PROTECT, related_name="+")
    # image, audio, voice, video, document, sticker: as it was sent.
    kind = models.CharField(_("kind"), max_length=10)
    state = models.CharField(_("state"), max_length=10, choices=State)
    # What the bytes say they are, once they are here; until then, what the sender says.
    mime_type = models.CharField(_("type"), max_length=100, blank=True)
    name = models.CharField(_("file name"), max_length=240, blank=True)
    size = models.BigIntegerField(_("bytes"), null=True)
    # Hexadecimal; the file lies under media/<first two digits>/<all of them>.
    sha256 = models.CharField(_("hash"), max_length=64, blank=True)
    expected_sha256 = models.CharField(_("hash by the provider"), max_length=64, blank=True)
    width = models.PositiveIntegerField(_("width"), null=True)
    height = models.PositiveIntegerField(_("height"), null=True)
    seconds = models.FloatField(_("length in seconds"), null=True)
    # Of a picture that came in: 64 bits in which its copies differ little (triage.images).
    likeness = models.BigIntegerField(_("what it looks like"), null=True)
    # The provider's id: of what came in, or of what we uploaded (until it forgets it).
    external_id = models.CharField(_("provider's id"), max_length=80, blank=True)
    external_until = models.DateTimeField(_("provider keeps it until"), null=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    not_before = models.DateTimeField(_("not before"), null=True)
    error = models.JSONField(_("error"), null=True)
    created_at = models.DateTimeField(_("made"))

    class Meta:
        indexes = [
            models.Index("not_before", "id", name="media_to_fetch", condition=Q(state="waiting")),
            # Few; the page of health counts them.
            models.Index("number", "created_at", name="media_gone", condition=Q(state="gone")),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="stored") | ~Q(sha256=""), name="media_stored_has_a_hash"
            )
        ]

    def __str__(self) -> str:
        return str(self.public_id)

    @property
    def is_compressed(self) -> bool:
        """True for what WhatsApp made smaller on its way; only a document arrives as it was."""
        return self.kind in {"image", "video"}


class Broadcast(models.Model):
    """One template to many people: its messages are outgoing rows, held until it runs."""

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        RUNNING = "running", _("running")
        PAUSED = "paused", _("paused")
        # By an error that concerns all its messages; a person looks, then it can go on.
        STOPPED = "stopped", _("stopped")
        FINISHED = "finished", _("finished")
        CANCELLED = "cancelled", _("cancelled")

    public_id = PublicIdField()
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    number = models.ForeignKey(Number, models.PROTECT, related_name="+")
    template = models.ForeignKey(Template, models.PROTECT, related_name="+")
    title = models.CharField(_("title"), max_length=120)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.DRAFT)
    is_crisis = models.BooleanField(_("crisis"), default=False)
    ttl_seconds = models.PositiveIntegerField(_("worth sending for, seconds"), null=True)
    # What became of the list of recipients: these get it, and these were left out.
    total = models.PositiveIntegerField(_("recipients"), default=0)
    opted_out = models.PositiveIntegerField(_("opted out"), default=0)
    duplicates = models.PositiveIntegerField(_("listed more than once"), default=0)
    bad_lines = models.PositiveIntegerField(_("lines that could not be used"), default=0)
    # How far it is, as last counted: nobody counts a hundred thousand rows to look at a page.
    counts = models.JSONField(_("messages by state"), default=dict)
    counted_at = models.DateTimeField(_("counted"), null=True)
    rate = models.FloatField(_("messages per second"), null=True)
    error = models.JSONField(_("why it stopped"), null=True)
    created_by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(_("made"))
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        indexes = [models.Index(F("created_at").desc(), F("id").desc(), name="broadcast_newest")]

    def __str__(self) -> str:
        return self.title


class BadLine(models.Model):
    """A line of a broadcast's list that names nobody who could be written to."""

    broadcast = models.ForeignKey(Broadcast, models.CASCADE, related_name="lines")
    line = models.PositiveIntegerField(_("line"))
    # A word that the page turns into a sentence (services.broadcasts).
    reason = models.CharField(_("reason"), max_length=40)
    text = models.CharField(_("as it was written"), max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint("broadcast", "line", name="bad_line_once")]

    def __str__(self) -> str:
        return f"{self.line} {self.reason}"


class Outgoing(models.Model):
    """One message to one recipient. The row is the queue entry; a dispatcher claims it."""

    class Lane(models.IntegerChoices):
        """Who goes first: whatever waits in a lower one goes before everything in a higher one."""

        PERSON = 10, _("a person's reply")
        CRISIS = 20, _("crisis")
        WORK = 30, _("work")
        BULK = 40, _("bulk")

    class State(models.TextChoices):
        # Not to be sent yet: its broadcast does not run, or it waits for the person to write.
        HELD = "held", _("held")
        QUEUED = "queued", _("queued")
        SENDING = "sending", _("sending")
        # Was in flight when a dispatcher died, and nothing tells whether it arrived.
        UNCERTAIN = "uncertain", _("uncertain")
        SENT = "sent", _("sent")
        DELIVERED = "delivered", _("delivered")
        READ = "read", _("read")
        FAILED = "failed", _("failed")

    # A row is written four times on its way: an index that nothing reads would cost each time.
    public_id = PublicIdField()
    node = models.ForeignKey(Node, models.PROTECT, related_name="+", db_index=False)
    number = models.ForeignKey(Number, models.PROTECT, related_name="+", db_index=False)
    # None: a number from a list, of whom we know nothing else.
    contact = models.ForeignKey(Contact, models.SET_NULL, null=True, related_name="+")
    to_phone = models.CharField(_("to (mobile)"), max_length=20, blank=True)
    to_whatsapp_id = models.CharField(_("to (WhatsApp id)"), max_length=160, blank=True)
    to_email = models.CharField(_("to (e-mail)"), max_length=254, blank=True, db_default="")
    # The provider's part of the body: {"type": "text", "text": {…}}. A file's id is put in when it is sent.
    content = models.JSONField(_("content"))
    media = models.ForeignKey(Media, models.PROTECT, null=True, related_name="+", db_index=False)
    template = models.ForeignKey(
        Template, models.PROTECT, null=True, related_name="+", db_index=False
    )
    broadcast = models.ForeignKey(
        Broadcast, models.PROTECT, null=True, related_name="messages", db_index=False
    )
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
    # Until when the person may be written to freely: later only a template is taken.
    window_until = models.DateTimeField(_("window closes"), null=True)
    # After that it is worth nothing any more and is not sent: an alert of yesterday.
    expires_at = models.DateTimeField(_("worth sending until"), null=True)
    claimed_at = models.DateTimeField(_("claimed"), null=True)
    created_at = models.DateTimeField(_("made"))
    sent_at = models.DateTimeField(_("sent at"), null=True)
    delivered_at = models.DateTimeField(_("delivered at"), null=True)
    read_at = models.DateTimeField(_("read at"), null=True)
    failed_at = models.DateTimeField(_("failed at"), null=True)
    error = models.JSONField(_("error"), null=True)

    # The moment at which the dispatcher that claimed it hands it over; not kept.
    leaves_at: datetime | None = None

    class Meta:
        indexes = [
            # One range a lane and number: the dispatcher reads the heads of them.
            models.Index(
                "number",
                "lane",
                "not_before",
                "id",
                name="outgoing_queue",
                condition=Q(state="queued"),
            ),
            models.Index(
                "broadcast",
                "state",
                "id",
                name="outgoing_of_broadcast",
                condition=Q(broadcast__isnull=False),
            ),
            models.Index(
                "contact", name="outgoing_held", condition=Q(state="held", broadcast=None)
            ),
            models.Index("claimed_at", name="outgoing_in_flight", condition=Q(state="sending")),
            models.Index("number", name="outgoing_uncertain", condition=Q(state="uncertain")),
            models.Index("failed_at", name="outgoing_failed", condition=Q(state="failed")),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(to_phone="") | ~Q(to_whatsapp_id="") | ~Q(to_email=""),
                name="outgoing_has_a_recipient",
            )
        ]

    def __str__(self) -> str:
        return str(self.public_id)

    @property
    def status(self) -> str:
        """The state as others know it: a message held or being sent is still queued to them."""
        return "queued" if self.state in {self.State.HELD, self.State.SENDING} else self.state

    @property
    def recipient(self) -> str:
        """The one name by which limits count this person."""
        return self.to_phone or self.to_whatsapp_id or self.to_email[:160]

    def is_worth_sending(self, *, now: datetime) -> bool:
        return self.expires_at is None or now < self.expires_at


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


class Pace(models.Model):
    """How far a number's permitted rate is used up; the dispatcher that holds this row sends for it."""

    number = models.OneToOneField(Number, models.CASCADE, primary_key=True, related_name="pace")
    # When the next message may leave if each waits for its turn (a leaky bucket as one moment).
    next_at = models.DateTimeField(_("next at"))

    def __str__(self) -> str:
        return f"{self.number_id} {self.next_at:%H:%M:%S.%f}"


class Pair(models.Model):
    """The same for one number and one person: one message in six seconds, 45 ahead (reference 1.11)."""

    number = models.ForeignKey(Number, models.CASCADE, related_name="+")
    recipient = models.CharField(_("recipient"), max_length=160)
    next_at = models.DateTimeField(_("next at"))

    class Meta:
        constraints = [models.UniqueConstraint("number", "recipient", name="pair_once")]
        indexes = [models.Index("next_at", name="pair_by_time")]

    def __str__(self) -> str:
        return f"{self.number_id} {self.recipient}"


class Reached(models.Model):
    """Somebody who was reached outside a window: counts against the portfolio's limit for 24 hours."""

    portfolio = models.ForeignKey(Portfolio, models.CASCADE, related_name="reached")
    recipient = models.CharField(_("recipient"), max_length=160)
    reached_at = models.DateTimeField(_("last reached"))

    class Meta:
        constraints = [models.UniqueConstraint("portfolio", "recipient", name="reached_once")]
        indexes = [models.Index("portfolio", "reached_at", name="reached_by_time")]

    def __str__(self) -> str:
        return f"{self.portfolio_id} {self.recipient}"


class ReadMark(models.Model):
    """To be told to the provider soon: a member has read this message, or is typing an answer to it."""

    number = models.ForeignKey(Number, models.CASCADE, related_name="+")
    external_id = models.CharField(_("provider's id"), max_length=160)
    is_typing = models.BooleanField(_("typing"), default=False)
    created_at = models.DateTimeField(_("made"))

    class Meta:
        constraints = [
            models.UniqueConstraint("number", "external_id", "is_typing", name="read_mark_once")
        ]

    def __str__(self) -> str:
        return self.external_id


class Alert(models.Model):
    """Something about an account that somebody must know: from the provider, or noticed by us."""

    class Severity(models.TextChoices):
        CRITICAL = "critical", _("critical")
        WARNING = "warning", _("warning")
        INFORMATION = "information", _("for information")

    account = models.ForeignKey(Account, models.CASCADE, related_name="alerts")
    number = models.ForeignKey(Number, models.CASCADE, null=True, related_name="alerts")
    template = models.ForeignKey(Template, models.CASCADE, null=True, related_name="alerts")
    # What it is, as a word that the pages turn into a sentence (channels.wording).
    kind = models.CharField(_("kind"), max_length=60)
    severity = models.CharField(_("severity"), max_length=12, choices=Severity)
    facts = models.JSONField(_("facts"), default=dict)
    first_at = models.DateTimeField(_("first"))
    last_at = models.DateTimeField(_("last"))
    times = models.PositiveIntegerField(_("times"), default=1)
    resolved_at = models.DateTimeField(_("settled"), null=True)
    resolved_by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [
            # The same trouble again is the same alert.
            models.UniqueConstraint(
                "account",
                "number",
                "template",
                "kind",
                name="alert_open_once",
                condition=Q(resolved_at=None),
                nulls_distinct=False,
            )
        ]
        indexes = [
            models.Index(F("last_at").desc(), name="alert_open", condition=Q(resolved_at=None))
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.kind}"


class ReachQuerySet(models.QuerySet["Reach"]):
    def how_far(self) -> ReachQuerySet:
        """Each with `how_far`: waiting, queued, sent, delivered, read, failed or withdrawn."""
        on_the_way = [Outgoing.State.HELD, Outgoing.State.QUEUED, Outgoing.State.SENDING]
        return self.annotate(
            how_far=models.Case(
                models.When(outgoing__state="read", then=models.Value("read")),
                models.When(outgoing__state="delivered", then=models.Value("delivered")),
                models.When(state="withdrawn", then=models.Value("withdrawn")),
                models.When(outgoing=None, state="open", then=models.Value("waiting")),
                models.When(outgoing__state__in=["sent", "uncertain"], then=models.Value("sent")),
                models.When(
                    outgoing__state__in=on_the_way, state="open", then=models.Value("queued")
                ),
                # The next way is tried within a second.
                models.When(state="open", then=models.Value("queued")),
                default=models.Value("failed"),
                output_field=models.CharField(),
            )
        )


class Reach(models.Model):
    """One thing that one person is to be told, by whichever way gets to them: each way once, in order."""

    class Way(models.TextChoices):
        WHATSAPP = "whatsapp", _("WhatsApp")
        BACKUP = "backup", _("WhatsApp on the backup number")
        SMS = "sms", _("SMS")
        EMAIL = "email", _("e-mail")

    class State(models.TextChoices):
        OPEN = "open", _("under way")
        # One way has a receipt.
        REACHED = "reached", _("reached")
        # Every way was tried and none has a receipt: it stands on the page.
        LEFT = "left", _("on the page")
        WITHDRAWN = "withdrawn", _("withdrawn")

    public_id = PublicIdField()
    node = models.ForeignKey(Node, models.PROTECT, related_name="+", db_index=False)
    # None: somebody outside, whose addresses are in the words.
    member = models.ForeignKey(Member, models.CASCADE, null=True, related_name="+", db_index=False)
    # What it is about, as its app names it; told again to the same person, it is another round.
    subject_type = models.CharField(_("subject"), max_length=60)
    subject_key = models.CharField(_("subject's key"), max_length=80)
    round = models.PositiveSmallIntegerField(_("round"), default=0)
    lane = models.PositiveSmallIntegerField(_("lane"), choices=Outgoing.Lane)
    # What each channel says: {"title", "text", "content", "window_until", "template", "template_content"};
    # of somebody outside also "to": {"phone", "email", "language"}.
    words = models.JSONField(_("words"))
    # The ways that are still to be tried, in their order.
    ways = models.JSONField(_("ways ahead"))
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.OPEN)
    # The try that counts: the one that arrived, or else the latest.
    way = models.CharField(_("way"), max_length=10, choices=Way, blank=True)
    outgoing = models.ForeignKey(
        Outgoing, models.SET_NULL, null=True, related_name="+", db_index=False
    )
    # When it is looked at next if nothing is heard.
    look_at = models.DateTimeField(_("looked at next"))
    expires_at = models.DateTimeField(_("worth sending until"), null=True)
    created_at = models.DateTimeField(_("made"))
    ended_at = models.DateTimeField(_("ended"), null=True)

    objects = ReachQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "subject_type", "subject_key", "member", "round",
                name="reach_once", nulls_distinct=False,
            )
        ]  # fmt: skip
        indexes = [models.Index("look_at", name="reach_open", condition=Q(state="open"))]

    def __str__(self) -> str:
        return f"{self.subject_type} {self.subject_key} to {self.member_id or 'somebody outside'}"


class Attempt(models.Model):
    """One way by which it was tried to reach a member: a message, or why there was none."""

    reach = models.ForeignKey(Reach, models.CASCADE, related_name="attempts", db_index=False)
    node = models.ForeignKey(Node, models.PROTECT, related_name="+", db_index=False)
    way = models.CharField(_("way"), max_length=10, choices=Reach.Way)
    # None: this way was not open.
    outgoing = models.OneToOneField(Outgoing, models.SET_NULL, null=True, related_name="attempt")
    # How long a receipt may take before the next way is tried, as measured when it began.
    patience = models.DurationField(_("patience"), null=True)
    # Why it was left, as a word that the pages turn into a sentence (channels.wording).
    ended = models.CharField(_("why it was left"), max_length=20, blank=True)
    created_at = models.DateTimeField(_("made"))

    class Meta:
        constraints = [
            # However often a worker dies: no way is tried twice.
            models.UniqueConstraint("reach", "way", name="attempt_once_a_way")
        ]

    def __str__(self) -> str:
        return f"{self.reach_id} {self.way}"


class Repeated(models.Model):
    """How much of what a provider told in one hour was known already, or came after what followed it."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    hour = models.DateTimeField(_("hour"))
    messages = models.PositiveIntegerField(_("messages"), default=0)
    statuses = models.PositiveIntegerField(_("statuses"), default=0)
    # Statuses that came after a later one of the same message: they took nothing back.
    late = models.PositiveIntegerField(_("late"), default=0)

    class Meta:
        constraints = [models.UniqueConstraint("account", "hour", name="repeated_once_an_hour")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.hour}"
