"""The account's side of the provider: templates, numbers, flows, and every object by its id."""

from typing import Any

from emulator.account import tell_of_flow
from emulator.asgi import Request, Response, json_response
from emulator.carrier import Carrier
from emulator.errors import ProviderError
from emulator.graph import authorise, chosen, decoded, page_of, refusing, unknown_object
from emulator.media import KIND_OF, Media
from emulator.templates import MOST_TEMPLATES

ACCOUNT_FIELDS = ("name", "currency", "timezone_id")
NUMBER_FIELDS = (
    "verified_name",
    "display_phone_number",
    "quality_rating",
    "code_verification_status",
    "platform_type",
    "throughput",
)
FLOW_FIELDS = ("name", "status", "categories", "validation_errors", "updated_at")
TEMPLATE_FIELDS = ("name", "parameter_format", "components", "language", "status", "category")


class Management:
    """Answers what a business asks about its account, and changes it."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self._templates = carrier.templates

    @refusing
    async def list_templates(self, request: Request, account_id: str) -> Response:
        self._enter(request, account_id)
        query = request.query
        told = [
            each.to_json()
            for each in self._templates
            if query.get("name", "") in each.name
            and query.get("status", each.status).upper() == each.status
            and query.get("category", each.category).upper() == each.category
            and query.get("language", each.language) == each.language
            and query.get("quality_score", each.quality).upper() == each.quality
        ]
        page = page_of(told, request)
        page["data"] = [chosen(each, request, TEMPLATE_FIELDS) for each in page["data"]]
        if "summary" in query:
            page["summary"] = {
                "total_count": len(told),
                "message_template_count": len(list(self._templates)),
                "message_template_limit": MOST_TEMPLATES,
                "are_translations_complete": False,
            }
        return json_response(page)

    @refusing
    async def create_template(self, request: Request, account_id: str) -> Response:
        self._enter(request, account_id)
        made = _object(request)
        template = self._templates.create(made, is_sample=self._carrier.media.knows_handle)
        self._carrier.submit(template)
        return json_response(
            {"id": template.id, "status": template.status, "category": template.category}
        )

    @refusing
    async def delete_templates(self, request: Request, account_id: str) -> Response:
        self._enter(request, account_id)
        name = request.query.get("name")
        if name is None:
            raise ProviderError(100, "The parameter name is required.")
        if not self._templates.delete(name, request.query.get("hsm_id")):
            raise ProviderError(100, f"There is no template {name}.", subcode=2593002)
        return json_response({"success": True})

    @refusing
    async def show(self, request: Request, object_id: str) -> Response:
        """Any object by its id."""
        authorise(request, self._carrier)
        account = self._carrier.account
        if object_id == account.id:
            return json_response(chosen(account.to_json(), request, ACCOUNT_FIELDS))
        if number := account.numbers.get(object_id):
            told = account.tell_of_number(number, self._carrier.per_s(number))
            return json_response(chosen(told, request, NUMBER_FIELDS))
        if flow := account.flows.get(object_id):
            return json_response(chosen(tell_of_flow(flow), request, FLOW_FIELDS))
        if template := self._templates.get(object_id):
            return json_response(chosen(template.to_json(), request, TEMPLATE_FIELDS))
        if media := self._media(request, object_id):
            if self._carrier.faults.strikes("media_gone"):
                raise unknown_object(request, object_id, http_status=404)
            return json_response(
                {
                    "messaging_product": "whatsapp",
                    "url": self._carrier.media.url(media),
                    "mime_type": media.mime_type,
                    "sha256": media.sha256,
                    "file_size": media.file_size,
                    "id": media.id,
                }
            )
        raise unknown_object(request, object_id)

    @refusing
    async def change(self, request: Request, object_id: str) -> Response:
        """Edit an object by its id."""
        authorise(request, self._carrier)
        if template := self._templates.get(object_id):
            self._templates.edit(template, _object(request))
            self._carrier.submit(template)
            return json_response({"success": True})
        raise unknown_object(request, object_id)

    @refusing
    async def delete(self, request: Request, object_id: str) -> Response:
        authorise(request, self._carrier)
        if media := self._media(request, object_id):
            self._carrier.media.delete(media)
            return json_response({"success": True})
        raise unknown_object(request, object_id)

    @refusing
    async def list_numbers(self, request: Request, account_id: str) -> Response:
        self._enter(request, account_id)
        carrier = self._carrier
        told = [
            carrier.account.tell_of_number(number, carrier.per_s(number))
            for number in carrier.account.numbers.values()
        ]
        page = page_of(told, request)
        page["data"] = [chosen(each, request, NUMBER_FIELDS) for each in page["data"]]
        return json_response(page)

    @refusing
    async def list_flows(self, request: Request, account_id: str) -> Response:
        self._enter(request, account_id)
        flows = {flow.id: flow for flow in self._carrier.account.flows.values()}
        page = page_of([tell_of_flow(flow) for flow in flows.values()], request)
        page["data"] = [chosen(each, request, FLOW_FIELDS) for each in page["data"]]
        return json_response(page)

    @refusing
    async def flow_assets(self, request: Request, flow_id: str) -> Response:
        """Where the form itself can be read."""
        authorise(request, self._carrier)
        flow = self._carrier.account.flows.get(flow_id)
        if flow is None:
            raise unknown_object(request, flow_id)
        asset = {
            "name": "flow.json",
            "asset_type": "FLOW_JSON",
            "download_url": f"{self._carrier.settings.base_url}/flows/{flow.id}.json",
        }
        return json_response({"data": [asset]})

    async def flow_json(self, _request: Request, flow_id: str) -> Response:
        flow = self._carrier.account.flows.get(flow_id)
        return json_response(flow.json) if flow else Response(status=404)

    @refusing
    async def debug_token(self, request: Request) -> Response:
        authorise(request, self._carrier)
        if "input_token" not in request.query:
            raise ProviderError(100, "The parameter input_token is required.")
        told = self._carrier.account.tell_of_token(request.query["input_token"])
        return json_response({"data": told})

    @refusing
    async def begin_upload(self, request: Request, app_id: str) -> Response:
        """Announce a sample for the header of a template."""
        authorise(request, self._carrier)
        if app_id != self._carrier.account.app_id:
            raise unknown_object(request, app_id)
        size, mime_type = (request.query.get(name, "") for name in ("file_length", "file_type"))
        if not size.isascii() or not size.isdigit() or mime_type not in KIND_OF:
            raise ProviderError(100, "Give file_length and a file_type that templates may have.")
        session = self._carrier.media.begin_upload(int(size))
        return json_response({"id": f"upload:{session}"})

    @refusing
    async def finish_upload(self, request: Request, session: str) -> Response:
        authorise(request, self._carrier)
        return json_response({"h": self._carrier.media.finish_upload(session, request.body)})

    def _media(self, request: Request, media_id: str) -> Media | None:
        """The file, unless the request says that another number has it."""
        media = self._carrier.media.get(media_id)
        number = request.query.get("phone_number_id")
        if media and media.number and number and number != media.number:
            return None
        return media

    def _enter(self, request: Request, account_id: str) -> None:
        authorise(request, self._carrier)
        if account_id != self._carrier.account.id:
            raise unknown_object(request, account_id)


def _object(request: Request) -> dict[str, Any]:
    asked = decoded(request)
    if not isinstance(asked, dict):
        raise ProviderError(100, "The request body must be a JSON object.")
    return asked
