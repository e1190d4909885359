"""Telling members what they must do, where they live: in WhatsApp; each thing once, many things together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override, pgettext

from bayan.channels import services as channels
from bayan.channels.models import Outgoing, Reach, Template
from bayan.core.errors import DomainError
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation, Message
from bayan.people import selectors as people_selectors
from bayan.people import services as people
from bayan.people.models import Member
from bayan.work import events
from bayan.work.events import Subject
from bayan.work.ladders import Level
from bayan.work.models import Item, Notice
from bayan.work.services import onward
from bayan.work.services.items import ITEM
from bayan.work.services.onward import ONE, SEVERAL, Said

AT_ONCE = 200
# Whoever is told of something that is no emergency is told of more only after that, then together.
BREATH = timedelta(minutes=5)
# Whose phone rang for several emergencies within this time gets the next ones together, after it.
BREATH_IN_EMERGENCY = timedelta(minutes=1)
# More than that at once come as a list.
ONE_BY_ONE = 3
# WhatsApp's list: ten rows, titles of 24 characters.
MOST_ROWS, LONGEST_TITLE = 10, 24
# With buttons a message has 1,024 characters, heading, title and link included; the page shows all of it.
LONGEST_TEXT = 450
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
    may_hear = Q(is_emergency=True) | Q(member__quiet_until=None) | Q(member__quiet_until__lte=now)
    waiting = list(
        Notice.objects.filter(may_hear, told_at=None)
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
    conversation = conversation_with(member, now=now)
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
            % {"address": f"{settings.PUBLIC_URL}{_page()}"}
            if rest
            else f"{settings.PUBLIC_URL}{_page()}"
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
    template = _template(conversation, one.member) if one.member.backup_phone else None
    if template is None:
        return
    values = _values(template, _in_template(template, group, known, now=now))
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


def conversation_with(member: Member, *, now: datetime) -> Conversation | None:
    """The conversation in which this member is written to; None where there is no way to them."""
    body = people_selectors.body_of_member(member, now=now)
    if body is None or not member.phone or member.phone_linked_at is None:
        return None
    number = channels.number_for(Reach.Way.WHATSAPP)
    if number is None:
        return None
    sender = people.Sender(phone=member.phone)
    people.lock_senders([sender])
    contact = people.contacts_of([sender], now=now)[sender]
    inbox.conversations_for([(contact, number.pk)], node=body, now=now)
    conversation = (
        Conversation.objects.select_for_update(of=("self",))
        .select_related("node", "number__account", "contact")
        .get(contact=contact, number=number, node=body)
    )
    # It is no word about a case of the member's own that may be open there.
    conversation.matter = ""
    return conversation


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
        return send_item(conversation, item, level=_level(notice), lane=lane, now=now)
    return _send(
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
        return _item_lines(_item(notice), _level(notice), now=now)
    return [
        _headline(_level(notice), subject),
        # Which of its clocks it is: the first answer, the end, promised news, the person's silence.
        f"{notice.clock.get_name_display()}: {when(notice.clock.due_at, now=now)}",
        f"{settings.PUBLIC_URL}{subject.path}",
    ]


def _headline(level: str, subject: Subject) -> str:
    mark = f"⚠️ {_('Emergency')} · " if subject.is_emergency else ""
    return f"{mark}{level}: {subject.title}" if level else f"{mark}{subject.title}"


def send_item(
    conversation: Conversation,
    item: Item,
    *,
    now: datetime,
    level: str = "",
    lane: Outgoing.Lane = Outgoing.Lane.WORK,
) -> Message | None:
    """Send one item with its buttons; the conversation is the member's, and theirs to write in."""
    first, *rest = _item_lines(item, level, now=now)
    return _send(
        conversation, "\n".join([f"*{first}*", *rest]), buttons=buttons_of(item), lane=lane, now=now,
        subject=(ONE, str(item.public_id)),
    )  # fmt: skip


