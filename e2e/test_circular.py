"""A circular to twenty-five municipalities: seen by some, read by others, by SMS for five, three silent.

One more has no mobile: they get it by e-mail, and answer there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx
import pypdfium2
import pytest
from playwright.sync_api import Page, expect

from e2e.conftest import Instance, axe, wait_for
from e2e.test_conversation import write
from e2e.test_path import sign_in
from e2e.test_story import mails

pytestmark = pytest.mark.xdist_group("phone")

WRITER, BY_MAIL = "966500000460", "bymail@circular.example"
# Three people in each municipality, with mobiles of their own, which they have linked.
STAFF = """
from django.utils import timezone
from bayan.organisation.models import Node
from bayan.correspondence.models import AddressList
from bayan.people.models import Member, Role
now = timezone.now()
Member.objects.filter(email__startswith="director@").update(phone="966500000460", phone_linked_at=now)
bodies = Node.objects.filter(kind="municipality")
everybody = AddressList.objects.create(node=Node.objects.get(kind="authority"), name="مندوبو البلديات")
number = 0
for node in bodies.order_by("pk"):
    for kind in ("executive", "director", "press_officer"):
        member = Member.objects.create(
            email=f"{node.key}.{kind}@circular.example", name_ar=f"{node.key} {kind}",
            phone=f"96654600{number:04}", phone_linked_at=now, toured_at=now, password="!",
        )
        Role.objects.create(member=member, kind=kind, node=node, starts_at=now)
        everybody.members.add(member)
        number += 1
