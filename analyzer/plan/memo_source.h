/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a function is defined in the text of a C or C++ file. Only what is certain is found: a definition that a macro
 * makes, that stands elsewhere than the debug information says, or that has other parameters, is none.
 */
#ifndef HST_PLAN_MEMO_SOURCE_H
#define HST_PLAN_MEMO_SOURCE_H

#include "symbols/prototype.h"
#include "util/status.h"
#include "util/vec.h"

enum hst_token_kind {
	HST_TOKEN_WORD,
	HST_TOKEN_MARK, /* one character, but "::" and "->" */
	HST_TOKEN_LITERAL,
	HST_TOKEN_DIRECTIVE, /* of the preprocessor, to the end of its last line */
};

struct hst_token {
	size_t at, bytes;
	uint32_t line;
	uint8_t kind;
};

struct hst_tokens {
	HST_VEC(struct hst_token) items;
};

/* Splits the text; comments and blanks are between tokens. false: no memory. */
bool hst_tokens_read(const char *text, size_t bytes, struct hst_tokens *ret_tokens);

struct hst_memo_source {
	char *text; /* the whole file, with a NUL behind it */
	size_t bytes;
	size_t head, name,
		head_end; /* "static int name(int x)": without what may stand before "{" but blanks */
	size_t end;       /* behind "}" */
	size_t include;   /* where a line with #include may be put */
	bool calls_itself;
	bool returns; /* its lines end with CR LF */
	/* Words of the head, in bytes of the text; 0 bytes: none. */
	size_t linkage, linkage_bytes; /* extern, with "C" */
	bool is_static;
};

/*
 * Reads the file and finds the definition at `line`. HST_E_NOT_FOUND: with why in `diag`, to be put behind "because"; then the text
 * may be there all the same. HST_E_MEMORY. The caller frees *ret_source in any case.
 */
HST_NODISCARD enum hst_status hst_memo_source_read(const char *path, uint32_t line,
	const struct hst_prototype *prototype, struct hst_memo_source *ret_source,
	struct hst_diag *diag);
void hst_memo_source_finish(struct hst_memo_source *source);

#endif