def _item_lines(item: Item, level: str, *, now: datetime) -> list[str]:
    subject = Subject(item.title, item.node_id, item.owner_id, "", "", item.is_emergency)
    lines = [
        _headline(level, subject),
        _("Due: %(time)s") % {"time": when(item.due_at, now=now)},
        _("From: %(body)s") % {"body": item.given_from.name},
    ]
    if item.text:
        lines.append(item.text[:LONGEST_TEXT])
    return [*lines, f"{settings.PUBLIC_URL}{_path_of(item)}"]


def _path_of(item: Item) -> str:
    return reverse("work:item", args=[item.public_id])


def buttons_of(item: Item) -> list[tuple[str, str]]:
    """What can be done with it by one press: WhatsApp shows three at most, of 20 characters."""
    later = ("work-later", _("It takes longer"))
    if item.on_page:
        return [] if item.kind == Item.Kind.APPROVE else [later]
    match item.kind:
        case Item.Kind.ACKNOWLEDGE:
            return [("work-done", _("Seen")), later]
        case Item.Kind.ANSWER:
            return [("work-done", _("Write the answer")), later]
        case Item.Kind.APPROVE:
            return [
                ("work-done", _("Approve")),
                ("work-return", _("Return for changes")),
                ("work-refuse", _("Do not approve")),
            ]
    return [("work-done", pgettext("task", "Done")), later]


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
    return send_rows(conversation, text, rows, lane=lane, now=now)


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
         when(n.clock.due_at, now=now))
        for n in ordered
    ]  # fmt: skip
    text = ngettext("%(count)d task needs you.", "%(count)d tasks need you.", len(rows)) % {
        "count": len(rows)
    }
    return rows, text


def send_rows(
    conversation: Conversation,
    text: str,
    rows: Sequence[tuple[str, str, str]],
    *,
    now: datetime,
    lane: Outgoing.Lane = Outgoing.Lane.WORK,
) -> Message | None:
    """Send things to choose from, each (key, title, when it is due); what does not fit is on the page."""
    shown = rows[:MOST_ROWS]
    lines = [f"• {title} ({due})" for _key, title, due in shown]
    if len(rows) > len(shown):
        lines.append(
            _("The rest is on the page: %(address)s")
            % {"address": f"{settings.PUBLIC_URL}{_page()}"}
        )
    return _send(
        conversation,
        "\n".join([text, "", *lines]),
        rows=[(key, title[:LONGEST_TITLE]) for key, title, _due in shown],
        subject=(SEVERAL, conversation.contact.audit_key),
        lane=lane,
        now=now,
    )


def say(conversation: Conversation, text: str, *, now: datetime) -> None:
    """Answer a member who just wrote."""
    with suppress(inbox.WindowClosed):
        inbox.send(conversation, text, by=None, now=now, lane=Outgoing.Lane.PERSON)


def say_subject(conversation: Conversation, subject: Subject, *, now: datetime) -> None:
    """Tell a member where to find what a clock runs for."""
    say(conversation, f"{_headline('', subject)}\n{settings.PUBLIC_URL}{subject.path}", now=now)


def ask(
    conversation: Conversation,
    text: str,
    rows: Sequence[tuple[str, str]],
    *,
    button: str,
    subject: tuple[str, str],
    now: datetime,
) -> None:
    """Ask a member who just wrote, with a list of answers."""
    with suppress(inbox.WindowClosed):
        inbox.send(
            conversation, text, by=None, now=now, rows=list(rows), button=button,
            subject=subject, lane=Outgoing.Lane.PERSON,
        )  # fmt: skip


def _page() -> str:
    return reverse("work:items")


