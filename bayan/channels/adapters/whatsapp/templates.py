"""Templates as the provider wants them: their rules, their parameters, how they look filled in.

A template's parts are the provider's own list (header, body, footer, buttons); reference 1.12 has the
limits. Nothing here asks anybody: what is refused here would be refused there, only later.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bayan.channels.adapters.whatsapp.reading import as_dict, as_list, as_text

NAME_LIMIT = 512
HEADER_LIMIT, BODY_LIMIT, FOOTER_LIMIT = 60, 1024, 60
BUTTONS_LIMIT, LINKS_LIMIT, PHONES_LIMIT, CODES_LIMIT = 10, 2, 1, 1
BUTTON_TEXT_LIMIT, URL_LIMIT, CODE_LIMIT, PHONE_LIMIT = 25, 2000, 15, 20
PAYLOAD_LIMIT = 256
# How many seconds a message that did not arrive may be worth something (reference 1.9).
LIFETIMES = {
    "AUTHENTICATION": (30, 15 * 60),
    "UTILITY": (30, 12 * 3600),
    "MARKETING": (12 * 3600, 30 * 24 * 3600),
}

# What a municipality speaks with its residents; the provider knows more, and those come with the list.
LANGUAGES: dict[str, str] = {
    "ar": "العربية", "en": "English", "ur": "اردو", "hi": "हिन्दी", "bn": "বাংলা", "ml": "മലയാളം",
    "ta": "தமிழ்", "fil": "Filipino", "id": "Bahasa Indonesia", "ar_EG": "العربية (مصر)",
    "ar_AE": "العربية (الإمارات)", "ar_LB": "العربية (لبنان)", "ar_MA": "العربية (المغرب)",
    "ar_QA": "العربية (قطر)", "en_US": "English (US)", "en_GB": "English (UK)", "fr": "Français",
    "tr": "Türkçe", "fa": "فارسی",
}  # fmt: skip
RIGHT_TO_LEFT = {"ar", "ur", "fa", "he"}
MEDIA = {"IMAGE": "image", "VIDEO": "video", "DOCUMENT": "document"}
# Buttons that this house makes; all others come with the list and can be sent.
OUR_BUTTONS = {
    "QUICK_REPLY", "URL", "PHONE_NUMBER", "COPY_CODE", "FLOW", "REQUEST_CONTACT_INFO",
}  # fmt: skip

VARIABLE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_VARIABLE_NAME = re.compile(r"[a-z][a-z0-9_]*")
_NAME = re.compile(r"[a-z0-9_]+")
_MANY_SPACES = re.compile(r" {4,}")
# Marks of direction belong to Arabic text; controls, ends of lines and halves of characters do not.
_NOT_ONE_LINE = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff]| {4,}")

# Words of news, greetings, invitations and offers: the provider files them under marketing.
PROMOTIONAL = re.compile(
    r"(?<!\w)(?:[وفبلك]?(?:ال)?)(عروض|عرض خاص|خصم|خصومات|تخفيضات|هدية|هدايا|مسابقة|سحب|تهنئة|نهنئ|نبارك|"
    r"احتفال|احتفالات|فعالية|فعاليات|مهرجان|ندعوكم|يسرنا دعوتكم|استبيان|شاركونا رأيكم)(?!\w)"
    r"|\b(discounts?|special offers?|sale|prizes?|win|congratulations|celebrate|festival|join us|"
    r"invite you|survey)\b",
    re.IGNORECASE,
)

# What the provider says when it refuses to make a template (reference 1.14).
REFUSALS: dict[int | str, str | Promise] = {
    2388019: gettext_lazy(
        "The account has as many templates as WhatsApp permits. Delete one that is not used any more."
    ),
    2388023: gettext_lazy(
        "A template with this name is being deleted at WhatsApp. Use another name, or wait four weeks."
    ),
    2388024: gettext_lazy(
        "WhatsApp has a template with this name in this language already. Use another name."
    ),
    2388040: gettext_lazy("A part is longer than WhatsApp permits. Shorten it."),
    2388047: gettext_lazy(
        "WhatsApp does not accept the heading. Write plain text in it, with one variable at most."
    ),
    2388072: gettext_lazy(
        "WhatsApp does not accept the text. Check its variables, empty lines and characters."
    ),
    2388073: gettext_lazy(
        "WhatsApp does not accept the footer. Write plain text without variables."
    ),
    2388293: gettext_lazy(
        "The text has too many variables for its length. Add words, or remove a variable."
    ),
    2388299: gettext_lazy(
        "The text begins or ends with a variable. Put words before and after it."
    ),
    80007: gettext_lazy(
        "Too many requests to WhatsApp within an hour. It is tried again by itself."
    ),
    132007: gettext_lazy("The content goes against WhatsApp's rules for templates."),
    "ABUSIVE_CONTENT": gettext_lazy("The reviewers found the content abusive."),
    "INCORRECT_CATEGORY": gettext_lazy(
        "The text does not fit its category. Choose “awareness and news”, or keep to facts about a service."
    ),
    "INVALID_FORMAT": gettext_lazy(
        "Variables, examples or links are not written as WhatsApp wants them."
    ),
    "PROMOTIONAL": gettext_lazy("The reviewers found the text promotional."),
    "SCAM": gettext_lazy("The reviewers took the text for a fraud."),
    "TAG_CONTENT_MISMATCH": gettext_lazy("The text does not fit its category or its language."),
}


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One value that a template asks for when it is sent."""

    key: str  # the name under which `fill` takes it: body.1, body.district, header.image, button.0
    place: str  # header, body or button
    name: str  # the variable's number or name; for a button, its position
    kind: str  # text, image, video, document, location, url, payload, code or flow
    example: str = ""
    button: str = ""  # the button's words
    is_required: bool = True

    @property
    def label(self) -> str:
        """What a form calls it."""
        if self.place == "button":
            words = {
                "url": _("End of the link behind “%(button)s”"),
                "payload": _("What an answer by “%(button)s” is called here"),
                "code": _("Code to copy"),
                "flow": _("Token of the form behind “%(button)s”"),
            }[self.kind]
            return words % {"button": self.button}
        if self.kind != "text":
            return str(
                {
                    "image": _("Picture at the head"),
                    "video": _("Video at the head"),
                    "document": _("Document at the head"),
                    "location": _("Place at the head"),
                }[self.kind]
            )
        name = (
            self.name if not self.name.isdigit() else _("Variable %(name)s") % {"name": self.name}
        )
        return _("Heading: %(name)s") % {"name": name} if self.place == "header" else name


