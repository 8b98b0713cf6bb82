"""What files say about a step beside layers: buffers, attributes of pickled modules, dictionaries of settings.

Steps are compared with the module's own forward.
"""

import argparse
import json
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch
from one_step import all_fired
from published_forms import numbers, state_dict
from torch import nn
from torch.nn import functional
from torch_files import saved

from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Alive, Seed
from ncaengine.formats import model_files
from ncaengine.formats.importers.base import Hints

CHANNELS, HIDDEN = 6, 5
KEPT: dict[str, Any] = {}
"""What each test gives the modules as attributes."""


class Automaton(nn.Module):
    """A net whose attributes and buffers all count."""

    def __init__(self, pads: str = "circular", activation: type[nn.Module] = nn.Tanh) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.perceive = nn.Conv2d(CHANNELS, 3 * CHANNELS, 3, 1, 1, groups=CHANNELS, padding_mode=pads, bias=False)
        self.update = nn.Sequential(
            nn.Conv2d(3 * CHANNELS, HIDDEN, 1), activation(), nn.Conv2d(HIDDEN, CHANNELS, 1, bias=False)
        )
        self.step_size, self.clip, self.fire_rate, self.use_alive_mask = 0.25, 0.5, 1.0, False
        self.register_buffer("update_mask", torch.tensor([0.0, 1, 1, 0, 1, 0.5]).view(1, -1, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x + self.step_size * self.update_mask * self.update(self.perceive(x))).clamp(-self.clip, self.clip)


class Growing(nn.Module):
    """A net with filters of its own whose cells live and die."""

    def __init__(self, **kept: Any) -> None:
        super().__init__()
        torch.manual_seed(8)
        self.fc0, self.fc1 = nn.Conv2d(3 * CHANNELS, HIDDEN, 1), nn.Conv2d(HIDDEN, CHANNELS, 1, bias=False)
        self.__dict__.update(kept)


for module in (Automaton, Growing):
    module.__module__ = "__main__"  # as a script's that saves its own


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for module in (Automaton, Growing):
        monkeypatch.setattr("__main__." + module.__name__, module, raising=False)
    return tmp_path / "m.pt"


@pytest.mark.parametrize("pads", ["circular", "zeros", "replicate"])
@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.Sigmoid, nn.SiLU, nn.Identity])
def test_a_whole_module_computes_what_its_own_forward_does(
    file: Path, catalogue: Catalogue, pads: str, activation: type[nn.Module]
) -> None:
    net = Automaton(pads, activation)
    model = model_files.load(saved(file, {"epoch": 3, "model": net}))
    assert model.config.fire_rate == 1
    assert "left out" not in model.config.attribution
    x = numbers(7, 5, CHANNELS, seed=9, spread=0.4).clip(-0.5, 0.5)
    with torch.no_grad():
        expected = net(torch.from_numpy(x).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(all_fired(model, x, catalogue), expected, atol=1e-5)


def test_a_state_dict_has_the_same_buffers_and_the_dictionary_beside_it_the_rest(
    file: Path, catalogue: Catalogue
) -> None:
    net = Automaton("zeros", nn.ReLU)
    settings = {
        "step_size": 0.25,
        "padding_mode": "zeros",
        "state_clip": 0.5,
        "fire_rate": 1.0,
        "alive": False,
        "lr": 1e-3,
    }
    whole = model_files.load(saved(file, Automaton("zeros", nn.ReLU)))
    for name, held in (
        ("hyper_parameters", settings), ("hparams", settings), ("model_config", {"net": settings}),
        ("args", argparse.Namespace(**settings)), ("config", json.dumps(settings)),
        ("cfg", "# of the run\n" + "".join(f"{name}: {value}  # {name}\n" for name, value in settings.items())),
    ):  # fmt: skip
        model = model_files.load(saved(file, {"state_dict": net.state_dict(), name: held}))
        x = numbers(4, 5, CHANNELS, seed=9)
        np.testing.assert_array_equal(all_fired(model, x, catalogue), all_fired(whole, x, catalogue))
        assert (model.config.fire_rate, model.config.padding) == (1, "zero")


def test_settings_may_be_an_object_of_a_class_that_nobody_knows(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = types.ModuleType("someones_program")
    program.Config = type("Config", (), {"__module__": program.__name__})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, program.__name__, program)
    config = program.Config()
    config.fire_rate, config.model = 0.25, {"padding": "circular"}
    net = {name: torch.from_numpy(array) for name, array in state_dict(12, names=("fc0", "fc1")).items()}
    model = model_files.load(saved(file, {"net": net, "config": config})).config
    assert (model.fire_rate, model.padding) == (0.25, "circular")


@pytest.mark.parametrize(
    "text",
    ["fire_rate 0.25", "fire_rate: 1\nand so on", "[0.25]", '{"fire_rate": ', "{" * 10**5, f"fire_rate: {'9' * 5000}"],
)
def test_another_text_states_nothing(file: Path, text: str) -> None:
    net = {name: torch.from_numpy(array) for name, array in state_dict(12, names=("fc0", "fc1")).items()}
    assert model_files.load(saved(file, {"net": net, "config": text})).config.fire_rate == 0.5


def test_the_metadata_of_safetensors_are_such_a_dictionary(tmp_path: Path) -> None:
    held = {"fire_rate": "0.25", "model": '{"padding": "circular", "living_mask": false}', "format": "pt"}
    safetensors.numpy.save_file(state_dict(12, names=("fc0", "fc1")), tmp_path / "m.safetensors", held)
    config = model_files.load(tmp_path / "m.safetensors").config
    assert (config.fire_rate, config.padding, config.alive) == (0.25, "circular", None)


def test_what_the_training_is_set_to_does_not_count(file: Path) -> None:
    net = {name: torch.from_numpy(array) for name, array in state_dict(12, names=("fc0", "fc1")).items()}
    plain = model_files.load(saved(file, net)).config
    config = {"step_size": 2000, "clip": 1.0, "solver": "adam", "update_rate": 5, "seed": 1}
    beside = {"optimizer": {"fire_rate": 0.1}, "other": {"padding": "circular"}, "config": config}
    model = model_files.load(saved(file, {"net": net, **beside})).config
    assert (model.fire_rate, model.padding, model.clips, model.integrator) == (0.5, "zero", plain.clips, "euler")
    said = "config.step_size 2000, config.clip 1, config.solver adam, config.update_rate 5"
    assert model.notes == [*plain.notes, f"not applied, because they may be settings of the training: {said}"]
    around = model_files.load(saved(file, {"net": net, "step_size": 1000, "clip": 1.0, "fire_rate": 0.25})).config
    assert around.clips == plain.clips
    assert around.fire_rate == 0.25
    assert around.notes == ["not applied, because they may be settings of the training: step_size 1000, clip 1"]


@pytest.mark.parametrize(
    "name",
    [
        "update_noise", "update_clip", "update_every", "topology", "kernel_dilation", "gradient_scale", "channel_order",
        "initial_noise", "log_step", "hidden_scales", "time_scale",
    ],
)  # fmt: skip
def test_a_name_with_a_common_word_in_it_is_accounted_for(file: Path, name: str) -> None:
    left = model_files.load(saved(file, Growing(**{name: "hexagonal"}))).config.attribution["left out"]
    assert name in left


@pytest.mark.parametrize(
    "name",
    ["step_n", "channel_n", "hidden_size", "batchSize", "log_every", "loss_scale", "lr_gamma", "save_path", "_x"],
)
def test_a_name_that_says_nothing_about_a_step_is_not(file: Path, name: str) -> None:
    assert "left out" not in model_files.load(saved(file, Growing(**{name: 3}))).config.attribution


def test_names_of_common_settings_are_known(file: Path) -> None:
    config = model_files.load(
        saved(file, Growing(update_fraction=0.25, circular=True, hidden_activation="tanh"))
    ).config
    assert (config.fire_rate, config.padding, config.activation) == (0.25, "circular", "tanh")
    config = model_files.load(saved(file, Growing(fire_rate=0.5, stochastic_update=False))).config
    assert config.fire_rate == 1
    texture = {name: torch.from_numpy(array) for name, array in state_dict(16).items()}
    open_edges = model_files.load(saved(file, {"net": texture, "train_config": {"circular": False}})).config
    assert open_edges.padding == "zero"
    assert open_edges.attribution["stated in the file"] == "train_config.circular False"


def test_a_factor_that_is_stated_twice_is_applied_once(file: Path) -> None:
    net = {name: torch.from_numpy(array) for name, array in state_dict(12, names=("fc0", "fc1")).items()}
    plain = model_files.load(saved(file, net))
    twice = {"state_dict": {**net, "dt": torch.tensor(0.5)}, "hyper_parameters": {"dt": 0.5, "mask": 1.0}}
    np.testing.assert_array_equal(model_files.load(saved(file, twice)).w2, plain.w2 * 0.5)
    other = model_files.load(saved(file, {**twice, "hyper_parameters": {"dt": 0.25}}))
    np.testing.assert_array_equal(other.w2, plain.w2 * 0.5)
    assert "does not apply hyper_parameters.dt 0.25" in other.config.attribution["left out"]


def test_life_is_that_of_the_file(file: Path) -> None:
    alive = {"alive_threshold": 0.25, "alpha_channel": 4}
    assert model_files.load(saved(file, Growing(**alive))).config.alive == Alive(4, 0.25)
    assert model_files.load(saved(file, Growing(living_mask=False))).config.alive is None
    assert model_files.load(saved(file, Growing(life_mask="before"))).config.alive == Alive(when="before")
    texture = {name: torch.from_numpy(array) for name, array in state_dict(16).items()}
    config = model_files.load(saved(file, texture | {"alive_threshold": torch.tensor(0.125)})).config
    assert (config.alive, config.seed, config.colour.alpha) == (Alive(3, 0.125), Seed("point", 1.0, first=3), True)
    hinted = model_files.load(saved(file, texture | {"alive_threshold": torch.tensor(0.125)}), Hints(offset=0.25))
    assert (hinted.config.colour.alpha, hinted.config.colour.offset) == (True, 0.25)


def test_flags_win_over_the_file(file: Path) -> None:
    saved(file, Growing(fire_rate=0.25, padding_mode="circular", living_mask=False, clip=(-1.0, 2.0)))
    config = model_files.load(file).config
    assert (config.fire_rate, config.padding, config.alive) == (0.25, "circular", None)
    assert config.clips.state == (-1, 2)
    hints = Hints(fire_rate=0.75, padding="replicate", alive="after", state_clip=3.0)
    config = model_files.load(file, hints).config
    assert (config.fire_rate, config.padding, config.alive) == (0.75, "replicate", Alive(when="after"))
    assert config.clips.state == (-3, 3)


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ({"padding_mode": "reflect"}, "padding_mode reflect"),
        ({"angle": 0.5}, "angle 0.5"),
        ({"mask": torch.ones(8, 8)}, "mask (8, 8)"),
        ({"hidden_scale": 0.5}, "hidden_scale 0.5"),
        ({"fire_rate": 0.0}, "fire_rate 0"),
        ({"clamp": True}, "clamp True"),
        ({"clip_min": 0.5}, "clip_min 0.5"),
        ({"integrator": "midpoint"}, "integrator midpoint"),
        ({"act": "gelu"}, "act gelu"),
    ],
)
def test_what_a_configuration_cannot_express_is_named(file: Path, kept: dict[str, Any], said: str) -> None:
    notes = model_files.load(saved(file, Growing(**kept))).config.notes
    assert notes[-1] == f"the reading is partial; ncaengine does not apply {said}"


