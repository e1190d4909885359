"""After a restore: nothing goes out by itself that the instance of the backup may have sent since."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from bayan.channels.models import Broadcast, Outgoing, Reach

RESTORED = {"title": "restored"}


@transaction.atomic
def doubt_unsent() -> int:
    """Mark as uncertain what would leave without anybody's doing; returns how many messages.

    A late status settles them, or a person decides. Broadcasts that ran stop, for a person to look.
    """
    state = Outgoing.State
    doubted = Outgoing.objects.filter(
        # What is held goes out once its person writes; a broadcast's rows only when somebody runs it.
        Q(state__in=[state.QUEUED, state.SENDING]) | Q(state=state.HELD, broadcast=None)
    ).update(state=state.UNCERTAIN, error=RESTORED)
    Broadcast.objects.filter(state=Broadcast.State.RUNNING).update(
        state=Broadcast.State.STOPPED, error=RESTORED, counted_at=None
    )
    # A way that the backup does not know of may have been tried since: whoever asked tells them again.
    Reach.objects.filter(state=Reach.State.OPEN).update(state=Reach.State.LEFT, ended_at=Now())
    return doubted
