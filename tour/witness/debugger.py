"""What runs inside gdb, on gdb's own Python: it stops where it is told, notes the stack, and lets the program go on.

    TOUR_WITNESS_NATIVE=SPEC gdb -nx -batch -x debugger.py --args python probe.py …

Of the hundred libraries that torch brings only those that the stacks pass are read, and breakpoints are addresses: gdb
looks up each breakpoint anew whenever it has read a library. Names stay mangled, for demangling half a million of them
is most of gdb's time; who reads the stack demangles the few in it. What is seen first is written at once; the counts
come last.
"""

import json
import os
import re
import struct

import gdb

MOST = 1000
"""Hits after which a place is left alone: its count is then a least one."""

MISSES = 300
"""Calls from elsewhere after which a function is left alone: it is called from everywhere."""

DEEPEST = 80
"""Native frames read of a stack."""

HANDLER = 64
"""Bytes that a handler of signals is away from where the program stood, at least."""

FATAL = ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT")

EVALUATES = re.compile(r"_?PyEval_EvalFrame(Default)?")
"""CPython's loop: where Python's own stack takes over."""

PASSED = re.compile(r"lib(torch|c10|shm|python|gomp|iomp|caffe2|cuda|ffi|c\.|stdc)|_C\.")
"""Libraries that a stack leads through on its way from a kernel to Python."""

FIRST_ARGUMENT = {"x86-64": "$rdi", "aarch64": "$x0"}
RESULT = {"x86-64": "$rax", "aarch64": "$x0"}


