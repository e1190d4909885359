"""`bayan account …`, and what `bayan doctor` says of accounts."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.utils import timezone

from bayan.channels import services as channels
from bayan.channels.models import Account, Alert, Number
from bayan.channels.services.accounts import refuse_new_token, take_new_token
from bayan.channels.tests.factories import make_account
from bayan.channels.tests.provider import Provider, running_provider
from bayan.config import cli, examination
from bayan.config.examination import Finding
from bayan.people.models import Role


@pytest.fixture
def account(db: None) -> Account:
    return make_account()


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """Run `bayan …` with these lines at its input; its exit code, output and errors."""

    def command(*arguments: str, typed: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        code = cli.run(cli.parser().parse_args(arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def test_an_account_is_made_with_its_business_and_listed(
    run: Callable[..., tuple[int, str, str]], db: None
) -> None:
    code, out, _err = run(
        "account", "save", "main", "--name", "الأمانة", "--number", "4711471=+966 11 000 0000",
        "--business-id", "104857600000002", "--portfolio", "eastern",
        typed="app secret\nverify token\naccess token\n",
    )  # fmt: skip

    assert (code, out) == (0, "/hooks/whatsapp/main\n")
    account = Account.objects.get(key="main")
    assert (account.business_id, account.portfolio.key) == ("104857600000002", "eastern")
    assert (account.app_secret, account.verify_token) == ("app secret", "verify token")
    Number.objects.update(stopped_at=timezone.now())
    assert run("account", "list")[1] == (
        "main\treal\ttoken not checked\t4711471=+966 11 000 0000 (stopped)\n"
    )


def test_a_new_app_secret_is_taken_beside_the_old_one(
    run: Callable[..., tuple[int, str, str]], account: Account
) -> None:
    code, out, _err = run("account", "rotate-secret", "demo", "--keep", "2", typed="new secret\n")

    assert code == 0
    assert "new secret" not in out
    account.refresh_from_db()
    assert account.app_secret == "new secret"
    assert account.previous_app_secret_until is not None
    hours = (account.previous_app_secret_until - timezone.now()) / timedelta(hours=1)
    assert 1.9 < hours < 2


def test_a_secret_that_is_missing_or_an_account_that_is_not_there_is_said(
    run: Callable[..., tuple[int, str, str]], account: Account
) -> None:
    code, _out, err = run("account", "rotate-verify-token", "demo")
    assert (code, err.count("\n")) == (1, 1)
    assert "The verify token is missing" in err
    code, _out, err = run("account", "rotate-token", "nobody", typed="x\n")
    assert (code, "There is no account 'nobody'" in err) == (1, True)
    assert run("account", "rotate-verify-token", "demo", typed="another\n")[0] == 0
    assert Account.objects.get().verify_token == "another"


@pytest.mark.parametrize("is_known", [True, False])
def test_a_new_access_token_waits_for_the_providers_word(
    run: Callable[..., tuple[int, str, str]],
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    is_known: bool,
) -> None:
    def dispatcher(_seconds: float) -> None:
        offered, now = Account.objects.get(), timezone.now()
        if is_known:
            take_new_token(offered, expires_at=None, now=now)
        else:
            refuse_new_token(offered, {"code": 190}, now=now)

    monkeypatch.setattr("time.sleep", dispatcher)
    code, out, err = run("account", "rotate-token", "demo", typed="new token\n")

    account.refresh_from_db()
    if is_known:
        assert (code, account.access_token) == (0, "new token")
        assert "it is in use" in out
    else:
        assert (code, account.access_token) == (1, "demo-access-token")
        assert "does not take it (190)" in err


def test_without_a_dispatcher_the_command_says_so(
    run: Callable[..., tuple[int, str, str]], account: Account
) -> None:
    code, _out, err = run("account", "rotate-token", "demo", "--wait", "0", typed="new token\n")
    assert (code, "bayan serve dispatcher" in err) == (1, True)
    assert Account.objects.get().access_token == "demo-access-token"


@pytest.fixture
def provider(committed_db: None) -> Iterator[Provider]:
    with running_provider() as running:
        make_account(base_url=running.url)
        yield running


def findings(superuser: psycopg.Connection) -> dict[str, Finding]:
    found = [*examination._channels(superuser), *examination._alerts(superuser)]
    return {finding.subject: finding for finding in found}


def test_the_doctor_finds_an_account_well(
    provider: Provider, superuser: psycopg.Connection
) -> None:
    Account.objects.update(token_is_valid=True, last_webhook_at=timezone.now())
    found = findings(superuser)
    assert all(finding.is_well for finding in found.values()), found
    assert found["token of demo"].text == "valid, does not expire"


def test_the_doctor_names_each_trouble_and_the_way_out(
    provider: Provider, superuser: psycopg.Connection
) -> None:
    now = timezone.now()
    Account.objects.update(token_is_valid=False)
    Number.objects.update(
        stopped_at=now, stop_error={"code": 190}, last_sent_at=now - timedelta(hours=1)
    )
    channels.raise_alert(
        Account.objects.get(), "token_refused", severity=Alert.Severity.CRITICAL, now=now
    )

    found = findings(superuser)

    bad = {subject for subject, finding in found.items() if not finding.is_well}
    assert bad == {"token of demo", "webhooks of demo", "numbers of demo", "alert of demo"}
    assert "bayan account rotate-token demo" in found["token of demo"].text
    assert "+966 11 234 5678" in found["numbers of demo"].text


def test_a_token_that_ends_soon_is_no_longer_well() -> None:
    soon = datetime.now(UTC) + timedelta(days=10, hours=1)
    assert examination._token("demo", True, soon) == Finding(
        "token of demo",
        False,
        "valid, expires in 10 days: replace it with 'bayan account rotate-token demo'.",
    )
    assert examination._token("demo", True, soon + timedelta(days=30)).is_well
    assert examination._token("demo", None, None).is_well


def test_the_command_line_knows_every_role() -> None:
    assert set(cli.ROLES) == set(Role.Kind.values)
