"""Templates: the list, one template with its story, the editor with its preview."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bayan.channels import selectors, services
from bayan.channels.adapters.whatsapp import templates as grammar
from bayan.channels.forms.templates import BUTTONS, TemplateForm, initial_of
from bayan.channels.models import Account, Flow, Template
from bayan.channels.services.suggestions import SUGGESTIONS
from bayan.people.permissions import StaffRequest, requires


@require_GET
@requires("templates.manage")
def templates(request: StaffRequest) -> HttpResponse:
    """All templates, those of one name with their languages side by side."""
    accounts = selectors.accounts_for(request.access, "templates.manage")
    view = request.GET.get("view", "all")
    words = request.GET.get("q", "").strip()[:100]
    category = request.GET.get("category", "")
    after = request.GET.get("after", "")[:512]
    families, more_after = selectors.template_families(
        accounts, view=view, words=words, category=category, after=after
    )
    context = {
        "view": view,
        "words": words,
        "category": category,
        "categories": Template.Category.choices[:2],
        "counts": selectors.template_counts(accounts),
        "families": families,
        "more_after": more_after,
        "has_many_accounts": len(accounts) > 1,
        "suggestions": SUGGESTIONS.values(),
    }
    part = ("#rows" if after else "#list") if request.htmx else ""
    return render(request, f"channels/templates.html{part}", context)


@require_GET
@requires("templates.manage")
def template(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """One template: how it looks, its state, its story, and what can be done with it."""
    found = _found(request, public_id)
    return render(
        request, f"channels/template.html{'#page' if request.htmx else ''}", _facts_of(found)
    )


@require_http_methods(["GET", "POST"])
@requires("templates.manage")
def new(request: StaffRequest) -> HttpResponse:
    """The editor of a new template: empty, from a suggestion, or as a copy of another."""
    accounts = selectors.accounts_for(request.access, "templates.manage")
    if not accounts:
        return render(request, "channels/no_account.html")
    if request.method == "GET":
        form = TemplateForm(accounts=accounts, initial=_beginning(request))
        return _editor(request, form)
    form = TemplateForm(request.POST, accounts=accounts)
    if not form.is_valid():
        return _editor(request, form, status=422)
    data, now = form.cleaned_data, timezone.now()
    account = next((a for a in accounts if a.key == data["account"]), accounts[0])
    try:
        # Refused in the middle, nothing of it stays.
        with transaction.atomic():
            made = services.templates.create_draft(
                account,
                name=data["name"],
                language=data["language"],
                category=data["category"],
                components=form.components,
                ttl_seconds=form.ttl,
                by=request.user,
                now=now,
            )
            if request.POST.get("then") == "submit":
                services.templates.submit(made.public_id, by=request.user, now=now)
    except services.templates.TemplateFaulty as refused:
        return _editor(request, form, faults=refused.faults, status=422)
    except services.templates.TemplateNameTaken as refused:
        return _editor(request, form, faults={"name": str(refused)}, status=422)
    return redirect("channels:template", made.public_id)


@require_http_methods(["GET", "POST"])
@requires("templates.manage")
def edit(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """The editor of a template; what the provider knows already is submitted anew."""
    found = _found(request, public_id)
    accounts = [found.account]
    if request.method == "GET":
        form = TemplateForm(accounts=accounts, template=found, initial=initial_of(found))
        return _editor(request, form)
    form = TemplateForm(request.POST, accounts=accounts, template=found, initial=initial_of(found))
    if not form.is_valid():
        return _editor(request, form, status=422)
    now = timezone.now()
    try:
        with transaction.atomic():
            changed = services.templates.change(
                public_id,
                category=form.cleaned_data["category"],
                components=form.components,
                ttl_seconds=form.ttl,
                by=request.user,
                now=now,
            )
            if request.POST.get("then") == "submit" and changed.status == Template.Status.DRAFT:
                services.templates.submit(public_id, by=request.user, now=now)
    except services.templates.TemplateFaulty as refused:
        return _editor(request, form, faults=refused.faults, status=422)
    return redirect("channels:template", public_id)


@require_POST
@requires("templates.manage")
def preview(request: StaffRequest) -> HttpResponse:
    """How what is being written would look, and what is still missing. Nothing is kept."""
    accounts = selectors.accounts_for(request.access, "templates.manage")
    known = request.POST.get("template", "")
    found = _found(request, UUID(known)) if _is_uuid(known) else None
    form = TemplateForm(request.POST, accounts=accounts, template=found)
    form.is_valid()
    return render(request, "channels/template_editor.html#preview", _preview_of(form))


@require_POST
@requires("templates.manage")
def submit(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Hand a draft in for review."""
    _found(request, public_id)
    services.templates.submit(public_id, by=request.user, now=timezone.now())
    return redirect("channels:template", public_id)


