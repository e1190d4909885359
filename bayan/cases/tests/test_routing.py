"""Rules of routing at work: which one decides of a case, where that goes, and who gets it."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bayan.cases import services
from bayan.cases.models import Case, RoutingDecision, RoutingRule
from bayan.cases.tests.factories import CONFIRMED, MONDAY, make_case, make_rule
from bayan.channels.models import Account
from bayan.channels.tests.factories import incoming, make_account
from bayan.core import undo
from bayan.core.models import AuditEntry
from bayan.inbox.models import Conversation, Message
from bayan.organisation.models import Node
from bayan.people.models import Deputyship, Member, Role, Turn
from bayan.people.tests.factories import make_member

NIGHT = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
DIRTY_IN_KHOBAR = "حاوية النظافة في الخبر فايضة من أسبوع والزبالة في الشارع"
FIRE = "حريق في محول الكهرباء والناس محاصرين في العمارة الحقونا"


def decision_of(case: Case) -> RoutingDecision:
    return RoutingDecision.objects.get(case=case)


def test_without_rules_a_case_stands_at_the_desk_and_only_points(desk: Node) -> None:
    case = make_case(DIRTY_IN_KHOBAR)

    assert (case.node, case.points_to, case.owner) == (desk, "khobar", None)
    assert not RoutingDecision.objects.exists()


def test_a_case_goes_to_the_municipality_that_its_place_points_to(khobar: Node) -> None:
    make_rule(name="إلى بلديته", to="pointed")

    case = make_case(DIRTY_IN_KHOBAR)

    assert case.node == khobar
    assert case.conversation.node == khobar
    assert case.conversation.matter == case.reference
    message = Message.objects.get(matter=case.reference)
    assert (message.node, message.conversation) == (khobar, case.conversation)
    routed = decision_of(case)
    assert (routed.name, routed.body, routed.is_moved) == ("إلى بلديته", "khobar", True)
    assert routed.found["pointed"] == ["khobar", "words"]
    trail = AuditEntry.objects.filter(subject_key=case.reference).order_by("pk")
    assert [line.action for line in trail] == ["case.opened", "case.routed"]
    assert trail[1].details == {"rule": "إلى بلديته", "from": "eastern", "to": "khobar"}


def test_where_no_rule_fits_it_is_the_desks_as_ever(desk: Node) -> None:
    make_rule(words=["انترنت"], to="pointed")

    assert make_case(DIRTY_IN_KHOBAR).node == desk


def test_what_nobody_knows_the_place_of_stays_at_the_desk(desk: Node) -> None:
    make_rule(to="pointed")

    assert make_case("حفرة كبيرة وسط الشارع كسرت كفر سيارتي").node == desk


def test_where_somebody_wrote_from_before_is_too_little_to_move_their_case(desk: Node) -> None:
    khafji = Node.objects.get(key="khafji")
    first = make_case("انقطاع الموية في الخفجي", node=khafji)
    clerk = make_member(Role.Kind.RESPONDER, khafji)
    services.close_case(
        first.public_id, outcome="resolved", basis=CONFIRMED, words="", by=clerk, now=MONDAY
    )
    names = dict(first.contact.identities.values_list("scheme", "value"))
    make_rule(to="pointed")

    later = make_case(
        "طفح مجاري في حي النزهة والريحة طلعت", now=MONDAY + timedelta(days=9),
        whatsapp_id=names["whatsapp"], phone=names["phone"],
    )  # fmt: skip

    assert (later.points_to, later.points_by) == ("khafji", Case.PointedBy.EARLIER)
    assert later.node == desk


def test_the_first_rule_that_fits_decides(khobar: Node, qatif: Node) -> None:
    make_rule(name="لا تنطبق", categories=["events"], to="body", node=qatif)
    make_rule(name="الأولى", categories=["cleanliness"], to="body", node=khobar)
    make_rule(name="الثانية", to="body", node=qatif)

    assert decision_of(make_case(DIRTY_IN_KHOBAR)).name == "الأولى"


def test_a_rule_that_is_off_decides_nothing(desk: Node) -> None:
    make_rule(to="pointed", is_on=False)

    assert make_case(DIRTY_IN_KHOBAR).node == desk


def test_of_several_responders_whoever_has_the_fewest_open_cases_gets_it(khobar: Node) -> None:
    busy, free = (make_member(Role.Kind.RESPONDER, khobar) for _ in range(2))
    for _ in range(2):
        taken = make_case(node=khobar)
        services.give_to(Case.objects.filter(pk=taken.pk), to=busy, by=busy, now=MONDAY)
    make_rule(to="pointed", give="least")

    case = make_case(DIRTY_IN_KHOBAR)

    assert case.owner == free
    assert decision_of(case).loads == [0, 2]


def test_in_one_batch_cases_are_shared_out(khobar: Node) -> None:
    colleagues = [make_member(Role.Kind.RESPONDER, khobar) for _ in range(3)]
    make_rule(to="pointed", give="least")

    services.take_in([incoming(DIRTY_IN_KHOBAR) for _ in range(9)], now=MONDAY)

    for member in colleagues:
        assert Case.objects.filter(owner=member, node=khobar).count() == 3


def test_of_two_with_the_same_number_it_goes_to_who_got_one_longer_ago(khobar: Node) -> None:
    first, second = (make_member(Role.Kind.RESPONDER, khobar) for _ in range(2))
    make_rule(to="pointed", give="least")
    assert make_case(DIRTY_IN_KHOBAR).owner == first
    case = make_case(DIRTY_IN_KHOBAR, now=MONDAY + timedelta(minutes=1))
    assert case.owner == second
    Case.objects.all().update(owner=None)

    assert make_case(DIRTY_IN_KHOBAR, now=MONDAY + timedelta(minutes=2)).owner == first


def test_whoever_is_away_gets_nothing(khobar: Node) -> None:
    away, here = (make_member(Role.Kind.RESPONDER, khobar) for _ in range(2))
    Deputyship.objects.create(
        member=away, deputy=here, starts_at=MONDAY, ends_at=MONDAY + timedelta(days=3)
    )
    make_rule(to="pointed", give="least")

    assert make_case(DIRTY_IN_KHOBAR).owner == here


def test_where_a_body_has_no_responder_its_case_is_nobodys(khobar: Node) -> None:
    make_rule(to="pointed", give="least")

    case = make_case(DIRTY_IN_KHOBAR)

    assert (case.node, case.owner) == (khobar, None)


def test_out_of_hours_an_emergency_goes_to_whoever_is_on_duty(desk: Node) -> None:
    officer = make_member(Role.Kind.RESPONDER, desk)
    Turn.objects.create(
        node=desk, member=officer, starts_at=NIGHT - timedelta(hours=4), ends_at=NIGHT + timedelta(hours=4)
    )  # fmt: skip
    make_rule(priorities=["emergency", "high"], hours="outside", give="duty")

    assert make_case(FIRE, now=NIGHT).owner == officer
    assert make_case(FIRE, now=MONDAY).owner is None
    assert make_case("شكرًا لكم على الحديقة الجميلة", now=NIGHT).owner is None


def test_a_named_member_gets_it_as_long_as_they_answer_there(khobar: Node, qatif: Node) -> None:
    theirs, other = (make_member(Role.Kind.RESPONDER, node) for node in (khobar, qatif))
    rule = make_rule(to="pointed", give="member", member=theirs)
    assert make_case(DIRTY_IN_KHOBAR).owner == theirs

    rule.member = other
    services.save_rule(rule, by=other, now=MONDAY)

    assert make_case(DIRTY_IN_KHOBAR).owner is None


def test_a_priority_is_only_raised_and_its_time_follows(db: None) -> None:
    make_rule(words=["الزبالة"], priority="high")
    make_rule(words=["حريق"], priority="low")

    raised, kept = make_case(DIRTY_IN_KHOBAR), make_case(FIRE)

    assert raised.priority == "high"
    assert raised.due_at < make_case("حاوية نظافة مكسورة").due_at
    assert decision_of(raised).priority == "high"
    assert kept.priority == "emergency"
    assert decision_of(kept).priority == ""


def test_a_rule_may_give_another_category(db: None) -> None:
    make_rule(words=["صراصير"], category="pests")

    assert make_case("صراصير تطلع من غرفة التفتيش").category == "pests"


def test_channel_hours_weekday_and_workload_are_conditions_too(khobar: Node) -> None:
    account = Account.objects.get(pk=make_account().pk)
    make_case(node=khobar)
    facts: list[tuple[dict[str, Any], bool]] = [
        ({"accounts": [account.key]}, True),
        ({"accounts": ["other"]}, False),
        ({"hours": "working"}, True),
        ({"hours": "outside"}, False),
        ({"hours": "between", "from_time": time(9), "until_time": time(11)}, True),
        ({"hours": "between", "from_time": time(22), "until_time": time(6)}, False),
        ({"weekdays": [0]}, True),
        ({"weekdays": [4, 5]}, False),
        ({"to": "pointed", "open_cases": 1}, True),
        ({"to": "pointed", "open_cases": 50}, False),
        ({"bodies": ["khobar"]}, True),
        ({"bodies": ["qatif"]}, False),
        ({"places": ["khobar"]}, True),
        ({"kinds": ["praise"]}, False),
    ]
    for conditions, fits in facts:
        RoutingRule.objects.all().delete()
        make_rule(**conditions)
        case = make_case(DIRTY_IN_KHOBAR)
        assert RoutingDecision.objects.filter(case=case).exists() == fits, conditions


def test_the_person_s_earlier_conversation_with_the_body_goes_on(khobar: Node) -> None:
    first = make_case(DIRTY_IN_KHOBAR, node=khobar)
    clerk = make_member(Role.Kind.RESPONDER, khobar)
    services.close_case(
        first.public_id, outcome="resolved", basis=CONFIRMED, words="", by=clerk, now=MONDAY
    )
    names = dict(first.contact.identities.values_list("scheme", "value"))
    make_rule(to="pointed")
    later = MONDAY + timedelta(days=9)

    again = make_case(
        DIRTY_IN_KHOBAR, now=later, whatsapp_id=names["whatsapp"], phone=names["phone"]
    )

    assert again.conversation_id == first.conversation_id
    assert again.conversation.matter == again.reference
    assert Conversation.objects.filter(contact=first.contact).count() == 1
    assert Message.objects.filter(conversation=first.conversation, direction="in").count() == 2


def test_what_a_municipality_has_already_no_rule_takes_from_it(khobar: Node, qatif: Node) -> None:
    first = make_case(DIRTY_IN_KHOBAR, node=khobar)
    clerk = make_member(Role.Kind.RESPONDER, khobar)
    services.close_case(
        first.public_id, outcome="resolved", basis=CONFIRMED, words="", by=clerk, now=MONDAY
    )
    names = dict(first.contact.identities.values_list("scheme", "value"))
    make_rule(name="تؤخذ", to="body", node=qatif)
    make_rule(name="تبقى", to="pointed", give="least")

    again = make_case(
        "عمود إنارة مطفي", now=MONDAY + timedelta(hours=1),
        whatsapp_id=names["whatsapp"], phone=names["phone"],
    )  # fmt: skip

    assert (again.node, again.owner) == (khobar, clerk)
    assert decision_of(again).name == "تبقى"


def test_when_the_place_becomes_known_later_the_rules_are_tried_again(khobar: Node) -> None:
    make_rule(to="pointed")
    case = make_case("حفرة كبيرة وسط الشارع كسرت كفر سيارتي")
    names = dict(case.contact.identities.values_list("scheme", "value"))
    pin = incoming(
        "", kind="location", payload={"latitude": 26.275, "longitude": 50.190},
        whatsapp_id=names["whatsapp"], phone=names["phone"], received_at=MONDAY,
    )  # fmt: skip

    services.take_in([pin], now=MONDAY)

    case = Case.objects.select_related("node", "conversation").get(pk=case.pk)
    assert (case.node, case.conversation.node) == (khobar, khobar)
    assert decision_of(case).found["pointed"] == ["khobar", "pin"]
    assert set(
        Message.objects.filter(matter=case.reference).values_list("node__key", flat=True)
    ) == {"khobar"}


def test_once_somebody_has_it_rules_leave_it_alone(desk: Node, desk_responder: Member) -> None:
    make_rule(to="pointed")
    case = make_case("حفرة كبيرة وسط الشارع كسرت كفر سيارتي")
    services.give_to(
        Case.objects.filter(pk=case.pk), to=desk_responder, by=desk_responder, now=MONDAY
    )
    names = dict(case.contact.identities.values_list("scheme", "value"))
    pin = incoming(
        "", kind="location", payload={"latitude": 26.275, "longitude": 50.190},
        whatsapp_id=names["whatsapp"], phone=names["phone"], received_at=MONDAY,
    )  # fmt: skip

    services.take_in([pin], now=MONDAY)

    case.refresh_from_db()
    assert (case.node, case.points_to) == (desk, "khobar")


def test_danger_heard_at_night_calls_whoever_is_on_duty(desk: Node) -> None:
    officer = make_member(Role.Kind.RESPONDER, desk)
    Turn.objects.create(
        node=desk, member=officer, starts_at=NIGHT - timedelta(hours=4), ends_at=NIGHT + timedelta(hours=4)
    )  # fmt: skip
    make_rule(priorities=["emergency"], hours="outside", give="duty")
    case = make_case("عمود إنارة مطفي", now=NIGHT)
    names = dict(case.contact.identities.values_list("scheme", "value"))

    services.take_in(
        [incoming(FIRE, received_at=NIGHT, whatsapp_id=names["whatsapp"], phone=names["phone"])],
        now=NIGHT,
    )

    case.refresh_from_db()
    assert (case.priority, case.owner) == ("emergency", officer)


def test_a_batch_asks_the_database_as_often_as_one_message(khobar: Node) -> None:
    for _ in range(3):
        make_member(Role.Kind.RESPONDER, khobar)
    make_rule(to="pointed", give="least", words=["الزبالة"])
    make_account()

    def asked(count: int) -> int:
        messages = [incoming(DIRTY_IN_KHOBAR) for _ in range(count)]
        with CaptureQueriesContext(connection) as queries:
            services.take_in(messages, now=MONDAY)
        return len(queries)

    asked(1)
    assert asked(60) <= asked(1) + 2


def test_a_batch_with_many_bodies_moves_its_conversations_together(
    khobar: Node, qatif: Node
) -> None:
    make_rule(to="pointed")

    def asked(places: list[str]) -> int:
        texts = [f"زبالة متراكمة في {place} عند المدرسة" for place in places]
        messages = [incoming(text) for text in texts]
        with CaptureQueriesContext(connection) as queries:
            services.take_in(messages, now=MONDAY)
        return len(queries)

    asked(["الخبر"])
    one = asked(["الخبر"])
    assert asked(["الخبر", "القطيف", "الظهران", "سيهات", "صفوى", "بقيق", "الخفجي"]) <= one + 2
    assert Case.objects.filter(node__key="safwa").exists()


# Changing them


def test_a_changed_rule_counts_from_the_next_message_on(desk: Node, khobar: Node) -> None:
    member = make_member(Role.Kind.ADMINISTRATOR, desk)
    rule = make_rule(to="pointed", words=["انترنت"])
    assert make_case(DIRTY_IN_KHOBAR).node == desk

    rule.words = []
    services.save_rule(rule, by=member, now=MONDAY)

    case = make_case(DIRTY_IN_KHOBAR)
    assert case.node == khobar
    assert decision_of(case).version == 2


def test_a_deleted_rule_comes_back_where_it_stood(desk: Node) -> None:
    member = make_member(Role.Kind.ADMINISTRATOR, desk)
    rules = [
        make_rule(name=name, hours="between", from_time=time(8), until_time=time(9), words=[name])
        for name in ("أولى", "ثانية", "ثالثة")
    ]
    step = services.delete_rule(rules[1].public_id, by=member, now=MONDAY)
    assert names() == ["أولى", "ثالثة"]

    undo.undo(step, by=member, now=MONDAY)

    assert names() == ["أولى", "ثانية", "ثالثة"]
    back = RoutingRule.objects.get(public_id=rules[1].public_id)
    assert (back.words, back.from_time) == (["ثانية"], time(8))


def test_a_copy_stands_behind_its_rule_and_is_off(desk: Node) -> None:
    member = make_member(Role.Kind.ADMINISTRATOR, desk)
    first = make_rule(name="أولى", words=["حفرة"])
    make_rule(name="ثانية")

    copy = services.copy_rule(first.public_id, by=member, now=MONDAY)

    assert (copy.words, copy.is_on) == (["حفرة"], False)
    assert names() == ["أولى", copy.name, "ثانية"]


def names() -> list[str]:
    return list(RoutingRule.objects.order_by("position").values_list("name", flat=True))


def test_the_packs_rules_are_taken_over_once(desk: Node, settings: Any) -> None:
    member = make_member(Role.Kind.ADMINISTRATOR, desk)

    assert services.load_rules(settings.AUTHORITY_DIR) == 4
    on = list(RoutingRule.objects.filter(is_on=True))
    assert [(rule.hours, rule.give, rule.to) for rule in on] == [("outside", "duty", "stays")]
    for rule in RoutingRule.objects.all():
        services.delete_rule(rule.public_id, by=member, now=MONDAY)

    assert services.load_rules(settings.AUTHORITY_DIR) == 0
    assert names() == []


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("[[rules]]\nkinds = ['complaint']", "rules[1].name"),
        ("[[rules]]\nname = 'أ'\nkinds = ['anger']", "rules[1].kinds"),
        ("[[rules]]\nname = 'أ'\ncolour = 'red'", "rules[1].colour"),
        ("[[rules]]\nname = 'أ'\nto = 'body'", "rules[1].to"),
        ("[[rules]]\nname = 'أ'\nto = 'body'\nbody = 'atlantis'", "rules[1].body"),
        ("[[rules]]\nname = 'أ'\nhours = 'between'\nfrom = '8'\nuntil = '9'", "rules[1].from_time"),
    ],
)
def test_what_is_wrong_in_the_packs_file_is_named(
    tmp_path: Any, db: None, text: str, field: str
) -> None:
    (tmp_path / "routing.toml").write_text(text, encoding="utf-8")

    with pytest.raises(services.RulesUnreadable, match=field.replace("[", r"\[")):
        services.load_rules(tmp_path)
