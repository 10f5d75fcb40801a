# SPDX-License-Identifier: Apache-2.0
"""The known truth about the memory of each program mem_* of tests/workloads.

A case says how a program is run and what each of its functions owns. Of functions of the program's
own files that are not listed, none may own a block.
"""

import dataclasses

# What a build with hooks and one without have in common stands in `owners`; without hooks the
# blocks that libc takes for a function are libc's, and no call's end is known.
HOOKS = ("gcc-O0", "clang-O2")
PLAIN = ("plain", "plain-clang-O2")
ALL = HOOKS + PLAIN
SOME = ("plain",)


@dataclasses.dataclass
class Case:
    args: list  # program without "mem_", arguments; {dir}, {variant}
    owners: dict | None = None  # None: nothing of memory is compared
    # Instead of these without hooks; None: owns nothing then.
    plain: dict = dataclasses.field(default_factory=dict)
    # Functions of the program that may own blocks, of which nothing is said.
    loose: tuple = ()
    # function -> (blocks, bytes) of it and all that it called. With hooks only.
    totals: dict = dataclasses.field(default_factory=dict)
    # (blocks, bytes) of the whole program's peak, where nobody else has blocks.
    peak: tuple = ()
    status: int = 0
    # The program says more about its truth: "function.field".
    tells: bool = False
    # Number of images; by how many blocks fewer than those they inherited children left.
    processes: int = 1
    inherited: tuple = ()
    unmatched: int = 0  # frees of blocks of which nobody told us that they came
    mapped: int = 0  # greatest sum of the program's own mappings
    stacks: tuple = ()  # of the threads, in the order of their creation
    exec: int = 0  # images that ended so: what was there then is no leak
    killed: int = 0  # images that were killed
    # Text in the line of the program's source at which all leaks are, and the size of each.
    leaks: tuple = ()
    # Threads run at once: figures that depend on their order are not compared with the replay's.
    racy: bool = False
    # Part of it is not in events but in counts.
    counted: bool = False
    says: str = ""  # what `hasten run` must say on stderr
    refused: str = ""  # what `hasten memory` must say instead of figures
    ways: tuple = ("preload", "run", "profile")
    variants: tuple = SOME
    variables: dict = dataclasses.field(default_factory=dict)
    options: tuple = ()
    # Surroundings (hooktest.py) in which not all can be recorded; then the report must say so.
    home: str = ""
    # Where another allocator is preloaded: "before" or "after" ours.
    jemalloc: str = ""
    errors_apart: bool = False  # stderr has addresses and process numbers
    timeout: int = 120


def own(allocs, size, left=(0, 0), **more):
    """What a function owns. `left`: blocks and bytes that are there at the end; None: not said."""
    wanted = {"alloc_calls": allocs, "alloc_bytes": size}
    if left is not None and allocs is not None:
        wanted["freed_blocks"] = allocs - left[0]
        wanted["leaked_blocks"] = left[0]
        if size is not None:
            wanted["freed_bytes"] = size - left[1]
            wanted["leaked_bytes"] = left[1]
    wanted["failed_calls"] = 0
    names = {"temporary": "temporary_blocks", "failed": "failed_calls",
             "foreign": "foreign_freed_blocks", "reallocs": "realloc_calls",
             "grown": "grown_calls", "peak": "peak_bytes", "at_peak": "at_peak_bytes",
             "zeroed": "zeroed_large_bytes"}
    wanted.update({names.get(name, name): value for name, value in more.items()})
    return {name: value for name, value in wanted.items() if value is not None}


def _family(mode, owners, **more):
    return Case(["family", mode], owners, variants=ALL, **more)


def _threads(mode, owners, **more):
    return Case(["threads", mode], owners, **more)


def _processes(mode, owners, *args, **more):
    return Case(["processes", mode, *args], owners, **more)


def _cxx(mode, owners, **more):
    around = {"global_begins": own(1, 800), "global_ends": own(1, 801, temporary=1)}
    return Case(["cxx", mode], dict(around, **owners), variants=ALL, **more)


