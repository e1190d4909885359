"""A mayor's news: by WhatsApp to the editors, approved, and to journalists by phone and mail, whole."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from e2e.conftest import Instance, axe, wait_for
from e2e.test_conversation import write
from e2e.test_path import sign_in

pytestmark = pytest.mark.xdist_group("phone")

MAYOR, DIRECTOR, JOURNALIST = "966500000705", "966500000480", "966500000871"
BY_MAIL = "salem@paper.example"
LINKED = f"""
from django.utils import timezone
from bayan.people.models import Member
now = timezone.now()
Member.objects.filter(phone="{MAYOR}").update(phone_linked_at=now)
Member.objects.filter(email__startswith="director@").update(phone="{DIRECTOR}", phone_linked_at=now)
"""
TEXT = (
    "افتتح رئيس بلدية محافظة الخبر اليوم ممشى الواجهة البحرية بطول أربعة كيلومترات.\n"
    "ويضم الممشى مسارات للدراجات ومناطق لعب للأطفال."
)


# As far as anybody looks at it, a clip.
CLIP = b"\0\0\0\x18ftypisom\0\0\0\0isomiso2avc1mp41" + b"\0" * 4_000


def a_picture(shade: int) -> bytes:
    file = BytesIO()
    Image.effect_mandelbrot((900, 600), (-2, -1 - shade / 9, 1, 1), 60).convert("RGB").save(
        file, "JPEG", quality=90
    )
    return file.getvalue()


def send_file(
    instance: Instance, content: bytes, name: str, *, caption: str = "", **more: str
) -> None:
    """A file as somebody attaches it to a chat: as a document, unless `kind` says otherwise."""
    kind, mime_type = more.get("kind", "document"), more.get("mime_type", "image/jpeg")
    headers = {"Content-Type": mime_type, "X-Filename": name}
    kept = httpx.post(f"{instance.emulator}/_phone/media", content=content, headers=headers).json()
    part = {key: kept[key] for key in ("id", "mime_type", "sha256")}
    if caption:
        part["caption"] = caption
    if kind == "document":
        part["filename"] = name
    write(instance, MAYOR, message={"type": kind, kind: part})


def told(instance: Instance, phone: str) -> list[str]:
    """What that phone was sent, the latest last."""
    sent = httpx.get(f"{instance.emulator}/_control/sent").json()["items"]
    return [str(item["body"]) for item in sent if item["to"].strip("+") == phone]


def sent_to(instance: Instance, phone: str, words: str) -> dict[str, Any] | None:
    """The latest message with these words on that phone."""
    items = httpx.get(f"{instance.emulator}/_control/sent").json()["items"]
    found = [one for one in items if one["to"].strip("+") == phone and words in str(one["body"])]
    return found[-1] if found else None


def mails(instance: Instance, address: str) -> list[dict[str, Any]]:
    """What lies in that mailbox."""
    found: list[dict[str, Any]] = httpx.get(
        f"{instance.emulator}/_control/mail", params={"to": address}
    ).json()["items"]
    return found


def test_a_mayors_story_with_pictures_reaches_a_journalist_byte_for_byte(
    instance: Instance, new_page: Callable[..., Page]
) -> None:
    done = instance.bayan("manage", "shell", "--no-imports", "--command", LINKED)
    assert done.returncode == 0, done.stderr
    pictures = [a_picture(shade) for shade in range(8)]
    # Who wrote within the day is asked with buttons.
    write(instance, DIRECTOR, text="مهامي")

    write(instance, MAYOR, text="طلب نشر")
    wait_for(lambda: any("مستند" in text for text in told(instance, MAYOR)))
    for number, content in enumerate(pictures, start=1):
        send_file(instance, content, f"IMG_{number}.jpg", caption="الممشى" if number == 1 else "")
    send_file(instance, CLIP, "CLIP.mp4", kind="video", mime_type="video/mp4")
    write(instance, MAYOR, text=f"ممشى الكورنيش يفتح أبوابه\n{TEXT}")
    wait_for(lambda: any("8 صور" in text and "مقطع" in text for text in told(instance, MAYOR)), 30)
    # One answer for all of them, and not one each.
    assert len(told(instance, MAYOR)) == 2
    write(instance, MAYOR, text="إرسال")
    wait_for(lambda: "وصل طلب النشر" in told(instance, MAYOR)[-1])

    editor = new_page(viewport={"width": 1366, "height": 900})
    sign_in(editor, instance, "يزيد الحربي")
    editor.get_by_role("link", name="النشر").click()
    found = {"queue": axe(editor)}
    editor.get_by_role("link", name=re.compile("ممشى الكورنيش يفتح أبوابه")).click()
    expect(editor.locator(".press-files li")).to_have_count(9)
    expect(editor.locator(".press-files .badge.is-ok")).to_have_count(8)
    found["story"] = axe(editor)
    editor.get_by_label("النص للصحفيين").fill(TEXT.replace("اليوم", "اليوم الأحد"))
    editor.get_by_role("button", name="حفظ", exact=True).click()
    expect(editor.locator("ins")).to_contain_text("الأحد")
    editor.get_by_label("وزن المادة").select_option("important")
    editor.get_by_label("من يعتمد").select_option(label="فيصل العتيبي")
    editor.get_by_role("button", name="قبول أو طلب اعتماد").click()
    address = editor.url

    # Approved by one press in WhatsApp, under the message that asks for it.
    def press_approve(asked: dict[str, Any] | None) -> None:
        assert asked is not None
        button = asked["body"]["interactive"]["action"]["buttons"][0]["reply"]
        assert button["title"] == "اعتماد"
        pressed = {"type": "button_reply", "button_reply": button}
        context = {"id": asked["id"]}
        write(
            instance,
            DIRECTOR,
            message={"type": "interactive", "interactive": pressed, "context": context},
        )

    old = wait_for(lambda: sent_to(instance, DIRECTOR, "اعتماد نشر"), 30)
    # Its words change: the button that was sent for the old ones approves nothing, and says so.
    editor.get_by_label("النص للصحفيين").fill(TEXT.replace("اليوم", "اليوم الأحد السابع"))
    editor.get_by_role("button", name="حفظ", exact=True).click()
    expect(editor.locator("ins")).to_contain_text("السابع")
    press_approve(old)
    wait_for(lambda: "لم يعد هذا الاعتماد" in told(instance, DIRECTOR)[-1])
    editor.goto(address)
    editor.get_by_label("وزن المادة").select_option("important")
    editor.get_by_label("من يعتمد").select_option(label="فيصل العتيبي")
    editor.get_by_role("button", name="قبول أو طلب اعتماد").click()
    asked = wait_for(
        lambda: new if (new := sent_to(instance, DIRECTOR, "اعتماد نشر")) != old else None, 30
    )
    # The dispatcher writes down what it sent a moment after: nobody presses sooner than a page loads.
    editor.reload()
    press_approve(asked)
    wait_for(lambda: any("قُبل للنشر" in text for text in told(instance, MAYOR)), 60)

    write(instance, JOURNALIST, name="منى الصحفية", text="السلام عليكم")
    editor.goto(f"{instance.url}/press/journalists/new/")
    editor.get_by_label("الاسم").fill("منى الصحفية")
    editor.get_by_label("الجهة الإعلامية").fill("صحيفة الساحل")
    editor.get_by_label("الجوال (واتساب)").fill(f"+{JOURNALIST}")
    editor.get_by_label("وافق على استقبال أخبارنا").check()
    editor.get_by_role("button", name="حفظ", exact=True).click()
    editor.goto(f"{instance.url}/press/journalists/new/")
    editor.get_by_label("الاسم").fill("سالم الصحفي")
    editor.get_by_label("البريد الإلكتروني", exact=True).fill(BY_MAIL)
    editor.get_by_label("وافق على استقبال أخبارنا").check()
    editor.get_by_role("button", name="حفظ", exact=True).click()
    editor.get_by_role("link", name="قائمة جديدة").click()
    editor.get_by_label("اسم القائمة").fill("الصحف المحلية في المنطقة")
    editor.get_by_label("منى الصحفية").check()
    editor.get_by_label("سالم الصحفي").check()
    editor.get_by_role("button", name="حفظ", exact=True).click()
    found["journalists"] = axe(editor)
    editor.goto(f"{address}send/")
    editor.get_by_label("الصحف المحلية في المنطقة").check()
    expect(editor.locator("#reach")).to_contain_text("بالبريد")
    found["send"] = axe(editor)
    editor.get_by_role("button", name="إرسال", exact=True).click()
    expect(editor.locator("#state .badge.is-ok").first).to_be_visible(timeout=30_000)

    text = wait_for(
        lambda: next((said for said in told(instance, JOURNALIST) if "/n/" in said), ""), 30
    )
    # Who has no WhatsApp has it by mail, and answers there.
    (letter,) = wait_for(lambda: mails(instance, BY_MAIL), 30)
    assert "اليوم الأحد" in letter["text"]
    assert "/n/" in letter["text"]
    answer = {"from": BY_MAIL, "to": letter["from"], "text": "متى يُفتح الممشى للزوار؟"}
    headers = {"In-Reply-To": letter["headers"]["Message-ID"], "Message-ID": "<a1@paper.example>"}
    httpx.post(f"{instance.emulator}/_control/mail", json=answer | {"headers": headers})
    secret = re.search(r"/n/([\w-]+)/", text)
    assert secret is not None
    phone = new_page(viewport={"width": 390, "height": 844}, accept_downloads=True)
    phone.goto(f"{instance.url}/n/{secret[1]}/")
    expect(phone.get_by_role("heading", level=1)).to_have_text("ممشى الكورنيش يفتح أبوابه")
    expect(phone.locator("#text")).to_contain_text("اليوم الأحد")
    found["link"] = axe(phone)
    hashes = []
    for link in phone.get_by_role("link", name=re.compile("^الأصل")).all():
        with phone.expect_download() as fetched:
            link.click()
        hashes.append(hashlib.sha256(fetched.value.path().read_bytes()).hexdigest())
    assert hashes == [hashlib.sha256(content).hexdigest() for content in (*pictures, CLIP)]

    editor.reload()
    expect(editor.locator("tbody tr").filter(has_text="منى الصحفية")).to_contain_text("9")
    expect(editor.locator("#answers")).to_contain_text("متى يُفتح الممشى", timeout=20_000)
    found["release"] = axe(editor)
    editor.locator("summary", has_text="سحب").click()
    editor.get_by_role("button", name="سحب نهائي").click()
    expect(editor.locator("#state .badge.is-bad").first).to_be_visible()
    phone.goto("about:blank")
    assert httpx.get(f"{instance.url}/n/{secret[1]}/").status_code == 410
    assert not any(found.values()), found
