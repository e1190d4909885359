"""What our templates need beyond Django's own."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable
from datetime import date, datetime, timedelta
from functools import lru_cache
from threading import Lock
from typing import Any, Literal

from django import template
from django.conf import settings
from django.template.base import FilterExpression, Parser, Token
from django.templatetags.static import static
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, ngettext, pgettext
from django.utils.translation import gettext as _
from hijridate import Gregorian

from bayan.core import references
from bayan.core.paging import COUNTED_TO

register = template.Library()

# They begin many names and tell nobody apart.
COMMON_WORDS = {"أبو", "ابو", "أم", "ام", "آل", "عبد"}

MINUTE, HOUR, DAY = 60, 60 * 60, 24 * 60 * 60
# Further back a date says more than a count.
COUNTED_DAYS = 7


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """A picture of the sprite (assets/build.mjs); without a label it is decoration."""
    return _icon(name, label)


@lru_cache(maxsize=1_024)
def _icon(name: str, label: str) -> SafeString:
    address = f"{static('core/dist/icons.svg')}#{name}"
    # Arrows and planes point onward: in Arabic to the left.
    flips = " flip" if name.startswith(("chevron-", "arrow-", "send", "logout")) else ""
    if label:
        return format_html(
            '<svg class="icon{}" role="img" aria-label="{}"><use href="{}"></use></svg>',
            flips, label, address,
        )  # fmt: skip
    return format_html(
        '<svg class="icon{}" aria-hidden="true"><use href="{}"></use></svg>', flips, address
    )


@register.filter
def grouped(reference: str) -> SafeString:
    """A case's number as it is read aloud, safe from the text's direction around it."""
    return format_html('<bdi dir="ltr">{}</bdi>', references.grouped(reference))


@register.filter
def phone(number: str) -> SafeString:
    """A mobile number in groups; a Saudi one as +966 50 000 0142."""
    digits = number.lstrip("+")
    saudi = re.fullmatch(r"(966)(\d{2})(\d{3})(\d{4})", digits)
    shown = " ".join(saudi.groups()) if saudi else digits
    return format_html('<bdi dir="ltr">+{}</bdi>', shown)


@register.filter
def count_shown(count: int) -> str:
    """A count as a tab shows it; what was not counted to its end says so."""
    return f"{COUNTED_TO:,}+" if count > COUNTED_TO else f"{count:,}"


@register.filter
def left_to_right(text: object) -> str:
    """Isolated by characters, for the text of an option, which takes no element."""
    return f"\u2066{text}\u2069"


@register.filter
def initial(name: str) -> str:
    """The letter that stands for a name; «أبو» and «ال» would stand for half of all names."""
    letters = [
        next((c for c in word.removeprefix("ال") if unicodedata.category(c).startswith("L")), "")
        for word in sorted(name.split(), key=COMMON_WORDS.__contains__)
    ]
    return next(filter(None, letters), "").upper()


@register.filter
def is_latin(text: str) -> bool:
    """True when a text begins with a Latin letter, which sits otherwise than an Arabic one."""
    return text[:1].isascii()


@register.simple_tag
def moment(value: datetime | None) -> SafeString | str:
    """How long ago, with the exact time in both calendars behind it."""
    if value is None:
        return ""
    return _time(value, since(value, now=timezone.now()))


@register.simple_tag
def clock(value: datetime) -> SafeString:
    """The time of day, with the exact one in both calendars behind it."""
    return _time(value, date_format(timezone.localtime(value), "TIME_FORMAT"))


@register.simple_tag
def exact(value: datetime) -> SafeString:
    """Day and time, with both calendars behind it."""
    return _time(value, date_format(timezone.localtime(value), "DATETIME_FORMAT"))


@register.filter
def dated(value: datetime) -> str:
    """The day of a page's head, in both calendars: Sunday 22 November 2026 · 12 Jumada al-Akhirah 1448 AH."""
    local = timezone.localdate(value)
    hijri = _hijri(local, get_language())
    written = f"{date_format(local, 'l')} {date_format(local, 'DATE_FORMAT')}"
    return f"{written} · {hijri}" if hijri else written


