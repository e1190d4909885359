"""The account's side of the provider: its templates."""

from typing import Any

from emulator.asgi import Request, Response, json_response
from emulator.carrier import Carrier
from emulator.errors import ProviderError
from emulator.graph import authorise, chosen, decoded, page_of, refusing, unknown_object

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
        return json_response(page)

    @refusing
    async def create_template(self, request: Request, account_id: str) -> Response:
        self._enter(request, account_id)
        template = self._templates.create(_object(request))
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
        if template := self._templates.get(object_id):
            return json_response(chosen(template.to_json(), request, TEMPLATE_FIELDS))
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

    def _enter(self, request: Request, account_id: str) -> None:
        authorise(request, self._carrier)
        if account_id != self._carrier.settings.account_id:
            raise unknown_object(request, account_id)


def _object(request: Request) -> dict[str, Any]:
    asked = decoded(request)
    if not isinstance(asked, dict):
        raise ProviderError(100, "The request body must be a JSON object.")
    return asked
