"""The house rules: packages import one way, without circles, and use only public names of each other."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import ROOT

PACKAGE = ROOT / "ncaengine"
ORDER = (
    "_version",
    "core",
    "backends",
    "formats",
    "simulation",
    "io",
    "training",
    "viewer",
    "cli",
    "__main__",
    "errors",
    "files",
    "journals",
)
"""A module imports from its own package or from one before it in this list."""
VIEWER_ORDER = ("kit", "state", "actions", "keymap", "canvas", "panels", "dialogs", "window")
"""The same inside viewer/. What lies in viewer/ itself is the window, which composes the rest."""
LIBRARIES = {
    "torch": ("backends.reference", "backends.torch", "training", "cli"),
    "torchvision": ("training", "cli.doctor"),
    "llvmlite": ("backends.cpu",),
    "moderngl": ("backends.gl", "viewer"),
    "glcontext": ("backends.gl",),
    "av": ("io", "cli.doctor"),
    "matplotlib": ("io",),
    "imgui_bundle": ("viewer",),
    "glfw": ("viewer",),
    "anywidget": ("viewer.notebook",),
    "traitlets": ("viewer.notebook",),
    "rich": ("cli",),
    "tyro": ("cli",),
}
"""Who may import each heavy library: packages, or single modules."""
NO_WINDOW = ("viewer.state", "viewer.actions")
"""What the window knows and does: usable and testable without imgui."""
MOST_LINES, MOST_LINES_OF_A_FUNCTION, MOST_LINES_OF_A_TEST_FILE = 350, 60, 450


def name_of(path: Path) -> str:
    """The name of a file's module without `ncaengine.`; the package itself is ''."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text("utf-8")) for name, path in FILES.items()}


