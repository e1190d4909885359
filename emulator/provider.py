"""The provider's HTTP side: what a business calls to send messages."""

import asyncio
import hmac
import random
from http import HTTPStatus
from typing import Any

import msgspec

from emulator import shapes
from emulator.asgi import Request, Response, json_response
from emulator.carrier import Carrier
from emulator.errors import ProviderError
from emulator.world import Refused


class Addressed(msgspec.Struct):
    """What a refused body says of itself, if it is a body at all."""

    to: str | None = None
    recipient: str | None = None
    biz_opaque_callback_data: str | None = None


class Provider:
    """Answers `POST /<version>/<phone_number_id>/messages` as documented."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier

    async def messages(self, request: Request, version: str, phone_number_id: str) -> Response:
        """Check everything, then take the message; each refusal has the documented code."""
        try:
            self._authorise(request)
            self._find_number(phone_number_id)
            self._strike()
            body = self._decoded(request)
            shapes.check_product(body)
            answer = self._read_mark(body) if "status" in body else self._message(body, request)
        except ProviderError as refusal:
            answer = self._refuse(request, refusal)
        if (pause_s := self._pause_s(answer)) > 0:
            await asyncio.sleep(pause_s)
        return answer

    async def unknown(self, request: Request) -> Response:
        """Any other path under a version."""
        refusal = ProviderError(
            100, f"Unsupported {request.method.lower()} request to {request.path}."
        )
        return json_response(refusal.envelope(), refusal.http_status)

    def _refuse(self, request: Request, refusal: ProviderError) -> Response:
        world = self._carrier.world
        world.note("send.refused", code=refusal.code, details=refusal.details)
        try:
            body = msgspec.json.decode(request.body, type=Addressed)
        except msgspec.DecodeError:
            body = Addressed()
        world.refused.add(
            Refused(
                at=world.clock.now(),
                code=refusal.code,
                to=body.to or body.recipient,
                callback_data=body.biz_opaque_callback_data,
            )
        )
        return json_response(refusal.envelope(), refusal.http_status)

    def _pause_s(self, answer: Response) -> float:
        options = self._carrier.options
        pause_ms = options.answer_ms
        if jitter_ms := options.answer_jitter_ms:
            pause_ms += random.uniform(-jitter_ms, jitter_ms)  # noqa: S311  chance, no secret
        if answer.status == HTTPStatus.OK and (silence := self._carrier.faults.strikes("timeout")):
            pause_ms += silence.delay_ms or 0
        return pause_ms / 1000

    def _authorise(self, request: Request) -> None:
        given = request.headers.get(b"authorization", b"")
        if not given.startswith(b"Bearer "):
            raise ProviderError(0, "An access token is required to request this resource.")
        token = self._carrier.settings.access_token.encode()
        if not hmac.compare_digest(given.removeprefix(b"Bearer "), token):
            raise ProviderError(190, "Invalid OAuth access token.")

    def _find_number(self, phone_number_id: str) -> None:
        if phone_number_id != self._carrier.settings.phone_number_id:
            # The provider answers 100 with subcode 33 for an object that it does not know or will
            # not show; code 33 alone means a number that once existed.
            raise ProviderError(
                100,
                f"Unsupported post request. Object with ID '{phone_number_id}' does not exist, "
                "cannot be loaded due to missing permissions, or does not support this operation.",
                subcode=33,
            )

    def _strike(self) -> None:
        if self._carrier.faults.strikes("outage"):
            raise ProviderError(2, "Temporary due to downtime or due to being overloaded.")
        if fault := self._carrier.faults.strikes("error"):
            raise ProviderError(fault.code or 131016, "An error that was asked for.")

    def _decoded(self, request: Request) -> Any:
        try:
            return msgspec.json.decode(request.body)
        except msgspec.DecodeError as failure:
            raise ProviderError(100, "The request body is not valid JSON.") from failure

    def _read_mark(self, body: dict[str, Any]) -> Response:
        shapes.check_read_mark(body)
        self._carrier.mark_read(body["message_id"], typing="typing_indicator" in body)
        return json_response({"success": True})

    def _message(self, body: dict[str, Any], request: Request) -> Response:
        carrier = self._carrier
        shapes.check_message(body)
        key, to_phone = shapes.recipient_of(body)
        if body.get("recipient_type") == "group":
            raise ProviderError(131041, "This number has no group with that id.")
        if key == carrier.settings.display_phone_number:
            raise ProviderError(131021, "Sender and recipient phone numbers are the same.")
        if body.get("type") == "template":
            name, code = body["template"]["name"], body["template"]["language"]["code"]
            raise ProviderError(132001, f"template name ({name}) does not exist in {code}")
        person = carrier.world.find(key)
        if person is None or not carrier.world.window_open(person):
            raise ProviderError(
                131047,
                "Message failed to send because more than 24 hours have passed since the customer "
                "last replied to this number.",
            )
        carrier.check_limits(person)
        message_id = carrier.accept(person, body, request.body, to_phone=to_phone)
        contact = {"input": body["to"] if to_phone else body["recipient"]}
        if person.wa_id:
            contact["wa_id"] = person.wa_id
        contact["user_id"] = person.user_id
        return json_response(
            {
                "messaging_product": "whatsapp",
                "contacts": [contact],
                "messages": [{"id": message_id}],
            }
        )
