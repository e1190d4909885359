"""An authority's own words in the place of Bayan's: laid over Django's catalogues, in every process.

gettext looks through the catalogues of a language in turn. One of ours stands before the others and holds
nothing but what the authority has worded itself. It is replaced as a whole by one assignment, so that a
thread that reads meanwhile sees the old one or the new one; without it the original is there again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import psycopg
import structlog
from django.db import connection
from django.utils.translation import trans_real

from bayan.core import automatic
from bayan.core.automatic import Words
from bayan.core.live import heard, listening_parameters
from bayan.core.models import Wording

CHANNEL = "bayan_wording"
# A word from the database can be lost: it is asked now and then all the same.
LOOK_EVERY = 60.0
HEED_STOP_EVERY = 1.0
TRY_AGAIN_AFTER = 1.0
# gettext's own sign between a context and its text.
_SEPARATOR = "\x04"

log = structlog.get_logger(__name__)

type Wordings = Iterable[tuple[str, str, Sequence[str]]]


class _Own(dict[Any, str]):
    """The catalogue of one language that holds an authority's own words."""


def _arabic(n: int) -> int:
    """Which of the six forms a number takes."""
    if n in {0, 1, 2}:
        return n
    return 3 if 3 <= n % 100 <= 10 else 4 if n % 100 >= 11 else 5


_PLURALS: dict[str, Callable[[int], int]] = {"ar": _arabic, "en": lambda n: int(n != 1)}
_put = threading.Lock()


def original(words: Words, language: str) -> tuple[str, ...]:
    """What Bayan itself says there: one text, or all forms of one that counts."""
    catalogues = _shipped(language)
    key = _key(words)
    if not words.plural:
        return (next((each[key] for each in catalogues if key in each), words.msgid),)
    shipped = (words.msgid, words.plural)
    return tuple(
        next(
            (each[key, form] for each in catalogues if (key, form) in each),
            shipped[min(form, 1)],
        )
        for form in range(words.count_of_forms(language))
    )


def put(wordings: Wordings) -> None:
    """Let these (key, language, forms), and no others, take the place of Bayan's own words.

    What does not fit its text any more, since an update changed what is filled in there, is left out.
    """
    own: dict[str, _Own] = {language: _Own() for language in _PLURALS}
    for key, language, forms in wordings:
        words = automatic.words(key)
        if words is None or language not in own:
            continue
        if not words.fits(forms, language):
            log.warning("wording.does_not_fit", key=key, language=language)
            continue
        if words.plural:
            own[language] |= {(_key(words), form): text for form, text in enumerate(forms)}
        else:
            own[language][_key(words)] = forms[0]
    with _put:
        for language, catalogue in own.items():
            _lay_over(language, catalogue)


def take_up() -> None:
    """Read the authority's words over this thread's connection, and let them hold in this process."""
    put(Wording.objects.values_list("key", "language", "forms"))


def announce() -> None:
    """Let all processes take up what has changed, once this transaction is committed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])


def follow(stop: threading.Event | None = None) -> threading.Thread:
    """Take up what is there and whatever changes, in a thread of its own, until `stop` is set."""
    stopped = stop or threading.Event()
    thread = threading.Thread(target=_follow, args=(stopped,), name="wordings", daemon=True)
    thread.start()
    return thread


# As `core.models.Wording` keeps them.
_ALL = "SELECT key, language, forms FROM core_wording"


def _follow(stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            with psycopg.connect(**listening_parameters(), autocommit=True) as listener:
                listener.execute(f"LISTEN {CHANNEL}")
                while not stop.is_set():
                    put(listener.execute(_ALL).fetchall())
                    until = time.monotonic() + LOOK_EVERY
                    while not stop.is_set() and time.monotonic() < until:
                        # Several changes at once are read once.
                        if heard(listener, seconds=HEED_STOP_EVERY):
                            break
        except psycopg.Error as error:
            log.warning("wording.listener_lost", error=type(error).__name__)
        except Exception:
            # A message in Bayan's own words is better than none: whatever this is, nothing else stops.
            log.exception("wording.failed")
        stop.wait(TRY_AGAIN_AFTER)


def _key(words: Words) -> str:
    return f"{words.context}{_SEPARATOR}{words.msgid}" if words.context else words.msgid


def _catalogue(language: str) -> Any:
    """Django's `TranslationCatalog` of a language: `_catalogs`, each with its rule in `_plurals`."""
    return vars(trans_real.translation(language))["_catalog"]


def _shipped(language: str) -> list[dict[Any, str]]:
    """Its catalogues without ours."""
    every: list[dict[Any, str]] = vars(_catalogue(language))["_catalogs"]
    return [each for each in every if not isinstance(each, _Own)]


def _lay_over(language: str, own: _Own) -> None:
    catalogue, others = vars(_catalogue(language)), _shipped(language)
    if len(others) == len(catalogue["_catalogs"]):
        # Each catalogue has the rule by which it counts beside it; for a moment one too many is harmless.
        catalogue["_plurals"] = [_PLURALS[language], *catalogue["_plurals"]]
    catalogue["_catalogs"] = [own, *others]
