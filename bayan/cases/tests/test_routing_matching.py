"""Which rule fits: each condition, the first one in order; and sentences that are read into rules."""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from bayan.cases import services
from bayan.cases.models import Case, RoutingRule
from bayan.cases.routing.matching import Facts, Rule, Rules, Said, Text, phrase_of
from bayan.cases.tests.factories import MONDAY, make_rule
from bayan.core.calendar import WorkingCalendar
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member

AUTHORITY = Path(__file__).parents[3] / "authorities" / "eastern"
CALENDAR = WorkingCalendar.read(AUTHORITY / "calendar.toml")
BODIES = {"": None, "khobar": 2, "qatif": 3, "national-water": None}
WORDS = ["حفرة", "هبوط", "خط الصرف", "كلاب", "الإنارة"]
TEXTS = ["في حفرة عند البيت", "هبوط بخط الصرف", "كلب", "وبالإنارة عطل", "", "الخط و الصرف"]


def facts_of(**changes: Any) -> Facts:
    known: dict[str, Any] = {
        "at": MONDAY, "node_id": 1, "is_at_desk": True, "calendar": CALENDAR,
        "open_cases": lambda node_id: node_id, "sure": {},
    }  # fmt: skip
    return Facts(**known | changes)


def rule_of(**changes: Any) -> Rule:
    return Rule.of(RoutingRule(**{"name": "قاعدة", **changes}))


@pytest.mark.parametrize(
    ("asked", "text", "said"),
    [
        ("حفرة", "فيه حُفْره كبيرة", "حُفْره"),
        ("حفرة", "والحفرة خطيرة", "والحفرة"),
        ("الحفرة", "حفرة خطيرة", "حفرة"),
        ("حفرة", "حفريات الشارع", None),
        ("خط الصرف", "انفجر خط الصرف الصحي", "خط الصرف"),
        ("خط الصرف", "خط ماء الصرف", None),
        ("كلب", "لب وفصفص", None),
        ("ماء", "انقطع الماء عنا", "الماء"),
        ("ماء", "ما عندنا شيء", None),
        ("الى", "وصلت الى البيت", "الى"),
        ("pothole", "A POTHOLE here", "POTHOLE"),
        ("إنارة", "عطل بالانارة", "بالانارة"),
    ],
)
def test_whole_words_are_found_however_they_are_written(
    asked: str, text: str, said: str | None
) -> None:
    assert Said([Text.of(text)]).find(phrase_of(asked)) == said


def test_no_phrase_reaches_from_one_message_into_the_next() -> None:
    said = Said([Text.of("انفجر خط"), Text.of("الصرف عندنا")])

    assert said.find(phrase_of("خط الصرف")) is None
    assert said.find(phrase_of("الصرف")) == "الصرف"


@pytest.mark.parametrize(
    ("at", "fits"),
    [("21:59", False), ("22:00", True), ("02:00", True), ("05:59", True), ("06:00", False)],
)
def test_hours_may_reach_over_midnight(at: str, fits: bool) -> None:
    rule = rule_of(hours="between", from_time=time(22), until_time=time(6))
    hour, minute = map(int, at.split(":"))

    # The clock of the authority, three hours ahead of UTC.
    moment = datetime(2026, 11, 23, (hour - 3) % 24, minute, tzinfo=UTC)

    assert rule.fits(facts_of(at=moment)) == fits


def test_what_a_municipality_has_is_led_nowhere_else() -> None:
    theirs = facts_of(node_id=2, is_at_desk=False, pointed_id=2, body="khobar")

    assert rule_of(to="pointed").target(theirs) == 2
    assert rule_of(to="stays").target(theirs) == 2
    assert rule_of(to="body", node_id=2).target(theirs) == 2
    assert rule_of(to="body", node_id=3).target(theirs) is None


def some(values: list[Any]) -> st.SearchStrategy[list[Any]]:
    return st.one_of(st.just([]), st.lists(st.sampled_from(values), max_size=2, unique=True))


RULES = st.builds(
    rule_of,
    kinds=some(["complaint", "praise"]),
    categories=some(["roads", "pests"]),
    priorities=some(["high", "normal"]),
    bodies=some(["khobar", "qatif"]),
    places=some(["khobar", "aziziyah"]),
    accounts=some(["demo"]),
    words=some(WORDS),
    hours=st.sampled_from(["", "working", "outside"]),
    weekdays=some([0, 4]),
    open_cases=st.sampled_from([None, 2, 3]),
    to=st.sampled_from(["stays", "pointed"]),
)
CASES = st.builds(
    lambda body, **more: facts_of(body=body, pointed_id=BODIES[body], **more),
    body=st.sampled_from(list(BODIES)),
    at=st.sampled_from([MONDAY, MONDAY.replace(hour=20), datetime(2026, 11, 27, 8, tzinfo=UTC)]),
    kind=st.sampled_from(["", "complaint", "praise"]),
    category=st.sampled_from(["", "roads", "pests"]),
    priority=st.sampled_from(["high", "normal", "low"]),
    places=st.sampled_from([frozenset(), frozenset({"aziziyah", "khobar"})]),
    account=st.sampled_from(["demo", "other"]),
    texts=st.lists(st.sampled_from(TEXTS).map(Text.of), max_size=2).map(tuple),
)


