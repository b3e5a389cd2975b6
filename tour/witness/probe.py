"""What runs in the child: the reader's Python, with the reader's torch, and nothing of ours installed.

    python probe.py SPEC

``SPEC`` is a JSON file that says which places to watch and which program to run. What is seen for the first time is
written down at once, and counts live in a file that is mapped into memory, so that a program that crashes, or ends
by ``os._exit``, loses nothing. Each process writes files of its own, named by its id.

Runs on CPython 3.8 and later. Where there is ``sys.monitoring`` (3.12) it costs next to nothing; before,
``sys.settrace`` sees calls and lines alike, and costs less than ``sys.setprofile``, which is called for each function
in C too. Not seen: threads that C++ made and that enter Python by themselves (before 3.12), and Python children that
were started with ``-I`` or ``-E``.
"""

import array
import json
import linecache
import mmap
import os
import sys
import threading
import time
import traceback
import types
import warnings

DEEPEST = 60
"""Frames kept of a stack."""

MOST_SPANS = 100000
"""Operators and kernels of which each one's times are kept."""

TELLING = 4000
"""Characters kept of a traceback."""

CHILD = "TOUR_WITNESS_SPEC"
"""Tells a Python child which places are watched."""

try:
    HERE = os.getcwd() + os.sep
except OSError:
    HERE = os.sep
"""Where the program begins: a library there is its own."""

SITE = "TOUR_WITNESS_SITE"
"""The folder whose ``sitecustomize`` starts the watch in a child."""


class Notes:
    """Lines of JSON in a file of this process, written as they come."""

    def __init__(self, folder):
        self.folder = folder
        self.reopen()

    def reopen(self):
        """Begin this process's own file; a fork calls it too."""
        self.pid = os.getpid()
        name = os.path.join(self.folder, "seen-%d.jsonl" % self.pid)
        self.file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o600)

    def write(self, kind, **fields):
        """One line."""
        line = json.dumps(dict(fields, kind=kind, pid=self.pid)) + "\n"
        os.write(self.file, line.encode("utf-8", "backslashreplace"))


class Counters:
    """Numbers that outlive the process: one for each watched place and line."""

    def __init__(self, folder, size):
        self.folder, self.size = folder, max(size, 1)
        self.reopen()

    def reopen(self):
        """Begin this process's own numbers, all 0."""
        name = os.path.join(self.folder, "counts-%d" % os.getpid())
        file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        os.ftruncate(file, self.size * 8)
        self.map = mmap.mmap(file, self.size * 8)
        os.close(file)
        self.numbers = memoryview(self.map).cast("Q")


