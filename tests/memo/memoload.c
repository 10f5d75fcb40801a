/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memoload LIBRARY OTHER: libraries whose functions are answered from caches come, go, and come back, at the same address and at others;
 * OTHER has the same functions at the same places, with other results. With -DLIBRARY this is the library.
 */
#ifdef LIBRARY

# define NOINLINE    __attribute__((noinline))
# define DONE(value) __asm__ volatile("" : "+r"(value))

static volatile long state;

NOINLINE long m_plug(long a)
{
	long v;

	DONE(a); /* it is there as long as the hook runs */
	v = a * FACTOR + 1;
	DONE(v);
	return v;
}

NOINLINE long m_through(long a)
{
	long v = m_plug(a) + m_plug(a + 1);
	DONE(v);
	return v;
}

NOINLINE long x_impure(long a)
{
	long v;

	DONE(a);
	v = a + state;
	DONE(v);
	return v;
}

__attribute__((no_instrument_function)) void set_state(long a)
{
	state = a;
}

__attribute__((destructor)) static void goes(void)
{
	for (long k = 0; k < 5; k++) {
		set_state(m_plug(k % 2) + m_through(k % 2));
	}
}

#else

# include <dlfcn.h>
# include <stdio.h>
# include <stdlib.h>
# include <sys/mman.h>

# define NOHOOK __attribute__((no_instrument_function))

typedef long function(long);

NOHOOK static void use(void *library, const char *what)
{
	function *plug = (function *)dlsym(library, "m_plug");
	function *through = (function *)dlsym(library, "m_through");
	function *impure = (function *)dlsym(library, "x_impure");
	void (*set)(long) = (void (*)(long))dlsym(library, "set_state");

	for (long k = 0; k < 60; k++) {
		set(k / 3);
		printf("%s %ld %ld %ld\n", what, plug(k % 7), through(k % 5), impure(k % 2));
	}
}

NOHOOK static void *load(const char *path)
{
	void *library = dlopen(path, RTLD_NOW);

	if (library == NULL) {
		printf("%s\n", dlerror());
		exit(1);
	}
	return library;
}

NOHOOK int main(int argc, char **argv)
{
	void *room[20];
	void *library, *second;

	if (argc < 3) {
		return 2;
	}
	for (int round = 0; round < 4; round++) {
		library = load(argv[1]);
		use(library, "first");
		dlclose(library);
		library = load(argv[2]);
		use(library, "other");
		second = load(argv[1]);
		use(second, "beside");
		dlclose(library);
		use(second, "still");
		dlclose(second);
	}
	/* One goes behind the preload's back, another one comes to its place, and then the list is looked at. */
	library = load(argv[1]);
	use(library, "behind");
	second = dlopen(NULL, RTLD_NOW);
	((int (*)(void *))dlsym(load("libc.so.6"), "dlclose"))(library);
	library = load(argv[2]);
	dlclose(second);
	use(library, "in its place");
	dlclose(library);
	/* Where it was there is something else now. */
	for (int i = 0; i < 20; i++) {
		library = load(argv[1 + i % 3 / 2]);
		use(library, "moved");
		dlclose(library);
		room[i] = mmap(NULL, 24 << 10, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	}
	for (int i = 0; i < 20; i++) {
		munmap(room[i], 24 << 10);
	}
	return 0;
}

#endif
