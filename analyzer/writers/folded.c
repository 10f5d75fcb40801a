/* SPDX-License-Identifier: Apache-2.0 */
/* No header line: one viewer looks at the first line to know the format. */
#include "writers/folded.h"

#include "util/vec.h"
#include "writers/text.h"

#include <inttypes.h>

#define NAME_BYTES 1024u

uint64_t hst_metric_value(enum hst_metric metric, const struct hst_context *context)
{
	return metric == HST_METRIC_CALLS ? context->calls : context->self_ns;
}

/* A name without what separates frames and lines. */
static void put_name(FILE *out, const struct hst_profile *profile, uint32_t function)
{
	char name[NAME_BYTES];

	(void)hst_text_clean(name, sizeof name,
		function < profile->function_count ? profile->functions[function].name
						   : "[unknown]");
	for (char *p = name; *p != '\0'; p++) {
		*p = *p == ';' ? ':' : *p;
	}
	fputs(name, out);
}

/* A context and its callers, innermost first. */
struct path {
	HST_VEC(uint32_t) contexts;
};

static bool find_path(struct path *path, const struct hst_profile *profile, uint32_t context)
{
	path->contexts.count = 0;
	for (uint32_t at = context; at != 0; at = profile->contexts[at].parent) {
		if (!hst_vec_push(&path->contexts, at)) {
			return false;
		}
	}
	return true;
}

enum hst_status hst_folded_write(
	FILE *out, const struct hst_profile *profile, enum hst_metric metric)
{
	struct path path = { 0 };

	for (size_t i = 1; i < profile->context_count; i++) {
		uint64_t value = hst_metric_value(metric, &profile->contexts[i]);

		if (value == 0) {
			continue;
		}
		if (!find_path(&path, profile, (uint32_t)i)) {
			hst_vec_finish(&path.contexts);
			return HST_E_MEMORY;
		}
		for (size_t k = path.contexts.count; k-- > 0;) {
			put_name(out, profile, profile->contexts[path.contexts.items[k]].function);
			fputc(k == 0 ? ' ' : ';', out);
		}
		fprintf(out, "%" PRIu64 "\n", value);
	}
	hst_vec_finish(&path.contexts);
	return HST_OK;
}
