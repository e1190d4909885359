"""Two years of a region's correspondence, written by SQL: what pages and searches are measured on.

The loader fills the columns that it knows. One that was added since gets its own default: the database's, or
else the model's, so that it seldom needs to be told of a new one.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from django.apps import apps
from django.db import connection as ours
from psycopg import sql
from stdnum import damm

from benchmarks.ground import BenchFailed
from benchmarks.intake import GREETINGS

# A share of this part of the whole is `--small`.
SMALL = 100
FIRST_NAMES = (
    "محمد", "أحمد", "عبدالله", "عبدالرحمن", "فهد", "خالد", "سعود", "ناصر", "علي", "حسين", "حسن", "يوسف",
    "إبراهيم", "صالح", "سلطان", "بندر", "تركي", "ماجد", "فيصل", "مشعل", "نورة", "سارة", "فاطمة", "زينب",
    "مريم", "هند", "العنود", "منيرة", "لطيفة", "هيا", "ريم", "أمل", "أم عبدالله", "أبو فهد", "مها", "جواهر",
)  # fmt: skip
FATHERS = (
    "بن محمد", "بن عبدالله", "بن علي", "بن سعد", "بن ناصر", "بن إبراهيم", "بن حمد", "بن خليفة", "بن جاسم",
    "بن عيسى", "بن راشد", "بن مبارك", "", "", "", "",
)  # fmt: skip
FAMILIES = (
    "الدوسري", "القحطاني", "العتيبي", "الشمري", "المطيري", "الهاجري", "الخالدي", "السبيعي", "الزهراني",
    "الغامدي", "الحربي", "العنزي", "المري", "النعيمي", "البوعينين", "الدوسري الخالدي", "آل سيف", "آل إبراهيم",
    "المحيشي", "الصفار", "الجشي", "العوامي", "السنان", "القطري", "البلوشي", "الملحم", "المهنا", "الرويلي",
    "السهلي", "العجمي", "المسلم", "أبو السعود", "التاروتي", "الصفواني", "السيهاتي", "الفرج", "المرهون",
)  # fmt: skip
# What people write of; the second words are rarer than the first.
MATTERS = (
    "عندنا حفرة كبيرة في الشارع", "الإنارة طافية من أسبوع", "حاوية النظافة مليانة وما أحد فرّغها",
    "تسرب مياه أمام البيت", "طفح صرف صحي في الحي", "مخلفات بناء مرمية في الأرض الفضاء",
    "محل يبيع لحوم بدون تبريد", "كلاب ضالة قرب المدرسة", "أرصفة مكسورة وخطرة على كبار السن",
    "أشجار تغطي إشارة المرور", "سيارات تالفة واقفة من شهور", "لوحة إعلانية مائلة وقد تسقط",
    "مطب صناعي بدون دهان ولا تنبيه", "حديقة الحي مهملة وألعابها مكسورة", "تجمع مياه أمطار يمنع الدخول",
    "رائحة كريهة من مصنع قريب", "بائع متجول يسد الرصيف", "إزعاج من أعمال حفر بعد منتصف الليل",
    "مبنى آيل للسقوط ونخاف على الأطفال", "غطاء منهل مفقود", "مواقف المسجد يشغلها معرض سيارات",
    "كورنيش متسخ بعد الإجازة", "حشرات كثيرة وأحتاج رش", "استفسار عن رخصة بناء متأخرة",
    "أبغى أعرف وين وصل بلاغي", "طلب تشجير شارعنا", "اقتراح ممشى للنساء", "شكرًا على سرعة التجاوب",
    "هل صحيح أن الجسر بيتقفل؟", "متى يبدأ مشروع تصريف السيول؟",
)  # fmt: skip
PLACES = (
    "في حي الراكة", "بجوار جامع النور", "في حي العزيزية", "خلف سوق السمك", "على طريق الملك فهد",
    "في مخطط ٣٥١", "عند دوار القلعة", "في حي النزهة شارع 14", "قبل محطة الوقود", "في حي الروضة",
    "مقابل مدرسة البنات الثالثة", "في حي المزروعية", "على كورنيش القطيف", "في حي الفيصلية",
    "عند مدخل صفوى", "في حي الشاطئ الغربي", "قرب مستشفى الولادة", "في جزيرة تاروت", "بحي المنار",
    "في شارع الأمير محمد", "بالصناعية القديمة", "عند حديقة الملك عبدالله", "في حي الجلوية", "بحي الخزامى",
)  # fmt: skip
DETAILS = (
    "والوضع يتكرر كل يوم", "وبلغنا قبل كذا وما صار شي", "والأطفال يمرون من عنده للمدرسة",
    "وأرفقت الصورة للتوضيح", "ونخاف يصير حادث لا سمح الله", "وصار لنا شهر ننتظر", "والجيران كلهم متضررين",
    "رقم البلاغ السابق موجود عندكم", "والمقاول ترك الموقع وراح", "وخاصة بعد المغرب", "من بعد المطر الأخير",
    "ويزيد في نهاية الأسبوع",
)  # fmt: skip
WISHES = (
    "نرجو المعالجة العاجلة.", "الله يعطيكم العافية.", "متى يوصل الفريق؟", "وشكرًا لكم.", "بانتظار ردكم 🙏",
    "لا هنتم.", "أتمنى الاهتمام.", "",
)  # fmt: skip
ANSWERS = (
    "وعليكم السلام، تم استلام بلاغكم وإحالته إلى الفريق المختص.",
    "نشكر لكم تواصلكم، نأمل تزويدنا بموقع الملاحظة على الخريطة.",
    "نفيدكم بأنه تمت المعالجة اليوم، ونسعد بتقييمكم.", "تم توجيه المقاول وسيباشر خلال ثلاثة أيام.",
    "نعتذر عن التأخر، البلاغ تحت المتابعة وسنوافيكم بالمستجدات.",
    "الموقع خارج نطاق البلدية وقد أحيل إلى الجهة المعنية.", "هل ما زالت الملاحظة قائمة؟",
    "تم إصلاح الإنارة وإعادة التيار إلى الشارع.",
)  # fmt: skip

# Chance is drawn once and kept, so that each statement sees the same.
DRAW = """
    CREATE TEMP TABLE draw AS
    SELECT n, random() AS body, random() AS age, random() AS size, random() AS fate, random() AS is_open,
           random() AS waits, random() AS name_1, random() AS name_2, random() AS name_3, random() AS pace
    FROM generate_series(1, %(people)s) AS n
