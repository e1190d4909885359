"""Finding a letter by what one remembers of it: words, number, a person, its time, what became of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from django.db import connection
from django.db.models import Q, QuerySet

from bayan.core import arabic
from bayan.core.queries import array_of
from bayan.core.views import day_in, midnight
from bayan.correspondence.models import Letter

# The latest so many are found; more members of one name than these are not told apart by it.
MOST_FOUND, MOST_NAMED, MOST_WORDS = 2_000, 50, 8
# A number as it is written: 12, 1448/12; on paper the year may stand behind.
_NUMBER = re.compile(r"(\d{1,9})(?:\s*/\s*(\d{1,9}))?")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a letter must be like to be listed."""

    words: str = ""
    kind: str = ""
    state: str = ""
    since: date | None = None
    until: date | None = None

    @property
    def is_narrowed(self) -> bool:
        return bool(self.kind or self.state or self.since or self.until)

    @property
    def query(self) -> str:
        """The same as it stands in an address; what cannot be meant was left out."""
        given = {
            "q": self.words, "kind": self.kind, "state": self.state,
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
        }  # fmt: skip
        return urlencode({name: value for name, value in given.items() if value})


def asked_in(given: Mapping[str, str]) -> Asked:
    """What an address asks for."""
    kind, state = given.get("kind", ""), given.get("state", "")
    return Asked(
        words=given.get("q", "").strip()[:100],
        kind=kind if kind in Letter.Kind.values else "",
        state=state if state in Letter.State.values else "",
        since=day_in(given.get("since", "")),
        until=day_in(given.get("until", "")),
    )


@dataclass(frozen=True)
class Found:
    """What the words found: keys of letters, and what bears the number. None: no words were asked for."""

    keys: str
    numbered: Q


def look_for(words: str) -> Found | None:
    """The letters with these words, however they are spelt, with this number, or of the person so named.

    Words may name a person and say what the letter is about at once: «المضخات سعيد». Only what the reader
    sees is found, and of persons only those of whom they see that they got it.
    """
    if not words:
        return None
    said = arabic.words_of(words)[:MOST_WORDS]
    numbered = Q(pk=None)
    if number := _NUMBER.fullmatch(arabic.fold(words).strip()):
        first, second = number.groups()
        numbered = Q(number=int(first)) if second is None else _of_year(int(first), int(second))
    if not said:
        return Found(array_of([]), numbered)
    whole = arabic.query_of(" ".join(said))
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT ARRAY(
                SELECT EXISTS (SELECT FROM people_member m WHERE m.words @@ asked::tsquery)
                FROM unnest(%s::text[]) WITH ORDINALITY AS each (asked, place) ORDER BY place
            )
            """,
            [[arabic.query_of(word) for word in said]],
        )
        is_name = dict(zip(said, cursor.fetchone()[0], strict=True))
        # A number names nobody.
        persons = [word for word in said if is_name[word] and not word.isdecimal()]
        named = arabic.query_of(" ".join(persons))
        rest = arabic.query_of(" ".join(word for word in said if word not in persons))
        cursor.execute(
            """
            SELECT letters_found(%(whole)s, NULL, %(most)s)
            UNION
            SELECT letters_found(%(rest)s, named.keys, %(most)s) FROM (
                SELECT ARRAY(
                    SELECT id FROM people_member WHERE words @@ %(named)s::tsquery LIMIT %(few)s
                ) AS keys
            ) AS named
            WHERE cardinality(named.keys) > 0
            """
            if named
            else "SELECT letters_found(%(whole)s, NULL, %(most)s)",
            {
                "whole": whole, "rest": rest, "named": named,
                "most": MOST_FOUND, "few": MOST_NAMED,
            },
        )  # fmt: skip
        return Found(array_of(key for (key,) in cursor.fetchall()), numbered)


def _of_year(first: int, second: int) -> Q:
    return Q(year=first, number=second) | Q(year=second, number=first)


def narrowed(rows: QuerySet[Letter], asked: Asked, found: Found | None) -> QuerySet[Letter]:
    """Those of these letters that are so; `found` is what `look_for` found of the words."""
    if found is not None:
        rows = rows.filter(Q(pk__any_of=found.keys) | found.numbered)
    if asked.kind:
        rows = rows.filter(kind=asked.kind)
    if asked.state:
        rows = rows.filter(state=asked.state)
    # What has left counts by when it left, what has not by when it was last written.
    if asked.since:
        begin = midnight(asked.since)
        rows = rows.filter(Q(sent_at__gte=begin) | Q(sent_at=None, changed_at__gte=begin))
    if asked.until:
        end = midnight(asked.until + timedelta(days=1))
        rows = rows.filter(Q(sent_at__lt=end) | Q(sent_at=None, changed_at__lt=end))
    return rows
