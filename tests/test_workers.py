"""How many threads work beside the network."""

from __future__ import annotations

import os
import sys

import pytest
import torch

from flashdepth_vfx.workers import one_core_an_operation, usable_cores, worker_count


@pytest.mark.parametrize(
    ("cores", "on_gpu", "on_cpu"),
    [(1, 1, 1), (2, 1, 1), (4, 2, 1), (16, 8, 4), (32, 16, 8), (128, 16, 16)],
)
def test_codecs_get_half_of_the_cores_or_a_quarter(cores: int, on_gpu: int, on_cpu: int) -> None:
    assert worker_count(cores, network_on_cpu=False) == on_gpu
    assert worker_count(cores, network_on_cpu=True) == on_cpu


@pytest.mark.skipif(sys.platform != "linux", reason="affinity is a Linux call")
def test_cores_are_those_that_the_process_may_use() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert usable_cores() == (min(before),)
    finally:
        os.sched_setaffinity(0, before)
    assert set(usable_cores()) == before


def test_threads_of_an_operation_are_as_before_afterwards() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with one_core_an_operation(network_on_cpu=True):
            assert torch.get_num_threads() == 2
        with one_core_an_operation(network_on_cpu=False):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
