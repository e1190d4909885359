"""Telling members what they must do, where they live: in WhatsApp; each thing once, many things together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from bayan.channels import services as channels
from bayan.channels.models import Outgoing, Template
from bayan.core.errors import DomainError
from bayan.inbox.models import Conversation, Message
from bayan.people import selectors as people_selectors
from bayan.people import services as people
from bayan.people.models import Member
from bayan.people.selectors import may_hear
from bayan.work import events
from bayan.work.events import Subject
from bayan.work.ladders import Level
from bayan.work.models import Item, Notice
from bayan.work.services import onward, saying
from bayan.work.services.clocks import ITEM
from bayan.work.services.onward import ONE, SEVERAL, Said

AT_ONCE = 200
# Whoever is told of something that is no emergency is told of more only after that, then together.
BREATH = timedelta(minutes=5)
# Whose phone rang for several emergencies within this time gets the next ones together, after it.
BREATH_IN_EMERGENCY = timedelta(minutes=1)
# More than that at once come as a list.
ONE_BY_ONE = 3
# So many of several things stand in a text message, which has 536 letters.
IN_WORDS = 3


@transaction.atomic
def tell(*, now: datetime) -> int:
    """Queue the messages about everything that members are to be told; returns how many by WhatsApp.

    Where WhatsApp does not get to somebody, the next way is tried (`onward`). What is over by now is told to
    nobody, and goes no further way. Whoever asked for silence is told of emergencies only, and of the rest
    together once it is over.
    """
    if not onward.one_at_a_time():
        return 0
    onward.stop_what_is_over(now=now)
    waiting = list(
        Notice.objects.filter(Q(is_emergency=True) | may_hear("member", now=now), told_at=None)
        .select_related("member", "clock")
        .order_by("pk")
        .select_for_update(of=("self",), skip_locked=True)[:AT_ONCE]
    )
    if not waiting:
        return 0
    known = _described(waiting)
    by_member: dict[Member, list[Notice]] = defaultdict(list)
    for notice in waiting:
        if (notice.clock.subject_type, notice.clock.subject_key) in known:
            by_member[notice.member].append(notice)
        else:
            notice.told_at, notice.way = now, Notice.Way.PAGE
    told = Notice.objects.filter(member__in=by_member, reach__isnull=False)
    lately = set(
        told.filter(told_at__gt=now - BREATH, is_emergency=False).values_list("member_id", "level")
    )
    breathing = {member for member, level in lately if level}
    # By text message even what is new waits for the rest.
    breathing |= {member.pk for member in by_member if member.phone_linked_at is None} & {
        member for member, _level in lately
    }
    rung = told.filter(told_at__gt=now - BREATH_IN_EMERGENCY, is_emergency=True)
    pressed = {
        row["member"]
        for row in rung.values("member").annotate(count=Count("reach", distinct=True))
        if row["count"] >= ONE_BY_ONE
    }
    # In one statement, as taking in does: two orders would wait for each other.
    people.lock_senders(people.Sender(phone=m.phone) for m in by_member if m.phone)
    said: list[Said] = []
    for member, notices in by_member.items():
        # What is new or burns comes at once; who was chased a moment ago gets the rest together, later.
        due = [
            notice
            for notice in notices
            if (member.pk not in pressed)
            and (
                notice.is_emergency
                or member.pk not in breathing
                or not (notice.level or member.phone_linked_at is None)
            )
        ]
        if due:
            with override(member.language):
                said += _tell_member(member, due, known, now=now)
    onward.pass_on(said, now=now)
    done = [notice for notice in waiting if notice.told_at is not None]
    Notice.objects.bulk_update(done, ["told_at", "way", "outgoing", "reach"])
    return sum(one.message is not None for one in said)


type Known = Mapping[tuple[str, str], Subject]


def _described(notices: Iterable[Notice]) -> Known:
    keys: dict[str, set[str]] = defaultdict(set)
    for notice in notices:
        keys[notice.clock.subject_type].add(notice.clock.subject_key)
    return {
        (of, key): subject
        for of, names in keys.items()
        for key, subject in events.describe(of, names).items()
    }


def _tell_member(
    member: Member, notices: Sequence[Notice], known: Known, *, now: datetime
) -> list[Said]:
    """Queue what they are told by WhatsApp as far as it takes it; what was said, for the ways after it."""
    conversation = saying.conversation_with(member, now=now)
    if conversation is None and people_selectors.body_of_member(member, now=now) is None:
        # They work for nobody any more.
        _mark(notices, Notice.Way.PAGE, None, now=now)
        return []
    is_free = conversation is not None and conversation.is_writable(now=now)
    # One thing that rang twice meanwhile is told once, by its last rung.
    latest = {(n.clock.subject_type, n.clock.subject_key): n for n in notices}
    most = 1 if _waited(member, notices) else ONE_BY_ONE
    groups = (
        [[notice] for notice in latest.values()]
        if is_free and len(latest) <= most
        else [list(latest.values())]
    )
    said = []
    for group in groups:
        keys = {(n.clock.subject_type, n.clock.subject_key) for n in group}
        same = [n for n in notices if (n.clock.subject_type, n.clock.subject_key) in keys]
        one = _said(member, group, same, known, now=now)
        way = Notice.Way.PAGE
        if conversation is not None and is_free:
            one.message = _send_group(conversation, group, known, lane=one.lane, now=now)
            way = Notice.Way.WHATSAPP
        elif conversation is not None:
            one.message = _by_template(conversation, member, group, known, lane=one.lane, now=now)
            way = Notice.Way.TEMPLATE
        if conversation is not None:
            _for_template(one, conversation, group, known, now=now)
        _mark(same, way if one.message else Notice.Way.PAGE, one.message, now=now)
        said.append(one)
    return said


def _said(
    member: Member,
    group: Sequence[Notice],
    same: Sequence[Notice],
    known: Known,
    *,
    now: datetime,
) -> Said:
    """In words that are whole without WhatsApp: no button stands under them."""
    first = min(group, key=lambda n: (not n.is_emergency, n.clock.due_at))
    subject = known[first.clock.subject_type, first.clock.subject_key]
    is_item = len(group) == 1 and first.clock.subject_type == ITEM
    if len(group) == 1:
        lines = _lines(first, subject, now=now)
    else:
        shown, text = _rows(group, known, now=now)
        rest = len(group) - len(shown[:IN_WORDS])
        lines = [text, *(f"• {title} ({due})" for _key, title, due in shown[:IN_WORDS])]
        lines.append(
            _("The rest is on the page: %(address)s")
            % {"address": f"{settings.PUBLIC_URL}{saying.page()}"}
            if rest
            else f"{settings.PUBLIC_URL}{saying.page()}"
        )
    return Said(
        member=member,
        notices=same,
        item_key=first.clock.subject_key if is_item else "",
        node_id=subject.node_id,
        title=_what(group, known),
        text="\n".join(lines),
        lane=_lane(same),
    )


def _lane(notices: Iterable[Notice]) -> Outgoing.Lane:
    return Outgoing.Lane.CRISIS if any(n.is_emergency for n in notices) else Outgoing.Lane.WORK


def _send_group(
    conversation: Conversation,
    group: Sequence[Notice],
    known: Known,
    *,
    lane: Outgoing.Lane,
    now: datetime,
) -> Message | None:
    """Several things as a list, one thing with its buttons."""
    if len(group) > 1:
        return send_list(conversation, group, known, lane=lane, now=now)
    [notice] = group
    subject = known[notice.clock.subject_type, notice.clock.subject_key]
    return _send_one(conversation, notice, subject, lane=lane, now=now)


def _for_template(
    one: Said,
    conversation: Conversation,
    group: Sequence[Notice],
    known: Known,
    *,
    now: datetime,
) -> None:
    """What a template says of it: on the backup number there is no window."""
    sent = one.message.outgoing if one.message else None
    if sent is not None and sent.template_id is not None:
        one.template_id, one.template_content = sent.template_id, sent.content
        return
    template = saying.template_for(conversation, one.member) if one.member.backup_phone else None
    if template is None:
        return
    values = saying.values(template, _in_template(template, group, known, now=now))
    with suppress(DomainError):
        one.template_content = channels.templates.fill(template, values)
        one.template_id = template.pk


def _waited(member: Member, notices: Iterable[Notice]) -> bool:
    """Whether some of it waited for the end of the member's silence."""
    ended = member.quiet_until
    return ended is not None and any(
        not notice.is_emergency and notice.created_at < ended for notice in notices
    )


