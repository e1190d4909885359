"""`bayan triage`, `bursts`, `train` and `corrections`, and the two benches of triage."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bayan.cases import services as cases
from bayan.cases.models import Case, Correction
from bayan.cases.tests.factories import make_case
from bayan.config import cli, corrections, examination, learning
from bayan.config.environment import PROJECT_DIR, ConfigurationMissing, Environment
from bayan.config.tests.instances import clean_environment
from bayan.core.models import AuditEntry
from bayan.inbox.models import Message
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from bayan.triage import training
from bayan.triage.bursts import STEP
from bayan.triage.endpoint import Endpoint
from bayan.triage.masking import masked
from bayan.triage.model import Model
from bayan.triage.tests.endpoint import ROADS, Server, running
from benchmarks import bursts, triage
from benchmarks.quiet import MONTHS

SHIPPED = PROJECT_DIR / "bayan" / "triage" / "model"
NOON = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Environment:
    """An instance with a data folder of its own, and without licensed sets."""
    own = Environment()
    own.data_dir = tmp_path / "data"
    monkeypatch.setattr(cli, "environment", own)
    monkeypatch.delenv("BAYAN_DATA", raising=False)
    return own


@pytest.fixture
def bayan(instance: Environment, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object) -> tuple[int, str, str]:
        code = cli.run(cli.parser().parse_args([str(argument) for argument in arguments]))
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def written(file: Path, *rows: object) -> Path:
    """A file with these rows, a string as it is, the others as JSON."""
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def read(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


LINES: tuple[object, ...] = (
    {"id": "a", "text": "🕳️ حفرة كبيرة في حي الراكة الشمالية بالخبر كسرت سيارتي"},
    "this is no JSON",
    {"id": 7, "text": 12},
    "",
    {"id": "b", "text": "شكرا لكم على سرعة الاستجابة", "created_at": "Fri Nov 20 18:00:00 +0000 2026"},
    {"id": "c", "text": "هلا", "created_at": "yesterday"},
    ["no", "object"],
    '{"id": "half", "text": "a half of a character: \\ud83d"}',
    {"id": "d", "text": "حفرة كبيرة في حي الراكة الشمالية بالخبر كسرت سيارتي أنا بعد"},
)  # fmt: skip


def test_each_line_is_answered_in_its_order_and_bad_ones_stop_nothing(
    bayan: Run, tmp_path: Path
) -> None:
    code, out, _err = bayan("triage", written(tmp_path / "said.jsonl", *LINES))

    said = read(out)
    assert code == 0
    assert [line["id"] for line in said] == ["a", None, 7, "b", "c", None, "half", "d"]
    assert [line["id"] for line in said if "error" in line] == [None, 7, "c", None]
    assert "yesterday" in said[4]["error"]
    hole = said[0]
    assert list(hole) == [
        "id", "lang", "kind", "category", "sentiment", "urgency", "info_type", "is_rumour_claim", "places",
        "municipality", "confidence", "explanation", "cluster_id",
    ]  # fmt: skip
    assert (hole["lang"], hole["kind"], hole["category"]) == ("ar", "complaint", "roads")
    assert hole["municipality"] == "khobar"
    assert said[3]["kind"] == "praise"


def test_places_stand_where_the_text_has_them_and_the_same_matter_is_found(
    bayan: Run, tmp_path: Path
) -> None:
    _code, out, _err = bayan("triage", written(tmp_path / "said.jsonl", LINES[0], LINES[-1]))

    first, last = read(out)
    for line, given in ((first, LINES[0]), (last, LINES[-1])):
        assert isinstance(given, dict)
        assert line["places"]
        assert all(
            given["text"][place["start"] : place["end"]] == place["text"]
            for place in line["places"]
        )
    assert last["cluster_id"] == first["cluster_id"]


def test_a_pack_says_from_when_on_a_message_is_an_emergency(
    bayan: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(PROJECT_DIR / "authorities" / "eastern" / "organisation.toml", tmp_path)
    monkeypatch.setenv("BAYAN_AUTHORITY", str(tmp_path))
    file = written(tmp_path / "said.jsonl", {"id": "a", "text": "فيه سلك مكشوف قريب من الألعاب"})
    urgencies = []
    for least in (0.001, 0.5):
        written(tmp_path / "triage.toml", f"emergency = {least}")
        urgencies.append(read(bayan("triage", file)[1])[0]["urgency"])
    assert urgencies[0] == "emergency" != urgencies[1]

    written(tmp_path / "triage.toml", "emergency = 0.9")
    for command in (("triage", file), ("bursts", file), ("prepare",)):
        code, out, err = bayan(*command)
        assert (code, out) == (1, "")
        assert "emergency is 0.9: write a number from 0.001 to 0.5" in err
    findings = {found.subject: found for found in examination._configuration(Environment())}
    assert not findings["triage"].is_well
    assert "emergency is 0.9" in findings["triage"].text


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Another model that answers, and that the environment names."""
    with running() as server:
        monkeypatch.setenv("BAYAN_TRIAGE_URL", server.endpoint.url)
        monkeypatch.setenv("BAYAN_TRIAGE_MODEL", "second")
        yield server


