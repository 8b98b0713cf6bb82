"""What the tests of backends share: the processor at every width of vectors that this one has."""

from collections.abc import Iterator

import pytest

from ncaengine.backends.cpu.backend import CPUBackend
from ncaengine.backends.cpu.machine import WIDTHS, Compiler, host_width

NARROWER = ["sse", "avx", "avx2", "avx512"]
HERE = ["neon"] if host_width().name == "neon" else NARROWER[: NARROWER.index(host_width().name) + 1]


@pytest.fixture(scope="module", params=HERE)
def compiler(request: pytest.FixtureRequest) -> Compiler:
    return Compiler(WIDTHS[request.param])


@pytest.fixture(scope="module", params=HERE)
def narrow(request: pytest.FixtureRequest) -> Iterator[CPUBackend]:
    backend = CPUBackend(threads=3, width=WIDTHS[request.param])
    yield backend
    backend.release()
