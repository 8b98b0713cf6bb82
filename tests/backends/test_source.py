"""The shader's text: what it depends on, where its errors lie, and when a program is compiled."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ClassVar

import moderngl
import msgspec
import numpy as np
import pytest
from helpers import NOTEBOOK_CONFIG, SELFORG, random_model, random_state, small
from one_step import in_form

from ncaengine.backends.gl import device
from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.gl.programs import set_uniforms
from ncaengine.backends.gl.shader import network, perception, source
from ncaengine.backends.gl.shader.source import ShaderSource
from ncaengine.core import resources, settings
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Clips, Colour, Config, Feature, Seed
from ncaengine.simulation.commands import Resize, SetKernel, SetModel
from ncaengine.simulation.simulation import Simulation

SMALL = small(SELFORG, hidden=6, channels=4)


def text(config: Config, catalogue: Catalogue, kernel: str = "square", form: source.Form = "unrolled") -> str:
    return source.step_source(config, catalogue.get(kernel), form, device.SHARED_BYTES).text


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "another"},
        {"family": "another"},
        {"attribution": {"licence": "CC0"}},
        {"fire_rate": 0.25},
        {"seed": Seed("noise", 2.0)},
        {"colour": Colour(2.0, 0.1)},
    ],
    ids=str,
)
def test_the_text_does_not_depend_on(catalogue: Catalogue, changes: dict[str, object]) -> None:
    assert text(msgspec.structs.replace(SMALL, **changes), catalogue) == text(SMALL, catalogue)


@pytest.mark.parametrize(
    "changes",
    [
        {"channels": 5},
        {"hidden": 7},
        {"activation": "tanh"},
        {"padding": "zero"},
        {"clips": Clips()},
        {"features": (Feature("identity"), Feature("laplacian"))},
        {"features": (*SELFORG.features[:3], Feature("laplacian", 0.25))},
    ],
    ids=str,
)
def test_the_text_depends_on(catalogue: Catalogue, changes: dict[str, object]) -> None:
    assert text(msgspec.structs.replace(SMALL, **changes), catalogue) != text(SMALL, catalogue)


def test_the_text_depends_on_kernel_and_form(catalogue: Catalogue) -> None:
    texts = {text(SMALL, catalogue, kernel, form) for kernel in catalogue.kernels for form in source.GROUP}
    assert len(texts) == 15


def test_the_text_holds_no_weights(catalogue: Catalogue, gl: GLBackend) -> None:
    one, other = (random_model(SMALL, seed) for seed in (1, 2))
    assert gl.step_programs(one, catalogue.get("square")).step is gl.step_programs(other, catalogue.get("square")).step


def test_a_stencil_that_the_kernel_lacks_is_reported(catalogue: Catalogue) -> None:
    config = msgspec.structs.replace(SMALL, features=(Feature("identity"), Feature("bilaplacian")))
    with pytest.raises(
        NCAError, match="'small' perceives through bilaplacian, which the kernel 'square' does not have"
    ):
        text(config, catalogue)


def test_weights_are_packed_as_the_shader_reads_them() -> None:
    model = random_model(SMALL)
    packed = source.pack_weights(model)
    assert packed.dtype == np.float32
    assert packed.shape == (1, source.WEIGHTS_WIDTH, 4)
    stride = network.unit_fours(SMALL)
    assert stride == 6  # vec4s of 1 + 16 + 4 numbers
    assert np.array_equal(packed[0, 0], model.b2)
    for unit in range(6):
        part = packed[0, 1 + unit * stride :][:stride].ravel()
        assert part[0] == model.b1[unit]
        assert np.array_equal(part[1:17], model.w1[unit])
        assert np.array_equal(part[17:21], model.w2[:, unit])
        assert not part[21:].any()


def test_many_weights_take_several_rows() -> None:
    model = random_model(msgspec.structs.replace(SMALL, hidden=100))
    packed = source.pack_weights(model)
    assert packed.shape == (3, 256, 4)
    assert np.array_equal(packed.reshape(-1, 4)[1 + 99 * 6 :][:6].ravel()[1:17], model.w1[99])


# Errors


def test_every_line_has_its_origin(catalogue: Catalogue) -> None:
    made = source.step_source(SMALL, catalogue.get("square"), "unrolled", device.SHARED_BYTES)
    lines = made.text.splitlines()
    assert len(lines) == len(made.origins)
    folder = resources.folder("shaders").parent
    for line, origin in zip(lines, made.origins, strict=True):
        place, number = re.fullmatch(r"(shaders/\S+?):(\d+)(?: \(.*\))?", origin).groups()
        ours = (folder / place).read_text("utf-8").splitlines()[int(number) - 1]
        assert line == ours or "//@" in ours or line.startswith(("#version", "#define"))


def test_an_unbroken_shader_has_no_marks_left(catalogue: Catalogue) -> None:
    made = text(SMALL, catalogue)
    assert not re.search(r"^\s*(//@|#include)", made, re.M)


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of shaders/ in which a test may break things."""
    folder = tmp_path / "shaders"
    (folder / "include").mkdir(parents=True)
    for path in resources.folder("shaders").rglob("*.*"):
        (folder / path.relative_to(resources.folder("shaders"))).write_text(path.read_text("utf-8"), "utf-8")
    monkeypatch.setattr(source.resources, "folder", lambda name: tmp_path / name)
    return folder