@given(st.lists(RULES, max_size=70), CASES)
def test_the_first_of_all_rules_that_fit_decides(rules: list[Rule], facts: Facts) -> None:
    fitting = [rule for rule in rules if rule.fits(facts)]

    assert Rules(rules).first(facts) is (fitting[0] if fitting else None)


@given(RULES, CASES)
def test_what_decided_can_be_told(rule: Rule, facts: Facts) -> None:
    if not rule.fits(facts):
        return
    found = rule.found(facts)

    assert ("category" in found) == bool(rule.categories)
    assert bool(found.get("words")) == bool(rule.words)


def test_moving_rules_keeps_each_of_them_once(desk: Node) -> None:
    member = make_member(Role.Kind.ADMINISTRATOR, desk)
    rules = [make_rule(name=str(number)) for number in range(5)]

    def order() -> list[str]:
        rows = RoutingRule.objects.order_by("position")
        assert sorted(row.name for row in rows) == ["0", "1", "2", "3", "4"]
        assert len({row.position for row in rows}) == 5
        return [row.name for row in rows]

    def move(number: int, before: int | None) -> None:
        services.move_rule(
            rules[number].public_id,
            before=None if before is None else rules[before].public_id,
            by=member,
            now=MONDAY,
        )

    move(4, 0)
    assert order() == ["4", "0", "1", "2", "3"]
    move(4, None)
    assert order() == ["0", "1", "2", "3", "4"]
    move(1, 1)
    assert order() == ["0", "1", "2", "3", "4"]
    move(3, 1)
    assert order() == ["0", "3", "1", "2", "4"]


@pytest.fixture
def sara(khobar_responder: Member) -> Member:
    khobar_responder.name_ar = "سارة القحطاني"
    khobar_responder.save()
    return khobar_responder


@pytest.mark.parametrize(
    ("sentence", "values", "missed"),
    [
        (
            "إذا ذكر الناس حفرة أو هبوط في الدمام فحوّلها إلى إدارة الطرق وأعطها للأقل عملًا",
            {"words": "حفرة، هبوط", "places": "الدمام", "give": "least"},
            ["إدارة الطرق"],
        ),
        (
            "الشكاوى عن النظافة في الخبر تحال إلى بلدية الخبر وتعطى سارة القحطاني",
            {"kinds": ["complaint"], "categories": ["cleanliness"], "bodies": ["khobar"],
             "to": "body:khobar", "give": "member"},
            [],
        ),
        (
            "إذا كان البلاغ طارئًا خارج الدوام فأعطه للمناوب",
            {"priorities": ["emergency"], "hours": "outside", "give": "duty"},
            [],
        ),
        (
            "إذا كان التصنيف الإنارة يوم الجمعة بين الساعة 4 مساء والساعة 10 مساء فحولها إلى بلدية القطيف",
            {"categories": ["lighting"], "weekdays": ["4"], "hours": "between",
             "from_time": time(16), "until_time": time(22), "to": "body:qatif"},
            [],
        ),
        (
            "إذا اشتكى الناس من القمامة فحولها إلى بلديتها واجعلها عاجلة",
            {"categories": ["cleanliness"], "to": "pointed", "priority": "high"},
            [],
        ),
        (
            "كلمات «خط الصرف» أو طفح، فأحلها إلى بلدية شرق الدمام",
            {"words": "خط الصرف، طفح", "to": "body:eastern-dammam"},
            [],
        ),
        (
            "If people mention pothole or sinkhole in Qatif then send it to Qatif, to the least busy",
            {"words": "pothole، sinkhole", "bodies": ["qatif"], "to": "body:qatif", "give": "least"},
            [],
        ),
        ("سبرقع لخمط", {}, ["سبرقع لخمط"]),
    ],
)  # fmt: skip
def test_a_sentence_is_read_into_the_form(
    sara: Member, sentence: str, values: dict[str, Any], missed: list[str]
) -> None:
    from bayan.cases.routing.drafting import draft_of

    if values.get("give") == "member":
        values = values | {"give": f"member:{sara.public_id}"}
    read = draft_of(sentence, members=[sara])

    assert read.values == values
    assert read.missed == missed
    assert bool(read.understood) == bool(values)


@given(st.text(alphabet="اإذكرنحفةوأي في«»،: 0123456789abc", max_size=80))
def test_no_sentence_breaks_the_reader(sentence: str) -> None:
    from bayan.cases.routing.drafting import _Reader

    reader = _Reader(sentence, [])
    reader._read_clock()
    reader._read_mentioned()

    assert all(word in sentence for word in reader._missed())


def test_kinds_and_categories_are_those_of_the_taxonomy() -> None:
    from bayan.cases.routing.drafting import _CATEGORIES, _KINDS, _PRIORITIES

    assert set(_KINDS) <= set(Case.Kind.values)
    assert set(_CATEGORIES) == set(Case.Category.values) - {"other"}
    assert set(_PRIORITIES) <= set(Case.Priority.values)
