"""Staff and the public: members with their roles, contacts with their identities."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import BigIntegerRangeField, DateTimeRangeField, RangeOperators
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models import Case, F, Func, Q, Value, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bayan.core.models import PublicIdField
from bayan.organisation.models import Node

if TYPE_CHECKING:
    from bayan.people.sessions import SessionStore

# As much as the trail keeps of the roles in which somebody acted.
LABEL_LENGTH = 120
HAND_OVER_BEFORE, HAND_OVER_AFTER = timedelta(hours=4), timedelta(hours=12)


class Period(Func):
    """The time from one moment to before another."""

    function = "tstzrange"
    output_field = DateTimeRangeField()


class JustThis(Func):
    """A key as a range of one: ranges can be excluded without an extension to PostgreSQL, numbers cannot."""

    function = "int8range"
    output_field = BigIntegerRangeField()

    def __init__(self, key: str, *rest: Any, **more: Any) -> None:
        super().__init__(*((key, F(key), Value("[]")) if not rest else (key, *rest)), **more)


class MemberManager(BaseUserManager["Member"]):
    def get_by_natural_key(self, username: str | None) -> Member:
        return self.get(email__iexact=username)


class Member(AbstractBaseUser):
    """Somebody who works here. What they may do stands in their roles."""

    public_id = PublicIdField()
    # Executives may have only a phone.
    email = models.EmailField(_("e-mail"), null=True, blank=True, unique=True)
    phone = models.CharField(_("mobile"), max_length=20, null=True, blank=True, unique=True)
    # When the member showed that they hold it, by a code sent from there.
    phone_linked_at = models.DateTimeField(_("mobile linked"), null=True, blank=True)
    # Where they are to be reached when the mobile is not: nobody is known by it. Digits, or empty.
    backup_phone = models.CharField(
        _("backup mobile"), max_length=20, blank=True, default="", db_default=""
    )
    name_ar = models.CharField(_("name in Arabic"), max_length=120)
    name_en = models.CharField(_("name in English"), max_length=120, blank=True)
    # The one that they last chose on a page: Bayan writes to them in it.
    language = models.CharField(_("language"), max_length=2, default="ar")
    is_active = models.BooleanField(_("active"), default=True)
    is_demo = models.BooleanField(_("demo"), default=False)
    date_joined = models.DateTimeField(_("since"), auto_now_add=True)
    # When they were shown around, or said that they need it not.
    toured_at = models.DateTimeField(_("shown around"), null=True, blank=True)
    # Until then Bayan writes to them only of emergencies (services.quiet).
    quiet_until = models.DateTimeField(_("quiet until"), null=True, blank=True)

    objects: ClassVar[MemberManager] = MemberManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(email=None) | ~Q(phone=None), name="member_can_be_reached"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        from django.utils.translation import get_language

        return (self.name_en or self.name_ar) if get_language() == "en" else self.name_ar

    def is_quiet(self, *, now: datetime) -> bool:
        """True while Bayan writes to them only of emergencies."""
        return self.quiet_until is not None and self.quiet_until > now

    @property
    def audit_key(self) -> str:
        return f"member:{self.public_id}"

    @property
    def audit_label(self) -> str:
        """Their roles, not their name: a person can be deleted, the trail cannot."""
        label = ""
        for role in Role.objects.held_by(self.pk, now=timezone.now()):
            longer = f"{label}, {role.hat(self)}" if label else role.hat(self)
            # A role is named whole or not at all: half of one would be read as another.
            label = longer if len(longer) <= LABEL_LENGTH else label
        return label


class RoleQuerySet(models.QuerySet["Role"]):
    def current(self, *, now: datetime) -> RoleQuerySet:
        return self.filter(Q(ends_at=None) | Q(ends_at__gt=now), starts_at__lte=now)

    def standing(self, *, now: datetime) -> RoleQuerySet:
        """Those that count now or will: what somebody would lose who leaves."""
        return self.filter(Q(ends_at=None) | Q(ends_at__gt=now))

    def held_by(self, member_id: int, *, now: datetime) -> RoleQuerySet:
        """The roles in which this member may act now: their own first, then those of whom they stand in for.

        Whoever they stand in for lends their own roles alone, so that no chain arises. The database's
        function `nodes_visible_to` says the same.
        """
        lenders = (
            Deputyship.objects.current(now=now)
            .filter(deputy=member_id, member__is_active=True)
            .values("member")
        )
        return (
            self.current(now=now)
            .filter(Q(member=member_id) | Q(member__in=lenders))
            .select_related("node", "member")
            .annotate(is_lent=Case(When(member=member_id, then=False), default=True))
            .order_by("is_lent", "pk")
        )


class Role(models.Model):
    """One hat that a member wears in one body, and in everything below it, for a time."""

    class Kind(models.TextChoices):
        ADMINISTRATOR = "administrator", _("administrator")
        DIRECTOR = "director", _("public relations and media director")
        EXECUTIVE = "executive", _("executive")
        SPOKESPERSON = "spokesperson", _("spokesperson")
        PRESS_OFFICER = "press_officer", _("press officer")
        EDITOR = "editor", _("editor")
        RESPONDER = "responder", _("responder")
        MONITOR = "monitor", _("media monitor")
        FIELD_OFFICER = "field_officer", _("field officer")
        LEGAL_REVIEWER = "legal_reviewer", _("legal reviewer")
        TRAINER = "trainer", _("training coordinator")
        RESEARCHER = "researcher", _("researcher")
        VIEWER = "viewer", _("viewer")

    member = models.ForeignKey(Member, models.CASCADE, related_name="roles")
    kind = models.CharField(_("role"), max_length=20, choices=Kind)
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)

    objects = RoleQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="role_ends_after_it_starts",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.node}"

    def hat(self, wearer: Member) -> str:
        """As the audit trail names it, with the one for whom it is worn if that is somebody else."""
        own = f"{self.kind}@{self.node.key}"
        return own if self.member_id == wearer.pk else f"{own} for {self.member.public_id}"


class DeputyshipQuerySet(models.QuerySet["Deputyship"]):
    def current(self, *, now: datetime) -> DeputyshipQuerySet:
        return self.filter(starts_at__lte=now, ends_at__gt=now)

    def standing(self, *, now: datetime) -> DeputyshipQuerySet:
        """Those that count now or will."""
        return self.filter(ends_at__gt=now)


class Deputyship(models.Model):
    """For a time somebody acts in a member's place, with the member's own roles beside theirs."""

    member = models.ForeignKey(Member, models.CASCADE, related_name="deputyships")
    deputy = models.ForeignKey(Member, models.CASCADE, related_name="stands_in")
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))

    objects = DeputyshipQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="deputyship_ends_after_it_starts"
            ),
            models.CheckConstraint(condition=~Q(deputy=F("member")), name="deputyship_is_anothers"),
            ExclusionConstraint(
                name="deputyship_one_at_a_time",
                expressions=[
                    (JustThis("member"), RangeOperators.OVERLAPS),
                    (Period("starts_at", "ends_at"), RangeOperators.OVERLAPS),
                ],
            ),
        ]
        indexes = [models.Index("deputy", "ends_at", name="deputyship_of_deputy")]

    def __str__(self) -> str:
        return f"{self.deputy_id} for {self.member_id}"


class Invitation(models.Model):
    """A way in for somebody who is to work here, good once and for some days. Only its hash is kept."""

    public_id = PublicIdField()
    email = models.EmailField(_("e-mail"), blank=True)
    phone = models.CharField(_("mobile"), max_length=20, blank=True)
    name_ar = models.CharField(_("name in Arabic"), max_length=120, blank=True)
    kind = models.CharField(_("role"), max_length=20, choices=Role.Kind)
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    role_ends_at = models.DateTimeField(_("until"), null=True, blank=True)
    hash = models.BinaryField(_("hash"), max_length=32, unique=True)
    invited_by = models.ForeignKey(Member, models.PROTECT, related_name="invitations")
    created_at = models.DateTimeField(_("created"))
    expires_at = models.DateTimeField(_("until"))
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True)
    accepted_at = models.DateTimeField(_("accepted"), null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(email="") | ~Q(phone=""), name="invitation_can_be_sent"
            ),
            models.CheckConstraint(
                condition=Q(accepted_at=None) | Q(withdrawn_at=None),
                name="invitation_ends_one_way",
            ),
        ]
        indexes = [
            models.Index(
                "node", name="invitation_open", condition=Q(accepted_at=None, withdrawn_at=None)
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind}@{self.node_id}"


class TurnQuerySet(models.QuerySet["Turn"]):
    def at(self, now: datetime) -> TurnQuerySet:
        return self.filter(starts_at__lte=now, ends_at__gt=now)

    def ahead(self, *, now: datetime) -> TurnQuerySet:
        """Those that have not ended."""
        return self.filter(ends_at__gt=now)


class Turn(models.Model):
    """One member is on duty for one body, from then to then; one member at a time."""

    public_id = PublicIdField()
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    member = models.ForeignKey(Member, models.PROTECT, related_name="turns")
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    # What the next one must know, and that they do.
    note = models.TextField(_("hand-over note"), blank=True)
    noted_at = models.DateTimeField(_("noted"), null=True)
    acknowledged_at = models.DateTimeField(_("acknowledged"), null=True)
    acknowledged_by = models.ForeignKey(Member, models.PROTECT, null=True, related_name="+")

    objects = TurnQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="turn_ends_after_it_starts"
            ),
            models.CheckConstraint(
                condition=Q(noted_at=None, note="") | Q(noted_at__isnull=False) & ~Q(note=""),
                name="turn_note_has_its_moment",
            ),
            models.CheckConstraint(
                condition=Q(acknowledged_at=None, acknowledged_by=None)
                | Q(acknowledged_at__isnull=False, acknowledged_by__isnull=False)
                & Q(noted_at__isnull=False),
                name="turn_acknowledged_by_somebody",
            ),
            ExclusionConstraint(
                name="turn_one_member_at_a_time",
                expressions=[
                    (JustThis("node"), RangeOperators.OVERLAPS),
                    (Period("starts_at", "ends_at"), RangeOperators.OVERLAPS),
                ],
            ),
            ExclusionConstraint(
                name="turn_one_place_at_a_time",
                expressions=[
                    (JustThis("member"), RangeOperators.OVERLAPS),
                    (Period("starts_at", "ends_at"), RangeOperators.OVERLAPS),
                ],
            ),
        ]
        indexes = [models.Index("node", "starts_at", name="turn_of_node")]

    def __str__(self) -> str:
        return f"{self.member_id}@{self.node_id} {self.starts_at}"

    def may_be_handed_over(self, *, now: datetime) -> bool:
        """True towards its end and for some hours after it, until the next one has read the note."""
        return (
            self.acknowledged_at is None
            and max(self.starts_at, self.ends_at - HAND_OVER_BEFORE)
            <= now
            < self.ends_at + HAND_OVER_AFTER
        )


class Swap(models.Model):
    """The question to another member whether they take a turn over, or exchange it for one of theirs."""

    class Outcome(models.TextChoices):
        ACCEPTED = "accepted", _("accepted")
        DECLINED = "declined", _("declined")
        WITHDRAWN = "withdrawn", _("withdrawn")

    turn = models.ForeignKey(Turn, models.CASCADE, related_name="swaps")
    in_return = models.ForeignKey(Turn, models.CASCADE, null=True, related_name="+")
    asked = models.ForeignKey(Member, models.CASCADE, related_name="swaps_asked")
    created_at = models.DateTimeField(_("asked"))
    outcome = models.CharField(_("answer"), max_length=10, choices=Outcome, blank=True)
    answered_at = models.DateTimeField(_("answered"), null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("turn", name="swap_asked_once", condition=Q(outcome="")),
            models.CheckConstraint(
                condition=Q(outcome="", answered_at=None)
                | ~Q(outcome="") & Q(answered_at__isnull=False),
                name="swap_answer_has_its_moment",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.turn_id} to {self.asked_id}"


class Clearance(models.Model):
    """Somebody left, and what they held was handed over: who, when, by whom, what."""

    public_id = PublicIdField()
    member = models.ForeignKey(Member, models.PROTECT, related_name="clearances")
    successor = models.ForeignKey(Member, models.PROTECT, related_name="+")
    cleared_by = models.ForeignKey(Member, models.PROTECT, related_name="+")
    cleared_at = models.DateTimeField(_("cleared"))
    # The body of theirs that stands highest, and the roles they had, as the certificate shows them.
    home = models.ForeignKey(Node, models.PROTECT, null=True, related_name="+")
    roles = models.JSONField(_("roles"))
    # For each kind of holding: its key, how many there were, how many went to the successor or ended.
    handed_over = models.JSONField(_("handed over"))

    def __str__(self) -> str:
        return f"{self.member_id} {self.cleared_at}"


class LinkCode(models.Model):
    """Six digits that a member sends from their mobile, to show that it is theirs. Only the hash is kept."""

    # A new code replaces the one before.
    member = models.OneToOneField(Member, models.CASCADE, related_name="link_code")
    phone = models.CharField(_("mobile"), max_length=20)
    hash = models.CharField(_("hash"), max_length=64)
    expires_at = models.DateTimeField(_("until"))
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)

    class Meta:
        indexes = [models.Index("phone", name="link_code_of_phone")]

    def __str__(self) -> str:
        return f"{self.member_id} until {self.expires_at}"


class Session(AbstractBaseSession):
    """One browser in which a member is signed in: a row that can be found, and ended, by its member."""

    # Null before sign-in.
    member = models.ForeignKey(Member, models.CASCADE, null=True, related_name="sessions")

    class Meta:
        verbose_name = _("session")

    def __str__(self) -> str:
        return f"{self.member_id} until {self.expire_date}"

    @classmethod
    def get_session_store_class(cls) -> type[SessionStore]:
        from bayan.people.sessions import SessionStore

        return SessionStore

    @property
    def began_at(self) -> datetime:
        """When the member signed in: sessions are not prolonged."""
        return self.expire_date - timedelta(seconds=settings.SESSION_COOKIE_AGE)


class ApiToken(models.Model):
    """A key to the API, which sees what its member sees. Only its hash is kept."""

    member = models.ForeignKey(Member, models.CASCADE, related_name="tokens")
    hash = models.BinaryField(_("hash"), max_length=32, unique=True)
    scopes = models.JSONField(_("scopes"))
    created_at = models.DateTimeField(_("created"))
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.member_id} {self.scopes}"


class Contact(models.Model):
    """One person of the public who wrote to us, known by one or more identities."""

    public_id = PublicIdField()
    # As we call them: like the channel, until a member knows better.
    name = models.CharField(_("name"), max_length=200, blank=True)
    # As they call themselves on the channel; empty when the channel does not say.
    channel_name = models.CharField(_("name on the channel"), max_length=200, blank=True)
    # In which they write to us, and so are written to by Bayan itself: English, or Arabic like all others.
    language = models.CharField(_("language"), max_length=2, default="ar", db_default="ar")
    # Until they write themselves: whoever sees the contact of whose identity they were made sees them too.
    split_from = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="split_off", db_index=False
    )
    created_at = models.DateTimeField(_("first seen"))

    class Meta:
        indexes = [
            models.Index(F("created_at").desc(), F("id").desc(), name="contact_newest"),
            models.Index(
                fields=["split_from"],
                condition=Q(split_from__isnull=False),
                name="contact_split_off",
            ),
        ]

    def __str__(self) -> str:
        return self.name or str(self.public_id)

    @property
    def audit_key(self) -> str:
        return f"contact:{self.public_id}"

    @property
    def audit_label(self) -> str:
        return "contact"


class Identity(models.Model):
    """One way in which a channel names a contact."""

    class Scheme(models.TextChoices):
        # The business-scoped id comes first: a person may have no visible phone number.
        WHATSAPP = "whatsapp", _("WhatsApp id")
        PHONE = "phone", _("mobile")
        EMAIL = "email", _("e-mail")

    contact = models.ForeignKey(Contact, models.CASCADE, related_name="identities")
    scheme = models.CharField(_("scheme"), max_length=20, choices=Scheme)
    value = models.CharField(_("value"), max_length=160)
    created_at = models.DateTimeField(_("first seen"))

    class Meta:
        constraints = [
            models.UniqueConstraint("scheme", "value", name="identity_belongs_to_one_contact")
        ]
        indexes = [models.Index("contact", "scheme", name="identity_of_contact")]

    def __str__(self) -> str:
        return f"{self.scheme}:{self.value}"


class OptOut(models.Model):
    """A contact does not want messages that go to many; what they themselves write about is not meant."""

    class Source(models.TextChoices):
        WORD = "word", _("the person wrote so")
        PROVIDER = "provider", _("the person told the provider")
        REFUSAL = "refusal", _("the provider refused a message for it")
        TOLD = "told", _("the person told us")

    contact = models.ForeignKey(Contact, models.CASCADE, related_name="opt_outs")
    source = models.CharField(_("source"), max_length=10, choices=Source)
    since_at = models.DateTimeField(_("since"))
    ended_at = models.DateTimeField(_("until"), null=True)
    # How we know that they want it again; empty where two contacts became one.
    ended_source = models.CharField(
        _("source of the end"), max_length=10, choices=Source, blank=True
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "contact", name="opt_out_once_at_a_time", condition=Q(ended_at=None)
            )
        ]

    def __str__(self) -> str:
        return f"{self.contact_id} {self.source}"


class ContactNote(models.Model):
    """What members write down of a person; seen by whoever sees the person."""

    public_id = PublicIdField()
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="notes")
    author = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    text = models.TextField(_("text"), max_length=2000)
    created_at = models.DateTimeField(_("written"))

    class Meta:
        indexes = [models.Index("contact", "created_at", name="contact_note_of_contact")]

    def __str__(self) -> str:
        return str(self.public_id)
