"""The names that programs give to what lies beside the layers of a net: statements on a step, copies, leftovers."""

import re
from collections.abc import Mapping

OUTSIDE = "/"
"""Precedes the names of what lies outside of a model, around it."""
KINDS: dict[str, str] = {
    "fire rate": "fire_rate cell_fire_rate firing_rate fire_prob fire_probability firing_prob update_rate update_prob "
    "update_probability update_p p_update update_fraction update_chance fire_fraction fire_chance firing_fraction "
    "stochastic_rate async_rate",
    "stochastic": "stochastic stochastic_update stochastic_updates async_update asynchronous",
    "factor": "dt delta_t time_step timestep step_size step_scale update_scale update_gain delta_scale output_scale "
    "out_scale channel_scale update_mask channel_mask mask",
    "hidden factor": "hidden_scale hidden_gain hidden_mask",
    "threshold": "alive_threshold alive_thresh alive_thr alive_th living_threshold life_threshold live_threshold "
    "alpha_threshold alpha_living_threshold",
    "channel": "alive_channel living_channel life_channel alpha_channel alive_index alpha_index alpha_idx",
    "alive": "alive alive_mask alive_masking alive_when living living_mask living_masking life life_mask mask_alive",
    "clip": "clip clamp clip_value clamp_value clip_range clamp_range clip_state clamp_state state_clip state_clamp "
    "state_range state_limit state_bound value_range",
    "lowest": "clip_min clamp_min state_min min_value",
    "highest": "clip_max clamp_max state_max max_value",
    "padding": "pad padding padding_mode padding_type pad_mode pad_type boundary boundary_mode boundary_condition "
    "boundary_conditions edge_mode",
    "circular": "circular circular_padding circular_pad periodic wrap wrap_around toroidal torus",
    "integrator": "integrator integration integration_method ode_method ode_solver solver",
    "activation": "activation activation_function activation_fn act act_fn nonlinearity non_linearity "
    "hidden_activation hidden_act",
    "not run": "angle angle_rad angle_deg rotation rotation_angle class other_activation output_activation "
    "out_activation final_activation stride dilation groups kernel_dilation topology lattice neighbourhood "
    "neighborhood",
}
"""Names of what a step computes with, by what they say."""
VALUES: dict[str, dict[str, str]] = {
    "padding": {
        "circular": "circular wrap periodic toroidal torus cyclic",
        "zero": "zero zeros constant same",
        "replicate": "replicate edge nearest replication",
    },
    "integrator": {
        "euler": "euler forward_euler explicit_euler",
        "heun": "heun heun2",
        "rk4": "rk4 runge_kutta runge_kutta4",
        "implicit": "implicit implicit_euler backward_euler",
    },
    "activation": {
        "relu": "relu", "tanh": "tanh", "sigmoid": "sigmoid logistic", "swish": "swish silu",
        "linear": "linear identity",
    },
    "alive": {"none": "none never false no off", "before": "before pre", "after": "after post", "both": "both"},
}  # fmt: skip
"""Texts, by what they mean."""
DICTIONARIES = re.compile(
    r"h_?params?|hyper_?param(eter)?s?|hps|((nca|ca|model|net|train(ing)?|exp(eriment)?|init)_?)?(config(uration)?|cfg"
    r"|conf|config_dict|kw_?args|arg(ument)?s|settings|opts?|options|params|parameters|hparams)|flags|meta(data)?|info"
    r"|arch(itecture)?|extra",
    re.IGNORECASE,
)
"""Names of dictionaries of a program's settings."""
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_TRAINING = re.compile(
    r"loss(es)?|lr|grad|learning|learningrate|optim\w*|sched\w*|save\w*|load\w*|print\w*|verbose|debug|device\w*|\w*path"
    r"|version|date|\w*batch\w*|epochs?|dtype|logg\w+|log(s|dir)|checkpoint\w*|ckpt\w*"
)
"""Words of names that are of the training, whatever stands beside them."""
_SHAPE = re.compile(
    r"(in|out|num|n|img|image|grid)?(channels?|chn|hidden|features?|filters?|sizes?|width|height|shapes?|names?|seeds?"
    r"|time|bias|kernels?|dims?)|init\w*|log"
)
"""Words of names of what the shapes of the weights say, or of the training, unless one of _TELLING stands beside."""
_TELLING = re.compile(
    r"activation|act|order|scales?|dilation|noise|fraction|prob|probability|rate|gain|leak|threshold|mode|strength|dt"
)
"""Words of names that say something about a step."""
_SILENT = re.compile(
    r"_.*|n|num|n_.*|num_.*|.*_(n|dim|num|count|len)|dim|in|out|h|w|c|chn|(n?steps?|iter(ation)?s?|it|i)(_.*)?|training"
    r"|transposed|output_padding|inplace|p|(start|end)_dim|T_destination|dump_patches|weight_decay",
    re.IGNORECASE,
)
"""Whole names that say nothing about a step."""
BESIDE = {
    "of the loss": r"\w*losse?s?(_\w+)?|criterion|feature_extractor|metrics?|perceptual(_\w+)?|disc|(?-i:D)"
    r"|(open_?)?clip(_?(model|net|loss|vision|visual|text|encoder|image)\w*)?"
    r"|\w*(vgg|lpips|discriminator|critic|inception|resnet|alexnet)\w*",
    "of the optimiser": r"\w*optim\w*|opts?|opt_states?|adam\w*|\w*sched\w*|\w*scaler|exp_avg\w*|moments?|momentum"
    r"|grad(ient)?s",
    "of the training": r"rng\w*|seed\w*|random\w*|histor\w+|target(_\w+)?|(sample_)?pool(_\w+)?|replay\w*",
}
"""Names of modules, dictionaries and tensors that a step never needs, by what they are."""
_FILTERS = re.compile("filter|kernel|stencil", re.IGNORECASE)
"""What has such a name may be the perception."""
COUNTERS = re.compile(
    r"n_averaged|initted|initiali[sz]ed|num_updates|epochs?|((global|current)_)?steps?|iter(ation)?s?|it"
    r"|total_(ops|params)|_extra_state|device_(anchor|indicator)|dummy(_(param|tensor|var)\w*)?|num_batches_tracked"
)
"""Names of single numbers that a step never needs."""
COPIES = re.compile(r"\w*(ema|best|swa|avg|averag|shadow|target|old|init|prev|backup|copy)\w*", re.IGNORECASE)
"""Names of a checkpoint's other weights of the same model."""


