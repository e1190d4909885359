"""How polls stand, counted in the database; with the worker's eyes, as a reader learns numbers only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count

from bayan.core.rls import as_worker
from bayan.meetings.counting import Outcome, may_show, needed
from bayan.meetings.models import Option, Poll, Voter
from bayan.organisation.models import Node


def outcome_of(poll: Poll) -> Outcome:
    """How it stands, or came out."""
    return outcomes_of([poll])[poll.pk]


def outcomes_of(polls: Sequence[Poll]) -> dict[int, Outcome]:
    """As `outcome_of`, for many in as many statements as for one; by the poll's key."""
    with as_worker():
        voters = {
            row["poll"]: row
            for row in Voter.objects.filter(poll__in=polls)
            .order_by()
            .values("poll")
            .annotate(asked=Count("pk"), voted=Count("voted_at"))
        }
        chosen = dict(
            Voter.objects.filter(poll__in=polls, option__isnull=False)
            .order_by()
            .values_list("option")
            .annotate(Count("pk"))
        )
        options: dict[int, list[Option]] = {}
        for option in Option.objects.filter(poll__in=polls).order_by("position"):
            options.setdefault(option.poll_id, []).append(option)
    found = {}
    for poll in polls:
        row = voters.get(poll.pk, {"asked": 0, "voted": 0})
        is_over = poll.state == Poll.State.CLOSED
        shows = may_show(is_secret=poll.is_secret, is_over=is_over, voted=row["voted"])
        found[poll.pk] = Outcome(
            asked=row["asked"],
            voted=row["voted"],
            needed=needed(
                row["asked"],
                quorum=poll.quorum,
                is_share=poll.quorum_kind == Poll.Quorum.SHARE,
            )
            if poll.quorum_kind
            else 0,
            votes=[
                (one.text, (one.votes or 0) if is_over else chosen.get(one.pk, 0))
                for one in options.get(poll.pk, ())
            ]
            if shows
            else (),
        )
    return found


@dataclass(frozen=True)
class BodyRow:
    """How the people of one body voted."""

    node: Node
    asked: int
    voted: int
    # For each answer in its order; empty where the poll is secret.
    votes: Sequence[int]


def by_body(poll: Poll) -> list[BodyRow]:
    """How each body stands: how many voted and, where all may see it, what they chose."""
    with as_worker():
        rows = list(
            poll.voters.order_by("node__position", "node")
            .values("node", "option__position")
            .annotate(asked=Count("pk"), voted=Count("voted_at"))
        )
        nodes = Node.objects.in_bulk({row["node"] for row in rows})
        count = 0 if poll.is_secret else poll.options.count()
    found: dict[int, BodyRow] = {}
    for row in rows:
        known = found.get(row["node"])
        votes = list(known.votes) if known else [0] * count
        if count and row["option__position"]:
            votes[row["option__position"] - 1] += row["asked"]
        found[row["node"]] = BodyRow(
            nodes[row["node"]],
            (known.asked if known else 0) + row["asked"],
            (known.voted if known else 0) + row["voted"],
            votes,
        )
    return list(found.values())
