"""What a message to be sent must look like: every shape and limit the provider documents."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from emulator.errors import ProviderError

MISSING, INVALID, WRONG_TYPE, UNSUPPORTED = 131008, 131009, 100, 131051
TEMPLATE_VALUE_INVALID = 132008

BSUID = re.compile(r"[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}")
PHONE = re.compile(r"[1-9][0-9]{6,14}")
# People paste numbers with these; the provider ignores them.
PHONE_PUNCTUATION = str.maketrans("", "", "+-() \u00a0")


def utf16_length(text: str) -> int:
    """Limits say "characters"; counting UTF-16 units is the strictest reading of that."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


class Shape(Protocol):
    def check(self, value: Any, where: str) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Text:
    most: int | None = None
    may_be_empty: bool = False
    one_of: tuple[str, ...] = ()
    pattern: str = ""

    def check(self, value: Any, where: str) -> None:
        if not isinstance(value, str):
            raise ProviderError(WRONG_TYPE, f"Param {where} must be a string.")
        if not value and not self.may_be_empty:
            raise ProviderError(MISSING, f"The parameter {where} is required.")
        if self.most is not None and utf16_length(value) > self.most:
            raise ProviderError(
                INVALID, f"Param {where} must be at most {self.most} characters long."
            )
        if self.one_of and value not in self.one_of:
            raise ProviderError(INVALID, f"Param {where} must be one of {list(self.one_of)}.")
        if self.pattern and not re.fullmatch(self.pattern, value):
            raise ProviderError(INVALID, f"Param {where} is not valid.")


@dataclass(frozen=True)
class Flag:
    def check(self, value: Any, where: str) -> None:
        if not isinstance(value, bool):
            raise ProviderError(WRONG_TYPE, f"Param {where} must be a boolean.")


@dataclass(frozen=True)
class Anything:
    def check(self, value: Any, where: str) -> None:
        pass