member = Member.objects.create(
    email="bymail@circular.example", name_ar="khobar by mail", phone="", toured_at=now, password="!"
)
Role.objects.create(member=member, kind="viewer", node=bodies.get(key="khobar"), starts_at=now)
everybody.members.add(member)
print(number)
"""
PHONES = [f"96654600{number:04}" for number in range(75)]
# Working hours pass for those who are silent: the next rung of their ladder is due.
LATER = """
from datetime import timedelta
from django.db.models import F
from django.utils import timezone
from bayan.work.models import Clock, Item, Notice
Notice.objects.filter(told_at__isnull=False).update(told_at=F("told_at") - timedelta(hours=1))
keys = Item.objects.filter(owner__phone__in={phones}, state="open").values_list("public_id", flat=True)
Clock.objects.filter(subject_key__in=map(str, keys), rings_at__isnull=False).update(
    rings_at=timezone.now()
)
"""


def test_a_circular_to_all_municipalities_is_followed_until_nobody_is_silent(
    instance: Instance, new_page: Callable[..., Page]
) -> None:
    def carry_out(code: str) -> str:
        done = instance.bayan("manage", "shell", "--no-imports", "--command", code)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def control(path: str, **body: Any) -> None:
        httpx.post(f"{instance.emulator}/_control/{path}", json=body).raise_for_status()

    def messages() -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = httpx.get(f"{instance.emulator}/_control/sent").json()[
            "items"
        ]
        return items

    def circulars() -> dict[str, dict[str, Any]]:
        """The message about the circular on each phone."""
        return {
            item["to"]: item
            for item in messages()
            if item["to"] in PHONES and "خطة موسم الأمطار" in str(item["body"])
        }

    assert carry_out(STAFF).strip() == "75"
    # Everybody has written today, so that Bayan may write to them freely.
    for phone in (WRITER, *PHONES):
        write(instance, phone, text="مهامي")
    wait_for(lambda: {item["to"] for item in messages()} >= set(PHONES))

    director = new_page(viewport={"width": 1366, "height": 900})
    sign_in(director, instance, "فيصل العتيبي")
    director.goto(f"{instance.url}/letters/new/")
    director.get_by_label("الموضوع").fill("خطة موسم الأمطار")
    director.get_by_label("النص").fill("السلام عليكم، نأمل الاطلاع خلال ثلاثة أيام.")
    director.get_by_text("القوائم", exact=True).click()
    director.get_by_label("مندوبو البلديات").first.check()
    assert axe(director) == []
    director.get_by_role("button", name="حفظ المسودة").click()
    assert axe(director) == []
    # Five numbers are not on WhatsApp.
    control("faults", kind="fail", code=131026, count=5)
    director.get_by_role("button", name="رفع للتوقيع").click()
    expect(director.locator("#stages")).to_be_visible()

    wait_for(lambda: len(circulars()) == 75, 60)
    # Whoever of the house has linked no mobile is told of tasks by text message, too.
    gone = wait_for(
        lambda: (
            (
                texts := [
                    text
                    for text in httpx.get(f"{instance.emulator}/_control/sms").json()["items"]
                    if "خطة موسم الأمطار" in str(text)
                ]
            )[4:]
            and texts
        ),
        60,
    )
    by_sms = {text["to"].removeprefix("+") for text in gone}
    assert len(by_sms) == len(gone) == 5

    there = [phone for phone in PHONES if phone not in by_sms]
    seen, read, silent = there[:55], there[55:67], there[67:]
    assert len(silent) == 3
    sent = circulars()
    for phone in seen:
        reply = {"type": "button_reply", "button_reply": {"id": "work-done", "title": "تم الاطلاع"}}
        write(
            instance,
            phone,
            message={
                "type": "interactive",
                "interactive": reply,
                "context": {"id": sent[phone]["id"]},
            },
        )
    for phone in read:
        httpx.post(f"{instance.emulator}/_phone/read", json={"person": phone}).raise_for_status()
    # Nobody reloads the page.
    counts = director.locator("#stages")
    expect(counts).to_contain_text("55/76", timeout=60_000)
    (letter,) = wait_for(lambda: mails(instance, BY_MAIL), 60)
    assert "خطة موسم الأمطار" in letter["subject"]
    answer = {"from": BY_MAIL, "to": letter["from"], "text": "تم الاطلاع"}
    headers = {
        "In-Reply-To": letter["headers"]["Message-ID"],
        "Message-ID": "<c1@circular.example>",
    }
    httpx.post(f"{instance.emulator}/_control/mail", json=answer | {"headers": headers})
    expect(counts).to_contain_text("56/76", timeout=60_000)
    director.get_by_role("link", name="الكشف كاملًا").click()
    for stage, count in (("done", 56), ("read", 12), ("delivered", 8)):
        expect(director.locator(f"tr[data-stage={stage}]")).to_have_count(count, timeout=30_000)
    expect(director.locator("td", has_text="رسالة قصيرة")).to_have_count(5)
    assert axe(director) == []

    # The silent are reminded and chased, then whoever heads their body hears of it.
    for level in ("تذكير", "تعقيب أول", "تعقيب ثانٍ"):
        carry_out(LATER.format(phones=silent))
        wait_for(
            lambda: (
                {item["to"] for item in messages() if level in str(item["body"])} >= set(silent)  # noqa: B023  # looked at at once
            ),
            60,
        )
    before = len(messages())
    carry_out(LATER.format(phones=silent))
    raised = wait_for(lambda: [i for i in messages()[before:] if i["to"] not in silent], 60)
    assert all("رفع" in str(item["body"]) for item in raised)
    assert {item["to"] for item in raised} <= {*PHONES, WRITER}

    # Whoever answers under the message itself is heard with it.
    address = director.url.split("recipients/")[0]
    context = {"id": sent[read[0]]["id"]}
    question = {"type": "text", "text": {"body": "هل تشمل الطرق الزراعية؟"}, "context": context}
    write(instance, read[0], message=question)
    wait_for(
        lambda: [
            item for item in messages() if item["to"] == read[0] and "ملاحظتكم" in str(item["body"])
        ]
    )
    director.goto(f"{address}recipients/")
    expect(director.get_by_text("هل تشمل الطرق الزراعية؟")).to_be_visible()

    paper = pypdfium2.PdfDocument(director.request.get(f"{address}letter.pdf").body())
    assert "خطة موسم الأمطار" in paper[0].get_textpage().get_text_range()
    certificate = pypdfium2.PdfDocument(director.request.get(f"{address}certificate.pdf").body())
    words = "".join(page.get_textpage().get_text_range() for page in certificate)
    assert "1448/" in words
    assert words.count("khobar") >= 3
    assert "تم 56" in words
    assert words.count("رسالة") == 5

    # Taken back, a button that is still on somebody's phone does nothing and says so.
    director.goto(address)
    director.locator("summary", has_text="سحب المراسلة").click()
    director.get_by_label("السبب (لا تقرؤه إلا جهتك)").fill("نسخة خاطئة")
    director.get_by_role("button", name="سحب المراسلة").click()
    expect(director.locator("#recalled")).to_be_visible()
    before = len(messages())
    pressed = {"type": "button_reply", "button_reply": {"id": "work-done", "title": "تم الاطلاع"}}
    context = {"id": sent[silent[0]]["id"]}
    write(
        instance,
        silent[0],
        message={"type": "interactive", "interactive": pressed, "context": context},
    )
    wait_for(
        lambda: [
            item
            for item in messages()[before:]
            if item["to"] == silent[0] and "انته" in str(item["body"])
        ]
    )


OFFICER = "966500000700"
ONE = f"""
from django.utils import timezone
from bayan.correspondence.models import AddressList
from bayan.organisation.models import Node
from bayan.people.models import Member
officer = Member.objects.get(phone="{OFFICER}")
Member.objects.filter(pk=officer.pk).update(phone_linked_at=timezone.now())
made = AddressList.objects.create(node=Node.objects.get(kind="authority"), name="للمناوبة وحدها")
made.members.add(officer)
"""


def test_of_a_confidential_letter_only_a_link_leaves_and_once_recalled_it_opens_nothing(
    instance: Instance, new_page: Callable[..., Page]
) -> None:
    done = instance.bayan("manage", "shell", "--no-imports", "--command", ONE)
    assert done.returncode == 0, done.stderr
    write(instance, OFFICER, text="مهامي")

    def links() -> list[str]:
        items = httpx.get(f"{instance.emulator}/_control/sent").json()["items"]
        texts = [str(item["body"]) for item in items if item["to"] == OFFICER]
        assert not any("لا تغادر المنصة" in text for text in texts)
        return [found[0] for text in texts if (found := re.search(r"/letters/open/[\w-]+/", text))]

    director = new_page(viewport={"width": 1366, "height": 900})
    sign_in(director, instance, "فيصل العتيبي")
    for title in ("مواقع المضخات الاحتياطية", "أرقام غرفة الطوارئ"):
        before = len(links())
        director.goto(f"{instance.url}/letters/new/")
        director.get_by_label("الموضوع").fill(title)
        director.get_by_label("النص").fill("كلمات لا تغادر المنصة.")
        director.get_by_label("درجة السرية").select_option("restricted")
        director.get_by_text("القوائم", exact=True).click()
        director.get_by_label("للمناوبة وحدها").first.check()
        director.get_by_role("button", name="حفظ المسودة").click()
        director.get_by_role("button", name="رفع للتوقيع").click()
        wait_for(lambda: len(links()) > before, 30)  # noqa: B023  # looked at at once
    read, recalled = links()[-2:]
    director.locator("summary", has_text="سحب المراسلة").click()
    director.get_by_label("السبب (لا تقرؤه إلا جهتك)").fill("أرقام قديمة")
    director.get_by_role("button", name="سحب المراسلة").click()
    expect(director.locator("#recalled")).to_be_visible()

    officer = new_page(viewport={"width": 390, "height": 844})
    sign_in(officer, instance, "هند الدوسري")
    officer.goto(f"{instance.url}{read}")
    expect(officer.get_by_text("كلمات لا تغادر المنصة.")).to_be_visible()
    for link, why in ((recalled, "سُحبت هذه المراسلة."), (read, "سبق استعمال")):
        answer = officer.request.get(f"{instance.url}{link}")
        assert (answer.status, why in answer.text()) == (410, True)
        assert "كلمات لا تغادر المنصة." not in answer.text()