def _mark(notices: Iterable[Notice], way: str, message: Message | None, *, now: datetime) -> None:
    for notice in notices:
        notice.told_at, notice.way = now, way
        notice.outgoing = message.outgoing if message else None


def _send_one(
    conversation: Conversation,
    notice: Notice,
    subject: Subject,
    *,
    lane: Outgoing.Lane,
    now: datetime,
) -> Message | None:
    if notice.clock.subject_type == ITEM:
        item = _item(notice)
        return saying.send_item(conversation, item, level=_level(notice), lane=lane, now=now)
    return saying.send(
        conversation, "\n".join(_lines(notice, subject, now=now)),
        subject=(SEVERAL, conversation.contact.audit_key), lane=lane, now=now,
    )  # fmt: skip


def _item(notice: Notice) -> Item:
    return Item.objects.select_related("node", "given_from", "given_by").get(
        public_id=notice.clock.subject_key
    )


def _level(notice: Notice) -> str:
    return str(Level(notice.level).label) if notice.level else ""


def _lines(notice: Notice, subject: Subject, *, now: datetime) -> list[str]:
    """One thing in words, with its page."""
    if notice.clock.subject_type == ITEM:
        return saying.item_lines(_item(notice), _level(notice), now=now)
    return [
        saying.headline(_level(notice), subject),
        # Which of its clocks it is: the first answer, the end, promised news, the person's silence.
        f"{notice.clock.get_name_display()}: {saying.when(notice.clock.due_at, now=now)}",
        f"{settings.PUBLIC_URL}{subject.path}",
    ]


