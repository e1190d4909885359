"""Which rule decides: the first one, in their order, whose conditions all hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from functools import cached_property, lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from bayan.cases.models import RoutingRule
from bayan.core.arabic import bare, fold
from bayan.core.calendar import WorkingCalendar
from bayan.triage.text import Plain, plain, words_in

To, Give, Hours = RoutingRule.To, RoutingRule.Give, RoutingRule.Hours

# What is left of a shorter word is none: كلب as لب; without its article it may be one: الما as ما.
_SURELY_A_WORD, _AFTER_THE = 3, 2
# With its article; of a shorter word it is the beginning: الى.
_SURELY_THE = 4
# Without its hamza a shorter word is another one: ماء as ما.
_ANOTHER_WORD = 2


class Wanted(NamedTuple):
    """A word of a rule: the plain spellings taken for it, and how it is written, where that matters."""

    forms: frozenset[str]
    exactly: str = ""


# A word or several in a row.
type Phrase = tuple[Wanted, ...]


class Text(NamedTuple):
    """What a person wrote, with its plain form and the words of that."""

    text: str
    form: Plain
    words: Sequence[tuple[str, int, int]]

    @classmethod
    def of(cls, text: str) -> Text:
        form = plain(text)
        return cls(text, form, words_in(form.text))


@lru_cache(maxsize=65_536)
def forms_of(word: str) -> tuple[str, ...]:
    """A plain word of a message, and what it is without what is written as one with it: والحفره as حفره."""
    stem = bare(word)
    least = _AFTER_THE if word[-len(stem) - 2 :].startswith(("ال", "لل")) else _SURELY_A_WORD
    return (word,) if stem == word or len(stem) < least else (word, stem)


def phrase_of(text: str) -> Phrase:
    """The words of a rule as they are looked for: whole words, with or without their article."""
    form = plain(text)
    return tuple(
        Wanted(
            frozenset(
                {word, word[2:]} if word.startswith("ال") and len(word) >= _SURELY_THE else {word}
            ),
            _exactly(written(text, form, start, end), word),
        )
        for word, start, end in words_in(form.text)
    )


def _exactly(given: str, word: str) -> str:
    folded = bare(fold(given))
    return folded if len(bare(word)) <= _ANOTHER_WORD and "ء" in folded else ""


def written(text: str, form: Plain, start: int, end: int) -> str:
    """What stands in a text where its plain form has these characters, to the end of the word."""
    begin, behind = form.span(start, end)
    while behind < len(text) and text[behind].isalpha():
        behind += 1
    return text[begin:behind]


class Said:
    """The words of a case's person, ready to be looked through."""

    def __init__(self, texts: Iterable[Text | str]) -> None:
        self._texts = [Text.of(text) if isinstance(text, str) else text for text in texts]
        self.forms = {
            form
            for text in self._texts
            for word, _start, _end in text.words
            for form in forms_of(word)
        }

    def find(self, phrase: Phrase) -> str | None:
        """What says this, as it is written; None where nothing does."""
        if any(self.forms.isdisjoint(wanted.forms) for wanted in phrase):
            return None
        for text, form, words in self._texts:
            for at in range(len(words) - len(phrase) + 1):
                row = words[at : at + len(phrase)]
                if all(
                    not wanted.forms.isdisjoint(forms_of(word))
                    and wanted.exactly in {"", bare(fold(written(text, form, start, end)))}
                    for wanted, (word, start, end) in zip(phrase, row, strict=True)
                ):
                    return written(text, form, row[0][1], row[-1][2])
        return None


