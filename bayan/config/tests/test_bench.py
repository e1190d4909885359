"""`bayan bench …`: a table for people, a line for machines, and nothing left behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from bayan.config.environment import PROJECT_DIR
from bayan.config.tests.instances import clean_environment, eventually, filled, processes_of

pytestmark = pytest.mark.xdist_group("instances")


def bench(folder: Path, name: str, *arguments: str) -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    prepared = {"BAYAN_BENCH_FROM": str(filled(demo=True))}
    return subprocess.Popen(
        [sys.executable, "-m", "bayan", "bench", name, *arguments],
        env=clean_environment() | {"TMPDIR": str(folder)} | prepared,
        cwd=PROJECT_DIR,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell has what it starts in the background ignore Ctrl-C, and that is inherited.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # no threads here
    )


def test_the_last_line_holds_the_figures_and_nothing_is_lost(tmp_path: Path) -> None:
    folder = tmp_path / "bench"
    with bench(folder, "intake", "--seconds", "0.5", "--connections", "16") as process:
        out, err = process.communicate(timeout=240)

    assert process.returncode == 0, err
    figures = json.loads(out.splitlines()[-1])
    assert list(figures)[:5] == [
        "single_posts_per_s",
        "single_cpu_us_per_message",
        "single_p99_ms",
        "batch_messages_per_s",
        "batch_cpu_us_per_message",
    ]
    assert all(figures[key] > 0 for key in list(figures)[:5])
    assert (figures["lost"], figures["doubles"]) == (0, 0)
    assert list(folder.iterdir()) == []
    assert processes_of(folder) == []


def test_the_pipeline_works_a_backlog_off_and_shows_what_comes(tmp_path: Path) -> None:
    folder = tmp_path / "bench"
    with bench(folder, "pipeline", "--small") as process:
        out, err = process.communicate(timeout=150)

    assert process.returncode == 0, err
    figures = json.loads(out.splitlines()[-1])
    assert all(
        figures[key] > 0 for key in ("messages_per_s", "cpu_ms_per_message", "visible_p95_ms")
    )
    assert (figures["backlog"], figures["lost"], figures["doubles"]) == (1_500, 0, 0)
    assert 0 < figures["worker_mb_end"] < figures["worker_mb_start"] * 1.5
    assert list(folder.iterdir()) == []
    assert processes_of(folder) == []


def test_pages_are_measured_on_a_region_s_correspondence(tmp_path: Path) -> None:
    folder = tmp_path / "bench"
    only = ("--only", "inbox_open", "--only", "case_panel", "--only", "audit")
    with bench(folder, "pages", "--small", "--seconds", "1", "--count", "5", *only) as process:
        out, err = process.communicate(timeout=150)

    assert process.returncode == 0, err
    figures = json.loads(out.splitlines()[-1])
    names = ["inbox_open", "case_panel", "inbox_open_khobar", "case_panel_khobar", "audit"]
    assert list(figures) == [
        f"{name}_{figure}"
        for name in names
        for figure in ("p95_ms", "cpu_ms", "sql", "postgres_ms")
    ]
    assert all(figures[f"{name}_p95_ms"] > 0 and figures[f"{name}_cpu_ms"] > 0 for name in names)
    assert all(0 < figures[f"{name}_sql"] <= 12 for name in names)
    assert list(folder.iterdir()) == []
    assert processes_of(folder) == []


def test_searches_are_measured_and_what_is_not_searched_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "bench"
    with bench(folder, "search", "--small", "--seconds", "2") as process:
        out, err = process.communicate(timeout=150)

    assert process.returncode == 0, err
    figures = json.loads(out.splitlines()[-1])
    assert list(figures)[:2] == ["p95_ms", "rows"]
    assert figures["p95_ms"] > 0
    assert figures["rows"] == pytest.approx(10_000, rel=0.1)
    assert not {"name", "phone", "reference"} & set(figures["not_searched"])
    assert list(folder.iterdir()) == []
    assert processes_of(folder) == []


def test_ctrl_c_leaves_neither_a_process_nor_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "bench"
    with bench(folder, "intake", "--seconds", "60") as process:
        eventually(
            lambda: any("serve intake" in line for line in processes_of(folder)),
            "it does not start",
            seconds=90,
        )
        process.send_signal(signal.SIGINT)
        _out, err = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "Traceback" not in err
    assert list(folder.iterdir()) == []
    assert processes_of(folder) == []


def test_wrong_usage_is_said_and_starts_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "bench"
    with bench(folder, "intake", "--seconds", "0") as process:
        out, err = process.communicate(timeout=30)

    assert (process.returncode, out) == (2, "")
    assert err == "--seconds and --connections must be greater than 0.\n"
