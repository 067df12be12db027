"""What a temporal module may be, as plain values: kinds, places, names, and files from before there were several."""

from __future__ import annotations

import dataclasses
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from golden import tiny

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.model import FlashDepthNet, ModelConfig
from flashdepth_vfx.model.temporal_config import TEMPORAL_KINDS, TemporalConfig, TemporalKind

every_kind = pytest.mark.parametrize("kind", TEMPORAL_KINDS)


def test_a_module_on_another_path_is_pooled_to_as_many_tokens() -> None:
    nano = ModelConfig.preset("nano")
    pools = {path: nano.with_temporal(path=path).temporal.pool for path in (1, 2, 3, 4)}
    assert pools == {1: 8, 2: 4, 3: 2, 4: 1}
    assert ModelConfig.preset("l").with_temporal(path=3).temporal.pool == 2
    assert nano.with_temporal("mamba2", 3) == nano, "what it is already has no other name"


@every_kind
def test_a_configuration_survives_json_and_names_itself(kind: TemporalKind) -> None:
    config = ModelConfig.preset("nano").with_temporal(kind, 2)
    assert ModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert config.name == ("nano-path2" if kind == "mamba2" else f"nano-{kind}-path2")


def test_a_configuration_from_before_there_were_others_is_mamba2() -> None:
    config = ModelConfig.preset("full")
    data = config.to_dict()
    assert data["temporal"].pop("kind") == "mamba2"
    assert ModelConfig.from_dict(data) == config


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "gru"}, r"'gru'; there are: mamba2, hydra, xlstm, transformer, none"),
        ({"path": 0}, "1, 2, 3 or 4"),
        ({"path": 5}, "1, 2, 3 or 4"),
        ({"kind": "hydra"}, "conv_taps must be odd, not 4"),
        ({"kind": "xlstm"}, "state_dim must equal head_dim"),
        ({"kind": "xlstm", "head_dim": 6, "state_dim": 6}, "a multiple of 4"),
    ],
)
def test_a_module_that_cannot_be_is_refused(changes: dict[str, object], said: str) -> None:
    good = ModelConfig.preset("nano").temporal
    with pytest.raises(SettingsError, match=said):
        dataclasses.replace(good, **changes)  # type: ignore[arg-type]


def test_a_transformer_whose_heads_do_not_share_the_path_s_width_is_refused() -> None:
    nano = ModelConfig.preset("nano")
    odd = TemporalConfig(path=3, heads=2, head_dim=96, expand=3, kind="transformer")
    with pytest.raises(SettingsError, match="multiple of head_dim"):
        dataclasses.replace(nano, temporal=odd)


@pytest.mark.parametrize("kind", [kind for kind in TEMPORAL_KINDS if kind != "mamba2"])
def test_the_published_scan_is_mamba_2_s_alone(kind: TemporalKind) -> None:
    with pytest.raises(SettingsError, match=f"'{kind}': use --scan auto"):
        FlashDepthNet(tiny.config("nano", temporal=kind), scan="mamba_ssm")


@every_kind
def test_the_page_says_what_a_module_of_nano_weighs(kind: TemporalKind) -> None:
    page = Path(__file__).resolve().parents[1] / "docs" / "temporal.md"
    line = next(t for t in page.read_text().splitlines() if t.startswith(f"| `{kind}` |"))
    with torch.device("meta"):
        net = FlashDepthNet(ModelConfig.preset("nano").with_temporal(kind))
    parameters = sum(parameter.numel() for parameter in net.mamba.parameters())
    state = sum(4 * math.prod(shape) for shape in net.state_shapes(1))
    said = [text.strip().removesuffix(" bytes") for text in line.split("|")[-3:-1]]
    assert said == [f"{parameters:,}", f"{state:,}"]


def test_no_module_makes_pytorch_load_its_compiler_before_its_weights_are_read() -> None:
    """Drawing on the meta device does, and it takes a second of every render's start."""
    code = (
        "import sys, torch\n"
        "from flashdepth_vfx.model import FlashDepthNet, ModelConfig\n"
        "from flashdepth_vfx.model.temporal_config import TEMPORAL_KINDS\n"
        "with torch.device('meta'):\n"
        "    for kind in TEMPORAL_KINDS:\n"
        "        FlashDepthNet(ModelConfig.preset('nano').with_temporal(kind))\n"
        "        print(kind, 'torch._dynamo' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:-1] == [f"{kind} False" for kind in TEMPORAL_KINDS]
