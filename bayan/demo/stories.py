"""What people wrote to the demo authority before anybody looks: a morning's worth of conversations."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One message; `by` is empty for the person, else the address of the member who answers."""

    minutes_ago: int
    text: str
    by: str = ""
    kind: str = "text"


@dataclass(frozen=True)
class Story:
    """One person's matter: who, to which body (empty: still at the desk), and how it ended, if it did."""

    name: str
    lines: tuple[Line, ...]
    node: str = ""
    outcome: str = ""
    closed_minutes_ago: int = 0
    closed_by: str = ""
    words: str = ""
    satisfaction: int = 0
    # What the desk wrote down of it: kind, category, priority, place and point.
    kind: str = ""
    category: str = ""
    priority: str = "normal"
    place: str = ""
    point: tuple[float, float] | None = None


KHOBAR, QATIF, JUBAIL, DESK = "responder.khobar", "responder.qatif", "responder.jubail", "desk"

STORIES = (
    Story(
        "أم ريان",
        (
            Line(
                52, "السلام عليكم، شارع المدرسة في سنابس غرقان من مطر أمس والأولاد ما يقدرون يعبرون"
            ),
            Line(50, "", kind="image"),
            Line(
                44,
                "وعليكم السلام، وصل بلاغكم وأبلغنا الفرقة الميدانية، وهي في الطريق إليكم.",
                by=QATIF,
            ),
            Line(6, "للحين ما جا أحد، والسيارات ما تقدر تعدي"),
        ),
        node="qatif",
        kind="complaint",
        category="storm_water",
        priority="high",
        place="سنابس، جزيرة تاروت",
        point=(26.588, 50.078),
    ),
    Story(
        "أبو ياسر",
        (
            Line(180, "الحاويات عند المسجد ممتلئة من يومين وما أحد مرّ علينا"),
            Line(9, "يا جماعة الريحة طلعت، وش صار على بلاغي؟"),
        ),
        node="jubail",
        kind="complaint",
        category="cleanliness",
        place="الجبيل البلد",
        point=(27.011, 49.659),
    ),
    Story(
        "صوت الحي",
        (Line(14, "هل صحيح إن نفق طريق الملك فهد مغلق اليوم؟"),),
        kind="rumour_claim",
        category="roads",
        priority="high",
    ),
    Story(
        "Maria S.",
        (
            Line(
                31,
                "Hello, the street lights near our building in Al Olaya have been out for three nights.",
            ),
        ),
        node="khobar",
        kind="complaint",
        category="lighting",
        place="حي العليا، الخبر",
        point=(26.303, 50.187),
    ),
    Story(
        "نورة ع.",
        (
            Line(70, "متى يفتح ممشى الكورنيش بعد الصيانة؟"),
            Line(41, "يُفتح مساء الخميس بإذن الله، ونسعد بزيارتكم.", by=KHOBAR),
        ),
        node="khobar",
        kind="enquiry",
        category="parks_beaches",
        priority="low",
        place="كورنيش الخبر",
        point=(26.291, 50.223),
    ),
    Story("عبدالعزيز م.", (Line(88, "", kind="audio"),), node="qatif"),
    Story(
        "سلمى ط.",
        (
            Line(300, "الإنارة طافية في ممر الحديقة اللي عند الجامع"),
            Line(280, "شكرًا لتنبيهكم، ستصل فرقة الإنارة قبل المغرب.", by=KHOBAR),
        ),
        node="khobar",
        outcome="resolved",
        closed_minutes_ago=190,
        closed_by=KHOBAR,
        words="أُعيدت إنارة ممر الحديقة.",
        satisfaction=5,
    ),
    Story(
        "أبو عبدالله",
        (
            Line(420, "كلاب ضالة قرب الروضة وخايفين على العيال"),
            Line(400, "وصل بلاغكم، والفريق المختص يتوجه إلى الموقع صباح اليوم.", by=JUBAIL),
        ),
        node="jubail",
        kind="complaint",
        category="stray_animals",
        priority="emergency",
        place="الجبيل البلد",
        point=(27.004, 49.652),
    ),
    Story(
        "مقيم",
        (Line(35, "فيه حفرة كبيرة وسط الشارع بعد الدوار وما عليها علامة تحذير"),),
        kind="complaint",
        category="safety_hazard",
        priority="high",
    ),
    Story(
        "ريم",
        (Line(1700, "كيف أجدد رخصة المحل من تطبيق بلدي؟"),),
        node="qatif",
        kind="enquiry",
        category="digital_services",
    ),
    Story(
        "فهد",
        (
            Line(1650, "مطعم عند الإشارة الأكل عنده ما ينوكل وفيه حشرات"),
            Line(1600, "شكرًا لكم، زار المراقب الصحي المنشأة واتُّخذ الإجراء النظامي.", by=QATIF),
        ),
        node="qatif",
        outcome="answered",
        closed_minutes_ago=1500,
        closed_by=QATIF,
        words="اتُّخذ الإجراء النظامي بحق المنشأة.",
        satisfaction=4,
    ),
    Story(
        "أم خالد",
        (Line(120, "الله يعطيكم العافية على تنظيف الشاطئ، صار يفتح النفس"),),
        kind="praise",
        category="parks_beaches",
        priority="low",
    ),
)

