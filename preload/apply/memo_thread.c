/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of threads for calls that run, and their counters in the file, which go from thread to thread. */
#include "apply/memo_thread.h"

#include "core/process.h"
#include "core/sys.h"
#include "sink/file.h"

#include <pthread.h>

#include "core/poison.h"

/* Of address space, tried in this order; pages are taken as they are used. */
static const uint64_t rooms[] = { 64ull << 20, 4ull << 20, 64ull << 10 };

#define SPARES 64u

__thread struct hst_memo_thread *hst_memo_self __attribute__((tls_model("initial-exec")));
HST_LARGE uint64_t hst_memo_tokens[1u << HST_MEMO_TOKEN_BITS];

/* Numbers of threads, above those of their calls. */
#define TOKEN_SHIFT 40u
static uint64_t threads;

static __thread bool making __attribute__((tls_model("initial-exec")));
static __thread bool over __attribute__((tls_model("initial-exec")));
static __thread uint64_t mapped __attribute__((tls_model("initial-exec")));

/* Threads that this one begins have no clock either. */
static uint32_t paused_threads;
static __thread struct hst_memo_thread *kept __attribute__((tls_model("initial-exec")));
static __thread bool paused __attribute__((tls_model("initial-exec")));

/* Blocks of threads that ended. Of a file of another epoch they are not used again. */
static struct hst_memo_counts_block *spares[SPARES];
static uint32_t spares_epoch;

HST_LARGE struct hst_memo_counts hst_memo_uncounted[HST_MEMOS_MAX];

static pthread_key_t key;
static bool key_made;

static void keep(struct hst_memo_counts_block *block)
{
	for (uint32_t i = 0; i < SPARES; i++) {
		struct hst_memo_counts_block *empty = NULL;

		if (__atomic_compare_exchange_n(
			    &spares[i], &empty, block, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
			return;
		}
	}
}

static struct hst_memo_counts_block *spare(void)
{
	if (__atomic_load_n(&spares_epoch, __ATOMIC_ACQUIRE) != hst_process.epoch) {
		for (uint32_t i = 0; i < SPARES; i++) {
			__atomic_store_n(&spares[i], NULL, __ATOMIC_RELEASE);
		}
		__atomic_store_n(&spares_epoch, hst_process.epoch, __ATOMIC_RELEASE);
	}
	for (uint32_t i = 0; i < SPARES; i++) {
		struct hst_memo_counts_block *block =
			__atomic_exchange_n(&spares[i], NULL, __ATOMIC_ACQ_REL);

		if (block != NULL) {
			return block;
		}
	}
	return NULL;
}

static struct hst_memo_counts_block *counters(void)
{
	struct hst_memo_counts_block *block = spare();
	uint64_t bytes =
		hst_sys_whole_pages(sizeof *block + HST_MEMOS_MAX * sizeof(struct hst_memo_counts));
	uint64_t offset;

	if (block != NULL) {
		return block;
	}
	block = hst_sink_map(bytes, bytes, &offset);
	if (block != NULL) {
		block->block = (struct hst_block){ .magic = HST_BLOCK_MAGIC,
			.type = HST_BLOCK_MEMO_COUNTS,
			.bytes = (uint32_t)bytes };
	}
	return block;
}

static struct hst_memo_thread *map_room(void)
{
	struct hst_memo_thread *thread = NULL;

	for (uint32_t i = 0; i < sizeof rooms / sizeof rooms[0] && thread == NULL; i++) {
		mapped = rooms[i];
		thread = hst_sys_mmap(NULL, mapped, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	}
	/* A forked child begins anew, with counters of its own. */
	if (thread != NULL && hst_sys_madvise(thread, mapped, MADV_WIPEONFORK) != 0) {
		(void)hst_sys_munmap(thread, mapped);
		thread = NULL;
	}
	return thread;
}

struct hst_memo_thread *hst_memo_thread_make(void)
{
	struct hst_memo_thread *thread = hst_memo_self;
	struct hst_held signals;

	if (making || over || __atomic_load_n(&paused_threads, __ATOMIC_RELAXED) != 0) {
		return NULL;
	}
	signals = hst_sys_hold_signals();
	making = true; /* no handler leaves in the middle */
	thread = thread != NULL ? thread : map_room();
	if (thread != NULL) {
		thread->block = counters();
		thread->counts =
			thread->block != NULL ? (void *)(thread->block + 1) : hst_memo_uncounted;
		thread->head = hst_memo_head(thread->head, 0); /* a hook may have gone on in it */
		thread->turn = HST_MEMO_TURN;
		thread->token = __atomic_add_fetch(&threads, 1, __ATOMIC_RELAXED) << TOKEN_SHIFT;
		hst_barrier();
		thread->room = (mapped - HST_MEMO_THREAD_BYTES) / sizeof(struct hst_memo_call);
		hst_memo_self = thread;
		if (key_made) {
			(void)pthread_setspecific(key, thread);
		}
	}
	making = false;
	hst_sys_release_signals(signals);
	return thread;
}

static void thread_ends(void *data)
{
	struct hst_memo_thread *thread = data;
	struct hst_held signals = hst_sys_hold_signals();

	over = true;
	if (hst_memo_self == thread) {
		hst_memo_self = NULL;
		if (thread->block != NULL && hst_process.alive->seen != 0) {
			keep(thread->block);
		}
		if (hst_sys_closed == 0) {
			(void)hst_sys_munmap(thread, mapped);
		}
	}
	hst_sys_release_signals(signals);
}

void hst_memo_thread_pause(void)
{
	if (paused) {
		return;
	}
	__atomic_add_fetch(&paused_threads, 1, __ATOMIC_RELAXED);
	paused = true;
	hst_barrier();
	kept = hst_memo_self;
	hst_memo_self = NULL;
}

void hst_memo_thread_resume(void)
{
	if (!paused) {
		return;
	}
	hst_memo_self = kept;
	hst_barrier();
	paused = false;
	__atomic_sub_fetch(&paused_threads, 1, __ATOMIC_RELAXED);
}

void hst_memo_threads_start(void)
{
	key_made = hst_memo_wanted() && pthread_key_create(&key, thread_ends) == 0;
}