"""
# Few bodies hear most: the authority's desk first, then the municipalities in their order.
BODY = """
    CREATE TEMP TABLE body AS
    SELECT node_id, (sum(weight) OVER running - weight) / sum(weight) OVER () AS low,
           sum(weight) OVER running / sum(weight) OVER () AS high
    FROM (
        SELECT id AS node_id, place, 1 / place ^ 0.8 AS weight
        FROM (SELECT id, row_number() OVER (ORDER BY kind <> 'authority', position) AS place
              FROM organisation_node WHERE kind IN ('authority', 'municipality')) AS ranked
    ) AS weighted
    WINDOW running AS (ORDER BY place)
"""
PERSON = """
    CREATE TEMP TABLE person AS
    SELECT n, %(contact)s + n AS contact_id, %(conversation)s + n AS conversation_id, node_id,
           concat_ws(' ', picked(%(first)s, name_1), nullif(picked(%(fathers)s, name_2), ''),
                     picked(%(families)s, name_3)) AS name,
           -- Odd steps: neighbours have nothing in common, and no number comes twice.
           '96659' || lpad((n * 7919 %% 10000000)::text, 7, '0') AS phone,
           'SA.77' || lpad((n * 7919 %% 10000000)::text, 18, '0') AS whatsapp_id,
           now() - age ^ 1.5 * interval '730 days' - interval '1 minute' AS last_at,
           interval '2 minutes' + pace * interval '9 hours' AS pace,
           least(60, 1 + floor(-ln(1 - size) * (%(length)s - 0.5)))::int AS length,
           CASE WHEN fate < %(cases_each)s * 0.2 THEN 2 WHEN fate < %(cases_each)s * 0.8 THEN 1 ELSE 0 END
               AS cases,
           is_open < CASE WHEN age ^ 1.5 * 730 < 7 THEN 0.9 ELSE 0.03 END AS is_open, waits < 0.4 AS waits
    FROM draw JOIN body ON draw.body >= body.low AND draw.body < body.high
"""
# Each person's cases, the latest first; only that one may be open.
MATTER = """
    CREATE TEMP TABLE matter AS
    SELECT person.*, reference,
           last_at - (nth - 1) * interval '90 days' - length * pace AS opened_at,
           CASE WHEN nth > 1 THEN last_at - (nth - 1) * interval '90 days' WHEN NOT is_open THEN last_at END
               AS closed_at
    FROM (SELECT *, row_number() OVER (ORDER BY n, nth) AS place
          FROM person, LATERAL generate_series(1, cases) AS nth) AS person
    JOIN reference USING (place)