def test_the_other_model_is_tried_on_a_file_with_what_names_a_person_masked(
    bayan: Run, tmp_path: Path, second: Server
) -> None:
    second.says = lambda message: "no" if message.startswith("شكرا") else ROADS
    rows = [*LINES, {"id": "n", "text": "جوالي 0551234567"}]

    code, out, _err = bayan("triage", "--endpoint", written(tmp_path / "said.jsonl", *rows))

    said = read(out)
    assert code == 0
    assert [line["id"] for line in said] == ["a", None, 7, "b", "c", None, "half", "d", "n"]
    assert [line["id"] for line in said if "second" not in line] == [None, 7, "c", None]
    assert said[0]["second"] == ROADS
    assert said[3]["second"] == {"error": "no JSON"}
    assert "جوالي 0000000" in second.messages
    assert not any("551234567" in message for message in second.messages)


def test_the_other_model_is_held_against_the_running_one(
    bayan: Run, second: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = training.own("test")[:40]
    right = {row.text: ROADS | row.labels for row in rows}
    monkeypatch.setattr(training, "own", lambda _part: rows)
    monkeypatch.setenv("BAYAN_TRIAGE_ALWAYS", "1")
    second.says = lambda message: right[message]

    code, out, _err = bayan("train", "--endpoint")

    lines = out.splitlines()
    assert (code, lines[0]) == (0, "40 texts; 0 without a usable answer")
    kind = next(line for line in lines if "kind, macro-F1" in line)
    running_model, alone, together = map(float, kind.split()[-3:])
    assert running_model <= alone == together == 1.0


def test_without_an_endpoint_there_is_nothing_to_try(bayan: Run, tmp_path: Path) -> None:
    file = written(tmp_path / "said.jsonl", LINES[0])
    for command in (("triage", "--endpoint", file), ("train", "--endpoint")):
        code, out, err = bayan(*command)
        assert (code, out) == (1, "")
        assert "BAYAN_TRIAGE_URL and BAYAN_TRIAGE_MODEL are to name" in err
    assert bayan("train", "--endpoint", "--use", "shipped")[0] == 2


@pytest.mark.parametrize(
    ("url", "model", "reason"),
    [
        ("llm.example.sa/v1", "m", "no address of an endpoint"),
        ("ftp://llm/v1", "m", "no address of an endpoint"),
        ("https://me:secret@llm.example.sa/v1", "m", "no address of an endpoint"),
        ("http://llm.example.sa/v1", "m", "in the clear"),
        ("http://8.8.8.8/v1", "m", "in the clear"),
        ("https://llm.example.sa/v1", "", "BAYAN_TRIAGE_MODEL is missing"),
    ],
)
def test_an_endpoint_that_cannot_be_used_is_refused(
    monkeypatch: pytest.MonkeyPatch, instance: Environment, url: str, model: str, reason: str
) -> None:
    monkeypatch.setenv("BAYAN_TRIAGE_URL", url)
    monkeypatch.setenv("BAYAN_TRIAGE_MODEL", model)
    with pytest.raises(ConfigurationMissing, match=reason):
        _ = instance.triage_endpoint
    findings = {found.subject: found for found in examination._configuration(instance)}
    assert not findings["second model"].is_well


@pytest.mark.parametrize(
    "url", ["https://llm.example.sa/v1/", "http://10.0.0.5:8080", "http://llm"]
)
def test_its_key_is_a_secret_of_the_house(
    monkeypatch: pytest.MonkeyPatch, instance: Environment, url: str
) -> None:
    monkeypatch.setenv("BAYAN_TRIAGE_URL", url)
    monkeypatch.setenv("BAYAN_TRIAGE_MODEL", "gemma")
    found = instance.triage_endpoint
    assert found == Endpoint(url.rstrip("/"), "gemma")

    (instance.data_dir / "secrets").mkdir(parents=True)
    (instance.data_dir / "secrets" / "triage_key").write_text("of a file\n")
    kept = instance.triage_endpoint
    assert kept is not None
    assert kept.key == "of a file"
    assert "of a file" not in repr(kept)

    monkeypatch.setenv("BAYAN_TRIAGE_KEY", "of the environment")
    monkeypatch.setenv("BAYAN_TRIAGE_ALWAYS", "1")
    given = instance.triage_endpoint
    assert given is not None
    assert (given.key, given.asks_always) == ("of the environment", True)


def test_standard_input_is_read_where_no_file_is_named() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bayan", "triage", "--as-of", "2026-11-20T18:00:00+03:00"],
        input='{"id": 1, "text": "الإنارة مطفية"}\nnothing\n'.encode() + b'{"id": 2, "text": "\xff"}',
        env=clean_environment(), cwd=PROJECT_DIR, capture_output=True, check=False,
    )  # fmt: skip

    said = read(done.stdout.decode())
    assert (done.returncode, done.stderr) == (0, b"")
    assert [line["id"] for line in said] == [1, None, 2]
    assert said[0]["category"] == "lighting"