LABELS = (("حالة مطرية", "info"), ("متكرر", "warn"), ("شكر للفريق", "ok"))
READY_REPLIES = (
    (
        "استلام البلاغ",
        "أهلًا {الاسم}، وصلنا بلاغكم رقم {رقم البلاغ} وهو لدى {البلدية}. نبلغكم بالمستجدات أولًا بأول.",
    ),
    ("طلب الموقع", "نشكر تواصلكم. نأمل إرسال الموقع من زر المرفقات في واتساب لتصل الفرقة مباشرة."),
    ("طلب صورة", "نشكر تواصلكم. نأمل إرسال صورة توضح الحالة لنتمكن من معالجتها سريعًا."),
    (
        "اعتذار عن التأخر",
        "نعتذر عن التأخر. بلاغكم رقم {رقم البلاغ} قيد المتابعة، ونوافيكم بما يستجد اليوم.",
    ),
    (
        "خارج الاختصاص",
        "نشكر تواصلكم. هذا الموضوع من اختصاص جهة أخرى، وقد أحلناه إليها لإكمال اللازم.",
    ),
)
# Their steps: labels and ready replies by their names, the others as inbox.services.macros reads them.
READY_ACTIONS = (
    ("بلاغ مطر جديد", ("استلام البلاغ", "حالة مطرية", "assign:me", "priority:high")),
    ("بانتظار صورة من المستفيد", ("طلب صورة", "assign:me", "snooze:tomorrow")),
)

# (contractor, project, contract number): who works for Khobar in the demo.
CONTRACTORS = (
    ("مؤسسة رصيف الخليج للمقاولات", "صيانة الأرصفة والطرق", "ص-1447-12"),
    ("شركة إنارة الساحل", "صيانة الإنارة العامة", "ص-1447-31"),
)
# (title, what one must know, kind, whose): tasks of Khobar's oldest open case.
TASKS = (
    ("معاينة الموقع وتصويره", "قبل الظهر إن أمكن، ومع صورة تُظهر اسم الشارع.", "do", "field.khobar"),
    ("إفادة عن موعد الإصلاح", "يُبلَّغ به مقدم البلاغ اليوم.", "answer", "responder.khobar"),
)


# Who writes about the authority: (name, outlet, beat, whether by WhatsApp, on which list).
LOCAL, REGIONAL = "الصحف المحلية", "المواقع والقنوات"
JOURNALISTS = (
    ("عبير الشهري", "صحيفة الساحل", "الخدمات البلدية", True, LOCAL),
    ("ماهر البلوي", "صحيفة الساحل", "المشاريع", True, LOCAL),
    ("دانة الفارس", "جريدة الخليج العربي", "المحليات", True, LOCAL),
    ("سامي الحمد", "وكالة أخبار المنطقة", "الاقتصاد والاستثمار", False, REGIONAL),
    ("غادة العيسى", "قناة الشرق المحلية", "التقارير المصورة", True, REGIONAL),
)
# Stories of municipalities: (sender, body, title, text, hours ago).
NEWS = (
    (
        "mayor.khobar", "khobar", "افتتاح ممشى الواجهة البحرية في الخبر",
        ("افتتحت بلدية محافظة الخبر اليوم ممشى الواجهة البحرية بطول أربعة كيلومترات، ويضم مسارات للدراجات "
        "ومناطق لعب للأطفال ومئتي شجرة.\nوقال رئيس البلدية: «الممشى مفتوح للجميع على مدار الساعة»."),
        3,
    ),
    (
        "responder.qatif", "qatif", "حملة تشجير في أحياء القطيف",
        ("بدأت بلدية محافظة القطيف حملة لزراعة ألف شجرة في اثني عشر حيًا، بمشاركة مئة وخمسين متطوعًا، وتستمر "
        "حتى نهاية الشهر."),
        26,
    ),
    (
        "responder.jubail", "jubail", "إعادة تأهيل إنارة طريق الملك فيصل بالجبيل",
        "أنهت بلدية محافظة الجبيل استبدال ثلاثمئة وأربعين عمود إنارة على طريق الملك فيصل بأخرى موفرة للطاقة.",
        30,
    ),
)  # fmt: skip
