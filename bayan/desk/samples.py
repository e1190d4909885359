"""What the page of the interface's parts shows in them: made up, kept nowhere, in both languages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from django import forms
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _

from bayan.cases.models import Case
from bayan.cases.selectors import Filters
from bayan.channels.models import Outgoing
from bayan.core import maps
from bayan.core.forms import Controls
from bayan.desk.swatches import swatches
from bayan.inbox.models import Conversation, Label, Message, Note
from bayan.organisation.models import Node
from bayan.people.models import Contact, Member

REFERENCE, *OTHER_REFERENCES = "482173095", "740903037", "691557822"
PHONE = "966500000142"
KHOBAR = (26.283, 50.208)


@dataclass(frozen=True)
class Words:
    """The made-up texts of one language."""

    person: str
    visitor: str
    clerk: str
    asks: str
    answers: str
    promise: str
    note: str
    place: str
    label: str
    sentence: str


WORDS = {
    "ar": Words(
        person="أم مثال", visitor="Sample Visitor", clerk="موظف المثال",
        asks="السلام عليكم، عمود الإنارة في شارع المثال مطفأ منذ ثلاث ليالٍ.",
        answers="وعليكم السلام، وصل بلاغكم وأُبلغت فرقة الإنارة.",
        promise="تصل الفرقة مساء اليوم بإذن الله.",
        note="اتصلتُ بالفرقة: الموعد السابعة مساءً.",
        place="حي المثال، الخبر", label="متابعة",
        sentence="بيان يصل البلدية بأهلها: بلاغ برقم، وردّ في وقته.",
    ),
    "en": Words(
        person="Sample Resident", visitor="أبو مثال", clerk="Sample Officer",
        asks="Hello, the street light in Sample Street has been out for three nights.",
        answers="Hello, we have your report and told the lighting crew.",
        promise="They will be with you this evening.",
        note="I called the crew: seven o’clock.",
        place="Sample district, Khobar", label="Follow up",
        sentence="Bayan brings a city and its people together: a number for each case, an answer in time.",
    ),
}  # fmt: skip


class SampleForm(Controls):
    """A field as forms have them: as it is, and refused."""

    name = forms.CharField(label=_("Name"), help_text=_("As people write it."))

    def __init__(self, words: Words, *, prefix: str, is_refused: bool = False) -> None:
        super().__init__({f"{prefix}-name": words.person} if is_refused else None, prefix=prefix)
        if is_refused:
            self.full_clean()
            self.add_error("name", _("This name is taken. Choose another one."))


def samples(language: str, *, now: datetime) -> dict[str, Any]:
    """What each part is shown with, in the language that is active."""
    words = WORDS[language]
    body = Node(
        key="khobar", lineage=[],
        name_ar="بلدية محافظة الخبر", name_en="Khobar Municipality",
        short_name_ar="الخبر", short_name_en="Khobar",
    )  # fmt: skip
    clerk = Member(name_ar=words.clerk, name_en=words.clerk)
    contacts = [
        Contact(name=name, created_at=now)
        for name in (words.person, words.visitor, f"{words.person} 2")
    ]
    label = Label(pk=1, node=body, name=words.label, tone="info")
    cases = _cases(words, contacts, body, clerk, now=now)
    return {
        "language": language,
        "words": words,
        "now": now,
        "number": REFERENCE,
        "mobile": PHONE,
        "clerk": clerk,
        "label": label,
        "swatches": swatches(),
        "form": SampleForm(words, prefix="plain"),
        "refused_form": SampleForm(words, prefix="refused", is_refused=True),
        "said": [
            SimpleNamespace(message=_("The case was passed on."), extra_tags=str(label.public_id))
        ],
        "map": maps.around(*KHOBAR),
        "rows": _conversation_rows(words, contacts, clerk, label, now=now),
        "bubbles": _bubbles(words, body, clerk, now=now),
        "note": render_to_string(
            "inbox/note.html",
            {"note": _note(words, clerk, now=now)},
        ),
        "case_rows": render_to_string(
            "cases/cases.html#rows",
            {
                "page": SimpleNamespace(rows=cases, next_cursor=None),
                "filters": SimpleNamespace(is_by_due=True),
                "now": now,
            },
        ),
        "board": render_to_string(
            "cases/board.html#list",
            {
                "columns": [SimpleNamespace(stage=Case.Stage.NEW, count=2, cases=cases[:2])],
                "filters": Filters(),
                "request": SimpleNamespace(path=""),
                "state": "",
                "now": now,
            },
        ),
        "priorities": [
            render_to_string("cases/priority.html", {"case": Case(priority=priority)})
            for priority in Case.Priority
        ],
        "cases": cases,
        "snoozes": render_to_string("inbox/snooze_choices.html"),
    }


def _cases(
    words: Words, contacts: list[Contact], body: Node, clerk: Member, *, now: datetime
) -> list[Case]:
    """One late, one that is due soon, one with time left."""
    left = (timedelta(hours=-5), timedelta(hours=1, minutes=20), timedelta(days=2, hours=3))
    priorities = (Case.Priority.EMERGENCY, Case.Priority.HIGH, Case.Priority.NORMAL)
    stages = (Case.Stage.IN_PROGRESS, Case.Stage.NEW, Case.Stage.WAITS_FOR_PERSON)
    return [
        Case(
            reference=reference, node=body, contact=contact, stage=stage, subject=words.asks,
            conversation=Conversation(node=body, contact=contact, last_message_at=now),
            category=Case.Category.LIGHTING, priority=priority,
            owner=clerk if stage == Case.Stage.IN_PROGRESS else None,
            due_at=now + rest, opened_at=now - timedelta(days=1),
        )
        for reference, contact, rest, priority, stage in zip(
            (REFERENCE, *OTHER_REFERENCES), contacts, left, priorities, stages, strict=True
        )
    ]  # fmt: skip


def _conversation_rows(
    words: Words,
    contacts: list[Contact],
    clerk: Member,
    label: Label,
    *,
    now: datetime,
) -> str:
    """One that waits, one that was answered, one that is open beside the list."""
    rows: list[Any] = []
    for contact, minutes, is_answered in zip(
        contacts, (6, 42, 300), (False, True, True), strict=True
    ):
        at = now - timedelta(minutes=minutes)
        row: Any = Conversation(
            node=label.node, contact=contact, matter=REFERENCE, last_message_at=at,
            last_inbound_at=at - timedelta(minutes=2) if is_answered else at,
            last_outbound_at=at if is_answered else None,
            preview=words.answers if is_answered else words.asks,
            assignee=clerk if is_answered else None, labels=[] if is_answered else [label.pk],
        )  # fmt: skip
        # The list's query adds them.
        row.last_kind, row.last_revoked_at, row.is_passed_on = "text", None, False
        rows.append(row)
    context = {
        "page": SimpleNamespace(rows=rows, next_cursor=None),
        "conversation": rows[2],
        "labels": {label.pk: label},
        "now": now,
        "query": "view=open",
    }
    return render_to_string("inbox/inbox.html#rows", context)


def _bubbles(words: Words, body: Node, clerk: Member, *, now: datetime) -> list[str]:
    """Theirs, a place of theirs, and ours in every state on its way."""
    theirs = [
        Message(node=body, direction="in", kind="text", text=words.asks, their_reaction="👍"),
        Message(
            node=body, direction="in", kind="location", forwarded="often",
            payload={"latitude": KHOBAR[0], "longitude": KHOBAR[1], "name": words.place},
        ),
    ]  # fmt: skip
    ours = [
        Message(
            node=body, direction="out", kind="text", author=clerk,
            text=words.promise if state in {"failed", "uncertain"} else words.answers,
            outgoing=Outgoing(node=body, state=state, content={}, error={"code": 131026}, expires_at=now),
        )
        for state in ("queued", "sent", "delivered", "read", "held", "uncertain", "failed")
    ]  # fmt: skip
    for message in (*theirs, *ours):
        message.received_at = now
    return [
        render_to_string("inbox/bubble.html", {"message": message, "may_reply": True})
        for message in (*theirs, *ours)
    ]


def _note(words: Words, clerk: Member, *, now: datetime) -> SimpleNamespace:
    note = Note(author=clerk, text=words.note, created_at=now)
    mentions = SimpleNamespace(all=[SimpleNamespace(member=clerk)])
    return SimpleNamespace(
        public_id=note.public_id, author=clerk, text=note.text, created_at=now, mentions=mentions
    )
