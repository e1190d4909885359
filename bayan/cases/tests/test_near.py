"""Whoever reports what is followed up near by is asked whether it is the same, and joins it by one press."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from bayan.cases import services
from bayan.cases.models import Alike, Case
from bayan.cases.services import near
from bayan.cases.tests.factories import make_case
from bayan.channels.models import Account, Outgoing
from bayan.channels.tests.factories import incoming
from bayan.core.references import grouped
from bayan.inbox.models import Message
from bayan.organisation.models import Node
from conftest import MONDAY

HERE = {"latitude": 26.2794, "longitude": 50.2083}
LATER = MONDAY + timedelta(hours=1)


@pytest.fixture
def known(khobar: Node) -> Case:
    """A hole at the place, followed up by its municipality."""
    case = make_case("حفرة في الشارع", node=khobar)
    Case.objects.filter(pk=case.pk).update(category="roads", **HERE)
    Account.objects.update(asks_where=True)
    return Case.objects.get(pk=case.pk)


def reported(metres: float = 40, **changes: Any) -> Case:
    """Somebody else's report, with a location so far north of the place."""
    point = {"latitude": HERE["latitude"] + metres / 111_195, "longitude": HERE["longitude"]}
    first = incoming("حفرة كبيرة في الشارع", received_at=LATER)
    sender = {"whatsapp_id": first.whatsapp_id, "phone": first.phone}
    services.take_in([first], now=LATER)
    case = Case.objects.latest("pk")
    Case.objects.filter(pk=case.pk).update(**{"category": "roads", "points_to": ""} | changes)
    services.take_in(
        [incoming("", kind="location", payload=point, received_at=LATER, **sender)], now=LATER
    )
    return Case.objects.select_related("contact", "node").get(pk=case.pk)


def pressed(case: Case, key: str, **changes: Any) -> None:
    names = dict(case.contact.identities.values_list("scheme", "value"))
    tap = incoming(
        "", kind="button_reply", choice_id=key, received_at=LATER,
        **{"whatsapp_id": names["whatsapp"], "phone": names["phone"]} | changes,
    )  # fmt: skip
    services.receive_same([(tap, case.reference)], now=LATER)


def questions() -> list[Outgoing]:
    return list(Outgoing.objects.filter(subject_type=services.SAME_PLACE))


def test_what_is_followed_up_near_by_is_asked_about_once_and_joined_by_one_press(
    known: Case, khobar: Node
) -> None:
    case = reported()
    (question,) = questions()
    text = json.dumps(question.content, ensure_ascii=False)
    assert grouped(known.reference) in text
    assert question.subject_key == case.reference
    assert near.SAME + known.reference in text

    pressed(case, near.SAME + known.reference)

    case = Case.objects.get(pk=case.pk)
    assert (case.parent_id, case.node) == (known.pk, khobar)
    assert Alike.objects.get(case=case, other=known).is_same
    assert Message.objects.filter(matter=case.reference).latest("pk").node == khobar
    services.take_in(
        [
            incoming(
                "", kind="location", payload=HERE, received_at=LATER,
                **dict(zip(("whatsapp_id", "phone"), _names(case), strict=True)),
            )
        ],
        now=LATER,
    )  # fmt: skip
    assert len(questions()) == 1


def _names(case: Case) -> tuple[str, str]:
    names = dict(case.contact.identities.values_list("scheme", "value"))
    return names["whatsapp"], names["phone"]


def test_another_one_is_followed_up_by_itself(known: Case) -> None:
    case = reported()
    pressed(case, near.ANOTHER + known.reference)
    case = Case.objects.get(pk=case.pk)
    assert case.parent_id is None
    assert Alike.objects.get(case=case).is_same is False
    pressed(case, near.SAME + known.reference)
    assert Case.objects.get(pk=case.pk).node.is_desk


@pytest.mark.parametrize(
    ("metres", "changes"),
    [(120, {}), (40, {"category": "lighting"}), (40, {"category": "staff_service"})],
)
def test_what_is_farther_away_or_of_another_kind_is_not_asked_about(
    known: Case, metres: float, changes: dict[str, Any]
) -> None:
    reported(metres, **changes)
    assert questions() == []


def test_what_is_old_or_closed_is_not_offered(known: Case) -> None:
    Case.objects.filter(pk=known.pk).update(opened_at=MONDAY - timedelta(days=40))
    reported()
    assert questions() == []


def test_a_button_that_somebody_else_presses_joins_nothing(known: Case) -> None:
    case = reported()
    pressed(case, near.SAME + known.reference, whatsapp_id="SA.966555", phone="966555000111")
    assert Case.objects.get(pk=case.pk).parent_id is None
