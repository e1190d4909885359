"""The same answer as JSON or as XML, with the names of elements that GeoReport has."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape

from django.http import HttpResponse
from django.utils import timezone

# What a list's entries are called in XML.
ENTRIES = {
    "services": "service",
    "service_requests": "request",
    "errors": "error",
    "endpoints": "endpoint",
    "formats": "format",
    "attributes": "attribute",
    "values": "value",
}
# What XML 1.0 cannot carry at all, however it is written.
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Answer:
    """What is answered: a list of objects or one object, and what its root is called in XML."""

    root: str
    content: Any
    status: int = 200

    def response(self, *, as_xml: bool) -> HttpResponse:
        if as_xml:
            text = f'<?xml version="1.0" encoding="utf-8"?>\n{_element(self.root, self.content)}'
            kind = "text/xml"
        else:
            text = json.dumps(self.content, ensure_ascii=False, default=_plain)
            kind = "application/json"
        return HttpResponse(
            # Half a character, which no encoding carries, comes from nowhere but a hostile client.
            text.encode(errors="replace"),
            content_type=f"{kind}; charset=utf-8",
            status=self.status,
        )


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return timezone.localtime(value).isoformat(timespec="seconds")
    return str(value)


def _element(name: str, value: Any) -> str:
    if isinstance(value, dict):
        inner = "".join(_element(key, part) for key, part in value.items())
    elif isinstance(value, list):
        inner = "".join(_element(ENTRIES[name], part) for part in value)
    elif isinstance(value, bool):
        inner = str(value).lower()
    else:
        inner = "" if value is None else escape(_NO_XML.sub("", _plain(value)))
    return f"<{name}>{inner}</{name}>" if inner else f"<{name}/>"
