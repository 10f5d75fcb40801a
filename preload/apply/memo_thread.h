/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a thread has of functions that are answered from caches: its counters in the file, and the calls that were not answered and
 * run, whose results are to be stored.
 *
 * Calls that run are told apart by their call frame address, as on the shadow stack, of which this is independent: what is
 * recorded, filtered or lost there does not matter here. An entry whose frame is not further out than a call that begins is one
 * of a call that is gone (longjmp, an exception): it must never take the result of another one. So every call that was looked up
 * either takes these away and stands there itself, or empties all of it.
 *
 * A signal handler may come between any two instructions, run such functions itself, and even never return. Whoever changes the
 * list does so by one compare-and-swap of its length and a count of changes, and begins anew if a handler was there meanwhile.
 * If that handler switched stacks, what was being written is written on later, over a call of another stack: so an entry counts
 * only if a sum over it is right.
 */
#ifndef HST_APPLY_MEMO_THREAD_H
#define HST_APPLY_MEMO_THREAD_H

#include "apply/memo.h"
#include "core/attr.h"
#include "core/swap.h"

#include <stdbool.h>
#include <stdint.h>

/* One hit of so many is computed all the same, and compared. */
#define HST_MEMO_TURN 1024u

enum hst_memo_found_state {
	HST_MEMO_NEW = 0,     /* not in the cache */
	HST_MEMO_COMPARE = 1, /* in the cache; the result is to be compared */
	HST_MEMO_EXPIRED = 2, /* in the cache, but its time is over */
};

/* One call that runs. */
struct hst_memo_call {
	uint64_t cfa;
	uint64_t hash;
	uint64_t start;    /* ticks */
	uint64_t expected; /* to be compared with */
	uint32_t memo;     /* index */
	uint32_t site;     /* low half of the return address */
	uint32_t found;    /* enum hst_memo_found_state */
	uint32_t size;     /* of its key, as in hst_memo.quota */
	uint64_t key[HST_MEMO_WORDS_MAX];
	/* hst_memo_tokens, while no other call began in a frame like it; mixed with all the rest, for hst_memo_call_is_whole. */
	uint64_t token;
};
static_assert(sizeof(struct hst_memo_call) == 128, "two cache lines");

/* Of one function: what its counters were when they were last looked at, and what could have been saved since the beginning. */
struct hst_memo_worth {
	uint64_t lookups, hits, saved;
	uint64_t found; /* ticks that calls had taken which were compared */
	uint32_t poor;  /* looks in a row that found it not worth it */
	uint32_t recursive;
};

struct hst_memo_thread {
	uint64_t head;                       /* low half: calls in the list; high half: changes */
	uint64_t room;                       /* for so many; 0: wiped by a fork, or never made */
	struct hst_memo_counts *counts;      /* in the file, or hst_memo_uncounted; NULL: wiped */
	uint32_t turn;                       /* hits until one is compared */
	struct hst_memo_counts_block *block; /* NULL: the counters are not in the file */
	uint64_t token;                      /* of the latest call */
	struct hst_memo_worth worth[HST_MEMOS_MAX];
};

/*
 * Which call began last in a frame at this address, of all threads: a coroutine can go on in another thread, whose list may
 * have a call of the same function with the same frame, from the last time that it was there. By a hash of the address.
 */
#define HST_MEMO_TOKEN_BITS 13
extern HST_HIDDEN uint64_t hst_memo_tokens[1u << HST_MEMO_TOKEN_BITS];

HST_INLINE uint64_t *hst_memo_token_of(uint64_t cfa)
{
	return &hst_memo_tokens[cfa / 8 * HST_EXCLUDED_FACTOR >> (64 - HST_MEMO_TOKEN_BITS)];
}

/* NULL: the thread has none yet. */
extern __thread struct hst_memo_thread *hst_memo_self __attribute__((tls_model("initial-exec")));

/*
 * Makes it ready, or ready again in a forked child; the process has its file. NULL: not to be had, or being made right now. */
struct hst_memo_thread *hst_memo_thread_make(void);

/* Where threads end. At process start. */
void hst_memo_threads_start(void);

/*
 * The thread loses its clock (strict seccomp, PR_TSC_SIGSEGV), or another task runs with its memory and its thread-local storage:
 * nothing is answered there from now on, until it turns out that it was not so.
 */
void hst_memo_thread_pause(void);
void hst_memo_thread_resume(void);

/* Counted, and read by nobody: where the file has no room. */
extern HST_HIDDEN struct hst_memo_counts hst_memo_uncounted[HST_MEMOS_MAX];

