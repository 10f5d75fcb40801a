/* SPDX-License-Identifier: Apache-2.0 */
/* The process's record, and memory that does not survive a fork. */
#include "core/process.h"

#include "core/sys.h"

#include "core/poison.h"

#define HST_WINDOW_BLOCKS   1024u
#define HST_WINDOWS_BLOCK   1024u /* 64 KiB */
#define HST_MADV_WIPEONFORK 18    /* not in older headers */

struct hst_process hst_process;

volatile uint32_t hst_sys_closed;

static struct {
	struct hst_window *blocks[HST_WINDOW_BLOCKS];
	uint32_t next;
} windows;

static struct hst_window *window_block(void)
{
	size_t bytes = HST_WINDOWS_BLOCK * sizeof(struct hst_window);
	void *map = hst_sys_mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map != NULL && hst_sys_madvise(map, bytes, HST_MADV_WIPEONFORK) != 0) {
		(void)hst_sys_munmap(map, bytes);
		return NULL;
	}
	return map;
}

struct hst_window *hst_window_new(void)
{
	uint32_t index = __atomic_fetch_add(&windows.next, 1, __ATOMIC_RELAXED);
	uint32_t block = index / HST_WINDOWS_BLOCK;
	struct hst_window *map;

	if (block >= HST_WINDOW_BLOCKS) {
		return NULL;
	}
	map = __atomic_load_n(&windows.blocks[block], __ATOMIC_ACQUIRE);
	if (map == NULL) {
		struct hst_window *made = window_block();

		if (made == NULL) {
			return NULL;
		}
		if (__atomic_compare_exchange_n(&windows.blocks[block], &map, made, false,
			    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
			map = made;
		} else {
			(void)hst_sys_munmap(made, HST_WINDOWS_BLOCK * sizeof *made);
		}
	}
	return &map[index % HST_WINDOWS_BLOCK];
}
