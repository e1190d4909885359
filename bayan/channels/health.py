"""How well accounts and numbers are, gathered for one page: the worst first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import IntEnum
from typing import Any

from django.db.models import (
    BooleanField,
    Count,
    ExpressionWrapper,
    Min,
    Q,
    QuerySet,
    Sum,
    Window,
)
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import RowNumber
from django.utils import timezone
from django.utils.translation import gettext as _

from bayan.channels import selectors, services, wording
from bayan.channels.models import (
    BY_HAND,
    Account,
    Alert,
    Media,
    Number,
    Outgoing,
    Quality,
    Reached,
    Repeated,
    Template,
)
from bayan.channels.services.facts import SYNC_EVERY, silent_among
from bayan.channels.services.pausing import TOKEN_CODES
from bayan.core.paging import Counts
from bayan.core.queries import Prepared, Tuples
from bayan.core.rls import as_worker
from bayan.people.permissions import Access

DAY = timedelta(hours=24)
HISTORY = 20
# Sunday to Thursday; nobody writing for so long in these hours is worth a look.
WORKING_DAYS, WORKING_HOURS = {6, 0, 1, 2, 3}, (time(8), time(15))
QUIET_FOR = timedelta(hours=3)
# When this share of the messaging limit is used up, people should know.
NEARLY_USED_PERCENT = 80
WAITS_LONG = timedelta(minutes=5)
# Files that were lost in these days are counted, and so many of the latest named.
LOST_WITHIN, LATEST_LOST = timedelta(days=7), 5


class Level(IntEnum):
    """How bad it is; the order in which it is shown."""

    WELL = 0
    NOTE = 1
    WARNING = 2
    CRITICAL = 3

    @property
    def tone(self) -> str:
        """The class of its colour."""
        return {0: "is-ok", 1: "is-info", 2: "is-warn", 3: "is-bad"}[self.value]

    @property
    def lamp(self) -> str:
        """The same for the whole: what is merely worth knowing leaves it well."""
        return "is-ok" if self is Level.NOTE else self.tone


LEVELS = {
    Alert.Severity.CRITICAL: Level.CRITICAL,
    Alert.Severity.WARNING: Level.WARNING,
    Alert.Severity.INFORMATION: Level.NOTE,
}


@dataclass(frozen=True)
class Problem:
    """One thing that is not well, in words, with what can be done about it here."""

    level: Level
    words: wording.Words
    since: datetime | None = None
    alert: Alert | None = None
    stopped: Number | None = None
    needs_token: bool = False
    template: Template | None = None


@dataclass(frozen=True)
class Waiting:
    """What waits in one lane of a number."""

    lane: str
    count: int
    oldest: datetime


@dataclass(frozen=True)
class Failure:
    """So many messages failed for the same reason."""

    error: dict[str, Any]
    count: int

    @property
    def words(self) -> str:
        return wording.of_failure(self.error)


@dataclass(frozen=True)
class Delay:
    """So many messages wait because the provider asked for it, or did not answer."""

    error: dict[str, Any]
    count: int
    since: datetime
    next_at: datetime

    @property
    def words(self) -> str:
        return wording.of_delay(self.error)


@dataclass(frozen=True)
class Gone:
    """Files that people sent and the provider had no more when we asked for them."""

    count: int
    # What each was, and when it came.
    latest: list[tuple[wording.Text, datetime]]


NONE_GONE = Gone(0, [])


@dataclass
class NumberHealth:
    """One number, as the page shows it."""

    number: Number
    problems: list[Problem] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    uncertain: int = 0
    failures: list[Failure] = field(default_factory=list)
    delays: list[Delay] = field(default_factory=list)
    gone: Gone = NONE_GONE

    @property
    def level(self) -> Level:
        return max((problem.level for problem in self.problems), default=Level.WELL)

    @property
    def failed(self) -> int:
        return sum(failure.count for failure in self.failures)

    @property
    def oldest(self) -> datetime | None:
        """Since when the first message waits."""
        return min((lane.oldest for lane in self.waiting), default=None)

    @property
    def queued(self) -> int:
        return sum(lane.count for lane in self.waiting)


@dataclass(frozen=True)
class TroubledTemplate:
    """A template that is of no use now, and why."""

    template: Template
    words: str


@dataclass
class AccountHealth:
    """One account with its numbers, as the page shows it."""

    account: Account
    used: int
    may_manage: bool
    is_silent: bool = False
    # What came again or too late in 24 hours: messages, statuses, statuses too late.
    repeated: tuple[int, int, int] = (0, 0, 0)
    numbers: list[NumberHealth] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    templates: dict[str, int] = field(default_factory=dict)
    troubled_templates: list[TroubledTemplate] = field(default_factory=list)

    @property
    def level(self) -> Level:
        return max(
            (problem.level for problem in self.all_problems()),
            default=Level.WELL,
        )

    def all_problems(self) -> Iterable[Problem]:
        yield from self.problems
        for number in self.numbers:
            yield from number.problems

    @property
    def ranked(self) -> list[tuple[Problem, Number | None]]:
        """All troubles of the account and its numbers, the worst first, each with its number."""
        found: list[tuple[Problem, Number | None]] = [(each, None) for each in self.problems]
        for health in self.numbers:
            found += [(each, health.number) for each in health.problems]
        return sorted(found, key=lambda pair: -pair[0].level)

    @property
    def limit(self) -> int | None:
        return self.account.portfolio.daily_limit

    @property
    def used_percent(self) -> int:
        if self.limit is None:
            return 0
        return min(100, self.used * 100 // self.limit) if self.limit else 100

    @property
    def usable_templates(self) -> int:
        return self.templates.get(Template.Status.APPROVED, 0)

    @property
    def days_left(self) -> int | None:
        """Whole days until the token ends."""
        ends = self.account.token_expires_at
        return max(0, (ends - timezone.now()).days) if ends else None


@dataclass(frozen=True)
class Overview:
    """The whole page."""

    accounts: list[AccountHealth]
    history: list[tuple[Alert, wording.Words]]

    @property
    def is_well(self) -> bool:
        return all(account.level <= Level.NOTE for account in self.accounts)


def overview(access: Access, *, now: datetime) -> Overview:
    """Every account that concerns this member, with the numbers of the bodies that they look after."""
    by_account: dict[int, list[Number]] = defaultdict(list)
    for number in selectors.numbers_for(access, "channels.read", of_all=True):
        by_account[number.account_id].append(number)
    # What is counted here spans bodies and holds no words of anybody: the door has been checked.
    with as_worker():
        found = _gather(access, by_account, now=now)
    found.accounts.sort(key=lambda each: (-each.level, each.account.name))
    return found


def critical_alerts() -> int:
    """How many critical alerts are open."""
    return _CRITICAL.of()["open"]


_CRITICAL = Counts(
    lambda: {"open": Alert.objects.filter(resolved_at=None, severity=Alert.Severity.CRITICAL)}
)


def _gather(access: Access, by_account: dict[int, list[Number]], *, now: datetime) -> Overview:
    accounts = [numbers[0].account for numbers in by_account.values()]
    number_ids = [number.pk for numbers in by_account.values() for number in numbers]
    used, silent = _used(accounts, now=now), silent_among(accounts, now=now)
    queue, gone = _queue(number_ids, now=now), _gone(number_ids, now=now)
    repeated = _repeated(accounts, now=now)
    templates = defaultdict(list)
    account_ids = [account.pk for account in accounts]
    for template in _TEMPLATES.rows(account_ids):
        templates[template.account_id].append(template)
    alerts: dict[int, list[Alert]] = defaultdict(list)
    found = _ALERTS.rows(account_ids)
    for alert in found:
        alert.account = by_account[alert.account_id][0].account
        if alert.resolved_at is None and alert.number_id in {None, *number_ids}:
            alerts[alert.account_id].append(alert)
    result = []
    for account_id, numbers in by_account.items():
        account = numbers[0].account
        health = AccountHealth(
            account=account,
            used=used.get(account.portfolio_id, 0),
            is_silent=account_id in silent,
            repeated=repeated.get(account_id, (0, 0, 0)),
            may_manage=all(access.may("channels.manage", number.node) for number in numbers),
        )
        for template in templates[account_id]:
            health.templates[template.status] = health.templates.get(template.status, 0) + 1
            if template.status in TROUBLED:
                health.troubled_templates.append(
                    TroubledTemplate(template, services.templates.why(template))
                )
        for number in numbers:
            health.numbers.append(
                NumberHealth(
                    number=number,
                    waiting=queue.waiting[number.pk],
                    uncertain=queue.uncertain[number.pk],
                    failures=queue.failures[number.pk],
                    delays=queue.delays[number.pk],
                    gone=gone.get(number.pk, NONE_GONE),
                )
            )
        _find_problems(health, alerts[account_id], now=now)
        health.numbers.sort(key=lambda each: -each.level)
        result.append(health)
    settled = sorted(
        (alert for alert in found if alert.resolved_at),
        key=lambda alert: alert.resolved_at or now,
        reverse=True,
    )
    return Overview(result, [(alert, wording.of_alert(alert)) for alert in settled])


_TEMPLATES = Prepared(
    lambda accounts: Template.objects.filter(account__any_of=accounts).defer("components"), list
)
# Those that are open, and the latest that are not.
_ALERTS = Prepared(
    lambda accounts: (
        Alert.objects.filter(
            Q(resolved_at=None)
            | Q(
                pk__in=Alert.objects.filter(account__any_of=accounts, resolved_at__isnull=False)
                .order_by("-resolved_at")
                .values("pk")[:HISTORY]
            ),
            account__any_of=accounts,
        )
        .select_related("number", "template", "resolved_by")
        .order_by("-last_at")
    ),
    list,
)


# The states in which a template is of no use although people count on it.
TROUBLED = {Template.Status.REJECTED, Template.Status.PAUSED, Template.Status.DISABLED}


def _find_problems(health: AccountHealth, alerts: list[Alert], *, now: datetime) -> None:
    account = health.account
    by_number = {each.number.pk: each for each in health.numbers}
    has_stopped = any(each.number.stopped_at for each in health.numbers)
    for each in health.numbers:
        number = each.number
        if number.stopped_at:
            error = number.stop_error or {}
            is_by_hand = error.get("title") == BY_HAND
            each.problems.append(
                Problem(
                    Level.NOTE if is_by_hand else Level.CRITICAL,
                    wording.of_stop(error),
                    since=number.stopped_at,
                    stopped=number,
                    needs_token=error.get("code") in TOKEN_CODES,
                )
            )
        elif each.oldest and now - each.oldest > WAITS_LONG:
            each.problems.append(
                Problem(
                    Level.WARNING,
                    wording.Words(
                        _("Messages wait longer than usual"),
                        _("They are due and have not gone out."),
                        _(
                            "Look at the messaging limit; if it is not used up, tell who runs the server."
                        ),
                    ),
                    since=each.oldest,
                )
            )
        if each.uncertain:
            each.problems.append(
                Problem(
                    Level.WARNING,
                    wording.Words(
                        _("Nobody knows whether some messages arrived"),
                        _(
                            "The connection broke while they were being sent. They are "
                            "not sent again by themselves."
                        ),
                        _("Open the conversation and send again what is still needed."),
                    ),
                )
            )
        if number.quality == Quality.YELLOW:
            each.problems.append(
                Problem(
                    Level.NOTE,
                    wording.Words(
                        _("The number's quality has sunk to medium"),
                        _("Some people blocked it or reported its messages."),
                        _("Send to many only what they expect."),
                    ),
                )
            )
    for alert in alerts:
        # A number that stands still says so itself, with the way to let it go on.
        if alert.kind == "sending_stopped" and has_stopped:
            continue
        problem = Problem(
            LEVELS[Alert.Severity(alert.severity)],
            wording.of_alert(alert),
            since=alert.first_at,
            alert=alert,
            needs_token=alert.kind in {"token_refused", "token_expires", "files_wait"},
            template=alert.template,
        )
        target = by_number.get(alert.number_id) if alert.number_id else None
        (target.problems if target else health.problems).append(problem)
    health.problems += _quiet(health, alerts, now=now)
    health.problems += _limits(health)
    if account.sync_error and not _is_said(alerts, "token_refused"):
        health.problems.append(Problem(Level.WARNING, wording.of_sync(account.sync_error, account)))
    elif account.synced_at and now - account.synced_at > 3 * SYNC_EVERY:
        health.problems.append(
            Problem(
                Level.WARNING,
                wording.Words(
                    _("What stands here may be out of date"),
                    _(
                        "WhatsApp has not been asked for a while: the part that does so may not be running."
                    )
                    if account.is_whatsapp
                    else _(
                        "It has not been asked for a while: the part that does so may not be running."
                    ),
                    _("Tell who runs the server."),
                ),
                since=account.synced_at,
            )
        )
    if account.is_whatsapp and not account.business_id:
        health.problems.append(
            Problem(
                Level.NOTE,
                wording.Words(
                    _("The account's id at WhatsApp is missing"),
                    _("Without it neither templates nor forms are known here."),
                    _("Enter the WhatsApp business account id in the account."),
                ),
            )
        )


def _quiet(health: AccountHealth, alerts: list[Alert], *, now: datetime) -> list[Problem]:
    account, heard = health.account, health.account.last_webhook_at
    if not account.is_whatsapp:
        return []
    if _is_said(alerts, "webhooks_silent"):
        return []
    if health.is_silent:
        return [Problem(Level.CRITICAL, wording.ALERTS["webhooks_silent"], since=heard)]
    if heard is None:
        return [
            Problem(
                Level.NOTE,
                wording.Words(
                    _("Nothing has come from WhatsApp yet"),
                    _("The callback address may not be entered at the provider."),
                    _(
                        "Follow “What to enter at the provider” in the account, then "
                        "write to the number from a phone."
                    ),
                ),
            )
        ]
    if account.nature == Account.Nature.REAL and _is_quiet_in_working_hours(heard, now=now):
        return [
            Problem(
                Level.WARNING,
                wording.Words(
                    _("Nobody has written for a while, although it is working time"),
                    _("It may be a quiet day, or WhatsApp does not reach us."),
                    _(
                        "Write to the number from a phone. If that does not come in, "
                        "compare the callback address at the provider."
                    ),
                ),
                since=heard,
            )
        ]
    return []


def _limits(health: AccountHealth) -> list[Problem]:
    if health.limit is None or health.used_percent < NEARLY_USED_PERCENT:
        return []
    is_used_up = health.used >= health.limit
    return [
        Problem(
            Level.WARNING if is_used_up else Level.NOTE,
            wording.Words(
                _("The messaging limit is used up")
                if is_used_up
                else _("The messaging limit is nearly used up"),
                _("WhatsApp permits so many people outside the 24-hour window in 24 hours."),
                _(
                    "Answers to people who wrote are not affected. The rest goes out by "
                    "itself as soon as there is room."
                ),
            ),
        )
    ]


def _is_said(alerts: Iterable[Alert], kind: str) -> bool:
    return any(alert.kind == kind for alert in alerts)


def _is_quiet_in_working_hours(heard: datetime, *, now: datetime) -> bool:
    local = timezone.localtime(now)
    begin, end = WORKING_HOURS
    if local.weekday() not in WORKING_DAYS or not begin <= local.time() < end:
        return False
    opened = local.replace(hour=begin.hour, minute=0, second=0, microsecond=0)
    return now - max(heard, opened) > QUIET_FOR


def _used(accounts: Iterable[Account], *, now: datetime) -> dict[int, int]:
    return dict(_USED.rows([account.portfolio_id for account in accounts], now - DAY))


_USED = Tuples(
    lambda portfolios, since: (
        Reached.objects.filter(portfolio__any_of=portfolios, reached_at__gt=since)
        .order_by()
        .values_list("portfolio")
        .annotate(Count("pk"))
    ),
    list, datetime,
)  # fmt: skip


@dataclass(frozen=True)
class _Queue:
    """What of the numbers' messages did not simply go out, by number."""

    waiting: dict[int, list[Waiting]]
    uncertain: dict[int, int]
    failures: dict[int, list[Failure]]
    # Why messages wait that were tried already; the most first.
    delays: dict[int, list[Delay]]


