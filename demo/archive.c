/* SPDX-License-Identifier: Apache-2.0 */
#include "grader.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int archive_results(const char *command)
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		return -1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