class Program:
    """The program under watch, and which of its cells is running."""

    def __init__(self, spec, notes):
        self.cells = spec["program"].get("cells", [])
        self.spec = spec["program"]
        self.notes = notes
        file = os.open(os.path.join(spec["folder"], "cell"), os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(file, 8)
        self.map = mmap.mmap(file, 8)  # shared with forked workers, and read by the debugger
        os.close(file)
        self.running = memoryview(self.map).cast("q")

    @property
    def cell(self):
        """Name of the cell that is running."""
        number = self.running[0]
        return self.cells[number]["name"] if 0 <= number < len(self.cells) else None

    def run(self):
        """Run it as ``__main__``; whether all of it ran as it is meant to."""
        main = types.ModuleType("__main__")
        main.__dict__["__builtins__"] = __builtins__
        sys.modules["__main__"] = main
        self.running[0] = -1
        sys.argv = list(self.spec.get("argv") or [""])
        if self.cells:
            sys.path.insert(0, "")
            return self._run_cells(main)
        return self._run_whole(main)

    def _run_cells(self, main):
        fine = True
        for number, cell in enumerate(self.cells):
            self.running[0] = number
            name = "<cell %s>" % cell["name"]
            linecache.cache[name] = (len(cell["code"]), None, cell["code"].splitlines(True), name)
            error = self._attempt(lambda: exec(compile(cell["code"], name, "exec"), main.__dict__))  # noqa: B023
            ended = isinstance(error, (SystemExit, KeyboardInterrupt))
            wrong = self._wrong(error, cell.get("raises"))
            fine = fine and wrong is None
            self.notes.write("cell", cell=cell["name"], wrong=wrong, trace=self._told(error) if wrong else None)
            if ended:
                return fine
        self.running[0] = -1
        return fine

    def _run_whole(self, main):
        import runpy

        self.running[0] = 0
        if "module" in self.spec:
            error = self._attempt(lambda: runpy.run_module(self.spec["module"], run_name="__main__", alter_sys=True))
        elif "script" in self.spec:
            sys.path.insert(0, os.path.dirname(os.path.abspath(self.spec["script"])))
            error = self._attempt(lambda: runpy.run_path(self.spec["script"], run_name="__main__"))
        else:
            sys.path.insert(0, "")
            code = self.spec["code"]
            linecache.cache["<program>"] = (len(code), None, code.splitlines(True), "<program>")
            error = self._attempt(lambda: exec(compile(code, "<program>", "exec"), main.__dict__))
        wrong = self._wrong(error, None)
        self.notes.write("cell", cell=None, wrong=wrong, trace=self._told(error) if wrong else None)
        return wrong is None

    @staticmethod
    def _attempt(work):
        try:
            work()
        except BaseException as error:
            return error
        return None

    @staticmethod
    def _wrong(error, meant):
        if isinstance(error, SystemExit) and not meant:
            return None if error.code in (None, 0) else "it exits with %s" % (error.code,)
        if error is None:
            return "it is meant to end with %s, and did not" % meant if meant else None
        name = type(error).__name__
        if name == meant:
            return None
        return "%s: %s" % (name, (str(error).splitlines() or [""])[0][:500])

    @staticmethod
    def _told(error):
        if error is None:
            return None
        return "".join(traceback.format_exception(type(error), error, error.__traceback__))[-TELLING:]


class Watch:
    """The places to watch, in torch's files."""

    def __init__(self, spec, notes, counters, program):
        self.notes, self.counters, self.program = notes, counters, program
        self.root = spec["root"]
        self.by_file = {}
        for place in spec["watch"]:
            self.by_file.setdefault(place["file"], []).append(place)
        self.files = {}
        self.plans = {}
        self.entered = {}
        self.kept = []
        self.first = set()
        self.lock = threading.Lock()

    def start(self):
        """From here on in this process, its threads and its forks."""
        if hasattr(sys, "monitoring"):
            self._monitor()
        else:
            threading.settrace(self._trace)
            sys.settrace(self._trace)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forked)

    def _forked(self):
        self.notes.reopen()
        self.counters.reopen()
        self.first.clear()
        self.notes.write("fork", parent=os.getppid(), cell=self.program.cell)

    def _plan(self, code):
        """What a code object has to tell: the places that its start is, and places by line."""
        name = code.co_filename
        if name not in self.files:
            real = name if name in self.by_file else os.path.realpath(name)
            self.files[name] = self.by_file.get(real, ())
        starts, lines = [], {}
        for place in self.files[name]:
            if place["lines"] is None:
                if self._is(code, place):
                    starts.append(place["slot"])
                continue
            first, last = place["lines"]
            for line in _lines(code):
                if first <= line <= last:
                    lines.setdefault(line, []).append((place["slot"], place["slot"] + 1 + line - first))
        return (starts, lines) if starts or lines else None

    @staticmethod
    def _is(code, place):
        """Whether a code object is the definition itself; of a class, its body or one of its methods."""
        if not place["start"] <= code.co_firstlineno <= place["end"]:
            return False
        if place["what"] == "module":
            return code.co_name == "<module>"
        if place["what"] == "member":
            return code.co_name != place["name"]
        return code.co_name == place["name"] and code.co_firstlineno <= place["line"]

    def _saw(self, slot, frame):
        """Count, and write down what the first one looked like."""
        self.counters.numbers[slot] += 1
        if slot in self.first:
            return
        with self.lock:
            if slot in self.first:
                return
            self.first.add(slot)
            self.notes.write(
                "seen", slot=slot, cell=self.program.cell, thread=_thread(), stack=self._stack(frame), at=time.time()
            )

    def _stack(self, frame):
        """Frames of torch and of the program, innermost first."""
        found = []
        while frame is not None and len(found) < DEEPEST:
            code = frame.f_code
            name = code.co_filename
            if name.startswith((self.root, "<cell ", "<program>")):
                found.append([name, frame.f_lineno, getattr(code, "co_qualname", code.co_name)])
            frame = frame.f_back
        return found

    def _start_of(self, code):
        """The plan of a code object; kept, for a code object's hash is slow and its address may be used again."""
        plan = self._plan(code)
        self.plans[id(code)] = plan
        self.kept.append(code)
        return plan

    def _trace(self, frame, event, arg):
        code = frame.f_code
        try:
            plan = self.plans[id(code)]
        except KeyError:
            plan = self._start_of(code)
            self.entered[id(code)] = frame.f_lasti
        if plan is None:
            return None
        starts, lines = plan
        if frame.f_lasti == self.entered[id(code)]:  # else a generator that runs on
            for slot in starts:
                self._saw(slot, frame)
        return self._trace_lines if lines else None

    def _trace_lines(self, frame, event, arg):
        if event == "line":
            for slot, number in self.plans[id(frame.f_code)][1].get(frame.f_lineno, ()):
                self.counters.numbers[number] += 1
                self._saw(slot, frame)
        return self._trace_lines

    def _monitor(self):
        monitoring = sys.monitoring
        tool = next(number for number in (4, 3, 2, 1, 5, 0) if monitoring.get_tool(number) is None)
        monitoring.use_tool_id(tool, "tour")
        events = monitoring.events

        def started(code, offset):
            plan = self._start_of(code) if id(code) not in self.plans else self.plans[id(code)]
            if plan is None:
                return monitoring.DISABLE
            starts, lines = plan
            if lines:
                monitoring.set_local_events(tool, code, events.LINE)
            for slot in starts:
                self._saw(slot, sys._getframe(1))
            return None if starts else monitoring.DISABLE

        def line_of(code, line):
            plan = self.plans.get(id(code))
            watched = plan[1].get(line) if plan else None
            if not watched:
                return monitoring.DISABLE
            for slot, number in watched:
                self.counters.numbers[number] += 1
                self._saw(slot, sys._getframe(1))
            return None

        monitoring.register_callback(tool, events.PY_START, started)
        monitoring.register_callback(tool, events.LINE, line_of)
        monitoring.set_events(tool, events.PY_START)


