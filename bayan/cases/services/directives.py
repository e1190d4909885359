"""The register of directives: written down, done by somebody as a task, and seen by few."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection, transaction
from django.db.models import Max
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.cases.models import Case, Directive
from bayan.core import audit, live
from bayan.core.errors import DomainError
from bayan.core.models import uuid7
from bayan.core.rls import as_worker
from bayan.core.views import uuid_in
from bayan.organisation.models import Node
from bayan.people.models import Member
from bayan.people.permissions import Access
from bayan.work import services as work
from bayan.work.events import Subject
from bayan.work.models import Item
from bayan.work.services import Task

# The subject type of its task (config/subscriptions.py) and of its lines in the trail.
DIRECTIVE = "directive"
LOCK = "bayan.cases.directives"


class InstructionMissing(DomainError):
    pass


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """What was instructed, by whom, and who does it until when."""

    node: Node
    giver: str
    given_on: date
    subject: str
    owner: Member
    due_at: datetime
    text: str = ""
    given_by: Member | None = None
    case: Case | None = None


@transaction.atomic
def register_directive(instruction: Instruction, *, by: Member, now: datetime) -> Directive:
    """Write a directive down and give it to whoever does it; their task names its number and nothing else.

    The time by which a linked case is due stays what it is: whoever complains, the clock is the same.

    :raises InstructionMissing: it says not who gave it, or what
    :raises DueInThePast, NotTheirWork: as `work.give`
    """
    giver = " ".join(instruction.giver.split())[:120]
    subject = " ".join(instruction.subject.split())[:140]
    if not giver or not subject:
        raise InstructionMissing(_("Write who gave it, and in a few words what."))
    node = instruction.node
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s), %s)", [LOCK, node.pk % (2**31)])
    with as_worker():
        # Numbers count what the writer may not see, too.
        last = Directive.objects.filter(node=node).aggregate(last=Max("number"))["last"] or 0
    key = uuid7()
    with override("ar"):
        # All colleagues of whoever does it see the task: it tells nothing.
        title = _("Directive no. %(number)s") % {"number": last + 1}
    role = Access.of(instruction.owner, now=now).main_role
    item = work.give(
        Task(
            kind=Item.Kind.DO,
            title=title,
            node=role.node if role else node,
            given_from=node,
            owner=instruction.owner,
            due_at=instruction.due_at,
            subject=(DIRECTIVE, str(key)),
        ),
        by=by,
        now=now,
    )
    made: Directive = Directive.objects.create(
        public_id=key,
        node=node,
        number=last + 1,
        giver=giver,
        given_by=instruction.given_by,
        given_on=instruction.given_on,
        subject=subject,
        text=instruction.text.strip()[:4000],
        case=instruction.case,
        item=item,
        registered_by=by,
        registered_at=now,
    )
    audit.record(_entry("directive.registered", made, by=by, now=now))
    live.announce([(node.pk, DIRECTIVE, made.public_id)])
    return made


def look_at_directive(directive: Directive, *, by: Member, now: datetime) -> None:
    """Note that a member looked at a directive: each time, whoever it is."""
    audit.record(_entry("directive.looked", directive, by=by, now=now))


def note_directives(count: int, *, access: Access, now: datetime) -> None:
    """Note that a member looked at the list, and how many directives it showed them."""
    role = access.main_role
    audit.record(
        audit.Entry(
            action="directive.listed",
            subject_type=DIRECTIVE,
            subject_key="",
            by=access.member,
            at=now,
            node_id=role.node_id if role else None,
            details={"count": count},
        )
    )


def describe_directives(keys: Collection[str]) -> dict[str, Subject]:
    """The directives among these, as far as the reader may know of them."""
    named = [key for text in keys if (key := uuid_in(text))]
    known = Directive.objects.filter(public_id__in=named)
    return {
        str(one.public_id): Subject(
            title=_("Directive no. %(number)s") % {"number": one.number},
            node_id=one.node_id,
            owner_id=one.item.owner_id,
            path=reverse("cases:directive", args=[one.public_id]),
            live_key=str(one.public_id),
        )
        for one in known.select_related("item")
    }


def _entry(action: str, directive: Directive, *, by: Member, now: datetime) -> audit.Entry:
    return audit.Entry(
        action=action,
        subject_type=DIRECTIVE,
        subject_key=str(directive.public_id),
        by=by,
        at=now,
        node_id=directive.node_id,
        details={},
    )