def broken(path: Path, after: str) -> int:
    """Put a faulty line after the first that holds `after`; returns its number."""
    lines = path.read_text("utf-8").splitlines()
    at = next(i for i, line in enumerate(lines) if after in line) + 1
    path.write_text("\n".join([*lines[:at], "    int broken = undeclared_name;", *lines[at:]]) + "\n", "utf-8")
    return at + 1


@pytest.mark.parametrize(
    ("file", "after"),
    [
        ("step.glsl", "void main"),
        ("step.glsl", "//@ network"),
        ("include/pcg4d.glsl", "v.x += v.y"),
        ("step.glsl", "shared vec4"),
        ("step.glsl", "//@ store"),
    ],
)
def test_a_broken_step_shader_is_reported_with_file_and_line(
    gl: GLBackend, catalogue: Catalogue, copied: Path, file: str, after: str
) -> None:
    line = broken(copied / file, after)
    with pytest.raises(NCAError) as caught:
        gl.step_programs(random_model(SMALL), catalogue.get("square"))
    message = str(caught.value)
    assert f"shaders/{file}:{line}" in message
    assert "undeclared_name" in message
    assert "\n" not in message


def test_a_broken_canvas_shader_is_reported_with_file_and_line(gl: GLBackend, copied: Path) -> None:
    line = broken(copied / "canvas.glsl", "void main")
    with pytest.raises(NCAError) as caught:
        gl.device.program(partial(source.canvas_source, 0))
    assert f"shaders/canvas.glsl:{line}" in str(caught.value)
    assert "undeclared_name" in str(caught.value)


