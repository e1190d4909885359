"""Whatever a body holds, it is taken or refused in the provider's way; nothing breaks."""

import copy
import random
from typing import Any

import pytest

from emulator.tests.conftest import Api
from emulator.tests.test_limits import ACCEPTED
from emulator.tests.test_templates import ACCEPTED as TEMPLATES
from emulator.tests.test_templates import ACCOUNT, ALERT, draft, part, text

ODD: list[Any] = [
    None,
    "",
    "x",
    0,
    -1,
    1.5,
    True,
    [],
    {},
    [None],
    [[]],
    [{}],
    {"type": []},
    "{{1}}",
]
ALERT_SEND = {
    "type": "template",
    "template": {
        "name": "weather_alert_ar",
        "language": {"code": "ar"},
        "components": [ALERT, part("button", text("7"), sub_type="url", index=0)],
    },
}


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container in a body with every key or position of it."""
    keys = list(value) if isinstance(value, dict) else range(len(value))
    found = [(value, key) for key in keys]
    for key in keys:
        if isinstance(value[key], dict | list):
            found += places(value[key])
    return found


def mutated(body: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    body = copy.deepcopy(body)
    for _ in range(chance.choice((1, 1, 2))):
        container, key = chance.choice(places(body))
        if chance.random() < 0.3:
            del container[key]
        else:
            container[key] = copy.deepcopy(chance.choice(ODD))
        if not body:
            break
    return body


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_message_is_taken_or_refused(api: Api, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  to try things, no secret
    bodies = [*ACCEPTED.values(), ALERT_SEND]

    for _ in range(150):
        body = {"messaging_product": "whatsapp", "to": "966500000101", **chance.choice(bodies)}
        damaged = mutated(body, chance)
        answer = api.http.post(api.path, json=damaged, headers=api.headers)
        assert answer.status_code in (200, 400, 404), damaged
        assert ("messages" in answer.json()) != ("error" in answer.json()), damaged


@pytest.mark.parametrize("seed", range(2))
def test_a_damaged_template_is_taken_or_refused(api: Api, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  to try things, no secret

    for _ in range(100):
        damaged = mutated({**draft(), **chance.choice(list(TEMPLATES.values()))}, chance)
        answer = api.http.post(
            f"/v25.0/{ACCOUNT}/message_templates", json=damaged, headers=api.headers
        )
        assert answer.status_code in (200, 400), damaged
