"""Imports point down only, those inside functions too."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

# From the top down. Rooms on one line do not import each other; files inside a room may.
LAYERS = [
    {"index", "search"},
    {"cbir.__main__"},
    {"cbir.commands"},
    {"cbir.jobs"},
    {"cbir.evaluation"},
    {"cbir.catalogue", "cbir.matching", "cbir.extraction"},
    {"cbir.plots"},
    {"cbir.pipeline"},
    {"cbir.searcher"},
    {"cbir.vector_index", "cbir.store"},
    {"cbir.recipe", "cbir.sources", "cbir.items"},
    {"cbir.descriptors", "cbir.steps"},
    {"cbir.registry", "cbir.images", "cbir.distances", "cbir.networks"},
    {"cbir.user_files", "cbir.downloads", "cbir.tables"},
    {"cbir.compiled", "cbir.files"},
    {"cbir.opencv", "cbir.threads", "cbir.places"},
    {"cbir", "cbir.types", "cbir.errors"},
]
RANKS = {room: rank for rank, layer in enumerate(LAYERS) for room in layer}


def sources() -> list[Path]:
    return [ROOT / "index.py", ROOT / "search.py", *sorted((ROOT / "cbir").rglob("*.py"))]


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str:
    """The room that a module belongs to: `cbir.images` for `cbir.images.header`."""
    name = ".".join(module.split(".")[:2])
    return name if name in RANKS else module.split(".")[0]


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            base = node.module or ""
            yield base
            # `from cbir import recipe` names a room in what it takes.
            yield from (f"{base}.{a.name}" for a in node.names if f"{base}.{a.name}" in RANKS)


@pytest.mark.parametrize("file", sources(), ids=module_name)
def test_imports_point_down(file: Path) -> None:
    own = room(module_name(file))
    assert own in RANKS, f"{own} has no layer: give it one here and in docs/architecture.md"
    for name in imports(file):
        if (own, name) == ("cbir", "cbir.jobs"):
            continue  # the package's face for programs, which loads it when it is asked for
        if name.split(".")[0] != "cbir":
            continue
        other = room(name)
        assert other == own or RANKS[other] > RANKS[own], f"{own} imports {other}"


@pytest.mark.parametrize("file", sources(), ids=module_name)
def test_only_faces_print_and_exit(file: Path) -> None:
    if RANKS[room(module_name(file))] <= RANKS["cbir.commands"]:
        return
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("print", "exit", "quit", "input"), node.lineno
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            seen = f"{node.value.id}.{node.attr}"
            if seen == "os.environ" and module_name(file) in ("cbir.networks.quiet", "cbir.jobs"):
                continue  # TensorFlow can be silenced in no other way; and programs' own face
            assert seen not in ("sys.exit", "sys.argv", "os.environ", "os.getenv"), node.lineno
        assert not isinstance(node, ast.Assert), f"assert in library code, line {node.lineno}"


def test_whatever_is_imported_is_required() -> None:
    """By name, and not because another package happens to need it."""
    about = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = about["project"]["optional-dependencies"].values()
    lines = [
        *(ROOT / "requirements.txt").read_text().split(),
        *(line for e in extras for line in e),
    ]
    required = {re.split("[<>=]", line)[0] for line in lines}
    packages = {"cv2": "opencv-python", "pillow_heif": "pillow-heif", "botocore": "boto3"}
    for file in sources():
        for name in imports(file):
            top = name.split(".")[0]
            if top != "cbir" and top not in sys.stdlib_module_names:
                assert packages.get(top, top) in required, f"{file} imports {top}"
