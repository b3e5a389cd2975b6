"""What a kernel is told before a tour's first cell, by ``tour run`` and by the page alike; the module ``_tour`` there.

It chooses the device, seeds the generators, and tells what the kernel is; after a run on a GPU, what the run did there.
It needs the standard library and the IPython that it runs in, works with any torch that the tours are for, and starts
no CUDA by itself: a cell may be about to show when that happens.
"""

import os
import platform
import random
import re
import subprocess
import sys
import warnings
from pathlib import Path

os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # else the profiler's own log stands among what a cell shows
try:
    import torch
except ImportError:
    torch = None

MOST_KERNELS = 12
"""Kernels told of one run, those that took longest."""


class Told(dict):
    """A dictionary that a client gets as JSON."""

    def _repr_json_(self):
        return dict(self)


def begin(device="auto"):
    """Take ``cpu``, a GPU by its id, or what there is (``auto``); seed; tell what this kernel is."""
    gpus = _gpus()
    if device == "cpu":
        _see("")
    elif device not in ("auto", "cuda"):
        _see(device)
        gpus = [gpu for gpu in gpus if gpu["id"] == device] + [gpu for gpu in gpus if gpu["id"] != device]
    random.seed(0)
    taken = {"id": "cpu", "kind": "cpu", "name": _processor()}
    if torch is not None:
        torch.manual_seed(0)
        if device != "cpu" and gpus:
            taken = gpus[0]
            _watch()
    return Told(
        torch=str(torch.__version__) if torch else None,
        git=torch.version.git_version if torch else None,
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        threads=torch.get_num_threads() if torch else None,
        device=taken,
        devices=[{"id": "cpu", "kind": "cpu", "name": _processor()}, *sorted(gpus, key=lambda gpu: gpu["name"])],
        paths=_paths(),
    )


def _see(devices):
    """Hide all GPUs but these from the CUDA that will start, NVIDIA's or AMD's."""
    os.environ["CUDA_VISIBLE_DEVICES"] = os.environ["HIP_VISIBLE_DEVICES"] = devices


def _gpus():
    """The GPUs that torch can use here, by a query that starts no CUDA in this process."""
    if torch is None or not torch.cuda.is_available():
        return []
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], stdout=subprocess.PIPE, timeout=10, check=True)
        told = listed.stdout.decode(errors="replace")
    except (OSError, subprocess.SubprocessError):
        return [{"id": str(n), "kind": "cuda", "name": f"GPU {n}"} for n in range(torch.cuda.device_count())]
    found = re.findall(r"(?m)^GPU (\d+): (.+) \(UUID: (\S+)\)", told)
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    named = None if allowed is None else [name.strip() for name in allowed.split(",")]
    return [
        {"id": uuid, "kind": "cuda", "name": name}
        for index, name, uuid in found
        if named is None or index in named or any(name and uuid.startswith(name) for name in named)
    ]


def _processor():
    """The processor's name, without the marks of its maker."""
    try:
        named = re.search(r"(?m)^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text())
    except OSError:
        named = None
    name = named[1] if named else platform.processor() or platform.machine()
    return re.sub(r"\s+", " ", re.sub(r"\((?:R|TM)\)|CPU|@.*|Processor", "", name)).strip() or platform.machine()


def _paths():
    """Folders whose names say nothing of what a cell shows, each with what stands for it."""
    named = {Path.cwd(): "", Path.home(): "~/"}
    if torch is not None:
        named[Path(torch.__file__).parents[2]] = ""
    if sys.prefix != sys.base_prefix:
        named[Path(sys.prefix)] = ""
    long_first = sorted(named, key=lambda path: -len(str(path)))
    below = {f"{path}{os.sep}": named[path] for path in long_first if len(path.parts) > 1}
    return {**below, str(Path.cwd()): ".", str(Path.home()): "~"} if len(Path.home().parts) > 1 else below


_run = {"kernels": None}


def _watch():
    """From now on look at what each cell does on the GPU."""
    from IPython import get_ipython

    shell = get_ipython()
    shell.events.register("pre_run_cell", _before)
    shell.events.register("post_run_cell", _after)


def _before(info):
    """Start the profiler, unless the cell looks like using one itself: there is only one."""
    _run.update(kernels=None, profiler=None)
    if torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()
    if "profile" in (info.raw_cell or ""):
        return
    try:
        from torch.profiler import ProfilerActivity, profile

        with warnings.catch_warnings():  # what it says of itself is no output of the cell
            warnings.simplefilter("ignore")
            profiler = profile(activities=[ProfilerActivity.CUDA])
            profiler.start()
    except Exception:  # a torch or a driver without it: the run matters more
        return
    _run["profiler"] = profiler


def _after(result):
    profiler = _run.pop("profiler", None)
    if profiler is None:
        return
    waits = torch.cuda.synchronize
    try:
        if not torch.cuda.is_initialized():
            torch.cuda.synchronize = lambda *args: None  # stopping would start CUDA
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            profiler.stop()
            _run["kernels"] = _kernels(profiler.events())
    except Exception:
        return
    finally:
        torch.cuda.synchronize = waits


def _kernels(events):
    """Name, count and microseconds of each kernel, those that took longest first."""
    seen = {}
    for event in events:
        if "cuda" not in str(event.device_type).lower():
            continue
        count, spent = seen.get(event.name, (0, 0.0))
        seen[event.name] = (count + 1, spent + event.time_range.elapsed_us())
    ranked = sorted(seen.items(), key=lambda item: -item[1][1])
    return [{"name": name, "count": count, "us": round(spent, 1)} for name, (count, spent) in ranked[:MOST_KERNELS]]


def report():
    """What the last run left and did on the GPU; empty without one."""
    if torch is None or not torch.cuda.is_initialized():
        return Told()
    free, total = torch.cuda.mem_get_info()
    return Told(
        allocated=torch.cuda.memory_allocated(),
        peak=torch.cuda.max_memory_allocated(),
        free=free,
        total=total,
        kernels=_run["kernels"],
    )
