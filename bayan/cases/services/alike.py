"""Which open cases something is like, asked of the database alone: any worker can say, at any moment.

`services.matters` remembers all open matters, in one worker at a time. Whoever waits for an answer cannot
wait for that one: it may have just begun, or ended. So a few dozen open cases that share rare words, place or
service are read again, and held against the one text in the same way.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Q

from bayan.cases.models import Case, Forward, Reading
from bayan.cases.services import understanding
from bayan.cases.services.matters import traces_of
from bayan.core import arabic
from bayan.inbox.models import Message
from bayan.triage.matters import COMMON, OPEN_FOR, Matters, trace_of

if TYPE_CHECKING:
    from bayan.triage.reading import Reading as Read

# So many of the latest cases that share a service, a place, a rare word are looked at; so many rare words.
BY_EACH, WORDS = 30, 8
# Below it a matter counts for nothing beside the likeliest one.
COUNTED = 0.1


@dataclass(frozen=True)
class Likeness:
    """The open case that something is most like, and how many reports and forwards its matters hold."""

    case: Case | None = None
    count: int = 0


def likeness_of(
    reading: Read | None, files: Collection[str], *, nodes: Sequence[int], now: datetime
) -> Likeness:
    """What a text, or files by their hashes, is like of the cases of these bodies."""
    same = _with_files(files, nodes)
    found = {case.parent_id or case.pk: 1.0 for case in same}
    if reading is not None:
        for root, share in _by_words(reading, nodes=nodes, now=now):
            found.setdefault(root, share)
    best = max(found, key=found.__getitem__, default=None)
    if best is None or found[best] < understanding.thresholds().matters.suggest:
        return Likeness()
    roots = [root for root, share in found.items() if share >= COUNTED]
    cases = Case.objects.filter(Q(pk__in=roots) | Q(parent__in=roots), node__in=nodes)
    # The head of the matter may be closed, or another body's: then the one that is open stands for it.
    matter = Case.objects.open().filter(Q(pk=best) | Q(parent=best), node__in=nodes)
    case = matter.select_related("node").order_by("parent", "-opened_at").last()
    forwards = Forward.objects.filter(case__in=cases, state=Forward.State.JOINED)
    return Likeness(case, cases.count() + forwards.count()) if case else Likeness()


def _with_files(files: Collection[str], nodes: Sequence[int]) -> list[Case]:
    """Open cases to which somebody sent one of these very files."""
    if not files:
        return []
    messages = Message.objects.filter(
        Q(media__expected_sha256__in=files) | Q(media__sha256__in=files)
    ).exclude(matter="")
    matters = set(messages.values_list("matter", flat=True)[:BY_EACH])
    return list(Case.objects.open().filter(reference__in=matters, node__in=nodes))


def _by_words(reading: Read, *, nodes: Sequence[int], now: datetime) -> list[tuple[int, float]]:
    recent = Case.objects.open().filter(node__in=nodes, opened_at__gt=now - OPEN_FOR)
    places = Q(pk__in=[])
    for place in reading.places:
        places |= Q(place__contains=place.text)
    keys: set[int] = set()
    for rows in (recent.filter(category=reading.category), recent.filter(places)):
        keys.update(rows.order_by("-opened_at").values_list("pk", flat=True)[:BY_EACH])
    matters = _matters_with(_rare_words_of(reading), nodes, since=now - OPEN_FOR)
    keys.update(recent.filter(reference__in=matters).values_list("pk", flat=True))
    known = Matters()
    for case, trace in traces_of(Reading.objects.filter(case__in=keys)):
        known.put(trace, str(case.parent_id or case.pk))
    return [(int(key), share) for key, share in known.alike(trace_of(reading, id="", at=now))]


def _rare_words_of(reading: Read) -> list[str]:
    vocabulary = reading.model.vocabulary
    rarity = {word: vocabulary.stem_and_rarity(word)[1] for word in reading.read_words}
    rare = sorted((word for word in rarity if rarity[word] >= COMMON), key=lambda w: -rarity[w])
    return [word for word in rare if len(word) > 2][:WORDS]


def _matters_with(words: Sequence[str], nodes: Sequence[int], *, since: datetime) -> list[str]:
    """The latest matters in whose messages one of these words occurs."""
    query = " | ".join(found for word in words if (found := arabic.query_of(word)))
    if not query:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT matter FROM (SELECT matter FROM inbox_message "
            "WHERE words @@ %s::tsquery AND text <> '' AND matter <> '' "
            "AND node_id = ANY (%s) AND received_at > %s ORDER BY id + 0 DESC LIMIT %s) AS latest",
            [query, list(nodes), since, BY_EACH],
        )
        return [row[0] for row in cursor.fetchall()]
