/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a filter, shared by its parser and by the writer of its plan. */
#ifndef HST_PLAN_FILTER_TERMS_H
#define HST_PLAN_FILTER_TERMS_H

#include "plan/filter.h"

enum hst_filter_kind {
	HST_FILTER_FUNCTION,
	HST_FILTER_MODULE,
	HST_FILTER_FILE,
};

struct hst_filter_term {
	char *text;       /* as the user wrote it */
	const char *glob; /* inside text */
	enum hst_filter_kind kind;
	bool exclude;
	bool matched;
};

struct hst_filter {
	struct hst_filter_term terms[HST_FILTER_TERMS_MAX];
	size_t term_count;
	bool has_include;
};

struct hst_filter_verdict {
	bool included, excluded;
};

/* What the `module:` terms say about a module, and marks those that matched. */
struct hst_filter_verdict hst_filter_module_verdict(struct hst_filter *filter, const char *module);

#endif
