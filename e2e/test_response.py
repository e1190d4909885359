"""Days on which something goes wrong: an emergency at night, and a person who is not content."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from e2e.conftest import Instance, wait_for
from e2e.test_conversation import heard, open_conversation, write
from e2e.test_path import sign_in

pytestmark = pytest.mark.xdist_group("phone")

OFFICER, DIRECTOR = "966500000700", "966500000790"
# Number and service; what the person wrote stays on the page.
URGENT = "خطر على السلامة"
ON_DUTY = f"""
from datetime import timedelta
from django.utils import timezone
from bayan.organisation.models import Node
from bayan.people.models import Member, Turn
now = timezone.now()
desk = Node.objects.get(kind="authority")
officer = Member.objects.get(phone="{OFFICER}")
begin, end = now - timedelta(minutes=1), now + timedelta(hours=8)
Turn.objects.filter(node=desk, starts_at__lt=end, ends_at__gt=begin).delete()
Turn.objects.create(node=desk, member=officer, starts_at=begin, ends_at=end)
Member.objects.filter(email__startswith="director@").update(
    phone="{DIRECTOR}", phone_linked_at=now
)
"""
# Minutes pass: the next rung of the emergency's ladder is due.
LATER = """
from django.utils import timezone
from bayan.work.models import Clock, Item
keys = Item.objects.filter(is_emergency=True, state="open").values_list("public_id", flat=True)
Clock.objects.filter(subject_key__in=map(str, keys), rings_at__isnull=False).update(
    rings_at=timezone.now()
)
"""


def said_to(instance: Instance, phone: str) -> str:
    """All that this phone has been sent, as one text."""
    return str(heard(instance, phone))


def test_an_emergency_reaches_who_is_on_duty_and_goes_up_until_somebody_has_seen_it(
    instance: Instance, new_page: Callable[..., Page]
) -> None:
    def carry_out(code: str) -> None:
        done = instance.bayan("manage", "shell", "--no-imports", "--command", code)
        assert done.returncode == 0, done.stderr

    carry_out(ON_DUTY)
    # Both have written today, so that Bayan may write to them freely.
    for person in (OFFICER, DIRECTOR):
        write(instance, person, text="مهامي")
    write(instance, "966500000691", name="أم خالد", text="الحقوا طفل طاح في حفرة صرف مكشوفة")
    wait_for(lambda: URGENT in said_to(instance, OFFICER))
    # Nobody answers: reminder, first and second chaser, and the director hears of it. The demo may have told
    # the officer of an emergency, too: whose phone rang three times hears more a minute later.
    for level in ("تذكير", "تعقيب أول"):
        carry_out(LATER)
        wait_for(lambda: level in said_to(instance, OFFICER), 90)  # noqa: B023  # looked at at once
    assert URGENT not in said_to(instance, DIRECTOR)
    carry_out(LATER)
    wait_for(lambda: URGENT in said_to(instance, DIRECTOR))

    phone = new_page(viewport={"width": 1366, "height": 900})
    phone.goto(f"{instance.emulator}/?person={OFFICER}")
    asked = phone.locator("li[data-message-id]", has_text=URGENT).first
    asked.get_by_role("button", name="تم الاطلاع").click()
    director = new_page(viewport={"width": 1366, "height": 900})
    sign_in(director, instance, "فيصل العتيبي")
    open_conversation(director, "أم خالد")
    expect(director.locator("#work-panel [data-item=done]")).to_contain_text("هند الدوسري")


def test_an_unhappy_citizen_opens_the_case_again_and_is_told_so(
    instance: Instance, new_page: Callable[..., Page]
) -> None:
    write(instance, "966500000692", name="أبو يزيد", text="كم رسوم رخصة محل عطور في سيهات")
    page = new_page(viewport={"width": 1366, "height": 900})
    sign_in(page, instance, "هند الدوسري")
    open_conversation(page, "أبو يزيد")
    page.get_by_label("نتيجة المعالجة").select_option("answered")
    page.get_by_label("رسالة الإقفال").fill("الرسوم في منصة بلدي.")
    page.get_by_role("button", name="إقفال البلاغ").click()
    expect(page.locator("#thread-head")).to_contain_text("مقفل")

    phone = new_page(viewport={"width": 1366, "height": 900})
    phone.goto(f"{instance.emulator}/?person=966500000692")
    question = phone.locator("li[data-message-id]", has_text="الرسوم في منصة بلدي")
    question.get_by_role("button", name="تقييم الخدمة").click()
    sheet = phone.get_by_role("dialog")
    sheet.get_by_role("radio", name="غير راضٍ", exact=True).check()
    sheet.get_by_role("button", name="إرسال").click()
    expect(phone.locator("li[data-message-id]").last).to_contain_text("نأسف")
    # Nobody reloads the page.
    expect(page.locator("#facts-case")).to_contain_text("قيد المعالجة")
    # A closed case offers to be opened again; its story says that it was.
    expect(
        page.locator("#facts-case li, main li").filter(has_text="إعادة فتح البلاغ")
    ).to_have_count(1)