@register.filter
def day(value: datetime) -> str:
    """The day of a message as a heading: today, yesterday, or its weekday, and the date."""
    local = timezone.localdate(value)
    name = date_format(local, "DATE_FORMAT")
    passed = (timezone.localdate() - local).days
    if passed == 0:
        return pgettext("day heading", "Today, %(date)s") % {"date": name}
    if passed == 1:
        return pgettext("day heading", "Yesterday, %(date)s") % {"date": name}
    return pgettext("day heading", "%(weekday)s, %(date)s") % {
        "weekday": date_format(local, "l"),
        "date": name,
    }


def since(value: datetime, *, now: datetime) -> str:
    """The time passed, in the fewest words that are still exact enough."""
    seconds = max(0, int((now - value).total_seconds()))
    if seconds < MINUTE:
        return pgettext("moment", "now")
    if seconds < HOUR:
        minutes = seconds // MINUTE
        return ngettext("%(count)d min ago", "%(count)d min ago", minutes) % {"count": minutes}
    passed = (timezone.localdate(now) - timezone.localdate(value)).days
    if seconds < DAY // 2 or passed == 0:
        hours = seconds // HOUR
        return ngettext("%(count)d h ago", "%(count)d h ago", hours) % {"count": hours}
    if passed == 1:
        return pgettext("moment", "yesterday")
    if passed < COUNTED_DAYS:
        return ngettext("%(count)d day ago", "%(count)d days ago", passed) % {"count": passed}
    local = timezone.localtime(value)
    same_year = local.year == timezone.localtime(now).year
    return date_format(local, "MONTH_DAY_FORMAT" if same_year else "DATE_FORMAT")


def both_calendars(value: datetime) -> str:
    """22 November 2026, 7:12 am · 12 Jumada al-Akhirah 1448 AH."""
    minute = timezone.localtime(value).replace(second=0, microsecond=0)
    return _both_calendars(minute, get_language())


# A page that is fetched anew shows the same moments again.
@lru_cache(maxsize=8_192)
def _both_calendars(minute: datetime, language: str | None) -> str:
    gregorian = date_format(minute, "DATETIME_FORMAT")
    hijri = _hijri(minute.date(), language)
    return f"{gregorian} · {hijri}" if hijri else gregorian


def hijri_words(value: date) -> str:
    """The day in the Umm al-Qura calendar, in the words of the page's language; empty after 2077."""
    return _hijri(value, get_language())


def _hijri(value: date, spoken: str | None) -> str:
    try:
        found = Gregorian.fromdate(value).to_hijri()
    except OverflowError:
        # The table of the Umm al-Qura calendar ends in 2077.
        return ""
    language: Literal["ar", "en"] = "ar" if spoken == "ar" else "en"
    return pgettext("Hijri date", "%(day)d %(month)s %(year)d AH") % {
        "day": found.day,
        "month": found.month_name(language),
        "year": found.year,
    }


def _time(value: datetime, shown: str) -> SafeString:
    return _time_tag(value, shown, get_language())


# The language is asked for because both calendars speak it: it is part of the key.
@lru_cache(maxsize=8_192)
def _time_tag(value: datetime, shown: str, _language: str | None) -> SafeString:
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', value.isoformat(), both_calendars(value), shown
    )


# What was drawn last, in each process: some 3 KB a row.
_DRAWN: dict[tuple[str, Hashable, Hashable], SafeString] = {}
MOST_DRAWN = 4_000
_DRAWING = Lock()


@register.tag
def drawn(parser: Parser, token: Token) -> Drawn:
    """{% drawn "row" look [clock] %}…{% enddrawn %}: drawn once for each look, which holds all that it shows.

    Django's own `cache` does the same for any store and any values; its key alone costs more than this.
    """
    _tag, name, *keys = token.split_contents()
    if not 1 <= len(keys) <= 2:
        raise template.TemplateSyntaxError(
            "{% drawn %} takes a name, a look and at most one more key."
        )
    nodes = parser.parse(("enddrawn",))
    parser.delete_first_token()
    return Drawn(name, [parser.compile_filter(key) for key in keys], nodes)


