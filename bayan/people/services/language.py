"""The language in which Bayan writes to a member."""

from __future__ import annotations

from django.conf import settings

from bayan.people.models import Member


def choose_language(member: Member, language: str) -> None:
    """Write to this member in the language that they chose for the pages."""
    if language in dict(settings.LANGUAGES) and language != member.language:
        member.language = language
        member.save(update_fields=["language"])
