"""The labelled sets are what their README says."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from bayan.triage import taxonomy
from bayan.triage.text import plain

SETS = Path(taxonomy.__file__).parent / "sets"
AUTHORITIES = Path(taxonomy.__file__).parents[2] / "authorities"
# Frozen before anything was trained.
TEST_SHA256 = "345a8670a662c98309d3d7fcc486a8f9291a5be3eaf9f0a08534ae31a1e8d6eb"


def rows_of(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SETS / name).read_text(encoding="utf-8").splitlines()]


def pieces_of(text: str) -> set[str]:
    plain = re.sub(r"\W+", " ", text)
    return {plain[at : at + 6] for at in range(len(plain) - 5)}


def bodies() -> set[str]:
    tree = tomllib.loads(
        (AUTHORITIES / "eastern" / "organisation.toml").read_text(encoding="utf-8")
    )
    municipalities = {body["key"] for body in tree["bodies"] if body["kind"] == "municipality"}
    return municipalities | {body["key"] for body in tree["outside"]}


def test_the_test_part_is_what_was_frozen() -> None:
    assert hashlib.sha256((SETS / "test.jsonl").read_bytes()).hexdigest() == TEST_SHA256


@pytest.mark.parametrize("name", ["train.jsonl", "test.jsonl"])
def test_every_message_carries_labels_of_the_taxonomy(name: str) -> None:
    known = bodies() | {"ambiguous", None}
    rows = rows_of(name)
    assert len({row["id"] for row in rows}) == len(rows)
    for row in rows:
        assert row["kind"] in taxonomy.KINDS, row
        assert row["category"] in taxonomy.CATEGORIES, row
        assert row["sentiment"] in taxonomy.SENTIMENTS, row
        assert row["urgency"] in taxonomy.URGENCIES, row
        assert set(row["info_type"]) <= set(taxonomy.INFO_TYPES), row
        assert row["lang"] in taxonomy.LANGUAGES, row
        assert row["municipality"] in known, row
        assert all(place in row["text"] for place in row["places"]), row
        assert bool(row["places"]) or row["municipality"] is None, row
        assert row["text"].strip(), row


def test_each_label_is_there_often_enough_to_be_learnt_and_tried() -> None:
    train, test = rows_of("train.jsonl"), rows_of("test.jsonl")
    assert len(train) + len(test) >= 3_000
    assert len(test) >= 500
    for head, least in (("kind", 25), ("category", 20), ("sentiment", 50), ("urgency", 60)):
        assert min(Counter(row[head] for row in test).values()) >= least, head
        assert min(Counter(row[head] for row in train).values()) >= 3 * least, head
    assert {row["municipality"] for row in test} >= bodies() - {
        "national-water", "saudi-electricity", "roads-authority", "traffic-police", "civil-defence",
        "red-crescent",
    }  # fmt: skip


def test_nothing_resembles_what_it_is_tried_on() -> None:
    """No message shares more than half of its pieces with one of the test part, and none is there twice."""
    held: dict[str, set[str]] = {}
    holders: dict[str, list[str]] = defaultdict(list)
    for row in rows_of("test.jsonl"):
        held[row["id"]] = pieces = pieces_of(row["text"])
        # Of a greeting there are not many spellings.
        for piece in pieces if len(pieces) > 5 else ():
            holders[piece].append(row["id"])
    learned = rows_of("train.jsonl")
    assert len({row["text"] for row in learned}) == len(learned)
    for row in learned:
        pieces = pieces_of(row["text"])
        shared = Counter(key for piece in pieces & holders.keys() for key in holders[piece])
        for key, number in shared.most_common(3):
            alike = number / len(pieces | held[key])
            assert alike <= 0.5 or len(pieces) <= 5, (row["id"], key)


@pytest.mark.parametrize("name", ["matters.jsonl", "matters-train.jsonl"])
def test_matters_are_told_by_several_and_missed_by_near_ones(name: str) -> None:
    rows = rows_of(name)
    groups = Counter(row["group"] for row in rows if row["group"])
    near = [row for row in rows if row["near"]]
    assert len(groups) >= 40
    assert min(groups.values()) >= 3
    assert len(near) >= 60
    assert all(row["group"] is None and row["like"] in groups for row in near)
    assert all(row["category"] in taxonomy.CATEGORIES for row in rows)
    assert [row["created_at"] for row in rows] == sorted(row["created_at"] for row in rows)


def test_matters_to_learn_from_are_others_than_those_that_are_tried() -> None:
    learned, tried = rows_of("matters-train.jsonl"), rows_of("matters.jsonl")
    assert not {plain(row["text"]).text for row in learned} & {
        text for row in tried if len(text := plain(row["text"]).text) > 30
    }


def test_real_rows_are_named_not_copied() -> None:
    rows = rows_of("real.jsonl")
    assert len(rows) == 300
    assert all(set(row) == {"set", "row", "first", "second"} for row in rows)
    for row in rows:
        for labels in (row["first"], row["second"]):
            assert labels["kind"] in taxonomy.KINDS
            assert labels["category"] in taxonomy.CATEGORIES


def test_what_is_learned_of_real_rows_is_not_what_they_try() -> None:
    learned, tried = rows_of("real-train.jsonl"), rows_of("real.jsonl")
    assert len(learned) >= 1_500
    for row in learned:
        assert row["first"]["kind"] in taxonomy.KINDS
        assert row["first"]["category"] in taxonomy.CATEGORIES
        assert set(row["first"]["info_type"]) <= set(taxonomy.INFO_TYPES)
    names = {(row["set"], row["row"]) for row in learned}
    assert len(names) == len(learned)
    assert not names & {(row["set"], row["row"]) for row in tried}
