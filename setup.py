"""What is installed: the library `flashdepth_vfx`, and `batch/` as `flashdepth_batch` with its command."""

import ast
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
#: Folders that are no packages, for hosts: they go into the wheel as data.
PLUGINS = [name for name in ("nuke", "houdini") if (HERE / name).is_dir()]


def version() -> str:
    """Read, not imported: at build time nothing that the package needs is there."""
    tree = ast.parse((HERE / "flashdepth_vfx" / "version.py").read_text(encoding="utf-8"))
    values = {t.id: s.value for s in tree.body if isinstance(s, ast.Assign) for t in s.targets}
    return str(ast.literal_eval(values["VERSION"]))


setup(
    name="flashdepth_vfx",
    version=version(),
    description="Plates in, float depth EXRs out, with a state that is carried from frame to frame.",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    # A top-level package called `batch` would collide with others.
    package_dir={
        "flashdepth_batch": "batch",
        **{f"flashdepth_plugins.{name}": name for name in PLUGINS},
    },
    packages=[
        *find_packages(include=["flashdepth_vfx", "flashdepth_vfx.*"]),
        "flashdepth_batch",
        *(f"flashdepth_batch.{name}" for name in find_packages("batch")),
        *(f"flashdepth_plugins.{name}" for name in PLUGINS),
    ],
    package_data={
        "flashdepth_vfx": ["py.typed", "data/*.json", "data/*.safetensors", "data/paper/*.toml"],
        **{f"flashdepth_plugins.{name}": ["**/*"] for name in PLUGINS},
    },
    entry_points={"console_scripts": ["flashdepth = flashdepth_batch.main:run"]},
    # Each floor is the oldest that the tests were run with.
    install_requires=[
        "av>=18",
        "click>=8.4",
        "fileseq>=2",
        "msgspec>=0.19",
        "numpy>=1.26",
        "opencolorio>=2.5",
        "OpenEXR>=3.5",
        "OpenImageIO>=3.1.7",
        "platformdirs>=4",
        "PyYAML>=6",
        "safetensors>=0.4",
        "torch>=2.13",
    ],
    extras_require={
        # Triton kernels for the state-space scan; without it the same weights run on plain PyTorch.
        "mamba": ["mamba-ssm>=2.2; sys_platform == 'linux'"],
        # Draws the game levels of `flashdepth evaluate`. It needs EGL too: on Debian, libegl1 and libgl1-mesa-dri.
        "evaluation": ["moderngl>=5.12"],
        # Curves and sample pictures of `flashdepth train paper`; without it the log and the PNG files are the same.
        "training": ["tensorboard>=2.21"],
        # Reads edits of `--cuts FILE.otio`, of older schemas too; without it plain JSON is read.
        "otio": ["opentimelineio>=0.17"],
        # Reads cameras of `convert --camera FILE.usd`.
        "usd": ["usd-core>=24.11"],
        # Reads the disparities of the data set Spring.
        "datasets": ["h5py>=3.11"],
        # openjd-cli runs the jobs of Open Job Description that are written. Unpinned, pip takes an empty 0.0.0.
        # Nuke's and Houdini's type stubs hold the tests' fakes of them; nkparser reads the node's text.
        "test": [
            "hypothesis",
            "jsonschema",
            "nkparser==0.3.0",
            "openjd-cli==0.8.0",
            "pytest>=8",
            "pytest-xdist>=3.6",
            "tensorboard>=2.21",
            "types-houdini==21.0.512.3",
            "types-nuke==13.2.8.0",
            "vermin==1.9.2",
        ],
        "lint": ["mypy>=1.15", "ruff>=0.11", "types-PyYAML"],
    },
    classifiers=[
        "Environment :: Console",
        "Intended Audience :: End Users/Desktop",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3.11",
        "Topic :: Multimedia :: Graphics",
        "Typing :: Typed",
    ],
)
