"""Handling many alike cases of a surge at once: pointed to the statement, or needing no answer.

A press only notes them: for some seconds it can be undone, and nobody has got anything. Then the worker
sends and closes, a batch at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.cases.models import Case, CaseQuerySet
from bayan.cases.services.closing import close_each
from bayan.cases.services.surge_parts import by_node, note
from bayan.cases.surge.models import Handled, Surge
from bayan.core import live, undo
from bayan.core.errors import DomainError
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation
from bayan.organisation.models import Node
from bayan.people.models import Member

HANDLED = "cases.handled_together"
BATCH = 200
OUTCOMES = {
    Handled.How.POINTED: Case.Outcome.ANSWERED,
    Handled.How.NONE: Case.Outcome.NOT_ACTIONABLE,
}
PUT = """
    INSERT INTO cases_handled (surge_id, case_id, how, by_id, due_at)
    SELECT s.surge, c.id, %(how)s, %(by)s, %(due)s
    FROM cases_case c
    JOIN unnest(%(nodes)s::bigint[], %(surges)s::bigint[]) AS s (node, surge) ON s.node = c.node_id
    WHERE c.id = ANY (%(cases)s) AND c.closed_at IS NULL AND c.priority <> 'emergency'
    ORDER BY c.id
    ON CONFLICT (surge_id, case_id) DO UPDATE
    SET how = excluded.how, by_id = excluded.by_id, due_at = excluded.due_at, done_at = NULL
    WHERE cases_handled.done_at IS NOT NULL
    RETURNING id, surge_id
"""

log = structlog.get_logger(__name__)


class NoSurgeThere(DomainError):
    pass


class NoStatement(DomainError):
    pass


@transaction.atomic
def handle_together(
    rows: CaseQuerySet, *, how: Handled.How, by: Member, now: datetime
) -> inbox.Done:
    """Let the worker point these open cases to the statement, or close them without an answer.

    With the first case of a matter go the others of it in the same body. Emergencies and what is closed
    already are left out; so is what no surge concerns.

    :raises NoSurgeThere: surge mode is on in none of their bodies
    :raises NoStatement: there is no statement to which one could point
    """
    surges = list(Surge.objects.on())
    concerned = by_node(surges, Node.objects.all())
    if not concerned:
        raise NoSurgeThere(_("Surge mode is not on. Switch it on first."))
    if how == Handled.How.POINTED:
        concerned = {key: surge for key, surge in concerned.items() if surge.pointer}
        if not concerned:
            raise NoStatement(_("There is no statement yet. Write it on the page of the surge."))
    keys = list(rows.values_list("pk", flat=True))
    others = Case.objects.open().filter(parent__in=keys, node=F("parent__node"))
    keys += others.exclude(pk__in=keys).values_list("pk", flat=True)
    with connection.cursor() as cursor:
        cursor.execute(
            PUT,
            {
                "how": how,
                "by": by.pk,
                "due": now + undo.OFFERED_FOR,
                "nodes": list(concerned),
                "surges": [surge.pk for surge in concerned.values()],
                "cases": keys,
            },
        )
        put = cursor.fetchall()
    if not put:
        return inbox.Done(0)
    known = {surge.pk: surge for surge in surges}
    for key in {surge for _pk, surge in put}:
        count = sum(surge == key for _pk, surge in put)
        note("surge.handled", known[key], by=by, now=now, how=str(how), count=count)
    # One word for all of them: the lists are fetched anew.
    live.announce((known[key].node_id, "case", known[key].public_id) for _pk, key in put)
    facts = {"handled": [pk for pk, _surge in put]}
    return inbox.Done(len(put), undo.remember(HANDLED, facts, member_id=by.pk, now=now))


def undo_handle_together(facts: Mapping[str, Any], *, by: Member, now: datetime) -> None:
    """What the worker has not begun stays as it was."""
    waiting = Handled.objects.filter(pk__in=facts["handled"], done_at=None, by=by)
    surges = list(Surge.objects.filter(pk__in=waiting.values("surge")))
    waiting.delete()
    for surge in surges:
        note("surge.handling_undone", surge, by=by, now=now)


def is_any_waiting() -> bool:
    """Whether something was pressed that the worker has not done yet."""
    return Handled.objects.filter(done_at=None).exists()


@transaction.atomic
def do_handled(*, now: datetime, limit: int = BATCH) -> int:
    """Do the next of what was pressed: send, close. Returns how many were looked at."""
    rows = list(
        Handled.objects.filter(done_at=None, due_at__lte=now)
        .select_related("surge__node", "by")
        .order_by("due_at", "pk")
        .select_for_update(of=("self",), skip_locked=True)[:limit]
    )
    if not rows:
        return 0
    # Conversations first, as everybody does: two orders would wait for each other.
    conversations = {
        row.pk: row
        for row in Conversation.objects.filter(cases__in=[row.case_id for row in rows])
        .select_related("node", "number__account", "contact")
        .order_by("pk")
        .select_for_update(of=("self",))
    }
    cases = {
        case.pk: case
        for case in Case.objects.open()
        .filter(pk__in=[row.case_id for row in rows])
        .exclude(priority=Case.Priority.EMERGENCY)
        .select_related("node")
        .order_by("pk")
        .select_for_update(of=("self",))
    }
    # Who has two cases among what was pressed at once is told once.
    told = set(
        Handled.objects.filter(
            due_at__in={row.due_at for row in rows},
            how=Handled.How.POINTED,
            done_at__isnull=False,
            case__contact__in={case.contact_id for case in cases.values()},
        ).values_list("due_at", "case__contact")
    )
    done: list[Handled] = []
    for row in rows:
        case = cases.get(row.case_id)
        conversation = conversations.get(case.conversation_id) if case else None
        if case is None or conversation is None:
            continue
        who = row.due_at, case.contact_id
        if row.how == Handled.How.POINTED and who not in told:
            if not _point(row.surge, case, conversation, now=now):
                continue
            told.add(who)
        done.append(row)
    _close([(row, cases[row.case_id]) for row in done], now=now)
    Handled.objects.filter(pk__in=[row.pk for row in done]).update(done_at=now)
    # What was closed meanwhile, became urgent or cannot be sent stands as if nobody had pressed.
    Handled.objects.filter(pk__in={row.pk for row in rows} - {row.pk for row in done}).delete()
    return len(rows)


def _point(surge: Surge, case: Case, conversation: Conversation, *, now: datetime) -> bool:
    """Send the statement to one person. False: it cannot be sent, so their case stays open."""
    if not surge.pointer:
        return False
    conversation.matter = case.reference
    with override(conversation.contact.language):
        text = _(
            "%(statement)s\n\nIf this does not answer what you wrote, write here again and a colleague will "
            "read it."
        ) % {"statement": surge.pointer}
        try:
            inbox.send(conversation, text, by=None, now=now)
        except DomainError as refused:
            log.info("surge.not_pointed", why=type(refused).__name__)
            return False
    return True


def _close(pairs: Sequence[tuple[Handled, Case]], *, now: datetime) -> None:
    """Close these cases, whose rows are locked, in the statements of one for whoever pressed."""
    pressed: dict[tuple[Member | None, str], list[Case]] = defaultdict(list)
    for row, case in pairs:
        pressed[row.by, row.how].append(case)
    for (by, how), cases in pressed.items():
        details = {"asked": False, "together": str(how)}
        close_each(
            cases, outcome=OUTCOMES[Handled.How(how)], by=by, now=now,
            details={case.pk: details for case in cases},
        )  # fmt: skip
