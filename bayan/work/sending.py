"""How far the messages to contractors and bodies outside are: what the pages show of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from bayan.channels import selectors as channels
from bayan.channels import services as channel_services
from bayan.channels.models import Attempt, Outgoing, Reach
from bayan.core.rls import as_worker
from bayan.core.templatetags.bayan import failure
from bayan.work.models import Item, OutsideNotice

State = Outgoing.State
# Why a way was left without a message, as `channels` keeps it.
WHY: dict[str, str | Promise] = {
    "no address": pgettext_lazy("way", "not known"),
    "no account": gettext_lazy("no account sends by this way"),
    "stopped": gettext_lazy("the account stands still"),
    "no template": gettext_lazy(
        "they have not written for a day, and no approved template brings tasks"
    ),
    "opted out": gettext_lazy("they want no messages"),
    "not possible": gettext_lazy("the message does not fit this way"),
    "not sent": gettext_lazy("it waited too long and was taken back"),
    "no receipt": gettext_lazy("no receipt came"),
}
GOOD, BAD = "is-ok", "is-warn"
ARRIVED = {State.DELIVERED, State.READ}
LEFT = ARRIVED | {State.SENT, State.UNCERTAIN}


@dataclass(frozen=True)
class Tried:
    """One way by which it was tried: what became of it."""

    way: str
    said: str


@dataclass(frozen=True)
class Told:
    """One word to them: that it was given, or a reminder."""

    notice: OutsideNotice
    said: str
    look: str
    tried: Sequence[Tried] = ()

    @property
    def at(self) -> datetime:
        return self.notice.told_at or self.notice.created_at


def _live(notices: Sequence[OutsideNotice]) -> str:
    """What live screens hear when one of these gets further."""
    reaches = [notice.reach for notice in notices if notice.reach is not None]
    keys = [f"reach:{reach.public_id}" for reach in reaches]
    return " ".join(
        keys + [f"outgoing:{reach.outgoing.public_id}" for reach in reaches if reach.outgoing]
    )


@dataclass(frozen=True)
class Sending:
    """How whoever outside has an item was told of it."""

    told: Sequence[Told] = ()
    # Some way to them is known; they want messages.
    is_known: bool = False
    is_unwilling: bool = False
    # A message is on its way, or has left: nobody needs to hand the link over.
    is_cared_for: bool = False
    is_under_way: bool = False
    # By which keys a page of it is kept live.
    live: str = ""


def _rows(items: Sequence[Item]) -> list[OutsideNotice]:
    return list(
        OutsideNotice.objects.filter(item__in=items)
        .select_related("reach__outgoing")
        .order_by("-pk")
    )


def of(item: Item) -> Sending:
    """All that was said to whoever has it, the latest first."""
    rows = _rows([item])
    tries = channels.tries_of(row.reach_id for row in rows if row.reach_id)
    told = [_told(row, tries.get(row.reach_id or 0, ())) for row in rows]
    holder = item.holder_outside
    phone, email = (holder.phone, holder.email) if holder else ("", "")
    is_known = bool(phone or email)
    is_unwilling = False
    if is_known and item.is_open:
        # Whoever gives work need not see the people.
        with as_worker():
            is_unwilling = channel_services.is_unwilling(
                channel_services.Outsider(phone=phone, email=email)
            )
    is_under_way = any(
        (is_known and row.told_at is None)
        or (row.reach is not None and row.reach.state == Reach.State.OPEN)
        for row in rows
    )
    is_cared_for = is_under_way or any(one.notice.reach and one.look != BAD for one in told)
    return Sending(
        told=told,
        is_known=is_known,
        is_unwilling=is_unwilling,
        is_cared_for=is_cared_for,
        is_under_way=is_under_way,
        live=_live(rows),
    )


def show(items: Sequence[Item]) -> None:
    """Give each open item outside `sent`: how far the latest word to them is; none to the others."""
    open_ones = [item for item in items if item.is_outside and item.is_open]
    latest: dict[int, OutsideNotice] = {}
    for row in _rows(open_ones) if open_ones else ():
        latest.setdefault(row.item_id, row)
    for item in items:
        word = latest.get(item.pk)
        item.sent = _told(word, ()) if word else None  # type: ignore[attr-defined]


def _told(notice: OutsideNotice, tries: Sequence[Attempt]) -> Told:
    said, look = _state(notice)
    return Told(
        notice=notice,
        said=said,
        look=look,
        tried=[Tried(str(each.get_way_display()), _tried(each)) for each in tries],
    )


def _state(notice: OutsideNotice) -> tuple[str, str]:
    """In a word how far it is, and how that looks. Never more than is known."""
    reach = notice.reach
    if notice.told_at is None:
        return _("being prepared"), ""
    if reach is None:
        return pgettext("message", "not sent"), BAD
    state = reach.outgoing.state if reach.outgoing else ""
    if state in LEFT:
        return str(State(state).label), GOOD if state in ARRIVED else ""
    if reach.state == Reach.State.OPEN:
        # Also where a way has just failed: the next is tried within a second.
        return str(State.QUEUED.label), ""
    if reach.state == Reach.State.WITHDRAWN:
        return pgettext("message", "taken back"), ""
    return pgettext("message", "not sent"), BAD


def _tried(attempt: Attempt) -> str:
    message = attempt.outgoing
    if message is None:
        return str(WHY.get(attempt.ended, attempt.ended))
    if message.state == State.FAILED:
        why = failure(message.error)
        return f"{State.FAILED.label}: {why}" if why else str(State.FAILED.label)
    words = str(State(message.state).label)
    if attempt.ended == "no receipt" and message.state == State.SENT:
        return _(", ").join([words, str(WHY["no receipt"])])
    return words