class Drawn(template.Node):
    """What stands between `drawn` and `enddrawn`."""

    def __init__(
        self, name: str, keys: list[FilterExpression], nodelist: template.NodeList
    ) -> None:
        self.name = name
        self.keys = keys
        self.nodelist = nodelist

    def render(self, context: template.Context) -> SafeString:
        look, clock = (*(key.resolve(context) for key in self.keys), None)[:2]
        key = (self.name, look, clock)
        found = _DRAWN.get(key)
        if found is None:
            found = self.nodelist.render(context)
            with _DRAWING:
                if len(_DRAWN) >= MOST_DRAWN:
                    del _DRAWN[next(iter(_DRAWN))]  # the oldest
                _DRAWN[key] = found
        return found


# Bold and strike as WhatsApp reads them: the mark touches the words inside and nothing outside.
_MONO = re.compile(r"```(.+?)```", re.DOTALL)
_BOLD = re.compile(r"(?<!\w)\*(?=\S)([^*\n]+?)(?<=\S)\*(?!\w)")
_STRIKE = re.compile(r"(?<!\w)~(?=\S)([^~\n]+?)(?<=\S)~(?!\w)")
# Plain addresses only, without the quotes around them and without what a sentence ends with.
_LINK = re.compile(r"https?://(?:(?!&(?:quot|lt|gt|#x27);)[^\s<>\"'])+(?<![.,;:!?،؛؟)\]»])")


@register.filter
def whatsapp(text: str) -> SafeString:
    """A message's text as WhatsApp shows it. Escaped first: whatever a stranger writes stays text."""
    escaped = str(conditional_escape(str(text)))
    parts = _MONO.split(escaped)
    # Every second part stood between the three marks, where nothing else counts.
    return mark_safe(  # noqa: S308  # escaped above; only our own tags are added
        "".join(
            f"<code>{part}</code>" if index % 2 else _with_marks(part)
            for index, part in enumerate(parts)
        )
    )


def _with_marks(escaped: str) -> str:
    pieces, end = [], 0
    for link in _LINK.finditer(escaped):
        address = link.group()
        pieces.append(_bold(escaped[end : link.start()]))
        pieces.append(
            f'<a href="{address}" rel="noopener noreferrer nofollow" target="_blank">'
            f'<bdi dir="ltr">{address}</bdi></a>'
        )
        end = link.end()
    pieces.append(_bold(escaped[end:]))
    return "".join(pieces)


def _bold(escaped: str) -> str:
    return _STRIKE.sub(r"<s>\1</s>", _BOLD.sub(r"<b>\1</b>", escaped))


@register.filter
def kind_label(kind: str) -> str:
    """What a message is, where its words do not say it."""
    labels = {
        "text": _("Message"),
        "image": _("Picture"),
        "video": _("Video"),
        "audio": _("Audio file"),
        "voice": _("Voice message"),
        "document": _("Document"),
        "sticker": _("Sticker"),
        "location": _("Location"),
        "contacts": _("Contact card"),
        "reaction": _("Reaction"),
        "button": _("Answer by button"),
        "button_reply": _("Answer by button"),
        "list_reply": _("Answer from a list"),
        "flow_reply": _("Filled-in form"),
        "order": _("Order"),
        "edit": _("Edited message"),
        "revoke": _("Deleted message"),
        "buttons": _("Question with buttons"),
        "list": _("Question with a list"),
        "link": _("Link"),
        "ask_location": _("Request for a location"),
        "ask_phone": _("Request for a mobile number"),
        "form": _("Form"),
        "template": _("Template"),
    }
    return labels.get(kind) or _("Message of a kind that WhatsApp does not pass on")


