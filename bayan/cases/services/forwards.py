"""What members pass on to the authority's number: taken in, answered at once, and decided by a button."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from django.db import Error, transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from bayan.cases.models import Case, Forward
from bayan.cases.services import pictures, unclear, understanding
from bayan.cases.services.alike import likeness_of
from bayan.cases.services.placing import Pin, pin_of
from bayan.channels.events import IncomingMessage
from bayan.channels.models import Outgoing
from bayan.core import events, live
from bayan.core.references import grouped
from bayan.core.templatetags.bayan import kind_label
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation, Message
from bayan.organisation.models import Node, OutsideBody
from bayan.people import selectors as people_selectors
from bayan.people.models import Contact, Member
from bayan.people.permissions import Access
from bayan.triage.likeness import FEWEST_WORDS
from bayan.triage.text import plain

if TYPE_CHECKING:
    from bayan.triage import reading as triage

# What an answer to a forward's question is about (config/subscriptions.py), and its buttons.
FORWARD = "cases.forward"
CREATE, JOIN, NOTE = "forward-create", "forward-join", "forward-note"
# What a member passes on within this time of the first is one item: an album, a text and its link.
TOGETHER = timedelta(seconds=20)
# What has no words waits so long for those that follow.
WORDS_FOLLOW = timedelta(seconds=1.5)
# The same may come up again as news after that.
REMEMBERED = timedelta(days=30)
AT_ONCE = 20
LONGEST_PLACE = 80

_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)

log = structlog.get_logger(__name__)


# Taking in


def is_forward(message: IncomingMessage, conversation: Conversation | None) -> bool:
    """Whether a member's message is something passed on, and not a word of their own as a citizen.

    `conversation` is the one that it would join. While a case of the member's own is open there, only what
    WhatsApp marks as forwarded is.
    """
    if message.kind in inbox.TOUCHES or message.choice_id:
        return False
    return conversation is None or not conversation.matter or bool(message.forwarded)


def gather(passed_on: Sequence[tuple[IncomingMessage, Contact, Member]], *, now: datetime) -> None:
    """Keep what members passed on, each with what came within `TOGETHER` of it; `answer_forwards` answers.

    What comes after it was decided goes where the rest of it is.
    """
    bodies = {
        member: people_selectors.body_of_member(member, now=now) for _m, _c, member in passed_on
    }
    for body in {body for body in bodies.values() if body}:
        ours = [row for row in passed_on if bodies[row[2]] == body]
        conversations = inbox.conversations_for(
            ((contact, message.number_id) for message, contact, _m in ours), node=body, now=now
        )
        arrivals = [
            inbox.Arrival(message, conversations[contact.pk, message.number_id])
            for message, contact, _member in ours
        ]
        stored = {message.external_id: message for message in inbox.store(arrivals)}
        for message, _contact, member in ours:
            _keep(message, stored[message.external_id], member, body)


def _keep(message: IncomingMessage, stored: Message, member: Member, body: Node) -> None:
    since = message.received_at
    forward = (
        Forward.objects.select_for_update(of=("self",))
        .filter(member=member, received_at__gt=since - TOGETHER, received_at__lte=since + TOGETHER)
        .order_by("-received_at", "-pk")
        .first()
    ) or Forward(node=body, member=member, received_at=since)
    forward.messages = [*forward.messages, stored.pk]
    forward.text = f"{forward.text}\n{message.text}".strip()
    forward.digests = sorted({*forward.digests, *_digests_of(message)})
    forward.save()
    case = forward.case
    if case is not None and not case.is_closed:
        hand_on([stored.pk], to=case, by=member)
    if forward.state == Forward.State.ANSWER:
        unclear.add(forward, stored, by=member, now=since)
    live.announce([(forward.node_id, "forward", forward.public_id)])


def _digests_of(message: IncomingMessage) -> Iterable[str]:
    if message.file and message.file.sha256:
        yield message.file.sha256
    words = plain(message.text).text.split()
    links = _LINK.findall(message.text)
    # A few words («شوفوا هذا») are anybody's.
    if links or len(words) >= FEWEST_WORDS:
        yield hashlib.sha256(" ".join([*words, *links]).encode()).hexdigest()


# Answering


def answer_forwards(*, now: datetime) -> int:
    """Tell members what the things that they passed on are taken for; returns how many were told.

    Each once, whoever looks and whoever is killed: the answer is queued in the transaction that notes it.
    """
    waiting = Forward.objects.filter(answered_at=None).order_by("pk")
    due = [
        key
        for key, text, received_at in waiting.values_list("pk", "text", "received_at")[:AT_ONCE]
        if text or received_at <= now - WORDS_FOLLOW
    ]
    told = 0
    for key in due:
        try:
            told += _answer(key, now=now)
        except Error:
            raise
        except Exception:
            # One that nobody foresaw must not keep the others from their answer.
            log.exception("forward.failed", forward=key)
            Forward.objects.filter(pk=key).update(answered_at=now)
    return told


@transaction.atomic
def _answer(key: int, *, now: datetime) -> bool:
    first = Forward.objects.values_list("messages", flat=True).get(pk=key)[0]
    # The conversation first, as taking in does: two orders would wait for each other.
    conversation = locked_conversations().get(messages=first)
    forward = (
        Forward.objects.select_related("member", "node")
        .select_for_update(of=("self",), skip_locked=True)
        .filter(pk=key, answered_at=None)
        .first()
    )
    if forward is None:
        return False
    forward.answered_at = now
    if forward.member is None or forward.is_decided:
        forward.save(update_fields=["answered_at"])
        return False
    reading = read(forward)
    with override(forward.member.language):
        asked = unclear.ask(forward, conversation, reading, subject_type=FORWARD, now=now)
    if asked:
        live.announce([(forward.node_id, "forward", forward.public_id)])
        return True
    bodies = Access.of(forward.member, now=now).nodes_where("cases.read")
    nodes = list(bodies.values_list("pk", flat=True))
    found = likeness_of(reading, forward.digests, nodes=nodes, now=now)
    forward.before = _same_before(forward, nodes=[*nodes, forward.node_id])
    known = forward.before.case if forward.before else None
    forward.likeliest, forward.matches = found.case, found.count
    if known is not None and not known.is_closed and known.node_id in nodes:
        forward.likeliest, forward.matches = known, max(found.count, 1)
    forward.said = understanding.said_of(reading) if reading else {}
    forward.save()
    with override(forward.member.language):
        ask(conversation, "\n".join(_lines(forward, reading)), forward, now=now)
    live.announce([(forward.node_id, "forward", forward.public_id)])
    return True


def read(forward: Forward) -> triage.Reading | None:
    """What triage says of its words; None where there are none besides links."""
    return read_words(forward.text)


def read_words(text: str) -> triage.Reading | None:
    """The same of the words of anything that a member brought."""
    reads = understanding.reader()
    words = _LINK.sub(" ", text).strip()
    return reads.read(words[: understanding.LONGEST]) if reads and words else None


def _same_before(forward: Forward, *, nodes: Sequence[int]) -> Forward | None:
    """Who passed on the same before, of these bodies: one with a case first, else the latest."""
    if not forward.digests:
        return None
    return (
        Forward.objects.filter(
            digests__overlap=forward.digests,
            node__in=nodes,
            received_at__gt=forward.received_at - REMEMBERED,
        )
        .exclude(pk=forward.pk)
        .exclude(received_at__gt=forward.received_at)
        .select_related("member", "case")
        .order_by(F("case").asc(nulls_last=True), "-received_at")
        .first()
    )


def _lines(forward: Forward, reading: triage.Reading | None) -> Iterable[str]:
    yield _("Understood as: %(what)s") % {"what": " · ".join(_what(forward, reading))}
    if reading and reading.urgency == Case.Priority.EMERGENCY:
        yield _("It may be a danger to life. Look at it now.")
    yield _("Place: %(place)s") % {"place": _where(forward, reading)}
    case = forward.likeliest
    if case is None:
        yield _("It matches no open case.")
    else:
        matches = ngettext(
            "It matches %(count)s report. Likeliest case: %(number)s",
            "It matches %(count)s reports. Likeliest case: %(number)s",
            forward.matches,
        )
        yield matches % {"count": forward.matches, "number": grouped(case.reference)}
    if forward.before:
        before = forward.before
        yield _("Passed on before: %(name)s, %(time)s") % {
            "name": before.member.name if before.member else _("a colleague"),
            "time": _time(before.received_at, now=forward.received_at),
        }


def _what(forward: Forward, reading: triage.Reading | None) -> list[str]:
    kinds = list(
        Message.objects.filter(pk__in=forward.messages)
        .exclude(kind="text")
        .order_by("pk")
        .values_list("kind", flat=True)
    )
    parts = [
        kind_label(kind) if kinds.count(kind) == 1 else f"{kind_label(kind)} ×{kinds.count(kind)}"
        for kind in dict.fromkeys(kinds)
    ]
    if reading:
        is_sure = understanding.thresholds().is_sure
        if is_sure("kind", reading.kind, reading.confidence["kind"]):
            parts.append(str(Case.Kind(reading.kind).label))
        category = reading.category
        if category != "other" and is_sure("category", category, reading.confidence["category"]):
            parts.append(str(Case.Category(reading.category).label))
    # Only where it leads: a long address says nothing more.
    parts += [link[:60] for link in _LINK.findall(forward.text)[:1]]
    if not reading:
        parts.append(_("no words to read"))
    return parts or [_("not clear")]


def _where(forward: Forward, reading: triage.Reading | None) -> str:
    shared = pin_in(forward)
    if shared and shared.words:
        return shared.words[:LONGEST_PLACE]
    if reading is None or not (reading.places or reading.municipality):
        return _("shared location") if shared else _("not named")
    named = "، ".join(dict.fromkeys(place.text for place in reading.places))[:LONGEST_PLACE]
    key = reading.municipality or ""
    body = Node.objects.filter(key=key).first() or OutsideBody.objects.filter(key=key).first()
    where = body.name if body else _("municipality not certain")
    return f"{named} ({where})" if named else where


def pin_in(forward: Forward) -> Pin | None:
    """The first location in it."""
    locations = Message.objects.filter(pk__in=forward.messages, kind="location").order_by("pk")
    return next(filter(None, map(pin_of, locations)), None)


def hand_on(messages: Collection[int], *, to: Case, by: Member) -> None:
    """Make messages, by their keys, part of a case; its pictures are held against those of others too."""
    to.conversation.matter = to.reference
    inbox.hand_on(messages, to=to.conversation, by=by)
    pictures.expect_pictures(Message.objects.filter(pk__in=messages).select_related("media"))


def _time(moment: datetime, *, now: datetime) -> str:
    at, today = timezone.localtime(moment), timezone.localtime(now)
    return date_format(at, "H:i" if at.date() == today.date() else "j F، H:i")


def ask(conversation: Conversation, text: str, forward: Forward, *, now: datetime) -> None:
    """Ask what is to become of it, in the member's language."""
    buttons = [(CREATE, _("Create a case"))]
    if forward.likeliest and not forward.likeliest.is_closed:
        number = grouped(forward.likeliest.reference)
        buttons.append((JOIN, _("Join %(number)s") % {"number": number}))
    else:
        # Three fit under a message: what matches a case finds its facts there.
        buttons += [(more.key, str(more.label)) for more in events.forward_choices().values()]
    buttons.append((NOTE, _("For information")))
    send(conversation, text, now=now, buttons=buttons, subject=(FORWARD, str(forward.public_id)))


def send(
    conversation: Conversation,
    text: str,
    *,
    now: datetime,
    buttons: Sequence[tuple[str, str]] = (),
    subject: tuple[str, str] = ("", ""),
) -> None:
    """Write to the member who passed something on, before what goes to many."""
    # It is no word about a case of the member's own that may be open there.
    conversation.matter = ""
    # What was in the journal for long is kept, but can no longer be answered.
    with suppress(inbox.WindowClosed):
        inbox.send(
            conversation, text, by=None, now=now, buttons=buttons, subject=subject,
            lane=Outgoing.Lane.PERSON,
        )  # fmt: skip


def locked_conversations() -> QuerySet[Conversation]:
    """Conversations as sending needs them; their rows are ours until the commit."""
    return Conversation.objects.select_for_update(of=("self",)).select_related(
        "node", "number__account", "contact"
    )
