"""Why a case went from one body to another: asked for, kept, and taken back with it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from django.utils.translation import gettext as _

from bayan.cases.models import Case
from bayan.cases.services.parts import ReasonMissing
from bayan.cases.whole.models import Transfer
from bayan.organisation.models import Node
from bayan.people.models import Member

LONGEST = 200


def wants_reason(origin: Node, to: Node) -> bool:
    """True between two bodies of which neither is part of the other.

    What stands at the authority's desk no body has yet: to assign it is no transfer.
    """
    if origin.is_desk or to.is_desk:
        return False
    return origin.pk not in to.lineage and to.pk not in origin.lineage


def checked(reason: str, origins: Iterable[Node], to: Node) -> str:
    """The reason in one line.

    :raises ReasonMissing: a case goes from one body to another, and nobody would know there why
    """
    reason = " ".join(reason.split())[:LONGEST]
    if not reason:
        for origin in origins:
            if wants_reason(origin, to):
                raise ReasonMissing(
                    _(
                        "From %(origin)s to %(target)s a case goes with a reason: write in one line why it "
                        "goes there."
                    )
                    % {"origin": origin.name, "target": to.name}
                )
    return reason


def keep(
    cases: Sequence[Case],
    origins: Mapping[int, Node],
    *,
    to: Node,
    reason: str,
    by: Member,
    now: datetime,
) -> list[int]:
    """Write down from where these cases go, and why, before they are moved; returns the rows' keys."""
    if not reason:
        return []
    rows = Transfer.objects.bulk_create(
        [
            Transfer(case=case, origin=origins[case.pk], to=to, reason=reason, by=by, at=now)
            for case in cases
        ],
        batch_size=500,
    )
    return [row.pk for row in rows]


def forget(keys: Collection[int]) -> None:
    """They did not go there after all."""
    if keys:
        Transfer.objects.filter(pk__in=keys).delete()
