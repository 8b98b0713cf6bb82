"""The layering of DESIGN.md: what each file of the package may import."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
from helpers import ROOT

PACKAGE = ROOT / "ncaengine"

LAYERS = (
    (
        "errors", "resources", "pcg", "kernels", "model", "seeding", "view", "settings", "glsl", "stepcode", "netcode",
        "backend", "commands", "pickles", "pickle_calls", "pickle_machine", "reading", "exporters", "exporters.*",
        "clock", "close", "fields", "brushes", "painting", "registry", "images", "timeline", "memory", "storage",
        "importers", "importers.*",
    ),
    ("files", "stills", "sheets", "charts", "machine", "reference", "torch_backend", "training", "training.*"),
    ("gpu", "software", "trial", "gl_backend", "gl_passes", "gl_canvas", "gl_edit", "gl_states", "grid", "edits",
     "calls", "sessions", "journals", "scripts", "simulation", "recording", "sinks", "study", "evaluation", "detecting",
     "contenders", "benchmark", "beside"),
    ("viewer", "viewer.*", "cli", "cli.*", "__main__"),
)  # fmt: skip
"""Modules of the package by layer; a module imports from its own layer or one above it in this list."""

HEAVY = {
    "torch": 1, "torchvision": 1, "safetensors.torch": 1,
    "moderngl": 2, "glcontext": 2, "av": 2,
    "imgui_bundle": 3, "glfw": 3, "OpenGL": 3, "rich": 1, "tyro": 1,
}  # fmt: skip
"""The first layer that may import each of these."""
GL = ("moderngl", "glcontext")

FILES = sorted(PACKAGE.rglob("*.py"))


def module(path: Path) -> str:
    """The name of a file's module, without `ncaengine.`; the package itself is ''."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module(path) for path in FILES}


def layer(name: str) -> int:
    for number, patterns in enumerate(LAYERS):
        if any(fnmatch(name, pattern) for pattern in patterns):
            return number
    pytest.fail(f"ncaengine/{name.replace('.', '/')}.py is in no layer; put it into LAYERS of {Path(__file__).name}")


def imports(text: str, inside: str, is_package: bool) -> Iterator[str]:
    """Full names of all modules that a source imports, those inside functions too."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = node.module or ""
            if node.level:
                whole = f"ncaengine.{inside}".strip(".").split(".")
                whole = whole[: len(whole) - node.level + is_package]
                start = ".".join([*whole, *([start] if start else [])])
            yield start
            # `from ncaengine import model` names a module too
            yield from (f"{start}.{alias.name}" for alias in node.names)


def own(name: str) -> str | None:
    """The module of the package that an imported name lies in, if it does."""
    if name.split(".", maxsplit=1)[0] != "ncaengine":
        return None
    inside = name.removeprefix("ncaengine").removeprefix(".")
    return inside if inside in MODULES else None


def heavy(name: str) -> str | None:
    return next((h for h in HEAVY if name == h or name.startswith(f"{h}.")), None)


@pytest.mark.parametrize("path", [p for p in FILES if module(p)], ids=module)
def test_a_file_imports_from_its_own_layer_or_one_above(path: Path) -> None:
    name = module(path)
    at = layer(name)
    for imported in imports(path.read_text("utf-8"), name, path.name == "__init__.py"):
        target = own(imported)
        if target:
            assert layer(target) <= at, f"{name} (layer {at}) imports {target} (layer {layer(target)})"
        big = heavy(imported)
        if big:
            assert HEAVY[big] <= at, f"{name} (layer {at}) imports {big}, which starts in layer {HEAVY[big]}"


def test_the_package_itself_imports_nothing_at_run_time() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text("utf-8"))
    at_run_time = [
        alias.name if isinstance(node, ast.Import) else node.module
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    ]
    assert set(at_run_time) <= set(sys.stdlib_module_names), at_run_time


def test_every_name_of_the_package_is_there() -> None:
    import ncaengine

    assert sorted(ncaengine.__all__) == sorted(dir(ncaengine)) == sorted(ncaengine._WHERE)
    assert all(getattr(ncaengine, name).__name__ == name for name in ncaengine.__all__)


def test_every_pattern_of_the_layers_is_used() -> None:
    unused = [p for patterns in LAYERS for p in patterns if not p.endswith("*") and p not in MODULES]
    assert not unused, f"LAYERS names modules that do not exist: {unused}"


def test_the_parser_sees_nested_relative_and_plain_imports() -> None:
    text = "def f():\n    import torch.nn as nn\n    from . import grid\n    from ..model import Model\n"
    found = set(imports(text, "importers.notebook", False))
    assert {"torch.nn", "ncaengine.importers.grid", "ncaengine.model", "ncaengine.model.Model"} <= found


@pytest.mark.parametrize(
    ("modules", "unwanted"),
    [
        ("ncaengine", ["numpy", "msgspec", "torch", "moderngl"]),
        ("ncaengine.files", ["torch", "moderngl", "imgui_bundle", "glfw", "av"]),
        ("ncaengine.simulation", ["torch", "imgui_bundle", "glfw"]),
        ("ncaengine.gl_backend", ["torch", "imgui_bundle", "glfw"]),
        ("ncaengine.reference", [*GL, "imgui_bundle", "glfw"]),
    ],
)
def test_importing_leaves_heavy_packages_alone(modules: str, unwanted: list[str]) -> None:
    code = f"import {modules}, sys; print([m for m in {unwanted!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_opening_a_safetensors_model_needs_no_torch(tmp_path: Path) -> None:
    from helpers import NOTEBOOK_CONFIG, random_model

    from ncaengine.files import save

    path = tmp_path / "m.safetensors"
    save(random_model(NOTEBOOK_CONFIG), path)
    code = f"import sys, ncaengine; print(ncaengine.load({str(path)!r}).config.hidden, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.split() == ["96", "False"]