def test_a_likely_reading_is_a_guess_where_something_is_not_applied(file: Path) -> None:
    names = ("update_network.0", "update_network.2")
    made = {name: torch.from_numpy(array) for name, array in state_dict(12, names=names).items()}
    assert model_files.load(saved(file, made)).config.notes == []
    guess, note = model_files.load(saved(file, made | {"update_mask": torch.ones(1, 1, 8, 8)})).config.notes
    assert guess.startswith("a guess: ")
    assert note.endswith("does not apply update_mask (1, 1, 8, 8)")


def test_modules_that_are_not_run_are_named(file: Path) -> None:
    net = Automaton("reflect", nn.LeakyReLU)
    net.update.append(nn.Tanh())
    net.update.append(nn.InstanceNorm2d(CHANNELS))
    note = model_files.load(saved(file, net)).config.notes[-1]
    for said in ("update.1.activation LeakyReLU", "padding_mode reflect", "update.3.other_activation Tanh",
                 "update.4.class InstanceNorm2d"):  # fmt: skip
        assert said in note
    dilated = Automaton()
    dilated.perceive.dilation = (2, 2)
    assert "perceive.dilation (2, 2)" in model_files.load(saved(file, dilated)).config.notes[-1]


def test_two_bounds_are_a_limit(file: Path) -> None:
    assert model_files.load(saved(file, Growing(clip_min=-1.0, clip_max=2))).config.clips.state == (-1, 2)


