"""A process of `test_farm_opencue.py`, where OpenCue's packages are: the job on stdin, as pyoutline writes it."""

import json
import logging
import os
import sys

os.environ.setdefault("USER", "artist")
import outline
import outline.cuerun
import outline.depend
import outline.modules.shell

logging.disable(logging.WARNING)


def main() -> None:
    told = json.load(sys.stdin)
    job = outline.Outline(told["name"], shot="shot", show="testing", user="artist")
    made = {}
    for layer in told["layers"]:
        more = {"gpus": int(layer["gpus"])} if "gpus" in layer else {}
        more |= {name: layer[name] for name in ("memory", "gpu_memory", "tags") if name in layer}
        if "threadable" in layer:
            more["threadable"] = layer["threadable"] == "True"
        if layer["limit"]:
            more["limits"] = layer["limit"]
        made[layer["name"]] = outline.Layer(
            layer["name"],
            command=[layer["cmd"]],
            range=layer["range"],
            chunk=int(layer["chunk"]),
            cores=float(layer["cores"]),
            register=True,
            env=layer["env"],
            **more,
        )
        job.add_layer(made[layer["name"]])
    for depend in told["depends"]:
        made[depend["deplayer"]].depend_on(
            made[depend["onlayer"]], outline.depend.DependType.FrameByFrame
        )
    launcher = outline.cuerun.OutlineLauncher(job, os=None, facility="local", nomail=True)
    print(json.dumps(launcher.serialize(use_pycuerun=False)))  # noqa: T201


main()
