"""A plan as a job of OpenCue: one layer for each array, layers that wait for each other frame by frame.

    DIR/job.xml       the specification, in OpenCue's own language (cjsl)
    DIR/submit.py     launches it, with the show, shot and user that it is given; needs OpenCue's `opencue` package
    DIR/plan.json, DIR/arrays/NAME

A frame's number is that of its shot. OpenCue kills by SIGKILL at once: what a task goes on from is its last
checkpoint.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from xml.etree import ElementTree

from flashdepth_vfx.farm.arrays import TABLES, TaskArray, task_arrays, write_tables
from flashdepth_vfx.farm.tasks import FarmPlan, Kind, Requirements
from flashdepth_vfx.io.atomic import atomic_write_bytes

__all__ = ["write_opencue"]

_PLAN = "plan.json"
#: The first version of the language that has GPUs.
_LANGUAGE = "1.12"
_HEAD = (
    '<?xml version="1.0"?>\n<!DOCTYPE spec PUBLIC "SPI Cue  Specification Language" '
    f'"http://localhost:8080/spcue/dtd/cjsl-{_LANGUAGE}.dtd">\n'
)
_SUBMIT = '''\
#!/usr/bin/env python3
"""Launches job.xml: submit.py --show SHOW [--shot SHOT] [--user USER] [--priority N]. CUEBOT_HOSTS says where to."""

import argparse
import getpass
import pathlib
import xml.etree.ElementTree as ET

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--show", required=True)
parser.add_argument("--shot", default="all")
parser.add_argument("--user", default=getpass.getuser())
parser.add_argument("--priority", default="100")
parser.add_argument("--print", action="store_true", help="print the specification, and launch nothing")
asked = parser.parse_args()
path = pathlib.Path(__file__).resolve().with_name("job.xml")
text = path.read_text(encoding="utf-8")
head = text[: text.index("<spec>")]
spec = ET.fromstring(text[len(head) :])
for name in ("show", "shot", "user"):
    spec.find(name).text = getattr(asked, name)
spec.find("job/priority").text = asked.priority
told = head + ET.tostring(spec).decode()
if getattr(asked, "print"):
    print(told)
else:
    import opencue

    for job in opencue.api.launchSpecAndWait(told):
        print(job.name())
'''


def write_opencue(plan: FarmPlan, folder: Path) -> tuple[Path, ...]:
    """Write the job of a plan to `folder`, and return the script that launches it. Raises `OutputError`."""
    folder = folder.absolute()
    arrays = task_arrays(plan)
    plan.save(folder / _PLAN)
    write_tables(arrays, folder)
    spec = _spec(plan, arrays, folder)
    ElementTree.indent(spec)
    text = _HEAD + ElementTree.tostring(spec, encoding="unicode") + "\n"
    atomic_write_bytes(folder / "job.xml", text.encode())
    atomic_write_bytes(folder / "submit.py", _SUBMIT.encode())
    (folder / "submit.py").chmod(0o755)
    return (folder / "submit.py",)


def _spec(plan: FarmPlan, arrays: tuple[TaskArray, ...], folder: Path) -> ElementTree.Element:
    spec = ElementTree.Element("spec")
    # What no plan knows is filled in by submit.py.
    for name, text in (("facility", "local"), ("show", "SHOW"), ("shot", "all"), ("user", "USER")):
        ElementTree.SubElement(spec, name).text = text
    name = plan.shots[0].name if len(plan.shots) == 1 else f"{len(plan.shots)}_shots"
    job = ElementTree.SubElement(spec, "job", name=f"depth_{name}")
    # A frame is tried once, and then so often again.
    facts = {
        "paused": "False",
        "priority": "100",
        "maxretries": str(plan.attempts - 1),
        "autoeat": "False",
    }
    for key, text in facts.items():
        ElementTree.SubElement(job, key).text = text
    layers = ElementTree.SubElement(job, "layers")
    depends = ElementTree.SubElement(spec, "depends")
    for array in arrays:
        _layer(layers, array, plan.requirements, folder)
        for need in array.needs:
            depend = ElementTree.SubElement(
                depends, "depend", type="FRAME_BY_FRAME", anyframe="False"
            )
            for key, text in (
                ("depjob", f"depth_{name}"),
                ("deplayer", _layer_name(array.name)),
                ("onjob", f"depth_{name}"),
                ("onlayer", _layer_name(need)),
            ):
                ElementTree.SubElement(depend, key).text = text
    return spec


def _layer(
    layers: ElementTree.Element, array: TaskArray, needs: Requirements, folder: Path
) -> None:
    layer = ElementTree.SubElement(layers, "layer", name=_layer_name(array.name), type="Render")
    words = ["task", str(folder / _PLAN), "--array", str(folder / TABLES / array.name)]
    # A shell runs it. Cuebot puts the frame's number in the place of #IFRAME#, and others in that of other words
    # between `#`: a path of that kind is broken up for it, and whole again for the shell.
    line = shlex.join(words).replace("#", "#''")
    command = f"flashdepth {line} --element #IFRAME# --progress plain"
    facts = {
        "cmd": command,
        "range": array.runs,
        "chunk": "1",
        "cores": f"{needs.cpu_cores:.1f}",
        "threadable": "False",
        "memory": f"{needs.memory_mib}m",
    }
    if array.runs_network and needs.gpus:
        facts |= {"gpus": str(needs.gpus), "gpu_memory": f"{needs.gpu_memory_mib or 1024}m"}
    # What makes plates is a host's, and needs no machine that is kept for the network.
    if needs.device and array.kind is not Kind.PLATES:
        facts["tags"] = needs.device
    for key, text in facts.items():
        ElementTree.SubElement(layer, key).text = text
    if array.licence:
        limits = ElementTree.SubElement(layer, "limits")
        ElementTree.SubElement(limits, "limit").text = array.licence
    env = ElementTree.SubElement(layer, "env")
    ElementTree.SubElement(env, "key", name="OMP_NUM_THREADS").text = str(needs.cpu_cores)
    services = ElementTree.SubElement(layer, "services")
    ElementTree.SubElement(services, "service").text = "default"


def _layer_name(array: str) -> str:
    return f"a{array.replace('.', '_')}"
