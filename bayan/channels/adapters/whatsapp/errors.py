"""The provider's errors and what to do about each (reference 1.14; decided on the code alone)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bayan.channels.adapters.base import Outcome, Reaction, Stops

SECOND, MINUTE, HOUR, DAY = (
    timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1),
)  # fmt: skip

# T: the same message may be tried again after a pause, which grows with each attempt.
RETRY = {
    1: 5 * SECOND,
    2: 5 * SECOND,
    4: MINUTE,
    80007: MINUTE,
    130429: SECOND,
    131000: 5 * SECOND,
    131016: 5 * SECOND,
    131057: MINUTE,
    131208: MINUTE,
    133004: 5 * SECOND,
}
# Worth only so many attempts: afterwards it is a fault of the request.
FEW_ATTEMPTS = {1: 3, 131000: 3}
# W: not before then.
WAIT = {
    131049: DAY,  # the person gets enough already, in the provider's opinion
    131056: 6 * SECOND,  # the pair's limit; grows as 4^attempts (channels.services.sending)
    132069: 6 * MINUTE,  # a flow may be sent ten times an hour
    134101: 10 * MINUTE,  # synchronising
}
# P: nothing more goes out until a person has mended it.
STOP = {
    0: Stops.ACCOUNT,
    33: Stops.NUMBER,
    190: Stops.ACCOUNT,
    368: Stops.ACCOUNT,
    131031: Stops.ACCOUNT,
    131042: Stops.ACCOUNT,
    131044: Stops.ACCOUNT,
    131045: Stops.NUMBER,
    131048: Stops.NUMBER,
    131064: Stops.ACCOUNT,
    132015: Stops.TEMPLATE,
    132016: Stops.TEMPLATE,
}
# N, and a reason to leave the person alone.
OPTED_OUT = {131050}


def outcome_of(error: dict[str, Any]) -> Outcome:
    """What an error with this `code` means; all others are never tried again (F and N)."""
    code = error.get("code")
    if not isinstance(code, int):
        return Outcome(reaction=Reaction.GIVE_UP, error=error)
    if code in RETRY:
        return Outcome(reaction=Reaction.RETRY, error=error, wait=RETRY[code])
    if code in WAIT:
        return Outcome(reaction=Reaction.WAIT, error=error, wait=WAIT[code])
    if code in STOP:
        return Outcome(reaction=Reaction.STOP, error=error, stops=STOP[code])
    return Outcome(reaction=Reaction.GIVE_UP, error=error, opted_out=code in OPTED_OUT)