def imported(tree: ast.Module, inside: str = "", is_package: bool = False) -> Iterator[str]:
    """Full names of all that a source imports, inside functions and for type checkers too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = node.module or ""
            if node.level:
                whole = f"ncaengine.{inside}".strip(".").split(".")
                whole = whole[: len(whole) - node.level + is_package]
                start = ".".join([*whole, *([start] if start else [])])
            yield from (f"{start}.{alias.name}" for alias in node.names)


def module_in(name: str) -> str | None:
    """The module of the package that an imported name is, or lies in; None for a library."""
    if name.split(".", maxsplit=1)[0] != "ncaengine":
        return None
    inside = name.removeprefix("ncaengine").removeprefix(".")
    return inside if inside in FILES else inside.rpartition(".")[0]


IMPORTS = {
    name: {found for full in imported(tree, name, FILES[name].name == "__init__.py") if (found := module_in(full))}
    - {name}
    for name, tree in TREES.items()
}


def place(name: str) -> int:
    package = name.split(".", maxsplit=1)[0]
    assert package in ORDER, f"ncaengine/{package} is in no place of the order; put it into ORDER"
    return ORDER.index(package)


def room(name: str) -> int:
    """The place of a module of viewer/ among its rooms."""
    inside = name.split(".")[1] if "." in name else "window"
    return VIEWER_ORDER.index(inside if inside in VIEWER_ORDER else "window")


@pytest.mark.parametrize("name", [name for name in FILES if name])
def test_imports_lead_one_way(name: str) -> None:
    for target in IMPORTS[name]:
        assert place(target) <= place(name), f"{name} imports {target}, which comes later in ORDER"
        if name.startswith("viewer") and target.startswith("viewer."):
            assert room(target) <= room(name), f"{name} imports {target}, which comes later in VIEWER_ORDER"


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of nodes that reach each other (Tarjan's algorithm)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in graph.get(node, ()):
            if target not in index:
                visit(target)
            if target in stack:
                low[node] = min(low[node], low[target])
        if low[node] == index[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            found.append(sorted(group))

    for node in graph:
        if node not in index:
            visit(node)
    return [group for group in found if len(group) > 1]


def test_nothing_imports_in_a_circle() -> None:
    assert circles(IMPORTS) == []


def test_the_search_for_circles_finds_one() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [["b", "c"]]


def test_libraries_are_imported_where_they_belong() -> None:
    for name, tree in TREES.items():
        for full in imported(tree):
            allowed = LIBRARIES.get(full.split(".")[0])
            if allowed is not None:
                assert name.startswith(allowed), f"{name} imports {full}, which only {allowed} may"
            if full.startswith("imgui_bundle"):
                assert not name.startswith(NO_WINDOW), f"{name} imports imgui"


def privates(tree: ast.Module) -> set[str]:
    """Private names that a module makes: functions, classes, variables, attributes of self, and slots."""
    made = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    made |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    made |= {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)}
    return {name for name in made if re.match(r"_[a-zA-Z]", name)}


PRIVATE = {name: privates(tree) for name, tree in TREES.items()}


@pytest.mark.parametrize("name", FILES)
def test_no_module_reaches_into_another(name: str) -> None:
    others = set().union(*(made for other, made in PRIVATE.items() if other != name)) - PRIVATE[name]
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Attribute):
            assert node.attr not in others, f"{name}:{node.lineno} uses {ast.unparse(node)}; make it public"
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ncaengine"):
            hidden = [a.name for a in node.names if re.match(r"_[a-z]", a.name) and node.module != "ncaengine._version"]
            assert not hidden, f"{name}:{node.lineno} imports {hidden}; make it public"


def test_few_modules_lie_in_the_package_itself() -> None:
    own, earlier = {"__init__.py", "__main__.py", "_version.py"}, {"errors.py", "files.py", "journals.py"}
    assert {path.name for path in PACKAGE.glob("*.py")} == own | earlier


@pytest.mark.parametrize("name", FILES)
def test_files_and_functions_are_short(name: str) -> None:
    lines = FILES[name].read_text("utf-8").count("\n")
    assert lines <= MOST_LINES, f"{name} has {lines} lines"
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= MOST_LINES_OF_A_FUNCTION, f"{name}.{node.name} has {length} lines"


def test_test_files_are_short() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in (ROOT / "tests").rglob("*.py")
        if (count := path.read_text("utf-8").count("\n")) > MOST_LINES_OF_A_TEST_FILE
    }
    assert not long


def test_the_package_itself_imports_nothing_at_run_time() -> None:
    at_run_time = [
        alias.name if isinstance(node, ast.Import) else node.module
        for node in TREES[""].body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    ]
    assert set(at_run_time) <= {*sys.stdlib_module_names, "ncaengine._version"}, at_run_time


def test_every_name_of_the_package_is_there() -> None:
    import ncaengine

    assert sorted(ncaengine.__all__) == sorted(dir(ncaengine)) == sorted(ncaengine._MODULES)
    assert all(getattr(ncaengine, name).__name__ == name for name in ncaengine.__all__)


def test_the_parser_sees_nested_relative_and_plain_imports() -> None:
    text = "def f():\n    import torch.nn as nn\n    from . import grid\n    from ..model import Model\n"
    found = set(imported(ast.parse(text), "importers.notebook"))
    assert found == {"torch.nn", "ncaengine.importers.grid", "ncaengine.model.Model"}


@pytest.mark.parametrize(
    ("modules", "unwanted"),
    [
        ("ncaengine", ["numpy", "msgspec", "torch", "moderngl"]),
        ("ncaengine.cli", ["numpy", "msgspec", "torch", "moderngl", "imgui_bundle", "av", "matplotlib"]),
        ("ncaengine.formats.model_files", ["torch", "moderngl", "imgui_bundle", "glfw", "av"]),
        ("ncaengine.simulation.simulation", ["torch", "imgui_bundle", "glfw"]),
        ("ncaengine.backends.gl.backend", ["torch", "imgui_bundle", "glfw"]),
        ("ncaengine.backends.reference", ["moderngl", "glcontext", "imgui_bundle", "glfw"]),
        ("ncaengine.viewer.state.app", ["imgui_bundle", "glfw"]),
        ("ncaengine.viewer.notebook.display", ["torch", "imgui_bundle", "glfw", "anywidget", "IPython"]),
    ],
)
def test_importing_leaves_heavy_packages_alone(modules: str, unwanted: list[str]) -> None:
    code = f"import {modules}, sys; print([m for m in {unwanted!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_opening_a_safetensors_model_needs_no_torch(tmp_path: Path) -> None:
    from helpers import NOTEBOOK_CONFIG, random_model

    from ncaengine.formats.model_files import save

    path = tmp_path / "m.safetensors"
    save(random_model(NOTEBOOK_CONFIG), path)
    code = f"import sys, ncaengine; print(ncaengine.load({str(path)!r}).config.hidden, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.split() == ["96", "False"]