@dataclass(frozen=True)
class Degrees:
    most: float

    def check(self, value: Any, where: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ProviderError(WRONG_TYPE, f"Param {where} must be a number.")
        try:
            inside = -self.most <= float(value) <= self.most
        except ValueError:
            inside = False
        if not inside:
            raise ProviderError(
                INVALID, f"Param {where} must be between -{self.most} and {self.most}."
            )


@dataclass(frozen=True, kw_only=True)
class Many:
    of: Shape
    least: int = 1
    most: int | None = None
    distinct: Callable[[Any], str] | None = None

    def check(self, value: Any, where: str) -> None:
        if not isinstance(value, list):
            raise ProviderError(WRONG_TYPE, f"Param {where} must be an array.")
        if len(value) < self.least or (self.most is not None and len(value) > self.most):
            raise ProviderError(
                INVALID, f"Param {where} must have {self.least} to {self.most or 'any'} items."
            )
        for position, item in enumerate(value):
            self.of.check(item, f"{where}[{position}]")
        if self.distinct and len({self.distinct(item) for item in value}) < len(value):
            raise ProviderError(INVALID, f"Param {where} holds the same id twice.")


@dataclass(frozen=True, kw_only=True)
class Fields:
    """An object: what it must hold, what it may hold, and nothing else."""

    must: Mapping[str, Shape] = field(default_factory=dict)
    may: Mapping[str, Shape] = field(default_factory=dict)
    exactly_one: tuple[str, ...] = ()

    def check(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise ProviderError(WRONG_TYPE, f"Param {where} must be a JSON object.")
        for name, shape in self.must.items():
            if name not in value:
                raise ProviderError(MISSING, f"The parameter {where}['{name}'] is required.")
            shape.check(value[name], f"{where}['{name}']")
        for name, given in value.items():
            if name in self.may:
                self.may[name].check(given, f"{where}['{name}']")
            elif name not in self.must:
                raise ProviderError(WRONG_TYPE, f'Unexpected key "{name}" on param {where}.')
        if self.exactly_one:
            given_names = [name for name in self.exactly_one if name in value]
            if not given_names:
                raise ProviderError(
                    MISSING, f"The parameter {where}['{self.exactly_one[0]}'] is required."
                )
            if len(given_names) > 1:
                raise ProviderError(INVALID, f"Param {where} takes one of {given_names} only.")


@dataclass(frozen=True, kw_only=True)
class Kinds:
    """An object whose `type` decides what else it holds."""

    kinds: Mapping[str, Shape]
    in_capitals: bool = False  # the type may be written BODY as well as body

    def check(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise ProviderError(WRONG_TYPE, f"Param {where} must be a JSON object.")
        if "type" not in value:
            raise ProviderError(MISSING, f"The parameter {where}['type'] is required.")
        kind = value["type"]
        if self.in_capitals and isinstance(kind, str):
            kind = value["type"] = kind.lower()
        shape = self.kinds.get(kind) if isinstance(kind, str) else None
        if shape is None:
            raise ProviderError(
                INVALID, f"Param {where}['type'] must be one of {list(self.kinds)}."
            )
        shape.check({name: given for name, given in value.items() if name != "type"}, where)


ANY_TEXT = Text()
URL = Text(most=2000, pattern=r"https?://\S+")
ONE_MEDIA = ("id", "link")


def media(**more: Shape) -> Fields:
    return Fields(may={"id": ANY_TEXT, "link": URL, **more}, exactly_one=ONE_MEDIA)


CAPTION = Text(most=1024, may_be_empty=True)
IMAGE = VIDEO = media(caption=CAPTION)
DOCUMENT = media(caption=CAPTION, filename=ANY_TEXT)

# Interactive messages: the documented limit of each part stands beside it.
BODY_1024 = Fields(must={"text": Text(most=1024)})
BODY_4096 = Fields(must={"text": Text(most=4096)})
FOOTER = Fields(must={"text": Text(most=60)})
TEXT_HEADER = Fields(must={"text": Text(most=60)})
ANY_HEADER = Kinds(
    kinds={
        "text": TEXT_HEADER,
        "image": Fields(must={"image": IMAGE}),
        "video": Fields(must={"video": VIDEO}),
        "document": Fields(must={"document": DOCUMENT}),
    }
)
REPLY_BUTTON = Kinds(
    kinds={
        "reply": Fields(must={"reply": Fields(must={"id": Text(most=256), "title": Text(most=20)})})
    }
)
ROW = Fields(
    must={"id": Text(most=200), "title": Text(most=24)},
    may={"description": Text(most=72, may_be_empty=True)},
)
SECTION = Fields(must={"rows": Many(of=ROW, most=10)}, may={"title": Text(most=24)})
BUTTONS = Many(of=REPLY_BUTTON, most=3, distinct=lambda button: str(button["reply"]["id"]))


def named(name: str, **parts: Shape) -> Fields:
    return Fields(must={"name": Text(one_of=(name,)), **parts})


# Titles of Flow buttons are refused when they hold a pictograph.
NO_EMOJI = r"[^\U0001F000-\U0001FAFF\u2600-\u27BF\uFE0F\u200D]*"
FLOW = Fields(
    must={
        "flow_message_version": Text(one_of=("3",)),
        "flow_token": ANY_TEXT,
        "flow_cta": Text(most=20, pattern=NO_EMOJI),
    },
    may={
        "flow_id": ANY_TEXT,
        "flow_name": ANY_TEXT,
        "flow_action": Text(one_of=("navigate", "data_exchange")),
        "mode": Text(one_of=("published", "draft")),
        "flow_action_payload": Fields(must={"screen": ANY_TEXT}, may={"data": Anything()}),
    },
    exactly_one=("flow_id", "flow_name"),
)
INTERACTIVE = Kinds(
    kinds={
        "button": Fields(
            must={"body": BODY_1024, "action": Fields(must={"buttons": BUTTONS})},
            may={"header": ANY_HEADER, "footer": FOOTER},
        ),
        "list": Fields(
            must={
                "body": BODY_4096,
                "action": Fields(
                    must={"button": Text(most=20), "sections": Many(of=SECTION, most=10)}
                ),
            },
            may={"header": Kinds(kinds={"text": TEXT_HEADER}), "footer": FOOTER},
        ),
        "cta_url": Fields(
            must={
                "body": BODY_1024,
                "action": named(
                    "cta_url",
                    parameters=Fields(must={"display_text": Text(most=20), "url": URL}),
                ),
            },
            may={"header": ANY_HEADER, "footer": FOOTER},
        ),
        "location_request_message": Fields(
            must={"body": BODY_1024, "action": named("send_location")}
        ),
        "contact_request": Fields(
            must={"body": BODY_1024, "action": named("request_contact_info")}
        ),
        "flow": Fields(
            must={"body": BODY_1024, "action": named("flow", parameters=FLOW)},
            may={"header": ANY_HEADER, "footer": FOOTER},
        ),
    }
)

CONTACT = Fields(
    must={
        "name": Fields(
            must={"formatted_name": ANY_TEXT},
            may={
                part: Text(may_be_empty=True)
                for part in ("first_name", "last_name", "middle_name", "prefix", "suffix")
            },
        )
    },
    may={
        "phones": Many(
            of=Fields(may={"phone": ANY_TEXT, "type": ANY_TEXT, "wa_id": ANY_TEXT}), least=0
        ),
        **dict.fromkeys(("emails", "addresses", "urls"), Many(of=Anything(), least=0)),
        **dict.fromkeys(("org", "birthday", "vcard", "origin"), Anything()),
    },
)

PARAMETER = Kinds(
    in_capitals=True,
    kinds={
        "text": Fields(must={"text": Text()}, may={"parameter_name": ANY_TEXT}),
        "payload": Fields(must={"payload": Text(most=256)}),
        "currency": Fields(must={"currency": Anything()}, may={"parameter_name": ANY_TEXT}),
        "date_time": Fields(must={"date_time": Anything()}, may={"parameter_name": ANY_TEXT}),
        "coupon_code": Fields(must={"coupon_code": ANY_TEXT}),
        "action": Fields(must={"action": Anything()}),
        "image": Fields(must={"image": IMAGE}),
        "video": Fields(must={"video": VIDEO}),
        "document": Fields(must={"document": DOCUMENT}),
        "location": Fields(must={"location": Anything()}),
    },
)
PARAMETERS = Many(of=PARAMETER, least=0)
TEMPLATE = Fields(
    must={
        "name": Text(most=512, pattern=r"[a-z0-9_]+"),
        "language": Fields(
            must={"code": Text(pattern=r"[a-z]{2,3}(_[A-Z]{2})?")},
            may={"policy": Text(one_of=("deterministic",))},
        ),
    },
    may={
        "components": Many(
            least=0,
            of=Kinds(
                kinds={
                    "header": Fields(must={"parameters": PARAMETERS}),
                    "body": Fields(must={"parameters": PARAMETERS}),
                    "button": Fields(
                        must={
                            "sub_type": Text(
                                one_of=("quick_reply", "url", "copy_code", "flow", "phone_number")
                            ),
                            "index": Anything(),
                        },
                        may={"parameters": PARAMETERS},
                    ),
                },
            ),
        )
    },
)

CONTENT: dict[str, Shape] = {
    "text": Fields(must={"body": Text(most=4096)}, may={"preview_url": Flag()}),
    "image": IMAGE,
    "video": VIDEO,
    "document": DOCUMENT,
    "audio": media(voice=Flag()),
    "sticker": media(),
    "location": Fields(
        must={"latitude": Degrees(90), "longitude": Degrees(180)},
        may={"name": Text(may_be_empty=True), "address": Text(may_be_empty=True)},
    ),
    "contacts": Many(of=CONTACT),
    "reaction": Fields(must={"message_id": ANY_TEXT}, may={"emoji": Text(may_be_empty=True)}),
    "interactive": INTERACTIVE,
    "template": TEMPLATE,
}
MEDIA_KINDS = frozenset(("image", "video", "document", "audio", "sticker"))
ENVELOPE: dict[str, Shape] = {
    "recipient_type": Text(one_of=("individual", "group")),
    "to": ANY_TEXT,
    "recipient": Text(),
    "type": ANY_TEXT,
    "biz_opaque_callback_data": Text(most=512, may_be_empty=True),
    "context": Fields(must={"message_id": ANY_TEXT}),
}
READ_MARK = Fields(
    must={
        "messaging_product": ANY_TEXT,
        "status": Text(one_of=("read",)),
        "message_id": ANY_TEXT,
    },
    may={"typing_indicator": Fields(must={"type": Text(one_of=("text",))})},
)


def as_documented(body: Any, *, has_nulls: bool) -> Any:
    """The body as the documentation spells it, where clients spell it otherwise and are understood.

    A null is as good as nothing; a template's parts may be named in capitals; the request for a phone
    number goes by two names.
    """
    if has_nulls:
        body = _without_nulls(body)
    if not isinstance(body, dict):
        return body
    interactive, template = body.get("interactive"), body.get("template")
    if isinstance(interactive, dict) and interactive.get("type") == "request_contact_info":
        interactive["type"] = "contact_request"
    if isinstance(template, dict) and isinstance(template.get("components"), list):
        for part in template["components"]:
            if isinstance(part, dict):
                for key in ("type", "sub_type"):
                    if isinstance(part.get(key), str):
                        part[key] = part[key].lower()
    return body


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(part) for key, part in value.items() if part is not None}
    return [_without_nulls(part) for part in value] if isinstance(value, list) else value


def check_product(body: Any) -> None:
    """Refuse what is not a WhatsApp request at all."""
    if not isinstance(body, dict):
        raise ProviderError(WRONG_TYPE, "The request body must be a JSON object.")
    if body.get("messaging_product") != "whatsapp":
        raise ProviderError(WRONG_TYPE, "The parameter messaging_product is required.")


def check_read_mark(body: dict[str, Any]) -> None:
    """Refuse a badly formed "read" mark or typing indicator."""
    READ_MARK.check(body, "request")


def check_message(body: dict[str, Any]) -> None:
    """Refuse a message that breaks a documented shape or limit.

    :raises ProviderError: with the documented code and the parameter at fault
    """
    # A message without `type` is a text, as documented.
    kind = body.get("type", "text")
    if not isinstance(kind, str) or kind not in CONTENT:
        raise ProviderError(UNSUPPORTED, f"Message type {kind!r} is not supported.")
    for name, value in body.items():
        if name in ENVELOPE:
            ENVELOPE[name].check(value, name)
        elif name not in (kind, "messaging_product"):
            raise ProviderError(WRONG_TYPE, f'Unexpected key "{name}" on the message.')
    if kind not in body:
        raise ProviderError(MISSING, f"The parameter {kind} is required.")
    CONTENT[kind].check(body[kind], kind)
    if kind == "reaction" and "context" in body:
        raise ProviderError(INVALID, "A reaction cannot carry a context.")
    if kind == "interactive":
        _check_across_parts(body["interactive"])
    if kind == "template":
        _check_template(body["template"])


def _check_across_parts(interactive: dict[str, Any]) -> None:
    if interactive["type"] == "list":
        sections = interactive["action"]["sections"]
        rows = [row for section in sections for row in section["rows"]]
        if len(rows) > 10:
            raise ProviderError(INVALID, "A list takes at most 10 rows in all its sections.")
        if len({row["id"] for row in rows}) < len(rows):
            raise ProviderError(INVALID, "Two rows of the list have the same id.")
        if len(sections) > 1 and not all("title" in section for section in sections):
            raise ProviderError(MISSING, "Every section needs a title when there are several.")
    if interactive["type"] == "flow":
        flow = interactive["action"]["parameters"]
        navigates = flow.get("flow_action", "navigate") == "navigate"
        if navigates and "flow_action_payload" not in flow:
            raise ProviderError(MISSING, "A flow that navigates needs a screen.")


def _check_template(template: dict[str, Any]) -> None:
    for component in template.get("components", []):
        for parameter in component.get("parameters", []):
            text = parameter.get("text", "") if component["type"] == "body" else ""
            if re.search(r"[\n\t]| {5}", text):
                raise ProviderError(
                    TEMPLATE_VALUE_INVALID,
                    "Param text cannot have new lines, tabs or more than 4 consecutive spaces.",
                )


def media_parts(body: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every picture, sound or file in a checked message, with its kind."""
    kind = body.get("type", "text")
    if kind in MEDIA_KINDS:
        return [(kind, body[kind])]
    headers: list[dict[str, Any]] = []
    if kind == "interactive":
        headers = [body["interactive"].get("header", {})]
    elif kind == "template":
        headers = [
            parameter
            for component in body["template"].get("components", ())
            if component["type"] == "header"
            for parameter in component.get("parameters", ())
        ]
    return [
        (header["type"], header[header["type"]])
        for header in headers
        if header.get("type") in MEDIA_KINDS
    ]


def flow_part(body: dict[str, Any]) -> dict[str, Any] | None:
    """The flow that a checked message opens, if it opens one."""
    interactive = body.get("interactive", {})
    if interactive.get("type") != "flow":
        return None
    parameters: dict[str, Any] = interactive["action"]["parameters"]
    return parameters


def recipient_of(body: dict[str, Any]) -> tuple[str, bool]:
    """Who a message goes to, and whether that is a phone; `to` wins over `recipient`."""
    if "to" in body:
        phone = body["to"].translate(PHONE_PUNCTUATION)
        if not PHONE.fullmatch(phone):
            raise ProviderError(INVALID, "Param to is not a phone number with its country code.")
        return phone, True
    if "recipient" in body:
        if not BSUID.fullmatch(body["recipient"]):
            raise ProviderError(INVALID, "Param recipient is not a business-scoped user ID.")
        return body["recipient"], False
    raise ProviderError(MISSING, "The parameter to is required.")