@register.filter
def failure(error: dict[str, object] | None) -> str:
    """Why a message did not arrive, and what helps, by the provider's code (reference 1.14) or our word."""
    administrator = _("Tell the administrator.")
    ours = {
        "withdrawn": _("It was taken back before it went out."),
        "expired": _("The time in which it was worth sending has passed, so it was not sent."),
        "opted out": _("The person has asked for no more messages of this kind."),
        "too large": _("The file is larger than WhatsApp takes. Send a smaller one."),
        "no media": _("The file is not here any more. Attach it again."),
        "hours": _("The sender's name may not write at this hour; it goes out in the morning."),
        "bounced": _("The mail server could not deliver it."),
    }
    blocked = _("WhatsApp has locked the account.") + " " + administrator
    too_much = _("WhatsApp limits this number for now.") + " " + administrator
    template = _("WhatsApp has paused this template. Choose another one.")
    wrong_template = _("The template and what was filled in do not fit. Choose it again.")
    settings = _("The account is not set up for this.") + " " + administrator
    reasons = {
        0: _("The connection to WhatsApp has expired.") + " " + administrator,
        3: settings,
        10: settings,
        33: _("The number is not registered any more.") + " " + administrator,
        100: _("WhatsApp did not understand a part of it. Write it more simply."),
        190: _("The connection to WhatsApp has expired.") + " " + administrator,
        368: blocked,
        130472: _("WhatsApp holds it back for a trial of its own. Call the person."),
        130497: _("WhatsApp does not deliver to the country of this number."),
        131005: settings,
        131008: _("WhatsApp did not understand a part of it. Write it more simply."),
        131009: _("WhatsApp did not understand a part of it. Write it more simply."),
        131021: _("The message is addressed to our own number."),
        131026: _(
            "The person cannot receive it: the number is not on WhatsApp, or the app is out of date."
        ),
        131030: _("The account is still being tested and does not reach this number.")
        + " "
        + administrator,
        131031: blocked,
        131037: settings,
        131042: _("The payment for WhatsApp has a problem.") + " " + administrator,
        131044: _("The payment for WhatsApp has a problem.") + " " + administrator,
        131045: settings,
        131047: _(
            "More than 24 hours have passed since the person's last message. Send a template."
        ),
        131048: too_much,
        131049: _("WhatsApp held it back to spare the person too many messages. Try tomorrow."),
        131050: _("The person has asked for no more messages of this kind."),
        131051: _("WhatsApp does not carry this kind of message. Send it as text or as a file."),
        131053: _("WhatsApp did not take the file. Save it in another form and attach it again."),
        131056: _("Too many messages to this person within a short time. Wait a minute."),
        131062: _("The person has hidden their number, and this message needs it. Send it as text."),
        131063: settings,
        131064: too_much,
        132000: wrong_template,
        132001: _("The template is not approved in this language. Choose another one."),
        132005: _("What was filled in makes the template too long. Shorten it."),
        132007: _("WhatsApp does not allow this template.") + " " + administrator,
        132008: wrong_template,
        132012: wrong_template,
        132015: template,
        132016: template,
        132068: _("WhatsApp has blocked this form. Ask in words."),
        132069: _("WhatsApp slows this form down. Ask in words, or try later."),
        # Text messages: by the gateway's number, above 900 by its ER- number; then the mail server's.
        401: settings,
        402: settings,
        403: settings,
        409: _("The same text went to the same number a moment ago, so it was not sent again."),
        410: _("The gateway does not know this number as a mobile."),
        412: _("The text is too long for a text message. Shorten it."),
        480: settings,
        482: _("The gateway does not know this number as a mobile."),
        535: settings,
        550: _("The mail server does not know this address."),
        901: _("The account's balance is used up.") + " " + administrator,
        999: _("It did not arrive: the phone was out of reach or takes no such messages."),
        137000: _("The person's WhatsApp has changed. Wait until they write again."),
    }  # fmt: skip
    code = error.get("code") if error else None
    title = error.get("title") if error else None
    known = (reasons.get(code) if isinstance(code, int) else None) or ours.get(str(title))
    if known is None and isinstance(code, int) and 400 <= code <= 999:
        return _("The provider did not accept it. Tell the administrator if it happens again.")
    return known or _("WhatsApp did not accept it. Tell the administrator if it happens again.")


@register.filter
def set_aside_reason(remark: str) -> str:
    """Why a webhook body was set aside, from the remark that the worker left (intake.services)."""
    if remark.startswith("unknown number"):
        return _("It is addressed to a WhatsApp number that is not registered here.")
    return _("Its content could not be read or stored.")


@register.filter
def minutes_until(value: datetime | None) -> int:
    """Whole minutes until then, never fewer than none."""
    return max(0, int((value - timezone.now()) / timedelta(minutes=1))) if value else 0


