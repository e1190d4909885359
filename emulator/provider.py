"""The provider's HTTP side: what a business calls to send messages."""

import asyncio
import random
from http import HTTPStatus
from typing import Any

import msgspec

from emulator import shapes
from emulator.asgi import Request, Response, json_response
from emulator.carrier import Carrier
from emulator.errors import ProviderError
from emulator.graph import authorise, decoded, refusing, unknown_object
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
            authorise(request, self._carrier)
            if phone_number_id != self._carrier.settings.phone_number_id:
                raise unknown_object(request, phone_number_id)
            self._strike()
            body = decoded(request)
            shapes.check_product(body)
            answer = self._read_mark(body) if "status" in body else self._message(body, request)
        except ProviderError as refusal:
            answer = self._refuse(request, refusal)
        if (pause_s := self._pause_s(answer)) > 0:
            await asyncio.sleep(pause_s)
        return answer

    @refusing
    async def upload(self, request: Request, phone_number_id: str) -> Response:
        """Take a file that messages may name by its id."""
        authorise(request, self._carrier)
        if phone_number_id != self._carrier.settings.phone_number_id:
            raise unknown_object(request, phone_number_id)
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

    async def download(self, request: Request) -> Response:
        """The file behind an address that was given out for it."""
        try:
            authorise(request, self._carrier)
        except ProviderError as refusal:
            return json_response(refusal.envelope(), refusal.http_status)
        media = self._carrier.media.by_url(request.query)
        if media is None:
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

    def _strike(self) -> None:
        if self._carrier.faults.strikes("outage"):
            raise ProviderError(2, "Temporary due to downtime or due to being overloaded.")
        if fault := self._carrier.faults.strikes("error"):
            raise ProviderError(fault.code or 131016, "An error that was asked for.")

    def _read_mark(self, body: dict[str, Any]) -> Response:
        shapes.check_read_mark(body)
        self._carrier.mark_read(body["message_id"], typing="typing_indicator" in body)
        return json_response({"success": True})

    def _message(self, body: dict[str, Any], request: Request) -> Response:
        carrier = self._carrier
        shapes.check_message(body)
        for kind, part in shapes.media_parts(body):
            if "id" in part:
                carrier.media.to_send(kind, part["id"])
        key, to_phone = shapes.recipient_of(body)
        if body.get("recipient_type") == "group":
            raise ProviderError(131041, "This number has no group with that id.")
        if key == carrier.settings.display_phone_number:
            raise ProviderError(131021, "Sender and recipient phone numbers are the same.")
        template = shown = None
        if body.get("type") == "template":
            asked = body["template"]
            template = carrier.templates.usable(asked["name"], asked["language"]["code"])
            if not to_phone and template.category == "AUTHENTICATION":
                raise ProviderError(131062, "One-time codes are sent to a phone number only.")
            shown = rendered(template, asked)
            person = carrier.world.person(key, is_phone=to_phone)
        else:
            person = self._writer(key)
        carrier.check_limits(person)
        message_id = carrier.accept(
            person, body, request.body, to_phone=to_phone, template=template, shown=shown
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

    def _writer(self, key: str) -> Person:
        """The person, who wrote within the last 24 hours."""
        person = self._carrier.world.find(key)
        if person is None or not self._carrier.world.window_open(person):
            raise ProviderError(
                131047,
                "Message failed to send because more than 24 hours have passed since the customer "
                "last replied to this number.",
            )
        return person
