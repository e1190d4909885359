"""The pages of broadcasts: what is seen before anything leaves, who may, and what the files hold."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, cast

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.http import StreamingHttpResponse
from django.test import AsyncClient
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bayan.channels.models import Broadcast, Number, Outgoing, Template
from bayan.channels.services import broadcasts
from bayan.channels.tests.factories import body_part, make_account, make_number, make_template
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient

HTMX = {"HX-Request": "true"}
LIST = "/channels/broadcasts/"
WARNING = body_part("يُتوقع هطول {{1}} على {{2}} حتى المساء، ابتعدوا عن الأودية.", "مطر", "الخبر")


@pytest.fixture
def director(desk: Node) -> Member:
    return make_member(Role.Kind.DIRECTOR, desk)


@pytest.fixture
def signed_in(client: StaffClient, director: Member) -> StaffClient:
    make_account()
    client.force_login(director)
    return client


@pytest.fixture
def template(signed_in: StaffClient) -> Template:
    return make_template("storm_warning", components=[WARNING])


def make_draft(by: Member, text: str = "0501234567\n", **changes: Any) -> Broadcast:
    facts: dict[str, Any] = {
        "number": make_number(), "template": Template.objects.get(), "title": "تنبيه",
        "common": {"body.1": "أمطار", "body.2": "الخبر"}, "is_crisis": False, "ttl_seconds": None,
        "text": io.StringIO(text), "by": by, "now": timezone.now(),
    }  # fmt: skip
    return broadcasts.create(**facts | changes)


def page_of(broadcast: Broadcast) -> str:
    return reverse("channels:broadcast", args=[broadcast.public_id])


def written(template: Template, /, **changes: Any) -> dict[str, Any]:
    facts = {
        "title": "تنبيه مطري", "template": str(template.public_id), "lane": "crisis",
        "ttl_seconds": "3600", "value.body.1": "أمطار غزيرة",
        "recipients": "0501234567,الخبر\n0501234568,القطيف\n940,الدمام\n",
    }  # fmt: skip
    return facts | changes


def test_a_draft_shows_examples_and_counts_before_anything_leaves(
    signed_in: StaffClient, template: Template
) -> None:
    answer = signed_in.post(f"{LIST}new", written(template))

    made = Broadcast.objects.get()
    assert answer.headers["Location"] == page_of(made)
    assert (made.state, made.is_crisis, made.ttl_seconds) == ("draft", True, 3600)
    shown = signed_in.get(page_of(made))
    assert [example["seen"]["body"] for example in shown.context["examples"]] == [
        "يُتوقع هطول أمطار غزيرة على الخبر حتى المساء، ابتعدوا عن الأودية.",
        "يُتوقع هطول أمطار غزيرة على القطيف حتى المساء، ابتعدوا عن الأودية.",
    ]
    assert (made.total, made.bad_lines) == (2, 1)
    page = shown.content.decode()
    assert "940 | الدمام" in page
    assert not Outgoing.objects.exclude(state="held").exists()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1256"])
def test_a_file_is_taken_as_it_was_saved(
    signed_in: StaffClient, template: Template, encoding: str
) -> None:
    listed = "رقم الجوال;المتغير\n٠٥٠١٢٣٤٥٦٧;حي النخيل\n".encode(encoding, "replace")
    if encoding == "cp1256":
        listed = "رقم الجوال;المتغير\n0501234567;حي النخيل\n".encode(encoding)
    file = SimpleUploadedFile("list.csv", listed)
    signed_in.post(f"{LIST}new", written(template, recipients="", file=file))

    content = Outgoing.objects.get().content["template"]["components"][0]["parameters"]
    assert content[1]["text"] == "حي النخيل"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"recipients": ""}, "ألصق الأرقام"),
        ({"title": ""}, "عنوانًا"),
        ({"template": "nonsense"}, "هذا القالب"),
        ({"recipients": "mobile\n0501234567\n"}, "المتغيّر 2"),
        ({"value.body.1": "ن" * 1030, "value.body.2": "ب"}, "أطول من المسموح"),
        ({"file": SimpleUploadedFile("list.xlsx", b"PK\x03\x04")}, "CSV"),
    ],
)
def test_what_cannot_be_is_refused_beside_its_field_with_all_that_was_written(
    signed_in: StaffClient, template: Template, changes: dict[str, Any], words: str
) -> None:
    answer = signed_in.post(f"{LIST}new", written(template, **changes))

    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Broadcast.objects.exists()
    assert not Outgoing.objects.exists()


def test_choosing_a_template_brings_what_it_asks_for(
    signed_in: StaffClient, template: Template
) -> None:
    parts = signed_in.post(f"{LIST}preview?part=parts", written(template), headers=HTMX)
    assert [p.key for p, _value in parts.context["form"].parameters] == ["body.1", "body.2"]
    assert 'value="أمطار غزيرة"' in parts.content.decode()

    seen = signed_in.post(f"{LIST}preview", written(template), headers=HTMX)
    assert [p.key for p in seen.context["form"].columns] == ["body.2"]
    assert "أمطار غزيرة" in seen.content.decode()
    assert not Broadcast.objects.exists()


def test_the_buttons_do_what_they_say(
    signed_in: StaffClient, template: Template, director: Member
) -> None:
    broadcast = make_draft(director)

    def press(name: str) -> str:
        path = reverse(f"channels:{name}_broadcast", args=[broadcast.public_id])
        assert signed_in.post(path).status_code == 302
        broadcast.refresh_from_db()
        return broadcast.state

    assert [press(name) for name in ("start", "pause", "resume", "cancel")] == [
        "running", "paused", "running", "cancelled",
    ]  # fmt: skip
    path = reverse("channels:resume_broadcast", args=[broadcast.public_id])
    assert signed_in.post(path).status_code == 409


def test_what_stopped_it_and_what_to_do_stands_on_its_page(
    signed_in: StaffClient, template: Template, director: Member
) -> None:
    broadcast = make_draft(director)
    broadcasts.start(broadcast.public_id, by=director, now=timezone.now())
    Number.objects.update(stopped_at=timezone.now(), stop_error={"code": 190})
    assert "انتهت صلاحية" in signed_in.get(page_of(broadcast)).content.decode()

    Broadcast.objects.update(state="stopped", error={"code": 132015})
    page = signed_in.get(page_of(broadcast)).content.decode()
    assert 'role="alert"' in page
    assert reverse("channels:resume_broadcast", args=[broadcast.public_id]) in page


def test_progress_counts_no_rows_however_many_there_are(
    signed_in: StaffClient, template: Template, director: Member
) -> None:
    broadcast = make_draft(director, "".join(f"05{n:08}\n" for n in range(2_000)))
    broadcasts.start(broadcast.public_id, by=director, now=timezone.now())
    with CaptureQueriesContext(connection) as captured:
        page = signed_in.get(page_of(broadcast), headers=HTMX)

    assert page.context["progress"].waiting == 2_000
    about_rows = [q["sql"] for q in captured if "channels_outgoing" in q["sql"]]
    assert not any("count(" in sql.lower() for sql in about_rows)
    assert len(captured) <= 14


def test_the_list_costs_the_same_queries_whatever_its_length(
    signed_in: StaffClient, template: Template, director: Member
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert signed_in.get(LIST).status_code == 200
        return len(captured)

    make_draft(director)
    few = queries()
    for number in range(12):
        make_draft(director, f"05{number:08}\n")
    assert queries() == few <= 12


@pytest.mark.parametrize(
    ("query", "phones"),
    [
        ({}, ["966501234561", "966501234562", "966501234563"]),
        ({"state": "read"}, ["966501234562"]),
        ({"q": "0501234563"}, ["966501234563"]),
        ({"q": "٥٠١٢٣٤٥٦٣"}, ["966501234563"]),
        ({"q": "+966 50 123 4561"}, ["966501234561"]),
        ({"q": "0501234563", "state": "read"}, []),
        ({"state": "nonsense"}, ["966501234561", "966501234562", "966501234563"]),
    ],
)
def test_recipients_are_found_by_state_and_number(
    signed_in: StaffClient,
    template: Template,
    director: Member,
    query: dict[str, str],
    phones: list[str],
) -> None:
    broadcast = make_draft(director, "".join(f"050123456{n}\n" for n in (1, 2, 3)))
    Outgoing.objects.filter(to_phone="966501234562").update(state="read", read_at=timezone.now())

    page = signed_in.get(page_of(broadcast), {"part": "recipients", **query}, headers=HTMX)
    assert [row.to_phone for row in page.context["rows"]] == phones


def test_a_long_list_of_recipients_goes_on_in_its_order(
    signed_in: StaffClient, template: Template, director: Member
) -> None:
    broadcast = make_draft(director, "".join(f"05{n:08}\n" for n in range(120)))
    Outgoing.objects.filter(pk__in=Outgoing.objects.values("pk")[:70]).update(state="sent")
    seen: list[str] = []
    after = "0"
    while after != "0" or not seen:
        page = signed_in.get(
            page_of(broadcast), {"part": "recipients", "after": after}, headers=HTMX
        )
        seen += [row.to_phone for row in page.context["rows"]]
        after = str(page.context["more_after"])
    assert seen == [f"9665{n:08}" for n in range(120)]


def test_results_and_bad_lines_are_written_as_spreadsheets_read_them(
    committed_db: None,
) -> None:
    director = make_member(Role.Kind.DIRECTOR, Node.objects.get(key="eastern"))
    make_account()
    make_template("storm_warning", components=[WARNING])
    broadcast = make_draft(director, "0501234567\n=cmd|' /C calc'!A0\n0501234568\n")
    Outgoing.objects.filter(to_phone="966501234568").update(
        state="failed", failed_at=timezone.now(), error={"code": 131026}
    )

    async def fetch(name: str) -> list[str]:
        client = AsyncClient()
        await client.aforce_login(director)
        answer = cast(
            "StreamingHttpResponse",
            await client.get(reverse(f"channels:{name}", args=[broadcast.public_id])),
        )
        assert answer.headers["Content-Disposition"].startswith("attachment")
        parts = cast("AsyncIterator[bytes]", answer.streaming_content)
        text = b"".join([part async for part in parts])
        assert text.startswith(b"\xef\xbb\xbf")
        return text.decode("utf-8-sig").splitlines()

    lines = asyncio.run(fetch("broadcast_results"))
    assert len(lines) == 3
    assert lines[1].startswith("966501234567,")
    assert "واتساب" in lines[2]
    (bad,) = asyncio.run(fetch("broadcast_bad_lines"))[1:]
    assert bad.startswith("2,")
    assert "'=cmd" in bad


def test_who_may_not_send_to_many_stays_outside(
    client: StaffClient, desk_responder: Member
) -> None:
    make_account()
    client.force_login(desk_responder)
    for path in (LIST, f"{LIST}new"):
        assert client.get(path).status_code == 403


def test_a_municipality_neither_sees_nor_uses_what_is_the_authoritys(
    client: StaffClient, signed_in: StaffClient, template: Template, director: Member, khobar: Node
) -> None:
    broadcast = make_draft(director)
    client.force_login(make_member(Role.Kind.DIRECTOR, khobar))

    assert client.get(LIST).context["rows"] == []
    for name in ("broadcast", "broadcast_results", "broadcast_bad_lines"):
        assert (
            client.get(reverse(f"channels:{name}", args=[broadcast.public_id])).status_code == 404
        )
    for name in ("start", "pause", "resume", "cancel"):
        path = reverse(f"channels:{name}_broadcast", args=[broadcast.public_id])
        assert client.post(path).status_code == 404
    assert "no_number" in str(client.post(f"{LIST}new", written(template)).templates[0].name)
    assert Broadcast.objects.count() == 1


def test_how_much_of_the_limit_it_uses_is_said_before_it_starts(
    signed_in: StaffClient, template: Template, director: Member
) -> None:
    portfolio = make_number().account.portfolio
    portfolio.daily_limit, portfolio.used = 250, 150
    portfolio.save()
    broadcast = make_draft(director, "".join(f"05{n:08}\n" for n in range(80)))

    page = signed_in.get(page_of(broadcast))

    # A fifth of the limit is kept for a crisis: 200 less 150 are left.
    assert (page.context["room"].left, page.context["over_limit"]) == (50, 30)
    crisis = make_draft(director, "0501234567\n", is_crisis=True)
    assert signed_in.get(page_of(crisis)).context["room"].left == 100


def test_time_left_follows_the_measured_rate(
    signed_in: StaffClient, template: Template, director: Member
) -> None:
    broadcast = make_draft(director, "".join(f"05{n:08}\n" for n in range(100)))
    broadcasts.start(broadcast.public_id, by=director, now=timezone.now() - timedelta(seconds=9))
    Broadcast.objects.update(rate=10)
    assert signed_in.get(page_of(broadcast)).context["seconds_left"] == pytest.approx(10)
