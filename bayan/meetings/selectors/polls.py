"""Lists of polls, who voted, and what happened to one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from bayan.core.models import AuditEntry
from bayan.core.rls import as_worker
from bayan.meetings.models import Meeting, Poll, Voter
from bayan.meetings.selectors.counts import outcomes_of
from bayan.meetings.selectors.deputies import lenders_of
from bayan.people import selectors as people
from bayan.people.permissions import Access
from bayan.people.selectors import Line

LINES = 100


def views_of_polls(access: Access, *, now: datetime) -> dict[str, QuerySet[Poll]]:
    """The polls of each view of the list.

    `mine`: what waits for the vote of the reader, or of whom they stand in for; `open` and `over`: all that
    the reader may see; `drafts`: what is being written for the reader's bodies.
    """
    wanted = Voter.objects.filter(
        Q(member=access.member) | Q(member__in=lenders_of(access.member, now=now).values("member")),
        poll=OuterRef("pk"),
        voted_at=None,
    )
    return {
        "mine": Poll.objects.filter(Exists(wanted), state=Poll.State.OPEN),
        "open": Poll.objects.filter(state=Poll.State.OPEN),
        "over": Poll.objects.filter(ended_at__isnull=False),
        "drafts": Poll.objects.filter(
            state=Poll.State.DRAFT, node__lineage__overlap=access.bodies_of("meetings.write")
        ),
    }


def polls_found(rows: QuerySet[Poll], words: str) -> QuerySet[Poll]:
    """Those of these polls whose question or answers say all of these words."""
    for word in words.split():
        rows = rows.filter(
            Q(question__icontains=word)
            | Exists(Poll.objects.filter(pk=OuterRef("pk"), options__text__icontains=word))
        )
    return rows


def shown_polls(rows: QuerySet[Poll]) -> QuerySet[Poll]:
    """With all that a row shows."""
    return rows.select_related("node", "author")


def with_outcomes(polls: Sequence[Poll]) -> None:
    """Let each of these polls know how it stands."""
    outcomes = outcomes_of(polls)
    for poll in polls:
        poll.outcome = outcomes[poll.pk]  # type: ignore[attr-defined]


def may_lead(thing: Poll | Meeting, access: Access) -> bool:
    """Whether the reader sees every person, and may end it: whoever called it, or writes for its body."""
    return access.member.pk == thing.author_id or access.may("meetings.write", thing.node)


def voters_of(poll: Poll, access: Access, *, silent: bool = False) -> list[Voter]:
    """Those asked, as far as the reader may see them: whoever leads it all, a body's head its own."""
    rows = poll.voters.select_related("member", "node", "option", "reach")
    if silent:
        rows = rows.filter(voted_at=None)
    if not may_lead(poll, access):
        rows = rows.filter(
            Q(member=access.member) | Q(node__in=access.nodes_where("people.manage").values("pk"))
        )
    with as_worker():
        return list(rows.order_by("node__position", "node", "member__name_ar", "pk"))


def lent_voices(poll: Poll, access: Access, *, now: datetime) -> list[Voter]:
    """The voices of those for whom the reader stands in."""
    lenders = lenders_of(access.member, now=now).values("member")
    return list(poll.voters.filter(member__in=lenders).select_related("member").order_by("pk"))


def history_of(thing: Poll | Meeting) -> list[Line]:
    """What happened to it, the latest first; not who voted when."""
    name = "poll" if isinstance(thing, Poll) else "meeting"
    entries = AuditEntry.objects.filter(
        subject_type=name, subject_key=str(thing.public_id), action__startswith=f"{name}."
    ).exclude(action__in=["poll.voted", "poll.changed_vote"])
    return people.in_words(entries.order_by("-pk")[:LINES])
