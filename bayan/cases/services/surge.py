"""Surge mode: begun by hand or as a burst proposes, worded, ended with a summary that stays."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _

from bayan.cases.models import Burst
from bayan.cases.services import acknowledging, shedding, team
from bayan.cases.services.surge_parts import locked_surge, note
from bayan.cases.services.surge_words import check_thanks, usual_thanks
from bayan.cases.surge.models import Surge
from bayan.cases.surge.reading import summary_of
from bayan.core import undo
from bayan.core.errors import DomainError
from bayan.organisation.models import Node
from bayan.people.models import Member

BEGUN = "cases.surge_begun"
_COMMA = re.compile(r"[,،\n]")


class SurgeIsOn(DomainError):
    pass


@dataclass(frozen=True, kw_only=True)
class SurgeWords:
    """What a surge says: why it is on, where people are pointed to, and what each is sent once."""

    reason: str
    statement: str = ""
    statement_link: str = ""
    thanks: str = field(default_factory=usual_thanks)
    # How those write whom the statement answers, with commas between.
    terms: str = ""
    wait_words: str = ""


@transaction.atomic
def begin_surge(
    node: Node, words: SurgeWords, *, burst: Burst | None = None, by: Member, now: datetime
) -> tuple[Surge, UUID]:
    """Switch surge mode on in a body and all below it. Returns also the name under which it is undone.

    :raises SurgeIsOn: it is on there already
    :raises WordsUnusable: the words for people lack a place, or have one that nobody knows
    """
    check_thanks(words.thanks)
    # Two directors press at once: the second one waits here, and sees the first one's.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('cases_surge'), %s)", [node.pk])
    if Surge.objects.on().filter(node=node).exists():
        raise SurgeIsOn(_("Surge mode is on in %(body)s already.") % {"body": node.name})
    surge = Surge.objects.create(
        node=node,
        begun_at=now,
        begun_by=by,
        burst=burst,
        step_at=now,
        **_fields_of(words),
    )
    note("surge.begun", surge, by=by, now=now, burst=str(burst.public_id) if burst else "")
    step = undo.remember(BEGUN, {"surge": surge.pk}, member_id=by.pk, now=now)
    return surge, step


def undo_begin_surge(facts: Mapping[str, Any], *, by: Member, now: datetime) -> None:
    """Somebody pressed by mistake: it ends at once."""
    surge = Surge.objects.on().select_for_update(of=("self",)).filter(pk=facts["surge"]).first()
    if surge is not None:
        _end(surge, by=by, now=now)


@transaction.atomic
def word_surge(surge_id: UUID, words: SurgeWords, *, by: Member, now: datetime) -> Surge:
    """Change what a surge says; what was sent stays as it was.

    :raises SurgeIsOver: it has ended
    :raises WordsUnusable: the words for people lack a place, or have one that nobody knows
    """
    check_thanks(words.thanks)
    surge = locked_surge(surge_id)
    changed = [name for name, value in _fields_of(words).items() if getattr(surge, name) != value]
    for name, value in _fields_of(words).items():
        setattr(surge, name, value)
    surge.save(update_fields=[*_fields_of(words)])
    if changed:
        note("surge.worded", surge, by=by, now=now, fields=changed)
    return surge


@transaction.atomic
def end_surge(surge_id: UUID, *, by: Member, now: datetime) -> Surge:
    """Switch surge mode off: what was put off goes on, who came to help goes, the summary is kept.

    :raises SurgeIsOver: it has ended already
    """
    return _end(locked_surge(surge_id), by=by, now=now)


def _end(surge: Surge, *, by: Member, now: datetime) -> Surge:
    surge.summary = summary_of(surge, now=now)
    team.dismiss(surge, by=by, now=now)
    shedding.put_nothing_off(surge, now=now)
    acknowledging.forget_owed(surge)
    surge.ended_at, surge.ended_by = now, by
    surge.save()
    note("surge.ended", surge, by=by, now=now)
    return surge


def _fields_of(words: SurgeWords) -> dict[str, Any]:
    return {
        "reason": " ".join(words.reason.split())[:200],
        "statement": words.statement.strip(),
        "statement_link": words.statement_link,
        "thanks": words.thanks.strip(),
        "terms": [
            " ".join(term.split())[:40] for term in _COMMA.split(words.terms) if term.strip()
        ],
        "wait_words": " ".join(words.wait_words.split())[:60],
    }
