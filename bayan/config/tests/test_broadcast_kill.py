"""A broadcast goes on by itself after its dispatcher was killed, and nobody gets it twice."""

from __future__ import annotations

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bayan.config.tests.instances import Up, count, eventually

RECIPIENTS = 600
KILLS = 3
# What one dispatcher may have in its hands for the lanes of many (channels.services.claiming).
IN_FLIGHT = 64

pytestmark = pytest.mark.xdist_group("kill")


@pytest.fixture
def up(data_dir: Path) -> Iterator[Up]:
    instance = Up(data_dir, "--demo")
    try:
        instance.wait_until_ready()
        yield instance
    finally:
        instance.clear_away()


def test_a_broadcast_survives_the_death_of_its_dispatcher(up: Up) -> None:
    eventually(
        lambda: count(up, "channels_template WHERE name = 'weather_alert_ar'") == 1,
        "the provider's templates are not listed",
    )
    start_broadcast(up)

    for kill in range(1, KILLS + 1):
        mark = RECIPIENTS * kill // (KILLS + 2)
        eventually(lambda mark=mark: len(sent(up)) >= mark, "it does not go on", seconds=60)  # type: ignore[misc]
        os.kill(up.part("dispatcher"), signal.SIGKILL)
        time.sleep(0.2)

    eventually(
        lambda: count(up, "channels_broadcast WHERE state = 'finished'") == 1, "no end", seconds=90
    )
    received = Counter(item["to"] for item in sent(up))
    assert [number for number, times in received.items() if times > 1] == []
    uncertain = count(
        up, "channels_outgoing WHERE broadcast_id IS NOT NULL AND state = 'uncertain'"
    )
    assert uncertain <= KILLS * IN_FLIGHT
    # Whoever is missing at the provider is among the uncertain; nobody is lost without a word.
    assert RECIPIENTS - len(received) <= uncertain
    assert count(up, "channels_outgoing WHERE broadcast_id IS NOT NULL AND state = 'failed'") == 0


def start_broadcast(up: Up) -> None:
    """As the director does it in the browser."""
    with httpx.Client(base_url=f"http://127.0.0.1:{up.port}", timeout=30) as browser:

        def press(path: str, **data: str) -> httpx.Response:
            data["csrfmiddlewaretoken"] = browser.cookies["bayan_csrf"]
            answer = browser.post(path, data=data, headers={"Referer": str(browser.base_url)})
            assert answer.status_code == 302, answer.text[:2000]
            return answer

        page = browser.get("/sign-in/").text
        door = re.search(
            r'action="(/demo/sign-in/[^"]+)"(?:(?!</form>).)*director@', page, re.DOTALL
        )
        assert door is not None
        press(door[1])
        page = browser.get("/channels/broadcasts/new").text
        found = re.search(r'<option value="([^"]+)">\u2066weather_alert_ar', page)
        assert found is not None
        template = browser.post(
            "/channels/broadcasts/preview?part=parts",
            data={"template": found[1], "csrfmiddlewaretoken": browser.cookies["bayan_csrf"]},
        ).text
        names = re.findall(r'name="(value\.[^"]+)"', template)
        listed = "".join(f"05{number:08}\n" for number in range(RECIPIENTS))
        made = press(
            "/channels/broadcasts/new",
            title="kill",
            template=found[1],
            recipients=listed,
            **dict.fromkeys(names, "1"),
        )
        press(f"{made.headers['Location']}start")


def sent(up: Up) -> list[dict[str, Any]]:
    answer = httpx.get(f"http://127.0.0.1:{up.emulator_port}/_control/sent")
    items: list[dict[str, Any]] = answer.json()["items"]
    return [item for item in items if item["body"].get("type") == "template"]
