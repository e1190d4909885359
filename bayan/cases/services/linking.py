"""Links between cases that are matters of their own: related, caused by, part of an incident."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from bayan.cases.models import Case, Related
from bayan.cases.services.matters import NotTheSame
from bayan.cases.services.parts import AlreadyThere, NotKnown, done, tell
from bayan.inbox import services as inbox
from bayan.people.models import Member

LINKED, UNLINKED = "cases.linked", "cases.unlinked"


def _between(case_id: int, other_id: int) -> Q:
    return Q(case=case_id, other=other_id) | Q(case=other_id, other=case_id)


@transaction.atomic
def link_case(case: Case, *, to: Case, kind: str, by: Member, now: datetime) -> inbox.Done:
    """Say that a case has to do with another one; open or closed, each stays what it is.

    :raises NotKnown: there is no such kind of link
    :raises NotTheSame: it is the same case
    :raises AlreadyThere: they are linked
    """
    if kind not in Related.Kind.values:
        raise NotKnown(_("Choose how they are linked."))
    if case.pk == to.pk:
        raise NotTheSame(_("This is the same case. Choose another one."))
    if Related.objects.filter(_between(case.pk, to.pk)).exists():
        raise AlreadyThere(_("These cases are linked already."))
    Related.objects.create(case=case, other=to, kind=kind, by=by, at=now)
    tell("case.linked", [case], by=by, now=now, to=to.reference)
    return done([case], LINKED, {"pair": [case.pk, to.pk]}, by=by, now=now)


@transaction.atomic
def unlink_case(case: Case, *, other: Case, by: Member, now: datetime) -> inbox.Done:
    """Take the link between two cases away, whichever was linked to the other."""
    row = Related.objects.select_for_update().filter(_between(case.pk, other.pk)).first()
    if row is None:
        return inbox.Done(0)
    facts = {"pair": [row.case_id, row.other_id], "kind": row.kind}
    row.delete()
    tell("case.unlinked", [case], by=by, now=now, to=other.reference)
    return done([case], UNLINKED, facts, by=by, now=now)


def undo_link(facts: Mapping[str, Any], *, by: Member, now: datetime) -> None:
    """Take a link away that was made by mistake."""
    case_id, other_id = facts["pair"]
    Related.objects.filter(_between(case_id, other_id)).delete()
    _tell_both(facts, by=by, now=now)


def undo_unlink(facts: Mapping[str, Any], *, by: Member, now: datetime) -> None:
    """Bring a link back that was taken away by mistake."""
    case_id, other_id = facts["pair"]
    if not Related.objects.filter(_between(case_id, other_id)).exists():
        Related.objects.create(
            case_id=case_id, other_id=other_id, kind=facts["kind"], by=by, at=now
        )
    _tell_both(facts, by=by, now=now)


def _tell_both(facts: Mapping[str, Any], *, by: Member, now: datetime) -> None:
    cases = list(Case.objects.filter(pk__in=facts["pair"]).select_related("node"))
    tell("case.change_undone", cases, by=by, now=now)
