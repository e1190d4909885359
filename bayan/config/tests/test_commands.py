"""What the commands say: the journal and what was set aside, and whether the trail is whole."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bayan.cases.models import Case
from bayan.channels.models import Number
from bayan.channels.tests.factories import make_account
from bayan.config import cli, examination
from bayan.core import audit
from bayan.core.models import AuditEntry
from bayan.inbox.models import Message
from bayan.intake import services
from bayan.intake.tests.hooks import body_of, fates, journal, text_from
from bayan.organisation import selectors as organisation
from bayan.people.models import Contact


def test_an_unknown_number_is_set_aside_and_shown_and_can_be_replayed(
    db: None, now: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    account = make_account()
    known, unknown = text_from("SA.1", 1), text_from("SA.2", 2)
    mixed = json.loads(body_of(known))
    mixed["entry"] += json.loads(body_of(unknown, number="200"))["entry"]
    journal(account, json.dumps(mixed).encode())
    services.work_off(now=now)

    assert fates() == [("set aside", "unknown number: 200")]
    assert Message.objects.get().external_id == known["id"]
    entry = shown(capsys, "journal", "list", "--set-aside").split("\t")
    assert entry[2:] == ["set aside", "unknown number: 200\n"]
    assert "SA.2" in shown(capsys, "journal", "show", entry[0])

    Number.objects.create(
        account=account, external_id="200", display="+966 2", node=account.numbers.get().node
    )
    assert "in the queue again" in shown(capsys, "journal", "replay", entry[0])
    services.work_off(now=now)

    assert [state for state, _remark in fates()] == ["processed"]
    assert sorted(Message.objects.values_list("external_id", flat=True)) == [
        known["id"],
        unknown["id"],
    ]
    assert Case.objects.count() == Contact.objects.count() == 2
    assert AuditEntry.objects.filter(action="journal.replayed", subject_key=entry[0]).count() == 1
    with pytest.raises(services.NoSuchEntry):
        services.replay(int(entry[0]), now=now)


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    options = cli.parser().parse_args(arguments)
    assert cli.run(options) == 0
    return capsys.readouterr().out


def test_verify_audit_counts_a_whole_trail_and_names_a_broken_entry(
    committed_db: None, superuser: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    make_account("first")
    make_account("second")
    audit.seal(limit=1)
    assert shown(capsys, "verify-audit") == (
        "The audit trail is whole: 1 entries sealed, 1 not yet.\n"
    )

    superuser.execute("UPDATE core_auditentry SET actor = 'somebody' WHERE number = 1")

    assert cli.run(cli.parser().parse_args(["verify-audit"])) == 1
    assert capsys.readouterr().err == (
        "The audit trail is broken at entry 1: entry 1 was altered. Compare it with the last backup.\n"
    )


def test_the_doctor_says_how_the_second_model_does(superuser: psycopg.Connection) -> None:
    assert list(examination._second_reader(superuser)) == []
    superuser.execute(
        "INSERT INTO cases_secondreader (model, answered, failures, failure, answered_at, failed_at, "
        "rests_until) VALUES ('well', 9, 1, 'too slow', now() - interval '1 minute', now(), NULL), "
        "('down', 0, 5, 'status 503', now() - interval '1 hour', now(), now() + interval '1 minute')"
    )
    try:
        down, well = examination._second_reader(superuser)
    finally:
        superuser.execute("DELETE FROM cases_secondreader")

    assert (well.subject, well.is_well) == ("answers of well", True)
    assert not down.is_well
    assert down.text.startswith("status 503 at ")
    assert "asked again in a minute: look at the endpoint" in down.text


def test_the_doctor_says_what_is_wrong_with_the_calendar(
    superuser: psycopg.Connection, settings: Any, tmp_path: Path
) -> None:
    def finding() -> examination.Finding:
        organisation.authority_calendar.cache_clear()
        (found,) = examination._calendar(superuser)
        return found

    assert finding().text.endswith("authorities/eastern/calendar.toml")
    settings.CALENDAR_FILE = tmp_path / "calendar.toml"
    assert finding().is_well
    settings.CALENDAR_FILE.write_text('time_zone = "Asia/Atlantis"\n[week]\nsunday = []\n')
    said = finding()
    organisation.authority_calendar.cache_clear()
    assert (said.is_well, "time_zone" in said.text) == (False, True)
