"""Copies of a picture: who sends the same one reports the same matter, unless everybody sends it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.urls import reverse

from bayan.cases import selectors, services
from bayan.cases.models import Alike, Case, Picture
from bayan.cases.services import pictures
from bayan.cases.services.matters import join_at_once
from bayan.cases.tests.factories import CONFIRMED, MONDAY, make_case
from bayan.channels.events import IncomingFile
from bayan.channels.models import Media
from bayan.channels.tests.factories import incoming
from bayan.inbox.models import Message
from bayan.organisation.models import Node
from bayan.people.models import Member
from bayan.triage.images import NEAR, SAME, bands_of
from conftest import StaffClient

LATER = MONDAY + timedelta(hours=1)
HOLE, DOGS = 0x0F0F_F0F0_1234_ABCD, -0x1234_5678_9ABC_DEF0
SAME_PICTURE, CIRCULATES = Alike.Reason.PICTURE.label, Alike.Reason.CIRCULATES.label
HTMX = {"HX-Request": "true"}


def sent(
    text: str = "", *, likeness: int | None = HOLE, kind: str = "image", **changes: Any
) -> Case:
    """The case of a picture that one more person sends, with or without words; its file is here."""
    case = expected(text, kind=kind, **changes)
    arrive(case, likeness)
    return case


def expected(text: str = "", *, kind: str = "image", **changes: Any) -> Case:
    """The same, but its file is still to come."""
    file = IncomingFile(external_id="9001", mime_type="image/jpeg")
    return make_case(text, kind=kind, file=file, **changes)


def arrive(case: Case, likeness: int | None) -> None:
    """The file of this case's picture is fetched."""
    Media.objects.filter(messages__matter=case.reference).update(
        state=Media.State.STORED, sha256="0" * 64, not_before=None, likeness=likeness
    )


def look() -> int:
    """All that waits, as the worker does it between two batches."""
    matching, count = services.Matching(), 0
    while matching.look(now=LATER):
        pass
    while looked := services.look_at_pictures(now=LATER):
        count += looked
    return count


def parents(*cases: Case) -> list[Case | None]:
    for case in cases:
        case.refresh_from_db()
    return [case.parent for case in cases]


def asked(case: Case) -> list[tuple[Case, selectors.Words]]:
    return [(other, why) for other, _sure, why in selectors.same_matter(case).suggestions]


def test_two_people_with_the_same_picture_report_one_matter(desk: Node) -> None:
    first, second, third = sent(), sent(likeness=HOLE ^ 0b1111), sent("شوفوا هذا")

    assert look() == 3

    assert parents(first, second, third) == [None, first, first]
    pair = Alike.objects.get(case=second)
    assert (pair.other, pair.reason, pair.is_same) == (first, "picture", True)
    assert look() == 0


def test_other_pictures_are_other_matters(desk: Node) -> None:
    cases = [sent(), sent(likeness=DOGS), sent(likeness=HOLE ^ 0xFF)]

    look()

    assert parents(*cases) == [None, None, None]
    assert not Alike.objects.exists()


def test_what_is_nearly_the_same_is_asked(desk: Node) -> None:
    first, second = sent(), sent(likeness=HOLE ^ 0b11_1111)
    assert SAME < 6 <= NEAR

    look()

    assert parents(second) == [None]
    assert asked(second) == [(first, SAME_PICTURE)]


def test_a_picture_is_compared_when_its_file_is_here(desk: Node) -> None:
    first = expected()
    second = sent()
    assert look() == 1
    assert Picture.objects.filter(band_1=None).count() == 1

    arrive(first, HOLE)
    assert look() == 1

    # The first came first, though its file came last.
    assert parents(first, second) == [None, first]


@pytest.mark.parametrize("state", [Media.State.REFUSED, Media.State.GONE, Media.State.STORED])
def test_what_has_no_likeness_waits_no_longer(desk: Node, state: Media.State) -> None:
    first, second = expected(), expected()
    Media.objects.update(state=state, sha256="0" * 64)

    assert look() == 2

    assert not Picture.objects.exists()
    assert parents(first, second) == [None, None]