def _queue(number_ids: list[int], *, now: datetime) -> _Queue:
    """All of it in one statement, each part by the index of its state."""
    # What the provider words in many ways, and what waits in one lane for many reasons, is one.
    waiting: dict[tuple[int, int], Waiting] = {}
    uncertain: dict[int, int] = defaultdict(int)
    failed: dict[tuple[int, str], int] = defaultdict(int)
    delayed: dict[tuple[int, str], Delay] = {}
    for state, number_id, lane, code, title, tried, count, since, next_at in _QUEUE.rows(
        number_ids, now - DAY
    ):
        why = number_id, code or f"={title or ''}"
        match state:
            case Outgoing.State.UNCERTAIN:
                uncertain[number_id] += count
            case Outgoing.State.FAILED:
                failed[why] += count
            case _:
                here = waiting.get((number_id, lane))
                waiting[number_id, lane] = Waiting(
                    str(Outgoing.Lane(lane).label),
                    count + (here.count if here else 0),
                    min(next_at, here.oldest) if here else next_at,
                )
                if tried:
                    before = delayed.get(why)
                    delayed[why] = Delay(
                        _error(why[1]),
                        count + (before.count if before else 0),
                        min(since, before.since) if before else since,
                        min(next_at, before.next_at) if before else next_at,
                    )
    found = _Queue(defaultdict(list), uncertain, defaultdict(list), defaultdict(list))
    for (number_id, _lane), one in sorted(waiting.items()):
        found.waiting[number_id].append(one)
    for (number_id, key), count in sorted(failed.items(), key=lambda pair: -pair[1]):
        found.failures[number_id].append(Failure(_error(key), count))
    for (number_id, _key), delay in sorted(delayed.items(), key=lambda pair: -pair[1].count):
        found.delays[number_id].append(delay)
    return found


