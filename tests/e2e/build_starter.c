/* SPDX-License-Identifier: Apache-2.0 */
/* Starts a program in the way that its first argument names, waits for it and ends with its status. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int ended(pid_t child)
{
	int status = 0;

	if (waitpid(child, &status, 0) != child) {
		return 99;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

static void by_name(const char *how, const char *path, char **argv)
{
	if (strcmp(how, "execvp") == 0) {
		execvp(argv[0], argv);
	} else if (strcmp(how, "execv") == 0) {
		execv(path, argv);
	} else if (strcmp(how, "execve") == 0) {
		execve(path, argv, environ);
	} else if (strcmp(how, "execvpe") == 0) {
		execvpe(argv[0], argv, environ);
	} else if (strcmp(how, "execl") == 0) {
		execl(path, argv[0], argv[1], argv[2], argv[3], argv[4], NULL);
	} else if (strcmp(how, "execlp") == 0) {
		execlp(argv[0], argv[0], argv[1], argv[2], argv[3], argv[4], NULL);
	} else if (strcmp(how, "execle") == 0) {
		execle(path, argv[0], argv[1], argv[2], argv[3], argv[4], NULL, environ);
	} else if (strcmp(how, "fexecve") == 0) {
		fexecve(open(path, O_RDONLY | O_CLOEXEC), argv, environ);
	} else if (strcmp(how, "syscall") == 0) {
		syscall(SYS_execve, path, argv, environ);
	}
}

static int spawn(const char *how, const char *path, char **argv)
{
	pid_t child;
	int error = how[11] == 'p' ? posix_spawnp(&child, argv[0], NULL, NULL, argv, environ)
				   : posix_spawn(&child, path, NULL, NULL, argv, environ);

	return error != 0 ? 97 : ended(child);
}

static int by_shell(const char *how, char **argv)
{
	char command[4096] = "";
	int status;

	for (int i = 0; argv[i] != NULL; i++) {
		strcat(strcat(command, argv[i]), " ");
	}
	status = strcmp(how, "system") == 0 ? system(command) : pclose(popen(command, "r"));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 96;
}

/* HOW PATH NAME ARGUMENT ARGUMENT ARGUMENT ARGUMENT */
int main(int argc, char **argv)
{
	pid_t child;

	if (argc != 8) {
		return 95;
	}
	if (strncmp(argv[1], "posix_spawn", 11) == 0) {
		return spawn(argv[1], argv[2], argv + 3);
	}
	if (strcmp(argv[1], "system") == 0 || strcmp(argv[1], "popen") == 0) {
		return by_shell(argv[1], argv + 3);
	}
	if (strcmp(argv[1], "vfork") == 0) {
		child = vfork();
		if (child == 0) {
			execve(argv[2], argv + 3, environ);
			_exit(94);
		}
		return ended(child);
	}
	child = fork();
	if (child == 0) {
		by_name(argv[1], argv[2], argv + 3);
		_exit(93);
	}
	return ended(child);
}
