"""Whoever is killed while people are thanked in a surge: each of them gets it once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

from bayan.cases import services
from bayan.cases.tests.factories import MONDAY, make_case
from bayan.config.environment import PROJECT_DIR
from bayan.inbox.models import Message
from bayan.organisation.models import Node
from bayan.people.models import Role
from bayan.people.tests.factories import make_member

SOON = MONDAY + timedelta(minutes=5)


def thanked() -> list[str]:
    rows = Message.objects.filter(direction="out", author=None)
    return sorted(rows.values_list("matter", flat=True))


KILLED = """
import django, os, signal, sys
from datetime import datetime
django.setup()
from bayan.cases import services
from bayan.inbox import services as inbox
really, sent = inbox.send, []
def send(*given, **more):
    if len(sent) == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    sent.append(really(*given, **more))
    return sent[-1]
inbox.send = send
services.acknowledge(now=datetime.fromisoformat(sys.argv[1]))
"""


def test_whoever_is_killed_while_thanking_each_person_gets_it_once(committed_db: None) -> None:
    desk = Node.objects.get(kind=Node.Kind.AUTHORITY)
    director = make_member(Role.Kind.DIRECTOR, desk)
    services.begin_surge(desk, services.SurgeWords(reason="أمطار غزيرة"), by=director, now=MONDAY)
    cases = [
        make_case(now=MONDAY, whatsapp_id=f"SA.7{n}", phone=f"96650007{n:04}") for n in range(20)
    ]

    worker = subprocess.run(
        [sys.executable, "-c", KILLED, SOON.isoformat()],
        cwd=PROJECT_DIR,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "bayan.config.settings"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert worker.returncode == -signal.SIGKILL, worker.stderr
    assert thanked() == []
    # The server notices within moments that nobody holds the rows any more.
    until = time.monotonic() + 20
    while len(thanked()) < len(cases) and time.monotonic() < until:
        services.acknowledge(now=SOON)

    assert thanked() == sorted(case.reference for case in cases)