def _plain(text: str) -> str:
    """Return a text in lower case with nothing but its letters and digits."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _by_word(table: Mapping[str, str]) -> dict[str, str]:
    return {_plain(word): meaning for meaning, words in table.items() for word in words.split()}


_KINDS = _by_word(KINDS)
_VALUES = {kind: _by_word(table) for kind, table in VALUES.items()}
_BESIDE = {reason: re.compile(names, re.IGNORECASE) for reason, names in BESIDE.items()}


def last_part(name: str) -> str:
    """Return the last part of a dotted name, in lower case."""
    return name.removeprefix(OUTSIDE).rpartition(".")[2].lower()


def kind_of(name: str) -> str:
    """Return which of KINDS the last part of a dotted name is, perhaps after use_ or the like; '' if none."""
    last = last_part(name)
    if len(last) > 40:
        return ""
    return _KINDS.get(_plain(last)) or _KINDS.get(_plain(re.sub(r"^(use|with|enable|apply)_?", "", last)), "")


def in_dictionary(name: str) -> bool:
    """Return whether a dotted name is that of a setting that may be one of the training: in a dictionary or OUTSIDE."""
    return name.startswith(OUTSIDE) or any(DICTIONARIES.fullmatch(part) for part in name.split(".")[:-1])


def is_silent(name: str) -> bool:
    """Return whether a name says nothing about a step, or nothing that the shapes of the weights do not say."""
    words = [word.lower() for word in _WORD.findall(name[:100])]
    if name.startswith("_") or any(map(_TRAINING.fullmatch, words)):
        return True
    if any(map(_TELLING.fullmatch, words)) or words == ["log", "step"]:
        return False
    return bool(_SILENT.fullmatch(name)) or any(map(_SHAPE.fullmatch, words))


def meaning_of(kind: str, text: str) -> str:
    """Return what a text under a name of some kind means, a key of VALUES[kind]; '' if it is not known."""
    return _VALUES[kind].get(_plain(text), "")


def beside(part: str) -> str:
    """Return why a step never needs what has this name, without dots, such as "of the loss"; '' if it may need it."""
    if len(part) > 100 or _FILTERS.search(part):
        return ""
    return next((reason for reason, names in _BESIDE.items() if names.fullmatch(part)), "")
