"""Files of a story held against each other: the same counts once, an original beats its small copy."""

from __future__ import annotations

from django.db import transaction

from bayan.channels.models import Media
from bayan.core import live
from bayan.press.models import Story, StoryFile
from bayan.triage import images

AT_ONCE = 200


def compare_files() -> int:
    """Hold those against the others whose bytes have come since; returns how many."""
    waiting = (
        StoryFile.objects.filter(is_compared=False)
        .exclude(media__state=Media.State.WAITING)
        .order_by("pk")
    )
    stories = set(waiting.values_list("story", flat=True)[:AT_ONCE])
    return sum(compare(key) for key in sorted(stories))


@transaction.atomic
def compare(key: int) -> int:
    """Hold the files of one story against each other; returns how many were new."""
    story = Story.objects.select_for_update(of=("self",)).get(pk=key)
    files = [
        file
        for file in story.files.select_related("media").order_by("sent_at", "pk")
        if file.media.state != Media.State.WAITING
    ]
    fresh = [file for file in files if not file.is_compared]
    for file in fresh:
        file.is_compared = True
    for place, file in enumerate(files):
        file.twin = next(
            (
                other
                for other in files
                if other is not file and _beats(other, file, files.index(other) < place)
            ),
            None,
        )
    # What lost to something that lost itself belongs to the winner.
    for file in files:
        while file.twin is not None and file.twin.twin is not None:
            file.twin = file.twin.twin
    StoryFile.objects.bulk_update(files, ["is_compared", "twin"])
    if fresh:
        live.announce([(story.node_id, "story", story.public_id)])
    return len(fresh)


def _beats(other: StoryFile, file: StoryFile, came_before: bool) -> bool:
    """Whether `other` counts in place of `file`: the same bytes came first, or the original is there."""
    if file.sha256 and other.sha256 == file.sha256:
        if other.is_compressed != file.is_compressed:
            return file.is_compressed
        return came_before
    if not file.is_compressed or other.is_compressed:
        return False
    one, two = file.media.likeness, other.media.likeness
    if one is None or two is None:
        return False
    return ((one ^ two) & ((1 << 64) - 1)).bit_count() <= images.SAME
