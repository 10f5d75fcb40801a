# SPDX-License-Identifier: Apache-2.0
"""The known truth about what each program proc_* of tests/workloads starts and waits for.

Records are lines, by process: "main", and its descendants in the order in which they appear. A line
of an exec: call, flags, file | arguments | what was looked through | where. `@` is the folder of the
programs, `.` that in which the test runs.
"""

import dataclasses

HOOKS = ("hooks",)


@dataclasses.dataclass
class Case:
    args: list  # program without "proc_", arguments
    records: dict | None = None  # process -> lines; None: not compared
    # type -> number, where the order is another one each time, or there are many.
    counts: dict = dataclasses.field(default_factory=dict)
    # What the last image is given: name -> value, None: nothing. {lib}: our library, {here}: the
    # folder of the test.
    environment: dict = dataclasses.field(default_factory=dict)
    where: str = "."  # in which that image runs
    status: int = 0
    variables: dict = dataclasses.field(default_factory=dict)  # None: without it
    own_library: bool = False  # a copy of it, named by a relative path
    home: str = ""  # surroundings: not all can be recorded
    orphans: bool = False  # who is whose parent is not known before
    handler: bool = False  # writes records of its own while the thread is at one
    # A program of the system instead, and the images that begin, with their numbers.
    command: tuple = ()
    images: dict = dataclasses.field(default_factory=dict)
    nested: tuple = ()  # what begins in the outer and in the inner one of two recordings
    variants: tuple = HOOKS


ARGUMENTS = "leaf one two words"
PATH = "| path /nonexistent:@"
RECORDED = {"LD_PRELOAD": "{lib}", "HASTEN_DATA": "{here}/data"}
NOT_RECORDED = {"LD_PRELOAD": None, "HASTEN_DATA": None}


def execs(mode, line, arguments=ARGUMENTS, start="", **rest):
    """An image that is followed by another one."""
    lines = [f"start @/proc_exec {mode}"]
    if line:
        lines.append(f"{line} | {arguments}")
    if start is not None:
        lines.append("start " + (start or arguments))
    settings = {"status": 7, "environment": RECORDED, **rest}
    return Case(["exec", mode], {"main": lines}, **settings)


def fails(mode, *lines, **rest):
    """An image that stays."""
    return Case(["exec", mode], {"main": [f"start @/proc_exec {mode}", *lines]}, status=3, **rest)


