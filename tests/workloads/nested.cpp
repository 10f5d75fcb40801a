/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exceptions within exceptions: destructors that throw and catch while another exception passes,
 * rethrows from a catch block, an exception kept and thrown again, one that a thread has for
 * itself. `nested error`: the first throw must not take the loader's pending error message.
 */
#include "workload.h"

#include <dlfcn.h>
#include <exception>
#include <pthread.h>

#define ROUNDS 200

NOINLINE static void after()
{
	sink++;
}

NOINLINE static void inner()
{
	throw 1;
}

NOINLINE static void deep()
{
	throw 2;
}

struct cleaner {
	NOINLINE ~cleaner()
	{
		try {
			inner();
		} catch (int) {
			after();
		}
	}
};

NOINLINE static void low()
{
	deep();
	sink++;
}

NOINLINE static void middle()
{
	cleaner mess;

	low();
	sink++;
}

NOINLINE static void high()
{
	middle();
	sink++;
}

NOINLINE static void again()
{
	try {
		low();
	} catch (int) {
		after();
		throw;
	}
}

NOINLINE static void twice()
{
	try {
		again();
	} catch (int) {
		after();
		throw;
	}
}

NOINLINE static std::exception_ptr keep()
{
	try {
		deep();
	} catch (int) {
		return std::current_exception();
	}
	return nullptr;
}

NOINLINE static void throw_kept()
{
	std::exception_ptr kept = keep();

	after();
	std::rethrow_exception(kept);
}

NOINLINE static void call(void (*function)())
{
	try {
		function();
	} catch (int) {
		after();
	}
	after();
}

NOHOOK static void *body(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		call(high);
		call(twice);
		call(throw_kept);
	}
	return arg;
}

NOHOOK static void error_stays()
{
	const char *said;

	if (dlopen("libnosuch.so", RTLD_NOW) != nullptr) {
		die("libnosuch.so");
	}
	call(deep);
	said = dlerror();
	printf("%s\n", said == nullptr ? "nothing" : said);
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc > 1 && strcmp(argv[1], "error") == 0) {
		error_stays();
		return 0;
	}
	if (pthread_create(&thread, nullptr, body, nullptr) != 0) {
		die("pthread_create");
	}
	body(nullptr);
	pthread_join(thread, nullptr);
	printf("done\n");
	return 0;
}