def units(text: str) -> int:
    """The length as the provider counts it, to be safe: in UTF-16 units."""
    return len(text) + sum(character > "\uffff" for character in text)


def part(components: Any, kind: str) -> dict[str, Any]:
    """The part of this kind; empty where the template has none."""
    for component in map(as_dict, as_list(components)):
        if as_text(component.get("type")).upper() == kind:
            return component
    return {}


def buttons_of(components: Any) -> list[dict[str, Any]]:
    return [as_dict(button) for button in as_list(part(components, "BUTTONS").get("buttons"))]


def variables_in(text: str) -> list[str]:
    """The variables of a text, each once, in the order in which values are given."""
    found = list(dict.fromkeys(VARIABLE.findall(text)))
    return sorted(found, key=int) if all(name.isdigit() for name in found) else found


def has_names(components: Any) -> bool:
    """True when the variables have names instead of numbers."""
    texts = (as_text(part(components, kind).get("text")) for kind in ("HEADER", "BODY"))
    return any(not name.isdigit() for text in texts for name in variables_in(text))


def examples_in(component: Mapping[str, Any], *, place: str) -> dict[str, str]:
    """The examples of a part's variables, by the variable."""
    example = as_dict(component.get("example"))
    named = as_list(example.get(f"{place}_text_named_params"))
    if named:
        return {
            as_text(as_dict(each).get("param_name")): as_text(as_dict(each).get("example"))
            for each in named
        }
    values = as_list(example.get(f"{place}_text"))
    if values and isinstance(values[0], list):  # the body's examples are a list of lists
        values = values[0]
    return {str(number): as_text(value) for number, value in enumerate(values, 1)}


def parameters(components: Any) -> list[Parameter]:
    """Everything a message with this template can or must be given."""
    found: list[Parameter] = []
    header = part(components, "HEADER")
    header_format = as_text(header.get("format")).upper()
    if header_format == "TEXT":
        found += _variables("header", header)
    elif header_format in MEDIA or header_format == "LOCATION":
        kind = header_format.lower()
        found.append(Parameter(key=f"header.{kind}", place="header", name=kind, kind=kind))
    found += _variables("body", part(components, "BODY"))
    for position, button in enumerate(buttons_of(components)):
        kind = as_text(button.get("type")).upper()
        asked = {"QUICK_REPLY": "payload", "COPY_CODE": "code", "FLOW": "flow", "OTP": "url"}.get(
            kind
        )
        if kind == "URL" and VARIABLE.search(as_text(button.get("url"))):
            asked = "url"
        if asked:
            found.append(
                Parameter(
                    key=f"button.{position}",
                    place="button",
                    name=str(position),
                    kind=asked,
                    example=button_example(button),
                    button=as_text(button.get("text")),
                    is_required=asked in {"url", "code"},
                )
            )
    return found


