/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that write a cache's code share. */
#ifndef HST_PLAN_MEMO_CODE_H
#define HST_PLAN_MEMO_CODE_H

#include "plan/memo.h"

struct hst_memo_text {
	FILE *out;
	const struct hst_memo *memo;
	const char *prefix;
	const char *own; /* before the names of variables beside the function's parameters */
	bool loop;       /* keys are compared, placed and stored in a loop */
};

void hst_memo_put(const struct hst_memo_text *code, const char *fmt, ...) HST_PRINTF(2, 3);
/* "int name(int x)" as the debug information has it. */
void hst_memo_prototype(const struct hst_memo_text *code, const char *name);
/* The function's body, from "{" on. */
void hst_memo_body(const struct hst_memo_text *code);

static inline bool hst_memo_has_ttl(const struct hst_memo_text *code)
{
	return code->memo->ttl_ns != 0;
}

static inline bool hst_memo_has_key(const struct hst_memo_text *code)
{
	return code->memo->key_words > 0;
}

#endif
