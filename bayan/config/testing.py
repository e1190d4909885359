"""The tests' PostgreSQL: one cluster a run, one migrated template, a clone for each pytest process.

Loaded by pytest with `-p`, before Django's settings are read: they need to know where the database is.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from psycopg import sql

from bayan.config.cluster import Cluster
from bayan.config.environment import Environment

TEMPLATE = "bayan"
# What migrations and the authority pack put there stays between tests that commit.
KEPT_TABLES = {
    "django_migrations", "django_content_type", "organisation_node", "organisation_outsidebody",
    "places_place", "places_outline",
}  # fmt: skip


# A run starts a hundred processes: where the machine keeps no byte code, each would compile all of ours.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def _start_cluster() -> Cluster:
    folder = tempfile.mkdtemp(prefix="bayan-tests-")
    os.environ.update(
        BAYAN_DATA_DIR=folder,
        BAYAN_DEMO="1",
        BAYAN_DATABASE_ROLE="bayan_worker",
        BAYAN_LOG_LEVEL="WARNING",
    )
    os.environ.pop("BAYAN_DATABASE_NAME", None)
    # Nothing here outlives the run, so nothing needs to reach the disk.
    cluster = Cluster(Environment(), durable=False)
    cluster.start()
    cluster.bootstrap(TEMPLATE)
    subprocess.run(  # our own command
        [sys.executable, "-m", "bayan", "prepare"],
        check=True,
        env={**os.environ, "BAYAN_DATABASE_NAME": TEMPLATE},
    )
    # For instances of their own, which start from a copy (config.tests.instances).
    cluster.stop()
    for name in ("postgres", "secrets"):
        shutil.copytree(Path(folder, name), Path(folder, "filled", name))
    cluster.start()
    with cluster.connect(TEMPLATE) as connection:
        # A test makes the rules, forms and things that it is about.
        connection.execute(
            "TRUNCATE cases_routingrule, cases_rulebook, needs_form, needs_thing CASCADE"
        )
    return cluster


def _clone(cluster: Cluster, name: str) -> None:
    with cluster.connect() as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(TEMPLATE)
            )
        )
    os.environ["BAYAN_DATABASE_NAME"] = name


_worker = os.environ.get("PYTEST_XDIST_WORKER")
cluster = Cluster(Environment(), durable=False) if _worker else _start_cluster()
if not _worker:
    atexit.register(shutil.rmtree, cluster.environment.data_dir, ignore_errors=True)
    atexit.register(cluster.stop)
_clone(cluster, f"bayan_{_worker or 'main'}")