def send_list(
    conversation: Conversation,
    notices: Sequence[Notice],
    known: Known,
    *,
    lane: Outgoing.Lane,
    now: datetime,
) -> Message | None:
    """Send several things as one WhatsApp list, the most urgent first."""
    rows, text = _rows(notices, known, now=now)
    return saying.send_rows(conversation, text, rows, lane=lane, now=now)


def _rows(
    notices: Sequence[Notice], known: Known, *, now: datetime
) -> tuple[list[tuple[str, str, str]], str]:
    """Several things, the most urgent first, and how many they are."""
    ordered = sorted(
        notices, key=lambda n: (not n.is_emergency, n.clock.due_at, n.clock.subject_key)
    )
    rows = [
        (f"{n.clock.subject_type}-{n.clock.subject_key}",
         known[n.clock.subject_type, n.clock.subject_key].title,
         saying.when(n.clock.due_at, now=now))
        for n in ordered
    ]  # fmt: skip
    text = ngettext("%(count)d task needs you.", "%(count)d tasks need you.", len(rows)) % {
        "count": len(rows)
    }
    return rows, text


def _by_template(
    conversation: Conversation,
    member: Member,
    notices: Sequence[Notice],
    known: Known,
    *,
    lane: Outgoing.Lane,
    now: datetime,
) -> Message | None:
    """Ask by template to open the conversation; the most urgent thing stands in it by name."""
    template = saying.template_for(conversation, member)
    if template is None:
        return None
    first = min(notices, key=lambda n: (not n.is_emergency, n.clock.due_at))
    about = (
        (ONE, first.clock.subject_key)
        if first.clock.subject_type == ITEM and len(notices) == 1
        else (SEVERAL, conversation.contact.audit_key)
    )
    said = _in_template(template, notices, known, now=now)
    return saying.send_template(conversation, template, said, subject=about, lane=lane, now=now)


def _in_template(
    template: Template, notices: Sequence[Notice], known: Known, *, now: datetime
) -> list[str]:
    """What and until when, in the template's language."""
    first = min(notices, key=lambda n: (not n.is_emergency, n.clock.due_at))
    with override(template.language[:2]):
        return [_what(notices, known), saying.when(first.clock.due_at, now=now)]


def _what(notices: Sequence[Notice], known: Known) -> str:
    """The most urgent thing by name, and how many more there are."""
    first = min(notices, key=lambda n: (not n.is_emergency, n.clock.due_at))
    subject = known[first.clock.subject_type, first.clock.subject_key]
    what = saying.headline(_level(first), subject)
    others = len(notices) - 1
    if others:
        what = ngettext("%(what)s, and %(count)d more", "%(what)s, and %(count)d more", others) % {
            "what": what,
            "count": others,
        }
    return what
