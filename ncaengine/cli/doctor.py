"""`ncaengine doctor`: each check returns what it found, and what to do about it."""

import dataclasses
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ncaengine.cli.shared.output import print_json
from ncaengine.core.errors import NCAError
from ncaengine.core.optional import INSTALL
from ncaengine.core.texts import file_size, plural
from ncaengine.io.kinds import KINDS

Verdict = Literal["good", "slow", "missing", "broken"]
"""good; works, but slowly; an optional part is absent; something that is wanted fails."""
STYLES = {"good": "green", "slow": "yellow", "missing": "yellow", "broken": "bold red"}
PATIENCE = 60
"""Seconds that a driver may take to answer."""
OPENGL = """
import json
from ncaengine.backends.gl.device import has_gpu, headless_context
context = headless_context()
print(json.dumps([context.version_code, context.info["GL_RENDERER"], context.info["GL_VERSION"], has_gpu(context)]))
"""
WINDOW = "import json; from ncaengine.viewer.preflight import preflight; print(json.dumps(preflight(False)))"


@dataclass(frozen=True)
class Doctor:
    """Show what this machine and this installation have, what is missing or broken, and what to do about it."""

    json: bool = False
    """Print one JSON object instead of a table."""

    def run(self) -> None:
        """Print a table, or JSON."""
        if self.json:
            print_json({"findings": [dataclasses.asdict(finding) for finding in run_all()]})
            return
        from rich import box
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        table = Table("", "", "found", "what to do", box=box.SIMPLE_HEAD, pad_edge=False)
        for column in table.columns:
            column.overflow = "fold"  # a path is there to be copied
        findings = list(run_all())
        for each in findings:
            verdict = f"[{STYLES[each.verdict]}]{each.verdict}[/]"
            table.add_row(escape(each.part), verdict, escape(each.found), escape(each.advice))
        console = Console(highlight=False)
        console.print(table)
        broken = sum(each.verdict == "broken" for each in findings)
        console.print("Nothing is broken." if not broken else f"Broken: {broken}; see above what to do.")


@dataclass(frozen=True)
class Finding:
    """One part of the machine or of the installation."""

    part: str
    """What was looked at."""
    verdict: Verdict
    found: str
    """What is there."""
    advice: str = ""
    """What to do; empty if nothing."""


def run_all() -> Iterator[Finding]:
    """Make all checks, one after the other. None raises, whatever is broken."""
    for part, check in CHECKS.items():
        try:
            yield from check(part)
        except Exception as error:
            yield Finding(part, "broken", f"{type(error).__name__}: {error}", "Install ncaengine again.")


def _installation(part: str) -> Iterator[Finding]:
    import ncaengine

    python = f"Python {platform.python_version()} on {platform.platform(terse=True)}"
    yield Finding(part, "good", f"ncaengine {ncaengine.__version__} in {Path(ncaengine.__file__).parent}; {python}")


def _processor(part: str) -> Iterator[Finding]:
    from ncaengine.cli.bench.host_info import cpu_name
    from ncaengine.core import memory

    memory_text = f"{file_size(memory.free_bytes())} of memory free"
    try:
        from ncaengine.backends.cpu import machine
    except (ImportError, OSError) as error:
        advice = "Install llvmlite again; until then --backend torch or gl computes, slower."
        yield Finding(part, "broken", f"{cpu_name()}, {memory_text}; llvmlite can't be loaded ({error})", advice)
        return
    width = machine.host_width()
    vectors = f"vectors: {width.name}, {width.lanes} numbers at once"
    found = f"{cpu_name()}, {plural(machine.cores(), 'core')}, {vectors}; {memory_text}"
    yield Finding(part, "slow" if width.name == "sse" else "good", found)


def _opengl(part: str) -> Iterator[Finding]:
    answer, error = _ask(OPENGL)
    if error:
        advice = "Install your GPU's driver, or Mesa (libegl1, libgl1-mesa-dri); the processor computes without it."
        yield Finding(part, "missing", error, advice)
        return
    code, renderer, version, gpu = answer
    compute = "with" if code >= 430 else "without"
    found = f"{renderer}; OpenGL {version}, {compute} compute shaders"
    if code < 330:
        yield Finding(part, "broken", found, "OpenGL 3.3 is needed: update the driver; the processor computes.")
    elif not gpu:
        advice = "OpenGL runs in software: the processor computes instead. If there is a GPU, install its driver."
        yield Finding(part, "slow", found, advice)
    else:
        yield Finding(part, "good", found, "" if code >= 430 else "Steps are slower without compute shaders.")


def _display(part: str) -> Iterator[Finding]:
    answer, error = _ask(WINDOW)
    if error:
        advice = "`ncaengine record` needs none; over ssh, use `ssh -X`, or `ncaengine view --browser`."
        yield Finding(part, "missing", error.partition("; ")[0], advice)
    else:
        yield Finding(part, "good", f"a window with OpenGL {'.'.join(map(str, answer))} can be opened")


