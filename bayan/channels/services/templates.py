"""Templates: written and submitted here, reviewed by the provider, filled in and sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from bayan.channels.adapters.base import ProviderRefused, Reaction
from bayan.channels.adapters.whatsapp import management
from bayan.channels.adapters.whatsapp import templates as grammar
from bayan.channels.adapters.whatsapp.management import ProviderTemplate
from bayan.channels.adapters.whatsapp.templates import Parameter
from bayan.channels.models import Account, Broadcast, Template
from bayan.channels.services.accounts import owner_of, want_sync
from bayan.core import audit, live
from bayan.core.errors import DomainError
from bayan.organisation.models import Node

if TYPE_CHECKING:
    import aiohttp

# So long a deletion can be taken back.
TIME_TO_UNDO = timedelta(seconds=10)
# The provider's list may be a little behind what it was just told.
LIST_LAG = timedelta(minutes=1)
# While a template is under review the provider is asked again, at first soon.
SOONEST_LOOK, LATEST_LOOK = timedelta(seconds=5), timedelta(minutes=10)
NAME_TAKEN = 2388024
KEY = {"name", "language", "category"}
# The provider reviews what it has; a draft or one on its way is ours alone.
AT_THE_PROVIDER = (
    Template.Status.PENDING,
    Template.Status.APPROVED,
    Template.Status.REJECTED,
    Template.Status.PAUSED,
    Template.Status.DISABLED,
)
CHANGEABLE = (
    Template.Status.DRAFT,
    Template.Status.APPROVED,
    Template.Status.REJECTED,
    Template.Status.PAUSED,
)


class ParameterRefused(DomainError):
    """A value of a template is not as it must be; `field` is the parameter's key."""

    def __init__(self, text: str, *, field: str) -> None:
        super().__init__(text)
        self.field = field


class ParameterMissing(ParameterRefused):
    pass


class ParameterUnknown(ParameterRefused):
    pass


class ParameterOfWrongType(ParameterRefused):
    pass


class ParameterBreaksTheLine(ParameterRefused):
    pass


class ParameterTooLong(ParameterRefused):
    pass


class TemplateFaulty(DomainError):
    """The provider would refuse it; `faults` says in words which field and why."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__(next(iter(faults.values())))
        self.faults = dict(faults)


class TemplateNameTaken(DomainError):
    pass


class TemplateUnderReview(DomainError):
    pass


class TemplateInUse(DomainError):
    pass


class TemplateNotSent(DomainError):
    pass


class AccountIncomplete(DomainError):
    pass


# Filling in


def parameters(template: Template) -> list[Parameter]:
    """Everything that a message with this template must or can be given, in its order."""
    return grammar.parameters(template.components)


def fill(template: Template, values: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a message with this template; `values` by the parameters' keys.

    A file at the head is given as `{"id": …}`, `{"link": …}`, or `{}` when it is the row's own file,
    whose id is put in once it is uploaded.

    :raises ParameterMissing: a value that must be there is not
    :raises ParameterUnknown: a value that the template does not ask for
    :raises ParameterOfWrongType: a value that is no text
    :raises ParameterBreaksTheLine: new lines, tabs, or four spaces and more
    :raises ParameterTooLong: by itself, or together with the text around it
    """
    return Filler(template).fill(values)


