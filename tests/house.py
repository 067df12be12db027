"""The arrows of the house, as `test_structure.py` holds them."""

from __future__ import annotations

#: What each room may know of ours, besides itself. Arrows point one way.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "version": set(),
    "lazy": set(),
    "plate": set(),
    "cuts": {"preprocess"},
    "cutlist": {"errors", "frames"},
    "cutplan": {"cutlist", "cuts", "frames", "io"},
    "takes": {"cutplan", "cuts", "schedule"},
    "events": set(),
    "pipeline": set(),
    "recording": {"model"},
    "runner": {"model", "recording"},
    "transfer": set(),
    "workers": set(),
    "lines": set(),
    "settings": {"errors"},
    "frames": {"errors"},
    "sheet": {"errors"},
    "protocol": {"errors"},
    "job": {"errors", "frames", "settings"},
    "model": {"errors"},
    "color": {"errors", "plate"},
    "io": {"errors", "frames", "plate", "settings"},
    "weights": {"errors", "io", "model"},
    "upsample": set(),
    "preprocess": {"errors", "plate", "settings", "upsample"},
    "ignored": {"errors", "plate", "preprocess"},
    "exposure": {"color", "errors", "io", "plate"},
    "masks": {"errors", "io", "job", "plate", "settings"},
    "depth": {"errors", "plate", "settings"},
    "calibration": {"errors", "plate"},
    "camera": {"errors", "frames", "io", "pipeline", "plate", "settings"},
    "depthsource": {"depthfile", "errors", "ignored", "io", "pipeline", "plate", "settings"},
    "shotrange": {
        "calibration", "depth", "depthsource", "errors", "frames", "job", "rangefile", "settings",
    },
    "distances": {
        "calibration", "depthsource", "errors", "job", "plate", "reference", "settings", "shotrange",
    },
    "geometry": {
        "camera", "depth", "depthsource", "errors", "frames", "io", "job", "plate", "settings",
    },
    "device": {"errors", "model"},
    "edges": {"plate", "preprocess", "settings", "upsample"},
    "stability": set(),
    "carried": {"depth", "errors", "io", "plate", "settings"},
    "state": {"errors", "io", "model", "preprocess", "version"},
    "engine": {
        "color", "depth", "device", "edges", "errors", "ignored", "model", "plate", "preprocess", "settings",
        "stability", "state", "transfer", "upsample",
    },
    "measures": {"errors", "model", "plate", "preprocess", "settings"},
    "training": {
        "camera", "color", "device", "errors", "frames", "io", "lazy", "measures", "model", "pipeline", "plate",
        "preprocess", "sheet", "upsample", "version", "weights",
    },
    "evaluation": {
        "errors", "io", "lazy", "measures", "model", "networks", "plate", "preprocess", "settings", "sheet",
        "training", "version",
    },
    "viewturn": {"errors", "frames"},
    "parallax": {"plate"},
    "depthfile": {"depth", "errors", "frames", "io", "settings"},
    "beside": {"errors", "frames", "io", "job", "plate", "schedule", "settings", "viewturn"},
    "stereo": {
        "depthfile", "depth", "io", "job", "outputs", "parallax", "plate", "preprocess", "shotinfo",
    },
    "lease": {"errors", "frames", "io"},
    "stall": {"errors"},
    "waiting": {
        "errors", "events", "frames", "io", "job", "pipeline", "stall", "state", "viewturn",
    },
    "writing": {"errors", "io", "manifest", "plate", "shotplan"},
    "views": {
        "errors", "events", "frames", "job", "networks", "renderer", "shotinfo", "stereo", "viewturn", "waiting",
    },
    "shotsteps": {"cutplan", "errors", "io", "job", "schedule", "state"},
    "decided": {"errors", "io", "settings", "shotfolder", "state"},
    "before": {"decided", "io", "job", "model", "resume", "shotfolder", "state"},
    "program": {"errors"},
    "hook": {"errors", "frames", "program"},
    "facility": {"errors", "job", "settings"},
    "stills": set(),
    "wording": {"job", "settings"},
    "about": {"device", "version", "weights"},
    # What runs in a host: it lies there without the rest of the package.
    "host": set(),
    "plugins": {"errors", "host"},
    "deciding": {
        "color", "cutplan", "decided", "frames", "job", "networks", "shotcuts", "shotinfo", "shotplan", "stall",
        "views", "viewturn", "waiting",
    },
    "results": {"renderer", "views"},
    "requested": {"about", "events", "farm", "job", "networks", "results", "views"},
    "worker": {"errors", "events", "job", "lines", "networks", "protocol", "requested", "version"},
    "serve": {"errors", "io", "networks", "worker"},
    "farm": {
        "calibration", "converter", "cutlist", "decided", "deciding", "errors", "events", "frames", "hook", "io",
        "job", "lazy", "networks", "outputs", "program", "results", "review", "settings", "shotfolder", "serve",
        "shotinfo", "views", "viewturn", "weights", "workers",
    },
    "assembly": {
        "color", "engine", "manifest", "model", "networks", "plate", "preprocess", "settings", "state",
    },
    "live": {
        "assembly", "color", "engine", "errors", "frames", "io", "lazy", "manifest", "model", "networks", "pipeline",
        "plate", "preprocess", "settings", "sheet", "stability", "state", "stills", "workers",
    },
    # It looks at what is on disk, and knows no network.
    "review": {
        "color", "depth", "depthfile", "errors", "frames", "ignored", "io", "job", "lazy", "manifest", "pipeline",
        "plate", "settings", "sheet", "shotinfo", "stills", "version", "wording", "workers",
    },
    # It measures what a render does, and is no part of one.
    "bench": {
        "device", "engine", "errors", "io", "job", "lazy", "model", "networks", "pipeline", "renderer", "settings",
        "shotplan", "state", "version", "weights", "workers",
    },
}  # fmt: skip