def _variables(place: str, component: Mapping[str, Any]) -> list[Parameter]:
    examples = examples_in(component, place=place)
    return [
        Parameter(
            key=f"{place}.{name}",
            place=place,
            name=name,
            kind="text",
            example=examples.get(name, ""),
        )
        for name in variables_in(as_text(component.get("text")))
    ]


def button_example(button: Mapping[str, Any]) -> str:
    """The variable's example; the provider takes a whole link as one and gives it back."""
    given = button.get("example")
    example = as_text(given if isinstance(given, str) else next(iter(as_list(given)), ""))
    before = VARIABLE.split(as_text(button.get("url")))[0]
    return example.removeprefix(before) if before else example


class Form:
    """A template ready to be filled in many times."""

    def __init__(self, name: str, language: str, components: Any) -> None:
        self.name, self.language, self.components = name, language, components
        self.parameters = parameters(components)
        self.keys = {each.key for each in self.parameters}
        self._is_named = has_names(components)
        self._kinds = [as_text(button.get("type")).lower() for button in buttons_of(components)]
        self._room = self._certain_room()

    def _certain_room(self) -> int:
        """Whoever fills in no more characters than this makes no part too long."""
        room, repeated = [], 1
        for kind, limit in (("BODY", BODY_LIMIT), ("HEADER", HEADER_LIMIT)):
            text = as_text(part(self.components, kind).get("text"))
            if variables := VARIABLE.findall(text):
                room.append(limit - units(VARIABLE.sub("", text)))
                repeated = max(repeated, len(variables))
        room += [
            URL_LIMIT - units(as_text(button.get("url"))) for button in buttons_of(self.components)
        ]
        return min(room, default=0) // repeated

    def too_long(self, values: Mapping[str, Any]) -> str:
        """The place that the values make too long; empty when none."""
        if sum(units(value) for value in values.values() if isinstance(value, str)) <= self._room:
            return ""
        return too_long_when_filled(self.components, values)

    def fill(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The content of a message. The values have been checked (`problem_with`, `too_long`)."""
        parts: list[dict[str, Any]] = []
        for place in ("header", "body"):
            filled = [
                _parameter(each, values[each.key], named=self._is_named)
                for each in self.parameters
                if each.place == place
            ]
            if filled:
                parts.append({"type": place, "parameters": filled})
        for each in self.parameters:
            if each.place == "button" and (value := values.get(each.key)):
                kind = self._kinds[int(each.name)]
                parts.append(
                    {
                        "type": "button",
                        "sub_type": "url" if kind == "otp" else kind,
                        "index": each.name,
                        "parameters": [_button_parameter(each, value)],
                    }
                )
        template: dict[str, Any] = {"name": self.name, "language": {"code": self.language}}
        if parts:
            template["components"] = parts
        return {"type": "template", "template": template}


def values_in(components: Any, content: Mapping[str, Any]) -> dict[str, Any]:
    """What a message was filled in with: `Form.fill` backwards."""
    values: dict[str, Any] = {}
    wanted = parameters(components)
    for filled in map(as_dict, as_list(as_dict(content.get("template")).get("components"))):
        place = as_text(filled.get("type"))
        here = [each for each in wanted if each.place == place]
        if place == "button":
            here = [each for each in here if each.name == as_text(filled.get("index"))]
        given = map(as_dict, as_list(filled.get("parameters")))
        for each, parameter in zip(here, given, strict=False):
            kind = as_text(parameter.get("type"))
            value = as_dict(parameter.get("action")).get("flow_token")
            values[each.key] = value if kind == "action" else parameter.get(kind)
    return values


def _parameter(parameter: Parameter, value: Any, *, named: bool) -> dict[str, Any]:
    if parameter.kind != "text":
        return {"type": parameter.kind, parameter.kind: dict(value)}
    if named:
        return {"type": "text", "parameter_name": parameter.name, "text": value}
    return {"type": "text", "text": value}


def _button_parameter(parameter: Parameter, value: str) -> dict[str, Any]:
    match parameter.kind:
        case "payload":
            return {"type": "payload", "payload": value}
        case "code":
            return {"type": "coupon_code", "coupon_code": value}
        case "flow":
            return {"type": "action", "action": {"flow_token": value}}
        case _:
            return {"type": "text", "text": value}


def shown(components: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """The message as the person sees it. A variable without a value shows its example, or itself."""
    known: dict[str, Any] = {p.key: p.example for p in parameters(components) if p.example}
    known |= {key: value for key, value in values.items() if value not in ("", None)}
    result: dict[str, Any] = {}
    header = part(components, "HEADER")
    header_format = as_text(header.get("format")).upper()
    if header_format == "TEXT":
        words = _put_in(as_text(header.get("text")), "header", known)
        result["header"] = {"type": "text", "text": words}
    elif header_format in MEDIA or header_format == "LOCATION":
        kind = header_format.lower()
        result["header"] = {"type": kind, kind: as_dict(known.get(f"header.{kind}"))}
    result["body"] = _put_in(as_text(part(components, "BODY").get("text")), "body", known)
    if footer := as_text(part(components, "FOOTER").get("text")):
        result["footer"] = footer
    if buttons := buttons_of(components):
        result["buttons"] = [
            _button_shown(button, known.get(f"button.{position}"))
            for position, button in enumerate(buttons)
        ]
    return result


def _put_in(text: str, place: str, known: Mapping[str, Any]) -> str:
    return VARIABLE.sub(lambda found: as_text(known.get(f"{place}.{found[1]}")) or found[0], text)


def _button_shown(button: Mapping[str, Any], value: Any) -> dict[str, Any]:
    kind = as_text(button.get("type")).upper()
    seen: dict[str, Any] = {"type": kind, "text": as_text(button.get("text"))}
    match kind:
        case "URL":
            url = as_text(button.get("url"))
            seen["url"] = VARIABLE.sub(lambda _found: as_text(value), url) if value else url
        case "PHONE_NUMBER":
            seen["phone_number"] = as_text(button.get("phone_number"))
        case "QUICK_REPLY" if value:
            seen["payload"] = as_text(value)
        case "COPY_CODE":
            seen["code"] = as_text(value)
    return seen


# Values


def problem_with(parameter: Parameter, value: Any) -> str:
    """Which rule a value breaks: missing, type, break or long; empty when it may be sent."""
    if parameter.kind in MEDIA.values():
        # A file of ours gets its id when it is uploaded, just before it is sent.
        return "" if isinstance(value, Mapping) else "missing"
    if parameter.kind == "location":
        return "" if _is_place(value) else "missing"
    if value is None or value == "":
        return "missing" if parameter.is_required else ""
    return _problem_of_text(parameter, value)


def _problem_of_text(parameter: Parameter, value: Any) -> str:
    if not isinstance(value, str):
        return "type"
    if not value.strip():
        return "missing"
    if not is_one_line(value) or (parameter.kind == "url" and re.search(r"\s", value)):
        return "break"
    limit = {
        "text": BODY_LIMIT if parameter.place == "body" else HEADER_LIMIT,
        "url": URL_LIMIT,
        "payload": PAYLOAD_LIMIT,
        "code": CODE_LIMIT,
        "flow": PAYLOAD_LIMIT,
    }[parameter.kind]
    return "long" if units(value) > limit else ""


def is_one_line(text: str) -> bool:
    """True for what a variable may hold: no new line, no tab, no row of spaces, nothing invisible."""
    return not _NOT_ONE_LINE.search(text)


def too_long_when_filled(components: Any, values: Mapping[str, Any]) -> str:
    """The place that the values make too long: header, body, button.N; empty when none."""
    seen = shown(components, values)
    if units(as_text(as_dict(seen.get("header")).get("text"))) > HEADER_LIMIT:
        return "header"
    if units(seen["body"]) > BODY_LIMIT:
        return "body"
    for position, button in enumerate(seen.get("buttons", ())):
        if units(as_text(button.get("url"))) > URL_LIMIT:
            return f"button.{position}"
    return ""


def _is_place(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return False
    latitude, longitude = value.get("latitude"), value.get("longitude")
    return (
        isinstance(latitude, int | float)
        and isinstance(longitude, int | float)
        and -90 <= latitude <= 90
        and -180 <= longitude <= 180
    )


# Rules


def faults(
    *, name: str, language: str, category: str, components: Any, ttl_seconds: int | None = None
) -> dict[str, str]:
    """What the provider would refuse, by the field it concerns, in words; empty when all is well.

    Fields: name, language, category, ttl_seconds, header, body, footer, buttons, button.N,
    example.body.X, example.header.X, example.button.N.
    """
    found: dict[str, str] = {}
    if not _NAME.fullmatch(name) or len(name) > NAME_LIMIT:
        found["name"] = _("Use small Latin letters, digits and _ only, for example storm_warning.")
    if not re.fullmatch(r"[a-z]{2,3}(_[A-Z]{2})?", language):
        found["language"] = _("Choose the language of the text.")
    if category not in {"UTILITY", "MARKETING", "AUTHENTICATION"}:
        found["category"] = _("Choose what the template is for.")
    shortest, longest = LIFETIMES.get(category, (0, 0))
    if ttl_seconds is not None and category in LIFETIMES and not shortest <= ttl_seconds <= longest:
        found["ttl_seconds"] = _("WhatsApp does not permit this time for the category.")
    _check_header(part(components, "HEADER"), found)
    _check_body(part(components, "BODY"), found)
    footer = as_text(part(components, "FOOTER").get("text"))
    if units(footer) > FOOTER_LIMIT:
        found["footer"] = _too_long(FOOTER_LIMIT, footer)
    elif VARIABLE.search(footer):
        found["footer"] = _("The footer takes no variables.")
    elif not is_one_line(footer):
        found["footer"] = _("The footer is one line of plain text.")
    _check_buttons(buttons_of(components), found)
    return found


def _check_header(header: Mapping[str, Any], found: dict[str, str]) -> None:
    header_format = as_text(header.get("format")).upper()
    if header and header_format not in {"TEXT", "LOCATION", *MEDIA}:
        found["header"] = _("WhatsApp does not know this kind of heading.")
    if header_format in MEDIA and not as_list(as_dict(header.get("example")).get("header_handle")):
        found["header"] = _("WhatsApp wants to see an example of the file.")
    if header_format != "TEXT":
        return
    text = as_text(header.get("text"))
    if not text.strip():
        found["header"] = _("Write the heading, or choose “none”.")
    elif units(text) > HEADER_LIMIT:
        found["header"] = _too_long(HEADER_LIMIT, text)
    elif not is_one_line(text):
        found["header"] = _("The heading is one line of plain text.")
    elif len(variables_in(text)) > 1:
        found["header"] = _("The heading takes one variable at most.")
    elif problem := _problem_of_variables(variables_in(text)):
        found["header"] = problem
    _check_examples("header", header, found)


def _check_body(body: Mapping[str, Any], found: dict[str, str]) -> None:
    text = as_text(body.get("text")).strip()
    variables = variables_in(text)
    words = len(VARIABLE.sub(" ", text).split())
    if not text:
        found["body"] = _("Write the text of the message.")
    elif units(text) > BODY_LIMIT:
        found["body"] = _too_long(BODY_LIMIT, text)
    elif re.search(r"\n\s*\n\s*\n", text):
        found["body"] = _("Leave one empty line between paragraphs at most.")
    elif _MANY_SPACES.search(text):
        found["body"] = _("There are four spaces or more in a row. Use one.")
    elif problem := _problem_of_variables(variables):
        found["body"] = problem
    elif VARIABLE.match(text) or re.search(r"\{\{[^{}]*\}\}$", text):
        found["body"] = str(REFUSALS[2388299])
    elif re.search(r"\}\}\s*\{\{", text):
        found["body"] = _("Two variables stand side by side. Put a word between them.")
    elif words < 2 * len(variables) + 1:
        found["body"] = str(REFUSALS[2388293])
    _check_examples("body", body, found)


def _problem_of_variables(names: Sequence[str]) -> str:
    if all(name.isdigit() for name in names):
        if names != [str(number) for number in range(1, len(names) + 1)]:
            return _("Number the variables 1, 2, 3 and so on, without a gap.")
        return ""
    if any(name.isdigit() for name in names):
        return _("Use numbers or names for the variables, not both.")
    if not all(_VARIABLE_NAME.fullmatch(name) for name in names):
        return _("A variable's name has small Latin letters, digits and _ only.")
    return ""


def _check_examples(place: str, component: Mapping[str, Any], found: dict[str, str]) -> None:
    if place in found:
        return
    examples = examples_in(component, place=place)
    for name in variables_in(as_text(component.get("text"))):
        example = examples.get(name, "")
        field = f"example.{place}.{name}"
        if not example.strip():
            found[field] = _("Give an example: the reviewers see it.")
        elif not is_one_line(example):
            found[field] = _("An example is one line, without a row of spaces.")


def _check_buttons(buttons: Sequence[Mapping[str, Any]], found: dict[str, str]) -> None:
    kinds = [as_text(button.get("type")).upper() for button in buttons]
    if len(buttons) > BUTTONS_LIMIT:
        found["buttons"] = _("A template has ten buttons at most.")
    elif kinds.count("URL") > LINKS_LIMIT:
        found["buttons"] = _("A template has two links at most.")
    elif kinds.count("PHONE_NUMBER") > PHONES_LIMIT:
        found["buttons"] = _("A template has one phone number at most.")
    elif kinds.count("COPY_CODE") > CODES_LIMIT:
        found["buttons"] = _("A template has one code at most.")
    elif _changes(kind == "QUICK_REPLY" for kind in kinds) > 1:
        found["buttons"] = _("Keep the reply buttons together, before or after the others.")
    titles: set[str] = set()
    for position, (button, kind) in enumerate(zip(buttons, kinds, strict=True)):
        if problem := _problem_of_button(button, kind, titles):
            found[f"button.{position}"] = problem
        elif kind == "URL" and VARIABLE.search(as_text(button.get("url"))):
            example = button_example(button)
            if not example.strip() or re.search(r"\s", example):
                found[f"example.button.{position}"] = _("Give an example: the reviewers see it.")
        elif kind == "COPY_CODE" and not 0 < units(button_example(button)) <= CODE_LIMIT:
            found[f"example.button.{position}"] = _("Give an example of 1 to 15 characters.")
        titles.add(as_text(button.get("text")).strip().casefold())


def _problem_of_button(  # noqa: PLR0911  # one answer for each rule
    button: Mapping[str, Any], kind: str, titles: set[str]
) -> str:
    title = as_text(button.get("text")).strip()
    if kind not in OUR_BUTTONS:
        return _("WhatsApp does not know this kind of button.")
    if kind in {"COPY_CODE", "REQUEST_CONTACT_INFO"}:
        return ""  # the provider writes its words
    if not title:
        return _("Write what stands on the button.")
    if units(title) > BUTTON_TEXT_LIMIT:
        return _too_long(BUTTON_TEXT_LIMIT, title)
    if VARIABLE.search(title) or not is_one_line(title):
        return _("A button's words are one line without variables.")
    if title.casefold() in titles:
        return _("Two buttons have the same words.")
    match kind:
        case "URL":
            return _problem_of_url(as_text(button.get("url")))
        case "PHONE_NUMBER" if not re.fullmatch(
            r"\+?\d{7,19}", as_text(button.get("phone_number"))
        ):
            return _("Write the phone number with its country code, for example +966112345678.")
        case "FLOW" if not as_text(button.get("flow_id")):
            return _("Choose the form that the button opens.")
    return ""


def _problem_of_url(url: str) -> str:
    plain = VARIABLE.sub("", url)
    try:
        address = urlsplit(plain)
    except ValueError:
        address = urlsplit("")
    if address.scheme not in {"http", "https"} or not address.hostname or re.search(r"\s", plain):
        return _("Write the whole link, for example https://example.org/cases.")
    if units(url) > URL_LIMIT:
        return _too_long(URL_LIMIT, url)
    if len(VARIABLE.findall(url)) > 1 or (plain != url and not url.endswith("}}")):
        return _("A link takes one variable, at its end.")
    return ""


def promotional_words(components: Any) -> list[str]:
    """Words for which the provider would take a text for marketing, each once."""
    text = " ".join(as_text(part(components, kind).get("text")) for kind in ("HEADER", "BODY"))
    found = PROMOTIONAL.finditer(text)
    return list(dict.fromkeys(match[1] or match[2] for match in found))


def _changes(values: Iterable[bool]) -> int:
    """How often neighbours differ."""
    return sum(one != other for one, other in itertools.pairwise(values))


def _too_long(limit: int, text: str) -> str:
    return _("%(limit)d characters at most; these are %(count)d.") % {
        "limit": limit,
        "count": units(text),
    }


def why_refused(error: Mapping[str, Any] | None) -> str:
    """Why the provider did not make, rejected, paused or disabled a template, in words."""
    error = error or {}
    for key in ("subcode", "code", "reason"):
        if words := REFUSALS.get(error.get(key, "")):
            return str(words)
    said = as_text(error.get("details")) or as_text(error.get("title"))
    if said:
        return _("WhatsApp says: %(words)s") % {"words": said}
    return _("WhatsApp gives no reason. Change the text and submit it again.")
