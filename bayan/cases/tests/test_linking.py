"""Links between cases that are matters of their own."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from bayan.cases import services
from bayan.cases.models import Related
from bayan.cases.tests.factories import make_case
from bayan.core import undo
from bayan.core.references import grouped
from bayan.organisation.models import Node
from bayan.people.models import Member
from conftest import MONDAY, StaffClient

SOON = MONDAY + timedelta(seconds=5)


def test_a_link_is_made_once_read_from_both_ends_and_undone(
    client: StaffClient, khobar: Node, khobar_responder: Member
) -> None:
    leak, hole = make_case("تسرب مياه", node=khobar), make_case("حفرة", node=khobar)
    client.force_login(khobar_responder)
    path = reverse("cases:link", args=[hole.public_id])
    assert client.post(path, {"other": leak.reference, "kind": "caused_by"}).status_code == 302
    for case, other in ((leak, hole), (hole, leak)):
        panel = client.get(reverse("cases:panel", args=[case.conversation.public_id]))
        assert grouped(other.reference) in panel.content.decode()
    again = client.post(
        reverse("cases:link", args=[leak.public_id]), {"other": hole.reference, "kind": "related"}
    )
    assert again.status_code == 409

    gone = services.unlink_case(leak, other=hole, by=khobar_responder, now=MONDAY)
    assert not Related.objects.exists()
    assert gone.undo is not None
    undo.undo(gone.undo, by=khobar_responder, now=SOON)
    row = Related.objects.get()
    assert (row.case, row.other, row.kind) == (hole, leak, "caused_by")


def test_a_case_is_linked_to_another_one_only(khobar: Node, khobar_responder: Member) -> None:
    case = make_case(node=khobar)
    with pytest.raises(services.NotTheSame):
        services.link_case(case, to=case, kind="related", by=khobar_responder, now=MONDAY)
