"""The `bayan` command: what it does stands in docs/operators.md and `bayan --help`."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

from bayan.config.environment import LOGIN, OWNER, WORKER, ConfigurationMissing, environment

if TYPE_CHECKING:
    from bayan.channels.models import Account

DONE, FAILED, WRONG_USAGE = 0, 1, 2
Command = Callable[[argparse.Namespace], int]

# As in `people.models.Role.Kind`, which cannot be read before Django is set up; a test compares them.
ROLES = (
    "administrator", "director", "executive", "spokesperson", "press_officer", "editor", "responder",
    "monitor", "field_officer", "legal_reviewer", "trainer", "researcher", "viewer",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command; its exit code is 0 done, 1 failed, 2 wrong usage."""
    options = parser().parse_args(arguments)
    sys.exit(run(options))


def run(options: argparse.Namespace) -> int:
    command: Command = options.command
    try:
        return command(options)
    except KeyboardInterrupt:
        return FAILED
    except Exception as error:
        said = explain(error)
        if said is None:
            raise
        print(said, file=sys.stderr)
        return FAILED


def explain(error: Exception) -> str | None:
    """One sentence for the errors that a person can mend; None for the bugs."""
    from psycopg import OperationalError

    from bayan.config.cluster import ClusterFailed
    from bayan.config.supervisor import CannotStart
    from bayan.core.errors import DomainError

    if isinstance(error, (ConfigurationMissing, CannotStart, ClusterFailed, DomainError)):
        return str(error)
    if isinstance(error, OperationalError) or isinstance(error.__cause__, OperationalError):
        try:
            where = f"{environment.database.host}:{environment.database.port}"
        except ConfigurationMissing as missing:
            return str(missing)
        return f"The database at {where} does not answer: start Bayan with 'make run', or mend it first."
    return None


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(prog="bayan", description="Bayan's command line.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Command, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(command=command)
        return sub

    up_parser = add("up", up, "start everything and keep it running; Ctrl-C stops it")
    up_parser.add_argument(
        "--demo", action="store_true", help="with the demo authority and the emulator"
    )
    up_parser.add_argument(
        "--no-dispatcher", action="store_true",
        help="nothing is sent: for a look at a copy that was restored",
    )  # fmt: skip
    serve_parser = add("serve", serve, "run one role in the foreground")
    serve_parser.add_argument("role", choices=["web", "intake", "worker", "dispatcher"])
    serve_parser.add_argument("--port", type=int, help="another port than BAYAN_PORT (web, intake)")
    prepare_parser = add(
        "prepare", prepare, "migrate and load the authority ('up' does it by itself)"
    )
    prepare_parser.add_argument("--demo", action="store_true")
    doctor_parser = add("doctor", doctor, "check the instance and say how to mend what is wrong")
    doctor_parser.add_argument(
        "--sql", action="store_true", help="print the roles that an outside PostgreSQL needs"
    )
    _add_people(add("token", usage, "keys to the API"), add("member", usage, "members"))
    _add_account(add("account", usage, "accounts on channels"))
    journal_parser = add("journal", usage, "what came in, and what was set aside")
    journal = journal_parser.add_subparsers(required=True, metavar="WHAT")
    listing = journal.add_parser("list", help="the newest entries")
    listing.add_argument("--set-aside", action="store_true", help="only what was set aside")
    listing.add_argument("--limit", type=int, default=50)
    listing.set_defaults(command=journal_list)
    for name, command, text in (
        ("show", journal_show, "one entry with its body"),
        ("replay", journal_replay, "process an entry that was set aside again"),
    ):
        sub = journal.add_parser(name, help=text)
        sub.add_argument("entry", type=int)
        sub.set_defaults(command=command)
    add("verify-audit", verify_audit, "walk the audit trail's hash chain")
    _add_keeping(
        add("backup", backup, "write database, uploads, models and keys into one encrypted file"),
        add("restore", restore, "fill an empty data folder from a file of 'bayan backup'"),
    )
    _add_replay(
        add("replay", replay, "send recorded messages once more, through the signed webhook")
    )
    _add_understanding(
        add("triage", triage, "say what messages are about: one JSON line for each line"),
        add("bursts", bursts, "find where a recorded stream bursts: one JSON line for each alarm"),
        add(
            "train",
            train,
            "make a new version of the classifiers and compare it with the running one",
        ),
    )
    _add_corrections(
        add(
            "corrections",
            corrections,
            "write down what members corrected of triage, for 'bayan train'",
        )
    )
    bench_parser = add("bench", bench, "load programs; 'bayan bench NAME --help' for one")
    bench_parser.add_argument(
        "name",
        choices=[
            "intake", "pipeline", "dispatch", "circular", "pages", "letters", "search", "chaos", "surge",
            "triage", "bursts",
        ],
    )  # fmt: skip
    bench_parser.add_argument("rest", nargs=argparse.REMAINDER)
    manage_parser = add("manage", manage, "Django's own commands")
    manage_parser.add_argument("rest", nargs=argparse.REMAINDER)
    return top


def _add_keeping(backup: argparse.ArgumentParser, restore: argparse.ArgumentParser) -> None:
    how = "The passphrase is asked for, read from standard input, or BAYAN_BACKUP_PASSPHRASE."
    backup.epilog = f"Bayan may run meanwhile. {how}"
    backup.add_argument("file", metavar="FILE")
    backup.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")
    restore.epilog = (
        "The whole file is checked before anything is written; if the restore fails afterwards, the "
        "folder that BAYAN_DATA_DIR names is empty again. Messages that waited to be sent become "
        f"'uncertain': the old instance may have sent them since. {how}"
    )
    restore.add_argument("file", metavar="FILE")
    restore.add_argument(
        "--keep-queue", action="store_true",
        help="leave what waited to be sent in the queue: the old instance never ran again after the backup",
    )  # fmt: skip
    restore.add_argument(
        "--accept-broken-audit", action="store_true",
        help="take the data even if the audit trail in them is broken",
    )  # fmt: skip


def _add_replay(replay: argparse.ArgumentParser) -> None:
    replay.epilog = (
        "A line of FILE is a body of the provider, or an object with id, text and created_at (RFC 3339 or "
        "Twitter's form), whose sender is made up from the id. Times are moved so that the first is now; the "
        "gaps between them stay as recorded, only sending is faster. What is not answered 200 is sent again. "
        "Bayan takes in each message once, however often a file is replayed. Ctrl-C stops; exit code 1 when "
        "it was stopped or something was not delivered. Bad lines are named and passed over."
    )
    replay.add_argument("file", metavar="FILE")
    replay.add_argument(
        "--account", required=True, help="a demo's or an exercise's, never a real one"
    )
    pace = replay.add_mutually_exclusive_group()
    pace.add_argument(
        "--speed", type=_positive, default=1.0, metavar="N",
        help="so many times faster than recorded (default 1: as it was)",
    )  # fmt: skip
    pace.add_argument(
        "--rate",
        type=_positive,
        metavar="N",
        help="so many messages a second, whatever the recorded gaps",
    )
    replay.add_argument(
        "--run", default="", metavar="NAME",
        help="a name for this run: the texts of a file that was replayed before become new messages",
    )  # fmt: skip


def _add_understanding(
    triage: argparse.ArgumentParser, bursts: argparse.ArgumentParser, train: argparse.ArgumentParser
) -> None:
    triage.epilog = (
        "A line is an object with id, text and, if known, created_at (RFC 3339 or Twitter's form) and "
        "channel. A line that cannot be read yields its error and does not stop the run."
    )
    triage.add_argument("file", nargs="?", metavar="FILE", help="JSONL; without it standard input")
    triage.add_argument(
        "--endpoint", action="store_true",
        help="ask the other model too (BAYAN_TRIAGE_URL); its labels stand under 'second'",
    )  # fmt: skip
    triage.add_argument(
        "--as-of", metavar="TIME", help="when lines without created_at were written (default: now)"
    )
    bursts.epilog = (
        "A line is a message (id, text, created_at) or the count of ten minutes (at, count), in the order of "
        "time. Each alarm says since when, what about, how many and how many are normal."
    )
    bursts.add_argument("file", metavar="FILE", help="JSONL; - is standard input")
    train.epilog = (
        "Learns from Bayan's own set, from the licensed sets in the folder that --data names, and from "
        "corrections. Nothing changes until --use names the new version."
    )
    train.add_argument("--data", metavar="FOLDER", help="licensed sets (default: BAYAN_DATA)")
    train.add_argument(
        "--corrections", metavar="FILE", help="JSONL of 'bayan corrections', learned from as well"
    )
    train.add_argument(
        "--out", metavar="FOLDER", help="where to (default: models/ of the data folder)"
    )
    train.add_argument(
        "--endpoint", action="store_true",
        help="train nothing: try the other model (BAYAN_TRIAGE_URL) beside the running one",
    )  # fmt: skip
    train.add_argument(
        "--use", metavar="VERSION",
        help="train nothing: let this version answer, 'shipped' for the one that comes with Bayan",
    )  # fmt: skip


def _add_corrections(corrections: argparse.ArgumentParser) -> None:
    corrections.epilog = (
        "One JSON line a case: its number, the words of the person who wrote, and the labels that members "
        "set. The words are those of citizens: keep the file as you keep the database, and delete it when it "
        "was learned from. Numbers of seven digits or more, addresses and the writer's own name are masked; "
        "names of other people are not."
    )
    corrections.add_argument("--out", metavar="FILE", help="JSONL; without it standard output")


def _positive(given: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < float(given) < float("inf"):
            return float(given)
    raise argparse.ArgumentTypeError(f"{given} is not a number above 0")


def _add_people(token: argparse.ArgumentParser, member: argparse.ArgumentParser) -> None:
    tokens = token.add_subparsers(required=True, metavar="WHAT")
    create = tokens.add_parser("create", help="print a new key, once")
    create.add_argument("--user", required=True, metavar="EMAIL")
    create.add_argument("--scope", required=True, action="append", choices=["read", "write"])
    create.set_defaults(command=token_create)
    members = member.add_subparsers(required=True, metavar="WHAT")
    add_member = members.add_parser("create", help="make a member and print a first password, once")
    add_member.add_argument("--email", required=True)
    add_member.add_argument("--name", required=True, help="in Arabic")
    add_member.add_argument("--name-en", default="")
    add_member.add_argument("--role", required=True, choices=ROLES)
    add_member.add_argument("--node", help="key of the body; without it the authority itself")
    add_member.set_defaults(command=member_create)


def _add_account(account: argparse.ArgumentParser) -> None:
    accounts = account.add_subparsers(required=True, metavar="WHAT")
    save = accounts.add_parser(
        "save",
        help="make or change a WhatsApp account; its three secrets are asked for, or read from stdin",
    )
    save.add_argument("key", help="the word in /hooks/whatsapp/<key>")
    save.add_argument("--name", required=True)
    save.add_argument("--number", required=True, action="append", metavar="PHONE_NUMBER_ID=DISPLAY")
    save.add_argument("--base-url", default="https://graph.facebook.com")
    save.add_argument("--nature", default="real", choices=["real", "exercise"])
    save.add_argument(
        "--business-id", default="", help="WhatsApp business account id: templates need it"
    )
    save.add_argument(
        "--portfolio",
        default="",
        help="key of the business whose messaging limit it shares; without it, one of its own",
    )
    save.set_defaults(command=account_save)
    listing = accounts.add_parser("list", help="all accounts, their numbers and how they stand")
    listing.set_defaults(command=account_list)
    secret = accounts.add_parser(
        "rotate-secret", help="take a new app secret beside the old one; asked for, or from stdin"
    )
    secret.add_argument("key")
    secret.add_argument(
        "--keep", type=int, default=24, metavar="HOURS", help="how long the old one is taken too"
    )
    secret.set_defaults(command=account_rotate_secret)
    verify = accounts.add_parser(
        "rotate-verify-token", help="answer the provider's handshake with another verify token"
    )
    verify.add_argument("key")
    verify.set_defaults(command=account_rotate_verify_token)
    token = accounts.add_parser(
        "rotate-token", help="try a new access token with the provider, then use it"
    )
    token.add_argument("key")
    token.add_argument(
        "--wait", type=int, default=60, metavar="SECONDS", help="for the provider's answer"
    )
    token.set_defaults(command=account_rotate_token)


def django(role: str = WORKER) -> None:
    """Set Django up in this process, talking to the database in this role."""
    environment.database_role = role
    os.environ["DJANGO_SETTINGS_MODULE"] = "bayan.config.settings"
    import django

    django.setup()


def usage(options: argparse.Namespace) -> int:
    return WRONG_USAGE


def up(options: argparse.Namespace) -> int:
    from bayan.config.supervisor import Instance

    Instance(environment, demo=options.demo, sends=not options.no_dispatcher).run()
    return DONE


def serve(options: argparse.Namespace) -> int:
    from bayan.config import serving

    role = options.role
    django(LOGIN if role in {"web", "intake"} else WORKER)
    environment.database  # noqa: B018  # says at once when there is none
    if role == "web":
        environment.leave_web_address(options.port or environment.port)
        serving.web(environment.host, options.port or environment.port)
    elif role == "intake":
        serving.intake(environment.host, options.port or environment.port)
    elif role == "worker":
        serving.worker()
    else:
        serving.dispatcher()
    return DONE


def prepare(options: argparse.Namespace) -> int:
    from bayan.triage.thresholds import read_thresholds

    # Nothing needs them here: a pack that cannot be used is to stop the start.
    read_thresholds(environment.authority_dir)
    django(OWNER)
    from django.core.management import call_command
    from django.utils import timezone

    from bayan.cases import services as cases
    from bayan.config.health import is_migrated
    from bayan.intake import services as intake
    from bayan.mandates import services as mandates
    from bayan.needs import services as needs
    from bayan.organisation import services as organisation
    from bayan.places import services as places
    from bayan.retention import services as retention

    # Most starts have nothing to migrate, and the command takes its time to find that.
    if not is_migrated():
        call_command("migrate", interactive=False, verbosity=0)
    organisation.load_pack(environment.authority_dir)
    places.load_pack(environment.authority_dir)
    cases.load_rules(environment.authority_dir)
    needs.load_pack(environment.authority_dir, now=timezone.now())
    mandates.load_pack(environment.authority_dir, now=timezone.now())
    retention.check_pack(environment.authority_dir)
    intake.keep_house(now=timezone.now())
    if options.demo:
        from bayan.demo import services as demo

        now = timezone.now()
        demo.load(emulator_port=environment.emulator_port, now=now)
        demo.tell_stories(now=now)
    return DONE


def doctor(options: argparse.Namespace) -> int:
    if options.sql:
        from bayan.config.cluster import BOOTSTRAP_SQL

        print(BOOTSTRAP_SQL, end="")
        return DONE
    from bayan.config import examination

    findings = examination.examine(environment)
    for finding in findings:
        print(f"{'ok  ' if finding.is_well else 'BAD '} {finding.subject}: {finding.text}")
    return DONE if all(finding.is_well for finding in findings) else FAILED


def token_create(options: argparse.Namespace) -> int:
    django()
    from django.utils import timezone

    from bayan.people import services as people

    print(people.create_token(email=options.user, scopes=options.scope, now=timezone.now()))
    return DONE


def member_create(options: argparse.Namespace) -> int:
    django()
    import secrets

    from django.utils import timezone

    from bayan.core.errors import DomainError
    from bayan.organisation import selectors as organisation
    from bayan.organisation.models import Node
    from bayan.people import services as people
    from bayan.people.models import Role

    node = Node.objects.filter(key=options.node).first() if options.node else organisation.desk()
    if node is None:
        raise DomainError(f"The tree has no body with the key '{options.node}'.")
    password = secrets.token_urlsafe(12)
    people.create_member(
        email=options.email, name_ar=options.name, name_en=options.name_en, password=password,
        role=Role.Kind(options.role), node=node, now=timezone.now(),
    )  # fmt: skip
    print(password)
    return DONE


def account_save(options: argparse.Namespace) -> int:
    django()
    from django.utils import timezone

    from bayan.channels import services as channels
    from bayan.channels.models import Account
    from bayan.organisation import selectors as organisation

    numbers = dict(number.partition("=")[::2] for number in options.number)
    channels.save_account(
        key=options.key, nature=Account.Nature(options.nature), name=options.name,
        base_url=options.base_url, app_secret=ask("app secret"), verify_token=ask("verify token"),
        access_token=ask("access token"), numbers=numbers, node=organisation.desk(), now=timezone.now(),
        business_id=options.business_id, portfolio=options.portfolio,
    )  # fmt: skip
    print(f"/hooks/whatsapp/{options.key}")
    return DONE


def account_list(options: argparse.Namespace) -> int:
    django()
    from bayan.channels import selectors as channels

    for account in channels.accounts():
        token = {None: "not checked", True: "valid", False: "refused"}[account.token_is_valid]
        numbers = ", ".join(
            f"{number.external_id}={number.display}{' (stopped)' if number.stopped_at else ''}"
            for number in account.numbers.all()
        )
        print(f"{account.key}\t{account.nature}\ttoken {token}\t{numbers}")
    return DONE


def account_rotate_secret(options: argparse.Namespace) -> int:
    django()
    from datetime import timedelta

    from django.utils import timezone

    from bayan.channels import services as channels

    account, now = _account(options.key), timezone.now()
    until = now + timedelta(hours=options.keep)
    channels.rotate_app_secret(account, ask("app secret"), keep_previous_until=until, now=now)
    print(f"Both app secrets are taken until {until:%Y-%m-%d %H:%M} UTC, then the new one alone.")
    return DONE


def account_rotate_verify_token(options: argparse.Namespace) -> int:
    django()
    from django.utils import timezone

    from bayan.channels import services as channels

    channels.change_verify_token(_account(options.key), ask("verify token"), now=timezone.now())
    print("Enter the same verify token at the provider.")
    return DONE


def account_rotate_token(options: argparse.Namespace) -> int:
    django()
    import time

    from django.utils import timezone

    from bayan.channels import services as channels
    from bayan.core.errors import DomainError

    account = _account(options.key)
    channels.offer_access_token(account, ask("access token"), now=timezone.now())
    deadline = time.monotonic() + options.wait
    while time.monotonic() < deadline:
        account.refresh_from_db()
        if account.new_access_token_error:
            said = account.new_access_token_error
            raise DomainError(
                f"The provider does not take it ({said.get('title') or said.get('code')}): "
                "the old access token is in use as before."
            )
        if account.new_access_token_locked is None:
            print("The provider knows the new access token; it is in use.")
            return DONE
        time.sleep(0.2)
    raise DomainError(
        "The provider has not answered yet; the old access token is in use until it does. "
        "Is 'bayan serve dispatcher' running?"
    )


def ask(what: str) -> str:
    """A secret, typed unseen or read as a line of standard input."""
    import getpass

    from bayan.core.errors import DomainError

    given = getpass.getpass(f"{what}: ") if sys.stdin.isatty() else sys.stdin.readline().strip()
    if not given:
        raise DomainError(
            f"The {what} is missing: type it, or give it as a line of standard input."
        )
    return given


def _account(key: str) -> Account:
    from bayan.channels.models import Account
    from bayan.core.errors import DomainError

    account = Account.objects.filter(key=key).first()
    if account is None:
        raise DomainError(f"There is no account '{key}': 'bayan account list' shows them.")
    return account


def journal_list(options: argparse.Namespace) -> int:
    django()
    from bayan.intake import selectors as intake

    for entry in intake.entries(set_aside_only=options.set_aside, limit=options.limit):
        print(f"{entry.id}\t{entry.received_at.isoformat()}\t{entry.state}\t{entry.remark}")
    return DONE


def journal_show(options: argparse.Namespace) -> int:
    django()
    from bayan.intake import selectors as intake

    entry = intake.entry(options.entry)
    print(f"number    {entry.id}")
    print(f"received  {entry.received_at.isoformat()}")
    print(f"request   {entry.request_id}")
    print(f"state     {entry.state}")
    print(f"remark    {entry.remark}")
    print(entry.body.decode("utf-8", "backslashreplace"))
    return DONE


def journal_replay(options: argparse.Namespace) -> int:
    django()
    from django.utils import timezone

    from bayan.intake import services as intake

    intake.replay(options.entry, now=timezone.now())
    print(f"Entry {options.entry} is in the queue again.")
    return DONE


def verify_audit(options: argparse.Namespace) -> int:
    django()
    from bayan.core import audit

    verdict = audit.verify()
    if not verdict.is_whole:
        print(
            f"The audit trail is broken at entry {verdict.broken_at}: {verdict.reason}. "
            "Compare it with the last backup.",
            file=sys.stderr,
        )
        return FAILED
    print(f"The audit trail is whole: {verdict.sealed} entries sealed, {verdict.unsealed} not yet.")
    return DONE


def backup(options: argparse.Namespace) -> int:
    from bayan.config import backup

    _end_by_exception_on_sigterm()
    backup.command(environment, options)
    return DONE


def restore(options: argparse.Namespace) -> int:
    from bayan.config import restore

    _end_by_exception_on_sigterm()
    restore.command(environment, options)
    return DONE


def replay(options: argparse.Namespace) -> int:
    environment.database  # noqa: B018  # says at once when there is none
    django()
    from bayan.config import replay

    return DONE if replay.command(environment, options) else FAILED


def _end_by_exception_on_sigterm() -> None:
    """So that whoever has begun something can clear it away."""
    import signal

    signal.signal(signal.SIGTERM, signal.default_int_handler)


def triage(options: argparse.Namespace) -> int:
    from bayan.config import understanding

    understanding.triage(environment, options)
    return DONE


def bursts(options: argparse.Namespace) -> int:
    from bayan.config import understanding

    understanding.bursts(environment, options)
    return DONE


def train(options: argparse.Namespace) -> int:
    from bayan.config import learning

    others = options.data or options.corrections or options.out
    if (options.use and (others or options.endpoint)) or (options.endpoint and others):
        print("--use and --endpoint train nothing: each stands alone.", file=sys.stderr)
        return WRONG_USAGE
    learning.train(environment, options)
    return DONE


def corrections(options: argparse.Namespace) -> int:
    django()
    from bayan.config import corrections

    corrections.command(options)
    return DONE


def bench(options: argparse.Namespace) -> int:
    from benchmarks import (
        bursts,
        chaos,
        circular,
        dispatch,
        intake,
        letters,
        pages,
        pipeline,
        search,
        surge,
        triage,
    )

    programs = {
        "intake": intake.main,
        "pipeline": pipeline.main,
        "dispatch": dispatch.main,
        "circular": circular.main,
        "letters": letters.main,
        "pages": pages.main,
        "search": search.main,
        "chaos": chaos.main,
        "surge": surge.main,
        "triage": triage.main,
        "bursts": bursts.main,
    }
    return programs[options.name](options.rest)


def manage(options: argparse.Namespace) -> int:
    environment.database_role = OWNER
    os.environ["DJANGO_SETTINGS_MODULE"] = "bayan.config.settings"
    from django.core.management import execute_from_command_line

    execute_from_command_line(["bayan manage", *options.rest])
    return DONE