"""
MESSAGE = """
    CREATE TEMP TABLE message AS
    SELECT *, row_number() OVER (ORDER BY at, n) AS place,
           CASE WHEN is_ours THEN picked(%(answers)s, chance_1)
                ELSE concat_ws(' ', picked(%(greetings)s, chance_1), picked(%(matters)s, chance_2),
                               picked(%(places)s, chance_3), picked(%(details)s, chance_4),
                               picked(%(wishes)s, chance_5)) END AS text
    FROM (
        SELECT person.*, coalesce(reference, '') AS reference, nth,
               last_at - (length - nth) * person.pace AS at,
               nth > 1 AND CASE WHEN nth = length THEN NOT (is_open AND waits AND person.cases > 0)
                                ELSE random() < 0.4 END AS is_ours,
               random() AS chance_1, random() AS chance_2, random() AS chance_3, random() AS chance_4,
               random() AS chance_5
        FROM person
        CROSS JOIN LATERAL generate_series(1, length) AS nth
        LEFT JOIN (SELECT n, reference FROM matter WHERE nth = 1) AS latest USING (n)
    ) AS spoken
"""
HELPERS = """
    CREATE FUNCTION pg_temp.picked(choices text[], chance float8) RETURNS text
    LANGUAGE sql IMMUTABLE AS 'SELECT choices[1 + floor(chance * cardinality(choices))::int]'
