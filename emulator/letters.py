"""The pages of text messages and letters: what phones and mailboxes got, and the troubles in force."""

import time
from collections import defaultdict
from html import escape
from urllib.parse import parse_qsl

from emulator.asgi import Request, Response
from emulator.faults import Faults
from emulator.mail import KINDS as MAIL_KINDS
from emulator.mail import Post
from emulator.sms import KINDS as SMS_KINDS
from emulator.sms import Gateways, Text

SHOWN = 40
WORDS = {
    "ar": {
        "sms": "الرسائل القصيرة",
        "mail": "البريد الإلكتروني",
        "phones": "هواتف واتساب",
        "nothing_sms": "لم تصل رسالة قصيرة بعد.",
        "nothing_mail": "لم يصل بريد بعد.",
        "faults": "أعطال الآن: {names}",
        "no_faults": "لا أعطال الآن.",
        "sent": "أُرسلت",
        "delivered": "سُلّمت",
        "failed": "لم تُسلَّم",
        "other": "English",
        "trouble": "عطل",
        "once": "مرة واحدة",
        "switch_on": "تشغيل",
        "switch_off": "إنهاء الأعطال كلها",
        "error": "رفض",
        "fail": "يُقبل ثم لا يُسلَّم",
        "timeout": "يُقبل ويتأخر الجواب",
        "delay": "تأخر التسليم",
        "drop": "ضياع",
        "duplicate": "تكرار",
        "outage": "انقطاع",
        "expired_token": "مفتاح مرفوض",
        "rate_limit": "أكثر من الحد",
        "bad_gateway": "بوابة وسيطة معطلة",
        "disconnect": "انقطاع الاتصال بلا جواب",
    },
    "en": {
        "sms": "Text messages",
        "mail": "E-mail",
        "phones": "WhatsApp phones",
        "nothing_sms": "No text message has come yet.",
        "nothing_mail": "No letter has come yet.",
        "faults": "Faults now: {names}",
        "no_faults": "No faults now.",
        "sent": "sent",
        "delivered": "delivered",
        "failed": "not delivered",
        "other": "العربية",
        "trouble": "Fault",
        "once": "once",
        "switch_on": "Switch on",
        "switch_off": "End all faults",
        "error": "refused",
        "fail": "taken, then not delivered",
        "timeout": "taken, the answer is late",
        "delay": "delivered late",
        "drop": "lost",
        "duplicate": "twice",
        "outage": "outage",
        "expired_token": "key refused",
        "rate_limit": "too many",
        "bad_gateway": "a gateway in between is broken",
        "disconnect": "cut off without an answer",
    },
}
PAGE = """<!DOCTYPE html>
<html lang="{lang}" dir="{direction}">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width,initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>{title}</title>
    <link rel="icon" href="/static/mark.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/static/page.css">
    <script type="module" src="/static/letters.js"></script>
  </head>
  <body>
    <header class="top of-letters">
      <p class="brand"><img src="/static/mark.svg" alt="" width="28" height="28">{title}</p>
      <a class="plain-button" href="/?lang={lang}">{phones}</a>
      <a class="plain-button" href="/sms?lang={lang}">{sms}</a>
      <a class="plain-button" href="/mail?lang={lang}">{mail}</a>
      <a class="plain-button" href="?lang={other_lang}" lang="{other_lang}">{other}</a>
    </header>
    <form class="trouble" method="post" action="{action}?lang={lang}">
      <label>{trouble} <select name="kind">{kinds}</select></label>
      <label class="check"><input type="checkbox" name="once" value="1" checked> {once}</label>
      <button class="plain-button" type="submit">{switch_on}</button>
      <button class="plain-button" type="submit" name="clear" value="1">{switch_off}</button>
    </form>
    <main class="letters" data-letters>
      <p class="quiet">{faults}</p>
      {body}
    </main>
  </body>
</html>
"""


