"""`bayan bench circular`: a circular to ten thousand people, with worker and dispatcher killed in its middle.

Everybody gets it once, at the rate that the provider permits; counted from the emulator's own log.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bayan.config.environment import PROJECT_DIR
from benchmarks.ground import BenchFailed, Ground, ask, ground

ANSWER_MS, ANSWER_JITTER_MS = 150, 100
MOST_UNCERTAIN = 64
LEAST_SHARE = 0.98
# Members in all municipalities, who have linked their mobile and written a moment ago; and a circular to a
# list of them, signed.
MADE = """
from bayan.config.cli import django
django()
from django.utils import timezone
from bayan.channels.models import Number
from bayan.correspondence import services
from bayan.correspondence.models import Address, AddressList, Letter
from bayan.correspondence.services import To, Words
from bayan.inbox.models import Conversation
from bayan.organisation.models import Node
from bayan.people.models import Contact, Identity, Member, Role
now, count = timezone.now(), {count}
bodies = list(Node.objects.municipalities().order_by("pk"))
number = Number.objects.order_by("pk").first()
phones = [f"9665{{10_000_000 + n}}" for n in range(count)]
members = Member.objects.bulk_create(
    Member(name_ar=f"موظف {{n}}", phone=phone, phone_linked_at=now, password="!")
    for n, phone in enumerate(phones)
)
Role.objects.bulk_create(
    Role(member=m, kind="viewer", node=bodies[n % len(bodies)], starts_at=now)
    for n, m in enumerate(members)
)
contacts = Contact.objects.bulk_create(Contact(name=m.name_ar, created_at=now) for m in members)
Identity.objects.bulk_create(
    Identity(contact=c, scheme="phone", value=phone, created_at=now) for c, phone in zip(contacts, phones)
)
Conversation.objects.bulk_create(
    Conversation(
        contact=c, number=number, node=bodies[n % len(bodies)], last_message_at=now,
        last_inbound_at=now, created_at=now,
    )
    for n, c in enumerate(contacts)
)
everybody = AddressList.objects.create(node=Node.objects.get(kind="authority"), name="الجميع")
everybody.members.set(members)
director = Member.objects.get(email__startswith="director@")
letter = services.draft_letter(
    Words(
        kind="circular", subject="خطة موسم الأمطار", text="نأمل الاطلاع والعمل بموجبها.",
        to=[To(kind=Address.Kind.LIST, list=everybody)],
    ),
    node=everybody.node, by=director, now=now,
)
began = timezone.now()
services.submit(letter.public_id, signer=director, by=director, now=timezone.now())
print((timezone.now() - began).total_seconds())
"""


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark; 0 when the rate was held and nobody got it twice or not at all."""
    parser = argparse.ArgumentParser(
        prog="bayan bench circular",
        description="Sign a circular to many people whose windows are open, let worker and dispatcher hand "
        "it to an emulator that answers after 150 ms ± 100, kill both in its middle, and count.",
    )
    parser.add_argument("--small", action="store_true", help="600 people")
    parser.add_argument("--people", type=int, default=10_000, help="how many (10,000)")
    options = parser.parse_args(arguments)
    count = 600 if options.small else options.people
    try:
        with ground() as place:
            found = _measure(place, count)
    except BenchFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    for name, value in found.items():
        print(f"{name:<44}{value:>14,}")
    print(json.dumps(found))
    good = found["twice"] == found["lost"] == found["over_limit"] == 0
    held = options.small or found["share_of_rate"] >= LEAST_SHARE
    return 0 if good and held and found["uncertain"] <= MOST_UNCERTAIN else 1


