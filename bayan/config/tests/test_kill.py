"""No message is lost or doubled, whatever is killed, and all goes on by itself (`make chaos`, small)."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from bayan.config.tests.instances import filled
from benchmarks import chaos

pytestmark = pytest.mark.xdist_group("kill")


def test_no_message_is_lost_or_doubled_by_any_kill(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("BAYAN_BENCH_FROM", str(filled(demo=True)))

    code = chaos.main(["--small"])

    said = capsys.readouterr()
    assert code == 0, said.out + said.err
    figures = json.loads(said.out.splitlines()[-1])
    assert (figures["inbound_lost"], figures["inbound_doubles"]) == (0, 0)
    assert (figures["outbound_lost"], figures["outbound_doubles"]) == (0, 0)
    # Only what was in flight when the dispatcher was killed may not have gone out, and that is said.
    assert figures["outbound_sent"] + figures["outbound_uncertain"] >= figures["outbound"] == 100
    assert (figures["kills"], figures["audit_is_whole"], figures["left_behind"]) == (5, True, 0)
    assert figures["repeated_posts"] > 0, "nothing was killed while messages came"
    assert list(tmp_path.iterdir()) == []


def test_what_is_wrong_is_said_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    figures = chaos.Figures(inbound=1, inbound_lost=1, outbound=70, uncertain=65)
    figures.audit = "The audit trail is broken at entry 7."

    assert figures.wrong == [
        "messages of people lost: 1",
        "too many uncertain: 1",
        "audit trail broken: 1",
    ]
    assert chaos.main(["--rounds", "0"]) == 2
    assert capsys.readouterr().err == "All numbers must be greater than 0.\n"
