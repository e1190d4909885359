"""How a send fills in a template, and what does not fit."""

from typing import Any

from emulator.errors import ProviderError
from emulator.shapes import MISSING, WRONG_TYPE, utf16_length
from emulator.template_rules import VARIABLE
from emulator.templates import Template

COUNT, HYDRATED, FORMAT = 132000, 132005, 132012


def rendered(template: Template, sent: dict[str, Any]) -> dict[str, Any]:
    """What the person sees: header, body, footer and buttons with every variable filled in.

    :raises ProviderError: the parameters do not fit the template
    """
    given: dict[Any, dict[str, Any]] = {}
    for part in sent.get("components", ()):
        key = _index_of(part) if part["type"] == "button" else part["type"]
        if key in given:
            raise ProviderError(WRONG_TYPE, f"There are two components for {key}.")
        given[key] = part
    shown: dict[str, Any] = {}
    header, footer = template.component("HEADER"), template.component("FOOTER")
    if header or "header" in given:
        shown["header"] = _filled_header(header, given.pop("header", {}), template)
    body = template.component("BODY") or {}
    shown["body"] = _filled(
        body["text"], given.pop("body", {}).get("parameters", []), template, "body", 1024
    )
    if footer:
        shown["footer"] = footer["text"]
    buttons = (template.component("BUTTONS") or {}).get("buttons", [])
    if buttons:
        shown["buttons"] = [
            _filled_button(button, given.pop(position, None), position)
            for position, button in enumerate(buttons)
        ]
    if given:
        raise ProviderError(FORMAT, f"The template has no button {next(iter(given))}.")
    return shown


def _index_of(part: dict[str, Any]) -> int:
    try:
        return int(part["index"])
    except (TypeError, ValueError) as failure:
        raise ProviderError(WRONG_TYPE, "A button's index must be a number.") from failure


def _filled_header(
    header: dict[str, Any] | None, part: dict[str, Any], template: Template
) -> dict[str, Any]:
    parameters = part.get("parameters", [])
    if header is None:
        raise ProviderError(COUNT, _count_details("header", len(parameters), 0))
    kind = header["format"].lower()
    if kind == "text":
        text = _filled(header["text"], parameters, template, "header", 60)
        return {"type": "text", "text": text}
    received = parameters[0]["type"] if len(parameters) == 1 else "unknown"
    if received != kind:
        raise ProviderError(
            FORMAT,
            f"header: Format mismatch, expected {kind.upper()}, received {received.upper()}",
        )
    return {"type": kind, kind: parameters[0][kind]}


def _filled(
    text: str, parameters: list[dict[str, Any]], template: Template, where: str, most: int
) -> str:
    names = list(dict.fromkeys(VARIABLE.findall(text)))
    if len(parameters) != len(names):
        raise ProviderError(COUNT, _count_details(where, len(parameters), len(names)))
    is_named = template.parameter_format == "NAMED"
    values: dict[str, str] = {}
    for position, parameter in enumerate(parameters):
        name = str(parameter.get("parameter_name") if is_named else position + 1)
        if name not in names:
            raise ProviderError(FORMAT, f"{where}: Parameter name is missing or unknown: {name}")
        values[name] = _value(parameter, where)
    if len(values) < len(names):
        raise ProviderError(COUNT, _count_details(where, len(values), len(names)))
    filled = VARIABLE.sub(lambda match: values[match[1]], text)
    if utf16_length(filled) > most:
        raise ProviderError(HYDRATED, f"{where}: the text is longer than {most} once filled in")
    return filled


def _value(parameter: dict[str, Any], where: str) -> str:
    kind = parameter["type"]
    if kind == "text":
        return str(parameter["text"])
    if kind in ("currency", "date_time"):
        fallback = parameter[kind].get("fallback_value") if isinstance(parameter[kind], dict) else 0
        if isinstance(fallback, str):
            return fallback
    raise ProviderError(FORMAT, f"{where}: Format mismatch, expected TEXT, received {kind.upper()}")


def _filled_button(
    button: dict[str, Any], part: dict[str, Any] | None, position: int
) -> dict[str, Any]:
    kind = button["type"]
    # A one-time code travels as the variable of a URL.
    expected = {"OTP": "url"}.get(kind, kind.lower())
    shown = {"type": kind, "text": button.get("text", "")}
    if part is not None and part["sub_type"] != expected:
        raise ProviderError(
            FORMAT, f"button {position}: expected {expected}, received {part['sub_type']}"
        )
    parameters = part.get("parameters", []) if part else []
    value = next(
        (
            one[one["type"]]
            for one in parameters
            if one["type"] in ("text", "payload", "coupon_code")
        ),
        None,
    )
    match kind:
        case "URL":
            takes_one = button["url"].endswith("{{1}}")
            if takes_one != bool(parameters):
                code = COUNT if parameters else MISSING
                raise ProviderError(
                    code, _count_details(f"button {position}", len(parameters), takes_one)
                )
            shown["url"] = VARIABLE.sub(lambda _: str(value), button["url"])
            if utf16_length(shown["url"]) > 2000:
                raise ProviderError(HYDRATED, f"button {position}: the URL is too long")
        case "COPY_CODE" | "OTP":
            if value is None:
                raise ProviderError(MISSING, f"button {position} of type {kind} needs its code")
            shown["code"] = value
        case "QUICK_REPLY":
            # Without a payload of its own, a tap sends the text.
            shown["payload"] = value if value is not None else shown["text"]
        case "PHONE_NUMBER":
            shown["phone_number"] = button["phone_number"]
        case "FLOW":
            action = next((one["action"] for one in parameters if one["type"] == "action"), None)
            shown |= {key: button[key] for key in ("flow_id", "flow_name") if key in button}
            if isinstance(action, dict):
                shown["flow_token"] = action.get("flow_token")
    return shown


def _count_details(where: str, given: int, expected: int) -> str:
    return (
        f"{where}: number of localizable_params ({given}) does not match the expected number of "
        f"params ({int(expected)})"
    )