def _measure(place: Ground, count: int) -> dict[str, float]:
    intake = place.serve("intake")
    emulator = place.emulate(
        f"http://127.0.0.1:{intake}/hooks/whatsapp/demo",
        f"--answer-ms={ANSWER_MS}", f"--answer-jitter-ms={ANSWER_JITTER_MS}",
        "--throughput-burst=20", "--webhook-batch=200", "--webhook-batch-ms=200", "--no-portfolio-limit",
    )  # fmt: skip
    with place.connect() as connection:
        connection.execute(
            "UPDATE channels_account SET base_url = %s WHERE channel = 'whatsapp'", [emulator]
        )
        connection.execute("UPDATE channels_portfolio SET daily_limit = NULL")
    made = subprocess.run(
        [sys.executable, "-c", MADE.format(count=count)],
        env=place.variables(), cwd=PROJECT_DIR, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode:
        raise BenchFailed(f"The circular could not be made: {made.stderr.strip()[-400:]}")
    # The provider knows too that they wrote.
    ask(f"{emulator}/_control/people", {"phone": "966510000000", "count": count, "wrote": True})
    began = time.monotonic()
    for role in ("worker", "dispatcher"):
        place.start(role)
    killed = _kill_in_the_middle(place, emulator, count)
    handed = 0.0
    deadline = time.monotonic() + count / 80 * 2 + 120
    while time.monotonic() < deadline:
        if not handed and _handed_over(place):
            handed = time.monotonic() - began
        if _settled(place, count):
            break
        time.sleep(1)
    time.sleep(2)  # what would come twice may come now
    items = [item for item in _sent(emulator) if "موسم" in str(item["body"])]
    times = Counter(item["to"] for item in items)
    moments = sorted(datetime.fromisoformat(item["at"]).timestamp() for item in items)
    with place.connect() as connection:
        (uncertain,) = next(
            iter(
                connection.execute(
                    "SELECT count(*) FROM channels_outgoing WHERE state = 'uncertain'"
                )
            )
        )
    seconds = moments[-1] - moments[0] - killed
    refused = Counter(item["code"] for item in ask(f"{emulator}/_control/refused")["items"])
    return {
        "people": count,
        "signed_s": round(float(made.stdout.strip() or 0), 2),
        "handed_over_s": round(handed, 1),
        "sent_s": round(seconds, 1),
        "pause_by_the_kill_s": round(killed, 1),
        "sent_per_s": round(len(items) / seconds, 1),
        "share_of_rate": round(len(items) / seconds / 80, 3),
        "over_limit": refused[130429] + refused[131056],
        "twice": sum(n - 1 for n in times.values()),
        "lost": max(0, count - len(times) - uncertain),
        "uncertain": uncertain,
    }


def _kill_in_the_middle(place: Ground, emulator: str, count: int) -> float:
    """Kill worker and dispatcher once a third is sent, start them again; how long nothing was sent then."""
    deadline = time.monotonic() + 120
    while len(_sent(emulator)) < count / 3:
        if time.monotonic() > deadline:
            raise BenchFailed("Nothing is sent: is the machine overloaded?")
        time.sleep(0.2)
    for role in ("worker", "dispatcher"):
        place.processes[role].send_signal(signal.SIGKILL)
        place.processes[role].wait()
    before = len(_sent(emulator))
    began = time.monotonic()
    for role in ("worker", "dispatcher"):
        place.start(role)
    while len(_sent(emulator)) <= before and time.monotonic() < began + 60:
        time.sleep(0.05)
    return time.monotonic() - began


def _sent(emulator: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = ask(f"{emulator}/_control/sent?limit=200000")["items"]
    return items


def _handed_over(place: Ground) -> bool:
    with place.connect() as connection:
        row = next(
            iter(
                connection.execute(
                    "SELECT count(*) FROM correspondence_recipient WHERE handed_at IS NULL"
                )
            )
        )
    return bool(row[0] == 0)


def _settled(place: Ground, count: int) -> bool:
    with place.connect() as connection:
        row = next(
            iter(
                connection.execute(
                    "SELECT count(*) FROM channels_reach r JOIN channels_outgoing o ON o.id = r.outgoing_id "
                    "WHERE o.state IN ('delivered', 'read', 'failed', 'uncertain')"
                )
            )
        )
    return bool(row[0] >= count)
