"""The account's message templates and their review."""

import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from emulator.errors import ProviderError
from emulator.template_rules import HEADER, check, handles, wrong

SAMPLES = Path(__file__).parent / "samples"
DAY_S = 24 * 3600
LIMIT, ALREADY_THERE, BEING_DELETED = 2388019, 2388024, 2388023
NO_TEMPLATE, PAUSED, DISABLED = 132001, 132015, 132016
MOST_TEMPLATES = 250
MOST_CREATED_AN_HOUR = 100
NAME_RESERVED_S = 30 * DAY_S

STATUSES = ("APPROVED", "PENDING", "REJECTED", "PAUSED", "DISABLED", "IN_APPEAL", "FLAGGED")
QUALITIES = ("GREEN", "YELLOW", "RED", "UNKNOWN")
REASONS = (
    "NONE", "ABUSIVE_CONTENT", "INCORRECT_CATEGORY", "INVALID_FORMAT", "PROMOTIONAL", "SCAM",
    "TAG_CONTENT_MISMATCH",
)  # fmt: skip
# Words of an offer: the emulator's review rejects a UTILITY template that holds one of them.
OFFERS = re.compile(
    r"(?<!\w)(عرض خاص|عروض|خصم|خصومات|تخفيضات|discount|special offer|sale)(?!\w)", re.IGNORECASE
)


@dataclass(kw_only=True, slots=True)
class Template:
    """One template in one language."""

    id: str
    name: str
    language: str
    category: str
    status: str
    components: list[dict[str, Any]]
    parameter_format: str = "POSITIONAL"
    quality: str = "UNKNOWN"
    rejected_reason: str = "NONE"
    previous_category: str | None = None
    message_send_ttl_seconds: int | None = None
    scored_at: float = 0.0
    created_at: float = 0.0
    edited_at: list[float] = field(default_factory=list)
    pauses: int = 0

    def component(self, kind: str) -> dict[str, Any] | None:
        return next((part for part in self.components if part["type"] == kind), None)

    def to_json(self) -> dict[str, Any]:
        """As the provider tells it, with every field that can be asked for."""
        told: dict[str, Any] = {
            "name": self.name,
            "parameter_format": self.parameter_format,
            "components": self.components,
            "language": self.language,
            "status": self.status,
            "category": self.category,
            "id": self.id,
            "quality_score": {"score": self.quality, "date": int(self.scored_at)},
            "rejected_reason": self.rejected_reason,
        }
        if self.previous_category:
            told["previous_category"] = self.previous_category
        if self.message_send_ttl_seconds is not None:
            told["message_send_ttl_seconds"] = self.message_send_ttl_seconds
        return told

    def named(self) -> dict[str, Any]:
        """How webhooks call it."""
        return {
            "message_template_id": int(self.id),
            "message_template_name": self.name,
            "message_template_language": self.language,
        }


