"""`bayan replay`: recorded messages come in as they did, only now, faster, and each once."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bayan.channels.models import Account
from bayan.channels.tests.factories import make_account
from bayan.config import replay
from bayan.config.environment import PROJECT_DIR, Environment
from bayan.config.replay import BadLine, Doorway, Replay, lines_of, moment, shift
from bayan.config.tests.instances import Up, count, eventually
from bayan.intake.models import Seen
from bayan.intake.tests.hooks import recording

pytestmark = pytest.mark.xdist_group("instances")

DOOR = Doorway(
    url="http://127.0.0.1:9/hooks/whatsapp/demo",
    key="demo",
    app_secret="demo-app-secret",
    verify_token="demo-verify-token",
    number_id=1,
    phone_number_id="106540000000940",
    display="+966 11 234 5678",
)
WAITING = "intake_journal WHERE processed_at IS NULL AND set_aside_at IS NULL"
CAME_IN = "inbox_message WHERE direction = 'in'"
REPLAYED = "inbox_message WHERE external_id LIKE 'wamid.replay.%'"


def text_line(identifier: object, text: str, created_at: str) -> str:
    line = {"id": identifier, "text": text, "created_at": created_at, "labels": ["ignored"]}
    return json.dumps(line, ensure_ascii=False)


def provider_line(name: str) -> str:
    return json.dumps(json.loads(recording(name)))


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    instance = Up(tmp_path_factory.mktemp("replay") / "data", "--demo")
    try:
        instance.wait_until_ready()
        yield instance
    finally:
        instance.clear_away()


def played(up: Up, *arguments: str) -> subprocess.CompletedProcess[str]:
    # Neither port is told: the data folder says where Bayan is.
    variables = up.variables()
    del variables["BAYAN_PORT"]
    return subprocess.run(
        [sys.executable, "-m", "bayan", "replay", *arguments, "--account", "demo"],
        env=variables, cwd=PROJECT_DIR, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_both_forms_come_in_once_with_their_gaps_and_bad_lines_are_named(
    up: Up, tmp_path: Path
) -> None:
    file = tmp_path / "storm.jsonl"
    lines = [
        text_line("1055524340308103169", "غرق الشارع", "Wed Oct 10 20:19:24 +0000 2018"),
        text_line(7, "النفق مغلق", "2018-10-10T23:20:54+03:00"),
        "{not json",
        text_line(8, "بلا وقت", ""),
        provider_line("wa_inbound_text_ar"),
        provider_line("wa_status_read"),
        "",
        text_line(7, "ما زال مغلقًا", "2018-10-11T20:19:24Z"),
        text_line(7, "ما زال مغلقًا", "2018-10-11T20:19:24Z"),
    ]
    file.write_text("\n".join(lines), encoding="utf-8")
    before, began = count(up, CAME_IN), datetime.now(UTC)

    done = played(up, str(file), "--rate", "500")

    assert done.returncode == 0, done.stderr
    assert "Sent 6 messages in 6 of 8 lines" in done.stdout
    assert "bad lines: 2, repeated: 0, not delivered: 0" in done.stdout
    assert "line 3: not JSON" in done.stderr
    assert "line 4: no created_at" in done.stderr
    eventually(lambda: count(up, WAITING) == 0, "the journal is not worked off")
    assert count(up, CAME_IN) == before + 4
    with up.connect() as connection:
        rows = connection.execute(
            "SELECT m.text, m.sent_at, c.contact_id FROM inbox_message m "
            "JOIN inbox_conversation c ON c.id = m.conversation_id "
            "WHERE m.external_id LIKE 'wamid.replay.%' ORDER BY m.sent_at"
        ).fetchall()
    assert [text for text, _at, _contact in rows] == ["غرق الشارع", "النفق مغلق", "ما زال مغلقًا"]
    first, second, third = (at for _text, at, _contact in rows)
    assert abs((first - began).total_seconds()) < 20
    assert (second - first).total_seconds() == 90
    assert (third - first).total_seconds() == 24 * 3600
    # A sender for each id, and one only.
    assert rows[0][2] != rows[1][2] == rows[2][2]

    again = played(up, str(file), "--rate", "500")
    assert "was taken in before" in again.stderr
    eventually(lambda: count(up, WAITING) == 0, "the journal is not worked off")
    assert count(up, REPLAYED) == 3
    assert played(up, str(file), "--rate", "500", "--run", "drill").returncode == 0
    eventually(lambda: count(up, REPLAYED) == 6, "another run is not new")


def test_speed_and_rate_keep_their_word(up: Up, tmp_path: Path) -> None:
    file = tmp_path / "slow.jsonl"
    file.write_text(
        "\n".join(text_line(f"s{n}", "مطر", f"2024-01-01T00:0{n}:00Z") for n in range(4))
    )

    def seconds(*pace: str) -> float:
        out = played(up, str(file), *pace).stdout
        assert "Sent 4 messages" in out
        return float(out.partition(" lines, ")[2].partition(" s ")[0])

    assert 3 <= seconds("--speed", "60", "--run", "1") < 6
    assert 1.5 <= seconds("--rate", "2", "--run", "2") < 4


def test_an_interrupt_ends_it_cleanly(up: Up, tmp_path: Path) -> None:
    file = tmp_path / "long.jsonl"
    file.write_text(
        text_line("a", "الآن", "2024-01-01T00:00:00Z")
        + "\n"
        + text_line("b", "غدًا", "2024-01-02T00:00:00Z")
    )
    with subprocess.Popen(
        [sys.executable, "-m", "bayan", "replay", str(file), "--account", "demo"],
        env=up.variables(), cwd=PROJECT_DIR, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        assert "the next in 23:59" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert process.returncode == 1
    assert out.startswith("Stopped after 1 messages in 1 of 2 lines")
    assert "Traceback" not in err


def test_real_tweets_of_crises_come_in(up: Up, tmp_path: Path) -> None:
    folder = os.environ.get("BAYAN_DATA")
    source = Path(folder or "/nowhere") / "crisis_ar" / "crisis_ar.jsonl"
    if not source.is_file():
        pytest.skip("BAYAN_DATA names no folder with crisis_ar/crisis_ar.jsonl")
    file = tmp_path / "head.jsonl"
    with source.open("rb") as lines:
        file.write_bytes(b"".join(line for line, _number in zip(lines, range(200), strict=False)))
    done = played(up, str(file), "--rate", "200", "--run", "crisis")
    assert "Sent 200 messages in 200 of 200 lines" in done.stdout


def test_a_real_account_is_refused(db: None) -> None:
    account = make_account()
    Account.objects.filter(pk=account.pk).update(
        nature=Account.Nature.REAL, base_url="https://graph.example"
    )
    with pytest.raises(replay.RealAccount, match="'demo' is a real one"):
        replay.doorway(Environment(), "demo")
    with pytest.raises(replay.NoSuchAccount, match="no account 'other'"):
        replay.doorway(Environment(), "other")


class Hook:
    """A webhook that answers what it is told to, then 200, and keeps what it accepted."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.bodies: list[bytes] = []

    async def answer(self, request: web.Request) -> web.Response:
        if request.method == "GET":
            return web.Response(text=request.query["hub.challenge"])
        body = await request.read()
        signature = hmac.digest(b"demo-app-secret", body, hashlib.sha256).hex()
        assert request.headers["X-Hub-Signature-256"] == f"sha256={signature}"
        if self.answers:
            return web.Response(status=self.answers.pop(0))
        self.bodies.append(body)
        return web.Response()