"""


@dataclass(frozen=True)
class Years:
    """What was written, and examples of what can be looked for."""

    conversations: int
    messages: int
    cases: int


def load(connection: psycopg.Connection, *, conversations: int, messages: int, cases: int) -> Years:
    """Write two years of correspondence into an instance with the demo authority.

    Needs Django set up in this process for the models' defaults.

    :raises BenchFailed: a table has a column that must be filled, and nobody knows with what
    """
    loader = _Loader(connection)
    loader.draw(conversations=conversations, messages=messages, cases=cases)
    loader.write()
    return Years(
        conversations=loader.count("inbox_conversation"),
        messages=loader.count("inbox_message"),
        cases=loader.count("cases_case"),
    )


class _Loader:
    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._number = self._first("SELECT min(id) FROM {}", "channels_number")

    def draw(self, *, conversations: int, messages: int, cases: int) -> None:
        """Decide in temporary tables who writes what to whom, the same each time."""
        run = self._connection.execute
        run("SELECT setseed(0.940)")
        # Its own functions are found without a prefix only where they are named.
        run(HELPERS)
        values: dict[str, Any] = {
            "people": conversations,
            "length": messages / conversations,
            "cases_each": cases / conversations,
            "contact": self._highest("people_contact"),
            "conversation": self._highest("inbox_conversation"),
            "first": list(FIRST_NAMES), "fathers": list(FATHERS), "families": list(FAMILIES),
            "greetings": list(GREETINGS), "matters": list(MATTERS), "places": list(PLACES),
            "details": list(DETAILS), "wishes": list(WISHES), "answers": list(ANSWERS),
        }  # fmt: skip
        run(DRAW, values)
        run(BODY)
        run(_local(PERSON), values)
        self._references(cases * 2)
        run("ANALYZE person")
        run(MATTER)
        run("ANALYZE matter")
        run(_local(MESSAGE), values)
        run("CREATE INDEX ON message (n, nth)")
        run("ANALYZE message")

    def write(self) -> None:
        """Fill the platform's own tables from what was drawn, and have it counted."""
        number, message = str(self._number), str(self._highest("inbox_message"))
        outgoing = str(self._highest("channels_outgoing"))
        self._insert(
            "people_contact",
            {"id": "contact_id", "name": "name", "created_at": "last_at - length * pace"},
            "FROM person ORDER BY n",
        )
        self._insert(
            "people_identity",
            {"contact_id": "contact_id", "scheme": "scheme", "value": "value",
             "created_at": "last_at - length * pace"},
            """FROM person,
                   LATERAL (VALUES ('whatsapp', whatsapp_id), ('phone', phone)) AS known (scheme, value)
               ORDER BY n""",
        )  # fmt: skip
        self._insert(
            "inbox_conversation",
            {"id": "p.conversation_id", "contact_id": "p.contact_id", "number_id": number,
             "node_id": "p.node_id",
             "matter": "CASE WHEN p.is_open THEN newest.reference ELSE '' END",
             "preview": "left(newest.text, 160)", "last_message_at": "p.last_at",
             "last_inbound_at": "heard.at", "last_outbound_at": "said.at",
             "created_at": "p.last_at - p.length * p.pace"},
            """FROM person p JOIN message newest ON newest.n = p.n AND newest.nth = p.length
               LEFT JOIN (SELECT n, max(at) AS at FROM message WHERE NOT is_ours GROUP BY n) heard
                   ON heard.n = p.n
               LEFT JOIN (SELECT n, max(at) AS at FROM message WHERE is_ours GROUP BY n) said ON said.n = p.n
               ORDER BY p.n""",
        )  # fmt: skip
        self._insert(
            "cases_case",
            {"reference": "reference", "node_id": "node_id", "contact_id": "contact_id",
             "conversation_id": "conversation_id",
             "stage": "CASE WHEN closed_at IS NOT NULL THEN 'closed' WHEN waits THEN 'new' "
                      "ELSE 'in_progress' END",
             "subject": "(SELECT left(text, 140) FROM message m WHERE m.n = matter.n AND m.nth = 1)",
             "kind": "(ARRAY['complaint', 'complaint', 'observation', 'enquiry', 'suggestion'])[1 + n % 5]",
             "category": "(ARRAY['roads', 'lighting', 'cleanliness', 'water_sewage', 'storm_water', "
                         "'parks_beaches', 'other'])[1 + n % 7]",
             "priority": "CASE WHEN n % 50 = 0 THEN 'emergency' WHEN n % 7 = 0 THEN 'high' ELSE 'normal' END",
             "due_at": "opened_at + interval '3 days'",
             # Scattered over the region, two of three.
             "latitude": "CASE WHEN n % 3 > 0 THEN 26.0 + (n * 7 % 1000) / 1000.0 END",
             "longitude": "CASE WHEN n % 3 > 0 THEN 49.6 + (n * 11 % 700) / 1000.0 END",
             "opened_at": "opened_at", "closed_at": "closed_at",
             "outcome": "CASE WHEN closed_at IS NULL THEN '' ELSE (ARRAY['resolved', 'answered', 'referred', "
                        "'duplicate', 'not_actionable'])[1 + n % 5] END",
             "satisfaction": "CASE WHEN closed_at IS NOT NULL AND n % 3 = 0 THEN 1 + n % 5 END",
             "satisfaction_at": "CASE WHEN closed_at IS NOT NULL AND n % 3 = 0 THEN closed_at END"},
            "FROM matter ORDER BY opened_at",
        )  # fmt: skip
        self._insert(
            "channels_outgoing",
            {"id": f"{outgoing} + place", "node_id": "node_id", "number_id": number,
             "contact_id": "contact_id", "to_phone": "phone", "to_whatsapp_id": "whatsapp_id",
             "content": "jsonb_build_object('type', 'text', 'text', jsonb_build_object('body', text))",
             "lane": "10",
             "state": "CASE WHEN place % 50 = 0 THEN 'failed' WHEN place % 5 = 0 THEN 'delivered' "
                      "ELSE 'read' END",
             "external_id": "'wamid.YEARS.OUT' || place", "attempts": "1", "not_before": "at",
             "created_at": "at", "claimed_at": "at", "sent_at": "at",
             "delivered_at": "CASE WHEN place % 50 > 0 THEN at END",
             "read_at": "CASE WHEN place % 5 > 0 THEN at END",
             "failed_at": "CASE WHEN place % 50 = 0 THEN at END"},
            "FROM message WHERE is_ours ORDER BY place",
        )  # fmt: skip
        self._insert(
            "inbox_message",
            {"id": f"{message} + place", "node_id": "node_id", "conversation_id": "conversation_id",
             "direction": "CASE WHEN is_ours THEN 'out' ELSE 'in' END", "kind": "'text'", "text": "text",
             "matter": "reference", "number_id": number,
             "external_id": "CASE WHEN is_ours THEN '' ELSE 'wamid.YEARS.IN' || place END",
             "outgoing_id": f"CASE WHEN is_ours THEN {outgoing} + place END",
             "sent_at": "at", "received_at": "at"},
            "FROM message ORDER BY place",
        )  # fmt: skip
        self._insert(
            "core_auditentry",
            {"at": "done.at", "actor": "'system'", "actor_label": "'system'", "action": "done.action",
             "subject_type": "'case'", "subject_key": "reference", "node_id": "node_id",
             "details": "done.details"},
            """FROM matter, LATERAL (VALUES
                   ('case.opened', opened_at, '{"channel": "whatsapp"}'::jsonb),
                   ('case.assigned', opened_at + interval '1 minute', '{"from": "eastern", "to": "khobar"}'),
                   ('case.closed', closed_at, '{"outcome": "resolved", "asked": true}')
               ) AS done (action, at, details) WHERE done.at IS NOT NULL ORDER BY done.at""",
        )  # fmt: skip
        self._insert(
            "channels_broadcast",
            {"node_id": "(SELECT id FROM organisation_node WHERE kind = 'authority')", "number_id": number,
             "template_id": "(SELECT id FROM channels_template ORDER BY id LIMIT 1)",
             "title": "'حملة توعوية ' || n", "state": "'finished'", "total": "1000",
             "counts": """'{"read": 800, "delivered": 150, "failed": 50}'::jsonb""",
             "created_at": "now() - n * interval '3 days'", "started_at": "now() - n * interval '3 days'",
             "finished_at": "now() - n * interval '3 days'"},
            "FROM generate_series(1, 200) AS n",
        )  # fmt: skip
        self._connection.execute("VACUUM ANALYZE")

    def count(self, table: str) -> int:
        return self._first("SELECT count(*) FROM {}", table)

    def _references(self, wanted: int) -> None:
        """Numbers as real ones are: with the right check digit, and no order among them."""
        chance = random.Random(940)  # noqa: S311  # the same load every time
        bodies = chance.sample(range(10_000_000, 100_000_000), wanted)
        known = {
            row[0]
            for row in self._connection.execute("SELECT reference FROM cases_case").fetchall()
        }
        self._connection.execute("CREATE TEMP TABLE reference (place bigint, reference text)")
        with (
            self._connection.cursor() as cursor,
            cursor.copy("COPY reference FROM STDIN") as copy,
        ):
            numbers = (f"{body}{damm.calc_check_digit(str(body))}" for body in bodies)
            fresh = (number for number in numbers if number not in known)
            for place, number in enumerate(fresh, start=1):
                copy.write_row((place, number))
        self._connection.execute("ANALYZE reference")

    def _insert(self, table: str, columns: Mapping[str, str], source: str) -> None:
        columns = {**columns, **self._defaults(table, columns)}
        statement = sql.SQL("INSERT INTO {} ({}) SELECT {} {}").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.SQL(", ").join(sql.SQL(value) for value in columns.values()),
            sql.SQL(source),
        )
        self._connection.execute(statement)
        if "id" in columns:
            self._connection.execute(
                sql.SQL(
                    "SELECT setval(pg_get_serial_sequence({}, 'id'), (SELECT max(id) FROM {}))"
                ).format(sql.Literal(table), sql.Identifier(table))
            )

    def _defaults(self, table: str, known: Mapping[str, str]) -> dict[str, str]:
        """The model's defaults of columns that must be filled and that the database does not fill itself."""
        options = next(
            model._meta  # noqa: SLF001  # as documented
            for model in apps.get_models()
            if model._meta.db_table == table  # noqa: SLF001
        )
        fields = {field.column: field for field in options.concrete_fields}
        needed = self._connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_nullable = 'NO' "
            "AND column_default IS NULL AND is_identity = 'NO' AND is_generated = 'NEVER'",
            [table],
        ).fetchall()
        found = {}
        for (column,) in needed:
            if column in known:
                continue
            value = fields[column].get_default()
            if value is None:
                raise BenchFailed(f"benchmarks/years.py must say what stands in {table}.{column}.")
            prepared = fields[column].get_db_prep_save(value, ours)
            found[column] = sql.Literal(prepared).as_string(self._connection)
        return found

    def _highest(self, table: str) -> int:
        return self._first("SELECT coalesce(max(id), 0) FROM {}", table)

    def _first(self, query: LiteralString, table: str) -> int:
        row = self._connection.execute(sql.SQL(query).format(sql.Identifier(table))).fetchone()
        return int(row[0]) if row else 0


def _local(statement: str) -> bytes:
    """With the session's own function by its full name: no search path leads to it."""
    return statement.replace("picked(", "pg_temp.picked(").encode()
