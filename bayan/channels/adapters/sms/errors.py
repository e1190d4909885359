"""What the gateways' errors mean; decided on the number alone, as WhatsApp's are.

A number below 900 is the HTTP status with which the gateway itself answered (reference 2.8); 900 and more is
its `ER-…` number, so that an error is a number everywhere.
"""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Any

from bayan.channels.adapters.base import Outcome, Reaction, Stops

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
ER = 900

NO_KEY, NO_APPLICATION, WRONG_ADDRESS = 401, 402, 403
NO_FUNDS, NOT_DELIVERED = ER + 1, ER + 99
# The same message may be tried again after a pause, which grows with each attempt.
RETRY = {429: 5 * SECOND}
# Nothing more goes out until a person has mended it.
STOP = {
    NO_KEY: Stops.ACCOUNT,
    NO_APPLICATION: Stops.ACCOUNT,
    WRONG_ADDRESS: Stops.ACCOUNT,
    NO_FUNDS: Stops.ACCOUNT,
    480: Stops.NUMBER,  # the sender's name is not allowed
    ER + 8: Stops.NUMBER,
}
# Everything else is given up: the number is none (410, 482, 902 to 904), the text is empty or too long (412,
# 906), there is no way to it (905), a filter took it (907), or it was there before (409, 909).


def outcome_of(error: dict[str, Any]) -> Outcome:
    """What an error with this `code` means."""
    code = error.get("code")
    if not isinstance(code, int):
        return Outcome(reaction=Reaction.GIVE_UP, error=error)
    if code in RETRY:
        return Outcome(reaction=Reaction.RETRY, error=error, wait=RETRY[code])
    if code in STOP:
        return Outcome(reaction=Reaction.STOP, error=error, stops=STOP[code])
    return Outcome(reaction=Reaction.GIVE_UP, error=error)


def of_answer(status: int, *, is_the_gateways: bool, code: int | None, title: str) -> Outcome:
    """What an answer means that is no acceptance.

    Only what the gateway itself says is believed: something in between may have passed the message on.
    """
    if not is_the_gateways:
        told_to_wait = status == HTTPStatus.TOO_MANY_REQUESTS
        return Outcome(
            reaction=Reaction.RETRY if told_to_wait else Reaction.UNCERTAIN,
            error={"title": f"HTTP {status}"},
            wait=5 * SECOND,
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Outcome(reaction=Reaction.UNCERTAIN, error={"code": status, "title": title[:300]})
    return outcome_of({"code": status if code is None else code, "title": title[:300]})
