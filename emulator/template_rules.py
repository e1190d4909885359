"""The rules a template is made by: names, lengths, variables, buttons and samples."""

import re
from typing import Any

from emulator.errors import ProviderError
from emulator.shapes import URL, utf16_length

CATEGORIES = ("UTILITY", "MARKETING", "AUTHENTICATION")
LANGUAGES = """
af sq ar ar_AE ar_EG ar_LB ar_MA ar_QA az be_BY bn bn_IN bg ca zh_CN zh_HK zh_TW hr cs da prs_AF
nl nl_BE en en_AE en_AU en_CA en_GB en_GH en_IE en_IN en_JM en_MY en_NZ en_QA en_SG en_UG en_US
en_ZA et fil fi fr fr_BE fr_CA fr_CH fr_CI fr_MA ka de de_AT de_CH el gu ha he hi hu id ga it ja
kn kk rw_RW ko ky_KG lo lv lt mk ms ml mr nb ps_AF fa pl pt_BR pt_PT pa ro ru sr si_LK sk sl es
es_AR es_CL es_CO es_CR es_DO es_EC es_ES es_MX es_PA es_PE es_UY sw sv ta te th tr uk ur uz vi
zu
"""
CREATED_WITH = {
    "name", "category", "language", "components", "parameter_format", "allow_category_change",
    "message_send_ttl_seconds", "sub_category", "cta_url_link_tracking_opted_out",
    "library_template_name",
}  # fmt: skip
# The seconds that `message_send_ttl_seconds` may have, by category; -1 means 30 days.
LIFETIMES = {
    "AUTHENTICATION": (30, 15 * 60),
    "UTILITY": (30, 12 * 3600),
    "MARKETING": (12 * 3600, 30 * 24 * 3600),
}
HEADER_FORMATS = ("TEXT", "IMAGE", "VIDEO", "DOCUMENT", "LOCATION")
BUTTONS_OF_A_TYPE = {
    "QUICK_REPLY": 10, "URL": 2, "PHONE_NUMBER": 1, "COPY_CODE": 1, "FLOW": 1,
    "REQUEST_CONTACT_INFO": 1, "OTP": 1,
}  # fmt: skip

TOO_LONG, HEADER, BODY, FOOTER = 2388040, 2388047, 2388072, 2388073
TOO_MANY_VARIABLES, VARIABLE_AT_THE_EDGE = 2388293, 2388299

VARIABLE = re.compile(r"\{\{([^{}]*)\}\}")
NAMED = re.compile(r"[a-z][a-z0-9_]*")
AUTHENTICATION_BODY = {
    "ar": "{{1}} هو كود التحقق الخاص بك.",
    "en": "{{1}} is your verification code.",
}


def check(made: dict[str, Any]) -> None:
    """Refuse a template that breaks a rule; complete what may be left out.

    :raises ProviderError: 100, with the documented subcode where there is one
    """
    _check_frame(made)
    is_named = _is_named(made.get("parameter_format", "POSITIONAL"))
    components = made["components"]
    if not isinstance(components, list) or not all(isinstance(part, dict) for part in components):
        raise wrong("The parameter components is a list of objects.")
    _check_kinds([part.get("type") for part in components])
    for part in components:
        match part["type"]:
            case "HEADER":
                _check_header(part, is_named=is_named)
            case "BODY" if made["category"] == "AUTHENTICATION":
                language = "ar" if made["language"].startswith("ar") else "en"
                part["text"] = AUTHENTICATION_BODY[language]
            case "BODY":
                _check_body(part, is_named=is_named)
            case "FOOTER":
                _check_footer(part)
            case "BUTTONS":
                _check_buttons(part, category=made["category"])