CASES = {
    "execve": execs("execve", "execve repaired @/proc_leaf"),
    "execv": execs("execv", "execv @/proc_leaf"),
    "execvp": execs("execvp", "execvp proc_leaf", ARGUMENTS + " " + PATH, ARGUMENTS),
    "execvp-path": execs("execvp-path", "execvp @/proc_leaf"),
    "execvpe": execs("execvpe", "execvpe repaired proc_leaf", ARGUMENTS + " " + PATH, ARGUMENTS),
    "execl": execs("execl", "execl @/proc_leaf", "leaf 1 2 3 4 5 6 7 8 9"),
    "execl-short": execs("execl-short", "execl @/proc_leaf", "leaf"),
    "execlp": execs("execlp", "execlp proc_leaf", "leaf 1 2 3 4 5 6 7 " + PATH,
                    "leaf 1 2 3 4 5 6 7"),
    "execle": execs("execle", "execle repaired @/proc_leaf", "leaf 1 2 3 4 5 6 7"),
    "fexecve": execs("fexecve", "fexecve repaired @/proc_leaf"),
    "execveat": execs("execveat", "execveat repaired @/proc_leaf"),
    "execveat-empty": execs("execveat-empty", "execveat repaired @/proc_leaf"),
    "syscall-execve": execs("syscall-execve", "syscall repaired @/proc_leaf"),
    "syscall-execveat": execs("syscall-execveat", "syscall repaired @/proc_leaf"),
    "exec-handler": execs("handler", "execve repaired @/proc_leaf"),
    "exec-thread": execs("thread", "execv @/proc_leaf"),
    "exec-closed": execs("closed", "execve repaired @/proc_leaf"),
    "exec-edge": execs("edge", "execv ./l"),
    "exec-script": execs("script", "execlp ./script", "script argument",
                         "/bin/sh ./script argument", status=9, environment={}),
    # What is done before the library knows anything is not noted; the next image is.
    "early": Case(["exec", "early"], counts={"exec": 0, "spawn": 0, "wait": 0, "start": 2},
                  status=7, environment={"LD_PRELOAD": "{lib}"}, variants=()),
    # But for a program whose own calls are hooked: the first of them begins the record.
    "early-hooks": Case(["exec-hooks", "early"],
                        counts={"exec": 2, "spawn": 1, "wait": 2, "start": 3},
                        status=7, environment={"LD_PRELOAD": "{lib}"}, variants=()),
    # What becomes of the environment.
    "cleared": execs("cleared", "execv repaired @/proc_leaf"),
    "cleared-search": execs("cleared-search", "execlp repaired true", "true | path /bin:/usr/bin",
                            "true", status=0, environment={}),
    "null-environment": execs("null-environment", "execve repaired @/proc_leaf"),
    "foreign": execs(
        "foreign", "execve repaired @/proc_leaf",
        variables={"HASTEN_LIMIT": "64M", "HASTEN_MODE": "profile"},
        environment={"A": "1", "LD_PRELOAD": "libm.so.6:{lib}", "MARK": "f", "B": "2",
                     "ASAN_OPTIONS": "a=b:verify_asan_link_order=0",
                     "HASTEN_LIMIT": "5M", "HASTEN_MODE": "profile",
                     "HASTEN_DATA": "{here}/data"}),
    "empty-preload": execs("empty-preload", "execve repaired @/proc_leaf"),
    "own-environment": execs("execv", "execv @/proc_leaf",
                             environment={"LD_PRELOAD": "{lib}", "MARK": "own"}),
    "twice": execs("execv", "execv @/proc_leaf", variables={"LD_PRELOAD": "{lib}:{lib}"},
                   environment={"LD_PRELOAD": "{lib}:{lib}"}),
    "among-others": execs("execv", "execv @/proc_leaf",
                          variables={"LD_PRELOAD": "{lib} libm.so.6"},
                          environment={"LD_PRELOAD": "{lib} libm.so.6"}),
    "among-others-cleared": execs("cleared", "execv repaired @/proc_leaf",
                                  variables={"LD_PRELOAD": "libm.so.6 {lib}"}),
    "many-settings": execs(
        "execve", "execve repaired @/proc_leaf",
        variables={"HASTEN_FILTER": "!module:" + "x" * 9000},
        environment={"HASTEN_FILTER": "!module:" + "x" * 9000, **RECORDED}),
    "huge": execs("huge", "execve repaired @/proc_leaf", environment={}),
    "sanitized": execs("sanitized", "execve repaired @/proc_leaf_asan",
                       environment={**RECORDED, "ASAN_OPTIONS": "verify_asan_link_order=0"}),
    "disabled": execs("disabled", "execve @/proc_leaf", start=None,
                      environment={"LD_PRELOAD": None, "HASTEN_DISABLE": "1"}),
    "other-recording": execs("other", "execve @/proc_leaf", start=None,
                             environment={"LD_PRELOAD": None,
                                          "HASTEN_DATA": "/nonexistent/data"}),
    "no-children": execs("execve", "execve @/proc_leaf", start=None,
                         variables={"HASTEN_CHILDREN": "0"}, environment=NOT_RECORDED),
    # A system call more than the program's own would end it.
    "sandbox": execs("sandbox", "", "", None, environment=NOT_RECORDED),
    # By its file name only: the folder, in LD_LIBRARY_PATH, is not there for the next image.
    "by-name": execs("cleared", "execv repaired @/proc_leaf",
                     variables={"LD_PRELOAD": "libhasten.so", "LD_LIBRARY_PATH": "{folder}"}),
    "library-gone": execs("gone", "execve @/proc_leaf", start=None, own_library=True,
                          environment=NOT_RECORDED),
    "elsewhere": execs("elsewhere", "execve repaired @/proc_leaf", own_library=True, where="sub",
                       variables={"HASTEN_DATA": "data"}),
    "relative-data": execs("execv", "execv repaired @/proc_leaf",
                           variables={"HASTEN_DATA": "data"}),
    "without-data": execs(
        "elsewhere", "execve repaired @/proc_leaf", where="sub", variables={"HASTEN_DATA": None},
        environment={"LD_PRELOAD": "{lib}", "HASTEN_DATA": "{here}/hasten.data"}),
    # What fails.
    "no-format": fails("no-format", f"execv ./script | {ARGUMENTS}", "failed execv ENOEXEC"),
    "no-access": fails("no-access", f"execv ./script | {ARGUMENTS}", "failed execv EACCES",
                       f"execvpe repaired ./script | {ARGUMENTS}", "failed execvpe EACCES"),
    "no-entry": fails(
        "no-entry",
        f"execve repaired /nonexistent/program | {ARGUMENTS}", "failed execve ENOENT",
        "execl /nonexistent/program | leaf one", "failed execl ENOENT",
        "execle repaired /nonexistent/program | leaf", "failed execle ENOENT",
        f"execvp no_such_program | {ARGUMENTS} {PATH}", "failed execvp ENOENT",
        f"execlp no_such_program | leaf {PATH}", "failed execlp ENOENT",
        f"execvp - | {ARGUMENTS} {PATH}", "failed execvp ENOENT",
        f"fexecve repaired /proc/self/fd/-1 | {ARGUMENTS}", "failed fexecve EINVAL",
        f"execveat repaired nothing | {ARGUMENTS}", "failed execveat ENOENT",
        f"syscall repaired /nonexistent/program | {ARGUMENTS}", "failed syscall ENOENT",
        f"syscall repaired /proc/self/fd/-1/nothing | {ARGUMENTS}", "failed syscall EBADF"),
    "no-room": fails("no-room", "execv @/proc_leaf | 200004 bytes", "failed execv E2BIG"),
    "no-address": fails(
        "no-address",
        f"execve cut - | {ARGUMENTS}", "failed execve EFAULT",
        "execve cut @/proc_leaf | -", "failed execve EFAULT",
        f"execve @/proc_leaf | {ARGUMENTS}", "failed execve EFAULT",
        f"execve repaired - | {ARGUMENTS}", "failed execve EFAULT"),
    "no-pointer": fails(
        "no-pointer",
        *3 * [f"execve cut - | {ARGUMENTS}", "failed execve EFAULT",
              "execve cut @/proc_leaf | -", "failed execve EFAULT",
              f"execve @/proc_leaf | {ARGUMENTS}", "failed execve EFAULT"],
        *2 * ["execve cut @/proc_leaf | -", "failed execve EFAULT"],
        *2 * [f"execve @/proc_leaf | {ARGUMENTS}", "failed execve EFAULT"],
        "execl cut @/proc_leaf | -", "failed execl EFAULT",
        "execvpe cut true | -", "failed execvpe EFAULT",
        "execveat cut @/proc_leaf | -", "failed execveat EFAULT",
        "syscall cut - | -", "failed syscall EFAULT",
        f"execv @/proc_leaf | {ARGUMENTS}", "failed execv EFAULT"),
    "no-huge": Case(["exec", "no-huge"], counts={"exec": 20, "exec_failed": 20}, status=3),
    # posix_spawn and vfork.
    "spawn": Case(["spawn", "spawn"], {
        "main": ["start @/proc_spawn spawn", "posix_spawn c1 @/proc_leaf | leaf spawned",
                 "waitpid c1 exit 7"],
        "c1": ["start leaf spawned"]}, environment={**RECORDED, "MARK": "own"}),
    "spawnp": Case(["spawn", "spawnp"], {
        "main": ["start @/proc_spawn spawnp",
                 f"posix_spawnp repaired c1 proc_leaf | leaf spawned {PATH}", "waitpid c1 exit 7"],
        "c1": ["start leaf spawned"]}, environment=RECORDED),
    "spawn-null-pid": Case(["spawn", "null-pid"], {
        "main": ["start @/proc_spawn null-pid",
                 "posix_spawn repaired c1 @/proc_leaf | leaf spawned", "wait c1 exit 7"],
        "c1": ["start leaf spawned"]}, environment=RECORDED),
    "spawn-attributes": Case(["spawn", "attributes"], {
        "main": ["start @/proc_spawn attributes",
                 "posix_spawn repaired c1 @/proc_leaf | leaf spawned", "waitpid c1 exit 7"],
        "c1": ["start leaf spawned"]}, environment=RECORDED),
    "spawn-null-environment": Case(["spawn", "null-environment"], {
        "main": ["start @/proc_spawn null-environment",
                 "posix_spawn repaired c1 @/proc_leaf | leaf spawned", "waitpid c1 exit 7"],
        "c1": ["start leaf spawned"]}, environment=RECORDED),
    "spawn-failing": Case(["spawn", "failing"], {
        "main": ["start @/proc_spawn failing",
                 "posix_spawn repaired ENOENT /nonexistent/program | leaf spawned",
                 "posix_spawnp ENOENT no_such_program | leaf spawned | path /nonexistent"]}),
    "spawn-no-pointer": Case(["spawn", "no-pointer"], {
        "main": ["start @/proc_spawn no-pointer", "posix_spawn cut EFAULT - | leaf spawned",
                 *2 * ["posix_spawn cut EFAULT @/proc_leaf | -"],
                 *2 * ["posix_spawn EFAULT @/proc_leaf | leaf spawned"],
                 "posix_spawnp EFAULT true | leaf spawned", "waitpid c1 exit 66"],
        "c1": ["execve cut vforked @/proc_leaf | - | in .", "failed execve EFAULT"]}),
    # The handler may run before posix_spawn has returned to the hook.
    "spawn-handler": Case(["spawn", "handler"], counts={"spawn": 1, "wait": 1, "start": 2},
                          handler=True),
    "spawn-threads": Case(["spawn", "threads"],
                          counts={"spawn": 80, "exec": 80, "wait": 160, "start": 161}),
    "spawn-huge": Case(["spawn", "huge"], {
        "main": ["start @/proc_spawn huge", "posix_spawn repaired c1 @/proc_leaf | leaf spawned",
                 "waitpid c1 exit 7", "waitpid c2 exit 7"],
        "c1": ["start leaf spawned"],
        "c2": ["execve vforked @/proc_leaf | leaf spawned | in ."]}),
    "vfork": Case(["spawn", "vfork"], {
        "main": ["start @/proc_spawn vfork", "waitpid c1 exit 7"],
        "c1": ["execv vforked @/proc_leaf | leaf spawned | in .", "start leaf spawned"]},
                  environment={**RECORDED, "MARK": "own"}),
    "vfork-bare": Case(["spawn", "vfork-bare"], {
        "main": ["start @/proc_spawn vfork-bare", "waitpid c1 exit 7"],
        "c1": ["execle repaired vforked near | leaf far | in .", "failed execle ENOENT",
               "execle repaired vforked ./near | leaf near | in ./sub", "start leaf near"]},
                       environment=RECORDED, where="sub"),
    "vfork-failing": Case(["spawn", "vfork-failing"], {
        "main": ["start @/proc_spawn vfork-failing", "waitpid c1 exit 127", "waitpid c2 exit 126"],
        "c1": ["execlp vforked /nonexistent/program | leaf | in .", "failed execlp ENOENT"],
        "c2": ["execlp vforked /nonexistent/program | leaf | in .", "failed execlp ENOENT"]}),
    # Waiting.
    "wait": Case(["wait", "wait"], {
        "main": ["start @/proc_wait wait", "wait c1 exit 5", "wait c2 exit 6"],
        "c1": ["fork"], "c2": ["fork"]}),
    "waitpid": Case(["wait", "waitpid"], {
        "main": ["start @/proc_wait waitpid", "waitpid c1 exit 0", "waitpid c2 exit 1",
                 "waitpid c3 exit 2"],
        "c1": ["fork"], "c2": ["fork"], "c3": ["fork"]}),
    "wait-nohang": Case(["wait", "nohang"], {
        "main": ["start @/proc_wait nohang", "waitid c1 exit 4"], "c1": ["fork"]}),
    "wait-usage": Case(["wait", "usage"], {
        "main": ["start @/proc_wait usage", "wait4 c1 exit 0", "wait3 c2 exit 0",
                 "wait4 c3 exit 0"],
        "c1": ["fork"], "c2": ["fork"], "c3": ["fork"]}),
    "waitid": Case(["wait", "waitid"], {
        "main": ["start @/proc_wait waitid", "waitid c1 exit 44", "waitid c2 signal 15",
                 "waitid c3 exit 8"],
        "c1": ["fork"], "c2": ["fork"], "c3": ["fork"]}),
    "wait-stopped": Case(["wait", "stopped"], {
        "main": ["start @/proc_wait stopped", "waitpid c1 exit 11"], "c1": ["fork"]}),
    "wait-killed": Case(["wait", "killed"], {
        "main": ["start @/proc_wait killed", "waitpid c1 signal 9"], "c1": ["fork"]}),
    "wait-interrupted": Case(["wait", "interrupted"], {
        "main": ["start @/proc_wait interrupted", "waitpid c1 exit 12"], "c1": ["fork"]}),
    "wait-cancelled": Case(["wait", "cancelled"], {
        "main": ["start @/proc_wait cancelled", *[f"waitpid c{i} exit 13" for i in (1, 2, 3)]],
        "c1": ["fork"], "c2": ["fork"], "c3": ["fork"]}),
    "wait-threads": Case(["wait", "threads"], counts={"fork": 24, "wait": 24}),
    # Shells, and children that libc makes in its own ways.
    "system": Case(["shell", "system"], {
        "main": ["start @/proc_shell system", "system exit 3 exit 3",
                 "system signal 9 kill -9 $$", "system exit 0 echo said"],
        "c1": ["start sh -c exit 3"], "c2": ["start sh -c kill -9 $$"],
        # The last one is libc's way to see whether there is a shell.
        "c3": ["start sh -c echo said"], "c4": ["start sh -c exit 0"]}),
    "system-failing": Case(["shell", "system-failing"], {
        "main": ["start @/proc_shell system-failing", "system ECHILD exit 3",
                 "system exit 127 exit 3"],
        "c1": ["start sh -c exit 3"]}),
    "system-cleared": Case(["shell", "cleared"], {
        "main": ["start @/proc_shell cleared", "system exit 3 exit 3"]}),
    "shell-no-pointer": Case(["shell", "no-pointer"], {
        "main": ["start @/proc_shell no-pointer", *2 * ["system exit 127"], "popen ENOMEM"]}),
    "popen": Case(["shell", "popen"], {
        "main": ["start @/proc_shell popen", "popen echo through a pipe; exit 4", "pclose exit 4",
                 "popen read a; echo got $a", "pclose exit 0", "popen EINVAL true"],
        "c1": ["start sh -c echo through a pipe; exit 4"],
        "c2": ["start sh -c read a; echo got $a"]}),
    "daemon": Case(["shell", "daemon"], {
        "main": ["start @/proc_shell daemon"],
        "c1": ["fork", "execv @/proc_leaf | leaf child", "start leaf child"]}),
    "forkpty": Case(["shell", "forkpty"], {
        "main": ["start @/proc_shell forkpty", "waitpid c1 exit 7"],
        "c1": ["fork", "execv @/proc_leaf | leaf child", "start leaf child"]}),
    "fork-threads": Case(["shell", "threads"], {
        "main": ["start @/proc_shell threads", *[f"waitpid c{i} exit 7" for i in range(1, 11)]],
        **{f"c{i}": ["fork", "execle repaired @/proc_leaf | leaf of threads",
                     "start leaf of threads"] for i in range(1, 11)}}, environment=RECORDED),
    "closed": Case(["shell", "closed"], {
        "main": ["start @/proc_shell closed", "waitpid c1 exit 7"],
        "c1": ["fork", "execv @/proc_leaf | leaf child", "start leaf child"]}),
    # A limit of processes that binds: what fails is said, and works again when there is room.
    "crowd": Case(["shell", "crowd"], {
        "main": ["start @/proc_shell crowd", "fork EAGAIN - | -",
                 "posix_spawn EAGAIN @/proc_leaf | leaf", "system exit 127 exit 3",
                 "popen ENOMEM exit 3", *[f"waitpid c{i} exit 5" for i in (1, 2, 3)],
                 "waitpid c4 exit 4"],
        **{f"c{i}": ["fork"] for i in (1, 2, 3, 4)}}, home="few_processes"),
    # What cannot be written is counted, and said when something can.
    "starved": Case(["shell", "starved"], {
        "main": ["start @/proc_shell starved", "waitpid c1 exit 4", "lost 2 EMFILE",
                 "waitpid c2 exit 4", "lost 2 EFBIG"],
        "c1": ["fork"], "c2": ["fork"]}),
    "all": Case(["shell", "all"], {
        "main": ["start @/proc_shell all", "system exit 3 exit 3", "waitpid c2 exit 7",
                 "waitid c3 exit 7"],
        "c1": ["start sh -c exit 3"],
        "c2": ["fork", "execv /nonexistent/program | leaf child", "failed execv ENOENT",
               "execle repaired @/proc_leaf | leaf one", "start leaf one"],
        "c3": ["execl vforked /nonexistent/program | leaf | in .", "failed execl ENOENT",
               "execve repaired vforked @/proc_leaf | leaf child | in .", "start leaf child"]},
                environment=RECORDED),
    "nested": Case(["exec", "execve"], status=7, nested=(("hasten",), ("proc_exec", "leaf")),
                   variants=()),
    "nested-spawn": Case(["shell", "all"],
                         nested=(("hasten",), ("proc_shell", "sh", "leaf", "leaf")), variants=()),
}

