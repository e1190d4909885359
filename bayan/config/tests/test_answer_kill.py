"""A worker killed while it hands an answer over: the next one does what was left, and nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import timedelta

from bayan.cases import services
from bayan.cases.models import AnswerRecipient, Case
from bayan.cases.tests.factories import MONDAY, make_matter, started
from bayan.channels.models import Outgoing
from bayan.config.environment import PROJECT_DIR
from bayan.organisation import selectors as organisation
from bayan.people.models import Role
from bayan.people.tests.factories import make_member

LATER = MONDAY + timedelta(hours=2)
To = AnswerRecipient.State
# A worker that dies in its second batch, when all of it is written and nothing is committed.
DIES = """
import os, signal
from datetime import datetime
import django
django.setup()
from bayan.cases import services
from bayan.cases.services import delivering
keep, batches = delivering.close_each, []
def dies(*args, **more):
    keep(*args, **more)
    batches.append(1)
    if len(batches) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
delivering.BATCH, delivering.close_each = 4, dies
services.Delivery().step(now=datetime.fromisoformat("%s"))
"""


def test_a_worker_killed_in_a_batch_sends_nothing_twice_and_loses_nobody(
    committed_db: None,
) -> None:
    responder = make_member(Role.Kind.RESPONDER, organisation.desk())
    cases = make_matter(10)
    answer = started(cases[0], responder, outcome="resolved")

    died = subprocess.run(
        [sys.executable, "-c", DIES % LATER.isoformat()],
        cwd=PROJECT_DIR, check=False, capture_output=True, text=True,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "bayan.config.settings"},
    )  # fmt: skip

    assert died.returncode == -signal.SIGKILL, died.stderr
    # The first batch stands, the second never was.
    assert Counter(answer.recipients.values_list("state", flat=True)) == {
        To.QUEUED: 4, To.WAITING: 6,
    }  # fmt: skip
    assert Outgoing.objects.count() == Case.objects.closed().count() == 4

    # A step passes over rows that the killed connection may hold still: the next ones take them.
    for _step in range(5):
        services.Delivery().step(now=LATER)

    assert set(answer.recipients.values_list("state", flat=True)) == {To.QUEUED}
    assert Counter(Outgoing.objects.values_list("contact", flat=True)) == Counter(
        case.contact_id for case in cases
    )
    assert not Case.objects.open().exists()
