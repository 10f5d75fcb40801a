/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cache of a function's results as source code: whether one can be written, in which form, its text, and a diff that puts
 * it in.
 *
 *   prototype, figures --decide--> form and size --code--> text --diff against the file--> unified diff
 */
#ifndef HST_PLAN_MEMO_H
#define HST_PLAN_MEMO_H

#include "model/cache.h"
#include "plan/memo_source.h"
#include "symbols/prototype.h"

#include <stdio.h>

/* How the recording keyed a parameter; as in hasten/plan.h. */
enum hst_memo_content {
	HST_MEMO_VALUE = 0,
	HST_MEMO_STRING, /* what a C string holds */
	HST_MEMO_BYTES,  /* as many bytes as the next parameter says */
};

/* Longer contents are not kept. */
#define HST_MEMO_TEXT_BYTES 120u
/* A thread's own memory; a larger cache is shared, whatever is proposed. */
#define HST_MEMO_THREAD_BYTES (16u << 10)
#define HST_MEMO_ALL_BYTES    (UINT64_C(256) << 20)

/* What it is made from. */
struct hst_memo_wanted {
	const struct hst_prototype *prototype;
	const struct hst_cache_function *function;
	const uint8_t *contents; /* enum hst_memo_content by parameter */
	bool force;              /* though it gains nothing, or only perhaps */
};

struct hst_memo {
	const struct hst_prototype *prototype;
	const struct hst_cache_function *function;
	const uint8_t *contents;
	uint32_t ways;   /* 1 or 4 */
	uint64_t sets;   /* a power of two */
	uint64_t bytes;  /* of each cache */
	bool shared;     /* by the threads */
	bool too_large;  /* shared only because threads have no room for their own */
	bool smaller;    /* than proposed: there is a limit */
	uint64_t ttl_ns; /* 0: results are kept for good */
	bool coarse;     /* the clock that a TTL goes by */
	uint32_t key_words, result_words;
	bool by_content; /* at least one parameter is: keys differ in their length */
	char uncached[160], prefix[160]; /* names: "f_uncached", "f_cache" */
};

/*
 * Chooses the form. HST_E_USAGE: none can be written, or none is worth it; the sentence says why, and what `force` does.
 * `wanted` must outlive what it points to; the names are not in use in `source` (NULL: not known).
 */
HST_NODISCARD enum hst_status hst_memo_decide(const struct hst_memo_wanted *wanted,
	const struct hst_memo_source *source, struct hst_memo *ret_memo, struct hst_diag *diag);

/* What stands above the code: where it comes from, what it rests on, what it assumes. */
void hst_memo_comment(FILE *out, const struct hst_memo *memo);
/*
 * Writes the comment, the cache, and the function itself; `head` (of `bytes`) is how it is declared, NULL: as the debug information has
 * it.
 */
void hst_memo_code(FILE *out, const struct hst_memo *memo, const char *head, size_t bytes);

/*
 * Writes a unified diff of the file at `name` (below a/ and b/) that renames the definition and puts the new one behind it.
 * HST_E_MEMORY.
 */
HST_NODISCARD enum hst_status hst_memo_diff(FILE *out, const struct hst_memo *memo,
	const struct hst_memo_source *source, const char *name);

#endif
