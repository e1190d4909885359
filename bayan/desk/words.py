"""What members write to Bayan itself: of which body they ask the situation, until when they want silence.

Nothing is guessed: what is not understood is asked about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from difflib import SequenceMatcher

from django.utils import timezone

from bayan.core.arabic import bare, fold, words_of
from bayan.organisation.models import Node
from bayan.places import selectors as places

# What begins the question; and what may stand in it without naming anything.
SITUATION = frozenset(map(fold, ("الموقف", "موقف", "situation", "status")))
FILLERS = frozenset(
    words_of(
        "الآن الحالي حاليا اليوم في عن من على بلدية البلدية محافظة مدينة الوضع لو سمحت "
        "now today of in for at the al municipality governorate please"
    )
)
# More words than these are a sentence about something, and no question.
MOST_WORDS, LONGEST = 4, 60
# As many as a list in WhatsApp offers beside "all".
MOST_OFFERED = 9


@dataclass(frozen=True)
class Asked:
    """A question for the situation."""

    # None without words: of all that the member sees.
    node: Node | None = None
    # In which no body was recognised.
    words: str = ""


def may_ask(text: str) -> bool:
    """Whether a message begins as such a question: cheap, for every message of a member."""
    return len(text) <= LONGEST and bool(SITUATION & set(words_of(text)[:1]))


def asked_in(text: str, bodies: Sequence[Node]) -> Asked | None:
    """Of which of these bodies a message asks the situation; None where it asks nothing."""
    if not may_ask(text):
        return None
    telling = _telling(words_of(text)[1:])
    if not telling:
        return Asked()
    node = named(telling, bodies)
    if node is None and len(telling) > MOST_WORDS:
        return None
    # As it was written, to be said again.
    return Asked(node, "" if node else " ".join(text.split()[1:]))


def named(words: Sequence[str], bodies: Sequence[Node]) -> Node | None:
    """The body that these folded words name, by a name of its own or of a place that it serves."""
    names = {node: [_telling(words_of(name)) for name in _names_of(node)] for node in bodies}
    whole = [node for node, own in names.items() if any(_same(words, name) for name in own)]
    if whole:
        return whole[0]
    # «تاروت» of «جزيرة دارين وتاروت», but not «الدمام», which is in three names.
    part = [node for node, own in names.items() if any(_is_part(words, name) for name in own)]
    if len(part) == 1:
        return part[0]
    if part:
        return None
    keys = {node.pk: node for node in bodies}
    owners = {
        place.owner_id
        for place in places.find(" ".join(words))
        if any(
            _same(words, _telling(words_of(name)))
            for name in (place.name_ar, place.name_en, *place.variants)
        )
    }
    return keys.get(owners.pop() or 0) if len(owners) == 1 else None


def nearest(words: str, bodies: Sequence[Node]) -> list[Node]:
    """The bodies whose names are most like these words, the likeliest first."""
    asked = _telling(words_of(words))

    def likeness(node: Node) -> float:
        return max(
            (
                SequenceMatcher(None, ask, word, autojunk=False).ratio()
                for name in _names_of(node)
                for word in map(_short, _telling(words_of(name)))
                for ask in map(_short, asked)
            ),
            default=0.0,
        )

    ranked = sorted(bodies, key=likeness, reverse=True)
    return ranked[:MOST_OFFERED]


def _telling(words: Iterable[str]) -> list[str]:
    return [word for word in words if not FILLERS & {word, bare(word)}]


def _names_of(node: Node) -> tuple[str, ...]:
    return (
        node.short_name_ar, node.short_name_en, node.name_ar, node.name_en,
        node.key.replace("-", " "),
    )  # fmt: skip


def _forms(word: str) -> frozenset[str]:
    """A folded word with and without what is written as one with it: بالخبر as خبر."""
    return frozenset({word, word.removeprefix("ال"), bare(word), bare(word).removeprefix("ال")})


def _short(word: str) -> str:
    return min(_forms(word), key=len)


def _same(asked: Sequence[str], name: Sequence[str]) -> bool:
    return len(asked) == len(name) and all(
        _forms(ask) & _forms(word) for ask, word in zip(asked, name, strict=True)
    )


def _is_part(asked: Sequence[str], name: Sequence[str]) -> bool:
    return all(any(_forms(ask) & _forms(word) for word in name) for ask in asked)


# Silence

_QUIET = re.compile(
    r"^(?:لا ?تزعج(?:ني|وني|ونا)|صمت|الصمت|سكوت|quiet|silence|(?:do not|don.?t) disturb(?: me)?)\b"
)
NO_MORE_QUIET = frozenset(
    map(fold, ("أزعجني", "إنهاء الصمت", "أنهِ الصمت", "ألغ الصمت", "quiet off", "end silence"))
)
_UNTIL = re.compile(r"\b(?:حتي|الي|لين|لغايه|until|till|to)\b")
_LENGTHS = (
    (re.compile(r"(?:نصف|نص) ساعه|half an hour"), timedelta(minutes=30)),
    (re.compile(r"ساعت(?:ين|ان)"), timedelta(hours=2)),
)
_HOURS = re.compile(r"\b(\d{1,2}) ?(?:ساعات|ساعه|hours?|h)\b")
_HOUR = re.compile(r"\b(?:ساعه|hour)\b")
_TIME = re.compile(
    r"(?<!\d)(?P<hour>\d{1,2})(?::(?P<minute>[0-5]\d))?(?!\d)\s*"
    r"(?P<half>صباحا?|فجرا?|ص|a\.?m|مساءا?|ليلا|عصرا?|ظهرا?|م|p\.?m)?(?:\b|$)"
)
_MORNING = ("ص", "ف", "a")
_SPOKEN = {
    fold(word): str(number)
    for number, words in enumerate(
        ("الواحدة", "الثانية", "الثالثة", "الرابعة", "الخامسة", "السادسة", "السابعة", "الثامنة",
         "التاسعة", "العاشرة"),
        start=1,
    )
    for word in (words,)
}  # fmt: skip
_TOMORROW = frozenset(map(fold, ("غدا", "غدًا", "بكرة", "بكره", "باكر", "tomorrow")))
_DAYS = {
    fold(word): number
    for number, words in enumerate(
        (
            ("الاثنين", "monday"), ("الثلاثاء", "tuesday"), ("الأربعاء", "wednesday"),
            ("الخميس", "thursday"), ("الجمعة", "friday"), ("السبت", "saturday"), ("الأحد", "sunday"),
        )
    )
    for word in words
}  # fmt: skip


@dataclass(frozen=True)
class Quiet:
    """That somebody wants silence, and until when; None: they did not say, or it is not understood."""

    until: datetime | None


def quiet_in(text: str, *, now: datetime) -> Quiet | None:
    """Until when a message asks for silence; None where it asks for none."""
    plain = " ".join(fold(text).split())
    begun = _QUIET.match(plain) if len(plain) <= LONGEST else None
    if begun is None:
        return None
    rest = " ".join(_SPOKEN.get(word, word) for word in plain[begun.end() :].split())
    if not rest.strip():
        return Quiet(None)
    if not _UNTIL.search(rest) and (length := _length(rest)):
        return Quiet(now + length)
    found = _TIME.search(rest)
    # Something else that begins so is no wish: «لا تزعجني رسائل الشركة».
    if found is None:
        return Quiet(None) if _UNTIL.search(rest) else None
    return Quiet(_moment(rest, found, now=now))


def _length(text: str) -> timedelta | None:
    for pattern, length in _LENGTHS:
        if pattern.search(text):
            return length
    if counted := _HOURS.search(text):
        return timedelta(hours=int(counted[1]))
    return timedelta(hours=1) if _HOUR.search(text) else None


def _moment(text: str, found: re.Match[str], *, now: datetime) -> datetime | None:
    """The next time at which a clock shows this, on the day that is named if one is."""
    hour, minute = int(found["hour"]), int(found["minute"] or 0)
    if hour > 23:
        return None
    half = found["half"] or ""
    if half and 1 <= hour <= 12:
        hours = [hour % 12 + (0 if half.startswith(_MORNING) else 12)]
    elif 1 <= hour <= 12:
        # Only a half of the day tells them apart: the next of both is meant.
        hours = [hour % 12, hour % 12 + 12]
    else:
        hours = [hour]
    at = timezone.localtime(now)
    moments = (
        datetime.combine(day, time(clock, minute), tzinfo=at.tzinfo)
        for day in _days(text, at.date())
        for clock in hours
    )
    return next((moment for moment in moments if moment > now), None)


def _days(text: str, today: date) -> list[date]:
    words = set(text.split())
    if words & _TOMORROW:
        return [today + timedelta(days=1)]
    for word in words:
        if word in _DAYS:
            ahead = (_DAYS[word] - today.weekday()) % 7
            return [today + timedelta(days=ahead), today + timedelta(days=ahead + 7)]
    return [today, today + timedelta(days=1)]
