/* SPDX-License-Identifier: Apache-2.0 */
/* The comment above the code: the evidence, and what nobody but the reader can check. */
#include "plan/memo.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define WIDTH 96u

/* Times as a person writes them. */
static const char *time_text(char text[32], double ns)
{
	static const char *const units[] = { "ns", "us", "ms", "s" };
	double value = ns < 0 ? -ns : ns;
	size_t unit = 0;

	while (value >= 1000 && unit + 1 < sizeof units / sizeof units[0]) {
		value /= 1000;
		unit++;
	}
	(void)snprintf(text, 32, "%s%.3g %s", ns < 0 ? "-" : "", value, units[unit]);
	if (value >= 1000) {
		(void)snprintf(text, 32, "%s%.0f %s", ns < 0 ? "-" : "", value, units[unit]);
	}
	return text;
}

/* A sentence in lines of a comment. Names in it cannot end the comment: they have no "/". */
static void say(FILE *out, const char *fmt, ...) HST_PRINTF(2, 3);

static void say(FILE *out, const char *fmt, ...)
{
	char text[1024];
	const char *at = text;
	va_list arguments;

	va_start(arguments, fmt);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang 14 loses sight of va_start */
	(void)vsnprintf(text, sizeof text, fmt, arguments);
	va_end(arguments);
	while (*at != '\0') {
		size_t length = strlen(at);

		if (length > WIDTH) {
			length = WIDTH;
			while (length > 1 && at[length] != ' ') {
				length--;
			}
			length = length == 1 ? strcspn(at, " ") : length;
		}
		(void)fprintf(out, " * %.*s\n", (int)length, at);
		at += length;
		at += *at == ' ';
	}
}

static void say_evidence(FILE *out, const struct hst_memo *memo)
{
	const struct hst_cache_function *function = memo->function;
	const struct hst_cache_plan *plan = hst_cache_plan_of(function);
	char gain[32];
	char low[32];
	char high[32];

	say(out,
		"%s() keeps its results. Written by hasten cache --patch from a recording with %" PRIu64
		" calls, %" PRIu64 " keys%s, %" PRIu64
		" keys with more than one result (purity: %s).",
		memo->prototype->name, function->calls, function->distinct,
		function->rate < 1 ? " (estimated from a share of them)" : "",
		function->contradicting, hst_cache_purity_text(function->purity));
	if (plan->lookups > 0) {
		say(out,
			"Expected there: %.1f %% of the lookups find, gain %s, 95 %% within %s .. %s: %s.",
			100 * plan->hits / plan->lookups, time_text(gain, plan->gain_ns),
			time_text(low, plan->low_ns), time_text(high, plan->high_ns),
			hst_cache_verdict_text(function->verdict));
	}
	if (function->kind == HST_CACHE_KIND_CONSTANT) {
		say(out,
			"All calls gave one result. If that is so for arguments that were not seen, too, it "
			"can stand in the place of the function.");
	}
}

static void say_form(FILE *out, const struct hst_memo *memo)
{
	uint64_t entries = memo->sets * memo->ways;

	say(out, "Cache: %" PRIu64 " entr%s%s, %" PRIu64 " bytes%s; arguments are compared whole.",
		entries, entries == 1 ? "y" : "ies",
		memo->shared ? " for all threads" : " for each thread", memo->bytes,
		memo->shared ? "" : " each");
	if (memo->too_large) {
		say(out,
			"One for each thread was proposed, but is too large for thread-local memory.");
	}
	if (memo->smaller) {
		say(out, "More entries were proposed, but would take more than %" PRIu64 " MiB.",
			HST_MEMO_ALL_BYTES >> 20);
	}
	if (memo->shared) {
		say(out, "Nobody waits: an entry that is being written counts as not there.");
	}
}

static void say_assumptions(FILE *out, const struct hst_memo *memo)
{
	const struct hst_prototype *prototype = memo->prototype;
	char ttl[32];
	char held[32];

	say(out,
		"hasten cannot see side effects: check that %s() has none, and that nothing but its "
		"arguments changes its result.",
		prototype->name);
	for (size_t i = 0; i < prototype->count; i++) {
		const struct hst_prototype_param *param = &prototype->params[i];
		bool address = false;

		for (size_t j = 0; j < param->count; j++) {
			address |= param->values[j].form == HST_VALUE_ADDRESS ||
				   param->values[j].form == HST_VALUE_REFERENCE;
		}
		if (memo->contents[i] != HST_MEMO_VALUE) {
			say(out,
				"%s is compared by what it points to; calls with more than %u bytes are not kept.",
				param->name, HST_MEMO_TEXT_BYTES);
		} else if (address) {
			say(out,
				"%s is compared by address: that assumes that what it points to does not change%s.",
				param->name,
				param->points_to_const
					? ""
					: ", and that the function writes nothing there");
		}
	}
	if (prototype->result_is_address) {
		say(out,
			"Callers get the same address again: that assumes that none of them frees or changes "
			"what it points to.");
	}
	if (memo->ttl_ns != 0) {
		say(out,
			"Results changed in the recording, the soonest after %s. They are kept for %s: until "
			"then callers may get an old one. This is right only if that does no harm. The gain above "
			"does not count results that expire.",
			time_text(held, (double)memo->function->held_ns),
			time_text(ttl, (double)memo->ttl_ns));
		say(out, "Needs clock_gettime of POSIX, which -std=c11 alone does not declare.");
	}
}

void hst_memo_comment(FILE *out, const struct hst_memo *memo)
{
	(void)fprintf(out, "/*\n");
	say_evidence(out, memo);
	say_form(out, memo);
	say_assumptions(out, memo);
	(void)fprintf(out, " */\n");
}