@require_POST
@requires("templates.manage")
def adopt_purpose(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Use it, or no longer, to open conversations again."""
    _found(request, public_id)
    wanted = request.POST.get("purpose", "")
    purpose = Template.Purpose(wanted) if wanted in Template.Purpose.values else None
    services.templates.adopt_purpose(public_id, purpose, by=request.user, now=timezone.now())
    return redirect("channels:template", public_id)


@require_POST
@requires("templates.manage")
def forget(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Delete it; for some seconds it can be kept after all."""
    _found(request, public_id)
    services.templates.forget(public_id, by=request.user, now=timezone.now())
    return redirect("channels:template", public_id)


@require_POST
@requires("templates.manage")
def keep(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Take the deletion back."""
    _found(request, public_id)
    services.templates.keep(public_id, by=request.user, now=timezone.now())
    return redirect("channels:template", public_id)


def _found(request: StaffRequest, public_id: UUID) -> Template:
    """The template, if the member may see it; otherwise it is not there."""
    accounts = selectors.accounts_for(request.access, "templates.manage")
    return get_object_or_404(
        Template.objects.select_related("account"), public_id=public_id, account__in=accounts
    )


def _facts_of(found: Template) -> dict[str, Any]:
    states = Template.Status
    siblings = Template.objects.filter(account=found.account).exclude(pk=found.pk)
    family = selectors.family_name(found)
    missing = {
        code: name
        for code, name in grammar.LANGUAGES.items()
        if code in {"ar", "en", "ur"} and code != found.language
    }
    near = siblings.filter(name__startswith=family).exclude(status=states.DELETED)
    others = [t for t in near.defer("components") if selectors.family_name(t) == family]
    for other in others:
        missing.pop(other.language, None)
    is_authentication = found.category == Template.Category.AUTHENTICATION
    return {
        "template": found,
        "seen": services.templates.shown(found, {}),
        "is_rtl": is_rtl(found.language),
        "language_name": grammar.LANGUAGES.get(found.language, found.language),
        "why": services.templates.why(found),
        "steps": selectors.steps_of(found),
        "others": others,
        "missing": missing,
        "purposes": Template.Purpose.choices,
        "is_leaving": found.forget_at is not None and found.status != states.DELETED,
        "may_change": found.status in services.templates.CHANGEABLE and not is_authentication,
        "may_submit": found.status in {states.DRAFT, states.REJECTED},
        "may_delete": found.status not in {states.DELETED, states.SUBMITTING},
        "faults": grammar.faults(
            name=found.name,
            language=found.language,
            category=found.category,
            components=found.components,
            ttl_seconds=found.ttl_seconds,
        )
        if found.status == states.DRAFT
        else {},
    }


def is_rtl(language: str) -> bool:
    return language.split("_", maxsplit=1)[0] in grammar.RIGHT_TO_LEFT


def _beginning(request: StaffRequest) -> dict[str, Any]:
    """What a new template begins with."""
    language = request.GET.get("language", "ar")
    language = language if language in grammar.LANGUAGES else "ar"
    if suggestion := SUGGESTIONS.get(request.GET.get("from", "")):
        wording = suggestion.wordings.get(language) or suggestion.wordings["ar"]
        draft = Template(
            account=Account(),
            name=suggestion.name,
            language=language,
            category=suggestion.category,
            components=wording.components,
            ttl_seconds=suggestion.ttl_seconds,
        )
        return initial_of(draft)
    copied = request.GET.get("copy", "")
    if _is_uuid(copied):
        original = _found(request, UUID(copied))
        initial = initial_of(original)
        if request.GET.get("language"):
            # The same message in another language keeps its name: that makes the two a pair.
            initial["name"] = selectors.family_name(original)
            initial["language"] = language
            if original.name != initial["name"]:
                initial["name"] += f"_{language.lower()}"
        else:
            initial["name"] = f"{original.name[:500]}_2"
        return initial
    return {"language": language, "category": Template.Category.UTILITY}


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _editor(
    request: StaffRequest,
    form: TemplateForm,
    *,
    faults: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    if form.template and form.template.status not in services.templates.CHANGEABLE:
        raise Http404
    if form.is_bound:
        form.is_valid()
        form.say(faults or {})
    context = {
        "form": form,
        "template": form.template,
        "faults": faults or {},
        "button_kinds": BUTTONS,
        "flows": Flow.objects.filter(account__key__in=dict(form.fields["account"].choices)),  # type: ignore[attr-defined]
        "limits": grammar,
        "is_first_submission": form.template is None
        or form.template.status == Template.Status.DRAFT,
        **_preview_of(form),
    }
    return render(request, "channels/template_editor.html", context, status=status)


def _preview_of(form: TemplateForm) -> dict[str, Any]:
    language = form.language_code
    if form.is_bound:
        components = form.components
        category = form.cleaned_data.get("category", "")
        name, ttl = form.cleaned_data.get("name", ""), form.ttl
    else:
        components = form.initial.get("components", [])
        category, name = form.initial.get("category", ""), form.initial.get("name", "")
        ttl = None
    found = grammar.faults(
        name=form.template.name if form.template else name,
        language=language,
        category=category,
        components=components,
        ttl_seconds=ttl,
    )
    return {
        "seen": grammar.shown(components, {}),
        "is_rtl": is_rtl(language),
        "is_blank": not grammar.part(components, "BODY").get("text"),
        "missing": [(_field_label(field), field, text) for field, text in found.items()],
        "promotional": grammar.promotional_words(components)
        if category == Template.Category.UTILITY
        else [],
        "mixes_buttons": _does_not_show_on_desktop(components),
    }


def _does_not_show_on_desktop(components: Any) -> bool:
    kinds = [str(button.get("type")) for button in grammar.buttons_of(components)]
    return len(kinds) > 3 or ("QUICK_REPLY" in kinds and len(set(kinds)) > 1)


def _field_label(field: str) -> str:
    """What the editor calls a part with a fault."""
    kind, _dot, rest = field.partition(".")
    if kind == "button":
        return _("Button %(number)d") % {"number": int(rest) + 1}
    if kind == "example":
        place, _dot, name = rest.partition(".")
        if place == "button":
            return _("Example of button %(number)d") % {"number": int(name) + 1}
        return _("Example of {{%(name)s}}") % {"name": name}
    return {
        "name": _("Name"),
        "language": _("Language"),
        "category": _("What it is for"),
        "ttl_seconds": _("Worth delivering for"),
        "header": _("Heading"),
        "body": _("Text"),
        "footer": _("Footer"),
    }.get(kind, _("Buttons"))