class Filler:
    """Fills one template in many times; see `fill`."""

    def __init__(self, template: Template) -> None:
        self._form = grammar.Form(template.name, template.language, template.components)

    def fill(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """As `templates.fill`."""
        form = self._form
        for key in values:
            if key not in form.keys:
                raise ParameterUnknown(
                    _("The template has no “%(name)s”. Give exactly what it asks for.")
                    % {"name": key},
                    field=key,
                )
        for parameter in form.parameters:
            if problem := grammar.problem_with(parameter, values.get(parameter.key)):
                _refuse_value(parameter, problem)
        if place := form.too_long(values):
            longest = max(
                (each for each in form.parameters if each.key.startswith(place)),
                key=lambda each: len(str(values.get(each.key, ""))),
            )
            raise ParameterTooLong(
                _("“%(name)s” makes the message too long. Shorten it.") % {"name": longest.label},
                field=longest.key,
            )
        return form.fill(values)


def _refuse_value(parameter: Parameter, problem: str) -> None:
    name = {"name": parameter.label}
    match problem:
        case "missing":
            raise ParameterMissing(_("“%(name)s” is missing.") % name, field=parameter.key)
        case "type":
            raise ParameterOfWrongType(_("“%(name)s” is not a text.") % name, field=parameter.key)
        case "break":
            raise ParameterBreaksTheLine(
                _("“%(name)s” has new lines, tabs or a row of spaces. Write it in one line.")
                % name,
                field=parameter.key,
            )
        case _:
            raise ParameterTooLong(
                _("“%(name)s” is too long. Shorten it.") % name, field=parameter.key
            )


def shown(template: Template, values: Mapping[str, Any]) -> dict[str, Any]:
    """The message as the person sees it: header, body, footer and buttons; only what is there.

    A variable without a value shows its example.
    """
    return grammar.shown(template.components, values)


def why(template: Template) -> str:
    """Why it was not made, was rejected, paused or disabled; empty when there is nothing to say."""
    return grammar.why_refused(template.error) if template.error else ""


# Writing


@transaction.atomic
def create_draft(
    account: Account,
    *,
    name: str,
    language: str,
    category: str,
    components: list[dict[str, Any]],
    by: audit.Actor,
    now: datetime,
    ttl_seconds: int | None = None,
) -> Template:
    """A template of ours that the provider does not know yet. It may still have faults.

    :raises TemplateFaulty: its name, language or category cannot be
    :raises TemplateNameTaken: the account has this name in this language already
    """
    _check_key(name=name, language=language, category=category)
    template = Template(
        account=account,
        name=name,
        language=language,
        category=category,
        components=components,
        is_named=grammar.has_names(components),
        ttl_seconds=ttl_seconds,
        changed_at=now,
    )
    try:
        with transaction.atomic():
            template.save(force_insert=True)
    except IntegrityError as error:
        raise TemplateNameTaken(
            _("A template with this name exists in this language. Choose another name.")
        ) from error
    _note(template, "template.created", by=by, now=now)
    return template


@transaction.atomic
def change(
    public_id: UUID,
    *,
    category: str,
    components: list[dict[str, Any]],
    by: audit.Actor,
    now: datetime,
    ttl_seconds: int | None = None,
) -> Template:
    """Another wording. What the provider knows already is submitted anew at once.

    :raises TemplateUnderReview: it is being reviewed, or gone
    :raises TemplateInUse: a broadcast that has not finished uses it
    :raises TemplateFaulty: the provider knows it and would refuse the change
    """
    template = _locked(public_id)
    if template.status not in CHANGEABLE:
        raise TemplateUnderReview(
            _("This template cannot be changed now. Wait for the review, or duplicate it.")
        )
    _refuse_when_in_use(template)
    is_draft = template.status == Template.Status.DRAFT
    if is_draft:
        _check_key(name=template.name, language=template.language, category=category)
    template.category, template.components = category, components
    template.is_named, template.ttl_seconds = grammar.has_names(components), ttl_seconds
    template.error, template.changed_at = None, now
    _note(template, "template.changed", by=by, now=now)
    if is_draft:
        template.save()
        return template
    return _hand_over(template, by=by, now=now)


@transaction.atomic
def submit(public_id: UUID, *, by: audit.Actor, now: datetime) -> Template:
    """Have a draft, or a rejected one, reviewed by the provider; the worker hands it over.

    :raises TemplateFaulty: the provider would refuse it
    :raises TemplateUnderReview: it has been submitted already
    :raises AccountIncomplete: nobody knows the account's id at the provider
    """
    template = _locked(public_id)
    if template.status not in {Template.Status.DRAFT, Template.Status.REJECTED}:
        raise TemplateUnderReview(_("This template has been submitted already."))
    return _hand_over(template, by=by, now=now)


def _hand_over(template: Template, *, by: audit.Actor, now: datetime) -> Template:
    faults = grammar.faults(
        name=template.name,
        language=template.language,
        category=template.category,
        components=template.components,
        ttl_seconds=template.ttl_seconds,
    )
    if faults:
        raise TemplateFaulty(faults)
    if not template.account.business_id:
        raise AccountIncomplete(
            _("The account's id at WhatsApp is missing. Ask the administrator to enter it.")
        )
    template.status, template.error = Template.Status.SUBMITTING, None
    template.changed_at = now
    template.save()
    want_sync(template.account, now=now)
    _note(template, "template.submitted", by=by, now=now)
    return template


@transaction.atomic
def adopt_purpose(
    public_id: UUID, purpose: Template.Purpose | None, *, by: audit.Actor, now: datetime
) -> Template:
    """Use this template, and no other of its account and language, for a purpose; None: no longer."""
    template = _locked(public_id)
    if purpose:
        Template.objects.filter(
            account=template.account, language=template.language, purpose=purpose
        ).exclude(pk=template.pk).update(purpose="")
    template.purpose = purpose or ""
    template.save(update_fields=["purpose"])
    _note(template, "template.purpose_set", by=by, now=now, purpose=template.purpose)
    return template


@transaction.atomic
def forget(public_id: UUID, *, by: audit.Actor, now: datetime) -> Template:
    """Delete it, at the provider too; until `forget_at` it can be kept after all.

    :raises TemplateInUse: a broadcast that has not finished uses it
    :raises TemplateUnderReview: it is gone already, or on its way to the provider
    """
    template = _locked(public_id)
    if template.status in {Template.Status.DELETED, Template.Status.SUBMITTING}:
        raise TemplateUnderReview(_("This template cannot be deleted now."))
    _refuse_when_in_use(template)
    template.forget_at = now + TIME_TO_UNDO
    template.save(update_fields=["forget_at"])
    want_sync(template.account, now=template.forget_at)
    _note(template, "template.deleted", by=by, now=now)
    return template


@transaction.atomic
def keep(public_id: UUID, *, by: audit.Actor, now: datetime) -> Template:
    """Take a deletion back, as long as nobody has carried it out."""
    template = _locked(public_id)
    if template.status == Template.Status.DELETED:
        raise TemplateUnderReview(_("It is too late: the template has been deleted."))
    if template.forget_at is not None:
        template.forget_at = None
        template.save(update_fields=["forget_at"])
        _note(template, "template.kept", by=by, now=now)
    return template


def _check_key(*, name: str, language: str, category: str) -> None:
    found = grammar.faults(name=name, language=language, category=category, components=[])
    key = {field: text for field, text in found.items() if field in KEY}
    if key:
        raise TemplateFaulty(key)


def _refuse_when_in_use(template: Template) -> None:
    unfinished = Broadcast.objects.filter(template=template).exclude(
        state__in=[Broadcast.State.FINISHED, Broadcast.State.CANCELLED]
    )
    if unfinished.exists():
        raise TemplateInUse(
            _("A broadcast that has not finished uses this template. Finish or cancel that first.")
        )


def _locked(public_id: UUID) -> Template:
    return (
        Template.objects.select_for_update(of=("self",))
        .select_related("account")
        .get(public_id=public_id)
    )


def note_state(
    template: Template,
    status: Template.Status,
    *,
    error: dict[str, Any] | None,
    at: datetime,
    now: datetime,
) -> None:
    """Keep the state that the provider tells by itself, as of `at`; the caller has locked the row."""
    if template.status == status and template.error == error:
        return
    template.status, template.error, template.changed_at = status, error, at
    template.save(update_fields=["status", "error", "changed_at"])
    reason = {"reason": error["reason"]} if error and error.get("reason") else {}
    _note(template, "template.state_changed", by=audit.SYSTEM, now=now, status=status, **reason)


def _note(
    template: Template, action: str, *, by: audit.Actor, now: datetime, **details: Any
) -> None:
    owner = owner_of(template.account)
    audit.record(_entry(template, action, owner, by=by, now=now, details=details))
    live.announce([(owner.pk, "template", template.public_id)])


def _entry(
    template: Template,
    action: str,
    owner: Node,
    *,
    by: audit.Actor,
    now: datetime,
    details: Mapping[str, Any],
) -> audit.Entry:
    return audit.Entry(
        action=action,
        subject_type="template",
        subject_key=str(template.public_id),
        by=by,
        at=now,
        node_id=owner.pk,
        details={"template": str(template), **details},
    )


# The provider's side


@dataclass(frozen=True)
class Differences:
    """What the provider's list changed here."""

    new: int = 0
    changed: int = 0
    deleted: int = 0


async def sync_templates(session: aiohttp.ClientSession, account: Account) -> Differences:
    """Hand over what is submitted, delete what is to be deleted, and take the provider's list.

    :raises ProviderRefused: the list could not be read
    """
    for template in await sync_to_async(_submitted)(account):
        await _hand_in(session, account, template)
    for template in await sync_to_async(_to_be_deleted)(account, now=timezone.now()):
        await _delete(session, account, template)
    listed_at = timezone.now()
    listed = await management.list_templates(session, account)
    found = await sync_to_async(apply_provider_list)(
        account, listed, listed_at=listed_at, now=timezone.now()
    )
    await sync_to_async(_look_again_soon)(account, now=timezone.now())
    return found


def _look_again_soon(account: Account, *, now: datetime) -> None:
    """A review mostly takes minutes, and the notice of its end may be lost: ask, ever more rarely."""
    changed = Template.objects.filter(account=account, status=Template.Status.PENDING).values_list(
        "changed_at", flat=True
    )
    if pauses := [min(max(SOONEST_LOOK, now - at), LATEST_LOOK) for at in changed]:
        want_sync(account, now=now + min(pauses))


def _submitted(account: Account) -> list[Template]:
    rows = Template.objects.filter(account=account, status=Template.Status.SUBMITTING)
    return list(rows.select_related("account").order_by("changed_at"))


def _to_be_deleted(account: Account, *, now: datetime) -> list[Template]:
    rows = Template.objects.filter(account=account, forget_at__lte=now)
    return list(
        rows.exclude(status=Template.Status.DELETED).select_related("account").order_by("pk")
    )


async def _hand_in(session: aiohttp.ClientSession, account: Account, template: Template) -> None:
    try:
        if template.external_id:
            await management.change_template(session, account, template)
            made = None
        else:
            made = await management.create_template(session, account, template)
    except ProviderRefused as refused:
        await sync_to_async(_settle_refusal)(template, refused, now=timezone.now())
    else:
        await sync_to_async(_settle_submission)(template, made, now=timezone.now())


async def _delete(session: aiohttp.ClientSession, account: Account, template: Template) -> None:
    if template.external_id:
        try:
            await management.delete_template(session, account, template)
        except ProviderRefused as refused:
            if refused.outcome.reaction is not Reaction.GIVE_UP:
                return
            # It is not there any more: the list, which comes next, has the last word.
    await sync_to_async(_settle_deletion)(template, now=timezone.now())


@transaction.atomic
def _settle_submission(template: Template, made: ProviderTemplate | None, *, now: datetime) -> None:
    row = _locked(template.public_id)
    if row.status != Template.Status.SUBMITTING or row.changed_at != template.changed_at:
        return
    row.external_id = made.external_id if made else row.external_id
    row.status = made.status if made else Template.Status.PENDING
    row.category = made.category if made else row.category
    row.changed_at, row.error = now, None
    row.save()
    _note(row, "template.state_changed", by=audit.SYSTEM, now=now, status=row.status)


@transaction.atomic
def _settle_refusal(template: Template, refused: ProviderRefused, *, now: datetime) -> None:
    row = _locked(template.public_id)
    if row.status != Template.Status.SUBMITTING or row.changed_at != template.changed_at:
        return
    error = refused.outcome.error or {}
    row.error = error
    if refused.outcome.reaction is not Reaction.GIVE_UP:
        # It stays submitted and is tried again; the page says why it takes so long.
        row.save(update_fields=["error"])
        return
    if _code_of(error) == NAME_TAKEN and not row.external_id:
        # Perhaps we made it ourselves and died before we could write it down: the list tells.
        row.save(update_fields=["error"])
        return
    # What the provider had before, it still has: its list brings that back.
    row.status = Template.Status.REJECTED if row.external_id else Template.Status.DRAFT
    row.changed_at = now
    row.save(update_fields=["status", "error", "changed_at"])
    _note(row, "template.refused", by=audit.SYSTEM, now=now, code=_code_of(error))


@transaction.atomic
def _settle_deletion(template: Template, *, now: datetime) -> None:
    row = _locked(template.public_id)
    if row.forget_at is None:
        return
    if not row.external_id:
        # Nobody ever got it, so nothing points to it.
        live.announce([(owner_of(row.account).pk, "template", row.public_id)])
        row.delete()
        return
    row.status, row.changed_at, row.purpose, row.forget_at = Template.Status.DELETED, now, "", None
    row.save()
    _note(row, "template.state_changed", by=audit.SYSTEM, now=now, status=row.status)


@transaction.atomic
def apply_provider_list(
    account: Account, listed: Iterable[ProviderTemplate], *, listed_at: datetime, now: datetime
) -> Differences:
    """Bring our templates in line with the provider's list of all of them, which is of `listed_at`."""
    listed = list(listed)
    rows = list(Template.objects.filter(account=account).select_for_update().order_by("pk"))
    by_id = {row.external_id: row for row in rows if row.external_id}
    by_name = {(row.name, row.language): row for row in rows}
    owner = owner_of(account)
    new: list[Template] = []
    changed: dict[int, Template] = {}
    entries: list[audit.Entry] = []
    for theirs in listed:
        row = by_id.get(theirs.external_id) or by_name.get((theirs.name, theirs.language))
        if row is None:
            row = Template(account=account, name=theirs.name, language=theirs.language)
            _take_over(row, theirs, now=now)
            by_id[row.external_id] = row
            by_name[row.name, row.language] = row
            new.append(row)
        elif row.pk is None or not _is_theirs(row, theirs):
            if row.status == Template.Status.SUBMITTING and row.error and not row.external_id:
                row.status, row.changed_at = Template.Status.DRAFT, now
                changed[row.pk] = row
            continue
        else:
            before = row.status
            if not _take_over(row, theirs, now=now):
                continue
            changed[row.pk] = row
            if before == row.status:
                continue
        details = {"status": row.status} | ({"reason": theirs.reason} if theirs.reason else {})
        entries.append(
            _entry(row, "template.state_changed", owner, by=audit.SYSTEM, now=now, details=details)
        )
    present = {theirs.external_id for theirs in listed}
    gone = [
        row
        for row in rows
        if row.external_id not in present
        and row.status in AT_THE_PROVIDER
        and row.changed_at < listed_at - LIST_LAG
    ]
    for row in gone:
        row.status, row.changed_at, row.purpose = Template.Status.DELETED, now, ""
        entries.append(
            _entry(
                row,
                "template.state_changed",
                owner,
                by=audit.SYSTEM,
                now=now,
                details={"status": row.status},
            )
        )
    Template.objects.bulk_create(new)
    Template.objects.bulk_update(
        [*changed.values(), *gone],
        [
            "external_id", "name", "language", "category", "status", "quality", "components",
            "is_named", "ttl_seconds", "error", "changed_at", "purpose",
        ],
    )  # fmt: skip
    audit.record_all(entries)
    live.announce((owner.pk, "template", row.public_id) for row in [*new, *changed.values(), *gone])
    return Differences(new=len(new), changed=len(changed), deleted=len(gone))


def _is_theirs(row: Template, theirs: ProviderTemplate) -> bool:
    """False for what the provider does not have yet as it is here: a draft, a change on its way."""
    if row.status == Template.Status.SUBMITTING and not row.external_id:
        # Handed in before, and its answer lost: then it says the same.
        return _words(row.components) == _words(theirs.components)
    return row.status not in {Template.Status.SUBMITTING, Template.Status.DRAFT}


def _words(components: Any) -> str:
    return str(grammar.part(components, "BODY").get("text", "")).strip()


def _take_over(row: Template, theirs: ProviderTemplate, *, now: datetime) -> bool:
    """Make it what the provider says; False when it is that already."""
    facts: dict[str, Any] = {
        "external_id": theirs.external_id,
        "name": theirs.name,
        "language": theirs.language,
        "category": theirs.category,
        "status": theirs.status,
        "quality": theirs.quality,
        "components": theirs.components,
        "is_named": theirs.is_named,
        "ttl_seconds": theirs.ttl_seconds,
        "error": _error_of(row, theirs),
    }
    if all(getattr(row, field) == value for field, value in facts.items()):
        return False
    for field, value in facts.items():
        setattr(row, field, value)
    row.changed_at = now
    return True


def _error_of(row: Template, theirs: ProviderTemplate) -> dict[str, Any] | None:
    if theirs.reason:
        return {"reason": theirs.reason}
    if theirs.status in {Template.Status.APPROVED, Template.Status.PENDING}:
        # A change of ours that was refused: its reason stays until somebody acts on it.
        was_refused = (
            row.status == Template.Status.REJECTED and row.error and "reason" not in row.error
        )
        is_said = row.status == theirs.status and row.error
        return row.error if was_refused or is_said else None
    return row.error


def _code_of(error: Mapping[str, Any]) -> int:
    for key in ("subcode", "code"):
        if isinstance(code := error.get(key), int) and (key == "code" or code // 1000 == 2388):
            return code
    return -1
