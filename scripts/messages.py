"""The translations: collect what the code says, compile the catalogues, check that nothing is missing."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parents[1]
LOCALES = ROOT / "locale"
IGNORED = ("node_modules/*", "benchmarks/*", "emulator/*", "e2e/*", "data/*", "*/tests/*")


def main() -> int:
    words = {"collect": collect, "compile": compile_all, "check": check}
    if len(sys.argv) != 2 or sys.argv[1] not in words:
        print(f"Usage: messages.py {'|'.join(words)}", file=sys.stderr)
        return 2
    return words[sys.argv[1]]()


def catalogues() -> list[Path]:
    return sorted(LOCALES.glob("*/LC_MESSAGES/django.po"))


def collect() -> int:
    """Bring the catalogues in line with the code; what nobody says any more goes."""
    command = [
        sys.executable, "-m", "bayan", "manage", "makemessages", "--no-obsolete", "--verbosity=0",
        "--no-wrap", "--add-location=file", "--extension=html,py",
    ]  # fmt: skip
    for path in catalogues():
        command += ["--locale", path.parents[1].name]
    for pattern in IGNORED:
        command += ["--ignore", pattern]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def compile_all() -> int:
    """Write each catalogue in the form that the platform reads."""
    for path in catalogues():
        with path.with_suffix(".mo").open("wb") as target:
            write_mo(target, _read(path.read_bytes()))
    return 0


def check() -> int:
    """Fail, naming each string, when a catalogue is incomplete or not in line with the code."""
    faults = []
    before = {path: path.read_bytes() for path in catalogues()}
    try:
        if collect() != 0:
            return 1
        for path, content in before.items():
            faults += _faults(path, _read(content), _read(path.read_bytes()))
            faults += _unseen(_read(path.read_bytes()))
    finally:
        for path, content in before.items():
            path.write_bytes(content)
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        print("Run 'make messages', then translate what is empty.", file=sys.stderr)
    return 1 if faults else 0


def _faults(path: Path, standing: Catalog, collected: Catalog) -> list[str]:
    name = path.relative_to(ROOT)
    there = {(m.context, m.id): m for m in standing if m.id}
    wanted = {(m.context, m.id) for m in collected if m.id}
    faults = [f"{name}: not collected yet: {key[1]}" for key in wanted - there.keys()]
    faults += [f"{name}: nobody says this any more: {key[1]}" for key in there.keys() - wanted]
    faults += [f"{name}: obsolete: {message.id}" for message in standing.obsolete.values()]
    for message in there.values():
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        if not all(forms):
            faults.append(f"{name}: not translated: {message.id}")
        elif message.fuzzy:
            faults.append(f"{name}: fuzzy: {message.id}")
        else:
            faults += [f"{name}: {error}: {message.id}" for error in message.check(standing)]
    return faults


def _unseen(collected: Catalog) -> Iterator[str]:
    """What is to be translated within an f-string and stands nowhere else: there it is not collected."""
    known = {m.id if isinstance(m.id, str) else m.id[0] for m in collected if m.id}
    for path in sorted((ROOT / "bayan").rglob("*.py")):
        if "tests" in path.parts:
            continue
        for text in ast.walk(ast.parse(path.read_text())):
            for call in ast.walk(text) if isinstance(text, ast.JoinedStr) else ():
                match call:
                    case ast.Call(func=ast.Name(id="_"), args=[ast.Constant(value=str(said)), *_]):
                        if said not in known:
                            yield f"{path.relative_to(ROOT)}: not collected from an f-string: {said}"


def _read(content: bytes) -> Catalog:
    return read_po(BytesIO(content))


if __name__ == "__main__":
    sys.exit(main())