@register.filter
def thousands(number: int) -> str:
    """A count that is read at a glance: 100,000."""
    return f"{number:,}"


@register.filter
def lasting(seconds: float | None) -> str:
    """A length of time in its largest fitting unit: 40 seconds, 3 minutes, 12 hours, 2 days."""
    seconds = max(0, round(seconds or 0))
    if seconds < MINUTE:
        return ngettext("%(count)d second", "%(count)d seconds", seconds) % {"count": seconds}
    if seconds < HOUR:
        minutes = round(seconds / MINUTE)
        return ngettext("%(count)d minute", "%(count)d minutes", minutes) % {"count": minutes}
    if seconds < 2 * DAY:
        hours = round(seconds / HOUR)
        return ngettext("%(count)d hour", "%(count)d hours", hours) % {"count": hours}
    days = round(seconds / DAY)
    return ngettext("%(count)d day", "%(count)d days", days) % {"count": days}


@register.filter
def took(seconds: float | None) -> str:
    """A length of time to be compared with others: in minutes up to two hours, then as `lasting`."""
    if seconds is not None and HOUR <= seconds < 2 * HOUR:
        minutes = round(seconds / MINUTE)
        return ngettext("%(count)d minute", "%(count)d minutes", minutes) % {"count": minutes}
    return lasting(seconds)


@register.filter
def left(value: datetime | None) -> str:
    """How long the window stays open, as the page counts it down (assets/js/composer.js)."""
    hours, minutes = divmod(minutes_until(value), 60)
    words = hours_left() if hours else minutes_left()
    return words.replace("{h}", str(hours)).replace("{m}", str(minutes))


@register.simple_tag
def hours_left() -> str:
    return _("{h} h {m} min left")


@register.simple_tag
def minutes_left() -> str:
    return _("{m} min left")


@register.simple_tag
def other_language() -> tuple[str, str]:
    """The language to change to, as its code and its own name."""
    return next(pair for pair in settings.LANGUAGES if pair[0] != get_language())


# When so little is left, what is due stands out.
SOON = timedelta(hours=3)


@register.simple_tag
def due_by(moment: datetime, now: datetime) -> SafeString:
    """How long there still is until then, or how late it is; the exact moment behind it."""
    # A minute is the least that is shown.
    minutes = (moment - now) // timedelta(minutes=1)
    return _due_by(moment, minutes, get_language())


# The language is asked for because the badge speaks it: it is part of the key.
@lru_cache(maxsize=8_192)
def _due_by(moment: datetime, minutes: int, _language: str | None) -> SafeString:
    rest = timedelta(minutes=minutes)
    tone = "is-bad" if rest < timedelta() else "is-warn" if rest < SOON else ""
    words = (
        _("late by %(time)s") % {"time": span(-rest)}
        if rest < timedelta()
        else _("%(time)s left") % {"time": span(rest)}
    )
    return format_html(
        '<span class="badge due {}" title="{}">{}{}</span>',
        tone, both_calendars(moment), icon("clock"), words,
    )  # fmt: skip


def span(length: timedelta) -> str:
    """A length of time in its two greatest units: 2 d 3 h, 3 h 20 min, 20 min."""
    minutes = int(length.total_seconds() // 60)
    days, hours, minutes = minutes // 1440, minutes % 1440 // 60, minutes % 60
    if days:
        return (
            _("%(days)s d %(hours)s h") % {"days": days, "hours": hours}
            if hours
            else _("%(days)s d") % {"days": days}
        )
    if hours:
        return (
            _("%(hours)s h %(minutes)s min") % {"hours": hours, "minutes": minutes}
            if minutes
            else _("%(hours)s h") % {"hours": hours}
        )
    return _("%(minutes)s min") % {"minutes": minutes}


@register.filter
def quiet_words(member: Any) -> str:
    """That a member hears only of emergencies now, and until when; empty where they hear of everything."""
    until = member.quiet_until if member else None
    if until is None or until <= timezone.now():
        return ""
    at = timezone.localtime(until)
    hour = date_format(at, "TIME_FORMAT")
    is_today = at.date() == timezone.localdate()
    return _("quiet until %(time)s") % {
        "time": hour if is_today else f"{date_format(at, 'l')} {hour}"
    }