def _send(
    conversation: Conversation,
    text: str,
    *,
    now: datetime,
    subject: tuple[str, str],
    lane: Outgoing.Lane,
    buttons: Sequence[tuple[str, str]] = (),
    rows: Sequence[tuple[str, str]] | None = None,
) -> Message | None:
    # The window may close between the question and the message: the page still shows it.
    with suppress(inbox.WindowClosed):
        return inbox.send(
            conversation, text, by=None, now=now, buttons=buttons,
            rows=list(rows) if rows else None, button=_("Choose a task"), subject=subject, lane=lane,
        )  # fmt: skip
    return None


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
    template = _template(conversation, member)
    if template is None:
        return None
    first = min(notices, key=lambda n: (not n.is_emergency, n.clock.due_at))
    about = (
        (ONE, first.clock.subject_key)
        if first.clock.subject_type == ITEM and len(notices) == 1
        else (SEVERAL, conversation.contact.audit_key)
    )
    said = _in_template(template, notices, known, now=now)
    return _send_template(conversation, template, said, subject=about, lane=lane, now=now)


def _in_template(
    template: Template, notices: Sequence[Notice], known: Known, *, now: datetime
) -> list[str]:
    """What and until when, in the template's language."""
    first = min(notices, key=lambda n: (not n.is_emergency, n.clock.due_at))
    with override(template.language[:2]):
        return [_what(notices, known), when(first.clock.due_at, now=now)]


def _what(notices: Sequence[Notice], known: Known) -> str:
    """The most urgent thing by name, and how many more there are."""
    first = min(notices, key=lambda n: (not n.is_emergency, n.clock.due_at))
    subject = known[first.clock.subject_type, first.clock.subject_key]
    what = _headline(_level(first), subject)
    others = len(notices) - 1
    if others:
        what = ngettext("%(what)s, and %(count)d more", "%(what)s, and %(count)d more", others) % {
            "what": what,
            "count": others,
        }
    return what


def _values(template: Template, said: Sequence[str]) -> dict[str, str]:
    keys = [p.key for p in channels.templates.parameters(template) if p.is_required]
    return dict(zip(keys, said, strict=False))


def _send_template(
    conversation: Conversation,
    template: Template,
    said: Sequence[str],
    *,
    subject: tuple[str, str],
    lane: Outgoing.Lane,
    now: datetime,
) -> Message | None:
    try:
        return inbox.send_notice(
            conversation, template, _values(template, said), subject=subject, lane=lane, now=now
        )
    except DomainError:
        # A template that asks for something else than these two: the page shows the task.
        return None


@dataclass(frozen=True, kw_only=True)
class Word:
    """What a member is told of something of theirs that is no task."""

    text: str
    # As a template says it, outside the 24 hours: in a few words what, and of when.
    what: str
    at: datetime
    subject: tuple[str, str]
    buttons: Sequence[tuple[str, str]] = ()


def tell_member(member: Member, word: Word, *, now: datetime) -> str:
    """Tell a member something by WhatsApp, in the language that is set. Returns the way, as of a notice."""
    conversation = conversation_with(member, now=now)
    message = None
    way = Notice.Way.PAGE
    if conversation is not None and conversation.is_writable(now=now):
        message = _send(
            conversation, word.text, buttons=word.buttons, subject=word.subject,
            lane=Outgoing.Lane.WORK, now=now,
        )  # fmt: skip
        way = Notice.Way.WHATSAPP
    elif conversation is not None and (template := _template(conversation, member)):
        message = _send_template(
            conversation, template, [word.what, when(word.at, now=now)], subject=word.subject,
            lane=Outgoing.Lane.WORK, now=now,
        )  # fmt: skip
        way = Notice.Way.TEMPLATE
    return way if message else Notice.Way.PAGE


def _template(conversation: Conversation, member: Member) -> Template | None:
    found = {
        template.language[:2]: template
        for template in Template.objects.filter(
            account=conversation.number.account_id,
            purpose=Template.Purpose.WORK,
            status=Template.Status.APPROVED,
        ).order_by("-language")
    }
    return found.get(member.language) or found.get("ar") or next(iter(found.values()), None)


def when(moment: datetime, *, now: datetime) -> str:
    """A time as a message says it: today's by the hour, others with their day."""
    at, today = timezone.localtime(moment), timezone.localdate(now)
    if at.date() == today:
        return date_format(at, "TIME_FORMAT")
    return f"{date_format(at, 'l')} {date_format(at, 'j F')}، {date_format(at, 'TIME_FORMAT')}"