COMPILER = {"gcc": 1, "cc1": 1, "as": 1, "collect2": 1, "ld": 1}
TOOLS = {
    "gcc": (["gcc", "-O0", "-x", "c", "/dev/null", "-shared", "-o", "out"], COMPILER),
    "make": (["make", "-s", "--eval", "all: a b ; @env -i /bin/echo c", "--eval",
              "a b: ; @/bin/echo $@", "-f", "/dev/null"], {"make": 1, "env": 1, "echo": 3}),
    "sh": (["sh", "-c", "env -i sh -c 'echo a | cat; (exit 0)'"], {"sh": 2, "env": 1, "cat": 1}),
    "bash": (["bash", "-c", "x=$(env -u LD_PRELOAD echo b); echo $x; exec true"],
             {"bash": 1, "env": 1, "echo": 1, "true": 1}),
    "perl": (["perl", "-e", "print `echo c`; %ENV = (); system('/bin/true', 1); exec '/bin/echo'"],
             {"perl": 1, "true": 1, "echo": 2}),
    "xargs": (["xargs", "-a", "/proc/self/comm", "env", "-i", "/bin/echo"],
              {"xargs": 1, "env": 1, "echo": 1}),
}
for name, (words, begin) in TOOLS.items():
    CASES["tool-" + name] = Case([], command=tuple(words), images=begin, variants=())

for name in ("no_files", "limit_file_size", "limit_descriptors", "limit_memory", "closed_standard",
             "other_user", "foreign_directory", "limit_processes", "full_disk",
             "read_only_directory"):
    CASES["home-" + name.replace("_", "-")] = Case(["shell", "all"], home=name, orphans=True,
                                                   variants=())