class Calls:
    """Each call of a function in torch's files, with its times: for a program that no tour tells of."""

    FLUSHED = 3 * 4096
    MOST = 3 * 4_000_000

    def __init__(self, spec, notes):
        self.root, self.notes, self.folder = spec["root"] + "torch" + os.sep, notes, spec["folder"]
        self.numbers = {}
        self.kept = []
        self.written = 0
        self.paused = False
        self.reopen()

    def reopen(self):
        """Begin this process's own file."""
        name = os.path.join(self.folder, "calls-%d" % os.getpid())
        self.file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.events = array.array("q")

    def flush(self):
        """What came since the last time; when the program is too long the rest is left out."""
        events, self.events = self.events, array.array("q")
        self.written += len(events)
        os.write(self.file, events.tobytes())
        if self.written > self.MOST:
            self.stop()
            self.notes.write("calls-cut", events=self.written // 3)

    def start(self):
        """From here on in this process and its threads."""
        if hasattr(sys, "monitoring"):
            self._monitor()
        else:
            threading.setprofile(self._profile)
            sys.setprofile(self._profile)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=self.flush, after_in_child=self.reopen)

    def stop(self):
        """No more from here on."""
        if hasattr(sys, "monitoring"):
            sys.monitoring.set_events(self.tool, 0)
        else:
            threading.setprofile(None)
            sys.setprofile(None)

    def _number(self, code):
        """The number of a function of torch, from 1; 0 for any other. It stands for the code object from now on."""
        self.kept.append(code)
        number = 0
        if code.co_filename.startswith(self.root):
            number = len(self.kept)
            name = getattr(code, "co_qualname", code.co_name)
            self.notes.write("code", number=number, file=code.co_filename, line=code.co_firstlineno, name=name)
        self.numbers[id(code)] = number
        return number

    def _note(self, number):
        if self.paused:
            return
        self.events.extend((time.perf_counter_ns(), threading.get_ident(), number))
        if len(self.events) >= self.FLUSHED:
            self.flush()

    def _profile(self, frame, event, arg):
        if event == "call" or event == "return":
            code = frame.f_code
            number = self.numbers.get(id(code))
            if number is None:
                number = self._number(code)
            if number:
                self._note(number if event == "call" else -number)

    def _monitor(self):
        monitoring = sys.monitoring
        self.tool = next(number for number in (4, 3, 2, 1, 5, 0) if monitoring.get_tool(number) is None)
        monitoring.use_tool_id(self.tool, "tour")
        events = monitoring.events

        def begun(code, offset, *rest):
            number = self.numbers.get(id(code))
            if number is None:
                number = self._number(code)
            if not number:
                return monitoring.DISABLE
            self._note(number)
            return None

        def over(code, offset, *rest):
            number = self.numbers.get(id(code))
            if not number:
                return monitoring.DISABLE
            self._note(-number)
            return None

        def thrown(work):
            def without_switch(code, offset, *rest):
                work(code, offset)  # these two events cannot be switched off at a place

            return without_switch

        monitoring.register_callback(self.tool, events.PY_START, begun)
        monitoring.register_callback(self.tool, events.PY_RESUME, begun)
        monitoring.register_callback(self.tool, events.PY_THROW, thrown(begun))
        monitoring.register_callback(self.tool, events.PY_RETURN, over)
        monitoring.register_callback(self.tool, events.PY_YIELD, over)
        monitoring.register_callback(self.tool, events.PY_UNWIND, thrown(over))
        wanted = events.PY_START | events.PY_RESUME | events.PY_THROW
        monitoring.set_events(self.tool, wanted | events.PY_RETURN | events.PY_YIELD | events.PY_UNWIND)