class Session:
    """One run of the program under the debugger."""

    def __init__(self, spec):
        self.spec = spec
        self.out = open(spec["out"], "a", buffering=1, encoding="utf-8")
        self.libraries = {}
        self.points = {}
        self.seen = {}
        self.counts = {}
        self.capped = set()
        self.waiting = []
        self.kernels = {}
        self.rows_left = [target for target in spec["targets"] if target["kind"] == "row"]
        self.read = set()
        self.returns, self.caught = [], None
        self.until_return = {target["slot"] for target in spec["targets"] if target.get("returns")}
        self.crash = None
        self.crash_told = 0
        self.asking = False

    def write(self, kind, **fields):
        self.out.write(json.dumps(dict(fields, kind=kind)) + "\n")

    # setting

    def look(self):
        """Read the libraries that have come, and set what belongs to them."""
        inferior = gdb.selected_inferior()
        if not inferior.pid:
            return
        mapped = mappings(inferior.pid)
        for name, base in mapped.items():
            if (inferior.num, name) in self.read or not self.wanted_on_stacks(name):
                continue
            self.read.add((inferior.num, name))
            try:
                # by its stem: the program may have opened a link of another name
                stem = os.path.basename(name).partition(".so")[0]
                gdb.execute("sharedlibrary /%s\\.so" % re.escape(stem), to_string=True)
            except gdb.error as error:
                self.write("error", error=str(error))
            wanted = self.spec["libraries"].get(os.path.realpath(name))
            if wanted is None or wanted in self.libraries:
                continue
            self.libraries[wanted] = base
            for target in self.spec["targets"]:
                for library, address in target.get("points", ()):
                    if library == wanted:
                        self.watch(base + address, target)
        if len(self.libraries) == len(self.spec["libraries"]):
            gdb.execute("set stop-on-solib-events 0", to_string=True)

    def wanted_on_stacks(self, name):
        return os.path.realpath(name) in self.spec["libraries"] or PASSED.match(os.path.basename(name))

    def watch(self, address, target):
        point = self.points.get(address)
        if point is None or not point.is_valid():
            point = self.points[address] = Point(self, address)
        if target not in point.targets:
            point.targets.append(target)

    # stopping

    def within(self, target, frame):
        """Whether the caller is one of the functions that the target names."""
        ranges = target.get("within")
        if not ranges:
            return True
        for _ in range(target.get("depth", 1)):
            frame = frame.older()
            if frame is None:
                return False
            place = frame.pc() - 1
            for library, low, high in ranges:
                base = self.libraries.get(library)
                if base is not None and base + low <= place < base + high:
                    return True
        return False

    def holds(self, target):
        """Whether the object that the function was called on is the one that the target names."""
        if "object" not in target:
            return True
        library, address = target["object"]
        base = self.libraries.get(library)
        register = FIRST_ARGUMENT.get(self.spec["machine"])
        return base is not None and register is not None and integer(register) == base + address

    def hit(self, target):
        """Count it; whether the program has to be held, for what cannot be asked of it while it stops."""
        slot = target["slot"]
        self.counts[slot] = self.counts.get(slot, 0) + 1
        if self.counts[slot] >= MOST:
            self.capped.add(slot)
        hold = False
        if slot not in self.seen:
            self.seen[slot] = True
            self.waiting.append((slot, None))
            hold = True
        if target.get("kernel") is not None and target["kernel"] not in self.kernels:
            self.kernels[target["kernel"]] = None
            self.waiting.append(("kernel", target["kernel"]))
            hold = True
        return hold

    def cell(self):
        try:
            with open(self.spec["cell"], "rb") as file:
                return struct.unpack("q", file.read(8))[0]
        except (OSError, struct.error):
            return -1

    def held(self):
        """The program stands still: ask it for Python's stack, and for what a stub gives."""
        waiting, self.waiting = self.waiting, []
        seen = [slot for slot, _ in waiting if slot != "kernel"]
        if seen:
            native, python = native_stack(), self.python_stack()
            told = {"native": native, "python": python, "cell": self.cell(), "process": gdb.selected_inferior().pid}
            for slot in seen:
                self.write("hit", slot=slot, **told)
            wanted = [slot for slot in seen if slot in self.until_return]
            if wanted and gdb.selected_inferior().pid:
                try:
                    self.caught = self.caught or Catch(self)
                    self.returns.append(Return(self, wanted))
                    self.caught.enabled = True
                except (gdb.error, ValueError):
                    pass  # the outermost frame, one that cannot be unwound, or no C++ that could throw
        for slot, kernel in waiting:
            if slot == "kernel":
                self.follow(kernel)
        if self.rows_left and seen:
            self.read_rows()

    def python_stack(self):
        """What CPython writes for a crash report, which takes no lock and no memory; the probe has it answer a signal.

        A call from gdb would write the registers back when it returns, which gdb before 14 cannot on processors whose
        registers are more than it knows (AMX).
        """
        before = self.told()
        thread = gdb.selected_thread()
        if not catches(thread.ptid[1], self.spec["signal"]):
            self.write("no-python-stack", error="the process does not listen")
            return []
        back = gdb.newest_frame().pc()
        self.asking = True
        try:
            gdb.execute("set scheduler-locking on", to_string=True)
            gdb.execute("queue-signal SIG%d" % self.spec["signal"], to_string=True)
            gdb.execute("stepi", to_string=True)
            if self.told() == before and abs(gdb.newest_frame().pc() - back) > HANDLER:
                point = gdb.Breakpoint("*%d" % back, internal=True, temporary=True)
                point.silent = True
                gdb.execute("continue", to_string=True)
        except gdb.error as error:
            self.write("no-python-stack", error=str(error))
        finally:
            self.asking = False
            if gdb.selected_inferior().pid:
                gdb.execute("set scheduler-locking replay", to_string=True)
        return self.python_frames(before)

    def told(self):
        """How much CPython has written."""
        try:
            return os.path.getsize(self.spec["traceback"])
        except OSError:
            return 0

    def python_frames(self, before):
        with open(self.spec["traceback"], encoding="utf-8", errors="replace") as file:
            file.seek(before)
            text = file.read()
        frames = re.findall(r'(?m)^  File "(.*)", line (\d+) in (.*)$', text)
        return [[file, int(line), name] for file, line, name in frames]

    def follow(self, target):
        """A stub gives the kernel for this processor: watch that too, whatever its name."""
        try:
            gdb.execute("set scheduler-locking on", to_string=True)
            gdb.execute("finish", to_string=True)
            address = integer(RESULT[self.spec["machine"]])
        except (gdb.error, KeyError) as error:
            self.write("no-kernel", error=str(error))
            return
        finally:
            gdb.execute("set scheduler-locking replay", to_string=True)
        if address:
            self.watch(address, next(one for one in self.spec["targets"] if one["slot"] == target))

    def read_rows(self):
        """Rows of a table: what its memory holds, once the library's addresses are in place."""
        left = []
        for target in self.rows_left:
            library, address, size = target["object"]
            base = self.libraries.get(library)
            if base is None:
                left.append(target)
                continue
            try:
                self.write("row", slot=target["slot"], rows=table(base + address, size, target["rows"]))
            except gdb.error as error:
                self.write("row", slot=target["slot"], rows=[], error=str(error))
        self.rows_left = left

    def stopped(self, event):
        """A fatal signal: what led to it is the last that can be seen; Python's stack comes with its handler."""
        if isinstance(event, gdb.SignalEvent) and event.stop_signal in FATAL and self.crash is None:
            self.crash = {"signal": event.stop_signal, "native": native_stack(), "cell": self.cell()}
            self.crash_told = self.told()
            self.write("crash", python=[], **self.crash)

    def exited(self, event):
        self.write("exited", code=getattr(event, "exit_code", None), process=event.inferior.pid)

    def run(self):
        """From the start of the program to its end."""
        for setting in self.spec["settings"]:
            gdb.execute(setting, to_string=True)
        gdb.events.stop.connect(self.stopped)
        gdb.events.exited.connect(self.exited)
        try:
            gdb.execute("run", to_string=True)
            while any(inferior.pid for inferior in gdb.inferiors()):
                if not gdb.selected_inferior().pid:
                    alive = next(inferior for inferior in gdb.inferiors() if inferior.pid)
                    gdb.execute("inferior %d" % alive.num, to_string=True)
                self.look()
                self.held()
                gdb.execute("continue", to_string=True)
        except gdb.error as error:
            self.write("error", error=str(error))
        if self.crash is not None:
            self.write("crash", python=self.python_frames(self.crash_told), **self.crash)
        self.write("counts", counts=self.counts, capped=sorted(self.capped))
        self.out.close()


