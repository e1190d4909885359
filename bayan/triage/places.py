"""Which places a text names, and which body answers for them: a recogniser over the authority's gazetteer."""

from __future__ import annotations

import csv
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from bayan.triage.text import Plain, plain, words_in

AMBIGUOUS = "ambiguous"
FILES = ("governorates", "cities", "districts", "landmarks", "roads")
# Words that say what kind of place follows; with them, and with a city beside it, an ordinary word is a name.
_KIND_OF_PLACE = frozenset(
    """حي احياء الحي شارع ش طريق مدينه محافظه بلده قريه هجره دوار مخطط ضاحيه ممشي كورنيش شاطي حديقه سوق
    جسر جزيره مطار ميناء قاعده مركز بلديه district neighborhood neighbourhood street st road rd city town
    village area
    corniche beach hai 7ay hay 7ai share3 shar3 municipality""".split()  # noqa: SIM905  # one word list
)
# What such a word leaves out of a name when people write it: «شارع الظهران» beside «طريق الظهران».
_LEFT_OUT = frozenset("حي مدينه محافظه بلده قريه هجره district city town governorate".split())  # noqa: SIM905
# So many words may stand from an ordinary word to the city that makes a name of it.
_CLOSE = 3
# A place that only the sender's earlier one settles is less sure than one beside a named city (0.9).
_BY_SENDER = 0.7
# Written as one with what follows; the article may stand behind them.
_PREFIXES = tuple("وبال فبال وال فال بال كال ولل لل ال وب ول فب ب ل و ف ك".split())  # noqa: SIM905
_LATIN_PREFIXES = ("bel", "bil", "lel", "el", "al", "il", "b")
_SHORT_TOWNS = frozenset({"عنك", "بعنك", "لعنك"})
# «الخبر» is a city and "the news"; after these it is the news.
_NEWS = frozenset(
    """هذا هالخبر صحه سمعت انتشر نشر مصدر قريت وصلنا جانا ينفي تنفي نفي صحيح عاجل ذا
    هل اكيد""".split()  # noqa: SIM905
)
_IN = frozenset(
    """في من الي لين صوب حوالي قرب عند بين بعد قبل يم جنب داخل
    in at near from to around fi fe""".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Entry:
    """A place of the gazetteer.

    `served_by`: its municipality or an outside body; empty where nobody knows.
    """

    key: str
    name_ar: str
    type: str
    parent: str
    served_by: str
    is_outside: bool = False


@dataclass(frozen=True)
class Mention:
    """A place that a text names: where it stands there, and what it may be, the likeliest first.

    `by_sender`: the text leaves it open, and only where the sender wrote from before settles it.
    """

    text: str
    start: int
    end: int
    entries: tuple[Entry, ...]
    confidence: float
    by_sender: bool = False

    @property
    def served_by(self) -> str:
        """The one body that answers for it, or `ambiguous`."""
        return _served_by(self.entries)

    @property
    def place(self) -> Entry | None:
        """The one place that it is, or None."""
        return _one_of(self.entries)

    @property
    def is_town(self) -> bool:
        return all(
            entry.type in {"cities", "bodies", "governorates", "region"} for entry in self.entries
        )


def _served_by(entries: Sequence[Entry]) -> str:
    bodies = {entry.served_by for entry in entries if entry.type != "governorates"} or {
        entry.served_by for entry in entries
    }
    return bodies.pop() or AMBIGUOUS if len(bodies) == 1 else AMBIGUOUS


def _told(entries: Sequence[Entry]) -> tuple[str, Entry | None]:
    """What a reader learns of these: whose they are, and which one it is."""
    return _served_by(entries), _one_of(entries)


def _one_of(entries: Sequence[Entry]) -> Entry | None:
    """The one place that these are.

    A municipality named like its town is no place beside it, and of a town and its governorate the town is
    meant: whoever means the governorate says so, and then it stands alone.
    """
    places = [entry for entry in entries if entry.type != "bodies"] or entries
    around = {entry.parent for entry in places if entry.type == "cities"}
    inner = [entry for entry in places if entry.type != "governorates" or entry.key not in around]
    return inner[0] if len(inner) == 1 else None


def _bare(word: str) -> str:
    """A word without its article, as names are compared."""
    return word[2:] if word.startswith("ال") and len(word) > 4 else word


# How a side of a town is called by those who write Arabic in Latin letters.
_SIDES = {
    "Eastern": ("East", "Sharq", "Sharg"),
    "Western": ("West", "Gharb"),
    "Central": ("Wasat", "Wasa6"),
    "Northern": ("North", "Shamal"),
    "Southern": ("South", "Janoub"),
}


def _sides(name: str) -> list[str]:
    """Other names of a side of a town: «sharg el Dammam» of Eastern Dammam."""
    side, _space, town = name.partition(" ")
    return [f"{other} {rest}" for other in _SIDES.get(side, ()) for rest in (town, f"el {town}")]


def _short_in_english(name_ar: str, name_en: str, *variants: str) -> list[str]:
    """What a short form in Arabic is in English: «الراكة» of «الراكة الشمالية» is Ar Rakah."""
    words, in_english = name_ar.split(), name_en.split()
    ends = [at for at, word in enumerate(in_english, 1) if word.lower() not in _ARTICLES]
    return [
        " ".join(in_english[: ends[number - 1]])
        for variant in variants
        if (number := len(variant.split())) < len(words) == len(ends)
        and words[:number] == variant.split()
    ]


def _latin(word: str) -> str:
    """A Latin spelling of an Arabic name with its usual variations made one.

    Khubar, Khobar; Qateef, Qatif.
    """
    for given, made in (
        ("ee", "i"), ("oo", "u"), ("ou", "u"), ("aa", "a"), ("q", "k"), ("gh", "g"), ("dh", "d"), ("th", "t"),
        ("5", "kh"), ("7", "h"), ("3", ""), ("9", "s"), ("6", "t"), ("8", "k"), ("'", ""), ("o", "u"),
        ("e", "i"), ("y", "i"),
        ("ii", "i"), ("uu", "u"),
    ):  # fmt: skip
        word = word.replace(given, made)
    # Rakah, Raka; Sharqiyah, Sharqiya.
    return word[:-1] if word.endswith("ah") and len(word) > 4 else word


class Gazetteer:
    """The places of an authority, ready to be found in texts."""

    def __init__(
        self, entries: Iterable[tuple[Entry, Sequence[str]]], *, ordinary: Iterable[str] = ()
    ) -> None:
        """`entries`: each place with all its names; `ordinary`: what `ordinary_words` found."""
        self.entries: dict[str, Entry] = {}
        self._names: dict[tuple[str, ...], list[Entry]] = defaultdict(list)
        self._ordinary = frozenset(ordinary)
        for entry, names in entries:
            self.entries[entry.key] = entry
            for name in names:
                keys = self._keys_of(name)
                if entry.type == "roads":
                    # «طريق الجبيل الظهران» is «طريق الظهران الجبيل».
                    keys |= {(key[0], key[2], key[1]) for key in keys if len(key) == 3}
                for key in keys:
                    if entry not in self._names[key]:
                        self._names[key].append(entry)
        # Of each first word of a name, how many words names that begin so may have; the longest first.
        self._lengths: dict[str, list[int]] = defaultdict(list)
        for key in sorted(self._names, key=len, reverse=True):
            if len(key) not in self._lengths[key[0]]:
                self._lengths[key[0]].append(len(key))
        self._beginnings = lru_cache(maxsize=65_536)(self._beginnings_of)
        self._slips = lru_cache(maxsize=16_384)(self._slips_of)
        # Names that differ by one letter: a word with one letter left out leads to them.
        self._near: dict[str, set[str]] = defaultdict(set)
        for key in self._names:
            if len(key) == 1 and len(key[0]) >= 4:
                for cut in _with_one_left_out(key[0]):
                    self._near[cut].add(key[0])
        self._above = {key: self._line(entry) for key, entry in self.entries.items()}

    @classmethod
    def read(cls, folder: Path, *, ordinary: Iterable[str] = ()) -> Gazetteer:
        """The gazetteer of an authority pack (its folder `places`).

        :raises OSError: a file is missing
        """
        entries: list[tuple[Entry, list[str]]] = []
        for name in FILES:
            with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    served_by = row["owner"] or row["outside"]
                    entry = Entry(
                        row["key"], row["name_ar"], name, row["parent"], served_by,
                        is_outside=bool(row["outside"]),
                    )  # fmt: skip
                    variants = [part.strip() for part in row["variants"].split("|")]
                    names = [row["name_ar"], row["name_en"], *filter(None, variants)]
                    entries.append((entry, [*names, *_short_in_english(*names)]))
        with (folder.parent / "organisation.toml").open("rb") as file:
            organisation = tomllib.load(file)
            # Who names the whole region leaves the municipality open.
            authority = organisation["authority"]
            region = authority["name_ar"].removeprefix("أمانة ")
            in_english = authority["name_en"].removesuffix(" Municipality")
            whole = Entry(f"body:{authority['key']}", region, "region", "", "")
            entries.append((whole, [region, region.split()[-1], in_english]))
            for body in organisation["bodies"]:
                if body["kind"] == "municipality":
                    entry = Entry(f"body:{body['key']}", body["name_ar"], "bodies", "", body["key"])
                    short = body["name_ar"].removeprefix("بلدية ").removeprefix("محافظة ")
                    in_english = body["name_en"].removesuffix(" Municipality")
                    names = [short, body.get("short_name_ar", short), body["name_en"], in_english]
                    entries.append((entry, [*names, *_sides(in_english)]))
        return cls(entries, ordinary=ordinary)

    @staticmethod
    def _keys_of(name: str) -> set[tuple[str, ...]]:
        words = [word for word, _start, _end in words_in(plain(name).text)]
        if not words:
            return set()
        telling = [word for word in words if word not in _LEFT_OUT] or words
        if telling[0].isascii():
            spelled = tuple(_latin(word) for word in telling if word not in _ARTICLES)
            if not spelled:
                return {tuple(telling)}
            # #EasternProvince, Rastanura
            is_joined = len(spelled) == len(telling) > 1 and len("".join(telling)) > 7
            found = {spelled, (_latin("".join(telling)),)} if is_joined else {spelled}
            # Hafr Al Batin, hafr el batin
            if len(spelled) > 1 and telling[0] not in _ARTICLES:
                for article in ("al", "el"):
                    written = [article if word in _ARTICLES else word for word in telling]
                    found.add(tuple(map(_latin, written)))
            return found
        return {tuple(map(_bare, telling)), tuple(map(_bare, words))}

    def _line(self, entry: Entry) -> frozenset[str]:
        found: set[str] = set()
        while entry.key not in found:
            found.add(entry.key)
            if entry.parent not in self.entries:
                break
            entry = self.entries[entry.parent]
        return frozenset(found)

    def around(self, key: str) -> frozenset[str]:
        """The keys of a place and of all in which it lies."""
        return self._above.get(key, frozenset())

    def find(
        self,
        text: str,
        *,
        form: Plain | None = None,
        words: list[tuple[str, int, int]] | None = None,
        near: str = "",
    ) -> list[Mention]:
        """The places that this text names, in their order; none lies within another.

        `form`, `words`: the plain form of the text and its words, where the caller has them.
        `near`: a place or municipality from which the sender wrote before; it settles what the text leaves
        open.
        """
        form = form or plain(text)
        words = words_in(form.text) if words is None else words
        found: list[tuple[int, int, Sequence[Entry], float, int, bool]] = []
        at = 0
        while at < len(words):
            word, before = words[at][0], words[at - 1][0] if at else ""
            if not (before in _EXPECTING or self._beginnings(word) or word[:2] in _EXPECTED):
                # Most words.
                at += 1
                continue
            match = self._match(words, at)
            if match is None:
                at += 1
                continue
            length, cut, entries, confidence, is_sure = match
            found.append((at, length, entries, confidence, cut, is_sure))
            at += length
        return self._settled(text, form, words, found, near)

    def _beginnings_of(self, word: str) -> tuple[tuple[int, str, str], ...]:
        """How a word may begin a name.

        How much of it is written as one with the name, the rest, as compared.
        """
        return tuple(
            (cut, rest, first)
            for cut, rest in _rests(word)
            if (first := _form(rest)) in self._lengths
        )

    def _slips_of(self, word: str) -> tuple[int, tuple[Entry, ...]] | None:
        """What a word may be with one letter wrong, missing or too many, and where in it the name begins."""
        for cut, rest in _rests(word):
            bare = _form(rest)
            if len(bare) >= 4 and not rest.isascii() and not {bare, f"in {bare}"} & self._ordinary:
                names = self._near_names(bare)
                if names:
                    return cut, tuple(entry for name in names for entry in self._names[(name,)])
        return None

    def _match(
        self, words: list[tuple[str, int, int]], at: int
    ) -> tuple[int, int, Sequence[Entry], float, bool] | None:
        word = words[at][0]
        before = words[at - 1][0] if at else ""
        for cut, rest, first in self._beginnings(word):
            if cut and before in _KIND_OF_PLACE and not word.startswith("ال"):
                # «شارع واحد» is one street, not the street of أحد.
                continue
            for length in self._lengths[first]:
                if at + length > len(words):
                    continue
                tail = (_form(other) for other, _start, _end in words[at + 1 : at + length])
                entries = self._names.get((first, *tail))
                if entries is None:
                    continue
                if length == 1 and not self._may_stand(word, rest, before):
                    continue
                is_sure = length > 1 or not self._is_ordinary(word, first, before)
                return length, cut, entries, 0.95 if is_sure else 0.6, is_sure
        # A slip of the pen, where a place is to be expected.
        if before in _EXPECTING or word.startswith(("بال", "لل")):
            slip = self._slips(word)
            if slip:
                return 1, slip[0], slip[1], 0.7, before in _KIND_OF_PLACE
        return None

    def _is_ordinary(self, word: str, first: str, before: str) -> bool:
        """Whether this word is more often used for something else than for a place, where it stands."""
        if before in _KIND_OF_PLACE or before[1:] in _KIND_OF_PLACE:
            return False
        return located(word, first, before) in self._ordinary

    def _may_stand(self, word: str, rest: str, before: str) -> bool:
        """Whether a single word that is spelled as a place may be meant as one."""
        if rest.isascii():
            return len(rest) > 3
        if _bare(rest) == "خبر":
            # Without its article it is no city, and with it often the news.
            return before not in _NEWS and ("ال" in word[:4] or "لل" in word[:3])
        return len(rest) > 2 or word in _SHORT_TOWNS

    def _near_names(self, word: str) -> list[str]:
        candidates: set[str] = set(self._near.get(word, ()))
        for cut in _with_one_left_out(word):
            candidates |= self._near.get(cut, set())
            if (cut,) in self._names:
                candidates.add(cut)
        return sorted(
            name for name in candidates if abs(len(name) - len(word)) <= 1 and name[0] == word[0]
        )

    def _settled(
        self,
        text: str,
        form: Plain,
        words: list[tuple[str, int, int]],
        found: list[tuple[int, int, Sequence[Entry], float, int, bool]],
        near: str,
    ) -> list[Mention]:
        """Mentions with what the others in the text say of them."""
        stand = [
            (at, entry.key)
            for at, _length, entries, _confidence, _cut, is_sure in found
            if is_sure
            for entry in entries
            if entry.type in {"cities", "governorates"}
        ]
        towns = {key for _at, key in stand}
        mentions: list[Mention] = []
        for at, length, entries, certainty, cut, was_sure in found:
            kept, confidence, is_sure, by_sender = entries, certainty, was_sure, False
            before = words[at - 1][0] if at else ""
            if len(entries) > 1 or not is_sure:
                # What is mostly no place is one only where its city stands close by: «السيف بالدمام», not
                # «مع الشروق» somewhere in a letter from Dammam.
                named = (
                    towns
                    if was_sure
                    else {key for place, key in stand if abs(place - at) <= _CLOSE + length - 1}
                )
                here = [
                    entry
                    for entry in entries
                    if entry.type in {"districts", "landmarks", "roads"}
                    and self._above[entry.key] & named - {entry.key}
                ]
                if here:
                    kept, is_sure, confidence = here, True, max(confidence, 0.9)
                elif near:
                    close = [
                        e for e in entries if near in self._above[e.key] or near == e.served_by
                    ]
                    kept = close or entries
                    by_sender = _told(_by_type(kept, before)) != _told(_by_type(entries, before))
            if not is_sure:
                continue
            # A city before its governorate and a district of the same name, unless a word says otherwise.
            kept = _by_type(kept, before)
            if _one_of(kept) is None:
                confidence = 0.5
            elif by_sender:
                confidence = min(confidence, _BY_SENDER)
            start, end = form.span(words[at][1] + cut, words[at + length - 1][2])
            mentions.append(
                Mention(text[start:end], start, end, tuple(kept), confidence, by_sender)
            )
        return mentions

    def body_for(self, mentions: Sequence[Mention]) -> str | None:
        """The body that answers for the places of a text.

        `ambiguous` where they leave it open, None without any.
        """
        if not mentions:
            return None
        # A place named a thousand times says no more than once.
        named = list({mention.entries: mention for mention in mentions}.values())
        above = [
            {key for entry in mention.entries for key in self._above[entry.key] - {entry.key}}
            for mention in named
        ]
        times = Counter(key for keys in above for key in keys)
        chosen = [
            mention
            for mention, own in zip(named, above, strict=True)
            # None of the others lies within it.
            if all(times[entry.key] == (entry.key in own) for entry in mention.entries)
        ] or named
        # A street or a quarter of the named town may bear the name of one known elsewhere: the town decides.
        towns = {mention.served_by for mention in chosen if mention.is_town}
        bodies = towns or {mention.served_by for mention in chosen}
        if len(bodies) > 1 and not towns:
            bodies.discard(AMBIGUOUS)
        if bodies == {AMBIGUOUS}:
            # A quarter that nobody is known to serve: the one town that is named with it does.
            bodies = {mention.served_by for mention in named if mention.is_town}
        return bodies.pop() if len(bodies) == 1 else AMBIGUOUS

    def choices_for(self, mentions: Sequence[Mention]) -> list[tuple[Entry, Entry]]:
        """Where the places that a text leaves open may lie: each place with the town to tell it by.

        The likeliest town first: the one that most of them may lie in, then as the gazetteer has them, what
        other authorities serve last. Nothing where the text says which place it is and only nobody knows
        whose.
        """
        if any(mention.place and not mention.is_town for mention in mentions):
            return []
        found: dict[str, tuple[Entry, Entry]] = {}
        times: Counter[str] = Counter()
        for mention in mentions:
            towns = {
                self._town_of(entry).key: entry
                for entry in reversed(mention.entries)
                if entry.type not in {"bodies", "region"}
            }
            for key, entry in towns.items():
                found.setdefault(key, (entry, self.entries[key]))
            times.update(towns.keys())
        order = {key: number for number, key in enumerate(self.entries)}
        return sorted(
            found.values(),
            key=lambda pair: (-times[pair[1].key], pair[0].is_outside, order[pair[1].key]),
        )

    def _town_of(self, entry: Entry) -> Entry:
        """The city that a place lies in, or what else is round it; a town is its own."""
        while entry.type not in {"cities", "governorates"} and entry.parent in self.entries:
            entry = self.entries[entry.parent]
        return entry


# After these, or beginning so, a word is looked at for a slip of the pen.
_EXPECTING = _KIND_OF_PLACE | _IN
_EXPECTED = frozenset({"با", "لل"})
_ARTICLES = frozenset("al el ad an ar as ash at ath az il".split())  # noqa: SIM905


@lru_cache(maxsize=65_536)
def _form(word: str) -> str:
    """A word as names are compared: without its article, a Latin one in the one spelling of its variants."""
    return _latin(word) if word.isascii() else _bare(word)


def located(word: str, first: str, before: str) -> str:
    """How a word counts as ordinary: apart where it says in or to what, as places often stand."""
    return f"in {first}" if before in _IN or word.startswith(("بال", "لل", "فال")) else first


def ordinary_words(texts: Iterable[tuple[str, Sequence[str]]]) -> list[str]:
    """Words that in these texts, each given with the places that it names, mostly mean no place.

    They are counted as names are compared, with «in » before those that stand where places often do.
    """
    as_place: Counter[str] = Counter()
    otherwise: Counter[str] = Counter()
    for text, places in texts:
        named = {
            tuple(_form(word) for word, _s, _e in words_in(plain(place).text)) for place in places
        }
        alone = {words[0] for words in named if len(words) == 1}
        parts = {
            _form(rest) for words in named for word in words for _cut, rest in _rests(word)
        } - alone
        before = ""
        for word, _start, _end in words_in(plain(text).text):
            for _cut, rest in _rests(word):
                first = _form(rest)
                if first in alone:
                    as_place[located(word, first, before)] += 1
                elif first not in parts:
                    otherwise[located(word, first, before)] += 1
            before = word
    return sorted(word for word, count in otherwise.items() if count > 1 and count > as_place[word])


def _rests(word: str) -> list[tuple[int, str]]:
    """A word and what is left of it without what may be written as one with it, and how much that is."""
    found = [(0, word)]
    if word.isascii():
        # «elkhobar», «bsaihat»
        return found + [
            (len(prefix), word[len(prefix) :])
            for prefix in _LATIN_PREFIXES
            if word.startswith(prefix) and len(word) - len(prefix) >= 5
        ]
    for prefix in _PREFIXES:
        # «بأم الساهك»: what begins a longer name may be short.
        if word.startswith(prefix) and len(word) - len(prefix) >= 2:
            found.append((len(prefix), word[len(prefix) :]))
            if prefix.endswith("ال") and prefix != "ال":
                # «بالخبر» is «ب» and «الخبر»: the name begins with its article.
                found[-1] = (len(prefix) - 2, word[len(prefix) - 2 :])
    return found


def _with_one_left_out(word: str) -> set[str]:
    return {word[:at] + word[at + 1 :] for at in range(len(word))}


def _by_type(entries: Sequence[Entry], before: str) -> Sequence[Entry]:
    if len(entries) < 2:
        return entries
    if before in {"حي", "احياء", "الحي", "district", "hai", "hay", "7ay"}:
        wanted: tuple[str, ...] = ("districts",)
    elif before in {"شارع", "ش", "طريق", "street", "road", "st", "rd"}:
        wanted = ("roads", "districts")
    else:
        wanted = ("bodies", "cities")
    return [entry for entry in entries if entry.type in wanted] or entries
