"""A training with a small network, as a process of its own: KIND, then key=value; the log on stdout."""

from __future__ import annotations

import sys

import paper_kit
import torch

from flashdepth_batch.streams import write_line
from flashdepth_vfx.training.run import run_stage

if __name__ == "__main__":
    torch.set_num_threads(1)
    run_stage(paper_kit.job(sys.argv[1], sys.argv[2:]), write_line)
