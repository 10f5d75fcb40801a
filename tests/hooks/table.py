# SPDX-License-Identifier: Apache-2.0
"""The known truth about each program of tests/workloads.

A case says how a program is run and which calls a report of that run must show. `calls` are exact
unless said otherwise; a function that is not listed must not be in the report.
"""

import dataclasses


@dataclasses.dataclass
class Case:
    # Program and arguments; {dir} is the folder of the built programs.
    args: list
    # name -> calls. None: only the program's own behaviour is compared.
    calls: dict | None = None
    # name -> frames left by longjmp or exception. Functions not listed must have none, unless
    # `errors` is None: then they are not compared.
    errors: dict | None = dataclasses.field(default_factory=dict)
    # (caller, callee) -> calls
    pairs: dict = dataclasses.field(default_factory=dict)
    # Exit status without the preload; -N for signal N.
    status: int = 0
    # The program writes how often it called what (it depends on time): added to `calls`.
    tells: bool = False
    # Calls may be missing, if the report says that it is not complete.
    loss: bool = False
    # The report may say that it is not complete, but no more calls are missing than it says.
    unsure: bool = False
    # Functions besides the listed ones may be in the report (libraries of C++ in headers).
    more: bool = False
    # Functions of which none may be missing even so: what comes after a disturbance.
    exact: tuple = ()
    # Functions whose calls must be known as events until the end, not only as counts.
    kept: tuple = ()
    # Part of a note that the report must have.
    notes: str = ""
    # Environment of the bare preload, and options of `hasten run` that mean the same.
    variables: dict = dataclasses.field(default_factory=dict)
    options: tuple = ()
    # How to record: "preload", "run", "profile".
    ways: tuple = ("preload", "run", "profile")
    # Name of a function of hooktest.py that prepares the surroundings.
    home: str = ""
    # Compilers and levels besides gcc -O2.
    variants: tuple = ()
    # What `hasten run` must say on stderr.
    says: str = ""
    # The program ends up in the same way but its output may be cut (it overflows its stack).
    timeout: int = 120


ALL = ("gcc-O0", "clang-O2", "clang-O0")
CLANG = ("clang-O2",)


def _ending(way, status, late=0):
    calls = {"main": 1, "deep": 1, "end": 1, "leaf": 1000 + late}
    if late:
        calls["late"] = late
    return Case(["ending", way], calls, status=status)


def _threads(mode, calls, **more):
    return Case(["threads", mode], dict(calls, main=1), **more)


def _processes(mode, calls, *args, **more):
    return Case(["processes", mode, *args], calls, **more)


def _home(what, home="", loss=False, thread=True, **more):
    """10 + 300,000 rounds, then a thread (if it can) with 1,000 and a child with 1,000."""
    calls = {"main": 1, "work": 3, "leaf_a": 301010, "leaf_b": 301010}
    if thread:
        calls = {"main": 1, "work": 4, "leaf_a": 302010, "leaf_b": 302010, "thread_body": 1}
    return Case(["homes", what], calls, home=home, loss=loss, **more)


def _forkorder(mode, calls, **more):
    return Case(["forkorder", mode], dict({"main": 1}, **calls), **more)


def _leave(how):
    """The process ends in a library's constructor."""
    return Case(["loader", "leave", how, "{dir}/libleaver.so"], {"load": 1, "main": 1}, status=3)


def _sandbox(how):
    calls = {"main": 1, "work": 2, "leaf_a": 300010, "leaf_b": 300010}
    return Case(["sandbox", how], calls, loss=True)


def _own_switches(mode):
    """Until a function that waited returns nothing shows the second stack: one call has another caller."""
    return Case(
        ["greenthreads", mode],
        {"pass_low": 500, "work_low": 1000, "high_outer": 500, "high_inner": 500,
         "pass_high": 500, "work_high": 1997},
        pairs={("pass_low", "work_low"): 999, ("pass_high", "work_high"): 999,
               ("high_inner", "work_high"): 499, ("high_outer", "work_high"): 499,
               ("high_inner", "pass_high"): 500, ("high_outer", "high_inner"): 500},
        errors=None,
        unsure=True,
        variants=ALL,
    )


FORKS = {"main": 1, "forks": 1, "in_child": 4, "child_work": 4, "parent_work": 4, "common": 6400}