class Imports:
    """A finder that stands first, finds nothing itself, and times what the others load of torch."""

    def __init__(self, notes, ready):
        self.notes, self.ready = notes, ready
        self.asking = threading.local()
        self.depth = 0

    def find_spec(self, name, path=None, target=None):
        """Ask the other finders, and wrap what loads the module."""
        if name.partition(".")[0] != "torch" or getattr(self.asking, "now", False):
            return None
        self.asking.now = True
        try:
            for finder in sys.meta_path:
                find = getattr(finder, "find_spec", None)
                spec = None if finder is self or find is None else find(name, path, target)
                if spec is not None:
                    if hasattr(spec.loader, "exec_module"):
                        spec.loader = _Timed(spec.loader, self)
                    return spec
        finally:
            self.asking.now = False
        return None

    def load(self, loader, module):
        """Run a module's body under the clock; it sees its own loader, not ours."""
        spec = module.__spec__
        spec.loader = loader
        module.__loader__ = loader
        self.depth += 1
        start = time.perf_counter()
        try:
            loader.exec_module(module)
        finally:
            self.depth -= 1
            took = time.perf_counter() - start
            self.notes.write(
                "import", name=spec.name, at=start, seconds=took, depth=self.depth, file=getattr(spec, "origin", None)
            )
        if spec.name == "torch":
            self.ready()


class _Timed:
    """A loader that is replaced by the real one as soon as it is used."""

    def __init__(self, loader, imports):
        self.loader, self.imports = loader, imports

    def __getattr__(self, name):
        return getattr(self.loader, name)

    def create_module(self, spec):
        spec.loader = self.loader
        try:
            start = time.perf_counter()
            module = self.loader.create_module(spec)
            if module is not None:  # an extension module: its PyInit_ function has run
                self.imports.notes.write(
                    "create",
                    name=spec.name,
                    at=start,
                    seconds=time.perf_counter() - start,
                    depth=self.imports.depth,
                    file=spec.origin,
                )
            return module
        finally:
            spec.loader = self

    def exec_module(self, module):
        self.imports.load(self.loader, module)


