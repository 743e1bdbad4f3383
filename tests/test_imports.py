"""Imports go one way, and what everybody installs needs nothing that issuers alone install."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest
from sealing_support import Sealed

ROOT: Final = Path(__file__).parent.parent

MAY_IMPORT: Final[Mapping[str, frozenset[str]]] = {
    "native": frozenset(),
    "primitives": frozenset({"native"}),
    "circuits": frozenset({"primitives"}),
    "verifier": frozenset({"primitives", "circuits"}),
    "prover": frozenset({"primitives", "circuits"}),
    "api": frozenset({"primitives", "circuits", "verifier", "prover"}),
    "sealedbook": frozenset({"primitives", "circuits", "verifier", "prover", "api"}),
}
"""Which of our packages each of them may import, itself apart."""

PLAIN: Final = frozenset({"numpy", "scipy", "py_ecc", "Crypto", "rfc8785", "platformdirs", "pymerkle"})
"""What a plain installation has for programs; the command line has typer and rich besides."""
SIGNATURES: Final = frozenset({"eth_account", "eth_abi", "eth_keys", "eth_utils"})
"""The extra `reserves`: loaded when the signature of an address is made or checked; reports say if it is missing."""
LIBRARIES: Final[Mapping[str, frozenset[str]]] = {
    "native": frozenset(),
    "primitives": PLAIN | SIGNATURES,
    "circuits": PLAIN,
    "verifier": PLAIN,
    "prover": PLAIN | {"polars", "pyarrow", "dask", "distributed", "fsspec"},
    "api": PLAIN
    | {"fastapi", "starlette", "pydantic", "pydantic_settings", "uvicorn", "sqlalchemy", "alembic", "psycopg"}
    | {"pymerkle", "jwt", "cryptography", "limits", "prometheus_client", "structlog", "fsspec"},
    "sealedbook": PLAIN
    | {"typer", "rich", "eth_account", "httpx", "jinja2", "weasyprint", "matplotlib", "uvicorn"},
}
PROVER_ONLY: Final = ("polars", "pyarrow", "eth_account", "eth_abi", "eth_keys")


def imported_modules(tree: ast.Module, package: str) -> Iterator[tuple[int, str]]:
    """``(line, module)`` of every import in the file, those inside functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            # A relative import stays inside its package, unless it climbs out of it.
            yield node.lineno, node.module or "" if node.level == 0 else package
        elif isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__"):
                argument = node.args[0] if node.args else None
                constant = argument.value if isinstance(argument, ast.Constant) else "a computed name"
                yield node.lineno, str(constant)


def violations(root: Path) -> list[str]:
    """Imports below `root` that go the wrong way, and libraries that a package may not need.

    Stubs are left out: nothing imports them when the program runs.
    """
    found = []
    for package, ours in MAY_IMPORT.items():
        for path in sorted((root / package).rglob("*.py")):
            for line, module in imported_modules(ast.parse(path.read_text(encoding="utf-8")), package):
                top = module.partition(".")[0]
                place = f"{path.relative_to(root)}:{line} imports {module}"
                if top == package or top in sys.stdlib_module_names:
                    continue
                if top in MAY_IMPORT:
                    if top not in ours:
                        found.append(place)
                elif top not in LIBRARIES.get(package, {top}):
                    found.append(f"{place}, a library that {package} may not need")
    return found


def test_imports_go_one_way() -> None:
    assert violations(ROOT) == []


