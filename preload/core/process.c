/* SPDX-License-Identifier: Apache-2.0 */
/* The process's record, and memory that does not survive a fork. */
#include "core/process.h"

#include "core/attr.h"
#include "core/sys.h"

#include "core/poison.h"

#define HST_WINDOW_BLOCKS       64u
#define HST_WINDOWS_BLOCK       16384u /* 1 MiB, of all blocks but the first */
#define HST_MADV_WIPEONFORK     18     /* not in older headers */
#define HST_MADV_POPULATE_WRITE 23     /* since Linux 5.14; before, it does nothing */
#define HST_FIRST_PAGES         3u     /* the hot fields, the predictor, the first ids */

struct hst_process hst_process;

__thread uint64_t hst_fork_ticks __attribute__((tls_model("initial-exec")));

int hst_exit_status = -1;

volatile uint32_t hst_sys_closed;

static struct {
	uint32_t next;
	uint32_t first_taken;
	struct hst_window *blocks[HST_WINDOW_BLOCKS];
} windows;

/* Rounded up here: an alignment of the variable would move all others. */
static HST_LARGE uint8_t first_memory[sizeof(struct hst_first) + HST_PAGE];

static struct hst_first *first_place(void)
{
	return (void *)(((uintptr_t)first_memory + HST_PAGE - 1) & ~(HST_PAGE - 1));
}

struct hst_first *hst_process_first(void)
{
	struct hst_first *first = first_place();

	if (__atomic_exchange_n(&windows.first_taken, 1, __ATOMIC_RELAXED) != 0) {
		return NULL;
	}
	/* The pages that each stream writes, in one fault instead of two for each: most are read first. */
	(void)hst_sys_madvise(&first->stream, HST_FIRST_PAGES * HST_PAGE, HST_MADV_POPULATE_WRITE);
	return first;
}

static void window_block_drop(struct hst_window *block, size_t bytes)
{
	if (block != first_place()->windows) {
		(void)hst_sys_munmap(block, bytes);
	}
}

static struct hst_window *window_block(uint32_t block, size_t bytes)
{
	struct hst_window *map = first_place()->windows;

	if (block != 0) {
		map = hst_sys_mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	}
	if (map != NULL && hst_sys_madvise(map, bytes, HST_MADV_WIPEONFORK) != 0) {
		window_block_drop(map, bytes);
		return NULL;
	}
	return map;
}

struct hst_window *hst_window_new(void)
{
	uint32_t index = __atomic_fetch_add(&windows.next, 1, __ATOMIC_RELAXED);
	bool first = index < HST_WINDOWS_FIRST;
	uint32_t at = first ? index : (index - HST_WINDOWS_FIRST) % HST_WINDOWS_BLOCK;
	uint32_t block = first ? 0 : 1 + (index - HST_WINDOWS_FIRST) / HST_WINDOWS_BLOCK;
	size_t bytes = (first ? HST_WINDOWS_FIRST : HST_WINDOWS_BLOCK) * sizeof(struct hst_window);
	struct hst_window *map;

	if (block >= HST_WINDOW_BLOCKS) {
		return NULL;
	}
	map = __atomic_load_n(&windows.blocks[block], __ATOMIC_ACQUIRE);
	if (map == NULL) {
		struct hst_window *made = window_block(block, bytes);

		if (made == NULL) {
			return NULL;
		}
		if (__atomic_compare_exchange_n(&windows.blocks[block], &map, made, false,
			    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
			map = made;
		} else {
			window_block_drop(made, bytes);
		}
	}
	return &map[at];
}
