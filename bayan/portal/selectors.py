"""What the public pages show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote
from uuid import UUID

from django.utils.translation import gettext as _

from bayan.cases import selectors as cases
from bayan.cases.models import Case
from bayan.channels.models import Account, Number
from bayan.core.models import AuditEntry
from bayan.core.references import grouped
from bayan.core.rls import as_worker
from bayan.organisation.models import Node
from bayan.portal.wording import AHEAD, OUTCOMES, STAGES, STEPS

# What happened to a case, as far as it is the person's business; staff and their notes are not.
TOLD = {
    "case.assigned": "assigned",
    "case.resumed": "resumed",
    "case.closed": "closed",
    "case.reopened": "reopened",
    "case.satisfaction_given": "rated",
}
STAGES_TOLD = {"in_progress", "waits_for_person", "waits_for_body"}


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that happened, and when."""

    kind: str
    at: datetime
    words: str
    more: str = ""


@dataclass(frozen=True, kw_only=True)
class Tracked:
    """A case as the person who reported it sees it."""

    case_id: UUID
    reference: str
    # Nothing of what was written: whoever looks over a shoulder learns no more than the number says.
    kind: str
    category: str
    body: str
    tone: str
    stage: str
    sentence: str
    steps: list[Step]
    ahead: list[str]
    may_rate: bool
    waits_for_person: bool
    changed_at: datetime
    write_to: str


def tracked(case_id: str, contact_id: str) -> Tracked | None:
    """The case that these ids (of the visitor's signed cookie) name, if it is still this person's.

    The visitor is nobody in particular, to whom row-level security shows nothing. Their code has shown that
    the case is theirs, so exactly this one is read in the worker's role, and only what is theirs to know
    leaves this function.
    """
    with as_worker():
        case = (
            Case.objects.filter(public_id=case_id, contact__public_id=contact_id)
            .select_related("node", "conversation__number__account")
            .first()
        )
        if case is None:
            return None
        entries = cases.timeline_of(case)
        bodies = {node.key: node.name for node in Node.objects.all()}
    tone, stage, sentence = STAGES[case.stage]
    body = case.node.name
    steps = _steps(case, entries, bodies)
    return Tracked(
        case_id=case.public_id,
        reference=case.reference,
        kind=case.get_kind_display() if case.kind else "",
        category=case.get_category_display() if case.category else "",
        body=body,
        tone=tone,
        stage=str(stage),
        sentence=str(OUTCOMES[case.outcome]) if case.is_closed else str(sentence) % {"body": body},
        steps=steps,
        ahead=[str(words) for words in AHEAD[case.stage]],
        may_rate=case.is_closed and case.satisfaction is None,
        waits_for_person=case.stage == Case.Stage.WAITS_FOR_PERSON,
        changed_at=steps[-1].at,
        write_to=_chat_with(case.conversation.number, case.reference),
    )


def _steps(case: Case, entries: list[AuditEntry], bodies: dict[str, str]) -> list[Step]:
    steps = [Step(kind="received", at=case.opened_at, words=str(STEPS["received"]))]
    for entry in entries:
        details = entry.details
        if entry.action == "case.assign_undone":
            # It was not meant: as if it had never been.
            last = max((i for i, s in enumerate(steps) if s.kind == "assigned"), default=None)
            if last is not None:
                del steps[last]
            continue
        if entry.action == "case.answer_taken_back":
            # Its words never left: nor did the case end, or begin, by them.
            gone = datetime.fromisoformat(details["moment"])
            steps = [s for s in steps if s.kind == "received" or s.at != gone]
            continue
        kind = TOLD.get(entry.action, "")
        if entry.action == "case.stage_changed" and details.get("stage") in STAGES_TOLD:
            kind = details["stage"]
        if not kind or kind == steps[-1].kind == "in_progress":
            continue
        body = bodies.get(details.get("to", ""), "")
        words, more = str(STEPS[kind]) % {"body": body}, ""
        if kind == "closed" and details.get("outcome") in OUTCOMES:
            more = str(OUTCOMES[details["outcome"]])
        if kind == "rated" and details.get("satisfaction") in Case.Satisfaction.values:
            more = str(Case.Satisfaction(details["satisfaction"]).label)
        steps.append(Step(kind=kind, at=entry.at, words=words, more=more))
    return steps


def ways_to_write(reference: str) -> list[tuple[str, str]]:
    """The numbers under which we can be written to, each with the address that opens the chat."""
    numbers = (
        Number.objects.of_whatsapp()
        .select_related("account")
        .exclude(account__nature=Account.Nature.EXERCISE)
    )
    return [
        (number.display, _chat_with(number, reference)) for number in numbers.order_by("pk")[:5]
    ]


def _chat_with(number: Number, reference: str) -> str:
    if number.account.nature != Account.Nature.REAL:
        # A made-up number may be a stranger's: the demo's phone lies in the emulator.
        return number.account.base_url
    digits = "".join(character for character in number.display if character.isdigit())
    words = _("About my case %(reference)s:") % {"reference": grouped(reference)}
    return f"https://wa.me/{digits}?text={quote(words)}"
