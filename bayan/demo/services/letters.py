"""A circular whose people are in several states, the summary of their answers, and reports from the field."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta

from django.db.models import F
from django.utils import timezone

from bayan.channels import services as channels
from bayan.channels.events import DeliveryStatus, IncomingMessage
from bayan.channels.models import Number, Outgoing
from bayan.correspondence import services as correspondence
from bayan.correspondence.models import Address, Letter, Recipient
from bayan.correspondence.services import To, Words
from bayan.demo.stories import ANSWERS, CIRCULAR, DIGEST, FACTS, FIELD
from bayan.desk import services as desk
from bayan.desk.models import FieldReport
from bayan.organisation import selectors as organisation
from bayan.people.models import Member
from bayan.people.permissions import Access
from bayan.work import services as work
from bayan.work.models import Item

type Members = dict[str, Member]


def write_letters(members: Members, *, now: datetime) -> None:
    """A circular of yesterday, partly answered, with a summary; and a request for facts of this morning."""
    director, node = members["director"], organisation.desk()
    # The demo's people work here from now on: they get it now, and it is written down as earlier.
    letter = _sent(
        Words(
            kind=Letter.Kind.CIRCULAR, subject=CIRCULAR[0], text=CIRCULAR[1],
            wants=Letter.Wants.ANSWER, term_hours=35, signer_title="مدير العلاقات العامة والإعلام",
            to=_to(members[one] for one in ANSWERS),
        ),
        director,
        now=now,
    )  # fmt: skip
    for place, (address, words) in enumerate(ANSWERS.items(), start=1):
        member, at = members[address], now + timedelta(hours=place)
        mine = Recipient.objects.select_related("item").get(letter=letter, member=member)
        if words is not None:
            correspondence.look(letter, "page", by=member, now=at)
        if words and mine.item is not None:
            access = Access.of(member, now=now)
            work.finish(mine.item.public_id, by=access, now=at + timedelta(minutes=20), words=words)
    correspondence.send_digest(letter.public_id, DIGEST, to=None, by=director, now=now)
    correspondence.hand_over_digests(now=now)
    channels.Reaching().step(now=now)
    _arrive_all(now=now)
    _put_back(letter, timedelta(days=1))
    facts = _sent(
        Words(
            kind=Letter.Kind.FACTS, subject=FACTS[0], text=FACTS[1], urgency=Letter.Urgency.URGENT,
            wants=Letter.Wants.ANSWER, term_hours=7,
            to=_to([members["director.khobar"], members["responder.qatif"]]),
        ),
        director,
        now=now,
    )  # fmt: skip
    _arrive_all(now=now)
    _put_back(facts, timedelta(hours=2))
    draft = Words(
        kind=Letter.Kind.DIRECTION, subject="توحيد الرد على سؤال النظافة بعد الفعاليات",
        text="السلام عليكم ورحمة الله وبركاته، وبعد:\nنأمل الالتزام بالصيغة المرفقة.",
        to=[To(kind=Address.Kind.MUNICIPALITIES)],
    )  # fmt: skip
    correspondence.draft_letter(draft, node=node, by=members["press"], now=now)


def _put_back(letter: Letter, ago: timedelta) -> None:
    """Write it down as so much earlier; when it is due stays, so that nobody is late at once."""
    rows = Recipient.objects.filter(letter=letter)
    rows.update(handed_at=F("handed_at") - ago, seen_at=F("seen_at") - ago)
    Item.objects.filter(pk__in=rows.values("item")).update(
        given_at=F("given_at") - ago, ended_at=F("ended_at") - ago
    )
    Letter.objects.filter(pk=letter.pk).update(
        created_at=F("created_at") - ago, sent_at=F("sent_at") - ago, handed_at=F("handed_at") - ago
    )


def _sent(words: Words, by: Member, *, now: datetime) -> Letter:
    node = organisation.desk()
    draft = correspondence.draft_letter(words, node=node, by=by, now=now)
    letter = correspondence.submit(draft.public_id, signer=by, by=by, now=now)
    correspondence.hand_over(now=now)
    channels.Reaching().step(now=now)
    letter.refresh_from_db()
    return letter


def _to(members: Iterable[Member]) -> list[To]:
    return [To(kind=Address.Kind.MEMBER, member=member) for member in members]


def _arrive_all(*, now: datetime) -> None:
    """All that is on its way has arrived, every second one was read: no dispatcher ever sends it."""
    rows = list(Outgoing.objects.exclude(state__in=["delivered", "read"]).order_by("pk"))
    for place, outgoing in enumerate(rows):
        steps = ("sent", "delivered", "read") if place % 2 else ("sent", "delivered")
        channels.apply_statuses(
            DeliveryStatus(
                external_id=f"wamid.demo.{outgoing.public_id}", status=status, recipient="",
                callback=str(outgoing.public_id), provider_at=outgoing.created_at,
                received_at=min(now, outgoing.created_at + timedelta(seconds=seconds)), error=None,
            )
            for seconds, status in enumerate(steps, start=1)
        )  # fmt: skip


def report_from_field(member: Member, *, now: datetime) -> None:
    """What somebody with a linked mobile reported from where they stood, as it came."""
    number = Number.objects.get(account__key="demo")
    for place, (hours, parts) in enumerate(FIELD):
        for step, (kind, text, payload) in enumerate(parts):
            moment = now + timedelta(seconds=10 * place + step)
            message = IncomingMessage(
                number_id=number.pk, external_id=f"wamid.field.{place}.{step}",
                whatsapp_id="SA.90000000000000000900", phone=member.phone or "", name=member.name_ar,
                kind=kind, text=text, payload=payload, sent_at=now, received_at=now,
            )  # fmt: skip
            hear = desk.hear_commands if step == 0 else desk.hear_parts
            hear([(message, member)], now=moment)
        at = now - timedelta(hours=hours)
        FieldReport.objects.filter(member=member, begun_at__gte=now).update(begun_at=at, at=at)
    _arrive_all(now=now)


def working_day(now: datetime, days: int, hour: int) -> datetime:
    """That hour so many days from now, or on the next day on which the authority works: back for what was."""
    calendar = organisation.calendar()
    day = timezone.localdate(now) + timedelta(days=days)
    while not calendar.intervals(day):
        day += timedelta(days=1 if days > 0 else -1)
    return timezone.make_aware(datetime.combine(day, time(hour)))
