"""Votes: cast, changed, counted. Of a secret poll who voted is kept apart from what.

An open vote stands with its voter. A secret one is a ballot that names nobody: its key is made of poll and
voter with the secret of this house, which is not in the database, so that whoever voted can choose anew.
When the poll closes, the ballots are counted and thrown away; then nothing leads back any more.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

from django.conf import settings
from django.db.models import Count

from bayan.core.rls import as_worker
from bayan.meetings.counting import may_show
from bayan.meetings.models import Ballot, Option, Poll, Voter


def cast(poll: Poll, voter: Voter, option: Option, *, now: datetime) -> bool:
    """Let this voter of a locked, open poll choose; returns False where they had voted and choose anew."""
    is_first = voter.voted_at is None
    with as_worker():
        if poll.is_secret:
            Ballot.objects.update_or_create(
                key=_key(poll, voter), defaults={"poll": poll, "option": option}
            )
        else:
            voter.option = option
        voter.voted_at = voter.voted_at or now
        voter.save(update_fields=["option", "voted_at"])
    return is_first


def tally(poll: Poll) -> int:
    """Count the votes of a poll that closes into its answers; returns how many have voted."""
    rows = (poll.ballots if poll.is_secret else poll.voters.exclude(option=None)).all()
    counts = dict(rows.order_by().values_list("option").annotate(Count("pk")))
    voted = poll.voters.exclude(voted_at=None).count()
    if may_show(is_secret=poll.is_secret, is_over=True, voted=voted):
        options = list(poll.options.all())
        for option in options:
            option.votes = counts.get(option.pk, 0)
        Option.objects.bulk_update(options, ["votes"])
    poll.ballots.all().delete()
    return voted


def _key(poll: Poll, voter: Voter) -> bytes:
    said = f"bayan.meetings.ballot:{poll.public_id}:{voter.public_id}"
    return hmac.new(settings.SECRET_KEY.encode(), said.encode(), hashlib.sha256).digest()