def _check_frame(made: dict[str, Any]) -> None:
    for name in ("name", "category", "language", "components"):
        if name not in made:
            raise wrong(f"The parameter {name} is required.")
    if unknown := sorted(made.keys() - CREATED_WITH):
        raise wrong(f'Unexpected key "{unknown[0]}".')
    if not isinstance(made["name"], str) or not re.fullmatch(r"[a-z0-9_]{1,512}", made["name"]):
        raise wrong("The name takes lower-case letters, digits and underscores, 512 at most.")
    if made["category"] not in CATEGORIES:
        raise wrong(f"The category is one of {', '.join(CATEGORIES)}.")
    if made["language"] not in LANGUAGES.split():
        raise wrong(f"The language {made['language']!r} is not supported.")
    lifetime = made.get("message_send_ttl_seconds", -1)
    shortest, longest = LIFETIMES[made["category"]]
    if lifetime != -1 and not (isinstance(lifetime, int) and shortest <= lifetime <= longest):
        raise wrong(f"message_send_ttl_seconds is -1 or {shortest} to {longest} here.")


def _check_kinds(kinds: list[Any]) -> None:
    for kind in kinds:
        if kind not in ("HEADER", "BODY", "FOOTER", "BUTTONS"):
            raise wrong(f"A component of type {kind!r} is not supported.")
        if kinds.count(kind) > 1:
            raise wrong(f"There may be only one {kind}.")
    if "BODY" not in kinds:
        raise wrong("A template needs a BODY.", BODY)


def _check_header(header: dict[str, Any], *, is_named: bool) -> None:
    kind = header.get("format")
    example = _example(header)
    if kind not in HEADER_FORMATS:
        raise wrong(f"The header's format is one of {', '.join(HEADER_FORMATS)}.", HEADER)
    if kind == "LOCATION":
        return
    if kind != "TEXT":
        given = example.get("header_handle")
        if not isinstance(given, list) or not given or not all(isinstance(h, str) for h in given):
            raise wrong("A media header needs a sample: example.header_handle.", HEADER)
        return
    text = _limited_text(header, "text", 60, "The header")
    names = _variables(text, HEADER, is_named=is_named)
    if "\n" in text or len(names) > 1:
        raise wrong("A text header has one line and at most one variable.", HEADER)
    _check_samples(names, example, "header_text", HEADER, is_named=is_named)


def _check_body(body: dict[str, Any], *, is_named: bool) -> None:
    text = _limited_text(body, "text", 1024, "The body")
    names = _variables(text, BODY, is_named=is_named)
    if re.match(r"\s*\{\{", text) or re.search(r"\}\}\s*$", text):
        raise wrong("Variables cannot stand at the start or the end.", VARIABLE_AT_THE_EDGE)
    # Of n variables a reviewer can make sense between at least 2n + 1 words.
    if names and len(VARIABLE.sub(" ", text).split()) < 2 * len(set(names)) + 1:
        raise wrong("There are too many variables for so short a text.", TOO_MANY_VARIABLES)
    example = _example(body)
    _check_samples(names, example, "body_text", BODY, is_named=is_named)


def _check_footer(footer: dict[str, Any]) -> None:
    text = _limited_text(footer, "text", 60, "The footer")
    if VARIABLE.search(text) or "\n" in text:
        raise wrong("A footer has one line and no variables.", FOOTER)


def _check_buttons(part: dict[str, Any], *, category: str) -> None:
    buttons = part.get("buttons")
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= 10:
        raise wrong("BUTTONS holds 1 to 10 buttons.")
    kinds = [button.get("type") if isinstance(button, dict) else None for button in buttons]
    for kind in kinds:
        if not isinstance(kind, str) or kind not in BUTTONS_OF_A_TYPE:
            raise wrong(f"A button of type {kind!r} is not supported.")
        if kinds.count(kind) > BUTTONS_OF_A_TYPE[kind]:
            raise wrong(f"There may be {BUTTONS_OF_A_TYPE[kind]} buttons of type {kind}.")
    if ("OTP" in kinds) != (category == "AUTHENTICATION"):
        raise wrong("OTP buttons belong to AUTHENTICATION templates, and these need one.")
    replies = [position for position, kind in enumerate(kinds) if kind == "QUICK_REPLY"]
    if replies and replies[-1] - replies[0] >= len(replies):
        raise wrong("Quick replies must stand together.")
    for button in buttons:
        _check_button(button)


