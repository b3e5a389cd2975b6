"""Starts the watch in a Python that the program started, then does what the machine's own ``sitecustomize`` does."""

import importlib.util
import os
import sys

_HERE = os.environ.get("TOUR_WITNESS_SITE", "")
_SPEC = os.environ.get("TOUR_WITNESS_SPEC", "")


def _start():
    path = os.path.join(os.path.dirname(_HERE), "probe.py")
    found = importlib.util.spec_from_file_location("tour_probe", path)
    probe = importlib.util.module_from_spec(found)
    sys.modules["tour_probe"] = probe
    found.loader.exec_module(probe)
    probe.in_child(_SPEC)


if _HERE:
    sys.path[:] = [entry for entry in sys.path if entry != _HERE]
    _us = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize
    except ImportError:
        pass
    sys.modules.setdefault("sitecustomize", _us)
    try:
        _start()
    except Exception as _error:  # the program is the reader's: it runs, watched or not
        sys.stderr.write("tour: this process is not watched: %s\n" % _error)