@dataclass(kw_only=True)
class Facts:
    """What is known of a case when it is routed."""

    at: datetime
    # Where it stands, and whether that is the authority's desk: only from there it is moved.
    node_id: int
    is_at_desk: bool
    # The municipality that its place surely points to, or to which it belongs already; None: not known.
    pointed_id: int | None = None
    # The key of that body, which may also be outside; then the places named, with what they lie in.
    body: str = ""
    places: frozenset[str] = frozenset()
    kind: str = ""
    category: str = ""
    priority: str = ""
    account: str = ""
    # Read when words are asked for.
    texts: tuple[Text | str, ...] = ()
    calendar: WorkingCalendar
    # How many open cases a body has.
    open_cases: Callable[[int], int]
    # How sure triage was, by the label's field; only to be told.
    sure: Mapping[str, float | None]
    # The place as the person wrote it, and what points to the body; only to be told.
    place: str = ""
    points_by: str = ""

    # Looked at only by rules that ask for it.

    @cached_property
    def said(self) -> Said:
        return Said(self.texts)

    @cached_property
    def local(self) -> datetime:
        return self.at.astimezone(self.calendar.zone)

    @cached_property
    def is_working(self) -> bool:
        return self.calendar.is_working(self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule as it is tried: see `RoutingRule` for what each part means."""

    id: UUID
    name: str
    version: int
    kinds: frozenset[str]
    categories: frozenset[str]
    priorities: frozenset[str]
    bodies: frozenset[str]
    places: frozenset[str]
    accounts: frozenset[str]
    words: tuple[Phrase, ...]
    hours: str
    # Until before from: over midnight.
    from_time: time | None
    until_time: time | None
    weekdays: frozenset[int]
    open_cases: int | None
    to: str
    node_id: int | None
    give: str
    member_id: int | None
    team_id: int | None
    priority: str
    category: str

    @classmethod
    def of(cls, row: RoutingRule) -> Rule:
        return cls(
            id=row.public_id, name=row.name, version=row.version,
            kinds=frozenset(row.kinds), categories=frozenset(row.categories),
            priorities=frozenset(row.priorities), bodies=frozenset(row.bodies),
            places=frozenset(row.places), accounts=frozenset(row.accounts),
            words=tuple(filter(None, map(phrase_of, row.words))),
            hours=row.hours, from_time=row.from_time, until_time=row.until_time,
            weekdays=frozenset(row.weekdays), open_cases=row.open_cases,
            to=row.to, node_id=row.node_id, give=row.give, member_id=row.member_id,
            team_id=row.team_id, priority=row.priority, category=row.category,
        )  # fmt: skip

    @property
    def first_words(self) -> frozenset[str]:
        return frozenset(form for phrase in self.words for form in phrase[0].forms)

    def target(self, facts: Facts) -> int | None:
        """The body to which this case would go; None: there is none, so the rule does not fit.

        What a municipality has already stays with it: others' rules are passed over.
        """
        if self.to == To.STAYS:
            return facts.node_id
        wanted = facts.pointed_id if self.to == To.POINTED else self.node_id
        return wanted if facts.is_at_desk or wanted == facts.node_id else None

    def fits(self, facts: Facts) -> bool:
        """Whether all conditions hold; what costs more is looked at last."""
        target = self.target(facts)
        return (
            target is not None
            and (not self.categories or facts.category in self.categories)
            and (not self.kinds or facts.kind in self.kinds)
            and (not self.priorities or facts.priority in self.priorities)
            and (not self.bodies or facts.body in self.bodies)
            and (not self.places or not self.places.isdisjoint(facts.places))
            and (not self.accounts or facts.account in self.accounts)
            and (not self.hours or self._is_the_hour(facts))
            and (not self.weekdays or facts.local.weekday() in self.weekdays)
            and (not self.words or any(facts.said.find(phrase) for phrase in self.words))
            and (self.open_cases is None or facts.open_cases(target) >= self.open_cases)
        )

    def _is_the_hour(self, facts: Facts) -> bool:
        if self.hours != Hours.BETWEEN:
            return facts.is_working == (self.hours == Hours.WORKING)
        at, since, until = facts.local.time(), self.from_time, self.until_time
        if since is None or until is None:
            return False
        return since <= at < until if since < until else at >= since or at < until

    def found(self, facts: Facts) -> dict[str, Any]:
        """What of its conditions was there, for whoever asks later why it went there."""
        found: dict[str, Any] = {}
        for name, asked in (
            ("kind", self.kinds), ("category", self.categories), ("priority", self.priorities),
        ):  # fmt: skip
            if asked:
                found[name] = [getattr(facts, name), facts.sure.get(name)]
        if self.words:
            said = (facts.said.find(phrase) for phrase in self.words)
            found["words"] = list(dict.fromkeys(filter(None, said)))
        if facts.is_at_desk and (self.bodies or self.places or self.to == To.POINTED):
            found["pointed"] = [facts.body, facts.points_by]
            found["place"] = facts.place
        if self.accounts:
            found["account"] = facts.account
        if self.hours or self.weekdays:
            found["hours"] = self.hours
            found["at"] = facts.local.isoformat(timespec="minutes")
        if self.open_cases is not None:
            target = self.target(facts)
            found["open_cases"] = 0 if target is None else facts.open_cases(target)
        return found


# What is known of a case, and what rules ask of it.
LABELS = {
    "category": "categories", "kind": "kinds", "priority": "priorities", "body": "bodies",
    "account": "accounts",
}  # fmt: skip


class Rules:
    """Rules in their order, put so that to find the first one that fits costs little however many they are.

    Which rules a value lets through is one number, a bit for each rule: what is left of all of them is tried.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self.asks_places = any(rule.places for rule in self.rules)
        self.asks_accounts = any(rule.accounts for rule in self.rules)
        self.asks_words = any(rule.words for rule in self.rules)
        self._labels = [(name, *self._let_through(asked)) for name, asked in LABELS.items()]
        self._places, self._no_places = self._let_through("places")
        self._first_words, self._no_words = self._let_through("first_words")
        self._hours = self._bits(lambda rule: rule.hours in {Hours.WORKING, Hours.OUTSIDE})
        self._working = self._bits(lambda rule: rule.hours == Hours.WORKING)

    def __bool__(self) -> bool:
        return bool(self.rules)

    def _bits(self, holds: Callable[[Rule], bool]) -> int:
        return sum(1 << number for number, rule in enumerate(self.rules) if holds(rule))

    def _let_through(self, asked: str) -> tuple[dict[str, int], int]:
        """For each value the rules that it lets through, and those that ask for none."""
        wanted: list[frozenset[str]] = [getattr(rule, asked) for rule in self.rules]
        none = sum(1 << number for number, values in enumerate(wanted) if not values)
        let_through: dict[str, int] = {}
        for number, values in enumerate(wanted):
            for value in values:
                let_through[value] = let_through.get(value, none) | 1 << number
        return let_through, none

    def first(self, facts: Facts) -> Rule | None:
        """The rule that decides of this case; None: a person does."""
        left = -1
        for name, let_through, none in self._labels:
            left &= let_through.get(getattr(facts, name), none)
        if left & ~self._no_places:
            left &= self._any(self._places, facts.places, self._no_places)
        if left & self._hours:
            left &= ~self._hours | (self._working if facts.is_working else ~self._working)
        if left & ~self._no_words:
            left &= self._any(self._first_words, facts.said.forms, self._no_words)
        left &= (1 << len(self.rules)) - 1
        while left:
            lowest = left & -left
            rule = self.rules[lowest.bit_length() - 1]
            if rule.fits(facts):
                return rule
            left ^= lowest
        return None

    @staticmethod
    def _any(let_through: Mapping[str, int], values: Iterable[str], none: int) -> int:
        for value in let_through.keys() & values:
            none |= let_through[value]
        return none
