"""Troubles on request: what may go wrong between the provider, the phones and the business."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

KINDS = {
    "error": "a send is refused with `code`",
    "fail": "a send is accepted, then its status says failed with `code`",
    "timeout": "a send is accepted, its answer comes only after `delay_ms`",
    "delay": "webhooks, and messages to the phone, come `delay_ms` later",
    "drop": "a webhook is lost",
    "duplicate": "a webhook comes twice",
    "reorder": "a webhook comes after the one that followed it",
    "outage": "requests are refused with 503 and webhooks wait until it is over",
    "expired_token": "a request is refused with 190",
    "rate_limit": "a request is refused with HTTP 429 and `code`",
    "bad_gateway": "a request gets HTTP 502 and a page; with `code` 1 a send was accepted before",
    "disconnect": "the connection ends without an answer; with `code` 1 a send was accepted before",
    "media_gone": "a file is not there: 404",
}
DEFAULT_DELAY_MS = {"delay": 3000, "timeout": 30_000}
BEFORE, AFTER = 0, 1
DEFAULT_CODE = {
    "error": 131016,
    "fail": 131026,
    "rate_limit": 80007,
    "bad_gateway": BEFORE,
    "disconnect": BEFORE,
}


@dataclass(kw_only=True, slots=True)
class Fault:
    id: int
    kind: str
    rate: float = 1.0
    code: int | None = None
    delay_ms: float | None = None
    count: int | None = None  # how many more times it strikes; None: until it is cleared

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Faults:
    """The troubles in force; asking whether one strikes also uses it up."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._last_id = 0
        self.struck: dict[str, int] = {}
        self._no_outage = asyncio.Event()
        self._no_outage.set()
        self.on_change: Callable[[], None] = lambda: None

    def add(
        self,
        *,
        kind: str,
        rate: float = 1.0,
        code: int | None = None,
        delay_ms: float | None = None,
        count: int | None = None,
    ) -> Fault:
        self._last_id += 1
        fault = Fault(
            id=self._last_id,
            kind=kind,
            rate=rate,
            code=DEFAULT_CODE.get(kind) if code is None else code,
            delay_ms=DEFAULT_DELAY_MS.get(kind) if delay_ms is None else delay_ms,
            count=count,
        )
        self._faults.append(fault)
        self._changed()
        return fault

    def clear(self, *, kind: str | None = None) -> int:
        """How many were in force."""
        kept = [fault for fault in self._faults if kind is not None and fault.kind != kind]
        cleared = len(self._faults) - len(kept)
        self._faults = kept
        self._changed()
        return cleared

    @property
    def are_any(self) -> bool:
        return bool(self._faults)

    def listed(self) -> list[dict[str, Any]]:
        return [fault.to_json() for fault in self._faults]

    def strikes(self, kind: str, *, code: int | None = None) -> Fault | None:
        """The fault of that kind, and of that code if one is given, which hits this time."""
        for fault in self._faults:
            if fault.kind != kind or (code is not None and fault.code != code):
                continue
            if random.random() < fault.rate:  # noqa: S311  chance, no secret
                self.struck[kind] = self.struck.get(kind, 0) + 1
                if fault.count is not None:
                    fault.count -= 1
                    if fault.count <= 0:
                        self._faults.remove(fault)
                        self._changed()
                return fault
        return None

    def strike_delay_s(self) -> float:
        fault = self.strikes("delay")
        return (fault.delay_ms or 0) / 1000 if fault else 0

    async def outage_over(self) -> None:
        await self._no_outage.wait()

    def _changed(self) -> None:
        if any(fault.kind == "outage" for fault in self._faults):
            self._no_outage.clear()
        else:
            self._no_outage.set()
        self.on_change()
