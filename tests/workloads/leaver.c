/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shared library whose constructor starts a thread and waits for it, while the loader's lock is
 * held. The thread ends the process in the way that WORKLOAD_LEAVE names.
 */
#include "workload.h"

#include <pthread.h>
#include <sys/syscall.h>

NOHOOK static void *leave(void *arg)
{
	const char *how = getenv("WORKLOAD_LEAVE");

	if (strcmp(how, "_exit") == 0) {
		_exit(3);
	} else if (strcmp(how, "_Exit") == 0) {
		_Exit(3);
	} else if (strcmp(how, "quick_exit") == 0) {
		quick_exit(3);
	} else if (strcmp(how, "syscall") == 0) {
		syscall(SYS_exit_group, 3);
	}
	return arg;
}

NOHOOK __attribute__((constructor)) static void begin(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, leave, NULL) != 0) {
		die("pthread_create");
	}
	pthread_join(thread, NULL);
}
