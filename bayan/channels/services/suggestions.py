"""Templates to begin with: what a municipality most often has to say outside the window."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from bayan.channels.models import Template


@dataclass(frozen=True, kw_only=True)
class Wording:
    """A suggestion in one language; each variable has its example."""

    body: str
    examples: tuple[str, ...]
    header: str = ""
    header_example: str = ""
    replies: tuple[str, ...] = ()

    @property
    def components(self) -> list[dict[str, Any]]:
        """The parts as the provider wants them."""
        parts: list[dict[str, Any]] = []
        if self.header:
            header = {"type": "HEADER", "format": "TEXT", "text": self.header}
            if self.header_example:
                header["example"] = {"header_text": [self.header_example]}  # type: ignore[assignment]
            parts.append(header)
        parts.append(
            {"type": "BODY", "text": self.body, "example": {"body_text": [list(self.examples)]}}
        )
        if self.replies:
            buttons = [{"type": "QUICK_REPLY", "text": words} for words in self.replies]
            parts.append({"type": "BUTTONS", "buttons": buttons})
        return parts


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """One thing to say, in each language."""

    name: str
    title: str | Promise
    wordings: dict[str, Wording] = field(default_factory=dict)
    purpose: str = ""
    # An alert that comes late does harm.
    ttl_seconds: int | None = None
    category: str = Template.Category.UTILITY


SUGGESTIONS: dict[str, Suggestion] = {
    suggestion.name: suggestion
    for suggestion in (
        Suggestion(
            name="case_update",
            title=_("News of a case"),
            wordings={
                "ar": Wording(
                    header="بلاغ رقم {{1}}",
                    header_example="482 193 756",
                    body=(
                        "السلام عليكم،\nمستجد في بلاغكم لدى {{1}}: {{2}}.\n"
                        "نوافيكم بكل جديد حتى إنجازه."
                    ),
                    examples=("بلدية محافظة الخبر", "باشرت الفرقة إصلاح عمود الإنارة"),
                ),
                "en": Wording(
                    header="Case {{1}}",
                    header_example="482 193 756",
                    body=(
                        "Hello,\nThere is news about your case with {{1}}: {{2}}.\n"
                        "We will keep you informed until it is done."
                    ),
                    examples=(
                        "Khobar Municipality",
                        "the crew has begun to repair the street light",
                    ),
                ),
            },
        ),
        Suggestion(
            name="details_request",
            title=_("Request for details"),
            wordings={
                "ar": Wording(
                    header="بلاغ رقم {{1}}",
                    header_example="482 193 756",
                    body=(
                        "السلام عليكم،\nحتى نتمكن من معالجة بلاغكم نحتاج إلى {{1}}.\n"
                        "نأمل إرسال ذلك في هذه المحادثة، ونكمل العمل فور وصوله."
                    ),
                    examples=("صورة واضحة للموقع",),
                    replies=("سأرسلها الآن", "تحدث مع موظف"),
                ),
                "en": Wording(
                    header="Case {{1}}",
                    header_example="482 193 756",
                    body=(
                        "Hello,\nTo be able to handle your case we need {{1}}.\n"
                        "Please send it in this chat, and we will go on as soon as we have it."
                    ),
                    examples=("a clear picture of the place",),
                    replies=("I will send it", "Talk to a person"),
                ),
            },
        ),
        Suggestion(
            name="conversation_reopening",
            title=_("Opening the conversation again"),
            purpose=Template.Purpose.REOPEN,
            wordings={
                "ar": Wording(
                    body=(
                        "السلام عليكم،\nلدينا رد على رسالتكم إلى {{1}}.\n"
                        "اضغطوا «عرض الرد» ليصلكم في هذه المحادثة."
                    ),
                    examples=("بلدية محافظة القطيف",),
                    replies=("عرض الرد",),
                ),
                "en": Wording(
                    body=(
                        "Hello,\nWe have an answer to your message to {{1}}.\n"
                        "Tap “Show the answer” to receive it in this chat."
                    ),
                    examples=("Qatif Municipality",),
                    replies=("Show the answer",),
                ),
            },
        ),
        Suggestion(
            name="work_notice",
            title=_("Task for a member"),
            purpose=Template.Purpose.WORK,
            wordings={
                "ar": Wording(
                    body=(
                        "السلام عليكم،\nلديكم في بيان: {{1}}.\nالموعد: {{2}}.\n"
                        "اضغطوا «عرض المهمة» لتصلكم تفاصيلها في هذه المحادثة."
                    ),
                    examples=("معاينة حفرة في حي الراكة", "اليوم 2:30 مساءً"),
                    replies=("عرض المهمة",),
                ),
                "en": Wording(
                    body=(
                        "Hello,\nYou have in Bayan: {{1}}.\nDue: {{2}}.\n"
                        "Tap “Show the task” to receive its details in this chat."
                    ),
                    examples=("look at a pothole in Rakah", "today, 2:30 pm"),
                    replies=("Show the task",),
                ),
            },
        ),
        Suggestion(
            name="work_handover",
            title=_("Task for a contractor or another body"),
            purpose=Template.Purpose.OUTSIDE,
            wordings={
                "ar": Wording(
                    body=(
                        "السلام عليكم،\nلديكم من {{1}}: {{2}}.\nالموعد: {{3}}.\n"
                        "التفاصيل والرد عبر الرابط: {{4}}\nلإيقاف هذه الرسائل اكتب: إيقاف"
                    ),
                    examples=(
                        "بلدية محافظة الخبر",
                        "إصلاح عمود إنارة في حي الراكة",
                        "الأحد 2:30 مساءً",
                        "https://bayan.example.org/w/Zm9v",
                    ),
                ),
                "en": Wording(
                    body=(
                        "Hello,\n{{1}} has a task for you: {{2}}.\nDue: {{3}}.\n"
                        "Details and your answer: {{4}}\nTo stop these messages, write: stop"
                    ),
                    examples=(
                        "Khobar Municipality",
                        "repair a street light in Rakah",
                        "Sunday, 2:30 pm",
                        "https://bayan.example.org/w/Zm9v",
                    ),
                ),
            },
        ),
        Suggestion(
            name="press_story",
            title=_("A story for journalists"),
            wordings={
                "ar": Wording(
                    body=(
                        "السلام عليكم،\nخبر صحفي من الأمانة: {{1}}.\n"
                        "النص والصور الأصلية: {{2}}\nلإيقاف هذه الرسائل اكتب: إيقاف"
                    ),
                    examples=(
                        "افتتاح ممشى الواجهة البحرية في الخبر",
                        "https://bayan.example.org/n/Zm9v",
                    ),
                ),
                "en": Wording(
                    body=(
                        "Hello,\nA story from the municipal authority: {{1}}.\n"
                        "Text and original pictures: {{2}}\nTo stop these messages, write: stop"
                    ),
                    examples=(
                        "the sea front promenade in Khobar opens",
                        "https://bayan.example.org/n/Zm9v",
                    ),
                ),
            },
        ),
        Suggestion(
            name="storm_warning",
            title=_("Storm warning"),
            ttl_seconds=3 * 3600,
            wordings={
                "ar": Wording(
                    header="تنبيه من الحالة الجوية",
                    body=(
                        "يُتوقع هطول {{1}} على {{2}} حتى الساعة {{3}}.\n"
                        "ابتعدوا عن الأودية ومجاري السيول، ولا تعبروا الطرق المغمورة بالمياه. "
                        "وفي الطوارئ اتصلوا على 911."
                    ),
                    examples=("أمطار غزيرة", "الدمام والخبر", "9:00 مساءً"),
                ),
                "en": Wording(
                    header="Weather warning",
                    body=(
                        "We expect {{1}} over {{2}} until {{3}}.\n"
                        "Keep away from valleys and flood channels, and do not drive through flooded "
                        "roads. In an emergency, call 911."
                    ),
                    examples=("heavy rain", "Dammam and Khobar", "9:00 pm"),
                ),
            },
        ),
        Suggestion(
            name="temporary_closure",
            title=_("Closure"),
            ttl_seconds=12 * 3600,
            wordings={
                "ar": Wording(
                    header="إغلاق مؤقت",
                    body=(
                        "يُغلق {{1}} من {{2}} إلى {{3}} بسبب {{4}}.\n"
                        "الطريق البديل: {{5}}. نعتذر عن الإزعاج، ونأمل اتباع اللوحات الإرشادية."
                    ),
                    examples=(
                        "شارع الملك فهد عند تقاطع الظهران",
                        "الخميس 10:00 مساءً",
                        "الجمعة 6:00 صباحًا",
                        "أعمال الصيانة",
                        "طريق الأمير تركي",
                    ),
                ),
                "en": Wording(
                    header="Temporary closure",
                    body=(
                        "Please note that {{1}} is closed from {{2}} to {{3}} because of {{4}}.\n"
                        "The way around: {{5}}. We apologise for the inconvenience and ask you to follow "
                        "the signs."
                    ),
                    examples=(
                        "King Fahd Street at the Dhahran junction",
                        "Thursday 10:00 pm",
                        "Friday 6:00 am",
                        "maintenance",
                        "Prince Turki Road",
                    ),
                ),
            },
        ),
        Suggestion(
            name="all_clear",
            title=_("All clear"),
            ttl_seconds=12 * 3600,
            wordings={
                "ar": Wording(
                    header="انتهاء التنبيه",
                    body=(
                        "انتهت {{1}} في {{2}}، وعادت الحركة إلى طبيعتها.\n"
                        "نشكر لكم تعاونكم. وإن لاحظتم ضررًا أو تجمع مياه فأبلغونا في هذه المحادثة."
                    ),
                    examples=("الحالة المطرية", "الدمام والخبر"),
                ),
                "en": Wording(
                    header="All clear",
                    body=(
                        "The {{1}} in {{2}} is over, and everything is back to normal.\n"
                        "Thank you for your cooperation. If you notice damage or standing water, report "
                        "it in this chat."
                    ),
                    examples=("heavy rain", "Dammam and Khobar"),
                ),
            },
        ),
        Suggestion(
            name="rumour_correction",
            title=_("Correction of a rumour"),
            ttl_seconds=12 * 3600,
            wordings={
                "ar": Wording(
                    header="إيضاح",
                    body=(
                        "نوضح لسكان {{1}} أن ما يُتداول عن {{2}} غير صحيح، والصحيح أن {{3}}.\n"
                        "نأمل أخذ المعلومات من القنوات الرسمية وعدم تداول غيرها."
                    ),
                    examples=(
                        "محافظة الخبر",
                        "إغلاق الواجهة البحرية",
                        "الواجهة مفتوحة طوال اليوم",
                    ),
                ),
                "en": Wording(
                    header="Correction",
                    body=(
                        "To the residents of {{1}}: what is being said about {{2}} is not true. "
                        "The fact is that {{3}}.\n"
                        "Please take your information from official channels and pass on nothing else."
                    ),
                    examples=("Khobar", "the closure of the corniche", "it is open all day"),
                ),
            },
        ),
    )
}
