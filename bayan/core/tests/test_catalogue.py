"""An authority's own words in the place of Bayan's: per language, per form, undone, in every process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext, ngettext, override, pgettext

from bayan.core import automatic, catalogue
from bayan.core.automatic import Words
from bayan.core.models import Wording

WHERE, COUNT, DONE = "cases-where-towns", "work-count", "work-done"


@pytest.fixture(autouse=True)
def bayans_own_words() -> Iterator[None]:
    yield
    catalogue.put([])


def words_of(key: str) -> Words:
    found = automatic.words(key)
    assert found is not None
    return found


def said(key: str, language: str) -> str:
    words = words_of(key)
    with override(language):
        return pgettext(words.context, words.msgid) if words.context else gettext(words.msgid)


def tasks(language: str, *counts: int) -> list[str]:
    words = words_of(COUNT)
    with override(language):
        return [ngettext(words.msgid, words.plural, n) % {"count": n} for n in counts]


def test_own_words_hold_in_their_language_alone_and_go_as_they_came() -> None:
    before = said(WHERE, "ar"), said(WHERE, "en"), said(DONE, "en")

    catalogue.put([(WHERE, "ar", ["في أي مدينة؟"]), (DONE, "en", ["Finished"])])

    assert said(WHERE, "ar") == "في أي مدينة؟"
    assert said(WHERE, "en") == before[1]
    # Its context tells it from the same word elsewhere.
    assert said(DONE, "en") == "Finished"
    with override("en"):
        assert gettext("Done") == "Done"
    assert catalogue.original(words_of(WHERE), "ar") == (before[0],)

    catalogue.put([])
    assert (said(WHERE, "ar"), said(WHERE, "en"), said(DONE, "en")) == before


def test_a_text_that_counts_takes_the_form_of_its_number() -> None:
    arabic = ["لا شيء", "مهمة", "مهمتان", "%(count)d مهام", "%(count)d مهمة", "%(count)d مهمة لكم"]
    catalogue.put([(COUNT, "ar", arabic), (COUNT, "en", ["one thing", "%(count)d things"])])

    assert tasks("ar", 0, 1, 2, 3, 11, 100) == [
        "لا شيء", "مهمة", "مهمتان", "3 مهام", "11 مهمة", "100 مهمة لكم",
    ]  # fmt: skip
    assert tasks("en", 1, 7) == ["one thing", "7 things"]


@pytest.mark.parametrize(
    ("key", "language", "forms"),
    [
        ("cases-where-named", "ar", ["في أي مدينة؟"]),
        ("cases-where-named", "ar", ["%(name)s %(town)s؟"]),
        ("cases-where-named", "ar", ["%(name)s بنسبة 100%"]),
        ("cases-where-named", "ar", ["%(name)d"]),
        (COUNT, "ar", ["%(count)d"] * 5),
        ("cases-where-named", "ar", []),
        ("no-such-text", "ar", ["كلام"]),
    ],
)
def test_what_could_not_be_filled_in_never_takes_a_place(
    key: str, language: str, forms: list[str]
) -> None:
    before = said("cases-where-named", "ar"), tasks("ar", 5)

    catalogue.put([(key, language, forms)])

    assert (said("cases-where-named", "ar"), tasks("ar", 5)) == before


def test_whoever_reads_while_words_change_reads_the_old_or_the_new() -> None:
    old, new = said(WHERE, "ar"), "في أي مدينة؟"
    stop, seen = threading.Event(), set()

    def read() -> None:
        while not stop.is_set():
            seen.add(said(WHERE, "ar"))

    readers = [threading.Thread(target=read) for _number in range(4)]
    for reader in readers:
        reader.start()
    for _round in range(300):
        catalogue.put([(WHERE, "ar", [new])])
        catalogue.put([])
    stop.set()
    for reader in readers:
        reader.join()

    assert seen <= {old, new}


def test_a_process_that_runs_takes_up_what_another_one_changed(committed_db: None) -> None:
    before = said(WHERE, "ar")
    stop = threading.Event()
    follower = catalogue.follow(stop)

    def hears(text: str) -> bool:
        until = time.monotonic() + 10
        while said(WHERE, "ar") != text and time.monotonic() < until:
            threading.Event().wait(0.02)
        return said(WHERE, "ar") == text

    Wording.objects.create(
        key=WHERE, language="ar", forms=["في أي مدينة؟"], changed_at=timezone.now()
    )
    catalogue.announce()
    assert hears("في أي مدينة؟")

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE query LIKE '%core_wording%' AND pid <> pg_backend_pid() AND datname = current_database()"
        )
    Wording.objects.all().delete()
    catalogue.announce()
    assert hears(before)
    stop.set()
    follower.join(5)
