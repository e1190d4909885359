"""Telling contractors and bodies outside what they were given: by WhatsApp, SMS or e-mail, with a link.

What is to be told stands as notices; here each becomes a letter (`channels.reach`) in one transaction with
its link, so that whoever is killed leaves it told once or not at all. Where no way gets to them, whoever gave
the task hears of it: nothing is said to be sent that was not.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, Max, OuterRef
from django.utils.translation import gettext as _
from django.utils.translation import override, pgettext

from bayan.channels import services as channels
from bayan.channels.models import Attempt, Number, Outgoing, Reach, Template
from bayan.channels.services import Outsider
from bayan.core import audit
from bayan.core.errors import DomainError
from bayan.inbox.models import WINDOW, Conversation
from bayan.organisation.models import OutsideBody
from bayan.people.models import Identity
from bayan.people.permissions import Access
from bayan.work.ladders import Level
from bayan.work.models import Clock, Contractor, Item, OutsideNotice
from bayan.work.services import items, links, saying
from bayan.work.services.clocks import ITEM
from bayan.work.services.items import NotPossible, NotYours
from bayan.work.services.onward import OUTSIDE

AT_ONCE = 100
# As long as a provider may still tell of a message its words stay: an uncertain one may be sent again.
WORDS_LAST = timedelta(days=2)
# What has left, as far as anybody knows; of an e-mail there is no more than that.
HAS_LEFT = (
    Outgoing.State.SENT, Outgoing.State.DELIVERED, Outgoing.State.READ, Outgoing.State.UNCERTAIN,
)  # fmt: skip
# What the template says, in its order: from whom, what, until when, and where.
SAID = 4


def address_of(item: Item) -> Outsider:
    """By what whoever outside has this item is reached now; empty where nothing is known."""
    holder = item.holder_outside
    if holder is None:
        return Outsider()
    language = _language_of(holder.phone)
    return Outsider(phone=holder.phone, email=_mail_of(holder), language=language)


def addresses_of(item: Item) -> set[str]:
    """The mobile and the e-mail address of whoever outside has this item, as far as they are known."""
    holder = item.holder_outside
    return {holder.phone, _mail_of(holder)} - {""} if holder else set()


def _mail_of(holder: Contractor | OutsideBody) -> str:
    return holder.email.strip().lower()


def _language_of(phone: str) -> str:
    """In which they wrote to us last; Arabic where they never did."""
    if not phone:
        return "ar"
    known = Identity.objects.filter(scheme=Identity.Scheme.PHONE, value=phone)
    return known.values_list("contact__language", flat=True).first() or "ar"


@transaction.atomic
def tell_outside(*, now: datetime) -> int:
    """Make letters of what contractors and bodies outside are to be told; returns of how many.

    Several words about one thing are told once, by the last. What is over is told to nobody. Run by the
    worker.
    """
    waiting = OutsideNotice.objects.filter(told_at=None)
    wanted = set(waiting.order_by("pk").values_list("item", flat=True)[:AT_ONCE])
    if not wanted:
        return 0
    # The items first, as whoever ends or withdraws one does: no link is made for what is over.
    known = {
        item.pk: item
        for item in Item.objects.filter(pk__in=wanted)
        .select_related("given_from", "contractor", "outside")
        .order_by("pk")
        .select_for_update(of=("self",), skip_locked=True)
    }
    notices = list(
        waiting.filter(item__in=list(known))
        .select_related("clock")
        .order_by("pk")
        .select_for_update(of=("self",), skip_locked=True)
    )
    latest = {notice.item_id: notice for notice in notices}
    told = []
    for notice in notices:
        notice.told_at = now
        item = known[notice.item_id]
        is_running = item.is_open and notice.clock.ended_at is None and not item.on_page
        if is_running and notice is latest[notice.item_id]:
            told.append((notice, item))
    letters = _letters(told, now=now)
    channels.reach([letter for _notice, letter in letters], subject_type=OUTSIDE, now=now)
    made = {
        (row.subject_key, row.round): row
        for row in Reach.objects.filter(
            subject_type=OUTSIDE, subject_key__in={one.subject_key for _notice, one in letters}
        )
    }
    for notice, letter in letters:
        notice.reach = made[letter.subject_key, letter.round]
    OutsideNotice.objects.bulk_update(notices, ["told_at", "reach"])
    by_key = {str(item.public_id): item for item in known.values()}
    items.note_each(
        "item.outside_told", [by_key[letter.subject_key] for _notice, letter in letters],
        by=audit.SYSTEM, now=now, details=[{}] * len(letters),
    )  # fmt: skip
    return len(letters)


type Told = Sequence[tuple[OutsideNotice, Item]]


def _letters(told: Told, *, now: datetime) -> list[tuple[OutsideNotice, channels.Letter]]:
    """Each as every way says it; none for whom no way is known."""
    number = channels.number_for(Reach.Way.WHATSAPP)
    reached = [(notice, item, address_of(item)) for notice, item in told]
    reached = [(notice, item, to) for notice, item, to in reached if to.phone or to.email]
    windows = _windows(number, {to.phone for _n, _i, to in reached if to.phone}, now=now)
    rounds = _rounds([item for _notice, item, _to in reached])
    found = []
    for notice, item, to in reached:
        address = links.new_link(item, made_by=None, now=now)
        key = str(item.public_id)
        with override(to.language):
            text = words_for(item, notice.level, address, now=now)
            title = _title(item, notice.level)
            content, until = None, windows.get(to.phone)
            if number is not None and until is not None:
                content = _with_buttons(number, text, item)
        template = _template_for(number, to.language)
        letter = channels.Letter(
            member_id=None,
            to=to,
            node_id=item.given_from_id,
            subject_key=key,
            round=rounds.get(key, 0),
            title=title,
            text=text,
            lane=Outgoing.Lane.CRISIS if item.is_emergency else Outgoing.Lane.WORK,
            content=content,
            window_until=until if content else None,
            template_id=template.pk if template else None,
            template_content=(
                _filled(template, item, notice.level, address, now=now) if template else None
            ),
            ways=channels.WAYS_OUTSIDE,
        )
        found.append((notice, letter))
    return found


def _windows(
    number: Number | None, phones: Collection[str], *, now: datetime
) -> dict[str, datetime]:
    """Until when these mobiles may be written to freely by this number, of those that may."""
    if number is None or not phones:
        return {}
    rows = (
        Conversation.objects.filter(
            number=number,
            contact__identities__scheme=Identity.Scheme.PHONE,
            contact__identities__value__in=phones,
            last_inbound_at__gt=now - WINDOW,
        )
        .order_by()
        .values_list("contact__identities__value")
        .annotate(last=Max("last_inbound_at"))
    )
    return {phone: last + WINDOW for phone, last in rows}


def _rounds(told: Sequence[Item]) -> dict[str, int]:
    """How often each was told before: a chaser is another round."""
    rows = Reach.objects.filter(
        subject_type=OUTSIDE, subject_key__in=[str(item.public_id) for item in told]
    )
    lasts = rows.order_by().values_list("subject_key").annotate(last=Max("round"))
    return {key: last + 1 for key, last in lasts}


def _title(item: Item, level: str) -> str:
    return f"{Level(level).label}: {item.title}" if level else item.title


def words_for(item: Item, level: str, address: str, *, now: datetime) -> str:
    """The hand-over text with the link, whole in itself, in the language that is set."""
    lines = [
        f"*{item.given_from.name}*",
        _("A task for you: %(title)s") % {"title": _title(item, level)},
        _("Due: %(time)s") % {"time": saying.when(item.due_at, now=now)},
        # Before what may be cut to fit a text message.
        _("See it and answer here: %(address)s") % {"address": address},
    ]
    if item.text:
        lines.append(item.text[: saying.LONGEST_TEXT])
    lines.append(_("To stop these messages, write: stop"))
    return "\n".join(lines)


def buttons_of(item: Item) -> list[tuple[str, str]]:
    """What whoever outside has it can do by one press; three at most."""
    later = ("outside-later", _("It takes longer"))
    decline = ("outside-decline", _("Decline"))
    match item.kind:
        case Item.Kind.ACKNOWLEDGE:
            return [("outside-done", _("Seen")), decline]
        case Item.Kind.ANSWER:
            return [("outside-done", _("Write the answer")), later, decline]
        case Item.Kind.APPROVE:
            return [
                ("outside-done", _("Approve")),
                ("outside-return", _("Return for changes")),
                ("outside-refuse", _("Do not approve")),
            ]
    return [("outside-done", pgettext("task", "Done")), later, decline]


def _with_buttons(number: Number, text: str, item: Item) -> dict[str, Any] | None:
    """The message for within their 24 hours; None where it does not fit, then the template goes."""
    try:
        return channels.compose(
            number, lambda channel: channel.buttons(text, replies=buttons_of(item))
        )
    except DomainError:
        return None


def _template_for(number: Number | None, language: str) -> Template | None:
    """The approved template that brings a task with its link, in their language or in Arabic."""
    if number is None:
        return None
    found = {
        template.language[:2]: template
        for template in Template.objects.filter(
            account=number.account_id,
            purpose=Template.Purpose.OUTSIDE,
            status=Template.Status.APPROVED,
            forget_at=None,
        ).order_by("-language")
        if _keys_of(template)
    }
    return found.get(language) or found.get("ar") or next(iter(found.values()), None)


def _keys_of(template: Template) -> list[str]:
    """The variables of a template that says from whom, what, until when and where; none of any other."""
    wanted = [p for p in channels.templates.parameters(template) if p.is_required]
    if len(wanted) != SAID or any(p.kind not in {"text", "url"} for p in wanted):
        return []
    # Without the link it would say that there is something, and not where.
    if any(p.kind == "url" for p in wanted[:-1]) or "http" not in wanted[-1].example:
        return []
    return [p.key for p in wanted]


def _filled(
    template: Template, item: Item, level: str, address: str, *, now: datetime
) -> dict[str, Any] | None:
    keys = _keys_of(template)
    is_button = keys[-1].startswith("button")
    with override(template.language[:2]):
        said = [
            item.given_from.name,
            _title(item, level),
            saying.when(item.due_at, now=now),
            # Of a button's address the template has the beginning.
            address.rsplit("/w/", 1)[1] if is_button else address,
        ]
    try:
        return channels.templates.fill(template, dict(zip(keys, said, strict=True)))
    except DomainError:
        return None


@transaction.atomic
def settle_outside(*, now: datetime) -> int:
    """Tell whoever gave a task if none of all ways got to whom they gave it; returns how many were looked at.

    Each letter is looked at once, when it is done with. Run by the worker.
    """
    left = Attempt.objects.filter(reach=OuterRef("reach"), outgoing__state__in=HAS_LEFT)
    rows = list(
        OutsideNotice.objects.filter(settled_at=None, reach__isnull=False)
        .exclude(reach__state=Reach.State.OPEN)
        .annotate(has_left=Exists(left))
        .select_related("reach", "item__given_by", "item__given_from")
        .select_related("item__contractor", "item__outside")
        .order_by("pk")
        .select_for_update(of=("self",), skip_locked=True)[:AT_ONCE]
    )
    for notice in rows:
        item, reach = notice.item, notice.reach
        notice.settled_at = now
        is_lost = reach is not None and reach.state == Reach.State.LEFT
        if is_lost and not notice.has_left and item.is_open:
            items.note("item.outside_unreached", item, by=audit.SYSTEM, now=now)
            _tell_unreached(item, now=now)
    OutsideNotice.objects.bulk_update(rows, ["settled_at"])
    return len(rows)


def _tell_unreached(item: Item, *, now: datetime) -> None:
    """Whoever gave it must hand it over themselves, and why stands on the page."""
    saying.tell_member_who_gave(
        item,
        lambda: (
            _("Could not be sent to %(name)s. Hand the link over yourself")
            % {"name": item.holder_outside.name if item.holder_outside else ""}
        ),
        words="",
        now=now,
    )


@transaction.atomic
def send_anew(item_id: UUID, *, by: Access, now: datetime) -> Item:
    """Have whoever outside has an open item told of it once more, by the addresses that are known now.

    :raises ItemIsOver: nothing is left to do
    :raises NotYours: only whoever may give work in that body
    :raises NotPossible: no way to them is known, or a message is on its way
    """
    item = items.locked_open(item_id)
    if not by.may("work.give", item.given_from):
        raise NotYours(_("Only whoever gave the task may have it sent."))
    to = address_of(item)
    if not item.is_outside or not (to.phone or to.email):
        raise NotPossible(
            _("No mobile and no e-mail of theirs is known. Write one down under “Contractors”.")
        )
    clock = Clock.objects.get(subject_type=ITEM, subject_key=str(item.public_id), ended_at=None)
    told = OutsideNotice.objects.filter(item=item)
    if told.filter(told_at=None).exists() or told.filter(reach__state=Reach.State.OPEN).exists():
        raise NotPossible(_("A message to them is on its way already."))
    OutsideNotice.objects.update_or_create(
        clock=clock,
        ring=None,
        defaults={
            "item": item, "created_at": now, "told_at": None, "reach": None, "settled_at": None,
        },
    )  # fmt: skip
    return item


def forget_outside(*, now: datetime) -> int:
    """Take the links' secrets out of letters that were done with a while ago; returns of how many."""
    return channels.forget_done_letters(OUTSIDE, before=now - WORDS_LAST)