async def play(hook: Hook, *lines: str, rate: float = 1000) -> tuple[Replay, float]:
    app = web.Application(client_max_size=8 * 2**20)
    app.router.add_route("*", "/hook", hook.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert runner.addresses
    door = dataclasses.replace(DOOR, url=f"http://127.0.0.1:{runner.addresses[0][1]}/hook")
    playing = Replay(door, speed=1, rate=rate, run="")
    began = time.monotonic()
    try:
        await playing.play(io.BytesIO("\n".join(lines).encode()))
    finally:
        await runner.cleanup()
    return playing, time.monotonic() - began


@pytest.fixture
def nothing_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests ask no database."""
    monkeypatch.setattr(Seen, "objects", Seen.objects.none())


async def test_what_is_not_answered_200_is_sent_again_while_others_go_on(
    nothing_seen: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "FIRST_PAUSE", 0.05)
    hook = Hook(503, 500, 429)
    lines = [text_line(n, f"رسالة {n}", "2024-01-01T00:00:00Z") for n in range(50)]

    playing, _seconds = await play(hook, *lines)

    texts = [
        json.loads(body)["entry"][0]["changes"][0]["value"]["messages"][0]["text"]["body"]
        for body in hook.bodies
    ]
    assert sorted(texts) == sorted(f"رسالة {n}" for n in range(50))
    assert (playing.tally.sent, playing.tally.repeated, playing.tally.lost) == (50, 3, 0)
    assert "line 1: answered 503, tried again" in capsys.readouterr().err


async def test_what_is_never_accepted_is_named_in_the_end(
    nothing_seen: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(replay, "PATIENCE", 0.5)
    playing, _seconds = await play(
        Hook(*[500] * 100), text_line(1, "رسالة", "2024-01-01T00:00:00Z")
    )
    assert (playing.tally.sent, playing.tally.lost) == (0, 1)
    assert "line 1: answered 500, not delivered" in capsys.readouterr().err


async def test_nothing_is_sent_where_nobody_answers() -> None:
    with pytest.raises(replay.NobodyAnswers, match="start Bayan"):
        await Replay(DOOR, speed=1, rate=None, run="").play(io.BytesIO(b"{}"))


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("[1]", "not an object"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"text": "x", "created_at": "2024-01-01T00:00:00Z"}', "no id"),
        ('{"id": true, "text": "x", "created_at": "2024-01-01T00:00:00Z"}', "no id"),
        ('{"id": 1, "text": "  ", "created_at": "2024-01-01T00:00:00Z"}', "no text"),
        ('{"id": 1, "text": "x"}', "no created_at"),
        ('{"id": 1, "text": "x", "created_at": "yesterday"}', "is no time"),
        ('{"id": 1, "text": "x", "created_at": "2024-01-01T00:00:00"}', "no time zone"),
        ('{"id": 1, "text": "x", "created_at": "9999-12-31T23:59:59Z"}', "cannot be"),
        ('{"id": 1, "text": "x", "created_at": "0001-01-01T00:00:00+14:00"}', "cannot be"),
        (f'{{"id": "{"x" * 5_000_000}"}}', "longer than the 4 MB"),
    ],
)
def test_a_bad_line_says_what_is_wrong(line: str, complaint: str) -> None:
    playing = Replay(DOOR, speed=1, rate=None, run="")
    with pytest.raises(BadLine, match=complaint):
        playing._read(line.encode())


@pytest.mark.parametrize(
    "body",
    [
        {"object": 7},
        {"entry": None},
        {"entry": [None, {"changes": [3, {"value": {"messages": {}, "statuses": [[]]}}]}]},
        {"entry": [{"changes": [{"value": {"messages": [{"timestamp": "soon"}]}}]}]},
        {"entry": [{"changes": [{"value": {"messages": [{"timestamp": "9" * 400}]}}]}]},
        {"entry": [{"time": 1e999, "changes": [{"value": {"messages": [{"timestamp": []}]}}]}]},
    ],
)
def test_a_strange_body_is_sent_as_it_is(body: dict[str, Any]) -> None:
    recorded = Replay(DOOR, speed=1, rate=None, run="")._read(json.dumps(body).encode())
    shift(recorded.body, 1000)
    assert recorded.body == body
    assert recorded.at is None


def test_all_times_of_a_body_move_together() -> None:
    name = "wa_batched_mixed_duplicates_out_of_order"
    recorded = Replay(DOOR, speed=1, rate=None, run="")._read(provider_line(name).encode())
    before = [
        (item[key], type(item[key])) for item, key in replay.timed(recorded.body) if key in item
    ]
    shift(recorded.body, 3600)
    after = [
        (item[key], type(item[key])) for item, key in replay.timed(recorded.body) if key in item
    ]
    assert len(before) > 3
    assert after == [(kind(int(value) + 3600), kind) for value, kind in before]


def test_lines_are_numbered_as_an_editor_does() -> None:
    long = b"x" * (replay.LARGEST_BODY * 2 + 5)
    file = io.BytesIO(b"one\n\n" + long + b"\nfour\r\nfive")
    found = list(lines_of(file))
    assert [number for number, _line in found] == [1, 3, 4, 5]
    assert len(found[1][1]) > replay.LARGEST_BODY


@pytest.mark.parametrize(
    "written",
    [
        "Wed Oct 10 20:19:24 +0000 2018",
        "2018-10-10T20:19:24Z",
        "2018-10-10T23:19:24+03:00",
        "2018-10-10 20:19:24.000Z",
    ],
)
def test_times_are_read_in_both_forms(written: str) -> None:
    assert moment(written) == datetime(2018, 10, 10, 20, 19, 24, tzinfo=UTC).timestamp()


def test_half_a_surrogate_pair_is_sent_all_the_same() -> None:
    line = b'{"id": "\\ud83d", "text": "\\ud83d", "created_at": "2024-01-01T00:00:00Z"}'
    body = replay.encoded(Replay(DOOR, speed=1, rate=None, run="")._read(line).body)
    assert b'"body": "\\ud83d"' in body