class Operators:
    """The torch profiler's record of the program, given up while the program uses the profiler itself."""

    MARK = "tour:mark"
    """An event of ours, by which the profiler's clock is told from Python's."""

    def __init__(self, notes, wanted, calls=None):
        """``calls`` are paused while the profiler starts and stops; with them operators have times."""
        self.notes, self.wanted, self.calls = notes, wanted, calls
        self.ours = None
        self.starting = False
        self.told = {}
        self.kernels, self.names = {}, {}
        self.number = self.spans = 0
        self.pid = os.getpid()

    def begin(self):
        """Called when ``torch`` has been imported."""
        self.notes.write("libraries", paths=_libraries())
        if not self.wanted or self.ours is not None or os.getpid() != self.pid:
            return
        try:
            self._hold(True)
            self._give_way()
            self._start()
        except Exception as error:
            self.notes.write("no-profiler", error="%s: %s" % (type(error).__name__, error))
            self.wanted = False

    def _start(self):
        import torch

        activities = [torch.profiler.ProfilerActivity.CPU]
        if torch.cuda.is_available():
            activities.append(torch.profiler.ProfilerActivity.CUDA)
        self._hold(True)
        try:
            with warnings.catch_warnings():  # what it says of itself is no output of the program
                warnings.simplefilter("ignore")
                self.ours = torch.profiler.profile(activities=activities, record_shapes=self.calls is None)
            # torch 2.13 imports its whole compiler here, for one setting that says nothing of a program without it
            lazy = getattr(torch, "_lazy_modules", None)
            hidden = isinstance(lazy, set) and "_inductor" in lazy
            if hidden:
                lazy.discard("_inductor")
            try:
                self.ours.start()
            finally:
                if hidden:
                    lazy.add("_inductor")
            if self.calls is not None:
                self.marked = time.perf_counter_ns()
                with torch.autograd.profiler.record_function(self.MARK):
                    pass
        finally:
            self._hold(False)

    def _hold(self, starting):
        """What the profiler does for us is no part of the program."""
        self.starting = starting
        if self.calls is not None:
            self.calls.paused = starting

    def _stop(self):
        ours, self.ours = self.ours, None
        if ours is not None:
            self._hold(True)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    ours.stop()
                    events = ours.events()
            finally:
                self._hold(False)
            self._take(events)

    def _give_way(self):
        """Stop ours where the program starts one of its own, take what that one saw, and go on."""
        from torch.autograd import profiler

        cls = profiler.profile
        for name in ("__enter__", "_prepare_trace"):
            if hasattr(cls, name):
                setattr(cls, name, self._first_ours(getattr(cls, name)))
        leave = cls.__exit__

        def left(theirs, *exception):
            told = leave(theirs, *exception)
            if not self.starting and self.wanted and os.getpid() == self.pid:
                self._take(getattr(theirs, "function_events", None) or ())
                self._start()
            return told

        cls.__exit__ = left

    def _first_ours(self, enter):
        def entered(theirs, *rest):
            if not self.starting and os.getpid() == self.pid:
                self._stop()
            return enter(theirs, *rest)

        return entered

    def _take(self, events):
        """Each way of operators that were nested is written down once, with how often it ran."""
        if self.calls is not None:
            self._take_times(events)
        for event in events or ():
            if event.name.startswith(("ProfilerStep", "[")) or "::" not in event.name or _on_device(event):
                continue
            way, parent = [event.name], event.cpu_parent
            while parent is not None and len(way) < DEEPEST:
                way.append(parent.name)
                parent = parent.cpu_parent
            key = tuple(way)
            if key not in self.told:
                shapes = [list(shape) for shape in event.input_shapes or () if isinstance(shape, (list, tuple))]
                self.told[key] = [0, self.number, shapes]
                self.number += 1
            self.told[key][0] += 1
            for kernel in getattr(event, "kernels", None) or ():
                self.kernels.setdefault((kernel.name, event.name), [0, self.number])[0] += 1
                self.number += 1

    def _take_times(self, events):
        """Each operator, and what an accelerator did, with times on Python's clock."""
        mark = next((event for event in events or () if event.name == self.MARK), None)
        if mark is None:
            return

        def clock(at):
            return self.marked + int((at - mark.time_range.start) * 1000)

        for event in events:
            if self.spans >= MOST_SPANS:
                break
            start, end = clock(event.time_range.start), clock(event.time_range.end)
            if _on_device(event):
                if event.name != self.MARK:
                    stream = getattr(event, "device_resource_id", event.thread)
                    device = [getattr(event, "device_index", 0), stream]
                    self.notes.write("device-span", name=self._named(event.name), start=start, end=end, device=device)
                    self.spans += 1
            elif "::" in event.name:
                thread = threading.get_ident() if event.thread == mark.thread else -event.thread
                launched = [[self._named(kernel.name), int(kernel.duration * 1000)] for kernel in event.kernels or ()]
                more = {"launched": launched} if launched else {}
                self.notes.write("span", name=event.name, start=start, end=end, thread=thread, **more)
                self.spans += 1

    def _named(self, kernel):
        """A kernel's number; its name, which can be pages long, is written once."""
        number = self.names.get(kernel)
        if number is None:
            number = self.names[kernel] = len(self.names)
            self.notes.write("kernel-name", number=number, name=kernel)
        return number

    def end(self):
        """Write down what was seen."""
        if not self.wanted or os.getpid() != self.pid:
            return
        self._stop()
        for way, (count, order, shapes) in self.told.items():
            self.notes.write("operator", way=list(way), count=count, order=order, shapes=shapes)
        for (name, operator), (count, order) in self.kernels.items():
            self.notes.write("kernel", name=name, operator=operator, count=count, order=order)


