"""The tour that shows a member around once. It is nobody else's business: the trail keeps nothing of it."""

from __future__ import annotations

from datetime import datetime

from bayan.people.models import Member


def end_tour(member: Member, *, now: datetime) -> None:
    """Show the tour no more, however it ended."""
    if member.toured_at is None:
        member.toured_at = now
        member.save(update_fields=["toured_at"])


def restart_tour(member: Member) -> None:
    """Show the tour once again, on the next page."""
    member.toured_at = None
    member.save(update_fields=["toured_at"])
