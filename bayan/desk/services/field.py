"""Reports from the field: pictures, place and words by WhatsApp, in any order, until «إرسال»."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from bayan.cases import services as cases
from bayan.cases.models import Case
from bayan.cases.services import parts as case_parts
from bayan.cases.services.placing import pin_of
from bayan.channels.events import IncomingMessage
from bayan.channels.models import Outgoing
from bayan.core import audit, live
from bayan.core.arabic import fold
from bayan.core.errors import DomainError
from bayan.core.rls import as_worker
from bayan.desk.models import FieldReport
from bayan.desk.services import telling
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation, Message
from bayan.people.models import Member
from bayan.work import services as work

# So long after its last part a member's next message is a part of it.
AWAITED = timedelta(minutes=30)
SEND, DROP = "report-send", "report-drop"
SEND_WORDS = frozenset(map(fold, ("إرسال", "أرسل", "أرسله", "ارسل التقرير", "send")))
PICTURES = frozenset({"image", "video"})
FILES = PICTURES | {"document", "voice", "audio"}
KINDS = FILES | {"text", "location"}
LONGEST_TEXT = 4_000


class NotSentYet(DomainError):
    pass


class ReportIsWithACase(DomainError):
    pass


class CaseNotOpen(DomainError):
    pass


# From WhatsApp


def awaited(member: Member, *, now: datetime) -> FieldReport | None:
    """The report that the member is at; its row is ours until the commit."""
    return (
        FieldReport.objects.select_for_update(of=("self",))
        .select_related("node")
        .filter(member=member, awaits_until__gt=now)
        .first()
    )


def begin(conversation: Conversation, member: Member, *, now: datetime) -> None:
    """Take the member's next messages for parts of a report; go on with the one that they are at."""
    # Whoever turns to this answers no other question any more.
    work.stop_waiting(member, now=now)
    if report := awaited(member, now=now):
        report.awaits_until = now + AWAITED
        report.save(update_fields=["awaits_until"])
        _say_what_is_there(report, conversation, now=now)
        return
    # One that was left: what it holds stays on the page.
    FieldReport.objects.filter(member=member, awaits_until__isnull=False).update(awaits_until=None)
    report = FieldReport.objects.create(
        node=conversation.node, member=member, begun_at=now, at=now, awaits_until=now + AWAITED
    )
    _ask(
        report,
        conversation,
        _("Send pictures, the location and a few words, in any order. Write “send” at the end."),
        [(DROP, _("Call it off"))],
        now=now,
    )


def hear_parts(messages: Sequence[tuple[IncomingMessage, Member]], *, now: datetime) -> set[str]:
    """Take what members send for the report that they are at; returns the ids of these messages."""
    at_one = set(
        FieldReport.objects.filter(
            member__in={member.pk for _message, member in messages}, awaits_until__gt=now
        ).values_list("member_id", flat=True)
    )
    taken: set[str] = set()
    told: dict[int, tuple[FieldReport, Conversation, str]] = {}
    for message, member in messages if at_one else ():
        if member.pk not in at_one or message.kind not in KINDS or message.choice_id:
            continue
        # The conversation first, as everywhere: two orders would wait for each other.
        conversation = work.keep(message, member, now=now)
        report = awaited(member, now=now) if conversation else None
        if conversation is None:
            continue
        taken.add(message.external_id)
        if report is None:
            # Sent or called off by a message of the same moment: it is kept in the conversation.
            continue
        with override(member.language):
            word = work.word_of(message.text) if message.kind == "text" else ""
            if word in SEND_WORDS:
                _finish(report, conversation, by=member, now=now)
                told.pop(report.pk, None)
            elif word in work.NEVER_MIND:
                _drop(report, conversation, now=now)
                told.pop(report.pk, None)
            else:
                _add(report, message, now=now)
                told[report.pk] = report, conversation, member.language
    # An album is answered once.
    for report, conversation, language in told.values():
        with override(language):
            _tell(report, conversation, now=now)
    return taken


def decide(
    key: str, choice: str, conversation: Conversation, member: Member, *, now: datetime
) -> None:
    """Send a report or call it off by a button; twice is once."""
    name = _uuid(key)
    rows = FieldReport.objects.select_for_update(of=("self",)).select_related("node")
    report = rows.filter(public_id=name, member=member).first() if name else None
    if report is None:
        work.say(conversation, _("There is no such report."), now=now)
    elif report.state == FieldReport.State.SENT:
        work.say(conversation, _sent_words(report), now=now)
    elif report.state == FieldReport.State.DROPPED:
        work.say(conversation, _("This report was called off."), now=now)
    elif choice == SEND:
        _finish(report, conversation, by=member, now=now)
    else:
        _drop(report, conversation, now=now)


def _uuid(key: str) -> UUID | None:
    with suppress(ValueError):
        return UUID(key)
    return None


def _add(report: FieldReport, message: IncomingMessage, *, now: datetime) -> None:
    stored = Message.objects.only("pk").get(
        number=message.number_id, external_id=message.external_id, direction="in"
    )
    if stored.pk in report.messages:
        return
    report.messages = [*report.messages, stored.pk]
    if message.kind in FILES:
        report.files += 1
    pin = pin_of(message)
    if pin:
        report.latitude, report.longitude = pin.point
        report.place = pin.words
    elif message.text.strip():
        report.text = f"{report.text}\n{message.text.strip()}".strip()[:LONGEST_TEXT]
    report.at, report.awaits_until = now, now + AWAITED
    report.save()
    live.announce([(report.node_id, "field", report.public_id)])


