"""By which way each journalist gets a story: WhatsApp where they have it, else e-mail, else not, and why."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Max

from bayan.channels import services as channels
from bayan.channels.models import Number, Template
from bayan.channels.models import Reach as ByWay
from bayan.core.rls import as_worker
from bayan.inbox.models import Conversation
from bayan.people.models import OptOut
from bayan.people.services import Sender
from bayan.press.models import Copy, Journalist

WINDOW = timedelta(hours=24)
Reason = Copy.Reason


@dataclass(frozen=True)
class Reach:
    """Who of some lists gets a story and how, as it stands now."""

    journalists: Sequence[Journalist]
    in_window: int
    by_template: int
    by_email: int
    left_out: Sequence[tuple[Journalist, str]]

    @property
    def count(self) -> int:
        return self.in_window + self.by_template + self.by_email


def sending_number() -> Number | None:
    """The number by which journalists are written to."""
    return channels.number_for(ByWay.Way.WHATSAPP)


def mail_number() -> Number | None:
    """The address by which those without WhatsApp are written to."""
    return channels.number_for(ByWay.Way.EMAIL)


def fitting_templates(number: Number | None) -> list[Template]:
    """The approved templates that say a title and a link, the one made for it first."""
    if number is None:
        return []
    found = [
        template
        for template in Template.objects.filter(
            account=number.account_id, status=Template.Status.APPROVED, forget_at=None
        )
        if keys_of(template)
    ]
    return sorted(found, key=lambda t: (t.name != "press_story", t.language != "ar", t.name))


def keys_of(template: Template) -> list[str]:
    """The variables for title and link of a template that wants just these; none for every other one."""
    open_ones = [p for p in channels.templates.parameters(template) if p.is_required]
    if len(open_ones) != 2 or any(p.kind != "text" for p in open_ones):
        return []
    title, link = sorted(open_ones, key=lambda p: "http" in p.example)
    return [title.key, link.key] if "http" in link.example else []


def journalists_of(lists: Collection[UUID]) -> list[Journalist]:
    """Everybody on these lists, each once, by name."""
    return list(
        Journalist.objects.current()
        .filter(lists__public_id__in=lists)
        .select_related("outlet")
        .distinct()
        .order_by("name", "pk")
    )


def reach(journalists: Sequence[Journalist], *, has_template: bool, now: datetime) -> Reach:
    """How these would be reached now."""
    open_windows = windows(journalists, now=now)
    silent = unwilling(journalists)
    has_mail = mail_number() is not None
    inside = outside = mailed = 0
    left_out = []
    for one in journalists:
        reason = why_not(one, silent, has_mail=has_mail)
        if reason:
            left_out.append((one, reason))
        elif not one.phone:
            mailed += 1
        elif one.phone in open_windows:
            inside += 1
        elif has_template:
            outside += 1
        else:
            left_out.append((one, str(Reason.NO_TEMPLATE)))
    return Reach(journalists, inside, outside, mailed, left_out)


def sender_of(journalist: Journalist) -> Sender:
    """As whom the channel knows them: their mobile, or without one their address."""
    if journalist.phone:
        return Sender(phone=journalist.phone, name=journalist.name)
    return Sender(email=journalist.email.lower(), name=journalist.name)


def why_not(journalist: Journalist, silent: Collection[str], *, has_mail: bool) -> str:
    """Why a journalist gets nothing; empty for whoever does."""
    if not journalist.phone:
        if not journalist.email:
            return str(Reason.NO_WHATSAPP)
        if not has_mail:
            return str(Reason.NO_MAIL)
    if journalist.agreed_at is None:
        return str(Reason.NOT_AGREED)
    ((_scheme, address),) = sender_of(journalist).identities
    return str(Reason.OPTED_OUT) if address in silent else ""


def unwilling(journalists: Sequence[Journalist]) -> set[str]:
    """The mobiles and addresses of those of them who want no messages."""
    return silent_among(
        [value for one in journalists for _scheme, value in sender_of(one).identities]
    )


def silent_among(addresses: Collection[str]) -> set[str]:
    """Those of these mobiles and e-mail addresses whose people want no messages."""
    # Whoever may send to many need not see the people; who wants no messages counts all the same.
    with as_worker():
        return set(
            OptOut.objects.filter(
                ended_at=None,
                contact__identities__scheme__in=["phone", "email"],
                contact__identities__value__in=list(addresses),
            ).values_list("contact__identities__value", flat=True)
        )


def windows(journalists: Sequence[Journalist], *, now: datetime) -> dict[str, datetime]:
    """Until when these mobiles may be written to freely, of those that may."""
    with as_worker():
        rows = list(
            Conversation.objects.filter(
                contact__identities__scheme="phone",
                contact__identities__value__in=[one.phone for one in journalists if one.phone],
                last_inbound_at__gt=now - WINDOW,
            )
            .order_by()
            .values_list("contact__identities__value")
            .annotate(last=Max("last_inbound_at"))
        )
    return {phone: last + WINDOW for phone, last in rows}
