"""Where this instance keeps its things, and what the environment says about it: the only reader of it."""

from __future__ import annotations

import ipaddress
import os
import secrets
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from bayan.triage.endpoint import Endpoint

PROJECT_DIR = Path(__file__).resolve().parents[2]

# The database roles of the house: architecture.md, "Tenancy and permission".
OWNER = "bayan_owner"
LOGIN = "bayan_login"
WEB = "bayan_web"
WORKER = "bayan_worker"
# What the environment may give instead of a file, and the data cannot be used without.
KEYS = ("django_key", "field_key")


class ConfigurationMissing(Exception):
    """The environment lacks something; the text says what, and what to do."""


@dataclass(frozen=True)
class Database:
    host: str
    port: int
    name: str
    is_embedded: bool


class Environment:
    """The instance that `BAYAN_DATA_DIR` names."""

    @cached_property
    def data_dir(self) -> Path:
        return Path(os.environ.get("BAYAN_DATA_DIR") or PROJECT_DIR / "data").resolve()

    @property
    def host(self) -> str:
        return os.environ.get("BAYAN_HOST", "127.0.0.1")

    @property
    def port(self) -> int:
        return self._port("BAYAN_PORT", 8000)

    @property
    def web_processes(self) -> int:
        """How many processes answer on `BAYAN_PORT`: each has one core for pages. Only Linux can share it."""
        wanted = os.environ.get("BAYAN_WEB_PROCESSES", "2")
        if not wanted.isdecimal() or not 1 <= int(wanted) <= 32:
            raise ConfigurationMissing(
                f"BAYAN_WEB_PROCESSES is '{wanted}': it takes a number from 1 to 32."
            )
        return int(wanted) if sys.platform.startswith("linux") else 1

    @property
    def answer_read_twice(self) -> int:
        """Whoever answers more people than this at once says that they have read it as one of them."""
        wanted = os.environ.get("BAYAN_ANSWER_READ_TWICE", "500")
        if not wanted.isdecimal():
            raise ConfigurationMissing(f"BAYAN_ANSWER_READ_TWICE is '{wanted}': it takes a number.")
        return int(wanted)

    @property
    def second_factor_roles(self) -> frozenset[str]:
        """The roles that do not go without a second factor, with commas between: administrator,director."""
        given = os.environ.get("BAYAN_SECOND_FACTOR", "")
        roles = frozenset(part.strip() for part in given.split(",")) - {""}
        known = {
            "administrator", "director", "executive", "spokesperson", "press_officer", "editor",
            "responder", "monitor", "field_officer", "legal_reviewer", "trainer", "researcher",
            "viewer",
        }  # fmt: skip
        if unknown := sorted(roles - known):
            raise ConfigurationMissing(
                f"BAYAN_SECOND_FACTOR names '{unknown[0]}': it takes roles such as "
                "administrator,director."
            )
        return roles

    @property
    def emulator_port(self) -> int:
        return self._port("BAYAN_EMULATOR_PORT", 8100)

    @property
    def web_address(self) -> str:
        """Where the running web answers: what `serve web` left in the data folder, unless told otherwise."""
        left = self.data_dir / "run" / "web.address"
        if not {"BAYAN_HOST", "BAYAN_PORT"} & os.environ.keys() and left.is_file():
            return left.read_text()
        return address_of(self.host, self.port)

    def leave_web_address(self, port: int) -> None:
        """Say in the data folder where this instance's web answers."""
        (self.data_dir / "run").mkdir(parents=True, exist_ok=True)
        (self.data_dir / "run" / "web.address").write_text(address_of(self.host, port))

    @property
    def backup_passphrase(self) -> str | None:
        return os.environ.get("BAYAN_BACKUP_PASSPHRASE")

    @property
    def is_demo(self) -> bool:
        return os.environ.get("BAYAN_DEMO", "") == "1"

    @property
    def allowed_hosts(self) -> list[str]:
        extra = os.environ.get("BAYAN_ALLOWED_HOSTS", "")
        return ["127.0.0.1", "localhost", "[::1]", *filter(None, extra.split(","))]

    @property
    def public_url(self) -> str:
        """Where members open what Bayan leads them to: `BAYAN_PUBLIC_URL`, else the first host behind TLS."""
        named = os.environ.get("BAYAN_PUBLIC_URL", "").rstrip("/")
        if named or not (self.trusts_proxy and len(self.allowed_hosts) > 3):
            return named or self.web_address
        return f"https://{self.allowed_hosts[3]}"

    @property
    def trusts_proxy(self) -> bool:
        """True when a proxy in front ends TLS and says so in X-Forwarded-Proto."""
        return os.environ.get("BAYAN_BEHIND_TLS_PROXY", "") == "1"

    @property
    def publishes_requests(self) -> bool:
        """True when everybody may read the list of requests by Open311; in the demo unless told otherwise."""
        return os.environ.get("BAYAN_OPEN311_PUBLIC", "1" if self.is_demo else "0") == "1"

    @property
    def log_level(self) -> str:
        return os.environ.get("BAYAN_LOG_LEVEL", "INFO").upper()

    @property
    def authority_dir(self) -> Path:
        """The authority pack: `BAYAN_AUTHORITY` is a folder or the name of one in `authorities/`."""
        named = os.environ.get("BAYAN_AUTHORITY", "eastern")
        for candidate in (PROJECT_DIR / "authorities" / named, Path(named)):
            if (candidate / "organisation.toml").is_file():
                return candidate
        raise ConfigurationMissing(
            f"BAYAN_AUTHORITY is '{named}', and neither that folder nor authorities/{named} holds an "
            "organisation.toml: name an authority pack."
        )

    @property
    def sets_dir(self) -> Path | None:
        """The licensed sets that triage learns from besides its own: what `BAYAN_DATA` names."""
        named = os.environ.get("BAYAN_DATA")
        return Path(named) if named else None

    @property
    def models_dir(self) -> Path:
        """Where `bayan train` keeps the versions that it makes."""
        return self.data_dir / "models"

    @property
    def model_dir(self) -> Path:
        """The classifiers in use: those that `bayan train --use` chose, else those that come with Bayan."""
        chosen = self.models_dir / "in-use"
        if chosen.is_file():
            folder = self.models_dir / chosen.read_text(encoding="utf-8").strip()
            if (folder / "model.npz").is_file():
                return folder
        return PROJECT_DIR / "bayan" / "triage" / "model"

    @property
    def triage_endpoint(self) -> Endpoint | None:
        """The other model that is asked about messages; its key may stand in `secrets/triage_key` instead.

        :raises ConfigurationMissing: its address cannot be used, or its name is missing
        """
        url = os.environ.get("BAYAN_TRIAGE_URL", "").rstrip("/")
        if not url:
            return None
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            host = ""
        if not host or parts.scheme not in {"http", "https"} or parts.query or parts.username:
            raise ConfigurationMissing(
                "BAYAN_TRIAGE_URL is no address of an endpoint: it looks like https://llm.example.sa/v1."
            )
        if parts.scheme == "http" and not _is_inside(host):
            raise ConfigurationMissing(
                "BAYAN_TRIAGE_URL would carry people's words in the clear: use https, or an address of the "
                "house's own network (10.0.0.5, 127.0.0.1, a name without dots)."
            )
        model = os.environ.get("BAYAN_TRIAGE_MODEL", "")
        if not model or len(model) > 100:
            raise ConfigurationMissing(
                "BAYAN_TRIAGE_MODEL is missing or longer than 100 characters: the name by which the endpoint "
                "knows the model."
            )
        kept = self.data_dir / "secrets" / "triage_key"
        return Endpoint(
            url=url,
            model=model,
            key=self.given_secret("triage_key")
            or (kept.read_text(encoding="utf-8").strip() if kept.is_file() else ""),
            asks_always=os.environ.get("BAYAN_TRIAGE_ALWAYS", "") == "1",
        )

    @property
    def database_role(self) -> str:
        """The role in which this process talks to the database: login (web), worker or owner."""
        return os.environ.get("BAYAN_DATABASE_ROLE", WORKER)

    @database_role.setter
    def database_role(self, role: str) -> None:
        os.environ["BAYAN_DATABASE_ROLE"] = role

    @property
    def is_embedded(self) -> bool:
        return "BAYAN_DATABASE_HOST" not in os.environ

    @property
    def database(self) -> Database:
        """Where PostgreSQL answers.

        :raises ConfigurationMissing: no embedded cluster was ever started in the data folder
        """
        if not self.is_embedded:
            return Database(
                host=os.environ["BAYAN_DATABASE_HOST"],
                port=int(os.environ.get("BAYAN_DATABASE_PORT", "5432")),
                name=os.environ.get("BAYAN_DATABASE_NAME", "bayan"),
                is_embedded=False,
            )
        port_file = self.data_dir / "run" / "postgres.port"
        if not port_file.is_file():
            raise ConfigurationMissing(
                f"No Bayan is running in {self.data_dir}: start it with 'make run', "
                "or set BAYAN_DATA_DIR to its data folder."
            )
        return Database(
            host="127.0.0.1",
            port=int(port_file.read_text()),
            name=os.environ.get("BAYAN_DATABASE_NAME", "bayan"),
            is_embedded=True,
        )

    def secret(self, name: str) -> str:
        """The secret kept under this name; made on first use, readable by this user alone."""
        given = self.given_secret(name)
        if given:
            return given
        folder = self.data_dir / "secrets"
        path = folder / name
        if not path.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
            fresh = folder / f".{name}.{secrets.token_hex(4)}"
            fresh.write_text(secrets.token_urlsafe(48))
            fresh.chmod(0o600)
            try:
                # Two processes may start together: the first link wins, both read the winner.
                os.link(fresh, path)
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return path.read_text()

    def secrets(self) -> dict[str, str]:
        """All secrets of this instance by name, those that the environment gives among them."""
        kept = {path.name for path in (self.data_dir / "secrets").glob("[!.]*") if path.is_file()}
        given = {name for name in KEYS if self.given_secret(name)}
        return {name: self.secret(name) for name in sorted(kept | given)}

    def given_secret(self, name: str) -> str | None:
        """The secret of this name, if the environment gives it."""
        return os.environ.get(f"BAYAN_{name.upper()}")

    def _port(self, name: str, default: int) -> int:
        given = os.environ.get(name, str(default))
        if not given.isdigit() or not 0 < int(given) < 65536:
            raise ConfigurationMissing(f"{name} is '{given}': it must be a port, 1 to 65535.")
        return int(given)


def _is_inside(host: str) -> bool:
    """True for names and addresses that the outside does not know."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host


def address_of(host: str, port: int) -> str:
    """The URL under which a server that listens on this host is reached from its own machine."""
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # compared, not bound
    return f"http://[{here}]:{port}" if ":" in here else f"http://{here}:{port}"


environment = Environment()
