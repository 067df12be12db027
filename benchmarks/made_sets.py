"""Made scenes as MVS-Synth lies on disk, to try a training by where there are no data.

    python benchmarks/made_sets.py [FOLDER] [--scenes 2] [--width 256] [--height 144]

Prints how fast they were drawn and written. Without a folder they are written to one that goes again.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import OpenEXR
import OpenImageIO
import torch

from flashdepth_vfx.training.looks import Look, develop, draw_looks
from flashdepth_vfx.training.scenes import Scene, draw_scenes, render

FRAMES = 12


def main() -> None:
    """Write them, and say how fast."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--scenes", type=int, default=2)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--height", type=int, default=144)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        began = time.monotonic()
        write_scenes(asked.folder or Path(temporary), asked.scenes, (asked.height, asked.width))
        rate = asked.scenes * FRAMES / (time.monotonic() - began)
        print(f"{asked.width}x{asked.height}: {rate:.1f} frames a second drawn and written")


def write_scenes(root: Path, scenes: int, size: tuple[int, int]) -> None:
    """Made scenes as MVS-Synth lies on disk."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    written = []
    with ThreadPoolExecutor(16) as pool:
        for number in range(scenes):
            folder = root / "GTAV_1080" / f"{number:04d}"
            for kind in ("images", "depths"):
                (folder / kind).mkdir(parents=True, exist_ok=True)
            scene = Scene.from_arrays(draw_scenes([number], FRAMES), device)
            look = Look.from_arrays(draw_looks([number], FRAMES, 0.0), device)
            for at in range(FRAMES):
                seen = look.part(at, at + 1)
                clip = render(
                    scene.part(at, at + 1),
                    *size,
                    shutter=seen.shutter,
                    light_stops=seen.light_stops,
                )
                rgb = develop(clip.rgb_linear, clip.disparity_100_per_m, seen)[0, 0]
                picture = (rgb.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0)
                # the set's unit is a tenth of a metre, and its sky infinity
                depth = 1000.0 / clip.disparity_100_per_m[0, 0]
                pixels = picture.cpu().numpy(), depth.cpu().numpy()
                written.append(pool.submit(write_frame, folder, f"{at:04d}", *pixels))
        for one in written:
            one.result()


def write_frame(folder: Path, name: str, rgb: np.ndarray, depth: np.ndarray) -> None:
    image = OpenImageIO.ImageOutput.create("png")
    image.open(
        str(folder / "images" / f"{name}.png"),
        OpenImageIO.ImageSpec(rgb.shape[1], rgb.shape[0], 3, "uint8"),
    )
    image.write_image(np.ascontiguousarray(rgb))
    image.close()
    header = {"compression": OpenEXR.ZIP_COMPRESSION}
    with OpenEXR.File(header, {"Y": np.ascontiguousarray(depth, np.float32)}) as file:
        file.write(str(folder / "depths" / f"{name}.exr"))


if __name__ == "__main__":
    main()