def _home(home, **more):
    return Case(
        ["mode", "limit"],
        {"takes_early": own(400, 36000, (200, 18000)), "churn": own(300000, 32450000),
         "takes_late": own(400, 44000, (50, 5500))},
        home=home,
        **more,
    )


KNOWN = {
    "take_base": own(8, 4000, peak=4000, at_peak=4000, temporary=0),
    "leaky": own(37, 37 * 1184, (37, 37 * 1184), peak=37 * 1184, at_peak=37 * 1184),
    "temporary": own(1000, 67500, temporary=1000, temporary_bytes=67500, peak=71, at_peak=0),
    "hill": own(100, 409600, temporary=100, peak=409600, peak_blocks=100, at_peak=409600),
    "summit": own(1, 100000, temporary=0, peak=100000, at_peak=100000),
    "lower": own(1, 300000, temporary=1, peak=300000, at_peak=0),
}
KNOWN_PEAK = (8 + 37 + 101, 4000 + 37 * 1184 + 409600 + 100000)

RING = {"send": own(64000, 64 * 64000, foreign=64000, temporary=0)}

HANDLER = own(900, 90000, reallocs=300, grown=300, grown_bytes=15000)

CHILD = own(50, 1600, (20, 640))

CASES = {
    "known": Case(["known"], KNOWN, totals={"hill": (101, 509600), "main": (1147, 924908)},
                  peak=KNOWN_PEAK, leaks=("leaks here", 1184), variants=ALL),
    "realloc": _family(
        "realloc",
        {
            "of_null": own(1, 100, temporary=1, reallocs=0),
            "to_nothing": own(1, 50, reallocs=0),
            "failing": own(2, 124, failed=1, reallocs=1),
            "shrinking": own(2, 10100, reallocs=1, grown=0),
            "in_place": own(11, 88000, reallocs=10, grown=10, grown_bytes=10000, peak=13000,
                            peak_blocks=1),
            "moving": own(3, 402000, reallocs=1, grown=1, grown_bytes=399000, peak=401000,
                          peak_blocks=2),
            "made_here": own(1, 70, temporary=0),
            "adopted": own(1, 71, reallocs=1, grown=1, grown_bytes=1, temporary=1),
        },
        tells=True,
    ),
    "aligned": _family(
        "aligned",
        {
            "zeroed": own(2, 300300, failed=2, zeroed_large_calls=1, zeroed=300000),
            "posix": own(1, 256, failed=2),
            "aligned": own(5, 5431, reallocs=1, grown=1, grown_bytes=4872),
            "aligned_fails": own(0, 0, failed=5),
        },
    ),
    "errno": _family(
        "errno",
        {
            "empty": own(2, 0),
            "slack": own(60, None, reallocs=30),
            "keeps_errno": own(18, 15615309, reallocs=6, grown=6, grown_bytes=6),
        },
        tells=True,
    ),
    "strings": _family(
        "strings",
        {"copies": own(4, 246, reallocs=1), "lines": own(None, None, leaked_blocks=0)},
        # If reallocarray ends with its call of realloc, its caller is who asked.
        plain={"copies": own(None, None), "lines": None},
    ),
    "around": Case(
        ["around"],
        {
            "library_early": own(5, 500),
            "library_exchange": own(5, 1000, (1, 200), reallocs=5, grown=5, grown_bytes=500),
            "library_late": own(3, 1901, (1, 601), reallocs=1),
            "before_all": own(2, 155, (1, 77)),
            "early": own(2, 159, (1, 80)),
            "late": own(2, 163, (1, 82), temporary=1),
            "at_exit": own(1, 83, temporary=1),
            "take_two": own(2, 169, temporary=1),
            "for_the_exit": own(1, 86, temporary=0),
        },
        variants=ALL,
    ),
    "ring": _threads("ring", RING, racy=True),
    "exchange": _threads("exchange", {"make": own(64000, 48 * 64000, temporary=0)}, tells=True,
                         racy=True, variants=ALL),
    "short": _threads(
        "short", {"brief": own(3000, 603000, foreign=1000, temporary=2000, peak=403)}
    ),
    "tsd": _threads(
        "tsd",
        {
            "settle": own(100, 30250, temporary=0),
            "farewell_work": own(300, 90000, temporary=300),
            "farewell_again": own(50, 15050, temporary=0),
        },
        variants=("plain", "clang-O2"),
    ),
    "thread-stacks": _threads("stacks", {"on_stack": own(2, 800, temporary=2)},
                              stacks=(512 << 10, 131072)),
    "left": _threads("left", {"waits": own(16, 8008, (8, 4000), temporary=8)}, racy=True),
    "timer": Case(["signals", "timer"], {"in_handler": HANDLER}, variants=ALL),
    "raised": Case(["signals", "raised"],
                   {"in_handler": HANDLER, "between": own(200, 200100, temporary=200)},
                   variants=ALL),
    "calls": Case(["signals", "calls"], {"churn": own(None, None)}, tells=True, variants=ALL),
    "jump": Case(
        ["signals", "jump"],
        {"leaving_handler": own(300, 36000, temporary=0), "lands": own(300, 36300, temporary=0)},
        variants=ALL,
    ),
    "maps": Case(["map", "maps"], {}, mapped=7 << 20),
    "heap": Case(["map", "heap"], {"uses_heap": own(1, 1000)}, mapped=7 << 20),
    "coroutine": Case(
        ["stacks", "coroutine"],
        {
            "step_a": own(1500, 225000, temporary=1000, temporary_bytes=125000),
            "step_b": own(1499, 224850, (1, 100), temporary=1498, temporary_bytes=224750),
            "body": own(2, 600, (1, 300), temporary=1),
            "coroutine": own(1, 65536, temporary=1),
        },
        variants=ALL,
    ),
    "longjmp": Case(
        ["stacks", "longjmp"],
        {
            "thrower": own(500, 200000, temporary=0),
            "passes": own(500, 200500, temporary=500),
            "catcher": own(500, 201000, temporary=0),
        },
        variants=ALL,
    ),
    "fork": _processes(
        "fork",
        {
            "take_inherited": own(100, 12800),
            "bystander": own(3, 192, temporary=3),
            "parent_takes": own(2, 67, (1, 34), temporary=1),
            "child_takes": CHILD,
        },
        processes=2,
        inherited=(60,),
    ),
    # 30,000 times malloc of 20 to 1019 and realloc to 1500, in threads; ten children meanwhile.
    "busy": _processes(
        "busy",
        {
            "churns": own(60000, 60585000, reallocs=30000),
            "child_takes": own(500, 16000, (200, 6400)),
        },
        processes=11,
        racy=True,
    ),
    "grandchild": _processes(
        "grandchild",
        {
            "take_inherited": own(100, 12800),
            "child_takes": own(150, 4800, (60, 1920)),
            "resize": own(3, 768, (3, 768), reallocs=3, grown=3, grown_bytes=384),
        },
        processes=4,
        inherited=(11, 11, 11),
    ),
    "vfork": _processes("vfork", {"parent_takes": own(12, 402, (6, 204), temporary=6)}),
    "spawn": _processes(
        "spawn",
        {"parent_takes": own(8, 268, (4, 136)), "child_takes": own(150, 4800, (60, 1920))},
        processes=4,
    ),
    "exec": _processes(
        "exec",
        {
            "take_inherited": own(400, 51200, (300, 38400), leaked_blocks=0, leaked_bytes=0),
            "parent_takes": own(6, 201, (3, 102), leaked_blocks=0, leaked_bytes=0),
        },
        "3",
        processes=4,
        exec=3,
    ),
    "daemon": _processes("daemon", {"child_takes": own(20000, 640000, (8000, 256000))},
                         processes=2),
    "kill": _processes(
        "kill",
        {"take_many": own(50000, 3275000, (37500, 2437500))},
        status=-9,
        killed=1,
    ),
    "kill-other": _processes("kill-other", {"take_for_ever": own(None, None)}, tells=True,
                             processes=2, killed=1),
    "limit-as": _processes(
        "limit",
        {"take_all": own(None, None, failed=2), "parent_takes": own(2, 67, (1, 34))},
        tells=True,
        status=-6,
        killed=1,
    ),
    "new": _cxx(
        "new",
        {
            "all_forms": own(50, 4140, temporary=50),
            "leaks_one": own(1, 16, (1, 16)),
            "asks_too_much": own(None, None, failed=1, leaked_blocks=0),
        },
        plain={"all_forms": None, "leaks_one": None, "asks_too_much": None},
    ),
    "containers": _cxx(
        "containers",
        {
            "std::__new_allocator::allocate": own(112, 24376),
            "basic_string": own(1, 501),  # asked for within the library
        },
        totals={"reserves": (1, 4000), "grows": (11, 16376), "maps_them": (100, 4000),
                "strings": (1, 501)},
        plain={"std::__new_allocator::allocate": None, "basic_string": None},
    ),
    "thread-local": _cxx(
        "thread",
        {"local_begins": own(100, 60100, temporary=0), "local_ends": own(100, 60000)},
        loose=("__tls_init", "TLS init function for local", "thread_body"),
    ),
    "exceptions": _cxx(
        "exceptions",
        {"throws": own(400, None), "passes": own(200, 140200), "catches": own(400, 281000)},
        plain={"throws": own(200, 140000)},
    ),
    "library": Case(
        ["library", "{dir}/libmem_library{variant}.so"],
        {"library_takes": own(300, 91350, (30, 9270)), "library_begins": own(30, 60000)},
        variants=ALL,
    ),
    # A library that asks libc before all others: its blocks are not seen to come, the program's frees are.
    "library-deep": Case(["library", "{dir}/libmem_library{variant}.so", "deep"], {},
                         unmatched=90),
    # The blocks that are there when the events end are not followed any more.
    "limit": Case(
        ["mode", "limit"],
        {
            "takes_early": own(400, 36000, None),
            "churn": own(300000, 32450000, None),
            "takes_late": own(400, 44000, (50, 5500)),
        },
        counted=True,
        variables={"HASTEN_LIMIT": "1M"},
        options=("--limit=1M",),
        ways=("preload", "run"),
    ),
    "home-fsize": _home("limit_file_size"),
    "home-memory": _home("limit_memory"),
    "home-descriptors": _home("limit_descriptors"),
    "home-closed": _home("closed_standard"),
    "home-full": _home("full_disk"),
    "home-read-only": _home("read_only_directory", ways=("preload",)),
    "own": Case(["own"], refused="stands before hasten's"),
    "asan": Case(["asan", "clean"], says="memory", ways=("run", "profile"), variants=ALL),
    "asan-leak": Case(["asan", "leak"], status=1, says="memory", ways=("run",),
                      errors_apart=True, variants=ALL),
    "asan-bad": Case(["asan", "bad"], status=1, says="memory", ways=("run",), errors_apart=True,
                     variants=ALL),
    "jemalloc-after": Case(["known"], KNOWN, jemalloc="after"),
    "jemalloc-after-ring": _threads("ring", RING, racy=True, jemalloc="after"),
    "jemalloc-after-errno": Case(
        ["family", "errno"],
        {"empty": own(2, 0), "slack": own(60, None, reallocs=30),
         "keeps_errno": own(18, 15615309, reallocs=6)},
        tells=True, jemalloc="after"),
    "jemalloc-after-fork": _processes(
        "fork",
        {"take_inherited": own(100, 12800), "bystander": own(3, 192),
         "parent_takes": own(2, 67, (1, 34)), "child_takes": CHILD},
        processes=2, jemalloc="after"),
    # Its blocks must go back to it, also by functions that it does not have.
    "jemalloc-before-errno": Case(["family", "errno"], jemalloc="before", ways=("preload",)),
    "jemalloc-before": Case(["known"], jemalloc="before", refused="stands before hasten's",
                            ways=("preload",)),
}
