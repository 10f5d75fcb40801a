/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two libraries that follow each other at one address: `dlopen FIRST SECOND`. Names must stay
 * right. `dlopen FIRST SECOND killed` ends by SIGKILL with a library loaded.
 */
#include "workload.h"

#include <dlfcn.h>
#include <signal.h>

static void *last;

NOINLINE static void use(const char *path, const char *name, int calls)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	unsigned long (*function)(unsigned long);
	void *found = library == NULL ? NULL : dlsym(library, name);

	if (found == NULL) {
		fprintf(stderr, "%s\n", dlerror());
		_exit(98);
	}
	memcpy(&function, &found, sizeof function);
	for (int i = 0; i < calls; i++) {
		sink += function((unsigned long)i);
	}
	if (last != NULL && last != found) {
		skip("the libraries do not follow each other at one address");
	}
	last = found;
	dlclose(library);
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		return 2;
	}
	for (int i = 0; i < 20; i++) {
		use(argv[1], "alpha", 10);
		use(argv[2], "omega", 30);
	}
	if (argc > 3) {
		kill(getpid(), SIGKILL);
	}
	printf("done\n");
	return 0;
}