/* A handler may have forked in the middle of a hook, and its child goes on in that hook: all of `thread` is wiped then. */
HST_INLINE struct hst_memo_counts *hst_memo_counts_of(
	const struct hst_memo_thread *thread, uint32_t index)
{
	struct hst_memo_counts *counts = *(struct hst_memo_counts *const volatile *)&thread->counts;

	return &(HST_LIKELY(counts != NULL) ? counts : hst_memo_uncounted)[index];
}

/* Of the mapping, before the calls. */
#define HST_MEMO_THREAD_BYTES 8192u
static_assert(sizeof(struct hst_memo_thread) <= HST_MEMO_THREAD_BYTES, "before the calls");

HST_INLINE struct hst_memo_call *hst_memo_calls(struct hst_memo_thread *thread)
{
	return (void *)((uint8_t *)thread + HST_MEMO_THREAD_BYTES);
}

/* Of all that matters of an entry but its key, of which it has the hash. */
HST_INLINE uint64_t hst_memo_call_sum(const struct hst_memo_call *call)
{
	uint64_t sum = call->hash ^ call->cfa * 0xd6e8feb86659fd93ull;

	sum = (sum ^ sum >> 32 ^ call->expected) * 0x9e3779b97f4a7c15ull;
	return sum ^ ((uint64_t)call->memo << 40) ^ ((uint64_t)call->size << 34) ^
	       ((uint64_t)call->found << 32) ^ call->site;
}

/* Is it one call's alone, and is no later one in a frame like it? `words`: of its key. */
HST_INLINE bool hst_memo_call_is_whole(const struct hst_memo_call *call, uint32_t words)
{
	uint64_t token = __atomic_load_n(hst_memo_token_of(call->cfa), __ATOMIC_RELAXED);

	return (call->token ^ hst_memo_call_sum(call)) == token &&
	       hst_memo_hash(call->key, words) == call->hash;
}

HST_INLINE uint64_t hst_memo_head(uint64_t head, uint64_t count)
{
	return ((head >> 32) + 1) << 32 | count;
}

HST_INLINE bool hst_memo_head_move(struct hst_memo_thread *thread, uint64_t from, uint64_t to)
{
	return hst_swap_own(&thread->head, from, to);
}

/* The entry for a call with this frame; those that are gone are left out. NULL: there is no room, and all are forgotten. */
HST_INLINE struct hst_memo_call *hst_memo_call_place(
	struct hst_memo_thread *thread, uint64_t cfa, uint64_t *ret_head, uint64_t *ret_count)
{
	uint64_t head = *(volatile uint64_t *)&thread->head;
	uint64_t count = (uint32_t)head;

	while (count > 0 && hst_memo_calls(thread)[count - 1].cfa <= cfa) {
		count--;
	}
	*ret_head = head;
	*ret_count = count;
	return HST_LIKELY(count < thread->room) ? &hst_memo_calls(thread)[count] : NULL;
}

/* All are forgotten: none of their results is stored. */
HST_INLINE void hst_memo_calls_forget(struct hst_memo_thread *thread)
{
	uint64_t head;

	do {
		head = *(volatile uint64_t *)&thread->head;
	} while (!hst_memo_head_move(thread, head, hst_memo_head(head, 0)));
}

/*
 * Takes out the call that ends, and those that are gone. false: it is not there; those that are gone are taken out all the same.
 * `words`: of its key.
 */
HST_INLINE bool hst_memo_call_take(struct hst_memo_thread *thread, uint64_t cfa, uint32_t memo,
	uint32_t site, uint32_t words, struct hst_memo_call *ret_call)
{
	for (;;) {
		uint64_t head = *(volatile uint64_t *)&thread->head;
		uint64_t count = (uint32_t)head;
		bool there = false;

		while (count > 0 && hst_memo_calls(thread)[count - 1].cfa < cfa) {
			count--;
		}
		if (count > 0 && hst_memo_calls(thread)[count - 1].cfa == cfa) {
			count--;
			*ret_call = hst_memo_calls(thread)[count];
			hst_barrier(); /* the copy is looked at */
			there = ret_call->cfa == cfa && ret_call->memo == memo &&
				ret_call->site == site && hst_memo_call_is_whole(ret_call, words);
		}
		hst_barrier();
		if (count == (uint32_t)head ||
			hst_memo_head_move(thread, head, hst_memo_head(head, count))) {
			return there;
		}
	}
}

#endif
