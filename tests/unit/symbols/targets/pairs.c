/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hook functions of the tests: they list each pair of hook return address and function once, as
 * file addresses, with what the caller's own code says: 1 it calls this very function (so the
 * instance is not inlined), 0 it calls another one, -1 it calls indirectly.
 */
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define PLAIN __attribute__((no_instrument_function))
#define SLOTS 4096u

static struct {
	uintptr_t ret, fn;
	int says;
} pairs[SLOTS];

static int says(const unsigned char *site, uintptr_t fn) PLAIN;
static int says(const unsigned char *site, uintptr_t fn)
{
	int32_t distance;

	if (site[-5] != 0xe8) {
		return -1;
	}
	memcpy(&distance, site - 4, sizeof distance);
	return (uintptr_t)(site + distance) == fn;
}

PLAIN void __cyg_profile_func_enter(void *fn, void *site);
PLAIN void __cyg_profile_func_exit(void *fn, void *site);

PLAIN void __cyg_profile_func_enter(void *fn, void *site)
{
	uintptr_t ret = (uintptr_t)__builtin_return_address(0);
	unsigned slot = (unsigned)(ret * 0x9e3779b1u) / (UINT32_MAX / SLOTS) % SLOTS;

	while (pairs[slot].ret != 0 &&
		(pairs[slot].ret != ret || pairs[slot].fn != (uintptr_t)fn)) {
		slot = (slot + 1) % SLOTS;
	}
	if (pairs[slot].ret == 0) {
		pairs[slot].says = says(site, (uintptr_t)fn);
		pairs[slot].fn = (uintptr_t)fn;
		pairs[slot].ret = ret;
	}
}

PLAIN void __cyg_profile_func_exit(void *fn, void *site)
{
	(void)fn;
	(void)site;
}

static int first(struct dl_phdr_info *info, size_t size, void *data) PLAIN;
static int first(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)size;
	*(uintptr_t *)data = info->dlpi_addr;
	return 1;
}

__attribute__((destructor)) PLAIN static void dump(void)
{
	uintptr_t bias = 0;

	dl_iterate_phdr(first, &bias);
	for (unsigned i = 0; i < SLOTS; i++) {
		if (pairs[i].ret != 0) {
			printf("%llx %llx %d\n", (unsigned long long)(pairs[i].ret - bias),
				(unsigned long long)(pairs[i].fn - bias), pairs[i].says);
		}
	}
}