def _tell(report: FieldReport, conversation: Conversation, *, now: datetime) -> None:
    """Say what is there and what is missing once, and once that nothing is."""
    if report.is_whole and report.whole_at is None:
        report.whole_at = report.told_at = now
    elif report.told_at is None:
        report.told_at = now
    else:
        return
    report.save(update_fields=["told_at", "whole_at"])
    _say_what_is_there(report, conversation, now=now)


def _say_what_is_there(report: FieldReport, conversation: Conversation, *, now: datetime) -> None:
    there, missing = [], []
    if report.files:
        files = ngettext("%(count)d picture or file", "%(count)d pictures and files", report.files)
        there.append(files % {"count": report.files})
    else:
        missing.append(_("a picture"))
    if report.has_place:
        there.append(report.place or _("the location"))
    else:
        missing.append(_("the location"))
    if report.text:
        there.append(_("the words"))
    else:
        missing.append(_("a few words"))
    said = []
    if there:
        said.append(_("There is: %(parts)s.") % {"parts": _(", ").join(there)})
    if missing:
        said.append(_("Still missing: %(parts)s.") % {"parts": _(", ").join(missing)})
    said.append(_("Press “Send” when that is all.") if there else _("Send them in any order."))
    buttons = [(SEND, _("Send")), (DROP, _("Call it off"))]
    _ask(report, conversation, " ".join(said), buttons if there else buttons[1:], now=now)


def _ask(
    report: FieldReport,
    conversation: Conversation,
    text: str,
    buttons: list[tuple[str, str]],
    *,
    now: datetime,
) -> None:
    conversation.matter = ""
    with suppress(inbox.WindowClosed):
        inbox.send(
            conversation, text, by=None, now=now, buttons=buttons,
            subject=(telling.STAFF, str(report.public_id)), lane=Outgoing.Lane.PERSON,
        )  # fmt: skip


def _finish(report: FieldReport, conversation: Conversation, *, by: Member, now: datetime) -> None:
    if not report.messages:
        _say_what_is_there(report, conversation, now=now)
        return
    report.state, report.awaits_until, report.at = FieldReport.State.SENT, None, now
    report.save(update_fields=["state", "awaits_until", "at"])
    audit.record(
        audit.Entry(
            action="field_report.sent",
            subject_type="field_report",
            subject_key=str(report.public_id),
            by=by,
            at=now,
            node_id=report.node_id,
        )
    )
    live.announce([(report.node_id, "field", report.public_id)])
    work.say(conversation, _sent_words(report), now=now)


def _sent_words(report: FieldReport) -> str:
    address = reverse("field:report", args=[report.public_id])
    said = _("Thank you, your report has been sent.")
    return f"{said}\n{settings.PUBLIC_URL}{address}"


def _drop(report: FieldReport, conversation: Conversation, *, now: datetime) -> None:
    report.state, report.awaits_until = FieldReport.State.DROPPED, None
    report.save(update_fields=["state", "awaits_until"])
    live.announce([(report.node_id, "field", report.public_id)])
    work.say(conversation, _("The report was called off."), now=now)


# On the page


@transaction.atomic
def open_case(public_id: UUID, *, by: Member, now: datetime) -> Case:
    """Make a case of a report; its pictures and words are the case's from now on.

    :raises ReportIsWithACase: one was made of it, or it was joined to one, already
    :raises NotSentYet: its member is still at it
    """
    # Its member's messages belong to a conversation of theirs: who may do this was checked at the door.
    with as_worker():
        report = _locked(public_id, now=now)
        first = Message.objects.only("number_id").get(pk=report.messages[0])
        told = cases.Told(
            node=report.node,
            number_id=first.number_id,
            messages=report.messages,
            text=report.text,
            pin=_pin(report),
            source="field",
        )
        case = cases.open_told(told, author=report.member or by, by=by, now=now)
        _give(report, case)
        return case


@transaction.atomic
def join_report(public_id: UUID, case_id: UUID, *, by: Member, now: datetime) -> Case:
    """Make a report part of an open case.

    :raises ReportIsWithACase, NotSentYet: as `open_case`
    :raises CaseNotOpen: the case is closed
    """
    with as_worker():
        case = case_parts.locked(case_id)
        report = _locked(public_id, now=now)
        if case.is_closed:
            raise CaseNotOpen(_("This case is closed. Choose an open one."))
        cases.join_told(
            report.messages, to=case, action="case.field_report_joined",
            author=report.member or by, by=by, now=now,
        )  # fmt: skip
        _give(report, case)
        return case


def _locked(public_id: UUID, *, now: datetime) -> FieldReport:
    rows = FieldReport.objects.shown()
    # The conversation first, as the worker does: two orders would wait for each other.
    first = rows.values_list("messages", flat=True).get(public_id=public_id)[0]
    Conversation.objects.select_for_update().filter(messages=first).first()
    report = (
        rows.select_for_update(of=("self",))
        .select_related("node", "member")
        .get(public_id=public_id)
    )
    if report.case_id is not None:
        raise ReportIsWithACase(_("This report belongs to a case already."))
    if report.is_awaited(now=now):
        raise NotSentYet(_("Its sender is still at it. Wait until it has been sent."))
    return report


def _pin(report: FieldReport) -> cases.Pin | None:
    return cases.Pin(*report.point, report.place) if report.point else None


def _give(report: FieldReport, case: Case) -> None:
    report.case = case
    # One that was left unfinished is as good as sent once somebody works on it.
    report.state, report.awaits_until = FieldReport.State.SENT, None
    report.save(update_fields=["case", "state", "awaits_until"])
    live.announce([(report.node_id, "field", report.public_id)])
