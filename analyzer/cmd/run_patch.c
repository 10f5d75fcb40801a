/* SPDX-License-Identifier: Apache-2.0 */
/* A sandbox may answer with an error, or end the process: so another one asks. */
#include "cmd/run_patch.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static int try_it(void)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	void *code = (void *)((uintptr_t)try_it & ~(page - 1));

	if (mprotect(code, page, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) {
		return 1;
	}
	return mprotect(code, page, PROT_READ | PROT_EXEC) != 0;
}

bool hst_run_can_patch(void)
{
	const struct rlimit none = { 0, 0 };
	int status = 1;
	pid_t pid = fork();

	if (pid == 0) {
		(void)setrlimit(RLIMIT_CORE, &none);
		_exit(try_it());
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR) {
			return false;
		}
	}
	return pid > 0 && status == 0;
}