def _error(key: str) -> dict[str, Any]:
    return {"title": key[1:]} if key.startswith("=") else {"code": int(key)}


def _of_queue(rows: QuerySet[Outgoing]) -> QuerySet[Outgoing, Any]:
    found: QuerySet[Outgoing, Any] = (
        rows.order_by()
        .annotate(
            code=KeyTextTransform("code", "error"),
            title=KeyTextTransform("title", "error"),
            tried=ExpressionWrapper(Q(error__isnull=False), BooleanField()),
        )
        .values_list("state", "number", "lane", "code", "title", "tried")
        .annotate(count=Count("pk"), since=Min("created_at"), next_at=Min("not_before"))
    )
    return found


def _queue_rows(number_ids: list[int], since: datetime) -> QuerySet[Outgoing, Any]:
    rows = Outgoing.objects.filter(number__any_of=number_ids)
    return _of_queue(rows.filter(state=Outgoing.State.QUEUED)).union(
        _of_queue(rows.filter(state=Outgoing.State.UNCERTAIN)),
        _of_queue(rows.filter(state=Outgoing.State.FAILED, failed_at__gt=since)),
        all=True,
    )


_QUEUE = Tuples(_queue_rows, list, datetime)


def _gone(number_ids: list[int], *, now: datetime) -> dict[int, Gone]:
    """The files of the last days that the provider had no more, by number."""
    found: dict[int, Gone] = {}
    for number_id, count, kind, at in _GONE.rows(number_ids, now - LOST_WITHIN):
        gone = found.setdefault(number_id, Gone(count, []))
        gone.latest.append((wording.FILES.get(kind, kind), at))
    return found


_GONE = Tuples(
    lambda number_ids, since: (
        Media.objects.filter(
            number__any_of=number_ids, state=Media.State.GONE, created_at__gt=since
        )
        .order_by("-pk")
        .annotate(
            count=Window(Count("pk"), partition_by="number"),
            place=Window(RowNumber(), partition_by="number", order_by="-pk"),
        )
        .filter(place__lte=LATEST_LOST)
        .values_list("number", "count", "kind", "created_at")
    ),
    list, datetime,
)  # fmt: skip


def _repeated(accounts: Iterable[Account], *, now: datetime) -> dict[int, tuple[int, int, int]]:
    rows = _REPEATED.rows([account.pk for account in accounts], now - DAY)
    return {account: (messages, statuses, late) for account, messages, statuses, late in rows}


_REPEATED = Tuples(
    lambda accounts, since: (
        Repeated.objects.filter(account__any_of=accounts, hour__gt=since)
        .order_by()
        .values_list("account")
        .annotate(Sum("messages"), Sum("statuses"), Sum("late"))
    ),
    list, datetime,
)  # fmt: skip
