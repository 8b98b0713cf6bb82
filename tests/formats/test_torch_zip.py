"""Files of torch that are written without it: torch itself opens them."""

import io
import zipfile

import numpy as np
import torch

from ncaengine.formats.torch_zip import ALIGNMENT, as_pt

CONTENT = {
    "version": 3,
    "config": {"name": "ä", "rate": 0.5, "big": 2**40, "none": None, "flags": [True, False, "x", {"y": [1, 2.5]}]},
    "weights": {
        "a": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
        "same": np.arange(24, dtype=np.float32).reshape(4, 6).T,
        "number": np.array(7, np.float32),
        "empty": np.zeros((0, 3), np.float32),
        "big": np.random.default_rng(0).normal(size=(300, 41, 1, 1)).astype(np.float32),
    },
}


def test_torch_opens_what_is_written_without_it(tmp_path):
    path = tmp_path / "a.pt"
    path.write_bytes(as_pt(CONTENT))
    for options in ({"weights_only": True}, {"weights_only": False}, {"mmap": True}):
        held = torch.load(path, **options)
        assert held["version"] == 3
        assert held["config"] == CONTENT["config"]
        assert held["weights"].keys() == CONTENT["weights"].keys()
        for name, array in CONTENT["weights"].items():
            tensor = held["weights"][name]
            assert tensor.dtype == torch.float32
            assert tensor.is_contiguous()
            assert tensor.shape == array.shape
            assert np.array_equal(tensor.numpy(), array)
    assert as_pt(CONTENT) == path.read_bytes()  # nothing in it is of the moment


def test_tensors_are_aligned_as_torch_wants_them():
    data = as_pt(CONTENT)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        for entry in archive.infolist():
            header = data[entry.header_offset : entry.header_offset + 30]
            lengths = np.frombuffer(header[26:30], "<u2").astype(int)
            assert (entry.header_offset + 30 + lengths.sum()) % ALIGNMENT == 0
            assert entry.compress_type == zipfile.ZIP_STORED
