"""The pages of routing: the list, a rule, a rule in words, the dry run, a test, and why it went there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bayan.cases.models import Case, RoutingDecision, RoutingRule
from bayan.cases.tests.factories import make_case, make_rule
from bayan.cases.tests.test_routing import DIRTY_IN_KHOBAR
from bayan.core.rls import look_as
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient

HTMX = {"HX-Request": "true"}


@pytest.fixture
def administrator(client: StaffClient, desk: Node) -> Member:
    member = make_member(Role.Kind.ADMINISTRATOR, desk)
    client.force_login(member)
    client.cookies["bayan_language"] = "en"
    return member


def page(client: StaffClient, name: str, *args: Any) -> str:
    return client.get(reverse(f"cases:{name}", args=args)).content.decode()


def test_without_rules_the_page_teaches_what_they_do(
    client: StaffClient, administrator: Member
) -> None:
    assert "No rules yet" in page(client, "routing")


def test_each_rule_is_a_sentence_with_its_hits(
    client: StaffClient, administrator: Member, khobar: Node
) -> None:
    make_rule(
        name="نظافة الخبر", categories=["cleanliness"], bodies=["khobar"], words=["زبالة"],
        to="body", node=khobar, give="least",
    )  # fmt: skip
    make_case(DIRTY_IN_KHOBAR, now=timezone.now())

    text = page(client, "routing").replace("\u2068", "").replace("\u2069", "")

    assert (
        "If the category is cleanliness and the place belongs to Khobar and people mention “زبالة”: "
        "it goes to Khobar, to whoever has the fewest open cases." in text
    )
    assert "1 case in the last 30 days" in text


def test_the_list_asks_no_more_for_more_rules(client: StaffClient, administrator: Member) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            page(client, "routing")
        return len(queries)

    make_rule(words=["حفرة"], places=["khobar"])
    asked()
    once = asked()
    for _ in range(6):
        make_rule(words=["حفرة"], places=["khobar"], give="member", member=administrator)
    assert asked() <= once + 1


GIVEN = {"to": "stays", "give": "nobody"}


def test_a_rule_is_written_changed_copied_switched_and_deleted(
    client: StaffClient, administrator: Member, khobar: Node
) -> None:
    colleague = make_member(Role.Kind.RESPONDER, khobar)
    given = GIVEN | {
        "categories": ["roads", "lighting"], "words": "حفرة، خط الصرف", "places": "الخبر",
        "hours": "between", "from_time": "22:00", "until_time": "06:00", "weekdays": ["4"],
        "to": "body:khobar", "give": f"member:{colleague.public_id}", "priority": "high",
    }  # fmt: skip
    client.post(reverse("cases:new_rule"), given)
    rule = RoutingRule.objects.get()
    assert (rule.categories, rule.words) == (["roads", "lighting"], ["حفرة", "خط الصرف"])
    assert (rule.places, rule.weekdays, rule.node, rule.member) == (
        ["khobar"],
        [4],
        khobar,
        colleague,
    )
    assert rule.name.startswith("If the category is roads")

    shown = page(client, "rule", rule.public_id)
    assert 'value="حفرة، خط الصرف"' in shown
    assert 'value="22:00"' in shown
    client.post(reverse("cases:rule", args=[rule.public_id]), GIVEN | {"name": "جديدة"})
    rule.refresh_from_db()
    assert (rule.name, rule.words, rule.node, rule.from_time) == ("جديدة", [], None, None)

    client.post(reverse("cases:copy_rule", args=[rule.public_id]))
    assert RoutingRule.objects.filter(is_on=False).count() == 1
    client.post(reverse("cases:switch_rule", args=[rule.public_id]), {"on": "0"})
    rule.refresh_from_db()
    assert not rule.is_on

    answer = client.post(reverse("cases:delete_rule", args=[rule.public_id]), headers=HTMX)
    assert "was deleted" in answer.content.decode()
    assert not RoutingRule.objects.filter(pk=rule.pk).exists()
    step = next(part for part in answer.content.decode().split('"') if "/undo/" in part)
    client.post(step)
    assert RoutingRule.objects.filter(pk=rule.pk).exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"places": "أتلانتس"}, "is not known"),
        ({"hours": "between"}, "Say from when until when."),
        ({"hours": "between", "from_time": "08:00", "until_time": "08:00"}, "the same time"),
        ({"words": "!!"}, "is no word"),
        ({"to": "body:atlantis"}, "not one of the available choices"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    client: StaffClient, administrator: Member, given: dict[str, str], said: str
) -> None:
    answer = client.post(reverse("cases:new_rule"), GIVEN | given)

    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not RoutingRule.objects.exists()


def test_rules_are_moved_by_buttons(client: StaffClient, administrator: Member) -> None:
    first, _second, third = (make_rule(name=name) for name in "abc")

    def order() -> str:
        return "".join(RoutingRule.objects.order_by("position").values_list("name", flat=True))

    for rule, way, expected in (
        (third, "up", "acb"), (third, "up", "cab"), (third, "up", "cab"),
        (first, "down", "cba"), (first, "down", "cba"), (third, "down", "bca"),
    ):  # fmt: skip
        client.post(reverse("cases:move_rule", args=[rule.public_id]), {"way": way})
        assert order() == expected


def test_a_sentence_is_shown_in_the_form_and_not_saved(
    client: StaffClient, administrator: Member
) -> None:
    answer = client.post(
        reverse("cases:draft_rule"),
        {"sentence": "إذا ذكر الناس حفرة في الخبر فحولها إلى إدارة الطرق وأعطها للأقل عملًا"},
    )

    shown = answer.content.decode()
    assert 'value="حفرة"' in shown
    assert "Not understood:" in shown
    assert "إدارة الطرق" in shown
    assert not RoutingRule.objects.exists()


def test_the_dry_run_says_what_would_be_elsewhere_and_changes_nothing(
    client: StaffClient, administrator: Member, khobar: Node, qatif: Node
) -> None:
    now = timezone.now()
    at_desk = make_case(DIRTY_IN_KHOBAR, now=now - timedelta(days=2))
    make_case(DIRTY_IN_KHOBAR, node=khobar, now=now - timedelta(days=2))
    wrong = make_case(DIRTY_IN_KHOBAR, node=qatif, now=now - timedelta(days=2))
    make_case("شكرًا لكم", now=now - timedelta(days=2))
    make_case(DIRTY_IN_KHOBAR, now=now - timedelta(days=40))
    make_rule(name="إلى بلديته", to="pointed")

    answer = client.get(reverse("cases:try_rules"))

    trial = answer.context["trial"]
    assert (trial.count, trial.left, trial.changed) == (4, 1, 2)
    (row,) = trial.rows
    assert (row.body, row.count, row.there, row.at_desk, row.elsewhere) == (khobar, 3, 1, 1, 1)
    assert {change.case for change in trial.changes} == {at_desk, wrong}
    assert "إلى بلديته" in answer.content.decode()
    at_desk.refresh_from_db()
    assert at_desk.node.is_desk
    assert not RoutingDecision.objects.exists()


def test_a_draft_is_tried_before_it_is_saved(
    client: StaffClient, administrator: Member, khobar: Node
) -> None:
    make_case(DIRTY_IN_KHOBAR, now=timezone.now())

    answer = client.post(
        reverse("cases:new_rule"),
        {"words": "زبالة", "to": "pointed", "give": "nobody", "do": "try"},
    )

    (row,) = answer.context["trial"].rows
    assert (row.body, row.at_desk) == (khobar, 1)
    assert not RoutingRule.objects.exists()


def test_a_dry_run_asks_no_more_for_more_cases(client: StaffClient, administrator: Member) -> None:
    make_rule(words=["زبالة"], places=["khobar"], to="pointed")

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse("cases:try_rules"))
        return len(queries)

    make_case(DIRTY_IN_KHOBAR, now=timezone.now())
    asked()
    once = asked()
    for _ in range(5):
        make_case(DIRTY_IN_KHOBAR, now=timezone.now())
    assert asked() <= once


def test_a_message_is_tested_without_a_trace(
    client: StaffClient, administrator: Member, khobar: Node
) -> None:
    colleague = make_member(Role.Kind.RESPONDER, khobar)
    make_rule(name="إلى بلديته", to="pointed", give="least", words=["زبالة"])

    answer = client.post(reverse("cases:test_rules"), {"text": DIRTY_IN_KHOBAR})

    said = answer.content.decode().replace("\u2068", "").replace("\u2069", "")
    assert "The rule “إلى بلديته” led it to Khobar" in said
    assert colleague.name_en in said
    assert "“والزبالة”" in said
    assert not Case.objects.exists()
    nothing = client.post(reverse("cases:test_rules"), {"text": "كم رسوم الرخصة"})
    assert "No rule fits" in nothing.content.decode()


def test_the_panel_says_why_it_went_there(
    client: StaffClient, administrator: Member, khobar: Node
) -> None:
    colleague = make_member(Role.Kind.RESPONDER, khobar)
    make_rule(
        name="إلى بلديته", to="pointed", give="least", words=["زبالة"], categories=["cleanliness"]
    )
    case = make_case(DIRTY_IN_KHOBAR)

    text = page(client, "panel", case.conversation.public_id)
    text = text.replace("\u2068", "").replace("\u2069", "")

    assert "Why did it go there?" in text
    assert f"led it to Khobar, to {colleague.name_en}, the only one who answers there" in text
    assert "because the category is cleanliness (" in text
    assert "“والزبالة”" in text
    assert "its words point to Khobar (الخبر)" in text
    assert "Led by a rule" in text


def test_without_a_decision_the_panel_asks_nothing_more(
    client: StaffClient, administrator: Member
) -> None:
    case = make_case(DIRTY_IN_KHOBAR)

    assert "Why did it go there?" not in page(client, "panel", case.conversation.public_id)


def test_a_decision_is_seen_by_whoever_sees_its_case(
    khobar: Node, khobar_responder: Member, qatif_responder: Member
) -> None:
    make_rule(to="pointed")
    make_case(DIRTY_IN_KHOBAR)

    with transaction.atomic():
        look_as(khobar_responder.pk)
        assert RoutingDecision.objects.count() == 1
        look_as(qatif_responder.pk)
        assert RoutingDecision.objects.count() == 0


@pytest.mark.parametrize("who", ["responder", "director of khobar"])
def test_only_who_manages_the_authority_s_routing_comes_in(
    client: StaffClient, desk: Node, khobar: Node, who: str
) -> None:
    member = (
        make_member(Role.Kind.RESPONDER, desk)
        if who == "responder"
        else make_member(Role.Kind.DIRECTOR, khobar)
    )
    client.force_login(member)

    assert client.get(reverse("cases:routing")).status_code == 403
    assert client.get(reverse("cases:rule", args=[UUID(int=1)])).status_code == 403


def test_a_dry_run_over_many_goes_step_by_step_and_can_be_broken_off(
    client: StaffClient, administrator: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("bayan.cases.routing.views.CHUNK", "bayan.cases.services.trials.CHUNK"):
        monkeypatch.setattr(name, 2)
    first = make_rule(name="الأولى", words=["زبالة"], to="pointed")
    for _ in range(5):
        make_case(DIRTY_IN_KHOBAR, now=timezone.now())
    assert "is_to_begin" in client.get(reverse("cases:try_rules")).context

    begun = client.post(
        reverse("cases:new_rule"),
        {"words": "زبالة", "places": "الخبر", "to": "stays", "give": "duty", "do": "try"},
    )
    run = begun.context["run"]
    step = reverse("cases:step_trial", args=[run.public_id])
    assert [client.post(step).context["run"].done for _ in range(2)] == [2, 4]
    done = client.post(step)

    trial = done.context["trial"]
    assert (trial.count, trial.fits) == (5, 5)
    assert [(rule.name, count) for rule, count in trial.before] == [("الأولى", 5)]
    assert reverse("cases:rule", args=[first.public_id]) in done.content.decode()
    assert client.post(step).context["is_cancelled"]

    run = client.post(reverse("cases:try_rules")).context["run"]
    client.post(reverse("cases:cancel_trial", args=[run.public_id]))
    again = client.post(reverse("cases:step_trial", args=[run.public_id]))
    assert again.context["is_cancelled"]


def test_a_rule_leads_to_a_department_too(
    client: StaffClient, administrator: Member, khobar: Node
) -> None:
    roads = Node.objects.create(
        key="khobar-roads", kind="department", parent=khobar, name_ar="إدارة الطرق",
        name_en="Roads department", short_name_ar="الطرق", short_name_en="Roads",
    )  # fmt: skip
    Node.objects.filter(pk=roads.pk).update(lineage=[*khobar.lineage, roads.pk])
    colleague = make_member(Role.Kind.RESPONDER, Node.objects.get(pk=roads.pk))
    client.post(
        reverse("cases:new_rule"),
        {"words": "زبالة", "to": "body:khobar-roads", "give": "least", "do": "save"},
    )

    case = make_case(DIRTY_IN_KHOBAR)

    case.refresh_from_db()
    assert (case.node, case.owner) == (roads, colleague)
    assert "Roads" in page(client, "panel", case.conversation.public_id)