class Point(gdb.Breakpoint):
    """A place that one or more targets watch."""

    def __init__(self, session, address):
        super().__init__("*%d" % address, internal=True)
        self.silent = True
        self.session, self.targets, self.misses = session, [], 0

    def stop(self):
        """Whether the program is held: not where the call came from elsewhere, nor where all is known."""
        if self.session.asking:
            return False
        hold = False
        frame = None
        hit = False
        for target in self.targets:
            if target["slot"] in self.session.capped or not self.session.holds(target):
                continue
            if target.get("within") and frame is None:
                frame = gdb.newest_frame()
            if self.session.within(target, frame):
                hold = self.session.hit(target) or hold
                hit = True
        self.misses += not hit
        if self.misses > MISSES or all(target["slot"] in self.session.capped for target in self.targets):
            self.enabled = False
        return hold


class Catch(gdb.Breakpoint):
    """Where C++ begins to handle an exception: what a thread was inside of may not have returned."""

    def __init__(self, session):
        super().__init__("*%d" % integer("&__cxa_begin_catch"), internal=True)
        self.silent = True
        self.session = session

    def stop(self):
        thread = gdb.selected_thread().global_num
        self.session.returns = [one for one in self.session.returns if one.thread != thread]
        self.enabled = bool(self.session.returns)
        return False


class Return(gdb.FinishBreakpoint):
    """The return of a function that has just been entered."""

    def __init__(self, session, slots):
        super().__init__(gdb.newest_frame(), internal=True)
        self.silent = True
        self.session, self.slots, self.thread = session, slots, gdb.selected_thread().global_num

    def stop(self):
        if self in self.session.returns:  # a handler may go on where the function would have returned to
            self.session.returns.remove(self)
            for slot in self.slots:
                self.session.write("returned", slot=slot)
        return False


def integer(expression):
    return int(gdb.parse_and_eval("(unsigned long) %s" % expression))


def catches(task, signal):
    """Whether a thread has a handler for a signal, which would end it otherwise."""
    try:
        with open("/proc/%d/status" % task) as file:
            caught = re.search(r"(?m)^SigCgt:\s*([0-9a-f]+)", file.read())
    except OSError:
        return False
    return caught is not None and bool(int(caught.group(1), 16) >> (signal - 1) & 1)


def mappings(process):
    """Where each library was loaded: the start of the mapping of its first byte."""
    found = {}
    try:
        with open("/proc/%d/maps" % process) as file:
            for line in file:
                fields = line.split(None, 5)
                if len(fields) == 6 and ".so" in fields[5] and int(fields[2], 16) == 0:
                    found.setdefault(fields[5].strip(), int(fields[0].partition("-")[0], 16))
    except OSError:
        pass
    return found


def native_stack():
    """Mangled names, or the library of a function without one, from here to CPython's loop; never beyond."""
    found = []
    frame = gdb.newest_frame()
    while frame is not None and len(found) < DEEPEST:
        name = frame.name()
        if name is not None and EVALUATES.match(name):
            break
        found.append([name, None if name else library_of(frame.pc())])
        try:
            frame = frame.older()
        except gdb.error:
            break
    return found


def library_of(place):
    try:
        name = gdb.solib_name(place)
    except gdb.error:
        name = None
    return os.path.basename(name) if name else None


def table(address, size, names):
    """The rows of an array of ``PyMethodDef`` or ``PyGetSetDef`` that bear one of some names, with their functions.

    A ``std::initializer_list`` holds a pointer to its array first, and the number of rows.
    """
    memory = gdb.selected_inferior()
    word = gdb.lookup_type("long").sizeof

    def read(place, count):
        return struct.unpack("<%dQ" % count, bytes(memory.read_memory(place, count * word)))

    def text(place):
        taken = bytes(memory.read_memory(place, 64))
        return taken.partition(b"\0")[0].decode("ascii", "replace")

    if size == 2 * word:
        address, rows = read(address, 2)
        size = rows * 4 * word
    found = []
    for width in (4, 5):
        for start in range(address, address + size - (size % (width * word)), width * word):
            name, function = read(start, 2)
            try:
                called = text(name) if name else None
            except gdb.error:
                break
            if called in names:
                found.append([called, symbol_at(function), library_of(function)])
        if found:
            break
    return found


def symbol_at(address):
    """The name of what stands at an address; gdb gives a number its name only as text for people."""
    block = gdb.parse_and_eval("(void (*)()) %d" % address)
    told = re.search(r"<([^+>]+)(\+\d+)?>", block.format_string(symbols=True))
    return told.group(1) if told else None


def main():
    with open(os.environ["TOUR_WITNESS_NATIVE"], encoding="utf-8") as file:
        spec = json.load(file)
    Session(spec).run()


main()
