"""«لماذا وصل إلى هنا؟»: one sentence that names the rule, the words and the person."""

from __future__ import annotations

import pytest
from django.utils.translation import override

from bayan.cases.models import RoutingDecision
from bayan.cases.routing.sentences import explained
from bayan.cases.tests.factories import make_case, make_rule
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member

LAMP = "الإنارة مطفية عند مدرسة الخبر والشارع مظلم"


def named(member: Member, name: str) -> Member:
    member.name_ar = name
    member.save()
    return member


def why(give: str, khobar: Node, **changes: object) -> str:
    make_rule(name="Khobar lights", words=["مظلم"], to="body", node=khobar, give=give, **changes)
    case = make_case(LAMP)
    decision = RoutingDecision.objects.select_related("member").get(case=case)
    with override("ar"):
        return explained(decision)


@pytest.fixture
def sara(khobar: Node) -> Member:
    return named(make_member(Role.Kind.RESPONDER, khobar), "Sara Adams")


def test_it_names_the_rule_the_words_and_the_person_in_one_arabic_sentence(
    khobar: Node, sara: Member
) -> None:
    said = why("least", khobar, priority="high")

    assert said == (
        "أحالته القاعدة «\u2068Khobar lights\u2069» إلى \u2068الخبر\u2069 لأن في كلام صاحبه "
        "«\u2068مظلم\u2069»، وأُسند إلى \u2068Sara Adams\u2069 إذ لا مسؤول ردود آخر هناك، "
        "بأولوية «عاجل»."
    )


def test_of_several_it_says_who_had_the_fewest(khobar: Node, sara: Member) -> None:
    make_member(Role.Kind.RESPONDER, khobar)

    said = why("least", khobar)

    assert said.endswith(
        "، وأُسند إلى \u2068Sara Adams\u2069: الأقل بلاغات مفتوحة (0، ولدى الآخرين 0)."
    )


def test_where_nobody_is_there_it_says_so(khobar: Node) -> None:
    said = why("least", khobar)

    assert said.endswith("«\u2068مظلم\u2069»، دون إسناد إلى أحد، إذ لا مسؤول ردود هناك.")