def test_only_pictures_are_looked_at(desk: Node) -> None:
    for kind, mime_type in (
        ("voice", "audio/ogg"),
        ("sticker", "image/webp"),
        ("document", "text/plain"),
    ):
        make_case("", kind=kind, file=IncomingFile(external_id="9001", mime_type=mime_type))
    whole = sent(kind="document")

    assert look() == 1
    assert Picture.objects.get().case == whole


def test_who_is_killed_in_between_leaves_nothing_out_and_does_nothing_twice(
    desk: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = sent(), sent()

    def killed(*args: Any, **changes: Any) -> None:
        join_at_once(*args, **changes)
        raise KeyboardInterrupt

    monkeypatch.setattr(pictures, "join_at_once", killed)
    with pytest.raises(KeyboardInterrupt):
        look()
    assert Picture.objects.filter(band_1=None).count() == 1
    assert (parents(second), Alike.objects.count()) == ([None], 0)
    monkeypatch.undo()

    assert look() == 1

    assert parents(first, second) == [None, first]
    assert Alike.objects.count() == 1


def test_a_second_worker_leaves_it_to_the_first(
    desk: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent()
    monkeypatch.setattr(pictures, "is_only_one", lambda: False)

    assert services.look_at_pictures(now=LATER) == 0
    assert Picture.objects.filter(band_1=None).exists()


def test_a_picture_of_a_later_message_counts_too(desk: Node) -> None:
    first, second = sent(), make_case("السلام عليكم ورحمة الله")
    file = IncomingFile(external_id="9002", mime_type="image/jpeg")
    sender = second.contact.identities.get(scheme="whatsapp").value
    phone = second.contact.identities.get(scheme="phone").value
    services.take_in(
        [incoming("", kind="image", file=file, whatsapp_id=sender, phone=phone)], now=MONDAY
    )
    arrive(second, HOLE)

    look()

    assert parents(second) == [first]


def test_where_the_words_speak_of_two_things_a_member_decides(desk: Node) -> None:
    first = sent("حفرة كبيرة في الشارع قدام المدرسة بالخبر")
    second = sent("الكلاب الضالة في كل مكان بالقطيف وتخوف العيال")

    look()

    assert parents(second) == [None]
    assert asked(second) == [(first, SAME_PICTURE)]


def test_where_two_points_are_far_apart_a_member_decides(desk: Node) -> None:
    first, second = sent(), sent()
    Case.objects.filter(pk=first.pk).update(latitude=26.28, longitude=50.20)
    Case.objects.filter(pk=second.pk).update(latitude=26.42, longitude=50.09)

    look()

    assert parents(second) == [None]
    assert asked(first) == [(second, SAME_PICTURE)]


def test_what_another_body_has_or_somebody_handles_is_only_asked(
    desk: Node, khobar: Node, desk_responder: Member
) -> None:
    there = sent(node=khobar)
    handled = sent()
    Case.objects.filter(pk=handled.pk).update(owner=desk_responder)

    look()

    assert parents(there, handled) == [None, None]
    assert asked(handled) == [(there, SAME_PICTURE)]


def test_a_picture_that_comes_under_many_matters_joins_nothing(
    desk: Node, desk_responder: Member
) -> None:
    greetings = [sent() for _person in range(pictures.MANY_MATTERS)]
    # Each is handled by itself.
    Case.objects.update(owner=desk_responder)
    look()

    last = sent()
    look()

    assert parents(*greetings, last) == [None] * (pictures.MANY_MATTERS + 1)
    assert {why for _case, why in asked(last)} == {CIRCULATES}


def test_a_picture_that_is_passed_on_often_joins_nothing(desk: Node) -> None:
    first, second = sent(forwarded=Message.Forwarded.OFTEN), sent()

    look()

    assert parents(second) == [None]
    assert asked(second) == [(first, CIRCULATES)]


def test_a_picture_that_a_member_told_apart_joins_nothing_more(
    desk: Node, desk_responder: Member
) -> None:
    first, second = sent(), sent()
    look()
    services.part_case(second.public_id, by=desk_responder, now=LATER)
    third = sent()

    look()

    assert parents(first, second, third) == [None, None, None]
    assert asked(second) == [(third, CIRCULATES)]
    assert (first, CIRCULATES) in asked(third)


def test_what_words_joined_is_not_joined_once_more(desk: Node) -> None:
    words = "حفرة كبيرة في شارع الأمير تركي بالخبر قدام مجمع الراشد"
    first, second, third = sent(words, likeness=DOGS), sent(words), sent()

    look()

    # By its words the second belongs to the first; its picture brings the third there as well.
    assert parents(first, second, third) == [None, first, first]


def test_a_chain_has_one_head(desk: Node) -> None:
    first, second, third = expected(), expected(), expected()
    for case in (third, second, first):
        arrive(case, HOLE)
        look()

    # Two were one matter when the first one's file came.
    heads = {parent for parent in parents(first, second, third) if parent}
    assert heads == {second}


def test_what_is_closed_or_long_past_is_not_joined(desk: Node, desk_responder: Member) -> None:
    closed = sent()
    services.close_case(
        closed.public_id,
        outcome="resolved",
        basis=CONFIRMED,
        words="تم",
        by=desk_responder,
        now=LATER,
    )
    old = sent(now=MONDAY - timedelta(days=7))
    new = sent()

    look()

    assert parents(closed, old, new) == [None, None, None]


def test_the_panel_says_why_it_asks(client: StaffClient, desk_responder: Member) -> None:
    first, second = sent("حفرة كبيرة"), sent(likeness=HOLE ^ 0b11_1111)
    look()
    client.force_login(desk_responder)

    shown = client.get(
        reverse("cases:panel", args=[second.conversation.public_id]), headers=HTMX
    ).content.decode()

    assert f"maybe-{first.public_id}" in shown
    assert str(SAME_PICTURE) in shown.lower()


@pytest.mark.parametrize("likeness", [0, -1, -(2**63), 2**63 - 1])
def test_the_bits_at_the_ends_count_as_well(desk: Node, likeness: int) -> None:
    first, second = sent(likeness=likeness), sent(likeness=likeness ^ 0b101)

    look()

    assert parents(second) == [first]


def test_among_many_pictures_few_are_read(desk: Node) -> None:
    # Of no other test: an index also gives rows that were taken back.
    picture = 0x3C5A_A5C3_7E81_18E7
    first, second = sent(likeness=picture), sent(likeness=picture)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH files AS (
                INSERT INTO channels_media
                    (public_id, node_id, number_id, kind, state, mime_type, name, sha256, expected_sha256,
                     external_id, attempts, created_at, likeness)
                SELECT gen_random_uuid(), m.node_id, m.number_id, 'image', 'stored', '', '', 'x', '', '', 0,
                       now(), hashint8extended(n, 7)
                FROM generate_series(1, 20000) n, (SELECT * FROM channels_media LIMIT 1) m
                RETURNING id, likeness
            )
            INSERT INTO cases_picture (media_id, case_id, band_1, band_2, band_3, band_4)
            SELECT id, %s, likeness & 65535, (likeness >> 16) & 65535, (likeness >> 32) & 65535,
                   (likeness >> 48) & 65535
            FROM files
            """,
            [make_case("غيرها").pk],
        )
        cursor.execute("ANALYZE cases_picture, channels_media")
    some = Picture.objects.exclude(band_1=None).select_related("media").latest("pk")
    assert bands_of(some.media.likeness or 0) == [
        some.band_1,
        some.band_2,
        some.band_3,
        some.band_4,
    ]

    look()
    plan = json.loads(pictures._sharing_a_band(picture).explain(analyze=True, format="json"))

    assert parents(second) == [first]
    read = rows_by_index(plan[0]["Plan"])
    assert {f"picture_band_{number}" for number in range(1, 5)} <= read.keys()
    assert sum(read.values()) < 100


def rows_by_index(step: dict[str, Any]) -> dict[str, int]:
    """How many rows each index gave, in the step of a plan and below it."""
    found = {step["Index Name"]: int(step["Actual Rows"])} if "Index Name" in step else {}
    for below in step.get("Plans", ()):
        found |= rows_by_index(below)
    return found
