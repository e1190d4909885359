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

# (contractor, project, contract number, mobile, e-mail): who works for Khobar in the demo.
CONTRACTORS = (
    ("مؤسسة رصيف الخليج للمقاولات", "صيانة الأرصفة والطرق", "ص-1447-12", "966500000971",
     "works@rasif.example"),
    ("شركة إنارة الساحل", "صيانة الإنارة العامة", "ص-1447-31", "966500000972", ""),
)  # fmt: skip
# (title, what one must know, kind, whose): tasks of Khobar's oldest open case.
TASKS = (
    ("معاينة الموقع وتصويره", "قبل الظهر إن أمكن، ومع صورة تُظهر اسم الشارع.", "do", "field.khobar"),
    ("إفادة عن موعد الإصلاح", "يُبلَّغ به مقدم البلاغ اليوم.", "answer", "responder.khobar"),
)


@dataclass(frozen=True)
class Wanted:
    """What a body asked the department for, and how it went."""

    form: str
    title: str
    answers: dict[str, object]
    node: str
    by: str
    hours_ago: float
    days_ahead: int
    quantity: int = 1
    end: str = ""
    words: str = ""


NEEDS = (
    Wanted("coverage", "تدشين الواجهة البحرية الشمالية",
           {"f1": "تدشين الواجهة البحرية الشمالية", "f3": "كورنيش الخبر، بجوار الممشى", "f4": "1",
            "f5": "رئيس البلدية، ويستقبلكم بدر الدوسري"}, "khobar", KHOBAR, 3, 4),
    Wanted("printing", "مطويات السلامة من الحفر المكشوفة",
           {"f1": "مطويات السلامة من الحفر المكشوفة", "f2": 500, "f3": "1"}, "qatif", QATIF, 26, 6, 500),
    Wanted("design", "دعوة حفل تكريم المتطوعين",
           {"f1": "دعوة حفل تكريم المتطوعين", "f2": "3", "f3": 2, "f4": "النص مرفق، مقاس A5"},
           "jubail", JUBAIL, 20, 3, 2),
    Wanted("translation", "دليل خدمات المستثمر",
           {"f1": "دليل خدمات المستثمر", "f2": "0", "f3": 24}, "khobar", KHOBAR, 50, 5, 24, "granted"),
    Wanted("coverage", "زيارة مدرسية لمشتل البلدية",
           {"f1": "زيارة مدرسية لمشتل البلدية", "f3": "مشتل القطيف", "f4": "0"}, "qatif", QATIF, 74, 1,
           end="provided"),
    Wanted("vehicle", "جولة إعلامية على مشاريع الطرق",
           {"f1": "جولة إعلامية على مشاريع الطرق", "f3": "مبنى البلدية", "f4": "طريق الملك فهد", "f5": 6},
           "khobar", KHOBAR, 98, -1, end="confirmed"),
    Wanted("equipment", "شاشة عرض خارجية",
           {"f1": "شاشة عرض خارجية", "f2": 1, "f4": "حديقة الفناتير"}, "jubail", JUBAIL, 30, 2, 1, "refused",
           "الشاشة محجوزة لفعالية سابقة في الموعد نفسه، ويسعدنا ترتيبها في الأسبوع التالي."),
)  # fmt: skip
# (thing, days from today, hours, body, who, what for)
BOOKINGS = (
    ("camera-kit", 1, 4, "khobar", KHOBAR, "تغطية حملة النظافة"),
    ("camera-kit", 1, 3, "qatif", QATIF, "تصوير مشروع الكورنيش"),
    ("drone", 2, 3, "jubail", JUBAIL, "تصوير جوي للواجهة"),
    ("media-car", 2, 6, "khobar", KHOBAR, "جولة المشاريع"),
    ("press-hall", 3, 2, "eastern", "press", "مؤتمر صحفي"),
    ("sound-system", 4, 5, "qatif", QATIF, "حفل التكريم"),
    ("camera-kit", 5, 8, "eastern", "press", "زيارة الوفد"),
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


@dataclass(frozen=True)
class Asking:
    """A poll: what is asked, whom (addresses), who has chosen which answer, and whether it is over."""

    question: str
    options: tuple[str, ...]
    hours_ago: int
    asked: tuple[str, ...]
    chosen: tuple[tuple[str, int], ...]
    is_secret: bool = False
    is_over: bool = False


EVERYBODY = (
    "director.khobar", "mayor.khobar", "responder.khobar", "responder.qatif", "responder.jubail",
    "spokesperson", "editor",
)  # fmt: skip
POLLS = (
    Asking(
        "أي يوم أنسب للاجتماع الدوري لمديري العلاقات العامة؟",
        ("الأحد", "الاثنين", "الثلاثاء"),
        30,
        EVERYBODY,
        (
            ("director.khobar", 1), ("mayor.khobar", 2), ("responder.qatif", 2),
            ("spokesperson", 2), ("editor", 1),
        ),
        is_over=True,
    ),
    Asking(
        "هل تؤيدون توحيد وسم حملة النظافة في جميع البلديات؟",
        ("نعم", "لا", "مع تعديل"),
        3,
        EVERYBODY,
        (("director.khobar", 1), ("responder.jubail", 1), ("editor", 3)),
    ),
    Asking(
        "من ترشحون لجائزة أفضل مبادرة تواصل هذا العام؟",
        ("حملة شواطئنا", "أسبوع الشجرة", "مجلس الحي"),
        2,
        EVERYBODY,
        (("mayor.khobar", 1), ("responder.qatif", 3)),
        is_secret=True,
    ),
)  # fmt: skip
# Title, days ahead of today, agenda, who comes.
MEETINGS = (
    (
        "الاجتماع الدوري لمديري العلاقات العامة",
        4,
        ("متابعة قرارات الاجتماع السابق", "الاستعداد لموسم الأمطار", "توحيد الردود على الشائعات"),
        (("director.khobar", "comes"), ("spokesperson", "comes"), ("responder.jubail", "excused")),
    ),
    (
        "اجتماع التحضير لحملة شواطئنا",
        -2,
        ("توزيع المهام", "المواد الإعلامية"),
        (("director.khobar", "comes"), ("editor", "comes"), ("responder.qatif", "comes")),
    ),
)
DECISIONS = (
    ("تجهيز مطويات الحملة وتسليمها للبلديات", "editor", 5),
    ("حصر المتطوعين في الخبر والقطيف", "responder.khobar", 3),
)
CIRCULAR = (
    "الاستعداد الإعلامي لموسم الأمطار",
    "السلام عليكم ورحمة الله وبركاته، وبعد:\n"  # noqa: ISC004  # one text
    "نظرًا لاقتراب موسم الأمطار، نأمل موافاتنا بأسماء المناوبين في الرد على المستفيدين، ونقاط تجمع المياه "
    "التي تحتاج إلى رسائل توعوية، وذلك خلال خمسة أيام عمل.\n"
    "والسلام عليكم ورحمة الله وبركاته",
)
# Who got it, and what they answered: nothing yet, but read; None: not even that.
ANSWERS = {
    "director.khobar": "المناوبون ثلاثة، ونقاط التجمع أربع: الكورنيش ونفق الملك فهد والثقبة والعليا.",
    "responder.qatif": "أربعة مناوبين، ونحتاج رسالة توعوية لطريق الناصرة.",
    "mayor.khobar": "",
    "responder.jubail": "",
    "responder.khobar": None,
    "press": None,
}
DIGEST = (
    "وردت إفادتان من ست: الخبر بثلاثة مناوبين وأربع نقاط تجمع، والقطيف بأربعة مناوبين ورسالة لطريق الناصرة. "
    "نأمل من بقية الجهات الإفادة قبل نهاية المهلة."
)
FACTS = (
    "إفادة بشأن ما يُتداول عن إغلاق ممشى الواجهة البحرية",
    "السلام عليكم ورحمة الله وبركاته، وبعد:\n"  # noqa: ISC004  # one text
    "يُتداول أن ممشى الواجهة البحرية مغلق حتى نهاية الشهر. نأمل الإفادة بالوقائع خلال يوم عمل.\n"
    "والسلام عليكم ورحمة الله وبركاته",
)
# How many hours ago, and its parts as they came: kind, words, what a kind has besides.
FIELD: tuple[tuple[int, tuple[tuple[str, str, dict[str, object]], ...]], ...] = (
    (
        5,
        (
            ("text", "تقرير ميداني", {}),
            ("location", "", {"latitude": 26.2791, "longitude": 50.2083, "name": "كورنيش الخبر"}),
            ("text", "تجمع مياه أمام المدخل الشمالي، وفريق الشفط في الموقع.", {}),
            ("text", "إرسال", {}),
        ),
    ),
    (
        26,
        (
            ("text", "تقرير ميداني", {}),
            ("text", "انتهى تركيب اللوحات الإرشادية في حديقة الحي.", {}),
            ("location", "", {"latitude": 26.3927, "longitude": 50.1150, "name": "حي الفيصلية"}),
            ("text", "إرسال", {}),
        ),
    ),
)
