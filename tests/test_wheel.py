"""The wheel works outside the checkout: installed into an empty environment, it records a video."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import av

ROOT = Path(__file__).resolve().parent.parent


def test_an_installed_wheel_records_a_shipped_model(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    home = tmp_path / "env"
    venv.create(home, with_pip=False)
    # The environment borrows the dependencies of this one (5 GB of torch) by a path entry, which
    # does not follow the editable install there: ncaengine itself comes from the wheel alone.
    (site,) = home.glob("lib/python*/site-packages")
    install = [sys.executable, "-m", "pip", "--python", str(home / "bin/python"), "install", "--no-deps", "--no-index"]
    subprocess.run([*install, "--quiet", "--disable-pip-version-check", str(wheel)], check=True, capture_output=True)
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")

    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    ask = "import ncaengine.formats.model_files as f; print(f.__file__, f.default_model(), sep='\\n')"
    told = subprocess.run(
        [home / "bin/python", "-c", ask], cwd=tmp_path, env=clean, text=True, capture_output=True, check=True
    )
    code, model = told.stdout.split()
    assert Path(code).is_relative_to(home)
    assert Path(model).is_relative_to(home)

    out = tmp_path / "a.mp4"
    flags = ["--size", "16x16", "--steps", "8", "--kernel", "hexagonal"]
    subprocess.run([home / "bin/ncaengine", "record", model, "-o", out, *flags], cwd=tmp_path, env=clean, check=True)
    with av.open(str(out)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 4
