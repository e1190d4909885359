"""Needs for tests."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bayan.needs import services
from bayan.needs.fields import Asked
from bayan.needs.models import Booking, Form, Need, Thing
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people.models import Member

HOUR = timedelta(hours=1)
EASTERN = Path(__file__).parents[3] / "authorities" / "eastern"


def load_forms(*, now: datetime) -> None:
    """The forms and things of the authority pack."""
    services.load_pack(EASTERN, now=now)


def make_need(
    node: Node, *, by: Member, now: datetime, key: str = "coverage", **changes: Any
) -> Need:
    """A request of this body, in one of the pack's forms."""
    load_forms(now=now)
    form = Form.objects.select_related("version").get(key=key)
    assert form.version is not None
    facts: dict[str, Any] = {
        "answers": {"f1": "تدشين حديقة الحي"}, "title": "تدشين حديقة الحي", "quantity": 1,
        "starts_at": None, "ends_at": None,
    }  # fmt: skip
    return services.ask(form.version, Asked(**facts | changes), node=node, by=by, now=now)


def make_thing(stock: int = 1, **changes: Any) -> Thing:
    """Something that the authority lends."""
    facts: dict[str, Any] = {
        "node": organisation.desk(), "kind": "camera", "name_ar": "حقيبة تصوير", "stock": stock,
    }  # fmt: skip
    return Thing.objects.create(**facts | changes)


def make_booking(
    thing: Thing, node: Node, starts_at: datetime, *, by: Member, now: datetime, hours: float = 2,
    **changes: Any,
) -> Booking:  # fmt: skip
    """So many hours from then on."""
    wish = services.Wish(
        thing=thing, node=node, starts_at=starts_at, ends_at=starts_at + hours * HOUR, **changes
    )
    return services.book(wish, by=by, now=now)