def test_an_error_in_made_code_names_its_mark(
    gl: GLBackend, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(perception, "perception", lambda *_: ["int fine;", "int bad = undeclared_name;"])
    with pytest.raises(NCAError, match=r"shaders/step\.glsl:\d+ \(perception, line 2\)"):
        gl.step_programs(random_model(SMALL), catalogue.get("square"))


SOURCE = ShaderSource("a\nb\nc\n", ("shaders/x.comp:1", "shaders/x.comp:1 (made, line 1)", "shaders/x.comp:9"))


@pytest.mark.parametrize(
    ("log", "message"),
    [
        # Mesa, NVIDIA, AMD
        ("0:3(12): error: `foo' undeclared", "shaders/x.comp:9: error: `foo' undeclared"),
        ("0(3) : error C1503: undefined variable", "shaders/x.comp:9 : error C1503: undefined variable"),
        ("ERROR: 0:3: 'foo' : undeclared identifier", "ERROR: shaders/x.comp:9: 'foo' : undeclared identifier"),
        ("0:2(1): error: no", "shaders/x.comp:1 (made, line 1): error: no"),
        ("0:3: a\n0:1: b", "shaders/x.comp:9: a\nshaders/x.comp:1: b"),
        ("0:99(1): error: beyond", "0:99(1): error: beyond"),
        ("0:0: error: before", "0:0: error: before"),
        ("nothing of a line, 10:30 o'clock", "nothing of a line, 10:30 o'clock"),
    ],
)
def test_logs_of_drivers_are_explained(log: str, message: str) -> None:
    assert SOURCE.explain(log) == message


def test_a_log_is_tidied_to_one_line() -> None:
    log = "GLSL Compiler failed\n\ncompute_shader\n==============\n0:1(2): error: x\n0:2(2): error: y\n"
    assert device.tidy_log(log) == "compute_shader; 0:1(2): error: x; 0:2(2): error: y"


# The program cache


@pytest.fixture
def compiled(gl: GLBackend, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that reach the driver."""
    seen: list[str] = []

    class Counting:
        """The context, with a note of each compute shader."""

        def __getattr__(self, name: str) -> object:
            return getattr(real, name)

        def compute_shader(self, source: str) -> moderngl.ComputeShader:
            seen.append(source)
            return real.compute_shader(source)

    real = gl.device.ctx
    monkeypatch.setattr(gl.device, "ctx", Counting())
    monkeypatch.setattr(gl.device, "_compute", {})
    return seen


def test_resizing_and_switching_back_compile_nothing(
    gl: GLBackend, compiled: list[str], simulate: Callable[..., Simulation]
) -> None:
    sim = simulate(gl)
    one, twin, other = (
        random_model(SMALL, 1),
        random_model(msgspec.structs.replace(SMALL, name="twin"), 2),
        random_model(small(NOTEBOOK_CONFIG), 3),
    )
    grid = sim.add(one, (9, 8))
    sim.register(twin)
    assert len(compiled) == 1
    for size in ((1, 1), (40, 3), (16, 16)):
        sim.submit(Resize(grid, size))
    sim.submit(SetModel(grid, "twin"))
    assert len(compiled) == 1
    sim.submit(SetKernel(grid, "hexagonal"))
    assert len(compiled) == 2
    for kernel in ("square", "hexagonal") * 3:
        sim.submit(SetKernel(grid, kernel))
    sim.add(twin, (5, 5), "hexagonal")
    assert len(compiled) == 2
    sim.add(other, (5, 5))
    assert len(compiled) == 3


def test_every_uniform_of_the_canvas_is_in_use(gl: GLBackend) -> None:
    declared = set(re.findall(r"^uniform \w+ (\w+);", source.canvas_source(0).text, re.M))
    assert declared
    assert declared - {"corner"} <= gl.canvas.program("sampled").names  # only a page draws to the screen


@pytest.mark.parametrize("kernel", ["square", "hexagonal"])
def test_every_uniform_of_the_step_is_in_use(gl: GLBackend, catalogue: Catalogue, kernel: str) -> None:
    own = {"fire_rate", "scale", "angle", "aspect", "dt", "model_count", "slot"}
    coarse = re.compile(r"#if COARSE > 0.*?#endif", re.S)  # of models that perceive at coarser scales
    declared = set(re.findall(r"^uniform \w+ (\w+);", coarse.sub("", text(SMALL, catalogue)), re.M))
    covers = {"pair_offset", "turn"}
    unused = {"row_shift"} if kernel == "square" else set()
    model = random_model(SMALL)
    assert own | covers < declared
    assert declared - gl.step_programs(model, catalogue.get(kernel)).step.names == unused | own | covers
    assert declared - gl.step_programs(model, catalogue.get(kernel), frame="turned").step.names == unused | covers
    listed = gl.step_programs(model, catalogue.get(kernel), "turned", "listed")
    assert declared - listed.step.names - listed.pick.names == unused | {"pair_offset"}
    pairs = gl.step_programs(model, catalogue.get(kernel), "turned", "pairs")
    assert declared - pairs.step.names == unused | {"turn", "fire_threshold", "fire_rate"}


def test_every_setting_of_the_cells_reaches_the_step(gl: GLBackend, catalogue: Catalogue) -> None:
    """Under its own name, as a uniform that is active in the linked program that runs once it is not the default."""
    assert {"scale", "angle", "aspect", "dt"} <= set(settings.OF_CELLS)
    model, square = random_model(SMALL), catalogue.get("square")
    assert {*settings.OF_CELLS, "fire_rate"} <= gl.step_programs(model, square, frame="turned").step.names
    assert "pair_offset" in gl.step_programs(model, square, cover="pairs").step.names
    assert "fire_threshold" in gl.step_programs(model, square).step.names
    assert set(settings.UNIFORMS) == {*settings.OF_CELLS, "fire_rate", "antithetic"}


def test_the_plain_step_has_nothing_of_fields(gl: GLBackend, catalogue: Catalogue) -> None:
    names = gl.step_programs(random_model(SMALL), catalogue.get("square")).step.names
    assert "fields" not in names
    assert "fields" in gl.step_programs(random_model(SMALL), catalogue.get("square"), frame="turned").step.names
    assert "#define FIELDS" not in text(SMALL, catalogue)
    for only in ("sin_angle *", "mean_inverse *", "field.x *"):
        assert only not in re.sub(r"#ifdef FIELDS.*?#endif", "", text(SMALL, catalogue), flags=re.S)


def test_too_old_an_opengl_is_reported() -> None:
    class Old:
        version_code = 310
        info: ClassVar[dict[str, str]] = {}

    with pytest.raises(NCAError, match=r"has OpenGL 3\.1, but the shaders need 3\.3; use --backend cpu"):
        device.Device(Old())


def test_a_machine_without_opengl_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(**_: object) -> None:
        raise Exception("libEGL.so not loaded")  # noqa: TRY002 (as glcontext does)

    monkeypatch.setattr(device.moderngl, "create_context", none)
    message = r"Cannot create a headless OpenGL 3\.3 context \(libEGL\.so not loaded\); use --backend cpu"
    with pytest.raises(NCAError, match=message):
        device.headless_context()


def test_large_numbers_and_whole_ones_are_floats_in_the_text() -> None:
    assert [perception.number(v) for v in (1, -2.5, 1e10, 1 / 3, 1e-30)] == [
        "1.0",
        "-2.5",
        "1e+10",
        "0.333333343",
        "1e-30",
    ]


def test_every_form_gives_the_same_state(gl: GLBackend, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    model, before, found = random_model(SMALL), random_state(20, 10, 4), []
    for form in source.GROUP:
        in_form(gl, form, monkeypatch)
        cells = gl.cells()
        cells.specialise(model, catalogue.get("hexagonal"))
        cells.write(before)
        cells.step(0, 0, settings.Settings())
        found.append(cells.read())
        cells.release()
    for other in found[1:]:
        np.testing.assert_allclose(found[0], other, atol=1e-6)


def test_only_uniforms_that_changed_are_sent(gl: GLBackend) -> None:
    """And only those that the program has; the program keeps the others."""
    text = "#version 430\nlayout(local_size_x = 1) in;\nlayout(binding = 0, std430) buffer Out { float got[]; };\n"
    text += "uniform float a; uniform ivec2 b;\nvoid main() { got[0] = a; got[1] = float(b.y); }\n"
    program, out, sent = gl.device.ctx.compute_shader(text), gl.device.ctx.buffer(reserve=8), []

    class Recorder:
        extra = None

        def __iter__(self):
            return iter(program)

        def __getitem__(self, name: str) -> object:
            return program[name]

        def __setitem__(self, name: str, value: object) -> None:
            sent.append(name)
            program[name] = value

    recorder = Recorder()
    for a, b in ((0.0, (3, 4)), (0.0, (3, 4)), (2.5, (3, 4)), (2.5, (3, 5)), (0.0, (3, 5))):
        set_uniforms(recorder, {"a": a, "b": b, "c": 1})
        out.bind_to_storage_buffer(0)
        program.run()
        assert np.frombuffer(out.read(), np.float32).tolist() == [a, b[1]]
    assert sent == ["a", "b", "a", "b", "a"]
    out.release()
    program.release()
