"""The processor: its vectors and cores, and the compilation of functions for it, with a cache on disk."""

import contextlib
import ctypes
import hashlib
import math
import os
import sys
import threading
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import platformdirs

from ncaengine.backends.cpu.product import Width
from ncaengine.backends.cpu.values import Unit
from ncaengine.core.errors import NCAError
from ncaengine.core.files import replace_file
from ncaengine.core.inputs import read_input
from ncaengine.core.memory import give_back

WIDTHS = {
    width.name: width
    for width in (
        Width("sse", lanes=4, rows=4, vectors=3, fused=False),
        Width("avx", lanes=8, rows=4, vectors=3, fused=False),
        Width("avx2", lanes=8, rows=4, vectors=3),
        Width("avx512", lanes=16, rows=6, vectors=3),
        Width("neon", lanes=4, rows=6, vectors=4),
    )
}
"""By the name of the processor's vector instructions."""
LEVELS = {"sse": "x86-64", "avx": "sandybridge", "avx2": "x86-64-v3", "avx512": "x86-64-v4"}
"""The processor to compile for when narrower vectors than its own are asked for."""
CGROUP = Path("/sys/fs/cgroup/cpu.max")
MOST_KEPT_BYTES = 64 * 2**20
"""Of a file in the cache, which is some 100 kB."""
LINKS = 16
"""Functions that one linker links. LLVM frees what it keeps of each, 9 kB, with the linker, once all are dropped."""


def host_width() -> Width:
    """Return the widest vectors that this processor has."""
    if llvm.get_default_triple().startswith(("aarch64", "arm64")):
        return WIDTHS["neon"]
    has = llvm.get_host_cpu_features().get
    if has("avx512f") and has("avx512vl"):
        return WIDTHS["avx512"]
    return WIDTHS["avx2" if has("avx2") and has("fma") else "avx" if has("avx") else "sse"]


def cores() -> int:
    """Return how many processors this process may use, by its affinity and its control group's limit."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = CGROUP.read_text("utf-8").split()
        if quota != "max":
            count = min(count, max(1, math.ceil(int(quota) / int(period))))
    return count


@cache
def nap() -> int:
    """Return the address of a C function of one int32, microseconds, in which a thread gives its processor away."""
    if sys.platform == "win32":
        function: Any = ctypes.windll.kernel32.SwitchToThread  # takes none, which does no harm
    else:
        function = ctypes.CDLL(None).usleep
    return int(ctypes.cast(function, ctypes.c_void_p).value or 0)


class Address(int):
    """The address of a function, whose code LLVM frees once nothing holds this object.

    Attributes:
        library: What LLVM linked.
    """

    library: Any


class Compiler:
    """Compiles functions for this processor. The same text is compiled once, also by other processes."""

    def __init__(self, width: Width) -> None:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self.width = width
        self._target = _target(width)
        self._linked = 0
        self._lock = threading.RLock()
        self._host = f"{llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()} {llvm.llvm_version_info}"

    def address(self, name: str, unit: Unit) -> Address:
        """Compile a unit, or take it from the cache; return the address of its function of this name."""
        text = unit.text()
        key = hashlib.sha256(f"{self._host} {self.width} {text}".encode()).hexdigest()
        with self._lock:
            return self._link(name, self._machine_code(key, text))

    def _link(self, name: str, machine_code: bytes) -> Address:
        if self._linked % LINKS == 0:
            self._linker = llvm.create_lljit_compiler(_target(self.width))
        self._linked += 1
        builder = llvm.JITLibraryBuilder().add_object_img(machine_code).add_current_process()
        library = builder.export_symbol(name).link(self._linker, str(self._linked))
        address = Address(library[name])
        address.library = library
        return address

    def _machine_code(self, key: str, text: str) -> bytes:
        """Return what a text compiles to, from the cache if it is there. A damaged file there is made again."""
        path = platformdirs.user_cache_path("ncaengine") / "cpu" / key
        with contextlib.suppress(OSError, NCAError):
            check, _, found = read_input(path, MOST_KEPT_BYTES).partition(b"\n")
            if check == hashlib.sha256(found).hexdigest().encode():
                return found
        made = self._compile(text)
        give_back()
        with contextlib.suppress(OSError, NCAError):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            content = hashlib.sha256(made).hexdigest().encode() + b"\n" + made
            replace_file(path, content)
        return made

    def _compile(self, text: str) -> bytes:
        module = llvm.parse_assembly(text)
        module.triple = self._target.triple
        # What there is to gain from unrolling and vectors, the text has already.
        options = llvm.create_pipeline_tuning_options(speed_level=2)
        options.loop_unrolling = options.loop_vectorization = options.slp_vectorization = False
        passes = llvm.create_pass_builder(self._target, options)
        passes.getModulePassManager().run(module, passes)
        return bytes(self._target.emit_object(module))


def _target(width: Width) -> Any:
    own = width == host_width()
    processor = llvm.get_host_cpu_name() if own else LEVELS[width.name]
    features = llvm.get_host_cpu_features().flatten() if own else ""
    if width.name == "avx512":
        features += ",-prefer-256-bit"
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(cpu=processor, features=features.strip(","), opt=3, reloc="pic")
