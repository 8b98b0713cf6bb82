"""Arithmetic with the numbers of a μNCA in a program: it is evaluated, or the program is refused."""

from typing import Any

import numpy as np
import pytest
from published_forms import B, W, decoded, demo_text

from ncaengine.core.errors import NCAError
from ncaengine.formats.importers import identify

PARTS = [",".join(map(str, W[16 * k : 16 * k + 16])) for k in range(4)]
PERCEIVED = ("s", "p", "abs(s)", "abs(p)")
MATRICES = " + ".join(f"mat4({part})*{x}" for part, x in zip(PARTS, PERCEIVED, strict=True))
VECTOR = f"vec4({','.join(map(str, B))})"
LIST = f"[{','.join(map(str, B))}]"


def read(text: str) -> Any:
    [make] = identify(decoded("text", text)).makers().values()
    return make()


def shader(bias: str, matrices: str = MATRICES) -> str:
    return f"vec4 rule(vec4 s, vec4 p) {{ return 1e-3*({bias} + {matrices}); }}"


@pytest.mark.parametrize(
    ("bias", "expected"),
    [
        (VECTOR, 1.0), (f"{VECTOR}/2.", 0.5), (f"{VECTOR} / 2.0", 0.5), (f"0.5*{VECTOR}", 0.5), (f"{VECTOR}*.5", 0.5),
        (f"{VECTOR}/4.*2.", 0.5), (f"({VECTOR})/2.", 0.5), (f"(({VECTOR}/4.))*2.", 0.5), (f"2. * {VECTOR} / 4.", 0.5),
        (f"(-{VECTOR}*.5)", -0.5), (f"{VECTOR}/-2e0", -0.5),
    ],
)  # fmt: skip
def test_what_follows_a_vector_is_evaluated(bias: str, expected: float) -> None:
    model = read(shader(bias))
    np.testing.assert_allclose(model.b2, 1e-3 * expected * np.array(B), rtol=1e-6)
    np.testing.assert_allclose(model.w2, read(demo_text()).w2, rtol=1e-6)


def test_sums_and_matrices_are_evaluated() -> None:
    model = read(shader(f"({VECTOR} - 3.)/2.", MATRICES.replace(")*s", ")/2.*s").replace("mat4", "2.*mat4", 1)))
    np.testing.assert_allclose(model.b2, 1e-3 * (np.array(B) - 3) / 2, rtol=1e-6)
    np.testing.assert_allclose(model.w2, read(demo_text()).w2, rtol=1e-6)
    quotients = ",".join(f"{2 * n}./2." for n in B)
    np.testing.assert_allclose(read(shader(f"vec4({quotients})")).b2, 1e-3 * np.array(B), rtol=1e-6)


@pytest.mark.parametrize(
    ("b", "expected"),
    [
        (f"new Float32Array({LIST})", 1.0), (f"new Float32Array({LIST}.map(x => x / 2))", 0.5),
        (f"new Float32Array({LIST}).map(v=>v*0.5)", 0.5), (f"{LIST}.map((x)=>0.25*x).map(y => y*2.)", 0.5),
    ],
)  # fmt: skip
def test_lists_of_javascript(b: str, expected: float) -> None:
    model = read(demo_text(b=f"this.b = {b};"))
    np.testing.assert_allclose(model.b2, 1e-3 * expected * np.array(B), rtol=1e-6)
    rule = "return 1e-3*(b/2. + W[0]*s + W[1]*p + W[2]*abs(s) + W[3]*abs(p));"
    np.testing.assert_allclose(read(demo_text(b=f"this.b = {b};", rule=rule)).b2, model.b2 / 2, rtol=1e-6)


@pytest.mark.parametrize(
    "text",
    [
        shader(f"abs({VECTOR})"), shader(f"{VECTOR}.wzyx"), shader(f"1./{VECTOR}"), shader(f"{VECTOR}/0."),
        shader(f"{VECTOR}/scale"), shader(VECTOR, MATRICES.replace("mat4", "transpose(mat4", 1).replace(")*s", "))*s")),
        demo_text(b=f"this.b = {LIST}.map(Math.sqrt);"), demo_text(b=f"this.b = {LIST}.map(x => x ** 2);"),
        demo_text(b=f"this.b = {LIST}.reverse();"),
        demo_text(rule="return 1e-3*(b + 2.*W[0]*s + W[1]*p + W[2]*abs(s) + W[3]*abs(p));"),
    ],
)  # fmt: skip
def test_other_arithmetic_is_refused(text: str) -> None:
    with pytest.raises(NCAError, match=r"does not evaluate|divides its weights by 0"):
        read(text)
