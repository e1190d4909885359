"""What a case says of itself where a ready-made message is chosen and filled in."""

from __future__ import annotations

from django.conf import settings
from django.utils.translation import override

from bayan.cases.models import Case
from bayan.core.events import MatterWords


def words_of_matter(reference: str, *, language: str) -> MatterWords | None:
    """What may be said of an open case; None where there is none with this reference."""
    case = Case.objects.open().filter(reference=reference).first()
    if case is None:
        return None
    states = set()
    for code, _name in settings.LANGUAGES:
        with override(code):
            states |= {str(label) for label in Case.Stage.labels}
    with override(language):
        state = str(Case.Stage(case.stage).label)
    return MatterWords(
        waits_for_person=case.stage == Case.Stage.WAITS_FOR_PERSON,
        state=state,
        states=frozenset(states),
        place=case.place,
    )