def test_statements_that_differ_are_named(file: Path) -> None:
    held = {"net": Growing(fire_rate=0.25), "config": {"fire_rate": 0.5, "padding": "zeros"}}
    config = model_files.load(saved(file, held)).config
    assert config.fire_rate == 0.25
    assert "does not apply config.fire_rate 0.5" in config.notes[-1]
    assert config.attribution["stated in the file"] == "fire_rate 0.25, config.padding zeros"


def test_unknown_attributes_are_named_and_plain_ones_are_not(file: Path) -> None:
    plain = {"channel_n": 16, "device": "cpu", "loss_weight": 2.0, "dilation": 1, "angle": 0.0, "rotation": False}
    config = model_files.load(saved(file, Growing(strength=0.5, **plain))).config
    assert config.notes[-1] == "left out, because its meaning is not known: strength"
    assert model_files.load(saved(file, Growing(**plain))).config.notes[1:] == []


def test_factors_of_hidden_units_and_of_the_update(file: Path) -> None:
    made = {name: torch.from_numpy(array) for name, array in state_dict(16).items()}
    plain = model_files.load(saved(file, made))
    scale = torch.arange(1.0, 7)
    model = model_files.load(saved(file, made | {"hidden_scale": scale, "dt": torch.tensor(0.5)}))
    np.testing.assert_allclose(model.w2, 0.5 * plain.w2 * scale.numpy(), rtol=1e-6)
    assert functional.relu(scale).equal(scale)  # so that it makes no difference on which side of ReLU they are