FORK_THREADS = {"forks": 1, "child_begins": 12, "child_work": 15, "child_leaf": 42000,
                "parent_work": 7, "parent_leaf": 6010}
FORK_LOCKED = {"forks_with_lock": 1, "child_work": 1, "parent_work": 1, "parent_leaf": 10}

def _jumping(mode, rounds):
    return Case(
        ["coroutine", mode],
        {"main": 1, "make": 1, "jumper_a": 1, "jump_rounds": 1, "work_a": rounds,
         "work_b": 2 * rounds, "work_main": rounds + 2},
        pairs={("jumper_a", "work_a"): rounds, ("jump_rounds", "work_main"): rounds + 1,
               ("jump_rounds", "work_b"): 2 * rounds, ("main", "work_main"): 1},
        errors=None,
        variants=CLANG,
    )


CASES = {
    "recursion": Case(
        ["recursion"], {"main": 1, "run": 1, "down": 1000000}, variants=ALL, timeout=300
    ),
    "longjmp": Case(
        ["longjmp"],
        {"main": 1, "level1": 1000, "level2": 1000, "level3": 1000, "large": 667, "middle": 333,
         "small": 333},
        errors={"level1": 1000, "level2": 1000, "level3": 1000},
        pairs={("main", "large"): 334, ("middle", "large"): 333, ("main", "small"): 333,
               ("main", "level1"): 1000, ("level2", "level3"): 1000},
        variants=ALL,
    ),
    "exceptions": Case(
        ["exceptions"],
        {"main": 1, "thrower": 300, "plain": 300, "cleaning": 300, "rethrower": 300,
         "catcher": 300, "maker": 300, "broken::broken": 300, "guard::guard": 300,
         "guard::~guard": 300, "after": 900},
        errors={"thrower": 300, "plain": 300, "cleaning": 300, "rethrower": 300,
                "broken::broken": 300},
        pairs={("catcher", "after"): 600, ("maker", "after"): 300, ("main", "catcher"): 300,
               ("main", "maker"): 300},
        variants=ALL,
    ),
    "coroutine-malloc": Case(
        ["coroutine", "malloc"],
        {"main": 1, "make": 2, "body_a": 1, "body_b": 1, "pause_a": 1000, "work_a": 2000,
         "work_b": 1999, "work_main": 1},
        pairs={("pause_a", "work_a"): 2000, ("body_b", "work_b"): 1999,
               ("main", "work_main"): 1},
        variants=ALL,
    ),
    "coroutine-static": Case(
        ["coroutine", "static"],
        {"main": 1, "make": 2, "body_a": 1, "body_b": 1, "pause_a": 1000, "work_a": 2000,
         "work_b": 1999, "work_main": 1},
        pairs={("pause_a", "work_a"): 2000, ("body_b", "work_b"): 1999,
               ("main", "work_main"): 1},
        variants=ALL,
    ),
    "coroutine-generator": Case(
        ["coroutine", "generator"],
        {"main": 1, "make": 1, "produce": 1, "work_a": 1000, "yield": 1000, "pull": 1000,
         "work_main": 1000},
        pairs={("produce", "work_a"): 1000, ("main", "work_main"): 1000, ("main", "pull"): 1000},
        variants=CLANG,
    ),
    "coroutine-setjmp": _jumping("setjmp", 1000),
    "coroutine-long": _jumping("long", 500000),
    # The child runs on its parent's thread pointer: a blind spot that docs/preload.md states.
    "rawclone": Case(["rawclone"]),
    "threads-short": _threads("short", {"brief": 2000, "leaf": 20000}),
    "threads-detached": _threads("detached", {"resident": 4, "leaf": 4000}),
    "threads-main-exits": _threads("main-exits", {"brief": 1, "leaf": 10}, errors=None),
    "threads-cancel": _threads("cancel", {"cancelled": 4, "leaf": 4, "wait_here": 4}, errors=None),
    "threads-small": _threads("small", {"brief": 20, "leaf": 200}),
    "threads-tsd": _threads("tsd", {"keeper": 50, "farewell": 150, "leaf": 200}),
    "signals-storm": Case(["signals", "storm"], {}, tells=True, variants=("gcc-O0", "clang-O2")),
    "signals-jump": Case(["signals", "jump"], {}, tells=True, errors=None, unsure=True,
                         exact=("after",), variants=("gcc-O0", "clang-O2")),
    "signals-altstack": Case(["signals", "altstack"], {}, tells=True, variants=CLANG),
    "signals-overflow": Case(["signals", "overflow"], {}, tells=True, errors=None, unsure=True,
                             variants=CLANG),
    "ending-kill": _ending("kill", -9),
    "ending-segv": _ending("segv", -11),
    "ending-abort": _ending("abort", -6),
    "ending-term": _ending("term", -15),
    "ending-_exit": _ending("_exit", 3),
    "ending-raw": _ending("raw", 6),
    "ending-quick_exit": _ending("quick_exit", 4, late=1),
    "ending-exit": _ending("exit", 5, late=1),
    "ending-return": _ending("return", 9, late=1),
    "fork": _processes("fork", FORKS, variants=CLANG),
    "fork-_Fork": _processes("_Fork", FORKS),
    "fork-raw": _processes("raw", FORKS),
    "fork-threaded": _processes(
        "threaded", dict(FORKS, threaded=1, bystander=3, common=6403)
    ),
    "fork-chain": _processes("chain", {"main": 1, "chain": 5, "common": 5}),
    "vfork-exec": _processes(
        "vfork-exec", {"main": 4, "vforks": 1, "parent_work": 3, "common": 36}, errors=None
    ),
    "vfork-exit": _processes(
        "vfork-exit", {"main": 1, "vforks": 1, "parent_work": 3, "common": 33}, errors=None
    ),
    "exec": _processes(
        "exec", {"main": 4, "exec_self": 4, "parent_work": 4, "common": 40}, "3"
    ),
    "spawn": _processes("spawn", {"main": 4, "spawn": 1, "common": 3}),
    "system": _processes("system", {"main": 2, "by_shell": 1, "common": 1}),
    # Whether the second image is recorded is the environment's business: it has none.
    "exec-empty-environment": _processes("empty-env", None),
    "dlopen": Case(
        ["dlopen", "{dir}/libalpha.so", "{dir}/libomega.so"],
        {"main": 1, "use": 40, "alpha": 200, "alpha_local": 400, "omega": 600,
         "omega_local": 1200},
        pairs={("use", "alpha"): 200, ("use", "omega"): 600, ("omega", "omega_local"): 1200},
    ),
    "dlopen-killed": Case(
        ["dlopen", "{dir}/libalpha.so", "{dir}/libomega.so", "killed"],
        {"main": 1, "use": 40, "alpha": 200, "alpha_local": 400, "omega": 600,
         "omega_local": 1200},
        status=-9,
    ),
    "inlining": Case(
        ["inlining"],
        {"main": 1, "fib": 21891, "twice": 38000, "four_times": 1000, "forced": 7000,
         "user_a": 1000, "user_b": 1000, "complain": 1520, "check": 1000, "mostly_nothing": 3000,
         "caller_1": 1000, "caller_2": 1000, "caller_3": 1000, "tail_1": 2000, "tail_2": 1000,
         "tail_3": 2000, "with_alloca": 1000, "with_vla": 1000},
        pairs={("with_alloca", "twice"): 5000, ("user_b", "forced"): 3000,
               ("forced", "twice"): 7000, ("four_times", "twice"): 2000,
               ("check", "complain"): 20, ("mostly_nothing", "complain"): 1500,
               ("mostly_nothing", "twice"): 24000, ("main", "fib"): 1, ("fib", "fib"): 21890,
               ("caller_1", "mostly_nothing"): 1000, ("tail_2", "tail_3"): 1000,
               ("main", "tail_1"): 2000},
        variants=ALL,
    ),
    "around-main": Case(
        ["around_main"],
        {"main": 1, "constructor": 1, "constructor_early": 1, "destructor": 1,
         "destructor_late": 1, "handler": 2, "handler_of_handler": 1, "library_call": 1,
         "library_constructor": 1, "library_destructor": 1, "work": 61},
        pairs={("library_constructor", "work"): 50, ("handler", "work"): 4},
    ),
    "statics": Case(
        ["statics"],
        {"main": 1, "counted::counted": 11, "counted::~counted": 11, "touch": 10,
         "overloaded": 20, "house::cat::legs": 5, "house::bird::legs": 5},
        more=True,
        variants=CLANG,
    ),
    "home-nothing": _home("nothing"),
    "home-close": _home("close"),
    "home-close_range": _home("close_range"),
    "home-chdir": _home("chdir"),
    "home-umask": _home("umask", loss=True),
    "home-delete": Case(["homes", "delete"], ways=("preload",)),
    "home-chroot": _home("chroot", loss=True),
    "home-uid": _home("uid", loss=True),
    "home-fsize": _home("fsize", loss=True),
    "home-fsize0": _home("fsize0", loss=True),
    "home-as": _home("as", loss=True, thread=False),
    "home-nofile": _home("nofile", loss=True),
    "home-nofile0": _home("nofile0", loss=True),
    "home-nofile1": _home("nofile1", loss=True),
    "home-nofile2": _home("nofile2", loss=True),
    "home-processes": Case(
        ["homes", "nothing"],
        {"main": 1, "work": 2, "leaf_a": 300010, "leaf_b": 300010},
        home="limit_processes", ways=("preload",),
    ),
    "home-outer-fsize": _home("nothing", home="limit_file_size", loss=True),
    "home-outer-memory": _home("nothing", home="limit_memory", loss=True),
    "home-outer-nofile": _home("nothing", home="limit_descriptors", loss=True),
    "home-read-only": _home("nothing", home="read_only_directory", loss=True, ways=("preload",)),
    "home-foreign": _home("nothing", home="foreign_directory", loss=True, ways=("preload",)),
    "home-full": _home("nothing", home="full_disk", loss=True),
    "home-no-descriptors": _home("nothing", home="closed_standard", loss=True),
    "sandbox-strict": _sandbox("strict"),
    "sandbox-prctl": _sandbox("prctl"),
    "sandbox-seccomp": _sandbox("seccomp"),
    "sandbox-tsc": _sandbox("tsc"),
    "shapes-mutual": Case(["shapes", "mutual"], {}, tells=True, variants=CLANG),
    "shapes-callees": Case(
        ["shapes", "callees"],
        {"main": 1, "caller": 1, **{f"c{i:03}": 200 for i in range(500)}},
        pairs={("caller", "c007"): 200, ("caller", "c499"): 200},
        variants=CLANG,
    ),
    "regions": Case(
        ["regions"],
        {"main": 1, "thread_body": 2, "phases": 300, "forgetful": 100, "leaf": 1000,
         "parse": 300, "parse: numbers": 300, "solve": 300, "forgotten": 100},
        pairs={("phases", "parse"): 300, ("parse", "parse: numbers"): 300,
               ("parse: numbers", "leaf"): 300, ("solve", "leaf"): 300,
               ("forgetful", "forgotten"): 100, ("forgotten", "leaf"): 100},
        # One hasten_end() too many is an exit without an enter.
        unsure=True,
        errors=None,
        variants=CLANG,
    ),
    "states": Case(
        ["states"],
        {"main": 1, "mixed": 100000, "extended": 1, "errno_inside": 100000},
        variants=ALL,
    ),
    "tailless": Case(["tailless"], None, status=-11, says="countdown", ways=("preload", "run")),
    # Forks: the child's first hooks come from other threads, or under the loader's lock.
    "fork-new-thread": _forkorder("new-thread", FORK_THREADS),
    "fork-at-once": _forkorder("at-once", FORK_THREADS),
    "fork-idle": _forkorder(
        "idle",
        dict(FORK_THREADS, idle_streams=1, parent_thread=8, parent_work=15, parent_leaf=14010),
    ),
    "fork-thread-forks": _forkorder("thread-forks", dict(FORK_THREADS, forking_thread=1)),
    "fork-loader": _forkorder("loader", dict(FORK_LOCKED, child_leaf=1000)),
    "fork-loader-long": _forkorder("loader-long", dict(FORK_LOCKED, child_leaf=200000)),
    # Frames left, and what takes their place.
    "leaving-same-call": Case(
        ["leaving", "same-call"],
        {"main": 1, "runner": 200, "bad": 800, "bad_below": 200, "good": 800, "outer": 400},
        errors={"bad": 800, "bad_below": 200},
        pairs={("runner", "bad"): 600, ("bad_below", "bad"): 200, ("runner", "good"): 400,
               ("outer", "good"): 400, ("runner", "outer"): 400, ("runner", "bad_below"): 200},
        variants=ALL,
    ),
    "leaving-thread": Case(
        ["leaving", "thread"],
        {"main": 1, "body": 200, "leave_thread": 200, "good": 400},
        errors=None,
        pairs={("body", "good"): 200, ("leave_thread", "good"): 200},
    ),
    "nested": Case(
        ["nested"],
        {"main": 1, "call": 1200, "high": 400, "middle": 400, "low": 800, "deep": 1200,
         "inner": 400, "cleaner::~cleaner": 400, "again": 400, "twice": 400, "keep": 400,
         "throw_kept": 400, "after": 4000},
        errors={"high": 400, "middle": 400, "low": 800, "deep": 1200, "inner": 400, "again": 400,
                "twice": 400, "throw_kept": 400},
        pairs={("call", "after"): 2400, ("cleaner::~cleaner", "after"): 400,
               ("again", "after"): 400, ("twice", "after"): 400, ("throw_kept", "after"): 400,
               ("middle", "low"): 400},
        more=True,
        variants=ALL,
    ),
    "nested-loader-error": Case(["nested", "error"], {"main": 1, "call": 1, "deep": 1, "after": 2},
                                errors={"deep": 1}, more=True),
    # More contexts, and ways between them, than a tree has room for.
    "manypaths-full": Case(["manypaths", "full"], {}, tells=True, ways=("profile",), unsure=True),
    "manypaths-timer": Case(["manypaths", "timer"], {}, tells=True),
    # The loader's state and locks.
    "loader-error": Case(["loader", "error"], {"main": 1, "leaf": 10002}),
    "loader-leave-_exit": _leave("_exit"),
    "loader-leave-_Exit": _leave("_Exit"),
    "loader-leave-quick_exit": _leave("quick_exit"),
    "loader-leave-syscall": _leave("syscall"),
    "loader-throw": Case(["throwing", "{dir}/libthrowing.so"], {"main": 1, "leaf": 2}),
    "loader-plugin": Case(
        ["loader", "plugin", "{dir}/libplugin.so"],
        {"main": 1, "load": 1, "plug": 100, "plug_thrower": 100},
        pairs={("plug", "plug_thrower"): 100},
        errors=None,
        more=True,
    ),
    "loader-relative": Case(["loader", "relative", "{dir}"],
                            {"main": 1, "load": 1, "alpha": 100, "alpha_local": 200}),
    "loader-moved": Case(["loader", "moved", "{dir}"],
                         {"main": 1, "load": 1, "alpha": 100, "alpha_local": 200}),
    "loader-again": Case(
        ["loader", "again", "{dir}/libalpha.so"],
        {"main": 1, "phase": 1100, "load": 1100, "alpha": 1100, "alpha_local": 2200},
        ways=("preload", "run"),
    ),
    "loader-size": Case(
        ["loader", "size", "{dir}/libalpha.so"],
        {"main": 1, "size": 1, "phase": 60, "load": 60, "alpha": 60, "alpha_local": 120},
    ),
    "loader-deaf": Case(["loader", "deaf", "{dir}/libalpha.so", "{dir}/libomega.so"],
                        ways=("preload",)),
    "loader-deaf-profile": Case(["loader", "deaf", "{dir}/libalpha.so", "{dir}/libomega.so"],
                                variables={"HASTEN_MODE": "profile"}, ways=("preload",)),
    "probe": Case(["probe"], {"leaf": 4000}),
    # Stacks and calls that no compiler makes.
    "handmade-switch": Case(
        ["handmade", "switch"],
        {"switches": 1, "main_round": 100, "leaf_main": 200, "other_entry": 1, "inner": 100,
         "leaf_other": 299, "here": 100, "there": 100},
        pairs={("here", "leaf_main"): 100, ("main_round", "leaf_main"): 100,
               ("main_round", "here"): 100, ("inner", "there"): 100,
               ("there", "leaf_other"): 199, ("inner", "leaf_other"): 100,
               ("other_entry", "inner"): 100},
        variants=CLANG,
    ),
    "handmade-misaligned": Case(["handmade", "misaligned"], {"odd": 1000, "leaf_main": 1000},
                                pairs={("odd", "leaf_main"): 1000}, variants=ALL),
    "handmade-small": Case(["handmade", "small"], {"leaf_main": 200000, "leaf_other": 1}),
    # Stacks that a program switches between by itself, in one mapping; and in the middle of our hooks.
    "green-mapping": _own_switches("mapping"),
    "green-heap": _own_switches("heap"),
    "green-generators": Case(
        ["greenthreads", "generators"],
        {"produce": 10, "work_low": 5000, "yield": 5000, "pull": 5000, "work_high": 5000},
        pairs={("produce", "work_low"): 5000, ("produce", "yield"): 5000,
               ("pull", "work_high"): 5000},
        variants=CLANG,
    ),
    "green-timer": Case(["greenthreads", "timer"], {}, tells=True, loss=True, variants=ALL),
    "green-timer-own": Case(["greenthreads", "timer-own"], {}, tells=True, loss=True,
                            variants=CLANG),
    "green-timer-return": Case(["greenthreads", "timer-return"], {}, tells=True, loss=True,
                               variants=CLANG),
    "green-first": Case(
        ["greenthreads", "first"],
        {"first_low": 1, "first_high": 1, "step": 1000, "work_low": 1999},
        pairs={("step", "work_low"): 1999, ("first_low", "step"): 500,
               ("first_high", "step"): 500},
        variants=ALL,
    ),
    "overaligned": Case(
        ["overaligned"],
        {"main": 1, "round_of_all": 1000, "aligned_64": 12000, "aligned_4096": 1000,
         "spilling": 2000, "aligned_alloca": 2000, "many_arguments": 1000,
         "aligned_recursion": 21000, "large": 1000, "step": 2000, "leaf": 35000},
        pairs={("large", "step"): 2000, ("large", "leaf"): 1000, ("aligned_64", "leaf"): 24000, ("aligned_4096", "leaf"): 1000,
               ("aligned_4096", "aligned_64"): 1000, ("round_of_all", "aligned_64"): 1000,
               ("aligned_recursion", "aligned_64"): 10000, ("spilling", "leaf"): 4000,
               ("aligned_alloca", "leaf"): 4000, ("many_arguments", "leaf"): 1000,
               ("aligned_recursion", "aligned_recursion"): 20000,
               ("aligned_recursion", "spilling"): 1000},
        variants=ALL,
    ),
    # A signal after each system call that a hook makes.
    "interrupted-jump": Case(["interrupted", "jump"], {}, tells=True, errors=None, unsure=True,
                             exact=("after",)),
    "interrupted-call": Case(["interrupted", "call"], {}, tells=True, unsure=True),
    # What is short for a while.
    "shortage-files": Case(["shortage", "files"], {}, tells=True, unsure=True, kept=("leaf",)),
    "shortage-size": Case(["shortage", "size"], {}, tells=True, loss=True),
    "shortage-limit": Case(["shortage", "limit"], {}, tells=True, loss=True),
    "paused": Case(["counted"], {}, variables={"HASTEN_PAUSED": "1"}, options=("--paused",),
                   ways=("preload", "run", "profile")),
    "transparent": Case(["transparent"], {"leaf": 6}, variants=CLANG),
    "allocator": Case(["allocator", "{dir}/libalpha.so"], None, variants=CLANG),
    "allocator-profile": Case(["allocator", "{dir}/libalpha.so"], None,
                              variables={"HASTEN_MODE": "profile"}, ways=("preload",)),
    # The flight recorder: all of it, and the newest.
    "last-long": _threads(
        "short", {"brief": 2000, "leaf": 20000},
        variables={"HASTEN_LAST": "3600000000000"}, options=("--last=1h",),
        ways=("preload", "run"),
    ),
    # Room for sixteen chunks; the events fill about fifty.
    "last-newest": Case(
        ["threads", "newest"], {"new_leaf": 8000}, tells=True, unsure=True,
        notes="only the newest part was kept",
        variables={"HASTEN_LAST": "3600000000000", "HASTEN_LIMIT": "1M"},
        options=("--last=1h", "--limit=1M"), ways=("preload", "run"),
    ),
    "regions-many": Case(
        ["regions", "many"],
        {"main": 1, "many": 1, "outer": 1, "leaf": 1, **{f"name {i}": 1 for i in range(4000)}},
        pairs={("many", "outer"): 1, ("outer", "leaf"): 1, ("outer", "name 7"): 1},
        more=True,
    ),
    "regions-contended": Case(
        ["regions", "contended"],
        {"main": 1, "name_at_once": 4, "leaf": 800, **{f"shared {i}": 4 for i in range(200)}},
        pairs={("shared 3", "leaf"): 4, ("name_at_once", "shared 199"): 4},
    ),
}
