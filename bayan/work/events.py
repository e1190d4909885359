"""What work announces, and what it asks of whoever owns the subjects of its clocks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bayan.inbox.models import Message
from bayan.people.models import Member
from bayan.work.models import Clock, Item


@dataclass(frozen=True)
class ItemGiven:
    """Somebody was given something to do; in the transaction that gave it."""

    item: Item
    at: datetime


@dataclass(frozen=True)
class ItemPassedOn:
    """Somebody else has an open item now; in its transaction, so that whoever may not have it is refused."""

    item: Item
    to: Member
    by: Member
    at: datetime


@dataclass(frozen=True)
class ItemEnded:
    """An item was done, answered, returned, refused or withdrawn; in the transaction that ended it."""

    item: Item
    by: Member | None
    at: datetime


@dataclass(frozen=True)
class ClockMissed:
    """A clock's time is over and nobody ended it; said at each rung from then on, in its transaction."""

    clock: Clock
    at: datetime


@dataclass(frozen=True)
class Subject:
    """What a clock runs for, as those who must act are told of it."""

    # In words that may leave the house: no person's name, nothing they wrote.
    title: str
    # The body whose business it is, and the member who has it, by their keys.
    node_id: int
    owner_id: int | None
    # The page that shows it, and its key on live screens.
    path: str
    live_key: str
    is_emergency: bool = False


type Describe = Callable[[Collection[str]], Mapping[str, Subject]]

# What a member wrote about an item without a button, and in which kept message: True if somebody took it.
type Remark = Callable[[Item, Member, Message, datetime], bool]


@dataclass(frozen=True, kw_only=True)
class Answerable:
    """Something besides items that wants answers of members, and how what they write freely comes to it."""

    # (key, title, when it is due) of each that this member has not answered yet.
    open_to: Callable[[Member, datetime], Sequence[tuple[str, str, datetime]]]
    # Keeps their messages as an answer to one of them; what they are told, empty where that is over.
    take: Callable[[str, Member, Sequence[Message], datetime], str]


_subjects: dict[str, Describe] = {}
_answerables: dict[str, Answerable] = {}
_remarks: dict[str, Remark] = {}


def register_subject(subject_type: str, describe: Describe) -> None:
    """Let clocks run for this type of subject; `describe` tells of each key what is still to be done."""
    if subject_type in _subjects:
        raise ValueError(f"{subject_type} is described already.")
    _subjects[subject_type] = describe


def register_remarks(subject_type: str, take: Remark) -> None:
    """Let `take` keep what members write in WhatsApp under a message about an item of this subject."""
    if subject_type in _remarks:
        raise ValueError(f"Remarks on {subject_type} are taken already.")
    _remarks[subject_type] = take


def register_answerable(of: str, answerable: Answerable) -> None:
    """Let members be asked whether what they wrote answers one of these; `of` heads its rows in lists."""
    if of in _answerables:
        raise ValueError(f"Answers to {of} are taken already.")
    _answerables[of] = answerable


def answerables() -> Mapping[str, Answerable]:
    """What wants answers besides items, in the order in which it was registered."""
    return _answerables


def remark(item: Item, member: Member, message: Message, *, now: datetime) -> bool:
    """Hand over what was written about an item; False where nobody takes it."""
    take = _remarks.get(item.subject_type)
    return take is not None and take(item, member, message, now)


def describe(subject_type: str, keys: Collection[str]) -> Mapping[str, Subject]:
    """What is known of these subjects; what nobody knows, or is over, is left out."""
    found = _subjects.get(subject_type)
    return found(keys) if found and keys else {}
