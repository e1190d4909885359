"""The provider's HTTP side: what a business calls to send messages."""

import asyncio
import random
from http import HTTPStatus
from typing import Any

import msgspec

from emulator import shapes
from emulator.account import Number
from emulator.asgi import Request, Response, json_response
from emulator.carrier import Carrier
from emulator.errors import ProviderError
from emulator.faults import AFTER
from emulator.graph import (
    Trouble,
    authorise,
    bad_gateway,
    cut,
    decoded,
    refusing,
    unknown_object,
)
from emulator.media import form_fields
from emulator.rendering import rendered
from emulator.world import Person, Refused


class Addressed(msgspec.Struct):
    """What a refused body says of itself, if it is a body at all."""

    to: str | None = None
    recipient: str | None = None
    biz_opaque_callback_data: str | None = None


class Provider:
    """Answers `POST /<version>/<phone_number_id>/messages` as documented."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier

    async def messages(self, request: Request, phone_number_id: str) -> Response:
        """Check everything, then take the message; each refusal has the documented code."""
        try:
            answer = self._answer(request, phone_number_id)
        except ProviderError as refusal:
            answer = self._refuse(request, refusal)
        except Trouble as trouble:
            answer = trouble.answer
        if (pause_s := self._pause_s(answer)) > 0:
            await asyncio.sleep(pause_s)
        return answer

    def _answer(self, request: Request, phone_number_id: str) -> Response:
        faults = self._carrier.faults
        number = self._number(request, phone_number_id)
        if fault := faults.strikes("error"):
            raise ProviderError(fault.code or 131016, "An error that was asked for.")
        body = shapes.as_documented(decoded(request), has_nulls=b"null" in request.body)
        shapes.check_product(body)
        if "status" in body:
            return self._read_mark(body, number)
        answer = self._message(body, request, number)
        if faults.strikes("disconnect", code=AFTER):
            return cut()
        if faults.strikes("bad_gateway", code=AFTER):
            return bad_gateway()
        return answer

    @refusing
    async def upload(self, request: Request, phone_number_id: str) -> Response:
        """Take a file that messages may name by its id."""
        self._number(request, phone_number_id)
        content_type = request.headers.get(b"content-type", b"").decode("latin-1")
        form = form_fields(content_type, request.body)
        if form.get("messaging_product", (b"",))[0] != b"whatsapp":
            raise ProviderError(100, "The parameter messaging_product is required.")
        if "file" not in form:
            raise ProviderError(100, "The parameter file is required.")
        content, filename, own_type = form["file"]
        given_type = form["type"][0].decode("utf-8", "replace") if "type" in form else own_type
        media = self._carrier.media.upload(phone_number_id, given_type or "", content, filename)
        return json_response({"id": media.id})

    @refusing
    async def download(self, request: Request) -> Response:
        """The file behind an address that was given out for it."""
        authorise(request, self._carrier)
        media = self._carrier.media.by_url(request.query)
        if media is None or self._carrier.faults.strikes("media_gone"):
            return Response(status=404, content_type="text/plain", body=b"Not found")
        content = await asyncio.to_thread(self._carrier.media.path(media).read_bytes)
        return Response(body=content, content_type=media.mime_type)

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

    def _number(self, request: Request, phone_number_id: str) -> Number:
        authorise(request, self._carrier)
        number = self._carrier.account.numbers.get(phone_number_id)
        if number is None:
            raise unknown_object(request, phone_number_id)
        return number

    def _read_mark(self, body: dict[str, Any], number: Number) -> Response:
        shapes.check_read_mark(body)
        typing = "typing_indicator" in body
        self._carrier.mark_read(number, body["message_id"], typing=typing)
        return json_response({"success": True})

    def _message(self, body: dict[str, Any], request: Request, number: Number) -> Response:
        carrier = self._carrier
        shapes.check_message(body)
        for kind, part in shapes.media_parts(body):
            if "id" in part:
                carrier.media.to_send(kind, part["id"])
        key, to_phone = shapes.recipient_of(body)
        if body.get("recipient_type") == "group":
            raise ProviderError(131041, "This number has no group with that id.")
        if key in carrier.account.displays:
            raise ProviderError(131021, "Sender and recipient phone numbers are the same.")
        if flow := shapes.flow_part(body):
            carrier.account.check_flow(flow)
        template = shown = None
        if body.get("type") == "template":
            asked = body["template"]
            template = carrier.templates.usable(asked["name"], asked["language"]["code"])
            if not to_phone and template.category == "AUTHENTICATION":
                raise ProviderError(131062, "One-time codes are sent to a phone number only.")
            shown = rendered(template, asked)
            person = carrier.world.person(key, is_phone=to_phone)
        else:
            person = self._writer(key, number)
        carrier.check_limits(number, person)
        message_id = carrier.accept(
            person,
            body,
            request.body,
            arrived_at=request.arrived_at,
            number=number,
            to_phone=to_phone,
            template=template,
            shown=shown,
        )
        contact = {"input": body["to"] if to_phone else body["recipient"]}
        if person.wa_id:
            contact["wa_id"] = person.wa_id
        contact["user_id"] = person.user_id
        return json_response(
            {
                "messaging_product": "whatsapp",
                "contacts": [contact],
                "messages": [
                    {"id": message_id, "message_status": "accepted"}
                    if template
                    else {"id": message_id}
                ],
            }
        )

    def _writer(self, key: str, number: Number) -> Person:
        """The person, who wrote to the number within the last 24 hours."""
        person = self._carrier.world.find(key)
        if person is None or not self._carrier.world.window_open(person, number.id):
            raise ProviderError(
                131047,
                "Message failed to send because more than 24 hours have passed since the customer "
                "last replied to this number.",
            )
        return person
