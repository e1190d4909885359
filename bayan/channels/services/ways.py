"""How a letter to somebody is written for each way, or why that way is not open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import override

from bayan.channels.adapters.sms.parts import shortened
from bayan.channels.models import SMS, Account, Number, Reach, Template
from bayan.channels.services import templates
from bayan.channels.services.contents import compose
from bayan.core.errors import DomainError
from bayan.people.models import OptOut

Way = Reach.Way
# In their order; after them it stands on the page alone.
WAYS: tuple[str, ...] = (Way.WHATSAPP, Way.BACKUP, Way.SMS, Way.EMAIL)
# Of somebody outside one number and one address are known.
WAYS_OUTSIDE: tuple[str, ...] = (Way.WHATSAPP, Way.SMS, Way.EMAIL)


@dataclass(frozen=True, kw_only=True)
class Outsider:
    """By what somebody is reached who is no member; who has no number or no address, has an empty one."""

    phone: str = ""
    email: str = ""
    language: str = "ar"

    @property
    def words(self) -> dict[str, str]:
        """As they are kept with a letter."""
        return {"phone": self.phone, "email": self.email, "language": self.language}


def outsider_of(row: Reach) -> Outsider:
    """To whom outside this letter goes; nobody once its words are forgotten."""
    return Outsider(**row.words.get("to", {}))


def is_unwilling(outsider: Outsider) -> bool:
    """Whether they want no messages of ours, by what was heard from either of their addresses."""
    known = [address for address in (outsider.phone, outsider.email.lower()) if address]
    return OptOut.objects.filter(
        ended_at=None,
        contact__identities__scheme__in=["phone", "email"],
        contact__identities__value__in=known,
    ).exists()


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A message by one way."""

    number: Number
    content: dict[str, Any]
    to_phone: str = ""
    to_email: str = ""
    template_id: int | None = None
    window_until: datetime | None = None


class Ways:
    """The ways that are open at this moment."""

    def __init__(self, *, now: datetime) -> None:
        self._now = now
        self._numbers: dict[str, Number | str] = {}
        self._templates: dict[int, list[Template]] = {}

    def draft(self, row: Reach, way: str) -> Draft | str:
        """The message by this way; or a word that says why there is none."""
        address = _address(row, way)
        number = self._number(way) if address else ""
        if row.member is not None and not row.member.is_active:
            return "inactive"
        if not address:
            return "no address"
        if row.member is None and is_unwilling(outsider_of(row)):
            return "opted out"
        if isinstance(number, str):
            return number
        try:
            return self._written(row, way, number, address)
        except DomainError:
            return "not possible"

    def _written(self, row: Reach, way: str, number: Number, address: str) -> Draft | str:
        if way == Way.SMS:
            return self._sms(row, number, address)
        if way == Way.EMAIL:
            return self._email(row, number, address)
        return self._whatsapp(row, number, address, may_be_free=way == Way.WHATSAPP)

    def _number(self, way: str) -> Number | str:
        kind = Way.WHATSAPP if way == Way.BACKUP else Way(way)
        if kind not in self._numbers:
            self._numbers[kind] = number_by(kind)
        return self._numbers[kind]

    def _sms(self, row: Reach, number: Number, phone: str) -> Draft:
        text = shortened(row.words["text"])
        return Draft(number=number, content=compose(number, lambda c: c.text(text)), to_phone=phone)

    def _email(self, row: Reach, number: Number, address: str) -> Draft:
        content = compose(number, lambda c: c.text(row.words["text"]))
        content["email"]["subject"] = row.words["title"]
        return Draft(number=number, content=content, to_email=address)

    def _whatsapp(
        self, row: Reach, number: Number, phone: str, *, may_be_free: bool
    ) -> Draft | str:
        words = row.words
        until = datetime.fromisoformat(words["window_until"]) if words["window_until"] else None
        if may_be_free and words["content"] and until and until > self._now:
            return Draft(
                number=number, content=words["content"], to_phone=phone, window_until=until
            )
        usable = self._usable(number.account_id)
        given = next((t for t in usable if t.pk == words["template"]), None)
        if given is not None and words["template_content"]:
            return Draft(
                number=number,
                content=words["template_content"],
                to_phone=phone,
                template_id=given.pk,
            )
        if row.member is None:
            # What tells members of their tasks has no link.
            return "no template"
        general = _for_work(usable, row.member.language)
        if general is None:
            return "no template"
        return Draft(
            number=number,
            content=self._filled(general, row),
            to_phone=phone,
            template_id=general.pk,
        )

    def _filled(self, template: Template, row: Reach) -> dict[str, Any]:
        with override(template.language[:2]):
            moment = date_format(timezone.localtime(row.created_at), "j F H:i")
        keys = [p.key for p in templates.parameters(template) if p.is_required]
        return templates.fill(template, dict(zip(keys, [row.words["title"], moment], strict=False)))

    def _usable(self, account_id: int) -> list[Template]:
        if account_id not in self._templates:
            self._templates[account_id] = list(
                Template.objects.filter(
                    account=account_id, status=Template.Status.APPROVED, forget_at=None
                ).order_by("-language")
            )
        return self._templates[account_id]


def _address(row: Reach, way: str) -> str:
    """Where this way leads to whom the letter is for; empty where it leads nowhere."""
    member = row.member
    if member is None:
        to = outsider_of(row)
        return to.email if way == Way.EMAIL else "" if way == Way.BACKUP else to.phone
    match way:
        case Way.WHATSAPP:
            return member.phone or ""
        case Way.BACKUP:
            # The same mobile twice is one way.
            return member.backup_phone if member.backup_phone != member.phone else ""
        case Way.SMS:
            return member.phone or member.backup_phone
        case _:
            return member.email or ""


def number_by(way: str) -> Number | str:
    """Through which number this way goes now; or a word that says why through none."""
    numbers = Number.objects.exclude(account__nature=Account.Nature.EXERCISE).select_related(
        "account", "node"
    )
    if way == Way.SMS:
        # Names for awareness and advertising keep to hours, and members are not advertised to.
        numbers = numbers.filter(
            account__channel__in=SMS,
            sender_class__in=[Number.Class.SERVICE, Number.Class.WARNING],
        )
    elif way == Way.EMAIL:
        numbers = numbers.filter(account__channel=Account.Channel.EMAIL)
    else:
        numbers = numbers.of_whatsapp()
    known = sorted(numbers, key=lambda n: (not _is_open(n), not n.node.is_desk, n.pk))
    if not known:
        return "no account"
    return known[0] if _is_open(known[0]) else "stopped"


def _is_open(number: Number) -> bool:
    """False while nothing leaves it, or its account's key is known to open nothing."""
    return number.stopped_at is None and number.account.token_is_valid is not False


def number_for(way: str) -> Number | None:
    """Through which number this way would go now; None where it is not open."""
    found = number_by(Way.WHATSAPP if way == Way.BACKUP else way)
    return None if isinstance(found, str) else found


def _for_work(usable: list[Template], language: str) -> Template | None:
    found = {t.language[:2]: t for t in usable if t.purpose == Template.Purpose.WORK}
    return found.get(language) or found.get("ar") or next(iter(found.values()), None)
