"""The registry through which lower apps reach those above them without importing them.

`config/subscriptions.py` fills it at start; publishers and intake only ask it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol


class Receiver(Protocol):
    """Takes charge of the answers to one kind of subject: stores them and acts on them."""

    def __call__(self, replies: Sequence[tuple[Any, str]], *, now: datetime) -> None:
        """`replies` are incoming messages, each with the key of the subject that it answers."""


_receivers: dict[str, Receiver] = {}


def receive_replies(subject_type: str, receiver: Receiver) -> None:
    """Let `receiver` take charge of messages that answer something sent for this kind of subject."""
    if subject_type in _receivers:
        raise ValueError(f"Answers to {subject_type} already have a receiver.")
    _receivers[subject_type] = receiver


def receiver_of(subject_type: str) -> Receiver | None:
    """The one who takes charge of answers to this kind of subject, if anybody does."""
    return _receivers.get(subject_type)


_subscribers: dict[type[Any], list[Callable[[Any], None]]] = defaultdict(list)


def subscribe[Fact](fact: type[Fact], reaction: Callable[[Fact], None]) -> None:
    """Let `reaction` follow each fact of this kind, in the transaction of the one who announces it."""
    _subscribers[fact].append(reaction)


def publish(fact: object) -> None:
    """Announce a fact to whoever subscribed; a reaction that fails undoes the announcer's work too."""
    for reaction in _subscribers[type(fact)]:
        reaction(fact)
