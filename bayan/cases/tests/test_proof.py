"""What a closing rests on: pictures, excuses, attempts on two days."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from bayan.cases import services
from bayan.cases.due import DueTimesUnreadable
from bayan.cases.models import Case, Closing
from bayan.cases.services import proof
from bayan.cases.tests.factories import drafted, make_case, make_matter
from bayan.cases.whole import pack
from bayan.core.models import AuditEntry
from bayan.inbox import services as inbox
from bayan.inbox.services import Attachment
from bayan.organisation.models import Node
from bayan.people.models import Member
from bayan.people.permissions import Access
from bayan.work import services as work
from bayan.work.models import Item
from bayan.work.services import Task
from bayan.work.tests.test_items import a_picture
from bayan.work.tests.test_views import photo
from conftest import MONDAY, StaffClient

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def a_hole(node: Node, **changes: object) -> Case:
    case = make_case("حفرة خطيرة في الشارع", node=node)
    facts = {"category": "roads", "place": "شارع الأمير", **changes}
    Case.objects.filter(pk=case.pk).update(**facts)
    return Case.objects.select_related("node", "conversation__number").get(pk=case.pk)


def close(case: Case, by: Member, outcome: str = "resolved", **changes: object) -> Case:
    facts = {"words": "", "now": MONDAY + 3 * DAY, **changes}
    return services.close_case(case.public_id, outcome=outcome, by=by, **facts)  # type: ignore[arg-type]


def test_what_is_put_right_at_a_place_closes_with_a_picture_of_it(
    khobar: Node, khobar_responder: Member
) -> None:
    case = a_hole(khobar)
    with pytest.raises(services.ProofMissing):
        close(case, khobar_responder)
    assert not Case.objects.get(pk=case.pk).is_closed

    close(case, khobar_responder, picture=a_picture())

    closing = Closing.objects.select_related("proof").get(case=case)
    assert (closing.excuse, closing.proof and closing.proof.node) == ("", khobar)
    assert AuditEntry.objects.get(action="case.closed").details["shown"] == "picture"


def test_a_picture_by_which_a_task_of_the_case_was_done_counts(
    khobar: Node, khobar_responder: Member
) -> None:
    case = a_hole(khobar)
    task = Task(
        kind=Item.Kind.DO, title="ردم", node=khobar, given_from=khobar, owner=khobar_responder,
        due_at=MONDAY + DAY, subject=("case", case.reference), wants_proof=True,
    )  # fmt: skip
    item = work.give(task, by=khobar_responder, now=MONDAY)
    access = Access.of(khobar_responder, now=MONDAY)
    work.finish(item.public_id, by=access, now=MONDAY + HOUR, pictures=[a_picture()])

    close(case, khobar_responder)

    assert Closing.objects.get(case=case).proof == item.proofs.get().media


def test_an_old_picture_does_not_show_what_was_opened_again(
    khobar: Node, khobar_responder: Member
) -> None:
    case = a_hole(khobar)
    task = Task(
        kind=Item.Kind.DO, title="ردم", node=khobar, given_from=khobar, owner=khobar_responder,
        due_at=MONDAY + DAY, subject=("case", case.reference),
    )  # fmt: skip
    item = work.give(task, by=khobar_responder, now=MONDAY)
    access = Access.of(khobar_responder, now=MONDAY)
    work.finish(item.public_id, by=access, now=MONDAY + HOUR, pictures=[a_picture()])
    close(case, khobar_responder)
    services.reopen_case(case.public_id, by=khobar_responder, now=MONDAY + 4 * DAY)

    with pytest.raises(services.ProofMissing):
        close(case, khobar_responder, now=MONDAY + 5 * DAY)


def test_a_picture_is_of_a_place(khobar: Node, khobar_responder: Member) -> None:
    case = a_hole(khobar, place="")
    with pytest.raises(services.PlaceMissing):
        close(case, khobar_responder, picture=a_picture())
    close(case, khobar_responder, picture=a_picture(), place="حي الثقبة")
    assert Case.objects.get(pk=case.pk).place == "حي الثقبة"


def test_another_excuse_wants_its_words(khobar: Node, khobar_responder: Member) -> None:
    case = a_hole(khobar)
    with pytest.raises(services.ExcuseMissing):
        close(case, khobar_responder, basis=services.Basis(excuse="other", words=" "))
    close(case, khobar_responder, basis=services.Basis(excuse="other", words="غطّاها الرمل"))
    closing = Closing.objects.get(case=case)
    assert (closing.excuse, closing.words) == ("other", "غطّاها الرمل")


@given(
    outcome=st.sampled_from(Case.Outcome.values),
    category=st.sampled_from([*Case.Category.values, ""]),
    excuse=st.sampled_from(["", "inside", "gone"]),
)
def test_only_what_is_put_right_at_a_place_is_asked_for_a_picture(
    outcome: str, category: str, excuse: str
) -> None:
    case = Case(pk=1, category=category, place="حي", opened_at=MONDAY)
    wanted = proof.wants_picture(case, outcome)
    assert wanted == (outcome == "resolved" and category in pack.shown_by_picture())
    if excuse or not wanted:
        # Nothing is asked of the database.
        assert proof.check([case], outcome, proof.Basis(excuse=excuse)) == {}


def test_many_are_checked_at_once_and_the_refusal_names_those_that_lack_something(
    khobar: Node, khobar_responder: Member, django_assert_num_queries: object
) -> None:
    cases = [a_hole(khobar) for _number in range(5)]
    with (
        django_assert_num_queries(2),  # type: ignore[operator]
        pytest.raises(services.ProofMissing, match="5"),
    ):
        proof.check(cases, "resolved")
    assert proof.check(cases, "resolved", services.Basis(excuse="gone")) == {}


def test_one_unanswered_call_closes_nothing(khobar: Node, khobar_responder: Member) -> None:
    case = a_hole(khobar)
    basis = services.Basis(why="not_reachable")
    for hours in (1, 2):
        services.note_attempt(
            case.public_id, way="phone", by=khobar_responder, now=MONDAY + hours * HOUR
        )
    with pytest.raises(services.NotTriedEnough):
        close(case, khobar_responder, "not_actionable", basis=basis)

    services.note_attempt(
        case.public_id, way="whatsapp", note="لا رد", by=khobar_responder, now=MONDAY + DAY
    )
    close(case, khobar_responder, "not_actionable", basis=basis)

    assert Closing.objects.get(case=case).why == "not_reachable"


def test_the_panel_offers_what_is_there_and_closes_with_what_was_taken(
    client: StaffClient, khobar: Node, khobar_responder: Member, now: datetime
) -> None:
    case = a_hole(khobar)
    client.force_login(khobar_responder)
    panel = reverse("cases:panel", args=[case.conversation.public_id])
    assert 'name="excuse"' in client.get(panel).content.decode()
    path = reverse("cases:close", args=[case.public_id])
    assert client.post(path, {"outcome": "resolved"}).status_code == 409

    client.post(reverse("cases:attempt", args=[case.public_id]), {"way": "phone", "note": "مشغول"})
    assert "مشغول" in client.get(panel).content.decode()
    answer = client.post(path, {"outcome": "resolved", "picture": photo()})

    assert answer.status_code == 302
    media = Closing.objects.get(case=case).proof
    assert media is not None
    shown = reverse("cases:picture", args=[case.public_id, media.public_id])
    assert shown in client.get(panel).content.decode()
    assert client.get(shown).headers["Content-Type"] == "image/jpeg"


def test_one_picture_shows_for_all_of_a_matter_what_was_put_right(
    khobar: Node, khobar_responder: Member
) -> None:
    cases = make_matter(3, node=khobar)
    Case.objects.filter(pk__in=[one.pk for one in cases]).update(category="roads", place="الراكة")
    draft = drafted(cases[0], khobar_responder, outcome="resolved", excuse="")
    with pytest.raises(services.ProofMissing):
        services.start_answer(draft.public_id, by=khobar_responder, now=MONDAY + 2 * HOUR)
    # A colleague sends one into one of the conversations.
    file = Attachment(
        stream=BytesIO(photo().read()), kind="image", name="site.jpg", declared="image/jpeg"
    )
    inbox.send_files(
        cases[1].conversation.public_id, [file], caption="", by=khobar_responder, now=MONDAY + HOUR
    )
    services.start_answer(draft.public_id, by=khobar_responder, now=MONDAY + 2 * HOUR)
    services.Delivery().step(now=MONDAY + 2 * HOUR)
    closings = Closing.objects.filter(case__in=cases)
    assert closings.count() == 3
    assert len(set(closings.values_list("proof", flat=True)) - {None}) == 1


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('proof.categories = ["road"]', "proof.categories"),
        ("quality.percent = -1", "quality.percent"),
        ("quality.share = 5", "quality.share"),
    ],
)
def test_a_pack_that_means_nothing_is_named(tmp_path: Path, text: str, where: str) -> None:
    file = tmp_path / "cases.toml"
    file.write_text(text)
    with pytest.raises(DueTimesUnreadable, match=where):
        pack.read(file)
