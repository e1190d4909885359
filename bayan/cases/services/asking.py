"""The question where it is: asked by Bayan itself, once a case, when nothing else says whose the case is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.cases.models import Asked, Case, Reading
from bayan.cases.services import understanding
from bayan.cases.services.parts import entry
from bayan.cases.services.placing import (
    By,
    Pin,
    body_of,
    is_open,
    pin_of,
    point_by_pins,
    put,
)
from bayan.cases.services.surge_parts import concerning
from bayan.cases.surge.models import Surge
from bayan.channels.events import IncomingMessage
from bayan.channels.models import Number
from bayan.core import audit, live
from bayan.core.errors import DomainError
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation
from bayan.places import selectors as places
from bayan.places.models import Place

if TYPE_CHECKING:
    from bayan.triage import reading as triage

# What an answer from the list is about (config/subscriptions.py).
WHERE = "cases.where"
# Nobody is asked twice within so long, whatever they report.
AGAIN_AFTER = timedelta(hours=24)
# In a surge or a rehearsal the rest are not asked. Workers that take in at once may each ask so many.
MOST_A_MINUTE = 30
# WhatsApp's list has ten rows, the last of which is another place; a title has 24 characters.
MOST_ROWS, LONGEST_TITLE = 9, 24
CHOICE, ELSEWHERE = "place-", "place-elsewhere"
# What is wrong is at a place, whatever it is; so is what somebody wants to know or proposes about one.
OF_A_FAULT = {Case.Kind.COMPLAINT, Case.Kind.OBSERVATION}
OF_A_PLACE = OF_A_FAULT | {Case.Kind.SUGGESTION, Case.Kind.ENQUIRY}
# Categories whose faults are nowhere on a map.
NOWHERE = {
    "",
    Case.Category.DIGITAL_SERVICES,
    Case.Category.STAFF_SERVICE,
    Case.Category.EVENTS,
    Case.Category.OTHER,
}
# What is asked in which language; others are asked by a member.
LANGUAGES = {"ar": "ar", "ar-Latn": "ar", "en": "en"}

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Question:
    case: Case
    conversation: Conversation
    language: str
    # The name that several places bear, and the places, each with the town to tell it by, by their keys.
    name: str = ""
    offered: tuple[tuple[str, str], ...] = ()


def ask(
    opened: Sequence[Case],
    arrivals: Sequence[inbox.Arrival],
    readings: Mapping[str, triage.Reading],
    *,
    surges: Sequence[Surge] = (),
    now: datetime,
) -> None:
    """Ask the persons of these new cases where it is, as far as that is open, makes sense and is wanted.

    Where surge mode is on they are told that they were heard, and asked nothing; from its third step on
    nobody is.

    In the transaction that takes the case in: whatever is killed, the case and its question are there
    together or not at all.
    """
    if any(surge.step >= Surge.Step.WHERE for surge in surges):
        return
    if surges:
        opened = [case for case in opened if concerning(surges, case.node) is None]
    questions = _questions(opened, arrivals, readings)
    if not questions:
        return
    numbers = set(
        Number.objects.filter(
            pk__in={q.conversation.number_id for q in questions},
            stopped_at=None,
            account__asks_where=True,
        ).values_list("pk", flat=True)
    )
    questions = [q for q in questions if q.conversation.number_id in numbers]
    if not questions:
        return
    room = MOST_A_MINUTE - Asked.objects.filter(at__gt=now - timedelta(minutes=1)).count()
    spared = set(
        Asked.objects.filter(
            at__gt=now - AGAIN_AFTER, case__contact__in={q.case.contact_id for q in questions}
        ).values_list("case__contact_id", flat=True)
    )
    names = {key for q in questions for pair in q.offered for key in pair}
    known = places.of_keys(names).in_bulk(field_name="key") if names else {}
    for question in questions:
        if room <= 0:
            log.info("place.not_asked", why="too many within a minute")
            return
        if question.case.contact_id not in spared and _send(question, known, now=now):
            spared.add(question.case.contact_id)
            room -= 1


def _questions(
    opened: Sequence[Case],
    arrivals: Sequence[inbox.Arrival],
    readings: Mapping[str, triage.Reading],
) -> list[_Question]:
    new = {case.reference: case for case in opened}
    found: dict[str, _Question | None] = {}
    for arrival in arrivals:
        case, reading = new.get(arrival.matter), readings.get(arrival.message.external_id)
        # The words by which the case was labelled are those that are asked about.
        if case and reading and case.reference not in found:
            found[case.reference] = _question(case, arrival.conversation, reading)
    return [question for question in found.values() if question]


def _question(case: Case, conversation: Conversation, reading: triage.Reading) -> _Question | None:
    language = LANGUAGES.get(reading.language)
    # In an emergency a person calls.
    if language is None or case.priority == Case.Priority.EMERGENCY:
        return None
    if not is_open(case) or case.points_to or case.latitude is not None:
        return None
    reader = understanding.reader()
    choices = reader.gazetteer.choices_for(reading.places) if reader else []
    if len(choices) > 1 and case.kind in OF_A_PLACE:
        offered = tuple((place.key, town.key) for place, town in choices[:MOST_ROWS])
        named = next((m.text for m in reading.places if m.place is None), "")
        return _Question(case, conversation, language, named, offered)
    is_known = any(mention.place and not mention.is_town for mention in reading.places)
    if is_known or case.kind not in OF_A_FAULT or case.category in NOWHERE:
        return None
    return _Question(case, conversation, language)


def _send(question: _Question, known: Mapping[str, Place], *, now: datetime) -> bool:
    """Queue a question as a message of the conversation. False: it cannot be sent any more."""
    case = question.case
    conversation = Conversation.objects.select_related("node", "number__account", "contact").get(
        pk=question.conversation.pk
    )
    with override(conversation.contact.language):
        rows: dict[str, str] = {}
        for place, town in question.offered:
            if place in known and town in known:
                rows.setdefault(known[town].name[:LONGEST_TITLE], f"{CHOICE}{place}")
        offers = len(rows) > 1
        if offers:
            rows[_("Another place")] = ELSEWHERE
            text = (
                _(
                    "Thank you for writing to us. There is more than one “%(name)s”. In which town is it?"
                )
                % {"name": question.name}
                if question.name
                else _("Thank you for writing to us. In which of these towns is it?")
            )
        else:
            text = _(
                "Thank you for writing to us. Where is it? Send us the location with the button, or write "
                "the town and the district."
            )
        button = _("Choose the town")
    try:
        inbox.send(
            conversation,
            text,
            by=None,
            now=now,
            rows=[(key, title) for title, key in rows.items()] if offers else None,
            button=button,
            asks_place=not offers,
            subject=(WHERE, case.reference),
        )
    except DomainError as refused:
        # What was in the journal for long is not answered any more, and no question is worth a message.
        log.info("place.not_asked", why=type(refused).__name__)
        return False
    Asked.objects.create(
        case=case,
        at=now,
        language=conversation.contact.language,
        offered=[list(pair) for pair in question.offered] if offers else [],
        place=case.place,
    )
    how = "list" if offers else "ask_location"
    audit.record(entry("case.place_asked", case, by=audit.SYSTEM, now=now, kind=how))
    return True


def hear(
    arrivals: Sequence[inbox.Arrival],
    readings: Mapping[str, triage.Reading],
    *,
    but: Collection[str],
    now: datetime,
) -> list[Case]:
    """What persons of open cases add of where it is: a location, or the answer to the question in words.

    Returns the cases of which they did.
    """
    pins: dict[str, tuple[Pin, IncomingMessage]] = {}
    words: dict[str, tuple[triage.Reading, IncomingMessage]] = {}
    for arrival in arrivals:
        if not arrival.matter or arrival.matter in but:
            continue
        message = arrival.message
        if pin := pin_of(message):
            pins[arrival.matter] = pin, message
        elif (reading := readings.get(message.external_id)) and reading.places:
            words[arrival.matter] = reading, message
    if not pins and not words:
        return []
    cases = list(
        Case.objects.open()
        # Words count for those who were asked.
        .filter(
            Q(reference__in=pins)
            | Q(reference__in=words, asked__answered_at=None, asked__isnull=False)
        )
        .select_related("asked", "node", "contact")
        .order_by("pk")
        .select_for_update(of=("self",))
    )
    told: dict[int, tuple[Case, Asked.Answer, IncomingMessage]] = {}
    pinned = [(case, pins[case.reference][0]) for case in cases if case.reference in pins]
    for case, pin in pinned:
        if case.latitude is None:
            put(case, pin)
            told[case.pk] = case, Asked.Answer.PIN, pins[case.reference][1]
    for case in point_by_pins(pinned):
        told[case.pk] = case, Asked.Answer.PIN, pins[case.reference][1]
    for case in cases:
        asked = asked_of(case)
        if case.pk in told or case.reference not in words or not asked or asked.answered_at:
            continue
        reading, message = words[case.reference]
        if is_open(case) and _take_words(case, asked, reading):
            told[case.pk] = case, Asked.Answer.WORDS, message
    return keep(list(told.values()), now=now)


def _take_words(case: Case, asked: Asked, reading: triage.Reading) -> bool:
    """Take what was written after the question as its answer. False: it says nothing of it."""
    named = {entry.key for mention in reading.places for entry in mention.entries}
    fitting = [place for place, town in asked.offered if named & {place, town}]
    if len(fitting) == 1 and choose(case, asked, fitting[0]):
        return True
    body = "" if reading.by_sender else body_of(reading)
    if body:
        case.points_to, case.points_by = body, By.ANSWER
    elif asked.offered:
        return False
    _describe(case, asked, "، ".join(dict.fromkeys(mention.text for mention in reading.places)))
    return True


def choose(case: Case, asked: Asked, key: str) -> bool:
    """Take one of the places that were offered. False: there is none of this key."""
    if key not in {place for place, _town in asked.offered}:
        return False
    place = places.of_keys([key]).select_related("parent", "owner", "outside").first()
    if place is None:
        return False
    body = place.served_by
    case.points_to, case.points_by = (body.key, By.ANSWER) if body else ("", "")
    is_town = place.type in {Place.Type.CITY, Place.Type.GOVERNORATE}
    within = [] if is_town or place.parent is None else [place.parent.name_ar]
    _describe(case, asked, "، ".join([place.name_ar, *within]))
    return True


def take_back(case: Case, asked: Asked) -> None:
    """It is none of the places that were offered: the case says again what its first words said."""
    case.points_to = case.points_by = ""
    reading = Reading.objects.filter(case=case).first()
    named: list[str] = reading.said["places"] if reading else []
    _describe(case, asked, "، ".join(dict.fromkeys(named)))


def _describe(case: Case, asked: Asked, words: str) -> None:
    """Write down the place, unless a member wrote another one meanwhile."""
    if case.place == asked.place:
        case.place = asked.place = words[:200]


def may_choose(case: Case) -> bool:
    """Whether an answer from the list still counts: it may also take the place of one before it."""
    return is_open(case) or (
        not case.is_closed and case.node.is_desk and case.points_by == By.ANSWER
    )


def asked_of(case: Case) -> Asked | None:
    """The question that a case's person was asked, if they were."""
    return getattr(case, "asked", None)


