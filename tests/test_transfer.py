"""Pixels arrive as they were sent, whatever else the device does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from flashdepth_vfx.transfer import Transfer


def test_nothing_is_copied_on_a_cpu() -> None:
    transfer, pixels = Transfer(torch.device("cpu")), torch.randn(3, 4)
    laid = transfer.laid_out(pixels)
    sent = transfer.send(laid)
    assert sent.there().data_ptr() == pixels.data_ptr()
    with transfer.aside():
        assert torch.equal(transfer.fetch(sent.there()), pixels)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_frames_sent_ahead_and_fetched_on_threads_are_whole() -> None:
    transfer = Transfer(torch.device("cuda", 0))
    frames = [torch.full((1, 3, 1000, 1000), float(number)) for number in range(12)]

    def back(tensor: torch.Tensor) -> torch.Tensor:
        with transfer.aside():
            return transfer.fetch(tensor * 2)

    with ThreadPoolExecutor(3) as pool:
        waiting = []
        sent = transfer.send(transfer.laid_out(frames[0]))
        for number in range(len(frames)):
            ahead = None
            if number + 1 < len(frames):
                ahead = transfer.send(transfer.laid_out(frames[number + 1]))
            there = sent.there() + 1
            transfer.wait()
            waiting.append(pool.submit(back, there))
            sent = ahead or sent
        for number, fetched in enumerate(waiting):
            found = fetched.result()
            assert found.device.type == "cpu"
            assert torch.equal(found, torch.full_like(found, 2.0 * (number + 1)))
