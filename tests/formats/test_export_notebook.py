"""State dicts for the notebook of the article: they run in its class CA, copied here."""

import msgspec
import numpy as np
import pytest
import torch
from exporting import CONVERTED, REFUSED_BY_BOTH, SMALL, replaced
from helpers import NOTEBOOK_CONFIG, random_model, random_state
from torch import Tensor, nn

from ncaengine.backends.reference import Reference
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Clips, Colour, Config, Model, Seed
from ncaengine.formats.exporters import notebook


class CA(nn.Module):
    """The class of the article's notebook."""

    def __init__(self, channels: int, hidden: int, bias: bool) -> None:
        super().__init__()
        self.w1 = nn.Conv2d(4 * channels, hidden, 1)
        self.w2 = nn.Conv2d(hidden, channels, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
        laplacian = torch.tensor([[1.0, 2, 1], [2, -12, 2], [1, 2, 1]])
        one = torch.tensor([[0.0, 0, 0], [0, 1, 0], [0, 0, 0]])
        filters = torch.stack([one, sobel, sobel.T, laplacian])[:, None]
        b, c, h, w = x.shape
        y = nn.functional.pad(x.reshape(b * c, 1, h, w), [1, 1, 1, 1], "circular")
        y = nn.functional.conv2d(y, filters).reshape(b, -1, h, w)
        return x + self.w2(torch.relu(self.w1(y)))


NOTEBOOKS: dict[str, Config] = {name: CONVERTED[name] for name in CONVERTED if name not in ("page", "clips of its own")}


@pytest.mark.parametrize("case", NOTEBOOKS)
def test_the_notebooks_class_computes_the_same_step(catalogue: Catalogue, case: str) -> None:
    model = random_model(NOTEBOOKS[case])
    c, scale = model.config, model.config.colour.scale
    tensors, notes = notebook.state_dict(model)
    net = CA(c.channels, c.hidden, bias=True)
    net.load_state_dict({name: torch.from_numpy(array) for name, array in tensors.items()})
    x = torch.from_numpy(random_state(9, 7, c.channels)).permute(2, 0, 1)[None]
    with torch.no_grad():
        ours = Reference(model, catalogue.get("square"))(x, torch.ones(()))
        np.testing.assert_allclose(net(x * scale) / scale, ours, atol=1e-5)
    assert [sentence for sentence in notes if "w2.bias" in sentence]


def test_notes_list_only_differences_from_the_notebook() -> None:
    model = random_model(NOTEBOOK_CONFIG)
    plain = Model(model.config, model.w1, model.b1, model.w2, np.zeros(12, np.float32))
    tensors, notes = notebook.state_dict(plain)
    assert set(tensors) == {"w1.weight", "w1.bias", "w2.weight"}
    assert not notes
    other = msgspec.structs.replace(model.config, fire_rate=1.0, seed=Seed("noise"), colour=Colour(1.0, 0.0))
    notes = notebook.state_dict(Model(other, model.w1, model.b1, model.w2, model.b2))[1]
    for word, sentence in zip(("w2.bias", "update_rate=1", "a noise seed", r"state + 0,"), notes, strict=True):
        assert word in sentence


@pytest.mark.parametrize("case", [*REFUSED_BY_BOTH, "clip"])
def test_models_that_the_notebook_cannot_run_are_refused(case: str) -> None:
    clipped = replaced(SMALL, clips=Clips(hidden=(0.0, 1.0), state=(-1.0, 1.0)))
    model, message = {**REFUSED_BY_BOTH, "clip": (clipped, "clips its hidden and state")}[case]
    with pytest.raises(NCAError, match=message):
        notebook.state_dict(model)
