"""Teams to which rules give cases."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.translation import override

from bayan.cases import services
from bayan.cases.models import Case, RoutingDecision, RoutingRule
from bayan.cases.routing.drafting import draft_of
from bayan.cases.routing.sentences import explained
from bayan.cases.tests.factories import MONDAY, make_case, make_rule
from bayan.cases.whole.models import Team, TeamMember
from bayan.core import undo
from bayan.core.models import UndoStep
from bayan.organisation.models import Node
from bayan.people.models import Deputyship, Member, Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient

HTMX = {"HX-Request": "true"}
DIRTY = "الزبالة في الشارع عند مدرسة الخبر"


@pytest.fixture
def administrator(client: StaffClient, desk: Node) -> Member:
    member = make_member(Role.Kind.ADMINISTRATOR, desk)
    client.force_login(member)
    return member


def make_team(node: Node, *members: Member, name: str = "فريق النظافة") -> Team:
    team = Team.objects.create(node=node, name_ar=name, name_en=name)
    TeamMember.objects.bulk_create([TeamMember(team=team, member=one) for one in members])
    return team


def why() -> str:
    decision = RoutingDecision.objects.select_related("member", "team").latest("pk")
    with override("ar"):
        return explained(decision)


def test_a_rule_gives_to_whoever_of_a_team_has_the_fewest_and_says_so(
    khobar: Node, qatif_responder: Member
) -> None:
    make_member(Role.Kind.RESPONDER, khobar)
    first, second = (make_member(Role.Kind.RESPONDER, khobar) for _number in range(2))
    team = make_team(khobar, first, second, qatif_responder)
    make_rule(name="نظافة", words=["زبالة"], to="body", node=khobar, give="team", team=team)

    owners = [make_case(DIRTY).owner for _number in range(4)]

    assert owners == [first, second, first, second]
    assert why().endswith(
        f"، وأُسند إلى \u2068{second.name_ar}\u2069 من «\u2068فريق النظافة\u2069»: "
        "الأقل بلاغات مفتوحة (1، ولدى الآخرين 2)."
    )
    Deputyship.objects.create(
        member=first,
        deputy=second,
        starts_at=MONDAY - timedelta(days=1),
        ends_at=MONDAY + timedelta(days=1),
    )
    assert make_case(DIRTY).owner == second
    assert "إذ لا متاح غيره في «\u2068فريق النظافة\u2069»" in why()
    TeamMember.objects.filter(member=second).delete()
    assert make_case(DIRTY).owner is None
    assert why().endswith("، دون إسناد إلى أحد، إذ لا أحد متاح في «\u2068فريق النظافة\u2069».")


def test_many_cases_are_shared_out_in_a_team_or_go_to_a_department_and_come_back(
    client: StaffClient, khobar: Node, khobar_responder: Member
) -> None:
    roads = Node.objects.create(
        key="khobar-roads", kind="department", parent=khobar, name_ar="إدارة الطرق",
        name_en="Roads department", short_name_ar="الطرق", short_name_en="Roads",
    )  # fmt: skip
    Node.objects.filter(pk=roads.pk).update(lineage=[*khobar.lineage, roads.pk])
    first, second = (make_member(Role.Kind.RESPONDER, khobar) for _number in range(2))
    team = make_team(khobar, first, second)
    for number in range(4):
        make_case(node=khobar, phone=f"96650000090{number}")
    client.force_login(khobar_responder)
    choices = reverse("cases:choices")
    give = f"give:team:{team.public_id}"
    assert f'value="{give}"' in client.get(choices, {"part": "colleagues"}).content.decode()
    assert 'value="pass:khobar-roads"' in client.get(choices, {"part": "bodies"}).content.decode()
    everything = {"all": "1", "query": "state=all"}

    client.post(reverse("cases:act"), everything | {"do": give})
    assert Counter(Case.objects.values_list("owner", flat=True)) == {first.pk: 2, second.pk: 2}
    undo.undo(UndoStep.objects.latest("pk").public_id, by=khobar_responder, now=MONDAY)
    assert not Case.objects.exclude(owner=None).exists()

    to = {"do": "pass:khobar-roads", "reason": "طريق"}
    client.post(reverse("cases:act"), everything | to)
    assert set(Case.objects.values_list("node", flat=True)) == {roads.pk}
    undo.undo(UndoStep.objects.latest("pk").public_id, by=khobar_responder, now=MONDAY)
    assert set(Case.objects.values_list("node", flat=True)) == {khobar.pk}
    assert client.post(reverse("cases:act"), everything | {"do": "pass:"}).status_code == 404

    team.rows.all().delete()
    answer = client.post(reverse("cases:act"), everything | {"do": give}, headers=HTMX)
    assert answer.status_code == 409
    assert not Case.objects.exclude(owner=None).exists()


def test_a_team_is_named_in_a_sentence(khobar: Node) -> None:
    team = make_team(khobar)

    read = draft_of("إذا ذكر الناس زبالة فأعطها لفريق النظافة", members=[])

    assert read.values["give"] == f"team:{team.public_id}"
    assert read.values["to"] == "body:khobar"
    assert not read.missed


def test_a_team_is_made_filled_given_to_and_put_away(
    client: StaffClient, administrator: Member, khobar: Node, qatif: Node
) -> None:
    colleague = make_member(Role.Kind.RESPONDER, khobar)
    given = {"name_ar": "فريق النظافة", "name_en": "Cleaners", "node": "khobar"}
    client.post(reverse("cases:new_team"), given)
    team = Team.objects.get()
    again = client.post(reverse("cases:new_team"), given)
    assert (again.status_code, "فريق باسم" in again.content.decode()) == (422, True)
    page = reverse("cases:team", args=[team.public_id])
    client.post(page, given | {"members": [str(colleague.public_id)]})
    assert list(team.members.all()) == [colleague]

    rule = {"words": "زبالة", "give": f"team:{team.public_id}", "to": "body:qatif"}
    wrong = client.post(reverse("cases:new_rule"), rule)
    assert (wrong.status_code, "تابع لـ" in wrong.content.decode()) == (422, True)
    tried = client.post(reverse("cases:new_rule"), rule | {"to": "body:khobar", "do": "try"})
    assert "إلى الأقل بلاغات مفتوحة في «\u2068فريق النظافة\u2069»" in tried.content.decode()
    client.post(reverse("cases:new_rule"), rule | {"to": "body:khobar"})
    made = RoutingRule.objects.get()
    assert made.team == team
    assert (
        f'value="team:{team.public_id}" selected'
        in client.get(reverse("cases:rule", args=[made.public_id])).content.decode()
    )
    tested = client.post(reverse("cases:test_rules"), {"text": DIRTY}).content.decode()
    assert "فريق النظافة" in tested

    away = reverse("cases:put_team_away", args=[team.public_id])
    assert client.post(away).status_code == 409
    step = services.delete_rule(made.public_id, by=administrator, now=MONDAY)
    assert step
    client.post(away)
    team.refresh_from_db()
    assert team.ended_at is not None
    assert client.get(page).status_code == 404


def test_the_list_of_teams_asks_no_more_for_more(
    client: StaffClient, administrator: Member, khobar: Node
) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert "فريق" in client.get(reverse("cases:teams")).content.decode()
        return len(queries)

    make_team(khobar, administrator)
    asked()
    once = asked()
    for number in range(6):
        make_team(khobar, administrator, name=f"فريق {number}")
    assert asked() == once