def test_a_missing_file_and_a_time_that_is_none_are_said(bayan: Run, tmp_path: Path) -> None:
    assert bayan("triage", tmp_path / "gone.jsonl") == (
        1, "", f"There is no file {tmp_path / 'gone.jsonl'}.\n",
    )  # fmt: skip
    code, _out, err = bayan("triage", "--as-of", "noon", written(tmp_path / "f", LINES[0]))
    assert code == 1
    assert err.startswith('"noon" is no time')


def test_a_burst_of_messages_says_what_it_is_about(bayan: Run, tmp_path: Path) -> None:
    def message(number: int, at: datetime, text: str) -> dict[str, str]:
        return {"id": f"m{number}", "text": text, "created_at": at.isoformat()}

    quiet = [
        message(n, NOON - timedelta(hours=48 - n), "متى يفتح مكتب البلدية؟") for n in range(48)
    ]
    burst = [
        message(100 + n, NOON + timedelta(seconds=10 * n), f"طفح مجاري في حي الراكة بالخبر {n}")
        for n in range(60)
    ]

    code, out, err = bayan(
        "bursts", written(tmp_path / "stream.jsonl", *quiet, "no line", *burst)
    )  # fmt: skip

    alarms = read(out)
    assert code == 0
    assert err.startswith("Line 49 is passed over: ")
    assert len(alarms) in {1, 2}
    assert {
        "detected_at", "started_at", "terms", "places", "municipality", "volume", "baseline", "score",
        "example_ids",
    } <= set(alarms[0])  # fmt: skip
    assert alarms[0]["municipality"] == "khobar"
    assert alarms[0]["example_ids"][0] == "m100"
    assert datetime.fromisoformat(alarms[0]["detected_at"]) < NOON + timedelta(minutes=10)


def test_a_burst_of_counts_is_known_at_the_end_of_its_step(bayan: Run, tmp_path: Path) -> None:
    step = timedelta(minutes=10)
    counts = [*([4] * 144), 90, 120]
    rows = [
        {"at": (NOON + number * step).isoformat(), "count": count}
        for number, count in enumerate(counts)
    ]

    _code, out, _err = bayan("bursts", written(tmp_path / "counts.jsonl", *rows))

    first = read(out)[0]
    assert datetime.fromisoformat(first["detected_at"]) == NOON + 145 * step
    assert first["volume"] >= 90
    assert first["baseline"] < 20


