"""Staff and the public: members with their roles, contacts with their identities."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bayan.core.models import PublicIdField
from bayan.organisation.models import Node

if TYPE_CHECKING:
    from bayan.people.sessions import SessionStore

# As much as the trail keeps of the roles in which somebody acted.
LABEL_LENGTH = 120


class MemberManager(BaseUserManager["Member"]):
    def get_by_natural_key(self, username: str | None) -> Member:
        return self.get(email__iexact=username)


class Member(AbstractBaseUser):
    """Somebody who works here. What they may do stands in their roles."""

    public_id = PublicIdField()
    # Executives may have only a phone.
    email = models.EmailField(_("e-mail"), null=True, blank=True, unique=True)
    phone = models.CharField(_("mobile"), max_length=20, null=True, blank=True, unique=True)
    name_ar = models.CharField(_("name in Arabic"), max_length=120)
    name_en = models.CharField(_("name in English"), max_length=120, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    is_demo = models.BooleanField(_("demo"), default=False)
    date_joined = models.DateTimeField(_("since"), auto_now_add=True)

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

    @property
    def audit_key(self) -> str:
        return f"member:{self.public_id}"

    @property
    def audit_label(self) -> str:
        """Their roles, not their name: a person can be deleted, the trail cannot."""
        label = ""
        for role in Role.objects.held_by(self, now=timezone.now()):
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

    def held_by(self, member: Member, *, now: datetime) -> RoleQuerySet:
        """The roles in which this member may act now, the oldest first."""
        return self.current(now=now).filter(member=member).select_related("node").order_by("pk")


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
                condition=Q(ends_at=None) | Q(ends_at__gt=models.F("starts_at")),
                name="role_ends_after_it_starts",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.node}"

    def hat(self, wearer: Member) -> str:
        """As the audit trail names it."""
        return f"{self.kind}@{self.node.key}"


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
    # As they call themselves on the channel; empty when the channel does not say.
    name = models.CharField(_("name"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("first seen"))

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

    contact = models.ForeignKey(Contact, models.CASCADE, related_name="opt_outs")
    source = models.CharField(_("source"), max_length=10, choices=Source)
    since_at = models.DateTimeField(_("since"))
    ended_at = models.DateTimeField(_("until"), null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "contact", name="opt_out_once_at_a_time", condition=Q(ended_at=None)
            )
        ]

    def __str__(self) -> str:
        return f"{self.contact_id} {self.source}"