class Templates:
    """The account's templates; `announce` is told each change, as field and value of a webhook."""

    def __init__(
        self, now: Callable[[], float], announce: Callable[[str, dict[str, Any]], None]
    ) -> None:
        self._now = now
        self._announce = announce
        self._by_id: dict[str, Template] = {}
        self._by_name: dict[tuple[str, str], Template] = {}
        self._deleted: dict[tuple[str, str], float] = {}
        self._path: Path | None = None
        for position, made in enumerate(
            msgspec.json.decode((SAMPLES / "templates.json").read_bytes())
        ):
            template = Template(
                id=str(1_080_000_000_000_001 + position), status="APPROVED", quality="GREEN", **made
            )
            check(made)
            self._index(template)

    def keep_in(self, folder: Path) -> None:
        """Read back the templates kept there, and keep every change."""
        self._path = folder / "templates.json"
        if self._path.exists():
            self._by_id.clear()
            self._by_name.clear()
            for kept in msgspec.json.decode(self._path.read_bytes()):
                self._index(Template(**kept))

    def __iter__(self) -> Iterator[Template]:
        return iter(self._by_id.values())

    def get(self, template_id: str) -> Template | None:
        return self._by_id.get(template_id)

    def find(self, name: str, language: str) -> Template | None:
        return self._by_name.get((name, language))

    def create(self, made: dict[str, Any], *, is_sample: Callable[[str], bool]) -> Template:
        """Take a new template for review.

        :raises ProviderError: a rule is broken
        """
        check(made)
        for handle in handles(made["components"]):
            if not is_sample(handle):
                raise wrong("The sample of the header was never uploaded.", HEADER)
        name, language, now = made["name"], made["language"], self._now()
        if self.find(name, language):
            raise wrong(f"There is already {language} content for {name}.", ALREADY_THERE)
        if now - self._deleted.get((name, language), -NAME_RESERVED_S) < NAME_RESERVED_S:
            raise wrong(f"{name} ({language}) is being deleted; try another name.", BEING_DELETED)
        if len(self._by_id) >= MOST_TEMPLATES:
            raise wrong(f"The account has its {MOST_TEMPLATES} templates.", LIMIT)
        if sum(now - each.created_at < 3600 for each in self) >= MOST_CREATED_AN_HOUR:
            raise ProviderError(80007, f"{MOST_CREATED_AN_HOUR} templates were created this hour.")
        template = Template(
            id=str(10**15 + secrets.randbelow(10**15)),
            name=name,
            language=language,
            category=made["category"],
            status="PENDING",
            components=made["components"],
            parameter_format=made.get("parameter_format", "POSITIONAL").upper(),
            message_send_ttl_seconds=made.get("message_send_ttl_seconds"),
            created_at=now,
            scored_at=now,
        )
        self._index(template)
        self._keep()
        return template

    def edit(self, template: Template, changes: dict[str, Any]) -> None:
        """Change the content and put it back under review.

        :raises ProviderError: a rule is broken, or it was edited too often
        """
        if template.status not in ("APPROVED", "REJECTED", "PAUSED"):
            raise wrong(f"A template that is {template.status} cannot be edited.")
        allowed = {"category", "components", "message_send_ttl_seconds", "parameter_format"}
        if unknown := sorted(changes.keys() - allowed):
            raise wrong(f"Only {', '.join(sorted(allowed))} can be edited, not {unknown[0]}.")
        now = self._now()
        if template.status == "APPROVED":
            if changes.get("category", template.category) != template.category:
                raise wrong("The category of an approved template cannot be changed.")
            ages = [now - at for at in template.edited_at]
            if any(age < DAY_S for age in ages) or sum(age < 30 * DAY_S for age in ages) >= 10:
                raise wrong(
                    "An approved template can be edited once a day and ten times in 30 days."
                )
        made = {
            "name": template.name,
            "language": template.language,
            "category": template.category,
            "parameter_format": template.parameter_format,
            "components": template.components,
            **changes,
        }
        check(made)
        template.edited_at.append(now)
        template.category = made["category"]
        template.components = made["components"]
        template.parameter_format = made["parameter_format"].upper()
        template.message_send_ttl_seconds = made.get(
            "message_send_ttl_seconds", template.message_send_ttl_seconds
        )
        template.status = "PENDING"
        template.rejected_reason = "NONE"
        self._keep()
        self._announce("message_template_components_update", _elements(template))

    def delete(self, name: str, template_id: str | None = None) -> int:
        """How many languages of it are gone."""
        gone = [
            each
            for each in self
            if each.name == name and (template_id is None or each.id == template_id)
        ]
        for template in gone:
            del self._by_id[template.id]
            del self._by_name[template.name, template.language]
            self._deleted[template.name, template.language] = self._now()
            self._tell_status(template, "PENDING_DELETION")
        self._keep()
        return len(gone)

    def review(self, template_id: str) -> None:
        """Decide about a template that waits for it, if it still does."""
        template = self.get(template_id)
        if template is None or template.status != "PENDING":
            return
        if template.category == "UTILITY" and OFFERS.search(_all_text(template)):
            self.set_status(template, "REJECTED", reason="INCORRECT_CATEGORY")
        else:
            self.set_status(template, "APPROVED")

    def set_status(self, template: Template, status: str, *, reason: str = "NONE") -> None:
        template.status = status
        template.rejected_reason = reason if status == "REJECTED" else "NONE"
        more: dict[str, Any] = {}
        if status == "REJECTED":
            more["rejection_info"] = {
                "reason": f"The content does not fit the rules ({reason}).",
                "recommendation": "Change the content or the category and submit it again.",
            }
        if status == "PAUSED":
            template.pauses += 1
            which, hours = ("FIRST_PAUSE", 3) if template.pauses == 1 else ("SECOND_PAUSE", 6)
            more["other_info"] = {
                "title": which,
                "description": f"People reacted badly to it; it is paused for {hours} hours.",
            }
        if status == "DISABLED":
            more["disable_info"] = {"disable_date": int(self._now())}
        self._keep()
        self._tell_status(template, status, **more)

    def set_quality(self, template: Template, quality: str) -> None:
        value = {
            "previous_quality_score": template.quality,
            "new_quality_score": quality,
            **template.named(),
        }
        template.quality = quality
        template.scored_at = self._now()
        self._keep()
        self._announce("message_template_quality_update", value)

    def set_category(self, template: Template, category: str) -> None:
        template.previous_category = template.category
        template.category = category
        self._keep()
        value = {"previous_category": template.previous_category, "new_category": category}
        self._announce("template_category_update", {**template.named(), **value})

    def warn_of_category(self, template: Template, category: str) -> None:
        """Announce a change that comes in 24 hours."""
        value = {
            "new_category": template.category,
            "correct_category": category,
            "category_update_timestamp": int(self._now()) + DAY_S,
        }
        self._announce("template_category_update", {**template.named(), **value})

    def usable(self, name: str, language: str) -> Template:
        """The template that a send may use.

        :raises ProviderError: there is none, or it may not be sent now
        """
        template = self.find(name, language)
        if template is not None and template.status == "PAUSED":
            raise ProviderError(PAUSED, f"template name ({name}) is paused for its low quality")
        if template is not None and template.status == "DISABLED":
            raise ProviderError(DISABLED, f"template name ({name}) is disabled for good")
        if template is None or template.status not in ("APPROVED", "FLAGGED"):
            raise ProviderError(NO_TEMPLATE, f"template name ({name}) does not exist in {language}")
        return template

    def _tell_status(self, template: Template, event: str, **more: Any) -> None:
        value = {
            "event": event,
            **template.named(),
            "reason": template.rejected_reason,
            "message_template_category": template.category,
            **more,
        }
        self._announce("message_template_status_update", value)

    def _index(self, template: Template) -> None:
        self._by_id[template.id] = template
        self._by_name[template.name, template.language] = template

    def _keep(self) -> None:
        if self._path is not None:
            kept = [asdict(template) for template in self]
            fresh = self._path.with_suffix(".new")
            fresh.write_bytes(msgspec.json.encode(kept))
            fresh.replace(self._path)


def _all_text(template: Template) -> str:
    return " ".join(part.get("text", "") for part in template.components)


def _elements(template: Template) -> dict[str, Any]:
    """The value of a `message_template_components_update`."""
    value = template.named()
    for kind, key in (("BODY", "element"), ("HEADER", "title"), ("FOOTER", "footer")):
        if text := (template.component(kind) or {}).get("text"):
            value[f"message_template_{key}"] = text
    if buttons := (template.component("BUTTONS") or {}).get("buttons"):
        value["message_template_buttons"] = [
            {
                "message_template_button_type": button["type"],
                "message_template_button_text": button.get("text", ""),
                **(
                    {"message_template_button_url": button["url"]}
                    if button["type"] == "URL"
                    else {}
                ),
            }
            for button in buttons
        ]
    return value
