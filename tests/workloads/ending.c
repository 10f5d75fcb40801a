/* SPDX-License-Identifier: Apache-2.0 */
/* Every way in which a program ends, after 1,000 calls, three frames deep: `ending WAY`. */
#include "workload.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static char *volatile bad_address;

NOINLINE static void leaf(void)
{
	sink++;
}

static void late(void)
{
	leaf();
}

NOINLINE static void end(const char *way)
{
	if (strcmp(way, "kill") == 0) {
		kill(getpid(), SIGKILL);
	} else if (strcmp(way, "segv") == 0) {
		*(volatile int *)bad_address = 1;
	} else if (strcmp(way, "abort") == 0) {
		abort();
	} else if (strcmp(way, "term") == 0) {
		raise(SIGTERM);
	} else if (strcmp(way, "_exit") == 0) {
		_exit(3);
	} else if (strcmp(way, "quick_exit") == 0) {
		quick_exit(4);
	} else if (strcmp(way, "raw") == 0) {
		syscall(SYS_exit_group, 6);
	} else if (strcmp(way, "exit") == 0) {
		exit(5);
	}
}

NOINLINE static void deep(const char *way)
{
	for (int i = 0; i < 1000; i++) {
		leaf();
	}
	end(way);
	sink++;
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "return";
	struct rlimit no_core = { 0, 0 };

	setrlimit(RLIMIT_CORE, &no_core);

	printf("%s\n", way);
	fflush(stdout);
	atexit(late);
	at_quick_exit(late);

	deep(way);
	return 9;
}
