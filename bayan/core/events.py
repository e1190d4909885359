"""The registry through which lower apps reach those above them without importing them.

`config/subscriptions.py` fills it at start; publishers and intake only ask it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from django.utils.functional import Promise


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


class HandOver(Protocol):
    """Gives everything of one kind that a leaving member holds to another."""

    def __call__(self, member: Any, *, to: Any, by: Any, now: datetime) -> int:
        """Returns how many were handed over; `member`, `to` and `by` are members."""


@dataclass(frozen=True, kw_only=True)
class Holding:
    """One kind of thing that somebody who works here may hold and must hand over when they leave."""

    key: str
    label: str | Promise
    count: Callable[[Any], int]
    hand_over: HandOver


_holdings: dict[str, Holding] = {}


def register_holding(holding: Holding) -> None:
    """Let the clearance of a leaving member ask for this too, after what was registered before it."""
    if holding.key in _holdings:
        raise ValueError(f"The holding {holding.key} is registered already.")
    _holdings[holding.key] = holding


def holdings() -> tuple[Holding, ...]:
    """What members may hold in the apps above, in the order in which it was registered."""
    return tuple(_holdings.values())


class SetOnMatters(Protocol):
    """Sets one field of the open matters with these references."""

    def __call__(
        self, matters: Collection[str], value: str, *, by: Any, now: datetime
    ) -> UUID | None:
        """Returns the name under which `core.undo` undoes it; None: nothing was changed."""


@dataclass(frozen=True, kw_only=True)
class MatterField:
    """What can be set of a conversation's open matter together with other acts, and to which values."""

    key: str
    label: str | Promise
    choices: Sequence[tuple[str, str | Promise]]
    set_to: SetOnMatters


_matter_fields: dict[str, MatterField] = {}


def register_matter_field(field: MatterField) -> None:
    """Let ready-made series of acts set this field too, offered after what was registered before it."""
    if field.key in _matter_fields:
        raise ValueError(f"The field {field.key} is registered already.")
    _matter_fields[field.key] = field


def matter_fields() -> dict[str, MatterField]:
    """What the apps above let one set of open matters, by key, in the order in which it was registered."""
    return dict(_matter_fields)


_phone_numbers: list[Callable[[], Sequence[str]]] = []


def offer_phone_numbers(numbers: Callable[[], Sequence[str]]) -> None:
    """Tell to which numbers members send the code that links their mobile to them.

    Only who also hands such a message to `people.services.link_phone_by_code` may offer any.
    """
    _phone_numbers.append(numbers)


def phone_numbers() -> list[str]:
    """The numbers that take such a code; none as long as nobody does."""
    return [number for numbers in _phone_numbers for number in numbers()]


class Hearer(Protocol):
    """Takes what members write to the authority's number, each message with its member."""

    def __call__(self, messages: Sequence[tuple[Any, Any]], *, now: datetime) -> set[str]:
        """Returns the ids of the messages that it took; the others are for whoever comes after it."""


class Reader(Protocol):
    """Takes members' words that quote a message of ours, each with the key of what that was about."""

    def __call__(self, replies: Sequence[tuple[Any, str]], *, now: datetime) -> Sequence[Any]:
        """Returns the messages that it did not take."""


_commands: list[Hearer] = []
_hearers: list[Hearer] = []


def hear_members(hearer: Hearer, *, first: bool = False) -> None:
    """Let `hearer` look at what members write, before it is taken for something passed on.

    `first`: even before what they were asked for. Only for words that can mean nothing else.
    """
    (_commands if first else _hearers).append(hearer)


_readers: dict[str, Reader] = {}


def hear_quotations(subject_type: str, reader: Reader) -> None:
    """Let `reader` take what members write under a message about this kind of subject, by quoting it."""
    if subject_type in _readers:
        raise ValueError(f"Quotations of {subject_type} have a reader already.")
    _readers[subject_type] = reader


def reader_of(subject_type: str) -> Reader | None:
    """The one who takes words that quote a message about this kind of subject, if anybody does."""
    return _readers.get(subject_type)


def hearers(*, first: bool = False) -> tuple[Hearer, ...]:
    """Who looks at what members write, in the order in which they were named."""
    return tuple(_commands if first else _hearers)


@dataclass(frozen=True)
class ForwardChoice:
    """Something else that can become of what a member passed on, offered beside a case."""

    # What stands in the answer; no two choices share one.
    key: str
    # Of a button or a row of a list: 20 characters.
    label: str | Promise
    # Called with what was passed on and the member, at that moment; returns what the member is told.
    act: Callable[[Any, Any, datetime], str]


_forward_choices: dict[str, ForwardChoice] = {}


def offer_for_forwards(choice: ForwardChoice) -> None:
    """Offer this to members who pass something on."""
    if choice.key in _forward_choices:
        raise ValueError(f"{choice.key} is offered already.")
    _forward_choices[choice.key] = choice


def forward_choices() -> dict[str, ForwardChoice]:
    """What is offered besides a case, by its key."""
    return dict(_forward_choices)


class Choose(Protocol):
    """Does what a member chose from the menu."""

    def __call__(self, conversation: Any, member: Any, *, now: datetime) -> None:
        """Answers in the member's conversation, in their language."""


def _for_everybody(_access: Any) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class MenuEntry:
    """One thing that members find in the menu of their WhatsApp."""

    key: str
    # WhatsApp shows 24 characters.
    title: str | Promise
    # What else asks for it, written alone: folded words (core.arabic).
    words: frozenset[str]
    choose: Choose
    # Whether this member's access shows it.
    is_for: Callable[[Any], bool] = _for_everybody


_menu: dict[str, MenuEntry] = {}


def register_menu_entry(entry: MenuEntry) -> None:
    """Let members find this in their menu, after what was registered before it."""
    if entry.key in _menu:
        raise ValueError(f"The menu has an entry {entry.key} already.")
    _menu[entry.key] = entry


def menu_entries() -> tuple[MenuEntry, ...]:
    """What the menu may offer, in the order in which it was registered."""
    return tuple(_menu.values())


@dataclass(frozen=True, kw_only=True)
class MatterWords:
    """What the apps above know of a matter that a ready-made message may say."""

    # The person is waited for: they are to be asked for something, not told news.
    waits_for_person: bool
    # Its state as a person is told of it, and all the words there are for states.
    state: str
    states: frozenset[str]
    place: str


class WordsOfMatter(Protocol):
    """Says what is known of the open matter with this reference, in this language; None: nothing is."""

    def __call__(self, reference: str, *, language: str) -> MatterWords | None: ...


_words_of_matter: list[WordsOfMatter] = []


def offer_words_of_matter(words: WordsOfMatter) -> None:
    """Let ready-made messages be chosen and filled in by what these know of a matter."""
    _words_of_matter.append(words)


def words_of_matter(reference: str, *, language: str) -> MatterWords | None:
    """What is known of a matter, by the first who knows it."""
    found = (words(reference, language=language) for words in _words_of_matter)
    return next(filter(None, found), None)