@pytest.mark.parametrize("held", [list, tuple, lambda filters: dict(zip("abc", filters, strict=True))])
def test_filters_in_a_list_are_those_of_an_array(file: Path, held: Any) -> None:
    filters = [numbers(3, 3, seed=seed) for seed in (1, 2, 3)]
    array = model_files.load(saved(file, Growing(filters=np.stack(filters))))
    listed = model_files.load(saved(file, Growing(filters=held(filters))))
    assert len(array.config.stencils) == 3
    assert (listed.config.features, listed.config.stencils) == (array.config.features, array.config.stencils)


@pytest.mark.parametrize("value", [nn.Tanh, nn.Tanh(), "tanh"])
def test_an_activation_may_be_an_object_or_a_class(file: Path, value: Any) -> None:
    assert model_files.load(saved(file, Growing(act=value))).config.activation == "tanh"
    net = {name: torch.from_numpy(array) for name, array in state_dict(12, names=("fc0", "fc1")).items()}
    assert model_files.load(saved(file, {"net": net, "config": {"activation": value}})).config.activation == "tanh"
    other = model_files.load(saved(file, Growing(act=functional.leaky_relu)))
    assert other.config.notes[-1].endswith("does not apply act leaky_relu")


def test_a_layer_in_groups_is_named(file: Path) -> None:
    net = Automaton()
    net.update[0] = nn.Conv2d(6 * CHANNELS, HIDDEN - 1, 1, groups=2)
    net.update[2] = nn.Conv2d(HIDDEN - 1, CHANNELS, 1)
    assert "update.0.groups 2" in model_files.load(saved(file, net)).config.notes[-1]


@pytest.mark.parametrize("name", ["D", "seed_state", "target_scale", "moments", "pool", "decay", "random_rates"])
def test_what_lies_in_the_net_itself_is_named_whatever_it_is_called(file: Path, name: str) -> None:
    net = {key: torch.from_numpy(array) for key, array in state_dict(12, names=("fc0", "fc1")).items()}
    notes = model_files.load(saved(file, {**net, name: torch.ones(())})).config.notes
    assert notes[-1] == f"left out, because its meaning is not known: {name}"
    beside = model_files.load(saved(file, {"net": net, name: torch.ones(())})).config.notes
    assert beside == ([] if name != "decay" else notes)