@pytest.mark.parametrize(
    ("path", "source", "complaint"),
    [
        ("verifier/x.py", "import prover.vault", "verifier/x.py:1 imports prover.vault"),
        ("verifier/a/b.py", "def f():\n    from prover import commit", "b.py:2 imports prover"),
        (
            "verifier/x.py",
            "if True:\n  try:\n    import pyarrow as p\n  except ImportError: ...",
            "x.py:3 .*pyarrow",
        ),
        ("verifier/x.py", "class A:\n  import api.server", "imports api.server"),
        ("prover/x.py", "from verifier.bundle import verify_bundle", "imports verifier.bundle"),
        ("primitives/x.py", "from circuits import statement", "imports circuits"),
        ("primitives/x.py", "import os, sealedbook.output", "imports sealedbook.output"),
        ("primitives/a/x.py", "from prover.issuer import Issuer", "imports prover.issuer"),
        (
            "primitives/x.py",
            "import importlib\nimportlib.import_module('prover.vault')",
            "imports prover.vault",
        ),
        ("primitives/x.py", "import importlib\nimportlib.import_module('pro' + 'ver')", "a computed name"),
        ("circuits/x.py", "__import__('verifier')", "imports verifier"),
        ("circuits/x.py", "import polars", "polars, a library that circuits may not need"),
        ("native/__init__.py", "from primitives import backend", "imports primitives"),
        ("prover/x.py", "import typer", "typer, a library that prover may not need"),
        ("sealedbook/x.py", "import pyarrow", "pyarrow, a library that sealedbook may not need"),
        ("api/x.py", "import sealedbook", "imports sealedbook"),
    ],
)
def test_the_checker_finds(tmp_path: Path, path: str, source: str, complaint: str) -> None:
    import re

    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(source)
    found = violations(tmp_path)
    assert len(found) == 1
    assert re.search(complaint, found[0])


@pytest.mark.parametrize(
    ("path", "source"),
    [
        (
            "verifier/x.py",
            "import json\nimport numpy as np\nfrom primitives.backend import Backend\nimport verifier",
        ),
        ("prover/x.py", "import pyarrow.parquet as pq\nfrom . import y\nfrom .y import z"),
        ("sealedbook/x.py", "def f():\n    from prover.vault import Vault\n    import typer"),
        ("elsewhere/x.py", "import prover, verifier"),
    ],
)
def test_the_checker_lets_pass(tmp_path: Path, path: str, source: str) -> None:
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(source)
    assert violations(tmp_path) == []


def test_the_checker_reads_every_package() -> None:
    present = {path.name for path in ROOT.iterdir() if (path / "__init__.py").is_file()}
    assert {"primitives", "circuits", "prover", "verifier", "sealedbook"} <= present & set(MAY_IMPORT)


BLOCKER: Final = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
"""


def run_without(modules: tuple[str, ...], program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `program` in an interpreter that has none of `modules`."""
    return subprocess.run(
        [sys.executable, "-c", BLOCKER.format(blocked=modules) + program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )


EVERY_PUBLIC_MODULE: Final = """
import importlib, pkgutil
import circuits, primitives, sealedbook, verifier
for package in (circuits, primitives, sealedbook, verifier):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        # The demonstration plays the issuer, and the native backend is optional.
        if not module.name.startswith(("sealedbook.demo.", "primitives.native_backend")):
            importlib.import_module(module.name)
print("imported")
"""
COMMANDS: Final = """
from typer.testing import CliRunner
from sealedbook.__main__ import app
result = CliRunner().invoke(app, sys.argv[1:])
print(result.exit_code, "prover" in sys.modules)
print(result.output)
"""


def test_what_everybody_installs_needs_nothing_of_the_issuers() -> None:
    done = run_without(PROVER_ONLY, EVERY_PUBLIC_MODULE)
    assert done.stdout.strip() == "imported", done.stderr


def test_verify_and_check_run_without_the_prover(sealed_once: Sealed, tmp_path: Path) -> None:
    """Without the package itself even."""
    opening = tmp_path / "opening.json"
    opening.write_bytes(sealed_once.opening("alice").to_bytes())
    blocked = (*PROVER_ONLY, "prover")
    for arguments in (
        ["verify", str(sealed_once.bundle)],
        ["check", str(opening), "--account", "alice", "--bundle", str(sealed_once.bundle)],
        ["inspect", str(sealed_once.bundle)],
        ["inspect", str(opening)],
    ):
        done = run_without(blocked, COMMANDS, *arguments)
        assert done.stdout.startswith("0 False\n"), (arguments, done.stdout, done.stderr)


def test_an_issuers_command_says_what_to_install(sealed_once: Sealed, tmp_path: Path) -> None:
    arguments = ["commit", str(sealed_once.folder / "book"), "--out", str(tmp_path / "b"), "--vault", "v"]
    done = run_without(PROVER_ONLY, COMMANDS, *arguments)
    assert done.stdout.startswith("4 "), (done.stdout, done.stderr)
    assert "pyarrow is not installed: `pip install 'sealedbook[prover]'`" in done.stdout.replace("\n", " ")
