"""Finding a conversation by what one remembers of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from bayan.channels.models import Number
from bayan.core.arabic import query_of
from bayan.core.rls import look_as
from bayan.inbox import selectors
from bayan.inbox.models import Conversation, Message
from bayan.inbox.selectors import Filters
from bayan.inbox.tests.factories import MONDAY, make_conversation
from bayan.organisation.models import Node
from bayan.people.models import Member
from conftest import StaffClient


def names(rows: Iterable[Conversation]) -> list[str]:
    return sorted(row.contact.name for row in rows)


def find(words: str, member: Member) -> list[str]:
    found = selectors.look_for(words)
    filters = Filters(view="all", words=words)
    return names(selectors.conversations(filters, member=member, now=MONDAY, found=found))


@pytest.mark.parametrize(
    "words",
    ["أم ريان", "ريان", "ام ريان", "0500000142", "+966500000142", "٠٥٠٠٠٠٠١٤٢", "500000142"],
)
def test_a_conversation_is_found_by_name_and_by_phone(desk_responder: Member, words: str) -> None:
    make_conversation(name="أم ريان", phone="966500000142")
    make_conversation(name="أبو ياسر", phone="966511111111")
    assert find(words, desk_responder) == ["أم ريان"]


def test_a_conversation_is_found_by_the_beginning_of_its_number_in_any_digits(
    desk_responder: Member,
) -> None:
    conversation = make_conversation(name="أم ريان", matter="482173095")
    make_conversation(name="أبو ياسر", matter="511111115")
    for words in ("482173095", "٤٨٢ ١٧٣ ٠٩٥", "4821"):
        assert find(words, desk_responder) == [conversation.contact.name]


@pytest.mark.parametrize(
    "words",
    [
        "الحاوية", "حاويه", "بالحاوية", "والحاويات ممتلئة", "حاويات", "ممتلئه", "مدرسة أحمد", "المدرسه",
        "احمد", "15", "١٥",
    ],
)  # fmt: skip
def test_words_of_a_message_are_found_however_they_are_spelled(
    desk_responder: Member, words: str
) -> None:
    make_conversation("الحاويات ممتلئة والحاوية الكبيرة خلف مدرسة أحمد شارع ١٥", name="أم ريان")
    make_conversation("الإنارة مطفأة", name="أبو ياسر")
    if len(words) > 2:
        assert find(words, desk_responder) == ["أم ريان"]
    else:
        # Two digits alone would find half of everything.
        assert find(words, desk_responder) == []
    assert find(f"شارع {words}", desk_responder) == ["أم ريان"]


def test_all_words_must_occur(desk_responder: Member) -> None:
    make_conversation("الحاويات ممتلئة", name="أم ريان")
    assert find("الحاويات مكسورة", desk_responder) == []


@pytest.mark.parametrize(
    "words", ["محمد الدو", "الدوسري محمد", "محمد علي الدوسري", "محمد بن علي ا"]
)
def test_words_of_a_name_find_it_whatever_stands_between(
    desk_responder: Member, words: str
) -> None:
    make_conversation(name="محمد بن علي الدوسري", phone="966500000142")
    make_conversation(name="محمد بن علي", phone="966511111111")
    make_conversation(name="نورة الدوسري", phone="966522222222")

    found = selectors.look_for(words)

    assert find(words, desk_responder)[0] == "محمد بن علي الدوسري"
    assert not found.is_near


def test_a_misspelt_name_finds_those_that_are_like_it(desk_responder: Member) -> None:
    make_conversation(name="عبدالعزيز المطيري")
    make_conversation(name="نورة القحطاني")
    found = selectors.look_for("عبدالعزير المطيرى")
    assert found.is_near
    filters = Filters(view="all", words="…")
    rows = selectors.conversations(filters, member=desk_responder, now=MONDAY, found=found)
    assert names(rows) == ["عبدالعزيز المطيري"]
    assert not selectors.look_for("نورة").is_near


@pytest.mark.parametrize("words", ["%", "_", "\\", "'", "؟!", "a & b | !c", ":*", "()", "12"])
def test_signs_are_no_commands(desk_responder: Member, words: str) -> None:
    make_conversation("نص", name="أم ريان")
    assert find(words, desk_responder) == []


def test_nobody_finds_what_another_body_has(
    khobar: Node, qatif: Node, khobar_responder: Member, desk_responder: Member
) -> None:
    make_conversation("تسرب عند المسجد", name="سالم", phone="966533333333", node=qatif)
    make_conversation("تسرب عند السوق", name="ليلى", node=khobar)
    with transaction.atomic():
        look_as(khobar_responder.pk)
        assert find("تسرب", khobar_responder) == ["ليلى"]
        for words in ("سالم", "سلم", "966533333333", "المسجد"):
            found = selectors.look_for(words)
            assert (found.contacts, found.conversations, found.matters) == ([], [], [])
        look_as(desk_responder.pk)
        assert find("تسرب", desk_responder) == ["سالم", "ليلى"]
        connection.cursor().execute("SELECT set_config('role', 'bayan_worker', true)")


def test_counts_follow_the_filters_and_the_search(khobar: Node, desk_responder: Member) -> None:
    make_conversation("تسرب", node=khobar)
    make_conversation("تسرب")
    make_conversation("إنارة")
    make_conversation("تسرب", matter="")

    def counts(**filters: Any) -> dict[str, int]:
        found = selectors.look_for(filters["words"]) if "words" in filters else None
        return selectors.counts(Filters(**filters), member=desk_responder, now=MONDAY, found=found)

    assert {key: counts()[key] for key in ("waiting", "open", "closed", "all")} == {
        "waiting": 3, "open": 3, "closed": 1, "all": 4,
    }  # fmt: skip
    assert counts(words="تسرب")["waiting"] == 2
    assert counts(body="khobar")["all"] == 1
    assert counts(words="لا يوجد")["all"] == 0


def test_a_list_is_narrowed_to_what_came_and_when(
    client: StaffClient, desk_responder: Member
) -> None:
    passed_on = make_conversation("بيقطعون الماء ثلاثة أيام", forwarded="often")
    pictures = make_conversation("", kind="image")
    make_conversation("قديم", now=MONDAY - timedelta(days=20))
    # What went round in a matter that is over says nothing of the present one.
    earlier = make_conversation("مرة ثانية", forwarded="often")
    Conversation.objects.filter(pk=earlier.pk).update(matter="900000001")

    def found(**filters: Any) -> set[int]:
        wanted = Filters(view="all", **filters)
        rows = selectors.conversations(wanted, member=desk_responder, now=MONDAY)
        counts = selectors.counts(wanted, member=desk_responder, now=MONDAY)
        assert counts["all"] == rows.count()
        return set(rows.values_list("pk", flat=True))

    assert found(holds="forwarded") == {passed_on.pk}
    assert found(holds="picture") == {pictures.pk}
    assert len(found(span="week")) == 3
    assert len(found(span="month")) == 4
    client.force_login(desk_responder)
    page = client.get("/inbox/?view=all&holds=forwarded&span=").content.decode()
    assert (page.count('id="row-'), "بيقطعون" in page) == (1, True)
    # The list without filters marks it too, and only it.
    assert client.get("/inbox/?view=all").content.decode().count("tag is-warn") == 1
    # What an address cannot mean is left out.
    assert client.get("/inbox/?view=all&holds=x&span=y").content.decode().count('id="row-') == 4
    choices = client.get("/inbox/choices?holds=forwarded").content.decode()
    assert 'value="forwarded" selected' in choices


def test_the_list_can_be_narrowed_to_one_number(
    client: StaffClient, desk_responder: Member
) -> None:
    first = make_conversation(name="أم ريان", phone="966500000142")
    second_number = Number.objects.create(
        account=first.number.account, external_id="2001", display="800 111", node=first.node
    )
    second = make_conversation(name="أبو ياسر", phone="966511111111", number_id=second_number.pk)
    client.force_login(desk_responder)

    page = client.get(f"/inbox/?view=all&number={second_number.pk}").content.decode()

    assert f"/inbox/{second.public_id}/" in page
    assert f"/inbox/{first.public_id}/" not in page
    narrow = client.get(f"/inbox/choices?number={second_number.pk}").content.decode()
    assert f'<option value="{second_number.pk}" selected>' in narrow
    assert client.get("/inbox/?view=all&number=99999999999999999999").status_code == 200


def test_an_index_answers_a_search_for_words(db: None) -> None:
    make_conversation("الحاويات ممتلئة")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            "EXPLAIN SELECT id FROM inbox_message WHERE words @@ 'حاويات:*'::tsquery AND text <> ''"
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "message_words" in plan


@pytest.mark.parametrize("most", [1, 2, 50])
def test_the_latest_messages_are_found_whether_words_are_frequent_or_rare(
    khobar: Node, desk_responder: Member, khobar_responder: Member, most: int
) -> None:
    """As few as one is found among the latest, more than there are in the index: by all bodies or by one."""
    at_the_desk = [make_conversation("الحاويات ممتلئة") for _number in range(3)]
    in_khobar = [make_conversation("حاويات الحي", node=khobar) for _number in range(3)]
    make_conversation("إنارة", node=khobar)

    def found_by(member: Member) -> list[int]:
        with transaction.atomic(), connection.cursor() as cursor:
            look_as(member.pk)
            cursor.execute(
                "SELECT conversation_id FROM messages_found(%s, %s)", [query_of("حاويات"), most]
            )
            found = [row[0] for row in cursor.fetchall()]
            cursor.execute("SELECT set_config('role', 'bayan_worker', true)")
            return found

    everything = [row.pk for row in (*at_the_desk, *in_khobar)][::-1]
    assert found_by(desk_responder) == everything[:most]
    assert found_by(khobar_responder) == [row.pk for row in in_khobar][::-1][:most]


def test_waiting_ones_that_were_put_off_come_back_when_the_person_writes(
    desk_responder: Member,
) -> None:
    conversation = make_conversation(phone="966500000001", whatsapp_id="SA.1")
    Conversation.objects.update(snoozed_until=MONDAY + timedelta(days=1))
    waiting = Filters(view="waiting")
    assert not selectors.conversations(waiting, member=desk_responder, now=MONDAY)
    assert selectors.conversations(
        waiting, member=desk_responder, now=MONDAY + timedelta(days=2)
    ).exists()

    make_conversation("مرة ثانية", phone="966500000001", whatsapp_id="SA.1")

    conversation.refresh_from_db()
    assert conversation.snoozed_until is None
    assert Message.objects.filter(conversation=conversation).count() == 2
