"""Reading what a control request asks, with a clear word where it cannot be understood."""

from typing import Any

from emulator.asgi import BadRequest, Request


def object_of(request: Request) -> dict[str, Any]:
    asked = request.json()
    if not isinstance(asked, dict):
        raise BadRequest("The body must be a JSON object.")
    return asked


def number_of(
    asked: dict[str, Any], name: str, *, least: float | None = None, most: float | None = None
) -> float | None:
    value = asked.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRequest(f"`{name}` must be a number.")
    if (least is not None and value < least) or (most is not None and value > most):
        raise BadRequest(f"`{name}` is out of range.")
    return float(value)


def one_of(asked: dict[str, Any], name: str, known: tuple[str, ...]) -> str | None:
    value = asked.get(name)
    if value is not None and value not in known:
        raise BadRequest(f"`{name}` is one of: {', '.join(known)}.")
    return value


def text_of(asked: dict[str, Any], name: str) -> str | None:
    value = asked.get(name)
    if value is not None and (not isinstance(value, str) or not value):
        raise BadRequest(f"`{name}` must be a text.")
    return value
