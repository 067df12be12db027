"""What a temporal module may be, as plain values: kinds, places, names, and files from before there were several."""

from __future__ import annotations

import dataclasses
import json

import pytest
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