def _torch(part: str) -> Iterator[Finding]:
    try:
        import torch
        import torchvision
    except ModuleNotFoundError as error:
        yield Finding(part, "missing", f"{error.name} is not installed", f"Only training needs it: {INSTALL}")
        return
    except (ImportError, OSError) as error:
        yield Finding(part, "broken", f"can't be loaded ({error})", f"Install it again: {INSTALL}")
        return
    versions = f"torch {torch.__version__}, torchvision {torchvision.__version__}"
    if torch.cuda.is_available():
        yield Finding(part, "good", f"{versions}, on {torch.cuda.get_device_name()}")
    elif torch.backends.mps.is_available():
        yield Finding(part, "good", f"{versions}, on Apple's GPU")
    else:
        compiler = next(filter(None, map(shutil.which, ("c++", "g++", "clang++"))), "")
        advice = "" if compiler else "Install a C++ compiler (g++): training is then several times faster."
        found = f"{versions}, on the processor, {f'compiled by {compiler}' if compiler else 'without a compiler'}"
        yield Finding(part, "slow", found, advice or "A GPU trains many times as fast.")


def _encoders(part: str) -> Iterator[Finding]:
    import av
    import PIL
    from PIL import features

    needed = [kind for kind in KINDS if kind.codec]
    missing = [f"{kind.ending} ({kind.codec})" for kind in needed if kind.codec not in av.codecs_available]
    found = f"PyAV {av.__version__}: {', '.join(kind.ending for kind in needed)}"
    if missing:
        yield Finding(
            part, "broken", f"{found}, but not {', '.join(missing)}", "Install PyAV's own wheel: pip install av"
        )
    else:
        yield Finding(part, "good", found)
    if features.check("avif"):
        yield Finding(part, "good", f"Pillow {PIL.__version__}: .avif")
    else:
        yield Finding(
            part, "broken", f"Pillow {PIL.__version__}, but not .avif", "Install Pillow's own wheel: pip install pillow"
        )


def _plugins(part: str) -> Iterator[Finding]:
    from ncaengine.core import kernels

    catalogue = kernels.discover()
    yield Finding(part, "good", f"{len(catalogue.kernels)} kernels: {', '.join(catalogue.kernels)}")
    for complaint in catalogue.complaints():
        yield Finding(part, "broken", complaint, "Correct this file, or delete it.")


def _models(part: str) -> Iterator[Finding]:
    from ncaengine.formats import model_files

    shipped = model_files.shipped_models()
    advice = "" if shipped else "Install ncaengine again; until then, name model files."
    yield Finding(part, "good" if shipped else "broken", f"{len(shipped)} ship with ncaengine", advice)


def _folders(part: str) -> Iterator[Finding]:
    import platformdirs

    folders = {
        "this folder": Path.cwd(),
        "temporary files": Path(tempfile.gettempdir()),
        "settings": platformdirs.user_config_path("ncaengine"),
        "autosaved sessions": platformdirs.user_state_path("ncaengine"),
        "caches": platformdirs.user_cache_path("ncaengine"),
    }
    for name, folder in folders.items():
        used = f", {file_size(_size(folder))}; it can be deleted" if name == "caches" and folder.is_dir() else ""
        problem = _write_problem(folder)
        advice = "Make it writable, or choose another with -o." if name == "this folder" else "Make it writable."
        found = f"{name}: {folder}{used}{f': {problem}' if problem else ''}"
        yield Finding(part, "broken" if problem else "good", found, advice if problem else "")


def _ask(program: str) -> tuple[Any, str]:
    """Return what a program answers in JSON, and '' or what went wrong: a driver may end its process."""
    command = [sys.executable, "-c", program]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return None, f"the driver does not answer within {PATIENCE} s"
    if done.returncode < 0:
        return None, f"the driver ended the process (signal {-done.returncode})"
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason was given"])[-1]
        return None, last.removeprefix(f"{NCAError.__module__}.{NCAError.__name__}: ")
    return json.loads(done.stdout.strip().splitlines()[-1]), ""


def _write_problem(folder: Path) -> str:
    """Return why nothing can be written to a folder, or to the one in which it would be made; '' if it can."""
    place = next((each for each in (folder, *folder.parents) if each.exists()), folder)
    try:
        with tempfile.NamedTemporaryFile(dir=place) as file:
            file.write(bytes(4096))
            file.flush()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _size(folder: Path) -> int:
    """Return the bytes in a folder."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(path, name)).st_size
    return total


CHECKS: dict[str, Callable[[str], Iterator[Finding]]] = {
    "installation": _installation,
    "processor": _processor,
    "OpenGL": _opengl,
    "display": _display,
    "torch": _torch,
    "encoders": _encoders,
    "kernels": _plugins,
    "models": _models,
    "folders": _folders,
}
"""By the name of the part."""
