/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that changes its surroundings in the middle of its work and goes on: `homes WHAT`.
 * 300,000 calls follow the change, more than what one mapped chunk can hold, then a thread, then
 * (where allowed) a child that works too. Its output is the same in all cases.
 */
#include "workload.h"

#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define CALLS 300000

NOINLINE static void leaf_a(void)
{
	sink++;
}

NOINLINE static void leaf_b(void)
{
	sink++;
}

NOINLINE static void work(int n)
{
	uint32_t state = 1;

	for (int i = 0; i < n; i++) {
		if (next_random(&state) % 2 == 0) {
			leaf_a();
			leaf_b();
		} else {
			leaf_b();
			leaf_a();
		}
	}
}

static void *thread_body(void *arg)
{
	work(1000);
	return arg;
}

NOHOOK static void close_all(int by_range)
{
	if (by_range) {
		close_range(3, ~0u, 0);
		return;
	}
	for (int fd = 3; fd < 4096; fd++) {
		close(fd);
	}
}

NOHOOK static void limit(int what, rlim_t value)
{
	struct rlimit small = { value, value };

	if (setrlimit((__rlimit_resource_t)what, &small) != 0) {
		die("setrlimit");
	}
}

NOHOOK static rlim_t memory_now(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (file == NULL || fscanf(file, "%lu", &pages) != 1) {
		die("/proc/self/statm");
	}
	fclose(file);
	return (rlim_t)pages * 4096;
}

NOHOOK static void change_root(void)
{
	if (mkdir("empty", 0755) != 0 || chroot("empty") != 0) {
		skip("chroot needs root");
	}
	if (chdir("/") != 0) {
		die("chdir");
	}
}

NOHOOK static void drop_user(void)
{
	if (geteuid() != 0) {
		skip("changing the user needs root");
	}
	if (setgid(65534) != 0 || setuid(65534) != 0) {
		die("setuid");
	}
}

NOHOOK static void change(const char *what)
{
	if (strcmp(what, "close") == 0) {
		close_all(0);
	} else if (strcmp(what, "close_range") == 0) {
		close_all(1);
	} else if (strcmp(what, "chdir") == 0) {
		if (chdir("/") != 0) {
			die("chdir");
		}
	} else if (strcmp(what, "chroot") == 0) {
		change_root();
	} else if (strcmp(what, "uid") == 0) {
		drop_user();
	} else if (strcmp(what, "fsize") == 0) {
		limit(RLIMIT_FSIZE, 4096);
	} else if (strcmp(what, "fsize0") == 0) {
		limit(RLIMIT_FSIZE, 0);
	} else if (strcmp(what, "as") == 0) {
		limit(RLIMIT_AS, memory_now());
	} else if (strcmp(what, "nofile") == 0) {
		limit(RLIMIT_NOFILE, 3);
	} else if (strncmp(what, "nofile", 6) == 0) {
		limit(RLIMIT_NOFILE, (rlim_t)(what[6] - '0'));
	} else if (strcmp(what, "umask") == 0) {
		umask(0777);
	} else if (strcmp(what, "delete") == 0) {
		if (system("rm -rf hasten.data*") != 0) {
			die("rm");
		}
	}
}

NOHOOK static void go_on(void)
{
	pthread_t thread;
	pid_t pid;

	if (pthread_create(&thread, NULL, thread_body, NULL) == 0) {
		pthread_join(thread, NULL);
	}
	pid = fork();
	if (pid == 0) {
		work(1000);
		_exit(0);
	}
	if (pid > 0) {
		waitpid(pid, NULL, 0);
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "nothing";

	work(10);
	change(what);
	errno = 0;
	work(CALLS);
	printf("errno %d\n", errno);
	fflush(stdout);
	go_on();
	printf("done\n");
	return 0;
}
