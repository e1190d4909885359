"""A poll to twelve people by buttons, then a meeting: invited, answered, minuted; its decision a task."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pypdfium2
import pytest
from playwright.sync_api import Page, expect

from e2e.conftest import Instance, axe, wait_for
from e2e.test_conversation import write
from e2e.test_path import sign_in

pytestmark = pytest.mark.xdist_group("e2e")

WRITER = "966500000470"
# A director in each of twelve municipalities, with a mobile of their own.
STAFF = """
from django.utils import timezone
from bayan.correspondence.models import AddressList
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
now = timezone.now()
Member.objects.filter(email__startswith="director@").update(phone="966500000470", phone_linked_at=now)
everybody = AddressList.objects.create(node=Node.objects.get(kind="authority"), name="مديرو الإعلام")
for number, node in enumerate(Node.objects.filter(kind="municipality").order_by("pk")[:12]):
    member = Member.objects.create(
        email=f"{node.key}@poll.example", name_ar=f"{node.key} مدير",
        phone=f"96654700{number:04}", phone_linked_at=now, toured_at=now, password="!",
    )
    Role.objects.create(member=member, kind="director", node=node, starts_at=now)
    everybody.members.add(member)
"""
PHONES = [f"96654700{number:04}" for number in range(12)]
# The ten seconds in which sending can be undone are over; the meeting has begun.
LEAVES = """
from django.utils import timezone
from bayan.meetings.models import Meeting, Poll
Poll.objects.update(leaves_at=timezone.now())
Meeting.objects.update(leaves_at=timezone.now())
"""
BEGUN = """
from datetime import timedelta
from django.utils import timezone
from bayan.meetings.models import Meeting
Meeting.objects.update(starts_at=timezone.now() - timedelta(hours=1))
"""


def test_directors_vote_meet_and_what_they_decide_is_followed(
    instance: Instance, new_page: Callable[..., Page]
) -> None:
    def carry_out(code: str) -> None:
        done = instance.bayan("manage", "shell", "--no-imports", "--command", code)
        assert done.returncode == 0, done.stderr

    def messages(words: str) -> dict[str, dict[str, Any]]:
        """The latest message with these words on each phone."""
        items = httpx.get(f"{instance.emulator}/_control/sent").json()["items"]
        said = [(item, json.dumps(item["body"], ensure_ascii=False)) for item in items]
        return {item["to"]: item for item, body in said if words in body}

    def told(words: str, people: set[str]) -> dict[str, dict[str, Any]]:
        """These messages, once everybody named has theirs."""
        wait_for(lambda: messages(words).keys() >= people, 60)
        return messages(words)

    def press(phone: str, message: dict[str, Any], place: int) -> None:
        button = message["body"]["interactive"]["action"]["buttons"][place]["reply"]
        write(
            instance, phone,
            message={
                "type": "interactive",
                "interactive": {"type": "button_reply", "button_reply": button},
                "context": {"id": message["id"]},
            },
        )  # fmt: skip

    carry_out(STAFF)
    for phone in (WRITER, *PHONES):
        write(instance, phone, text="مهامي")
    wait_for(lambda: messages("").keys() >= set(PHONES))

    director = new_page(viewport={"width": 1366, "height": 900})
    sign_in(director, instance, "فيصل العتيبي")

    # --- The poll
    director.goto(f"{instance.url}/meetings/polls/new/")
    director.get_by_label("السؤال").fill("هل يناسبكم الاجتماع يوم الأحد؟")
    director.locator("[name=options]").fill("نعم\nلا")
    director.get_by_text("القوائم", exact=True).click()
    director.get_by_label("مديرو الإعلام").check()
    assert axe(director) == []
    director.get_by_role("button", name="حفظ المسودة").click()
    director.get_by_role("button", name="إرسال الاستطلاع").click()
    expect(director.locator("#outcome")).to_be_visible()
    carry_out(LEAVES)
    asked = told("يناسبكم الاجتماع", set(PHONES))
    for place, phone in enumerate(PHONES[:9]):
        press(phone, asked[phone], 0 if place < 7 else 1)
    # One by a word, without quoting.
    write(instance, PHONES[9], text="لا")
    # Nobody reloads the page.
    outcome = director.locator("#outcome")
    expect(outcome).to_contain_text("10/12", timeout=30_000)
    expect(outcome).to_contain_text("اكتمل النصاب")
    assert axe(director) == []
    director.get_by_role("button", name="إقفال الآن").click()
    expect(outcome).to_contain_text("الأكثر أصواتًا: نعم")
    result = told("نتيجة الاستطلاع", {WRITER, *PHONES})
    assert "• لا: 3" in str(result[WRITER]["body"])

    # --- The meeting
    director.goto(f"{instance.url}/meetings/new/")
    director.get_by_label("العنوان").fill("الاجتماع الدوري")
    director.locator("[name=starts_at]").fill("2031-01-05T10:00")
    director.get_by_label("المكان").fill("القاعة الكبرى")
    director.get_by_label("البند 1").fill("موسم الأمطار")
    director.get_by_text("القوائم", exact=True).click()
    director.get_by_label("مديرو الإعلام").check()
    assert axe(director) == []
    director.get_by_role("button", name="حفظ المسودة").click()
    director.get_by_role("button", name="إرسال الدعوات").click()
    expect(director.locator("#people")).to_be_visible()
    carry_out(LEAVES)
    invited = told("دعوة إلى اجتماع", set(PHONES))
    press(PHONES[0], invited[PHONES[0]], 0)
    press(PHONES[1], invited[PHONES[1]], 2)
    wait_for(lambda: PHONES[1] in messages("من ينوب عنك"))
    write(instance, PHONES[1], text="سعد الحربي")
    expect(director.locator("tr[data-answer=comes]")).to_have_count(1, timeout=30_000)
    expect(director.locator("#people")).to_contain_text("سعد الحربي")
    assert axe(director) == []

    carry_out(BEGUN)
    director.reload()
    director.get_by_role("link", name="كتابة المحضر").click()
    director.get_by_label("1. موسم الأمطار").fill("استُعرضت خطة موسم الأمطار.")
    director.get_by_role("button", name="حفظ المحضر").click()
    director.get_by_label("القرار", exact=True).fill("فحص مضخات الأنفاق")
    director.locator("[name=owner]").select_option(index=1)
    director.locator("[name=due_at]").fill("2031-02-01T12:00")
    director.get_by_role("button", name="تدوين القرار").click()
    assert axe(director) == []
    director.get_by_role("button", name="رفع المحضر").click()
    expect(director.locator("#decisions")).to_contain_text("قيد التنفيذ")
    task = wait_for(lambda: messages("*فحص مضخات الأنفاق"), 30)
    wait_for(lambda: messages("اعتُمد محضر").keys() >= set(PHONES), 30)
    [(owner, message)] = task.items()
    press(owner, message, 0)
    expect(director.locator("#decisions")).to_contain_text("أُنجز", timeout=30_000)

    pdf = pypdfium2.PdfDocument(director.request.get(f"{director.url}minutes.pdf").body())
    words = "".join(page.get_textpage().get_text_range() for page in pdf)
    assert "مضخات" in words
    assert "سعد" in words