def _on_device(event):
    """Whether an event of the profiler tells what an accelerator did, rather than the processor."""
    return getattr(event, "device_type", None) is not None and "CPU" not in str(event.device_type).upper()


def _lines(code):
    """The lines of a code object that have code."""
    if hasattr(code, "co_lines"):
        return {line for _, _, line in code.co_lines() if line}
    import dis

    return {line for _, line in dis.findlinestarts(code)}


def _thread():
    current = threading.current_thread()
    return None if current is threading.main_thread() else current.name


def _device():
    """The accelerator's name where there is one."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    try:
        if cuda is not None and cuda.is_available():
            return [cuda.get_device_name(index) for index in range(cuda.device_count())]
    except Exception as error:
        return ["unknown: %s" % error]
    return []


def _libraries():
    """Torch's libraries, as they are loaded."""
    found = []
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
            for line in file:
                name = line.rstrip("\n").split(None, 5)[-1]
                base = os.path.basename(name)
                if name.startswith("/") and name not in found and (".so" in base or base.startswith("python")):
                    near = base.startswith(("libtorch", "libc10", "libcaffe2", "libpython", "python", "_C"))
                    if near or os.sep + "torch" + os.sep in name or (os.sep != HERE and name.startswith(HERE)):
                        found.append(name)
    except OSError:
        pass
    return found


def _watch(spec):
    """The watch that a spec asks for, started; and the program that it is for."""
    notes = Notes(spec["folder"])
    program = Program(spec, notes)
    if spec["watch"]:
        Watch(spec, notes, Counters(spec["folder"], spec["slots"]), program).start()
    return notes, program


def _tell_stacks(spec):
    """Have CPython write the Python stack where a debugger reads it, when it is asked by a signal and in a crash."""
    import faulthandler

    os.dup2(os.open(spec["traceback"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), spec["descriptor"])
    faulthandler.register(spec["signal"], file=spec["descriptor"], all_threads=False)
    faulthandler.enable(file=spec["descriptor"], all_threads=False)


def in_child(path):
    """Watch a Python program that the program started."""
    with open(path, encoding="utf-8") as file:
        spec = json.load(file)
    notes, _ = _watch(spec)
    notes.write("child", argv=sys.argv[:1])


def main():
    """Run the program that the spec names."""
    with open(sys.argv[1], encoding="utf-8") as file:
        spec = json.load(file)
    # what the program sees is what it would see without us
    sys.path.pop(0)
    sys.modules["tour_probe"] = sys.modules["__main__"]
    if spec.get("traceback"):
        _tell_stacks(spec)
    notes, program = _watch(spec)
    calls = Calls(spec, notes) if spec.get("calls") else None
    operators = None
    if spec.get("imports") or spec.get("operators"):
        operators = Operators(notes, spec.get("operators"), calls)
        sys.meta_path.insert(0, Imports(notes, operators.begin))
    if spec["watch"] and spec.get("site"):
        os.environ[CHILD], os.environ[SITE] = sys.argv[1], spec["site"]
        rest = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = spec["site"] + (os.pathsep + rest if rest else "")
    if calls is not None:
        calls.start()
    start = time.perf_counter()
    notes.write("begin", python=sys.version.split()[0], at=time.perf_counter_ns(), thread=threading.get_ident())
    fine = program.run()
    took = time.perf_counter() - start
    if calls is not None:
        calls.stop()
        calls.flush()
    if os.getpid() != notes.pid:
        return
    if operators is not None:
        try:
            operators.end()
        except Exception as error:
            notes.write("no-profiler", error="%s: %s" % (type(error).__name__, error))
    torch = sys.modules.get("torch")
    if torch is not None:
        notes.write("libraries", paths=_libraries())
    notes.write("end", fine=fine, seconds=took, torch=str(getattr(torch, "__version__", "")), devices=_device())


if __name__ == "__main__":
    main()