def keep(
    told: Sequence[tuple[Case, Asked.Answer, IncomingMessage]], *, now: datetime
) -> list[Case]:
    """Save what persons said of the place of their cases, and thank those whom Bayan had asked, once.

    Returns the cases.
    """
    cases = [case for case, _answer, _message in told]
    Case.objects.bulk_update(cases, ["latitude", "longitude", "place", "points_to", "points_by"])
    audit.record_all(
        entry(
            "case.place_told", case, by=case.contact, now=now, request_id=message.request_id,
            answer=answer, body=case.points_to if case.points_by in {By.PIN, By.ANSWER} else "",
        )
        for case, answer, message in told
    )  # fmt: skip
    live.announce((case.node_id, "case", case.public_id) for case in cases)
    for case, answer, _message in told:
        asked = asked_of(case)
        if asked is None:
            continue
        is_first = asked.answered_at is None
        asked.answer = answer
        asked.answered_at = asked.answered_at or now
        asked.save(update_fields=["answer", "answered_at", "place"])
        if is_first:
            _thank(case, asked, now=now)
    return cases


def _thank(case: Case, asked: Asked, *, now: datetime) -> None:
    conversation = Conversation.objects.select_related("node", "number__account", "contact").get(
        pk=case.conversation_id
    )
    with override(conversation.contact.language):
        if asked.answer == Asked.Answer.PIN:
            text = _("Thank you, we have your location.")
        elif asked.answer == Asked.Answer.ELSEWHERE:
            text = _(
                "Thank you. Our colleagues will see to it; you may also write here where it is."
            )
        else:
            text = _("Thank you. We noted the place: %(place)s") % {"place": asked.place}
    with suppress(inbox.WindowClosed):
        inbox.send(conversation, text, by=None, now=now)
