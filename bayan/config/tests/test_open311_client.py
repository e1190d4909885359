"""A client of Open311, `georeport`, used as it is against a running Bayan; it reads and does not report."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from georeport import GeoReport

from bayan.config.tests.instances import Up

REPORT = {
    "service_code": "lighting",
    "lat": "26.2987",
    "long": "50.2064",
    "description": "عمود الإنارة أمام المدرسة لا يعمل من أسبوع",
    "attribute[lamp_post]": "12-B",
}


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    instance = Up(tmp_path_factory.mktemp("open311") / "data", "--demo")
    try:
        instance.wait_until_ready()
        yield instance
    finally:
        instance.clear_away()


@pytest.mark.parametrize("output_format", ["json", "xml"])
def test_a_client_finds_its_way_from_the_services_to_its_report(up: Up, output_format: str) -> None:
    base = f"http://127.0.0.1:{up.port}/open311/v2"
    city = GeoReport(base, output_format=output_format)
    services = city.get_service_list()
    assert len(services) == 19
    code = next(
        service["service_code"] for service in services if service["metadata"] in {True, "true"}
    )
    assert city.get_service_definition(code)["service_code"] == code

    key = up.run("token", "create", "--user", "desk@demo.bayan.example", "--scope", "write").strip()
    # As `three` reports: a form with the key and, if there is one, a file as `media`.
    made = httpx.post(
        f"{base}/requests.json",
        data={**REPORT, "api_key": key, "address_string": output_format},
        timeout=30,
    )
    assert made.status_code == 201, made.text
    name = made.json()[0]["service_request_id"]

    found = city.get_service_request(name)
    assert (found["service_code"], found["status"]) == ("lighting", "open")
    listed = city.get_service_requests(service_code="lighting", status="open")
    # Of one request XML makes no list.
    rows = listed if isinstance(listed, list) else [listed]
    assert name in {row["service_request_id"] for row in rows}
    with pytest.raises(OSError, match="404"):
        city.get_service_request("00000000-0000-0000-0000-000000000000")