@pytest.fixture
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The own set, but quickly learned: 240 rows of its training part, a fifth of the test part."""
    whole = training.own
    monkeypatch.setattr(
        training, "own",
        lambda part: whole(part)[:: 1 if part == "test" else len(whole("train")) // 240],
    )  # fmt: skip


def licensed_sets(folder: Path) -> Path:
    """Some rows of each in the form of the licensed sets."""
    for name in ("crisis_ar", "arsarcasm_v2"):
        (folder / name).mkdir(parents=True)
    crises = [
        {"text": f"الطريق مغلق بسبب السيول {n}", "labels": [training.CRISIS[n % 3]]}
        for n in range(12)
    ]
    written(folder / "crisis_ar" / "crisis_ar.jsonl", *crises)
    tweets = folder / "arsarcasm_v2" / "training_data.csv"
    with tweets.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["tweet", "sarcasm", "sentiment", "dialect"])
        rows.writerows(
            [f"يوم جميل وآخر أسوأ {n}", "False", ("NEG", "NEU", "POS")[n % 3], "gulf"]
            for n in range(90)
        )
    return folder


def corrected(file: Path) -> Path:
    return written(
        file,
        {"id": "2026-1", "text": "الحفرة وسط الشارع", "kind": "complaint", "category": "roads"},
        "",
        {"id": "2026-2", "text": "متى الدوام", "urgency": "low"},
    )


@pytest.mark.usefixtures("few_rows")
def test_a_version_is_made_compared_and_used_only_when_it_is_chosen(
    bayan: Run, instance: Environment, tmp_path: Path
) -> None:
    sets = licensed_sets(tmp_path / "sets")
    rows = corrected(tmp_path / "corrections.jsonl")

    code, out, err = bayan("train", "--data", sets, "--corrections", rows)

    assert code == 0
    (version,) = learning.versions_in(instance.models_dir)
    assert [path.name for path in instance.models_dir.iterdir()] == [version]
    assert f"bayan train --use {version}" in out
    assert "own test part, 620 texts" in out
    assert "ArSarcasm-v2, held-out tenth" in out
    assert "corrections, 2 texts" in out
    assert "of 3" in out.splitlines()[-4]
    assert "cross-validation" in err
    assert instance.model_dir == SHIPPED

    card = json.loads((instance.models_dir / version / "card.json").read_text(encoding="utf-8"))
    assert card["version"] == version
    assert datetime.fromisoformat(card["made_at"]).strftime("%Y%m%d-%H%M") == version[:13]
    assert [(source["rows"], source["licence"]) for source in card["learned_from"]][1:] == [
        (12, "CC BY 4.0"), (len(training.tweets(sets, held_out=False)), "MIT"), (2, "the authority's own"),
    ]  # fmt: skip
    assert card["rows"] == sum(source["rows"] for source in card["learned_from"])
    assert set(card["scores"]["own test part"]) == set(learning.OF_OWN)
    kept = Model.load(instance.models_dir / version)
    assert training.tried_on(kept, training.own("test"))["kind"] == pytest.approx(
        card["scores"]["own test part"]["kind"], abs=1e-4
    )

    assert "again" in bayan("train", "--use", version)[1]
    assert instance.model_dir == instance.models_dir / version
    assert bayan("triage", written(tmp_path / "said.jsonl", LINES[0]))[0] == 0
    code, _out, err = bayan("train", "--use", "20200101-0000-abcdef")
    assert (code, instance.model_dir.name) == (1, version)
    assert f"There are: {version}, shipped." in err

    assert bayan("train", "--use", "shipped")[0] == 0
    assert instance.model_dir == SHIPPED


def test_a_version_that_cannot_be_read_is_not_used(bayan: Run, instance: Environment) -> None:
    broken = instance.models_dir / "20261129-0812-3fa9c1"
    broken.mkdir(parents=True)
    (broken / "model.npz").write_bytes(b"cut")
    (broken / "card.json").write_text("{}")

    code, _out, err = bayan("train", "--use", broken.name)

    assert (code, instance.model_dir) == (1, SHIPPED)
    assert "cannot be read" in err
    assert bayan("train", "--use", "../elsewhere")[0] == 1


@pytest.mark.usefixtures("few_rows")
def test_where_writing_fails_no_half_version_stays(
    bayan: Run, instance: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_given: object) -> None:
        raise learning.NotTrained("The disk is full.")

    model = Model.load(SHIPPED)
    monkeypatch.setattr(training, "train", lambda *_rows, **_options: model)
    monkeypatch.setattr(learning, "_figures", fails)

    assert bayan("train")[0] == 1
    assert list(instance.models_dir.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "line 2: Expecting"),
        ("[]", "line 2: not an object with a text."),
        ({"id": "1", "text": "x", "kind": "complain"}, "line 2: 'complain' is no kind"),
        ({"id": "1", "text": "x", "kind": ["complaint"]}, "line 2: ['complaint'] is no kind"),
        ({"id": "1", "text": "x", "info_type": "irrelevant"}, "line 2: info_type"),
        ({"id": "1", "text": "x"}, "line 2: it corrects nothing"),
    ],
)
def test_a_bad_correction_is_named_before_anything_is_learned(
    bayan: Run, instance: Environment, tmp_path: Path, line: object, reason: str
) -> None:
    good = {"id": "0", "text": "حفرة", "category": "roads"}
    code, _out, err = bayan("train", "--corrections", written(tmp_path / "rows.jsonl", good, line))

    assert code == 1
    assert reason in err
    assert not instance.models_dir.exists()


def test_wrong_usage_of_train_is_said(bayan: Run, tmp_path: Path) -> None:
    assert bayan("train", "--use", "shipped", "--out", tmp_path)[0] == 2
    assert "There is no folder" in bayan("train", "--data", tmp_path / "gone")[2]
    assert "'bayan corrections' writes one" in bayan("train", "--corrections", tmp_path / "no")[2]


def correct(case: Case, *, by: Member, now: datetime, **labels: str) -> None:
    """Have a member set what triage is to have said of this case."""
    for field, value in labels.items():
        cases.sort(Case.objects.filter(pk=case.pk), field=field, value=value, by=by, now=now)


def test_corrections_are_written_masked_with_the_heads_that_were_corrected(
    committed_db: None, bayan: Run, tmp_path: Path, now: datetime
) -> None:
    desk = Node.objects.get(kind=Node.Kind.AUTHORITY)
    member = make_member(Role.Kind.RESPONDER, desk)
    case = make_case(
        "اسمي خالد محمد العتيبي جوالي ٠٥٥ ١٢٣ ٤٥٦٧ والإنارة طافية من ٣ أيام",
        name="خالد العتيبي",
        now=now,
    )
    correct(case, by=member, now=now, kind="observation", priority="high")
    cases.assign_case(
        case.public_id, to=Node.objects.get(key="khobar"), by=member, now=now
    )  # fmt: skip
    other = make_case("حفرة في الشارع", now=now)
    correct(other, by=member, now=now, category="excavation")
    taken_back = make_case("كلاب في الحارة", now=now)
    correct(taken_back, by=member, now=now, category="parks_beaches")
    Message.objects.filter(matter=taken_back.reference).update(revoked_at=now)
    make_case("رائحة مجاري في الحي", now=now)

    file = tmp_path / "corrections.jsonl"
    code, out, err = bayan("corrections", "--out", file)

    assert (code, out, err) == (0, "", "2 cases with corrections.\n")
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.glob(".corrections*")) == []
    assert Correction.objects.filter(field="body").exists()
    rows = read(file.read_text(encoding="utf-8"))
    assert rows == [
        {
            "id": case.reference,
            "text": "اسمي *** *** *** جوالي 0000000 والإنارة طافية من ٣ أيام",
            "kind": "observation",
            "urgency": "high",
        },
        {"id": other.reference, "text": "حفرة في الشارع", "category": "excavation"},
    ]
    assert [row.labels for row in learning.corrections_in(file)] == [
        {"kind": "observation", "urgency": "high"}, {"category": "excavation"},
    ]  # fmt: skip
    assert read(bayan("corrections")[1]) == rows
    left = AuditEntry.objects.filter(action="corrections.exported").order_by("pk")
    assert [(entry.actor, entry.details) for entry in left] == [
        ("system", {"count": 2, "into": "file"}),
        ("system", {"count": 2, "into": "output"}),
    ]


def test_corrections_ask_once_however_many_there_are(
    db: None, now: datetime, desk_responder: Member
) -> None:
    for number in range(4):
        correct(
            make_case(f"حفرة رقم {number}", now=now), by=desk_responder, now=now,
            kind="observation", category="excavation",
        )  # fmt: skip

    with CaptureQueriesContext(connection) as queries:
        rows = list(corrections.corrected_cases())

    assert [set(row) for row in rows] == [{"id", "text", "kind", "category"}] * 4
    assert len(queries) <= 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("راسلوني nora@example.sa أو @nora_x", "راسلوني *** أو ***"),
        ("رقمي +966 (55) 123-4567.", "رقمي 0000000."),
        ("نوره تقول الشارع ٣٠ مظلم من ١٢٣٤٥٦", "*** تقول الشارع ٣٠ مظلم من ١٢٣٤٥٦"),
        ("My name is John Smith, no light", "My name is *** ***, no light"),
        ("الدوام من 8 إلى 4", "الدوام من 8 إلى 4"),
        ("شوفوا https://maps.example/0551234567?u=nora وwww.x.sa", "شوفوا *** و***"),
    ],
)
def test_numbers_addresses_links_and_the_writers_name_are_masked(text: str, shown: str) -> None:
    assert masked(text, ["نورة القحطاني", ""]) == shown


def test_a_file_in_a_folder_that_is_not_there_is_refused(
    db: None, bayan: Run, tmp_path: Path
) -> None:
    code, _out, err = bayan("corrections", "--out", tmp_path / "gone" / "rows.jsonl")
    assert (code, err) == (1, f"There is no folder {tmp_path / 'gone'}.\n")


def test_the_bench_of_triage_says_what_a_message_costs(capsys: pytest.CaptureFixture[str]) -> None:
    code = triage.main(["--messages", "50", "--grow", "100", "--burst", "100"])

    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert code in {0, 1}
    assert figures["messages_per_s_per_core"] > 0
    assert figures["stream_messages"] == list(range(10, 101, 10))
    assert len(figures["stream_mb"]) == len(figures["burst_us"]) == 10
    assert (figures["burst_messages"], figures["burst_matters"]) == (100, 1)
    assert 0 < figures["kind"] <= 1


def test_the_bench_of_bursts_finds_an_event_and_leaves_out_one_without_a_past(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(bursts, "MONTHS", MONTHS[:1])
    file = tmp_path / "events.csv"
    rows = ["event,start_utc,tweets"]
    for name, quiet in (("flood", 60), ("sudden", 3)):
        counts = [*([2, 3, 1] * (quiet // 3)), 60, 90, 120]
        # Steps without a message are not in the file.
        rows += [
            f"{name},{NOON + number * STEP:%Y-%m-%dT%H:%MZ},{count}"
            for number, count in enumerate(counts)
            if count != 1
        ]
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")

    assert bursts.main(["--events", str(file)]) == 0

    out = capsys.readouterr().out
    figures = json.loads(out.splitlines()[-1])
    assert (figures["months"], figures["events"], figures["within_20_minutes"]) == (1, 1, 1)
    assert figures["left_out"] == ["sudden"]
    assert figures["delays_min"] == {"flood": 10}
    assert "2026-11-20 19:00" in out
    assert bursts.main(["--events", str(tmp_path / "gone.csv")]) == 2


@pytest.mark.parametrize(
    ("counts", "onset"),
    [
        ([0, 0, 20, 20, 20], 2),
        ([0, 0, 20, 20, 19], None),
        ([5] * 40 + [25, 25, 25], 40),
        ([5] * 40 + [24, 25, 25], None),
        ([20, 20], None),
    ],
)
def test_an_event_begins_with_three_full_steps_in_a_row(
    counts: list[int], onset: int | None
) -> None:
    assert bursts.onset_of(counts) == onset