def _check_button(button: dict[str, Any]) -> None:
    if button["type"] not in ("COPY_CODE", "OTP", "REQUEST_CONTACT_INFO"):
        text = _limited_text(button, "text", 25, "A button's text")
        if VARIABLE.search(text):
            raise wrong("A button's text has no variables.")
    match button["type"]:
        case "URL":
            _check_url(button)
        case "PHONE_NUMBER":
            _limited_text(button, "phone_number", 20, "A button's number")
        case "COPY_CODE":
            button["text"] = "Copy offer code"
            example = button.get("example")
            code = example[0] if isinstance(example, list) and example else example
            _limited_text({"code": code}, "code", 15, "The sample of a code")
        case "FLOW" if not ({"flow_id", "flow_name", "flow_json"} & button.keys()):
            raise wrong("A FLOW button needs flow_id, flow_name or flow_json.")


def _check_url(button: dict[str, Any]) -> None:
    url = _limited_text(button, "url", 2000, "A button's URL")
    names = VARIABLE.findall(url)
    if not re.fullmatch(URL.pattern, VARIABLE.sub("x", url)):
        raise wrong("A button's URL begins with https:// or http://.")
    if names and (names != ["1"] or not url.endswith("{{1}}")):
        raise wrong("A URL takes one variable, {{1}}, at its end.")
    if names and not button.get("example"):
        raise wrong("A URL with a variable needs an example.")


def _check_samples(
    names: list[str], example: dict[str, Any], key: str, subcode: int, *, is_named: bool
) -> None:
    wanted = list(dict.fromkeys(names))
    if not wanted:
        return
    if is_named:
        given = example.get(f"{key}_named_params")
        sampled = (
            {
                str(one.get("param_name"))
                for one in given
                if isinstance(one, dict) and one.get("example")
            }
            if isinstance(given, list)
            else set()
        )
        fits = sampled == set(wanted)
    else:
        given = example.get(key)
        if key == "body_text" and isinstance(given, list) and given:
            given = given[0] if isinstance(given[0], list) else given
        fits = isinstance(given, list) and len(given) == len(wanted) and all(given)
    if not fits:
        raise wrong(f"Every variable needs a sample in example.{key}.", subcode)


def _variables(text: str, subcode: int, *, is_named: bool) -> list[str]:
    names = VARIABLE.findall(text)
    rest = VARIABLE.sub("", text)
    if "{{" in rest or "}}" in rest:
        raise wrong("A variable is written {{1}} or {{name}}.", subcode)
    if is_named:
        if not all(NAMED.fullmatch(name) for name in names):
            raise wrong("A named variable takes lower-case letters and underscores.", subcode)
    elif sorted(set(names)) != sorted(str(n + 1) for n in range(len(set(names)))):
        raise wrong("Positional variables are {{1}}, {{2}} and so on, without a gap.", subcode)
    return names


def _limited_text(part: dict[str, Any], key: str, most: int, what: str) -> str:
    text = part.get(key)
    if not isinstance(text, str) or not text.strip():
        raise wrong(f"{what} is missing.")
    if utf16_length(text) > most:
        raise wrong(f"{what} takes {most} characters at most.", TOO_LONG)
    return text


def _is_named(parameter_format: Any) -> bool:
    if not isinstance(parameter_format, str) or parameter_format.upper() not in (
        "POSITIONAL",
        "NAMED",
    ):
        raise wrong("parameter_format is positional or named.")
    return parameter_format.upper() == "NAMED"


def _example(part: dict[str, Any]) -> dict[str, Any]:
    example = part.get("example", {})
    if not isinstance(example, dict):
        raise wrong("An example is an object.")
    return example


def handles(components: list[dict[str, Any]]) -> list[str]:
    """The uploaded samples that a checked template names."""
    return [
        handle
        for part in components
        if part.get("format") in ("IMAGE", "VIDEO", "DOCUMENT")
        for handle in part["example"]["header_handle"]
    ]


def wrong(details: str, subcode: int | None = None) -> ProviderError:
    return ProviderError(100, details, subcode=subcode)
