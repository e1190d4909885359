"""Counting a poll: how many must vote, what came out, and when the outcome of a secret one may be shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# A secret poll asks so many at least, and its votes are shown only where so many voted: of fewer one could
# tell who chose what.
LEAST_SECRET = 3


def needed(asked: int, *, quorum: int, is_share: bool) -> int:
    """How many of those asked must vote: a share in hundredths, rounded up, or a number."""
    return -(-asked * quorum // 100) if is_share else quorum


@dataclass(frozen=True)
class Outcome:
    """How a poll stands, or came out."""

    asked: int
    voted: int
    # How many must vote; 0: no quorum was set.
    needed: int
    # Each answer with its votes, in the order of the question; empty while they are not to be shown.
    votes: Sequence[tuple[str, int]] = ()

    @property
    def silent(self) -> int:
        return self.asked - self.voted

    @property
    def is_reached(self) -> bool:
        """Whether enough have voted; a poll that nobody answered never has."""
        return self.voted >= max(self.needed, 1)

    @property
    def share(self) -> int:
        """How many of a hundred have voted."""
        return round(100 * self.voted / self.asked) if self.asked else 0

    @property
    def leading(self) -> list[str]:
        """The answer with most votes; several where they are level; none before there is a vote."""
        most = max((count for _text, count in self.votes), default=0)
        return [text for text, count in self.votes if count == most] if most else []


def may_show(*, is_secret: bool, is_over: bool, voted: int) -> bool:
    """Whether the votes may be shown: of a secret poll only once it is over, and enough have voted."""
    return not is_secret or (is_over and voted >= LEAST_SECRET)
