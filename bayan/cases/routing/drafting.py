"""A rule written as a sentence, read into the form: what was understood, and what was not.

Names of bodies, members and places are looked for as they are; the rest by the words that people use for it.
Nothing is guessed that the form does not show.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import time
from typing import Any

from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _

from bayan.cases.models import Case
from bayan.cases.routing.matching import Give, Hours, To, forms_of, written
from bayan.cases.services import understanding
from bayan.cases.whole.models import Team
from bayan.organisation.models import Node, OutsideBody
from bayan.people.models import Member
from bayan.triage.text import plain, words_in

# From such a word on the sentence says what is to be done.
_THEN = frozenset(
    """حول حولها حوله احل احلها وجه وجهها ارسل ارسلها اعط اعطها اعطه اسند اسندها سلم سلمها اجعل اجعلها ارفع
    ارفعها تحول تحال توجه ترسل تعطي تسند يحول يحال يوجه يعطي يسند خلها ابقها تبقي
    then send route assign give forward pass goes hand make keep""".split()  # noqa: SIM905  # one word list
)
# After these come the words that are mentioned, until something else begins.
_MENTION = frozenset(
    """ذكر ذكرت ذكروا يذكر يذكرون كتب كتبوا قال قالوا كلمه كلمات فيها فيه وردت ورد تحتوي يحتوي تضمنت تضمن
    mention mentions mentioned say says write writes contains contain word words""".split()  # noqa: SIM905
)
_PEOPLE = frozenset(
    """الناس المستفيد المستفيدون الشخص المرسل رساله الرساله
    people person message somebody they""".split()  # noqa: SIM905
)
_OR = frozenset({"او", "ام", "or", "و"})
# What holds a sentence together and asks for nothing.
_FILLERS = frozenset(
    """اذا كان كانت يكون تكون ان من في الي علي عن هو هي ثم او و ف التصنيف تصنيف تصنيفها النوع نوع نوعها
    نوعه البلاغ بلاغ بلاغات الحاله حاله المكان مكان مكانها مكانه يشير تشير يدل تدل عند كل اي ما التي
    الذي لدي به بها له لها وقت اليوم يوم ايام الساعه الاولويه اولويه اولويتها باولويه بدرجه درجه
    المسؤول الموظف موظف الشخص الناس بلديه البلديه بلديتها محافظه مدينه حي تصل وصل وصلت جا جات وردت ب
    ل ال if the is a an of in at on to and or it its case cases category kind about place when whose
    from for with as comes arrives people priority please by that this them who whoever""".split()  # noqa: SIM905
)
_DAYS = {
    "الاثنين": 0, "الثلاثا": 1, "الاربعا": 2, "الخميس": 3, "الجمعه": 4, "السبت": 5, "الاحد": 6,
    "monday": 0, "tuesday": 1, "wednesday": 2, "thursday": 3, "friday": 4, "saturday": 5, "sunday": 6,
}  # fmt: skip
# Phrases in plain spelling, the longer ones first where one begins as another.
_OUTSIDE = (
    "خارج وقت الدوام", "خارج اوقات الدوام", "خارج ساعات العمل", "خارج ساعات الدوام",
    "خارج الدوام", "بعد الدوام",
    "out of working hours", "outside working hours", "out of hours", "after hours",
)  # fmt: skip
_WORKING = (
    "في وقت الدوام", "وقت الدوام", "اثناء الدوام", "خلال الدوام", "ساعات العمل", "ساعات الدوام",
    "in working hours", "during working hours", "working hours",
)  # fmt: skip
_WEEKEND = ("نهايه الاسبوع", "عطله الاسبوع", "الويكند", "weekends", "weekend")
_LEAST = (
    "الاقل عملا", "اقلهم عملا", "الاقل انشغالا", "الاقل بلاغات", "اقلهم بلاغات", "الاقل حملا", "للاقل عملا",
    "الاقل", "اقلهم", "whoever has the fewest open cases", "fewest open cases", "fewest cases", "least busy",
    "the fewest", "the least",
)  # fmt: skip
_DUTY = ("ضابط المناوبه", "المناوب", "مناوب", "officer on duty", "duty officer", "on duty", "duty")
_POINTED = (
    "بلديه المكان", "بلديه مكانها", "بلديه مكانه", "البلديه المعنيه", "البلديه المختصه", "بلديتها", "بلديته",
    "the municipality of its place", "municipality of its place", "its municipality",
    "the right municipality",
)  # fmt: skip
_STAYS = ("مكتب الامانه", "في الامانه", "the desk", "the authority's desk")
_PRIORITIES = {
    "emergency": ("طاريه", "طاريا", "طاري", "emergency"),
    "high": ("عاجله", "عاجلا", "عاجل", "مستعجله", "مستعجل", "urgent"),
}
_KINDS = {
    "complaint": ("شكوي", "شكاوي", "complaint", "complaints"),
    "observation": ("ملاحظه", "ملاحظات", "observation", "observations"),
    "suggestion": ("اقتراح", "مقترح", "مقترحات", "اقتراحات", "suggestion", "suggestions"),
    "enquiry": ("استفسار", "استفسارات", "سوال", "enquiry", "enquiries", "question"),
    "praise": ("شكر", "ثناء", "praise", "thanks"),
    "rumour_claim": ("شائعه", "شايعه", "اشاعه", "معلومه غير موكده", "rumour", "unconfirmed claim"),
}
_CATEGORIES = {
    "cleanliness": ("النظافه", "نظافه", "cleanliness", "cleaning"),
    "roads": ("الطرق والارصفه", "الطرق", "طرق", "roads"),
    "lighting": ("الاناره", "اناره", "lighting"),
    "storm_water": ("مياه الامطار", "تصريف الامطار", "تجمعات المياه", "rain water"),
    "water_sewage": (
        "المياه والصرف",
        "الصرف الصحي",
        "المياه والصرف الصحي",
        "water and sewage",
        "sewage",
    ),
    "parks_beaches": ("الحدائق والشواطي", "الحدائق", "الشواطي", "parks", "beaches"),
    "food_health": ("سلامه الغذاء", "الرقابه الصحيه", "food safety"),
    "pests": ("مكافحه الافات", "افات الصحه العامه", "الافات", "pests", "pest control"),
    "stray_animals": ("الحيوانات الضاله", "الحيوانات السائبه", "الكلاب الضاله", "stray animals"),
    "building": ("رخص البناء", "مخالفات البناء", "building licences"),
    "commerce": (
        "الرخص التجاريه",
        "الباعه الجائلين",
        "الباعه الجائلون",
        "الاسواق",
        "shop licences",
    ),
    "visual_pollution": ("التشوه البصري", "visual pollution"),
    "excavation": ("الحفريات", "اعمال الحفر", "excavations", "excavation"),
    "public_facilities": ("المرافق العامه", "المرافق", "public facilities"),
    "safety_hazard": ("خطر علي السلامه", "خطر السلامه", "السلامه", "danger to safety"),
    "digital_services": ("الخدمات الرقميه", "digital services"),
    "staff_service": ("تعامل الموظفين", "جوده الخدمه", "staff conduct"),
    "events": ("الفعاليات", "events"),
}
_CLOCK = re.compile(
    r"(?:بين|من|between|from)\s+(?:الساعه\s+)?(\d{1,2})(?::(\d\d))?\s*(صباحا|مسا|ظهرا|عصرا|ليلا|فجرا|ص|م|am|pm)?\s+"
    r"(?:و\s*|الي|حتي|and|to|until)\s*(?:الساعه\s+)?(\d{1,2})(?::(\d\d))?\s*(صباحا|مسا|ظهرا|عصرا|ليلا|فجرا|ص|م|am|pm)?(?!\w)"
)
_AFTERNOON = frozenset({"مسا", "ظهرا", "عصرا", "ليلا", "م", "pm"})
# How sure triage must be of a category that nobody named.
SURE = 0.6


@dataclass
class Draft:
    """What was understood of a sentence, as the form has it and in words; and what was not."""

    values: dict[str, Any] = field(default_factory=dict)
    understood: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not self.values


def draft_of(sentence: str, *, members: Sequence[Member]) -> Draft:
    """Read a rule that somebody wrote as a sentence."""
    return _Reader(sentence[:600], members).draft()


class _Reader:
    def __init__(self, sentence: str, members: Sequence[Member]) -> None:
        self._sentence = sentence
        self._form = plain(sentence)
        self._words = words_in(self._form.text)
        self._forms = [forms_of(word) for word, _start, _end in self._words]
        self._taken = [False] * len(self._words)
        self._members = members
        # Where the sentence turns from what must hold to what is done.
        self._turn = next(
            (at for at, forms in enumerate(self._forms) if self._is_then(forms)), len(self._words)
        )
        self._draft = Draft()

    @staticmethod
    def _is_then(forms: tuple[str, ...]) -> bool:
        return any(form in _THEN or form.removeprefix("ف") in _THEN for form in forms)

    def draft(self) -> Draft:
        for at, forms in enumerate(self._forms):
            if self._is_then(forms):
                self._taken[at] = True
        self._read_clock()
        self._read_consequence()
        self._read_mentioned()
        self._read_conditions()
        self._read_places()
        self._guess_category()
        self._draft.missed = self._missed()
        return self._draft

    # Finding

    def _find(self, phrase: str, first: int = 0, last: int | None = None) -> tuple[int, int] | None:
        """Where these words stand, not yet taken, each with or without what is written as one with it."""
        wanted = [word for word, _start, _end in words_in(phrase)]
        stop = len(self._words) if last is None else last
        for at in range(first, stop - len(wanted) + 1):
            if any(self._taken[at : at + len(wanted)]):
                continue
            if all(self._is(at + number, word) for number, word in enumerate(wanted)):
                return at, at + len(wanted)
        return None

    def _is(self, at: int, word: str) -> bool:
        return not {word, *forms_of(word)}.isdisjoint(self._forms[at])

    def _take(self, phrases: Iterable[str], first: int = 0, last: int | None = None) -> bool:
        for phrase in phrases:
            found = self._find(phrase, first, last)
            if found:
                self._mark(*found)
                return True
        return False

    def _mark(self, first: int, last: int) -> None:
        self._taken[first:last] = [True] * (last - first)

    def _written(self, first: int, last: int) -> str:
        return written(self._sentence, self._form, self._words[first][1], self._words[last - 1][2])

    def _say(self, name: str, value: Any, words: str) -> None:
        self._draft.values[name] = value
        self._draft.understood.append(words)

    # Reading

    def _read_clock(self) -> None:
        found = _CLOCK.search(self._form.text)
        if found is None:
            return
        since, until = (_time(*found.groups()[n : n + 3]) for n in (0, 3))
        if since is None or until is None or since == until:
            return
        for at, (_word, start, end) in enumerate(self._words):
            if found.start() <= start and end <= found.end():
                self._taken[at] = True
        self._draft.values |= {
            "hours": Hours.BETWEEN.value,
            "from_time": since,
            "until_time": until,
        }
        self._draft.understood.append(
            _("between %(since)s and %(until)s")
            % {"since": f"{since:%H:%M}", "until": f"{until:%H:%M}"}
        )

    def _read_consequence(self) -> None:
        turn = self._turn
        if team := self._read_team():
            # Whoever of it has the fewest: that is what giving to a team means.
            self._take(_LEAST, turn)
        elif self._take(_LEAST, turn):
            self._say("give", Give.LEAST.value, _("to whoever has the fewest open cases"))
        elif self._take(_DUTY, turn):
            self._say("give", Give.DUTY.value, _("to whoever is on duty"))
        else:
            self._read_member()
        if self._take(_POINTED, turn):
            self._say("to", To.POINTED.value, _("to the municipality of its place"))
        elif body := self._named(Node.objects.targets(), turn):
            self._say("to", f"body:{body.key}", _("to %(body)s") % {"body": body.name})
        elif team is not None and team.node.is_target:
            self._say("to", f"body:{team.node.key}", _("to %(body)s") % {"body": team.node.name})
        elif self._take(_STAYS, turn):
            self._say("to", To.STAYS.value, _("it stays at the authority's desk"))
        for value, words in _PRIORITIES.items():
            if "priority" not in self._draft.values and self._take(words, turn):
                label = str(Case.Priority(value).label)
                self._say("priority", value, _("at least %(priority)s") % {"priority": label})

    def _read_team(self) -> Team | None:
        teams = [
            (name, team)
            for team in Team.objects.filter(ended_at=None).select_related("node")
            for name in (team.name_ar, team.name_en.lower())
            if name
        ]
        for name, team in sorted(teams, key=lambda pair: -len(pair[0])):
            found = self._find(plain(name).text, self._turn)
            if found:
                self._mark(*found)
                said = _("to the team “%(team)s”") % {"team": team.name}
                self._say("give", f"team:{team.public_id}", said)
                return team
        return None

    def _read_member(self) -> None:
        names = [(name, member) for member in self._members for name in _names_of(member)]
        for name, member in sorted(names, key=lambda pair: -len(pair[0])):
            found = self._find(plain(name).text, self._turn)
            if found:
                self._mark(*found)
                self._say(
                    "give", f"member:{member.public_id}", _("to %(name)s") % {"name": member.name}
                )
                return

    def _named(
        self, bodies: Iterable[Node | OutsideBody], first: int, last: int | None = None
    ) -> Any:
        """The body that is named there: of several the one with the longest name."""
        names = {
            plain(name).text: body
            for body in bodies
            for name in (
                body.name_ar,
                body.short_name_ar,
                body.name_en.lower(),
                body.short_name_en.lower(),
            )
        }
        for name in sorted(names, key=len, reverse=True):
            found = self._find(name, first, last)
            if found:
                self._mark(*found)
                return names[name]
        return None

    def _read_mentioned(self) -> None:
        words: list[str] = []
        at = 0
        while at < self._turn:
            if not self._taken[at] and not _MENTION.isdisjoint(self._forms[at]):
                self._taken[at] = True
                at = self._mentioned(at + 1, words)
            else:
                at += 1
        if words:
            said = _(" or ").join(_("“%(words)s”") % {"words": word} for word in words)
            self._say("words", "، ".join(words), _("people mention %(words)s") % {"words": said})

    def _mentioned(self, at: int, words: list[str]) -> int:
        """Take the words that follow, parted by «أو» and commas. Returns where they end."""
        phrase: list[int] = []

        def close() -> None:
            if phrase:
                words.append(self._written(phrase[0], phrase[-1] + 1))
                self._mark(phrase[0], phrase[-1] + 1)
                phrase.clear()

        while at < self._turn:
            word, start, _end = self._words[at]
            between = self._form.text[self._words[at - 1][2] : start] if at else ""
            if not phrase and word in _PEOPLE | _MENTION:
                self._taken[at] = True
            elif self._taken[at] or self._begins_something(at):
                break
            elif word in _OR:
                close()
                self._taken[at] = True
            else:
                if phrase and re.search(r"[,،؛;\"«»“”]", between):
                    close()
                # One word each, unless quoted: «خط الصرف».
                phrase.append(at)
                if not self._is_quoted(at):
                    close()
            at += 1
        close()
        return at

    def _is_quoted(self, at: int) -> bool:
        before = self._form.text[: self._words[at][1]]
        return before.count("«") + before.count("“") > before.count("»") + before.count("”")

    def _begins_something(self, at: int) -> bool:
        """Whether a place, a time or another condition begins with this word."""
        word = self._words[at][0]
        if word in {
            "في",
            "عند",
            "خارج",
            "وكان",
            "وكانت",
            "in",
            "at",
            "and",
            "during",
            "out",
            "after",
            "when",
        }:
            return True
        return any(
            self._find(phrase, at, at + len(phrase.split()))
            for phrase in (*_OUTSIDE, *_WORKING, *_WEEKEND)
        )

    def _read_conditions(self) -> None:
        turn = self._turn
        if self._take(_OUTSIDE, 0):
            self._say("hours", Hours.OUTSIDE.value, _("out of working hours"))
        elif "hours" not in self._draft.values and self._take(_WORKING, 0):
            self._say("hours", Hours.WORKING.value, _("in working hours"))
        days = [4, 5] if self._take(_WEEKEND) else []
        for at, (word, _start, _end) in enumerate(self._words):
            day = next((_DAYS[f] for f in (word, *self._forms[at]) if f in _DAYS), None)
            if day is not None and not self._taken[at]:
                self._taken[at] = True
                days.append(day)
        if days:
            with_names = _(" or ").join(_day_name(day) for day in dict.fromkeys(days))
            self._say(
                "weekdays",
                [str(d) for d in dict.fromkeys(days)],
                _("on %(days)s") % {"days": with_names},
            )
        for name, known, labels in (
            ("categories", _CATEGORIES, Case.Category), ("kinds", _KINDS, Case.Kind),
            ("priorities", _PRIORITIES, Case.Priority),
        ):  # fmt: skip
            values = [value for value, words in _by_length(known) if self._take(words, 0, turn)]
            if values:
                said = _(" or ").join(str(labels(value).label) for value in values)
                self._say(name, values, said)

    def _read_places(self) -> None:
        bodies: list[str] = []
        said: list[str] = []
        for group in (Node.objects.municipalities(), OutsideBody.objects.all()):
            known: list[Any] = list(group)
            while body := self._named(known, 0, self._turn):
                bodies.append(body.key)
                said.append(body.short_name)
        if bodies:
            self._say(
                "bodies",
                bodies,
                _("the place belongs to %(bodies)s") % {"bodies": _(" or ").join(said)},
            )
        reader = understanding.reader()
        end = self._words[self._turn - 1][2] if self._turn else 0
        named: dict[str, str] = {}
        for mention in reader.gazetteer.find(self._sentence) if reader and end else ():
            stands = [
                at for at, (_word, start, behind) in enumerate(self._words[: self._turn])
                if self._form.places[start] < mention.end and self._form.places[behind - 1] >= mention.start
            ]  # fmt: skip
            if mention.place and stands and not any(self._taken[at] for at in stands):
                named[mention.place.key] = mention.place.name_ar
                self._mark(stands[0], stands[-1] + 1)
        if named:
            said = list(named.values())
            self._say(
                "places",
                "، ".join(said),
                _("the place is in %(places)s") % {"places": _(" or ").join(said)},
            )

    def _guess_category(self) -> None:
        """What is said in words of one's own, triage reads as it reads a message."""
        reader = understanding.reader()
        if (
            reader is None
            or {"categories", "kinds", "words"} & self._draft.values.keys()
            or not self._turn
        ):
            return
        left = [
            at
            for at in range(self._turn)
            if not self._taken[at] and self._words[at][0] not in _FILLERS
        ]
        if not left:
            return
        reading = reader.read(" ".join(self._words[at][0] for at in left))
        if reading.category != "other" and reading.confidence["category"] >= SURE:
            for at in left:
                self._taken[at] = True
            label = str(Case.Category(reading.category).label)
            said = _("%(category)s, as Bayan reads “%(words)s”")
            words = self._written(left[0], left[-1] + 1)
            self._say("categories", [reading.category], said % {"category": label, "words": words})

    def _missed(self) -> list[str]:
        """What is left, in the pieces in which it stands."""
        pieces: list[str] = []
        first: int | None = None
        for at in range(len(self._words) + 1):
            is_left = (
                at < len(self._words)
                and not self._taken[at]
                and (_FILLERS.isdisjoint(self._forms[at]))
            )
            if is_left and first is None:
                first = at
            elif not is_left and first is not None:
                pieces.append(self._written(first, at))
                first = None
        return pieces


def _by_length(known: Mapping[str, Sequence[str]]) -> list[tuple[str, Sequence[str]]]:
    return sorted(known.items(), key=lambda pair: -max(map(len, pair[1])))


def _names_of(member: Member) -> list[str]:
    """A member's whole name, in both languages."""
    return [name for name in (member.name_ar, member.name_en.lower()) if name]


def _day_name(day: int) -> str:
    return str(WEEKDAYS[day])


def _time(hour: str, minute: str | None, half: str | None) -> time | None:
    number = int(hour)
    if half in _AFTERNOON and number < 12:
        number += 12
    try:
        return time(number % 24 if number == 24 else number, int(minute or 0))
    except ValueError:
        return None
