/* SPDX-License-Identifier: Apache-2.0 */
/* Names of regions. */
#include "sink/names.h"

#include "core/sys.h"
#include "core/text.h"
#include "hasten/trace.h"
#include "sink/file.h"

#include <stdbool.h>
#include <string.h>

#include "core/poison.h"

#define HST_NAMES_MAX  4096u
#define HST_NAME_SLOTS 8192u

struct name {
	uint32_t number; /* from 1; 0: empty */
	uint32_t bytes;
	char text[HST_NAME_BYTES + 1];
};

static struct {
	struct name *slots;
	uint32_t count;
	uint32_t busy;
} names;

void hst_names_reset(void)
{
	if (names.slots != NULL) {
		(void)hst_sys_munmap(names.slots, HST_NAME_SLOTS * sizeof *names.slots);
	}
	names.slots = NULL;
	names.count = 0;
	names.busy = 0;
}

static uint32_t name_slot(const char *name, uint32_t bytes)
{
	uint64_t hash = 0xcbf29ce484222325ull; /* FNV-1a, 64 bit */

	for (uint32_t i = 0; i < bytes; i++) {
		hash = (hash ^ (uint8_t)name[i]) * 0x100000001b3ull;
	}
	return (uint32_t)(hash >> 32) % HST_NAME_SLOTS;
}

static bool name_write(const struct name *name, uint32_t number)
{
	struct {
		struct hst_name_block block;
		char text[HST_NAME_BYTES + 25];
	} record;
	uint64_t offset;

	memset(&record, 0, sizeof record);
	record.block.block.magic = HST_BLOCK_MAGIC;
	record.block.block.type = HST_BLOCK_NAME;
	record.block.block.bytes = (uint32_t)((sizeof record.block + name->bytes + 15) & ~15ul);
	record.block.number = number;
	record.block.name_bytes = name->bytes;
	memcpy((uint8_t *)&record + sizeof record.block, name->text, name->bytes);
	return hst_sink_append(&record, record.block.block.bytes, &offset);
}

/* Readers need no lock: a name's number is stored last. `*ret_at`: where it is, or would be. */
static uint32_t name_find(const char *text, uint32_t bytes, uint32_t *ret_at)
{
	for (uint32_t at = name_slot(text, bytes);; at = (at + 1) % HST_NAME_SLOTS) {
		const struct name *name = &names.slots[at];
		uint32_t number = __atomic_load_n(&name->number, __ATOMIC_ACQUIRE);

		*ret_at = at;
		if (number == 0 || (name->bytes == bytes && memcmp(name->text, text, bytes) == 0)) {
			return number;
		}
	}
}

static uint32_t name_add(const char *text, uint32_t bytes)
{
	uint32_t at;
	uint32_t number = name_find(text, bytes, &at);
	struct name *name = &names.slots[at];

	if (number != 0 || names.count >= HST_NAMES_MAX) {
		return number;
	}
	memcpy(name->text, text, bytes);
	name->bytes = bytes;
	if (!name_write(name, names.count + 1)) {
		return 0;
	}
	names.count++;
	__atomic_store_n(&name->number, names.count, __ATOMIC_RELEASE);
	return names.count;
}

/* Signals are held, so the holder is another thread and will be done soon. Bounded all the same: in a sandbox they are not. */
static bool names_enter(void)
{
	for (uint32_t i = 0; i < 1000000; i++) {
		if (__atomic_exchange_n(&names.busy, 1, __ATOMIC_ACQUIRE) == 0) {
			return true;
		}
		__builtin_ia32_pause();
		if (i % 64 == 63) {
			(void)hst_sys6(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
		}
	}
	return false;
}

static uint32_t name_intern_new(const char *text, uint32_t bytes)
{
	uint32_t number = 0;

	if (!names_enter()) {
		return 0;
	}
	if (names.slots == NULL) {
		void *slots = hst_sys_mmap(NULL, HST_NAME_SLOTS * sizeof *names.slots,
			PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		__atomic_store_n(&names.slots, slots, __ATOMIC_RELEASE);
	}
	if (names.slots != NULL) {
		number = name_add(text, bytes);
	}
	__atomic_store_n(&names.busy, 0, __ATOMIC_RELEASE);
	return number;
}

uint64_t hst_name_intern(const char *text)
{
	uint32_t bytes = 0;
	uint32_t number = 0;
	uint32_t at;

	while (bytes < HST_NAME_BYTES && text[bytes] != '\0') {
		bytes++;
	}
	if (__atomic_load_n(&names.slots, __ATOMIC_ACQUIRE) != NULL) {
		number = name_find(text, bytes, &at);
	}
	if (number == 0) {
		struct hst_held held = hst_sys_hold_signals();

		number = name_intern_new(text, bytes);
		hst_sys_release_signals(held);
	}
	/* A name that could not be had shares number 0, so that its end closes no other region. */
	return HST_REGION_BASE + 16ull * number;
}
