"""The demo authority's people and its WhatsApp account."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from bayan.channels import services as channels
from bayan.channels.models import Account
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people import services as people
from bayan.people.models import Member, Role

DOMAIN = "demo.bayan.example"
# (address, Arabic name, English name, role, body); the order is that of the sign-in page.
PEOPLE = (
    ("desk", "هند الدوسري", "Hind Aldossary", Role.Kind.RESPONDER, "eastern"),
    ("responder.khobar", "سارة القحطاني", "Sarah Alqahtani", Role.Kind.RESPONDER, "khobar"),
    ("responder.qatif", "علي آل سيف", "Ali Alsaif", Role.Kind.RESPONDER, "qatif"),
    ("responder.jubail", "منى الخالدي", "Mona Alkhaldi", Role.Kind.RESPONDER, "jubail"),
    ("director", "فيصل العتيبي", "Faisal Alotaibi", Role.Kind.DIRECTOR, "eastern"),
    ("viewer.khobar", "خالد الزهراني", "Khalid Alzahrani", Role.Kind.VIEWER, "khobar"),
    ("admin", "نوف الشمري", "Nouf Alshammari", Role.Kind.ADMINISTRATOR, "eastern"),
)  # fmt: skip


@transaction.atomic
def load(*, emulator_port: int, now: datetime) -> None:
    """Bring the demo's people and account in line with this list; harmless when repeated."""
    known = set(Member.objects.values_list("email", flat=True))
    nodes = {node.key: node for node in Node.objects.all()}
    for address, name_ar, name_en, role, node in PEOPLE:
        email = f"{address}@{DOMAIN}"
        if email not in known:
            people.create_member(
                email=email, name_ar=name_ar, name_en=name_en, password=None,
                role=role, node=nodes[node], now=now, is_demo=True,
            )  # fmt: skip
    base_url = f"http://127.0.0.1:{emulator_port}"
    if not Account.objects.filter(key="demo", base_url=base_url).exists():
        channels.save_account(
            key="demo",
            nature=Account.Nature.DEMO,
            name="واتساب التجريبي",
            base_url=base_url,
            app_secret="demo-app-secret",
            verify_token="demo-verify-token",
            access_token="demo-access-token",
            numbers={"106540000000940": "+966 11 234 5678"},
            node=organisation.desk(),
            now=now,
        )