class Letters:
    """Draws both pages; they look again every few seconds."""

    def __init__(self, gateways: Gateways, post: Post) -> None:
        self._gateways, self._post = gateways, post

    async def sms(self, request: Request) -> Response:
        lang, words = _language(request)
        by_phone: dict[str, list[Text]] = defaultdict(list)
        for text in reversed(self._gateways.texts):
            by_phone[text.to].append(text)
        cards = [
            f'<section class="card"><h2><bdi dir="ltr">+{escape(phone)}</bdi></h2>'
            + "".join(_text(text, words) for text in texts[:SHOWN])
            + "</section>"
            for phone, texts in list(by_phone.items())[:SHOWN]
        ]
        body = "\n".join(cards) or f"<p>{words['nothing_sms']}</p>"
        return _page(lang, "sms", body, self._gateways.faults, SMS_KINDS)

    async def mail(self, request: Request) -> Response:
        lang, words = _language(request)
        cards = []
        for address, letters in self._post.boxes.items():
            shown = [letter.to_json() for letter in letters[-SHOWN:][::-1]]
            rows = "".join(
                f'<article class="letter"><h3>{escape(each["subject"])}</h3>'
                f'<p class="quiet"><bdi dir="ltr">{escape(each["from"] or "<>")}</bdi> · '
                f"{_clock(each['at'])}</p>"
                f'<p class="said" dir="auto">{escape(each["text"])}</p></article>'
                for each in shown
            )
            cards.append(
                f'<section class="card"><h2><bdi dir="ltr">{escape(address)}</bdi></h2>{rows}</section>'
            )
        body = "\n".join(cards) or f"<p>{words['nothing_mail']}</p>"
        return _page(lang, "mail", body, self._post.faults, MAIL_KINDS)

    async def trouble_sms(self, request: Request) -> Response:
        return _troubled(request, "/sms", self._gateways.faults, SMS_KINDS)

    async def trouble_mail(self, request: Request) -> Response:
        return _troubled(request, "/mail", self._post.faults, MAIL_KINDS)


def _text(text: Text, words: dict[str, str]) -> str:
    return (
        f'<article class="letter" data-text="{escape(text.id)}">'
        f'<h3><bdi dir="ltr">{escape(text.sender)}</bdi></h3>'
        f'<p class="said" dir="auto">{escape(text.text)}</p>'
        f'<p class="quiet">{_clock(text.at)} · {words[text.state]} · {escape(text.gateway)}</p></article>'
    )


def _troubled(request: Request, path: str, faults: Faults, kinds: dict[str, str]) -> Response:
    """Switch a fault on, or all off, and lead back to the page."""
    asked = dict(parse_qsl(request.body.decode("utf-8", "replace")))
    if "clear" in asked:
        faults.clear()
    elif asked.get("kind") in kinds:
        faults.add(kind=asked["kind"], count=1 if asked.get("once") else None)
    lang, _words = _language(request)
    return Response(status=303, headers=[(b"location", f"{path}?lang={lang}".encode())])


def _page(lang: str, what: str, body: str, faults: Faults, kinds: dict[str, str]) -> Response:
    words = WORDS[lang]
    names = ", ".join(sorted({words[str(fault["kind"])] for fault in faults.listed()}))
    html = PAGE.format(
        lang=lang,
        direction="rtl" if lang == "ar" else "ltr",
        title=words[what],
        action=f"/{what}",
        kinds="".join(f'<option value="{kind}">{words[kind]}</option>' for kind in kinds),
        trouble=words["trouble"],
        once=words["once"],
        switch_on=words["switch_on"],
        switch_off=words["switch_off"],
        phones=words["phones"],
        sms=words["sms"],
        mail=words["mail"],
        other=words["other"],
        other_lang="en" if lang == "ar" else "ar",
        faults=escape(words["faults"].format(names=names) if names else words["no_faults"]),
        body=body,
    )
    return Response(body=html.encode(), content_type="text/html; charset=utf-8")


def _language(request: Request) -> tuple[str, dict[str, str]]:
    lang = "en" if request.query.get("lang") == "en" else "ar"
    return lang, WORDS[lang]


def _clock(moment: float) -> str:
    return f"<time>{time.strftime('%H:%M:%S', time.localtime(moment))}</time>"
