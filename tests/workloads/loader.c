/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loader's matters: `loader error` a pending error message, which calls of ours must not take;
 * `leave HOW LIBRARY` the process ends while the loader's lock is held; `plugin LIBRARY` a library
 * with a C++ runtime of its own; `relative FOLDER` and `moved FOLDER` a library by a relative
 * path, the working directory left after or before its first call; `again LIBRARY` one that comes
 * and goes 1,100 times; `size LIBRARY` the same, and the address space must not grow; `deaf FIRST
 * SECOND` new libraries when the trace file is gone.
 */
#include "workload.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>

typedef unsigned long (*function)(unsigned long);

static ucontext_t here;
static ucontext_t there;
static char stack[65536];

NOINLINE static void *load(const char *path)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (library == NULL) {
		fprintf(stderr, "%s\n", dlerror());
		_exit(98);
	}
	return library;
}

NOHOOK static function find(void *library, const char *name)
{
	void *found = dlsym(library, name);
	function result;

	if (found == NULL) {
		fprintf(stderr, "%s\n", dlerror());
		_exit(98);
	}
	memcpy(&result, &found, sizeof result);
	return result;
}

NOINLINE static void phase(const char *path)
{
	void *library = load(path);

	sink += find(library, "alpha")(1);
	dlclose(library);
}

NOINLINE static void leaf(void)
{
	sink++;
}

/* Its kind of death: on a hang the alarm ends the process. */
NOHOOK static void leave(const char *how, const char *path)
{
	setenv("WORKLOAD_LEAVE", how, 1);
	alarm(20);
	load(path);
}

NOHOOK static void on_stack(void)
{
	leaf();
}

NOHOOK static void *thread_body(void *arg)
{
	for (int i = 0; i < 10000; i++) {
		leaf();
	}
	return arg;
}

NOHOOK static void run_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, thread_body, NULL) != 0) {
		die("pthread_create");
	}
	pthread_join(thread, NULL);
}

NOHOOK static void switch_stack(void)
{
	getcontext(&there);
	there.uc_stack.ss_sp = stack;
	there.uc_stack.ss_size = sizeof stack;
	there.uc_link = &here;
	makecontext(&there, on_stack, 0);
	swapcontext(&here, &there);
}

/* What is called between the error and the question for it: each is a hook, some for the first
 * time. */
NOHOOK static void error_stays(int which)
{
	const char *said;

	if (dlopen("libnosuch.so", RTLD_NOW) != NULL) {
		die("libnosuch.so");
	}
	if (which == 0) {
		sink += (unsigned long)syscall(SYS_getpid);
	} else if (which == 1) {
		sink += (unsigned long)prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
	} else if (which == 2) {
		switch_stack();
	} else if (which == 3) {
		leaf();
	} else if (which == 4) {
		thread_body(NULL);
	}
	said = dlerror();
	printf("%d: %s\n", which, said == NULL ? "nothing" : said);
	said = dlerror();
	printf("%d: %s\n", which, said == NULL ? "nothing" : said);
}

NOHOOK static void relative(const char *folder, int moved)
{
	void *library;
	function alpha;

	if (chdir(folder) != 0) {
		die(folder);
	}
	library = load("./libalpha.so");
	alpha = find(library, "alpha");
	if (moved && chdir("/") != 0) {
		die("/");
	}
	sink += alpha(1);
	if (chdir("/") != 0) {
		die("/");
	}
	for (int i = 0; i < 99; i++) {
		sink += alpha(1);
	}
}

NOHOOK static unsigned long space_kib(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (file == NULL || fscanf(file, "%lu", &pages) != 1) {
		die("/proc/self/statm");
	}
	fclose(file);
	return pages * 4;
}

/* 64 MiB are more than one tree of profile mode, and less than three. */
NOINLINE static void size(const char *path)
{
	unsigned long before = 0;

	for (int i = 0; i < 60; i++) {
		if (i == 20) {
			before = space_kib();
		}
		phase(path);
	}
	printf("%s\n", space_kib() < before + (64ul << 10) ? "bounded" : "growing");
}

NOINLINE static void deaf(const char *first, const char *second)
{
	void *library = load(first);

	leaf();
	sink += find(library, "alpha")(1);
	if (system("rm -rf hasten.data*") != 0) {
		die("rm");
	}
	run_thread();
	run_thread();
	sink += find(load(second), "omega")(1);
	dlclose(library);
	run_thread();
	thread_body(NULL);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "error";

	if (strcmp(mode, "error") == 0) {
		for (int i = 0; i < 6; i++) {
			error_stays(i);
		}
	} else if (strcmp(mode, "leave") == 0) {
		leave(argv[2], argv[3]);
	} else if (strcmp(mode, "plugin") == 0) {
		function plug = find(load(argv[2]), "plug");

		for (unsigned long i = 0; i < 100; i++) {
			sink += plug(i);
		}
		printf("%lu\n", sink);
	} else if (strcmp(mode, "relative") == 0 || strcmp(mode, "moved") == 0) {
		relative(argv[2], strcmp(mode, "moved") == 0);
	} else if (strcmp(mode, "again") == 0) {
		for (int i = 0; i < 1100; i++) {
			phase(argv[2]);
		}
	} else if (strcmp(mode, "size") == 0) {
		size(argv[2]);
	} else {
		deaf(argv[2], argv[3]);
	}
	printf("done\n");
	return 0;
}
