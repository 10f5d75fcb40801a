/* SPDX-License-Identifier: Apache-2.0 */
/* `hasten verify` for people: the verdict first, then what it rests on. */
#include "cmd/common.h"
#include "cmd/verify.h"
#include "writers/table.h"
#include "writers/units.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define PAIRS_FEW 10u
#define PERCENT   100.0
/* So close to the share of hasten itself a peak may be just that. */
#define PEAK_SLACK (UINT64_C(128) << 10)

const char *hst_verify_stream_name(const struct hst_verify_options *options, size_t stream)
{
	return stream == HST_VERIFY_STDOUT   ? "standard output"
	       : stream == HST_VERIFY_STDERR ? "standard error"
					     : options->files[stream - HST_VERIFY_FILE];
}

/* "exit status 3", "signal 11 (SIGSEGV)". */
static void say_end(int wait_status, char *buffer, size_t size)
{
	const char *name;

	if (!WIFSIGNALED(wait_status)) {
		(void)snprintf(buffer, size, "exit status %d", WEXITSTATUS(wait_status));
		return;
	}
	name = sigabbrev_np(WTERMSIG(wait_status));
	(void)snprintf(buffer, size, "signal %d%s%s%s", WTERMSIG(wait_status),
		name != NULL ? " (SIG" : "", name != NULL ? name : "", name != NULL ? ")" : "");
}

/* "3.98 times as fast" or "4.2 % faster". */
static void say_gain(const struct hst_verify_comparison *time, char *buffer, size_t size)
{
	double ratio = time->ratio.ratio;

	if (ratio < 0.67) {
		(void)snprintf(buffer, size, "%.3g times as fast", 1 / ratio);
	} else if (ratio <= 1) {
		(void)snprintf(buffer, size, "%.1f %% less time", (1 - ratio) * PERCENT);
	} else {
		(void)snprintf(buffer, size, "%.1f %% more time", (ratio - 1) * PERCENT);
	}
}

/* What a sentence may need. */
struct words {
	const struct hst_verify_options *options;
	const struct hst_verify_result *result;
	const char *stream;
	char place[64]; /* of the difference */
	char ends[HST_VERIFY_ARMS][48];
	char timeout[HST_UNITS_BYTES], limit[HST_UNITS_BYTES];
};

static bool say_rejected(const struct words *words, char *text, size_t size)
{
	enum hst_verify_reason reason = words->result->reason;

	if (reason == HST_VERIFY_BECAUSE_OUTPUT) {
		(void)snprintf(text, size, "%s is not the same with the plan: %s", words->stream,
			words->place);
	} else if (reason == HST_VERIFY_BECAUSE_STATUS) {
		(void)snprintf(text, size, "the baseline ended with %s, with the plan it is %s",
			words->ends[HST_VERIFY_BASE], words->ends[HST_VERIFY_PLAN]);
	} else if (reason == HST_VERIFY_BECAUSE_SIGNAL) {
		(void)snprintf(text, size, "with the plan the program was ended by %s",
			words->ends[HST_VERIFY_PLAN]);
	} else if (reason == HST_VERIFY_BECAUSE_TIMEOUT) {
		(void)snprintf(text, size,
			"with the plan the program did not end within %s, in which the baseline did",
			words->timeout);
	} else if (reason == HST_VERIFY_BECAUSE_PLAN_LIMIT) {
		(void)snprintf(text, size,
			"with the plan the program writes more than %s, which the baseline does not",
			words->limit);
	} else {
		return false;
	}
	return true;
}

static bool say_doubt(const struct words *words, char *text, size_t size)
{
	enum hst_verify_reason reason = words->result->reason;
	const char *base = words->ends[HST_VERIFY_BASE];

	if (reason == HST_VERIFY_BECAUSE_VARIES) {
		(void)snprintf(text, size,
			"cannot say whether the output is the same: the baseline does not write the same each time "
			"(%s, %s); leave out times, addresses, random numbers",
			words->stream, words->place);
	} else if (reason == HST_VERIFY_BECAUSE_STATUS_VARIES) {
		(void)snprintf(text, size,
			"cannot say whether the exit status is the same: the baseline has not the same each time (now "
			"%s)",
			base);
	} else if (reason == HST_VERIFY_BECAUSE_BASE_SIGNAL) {
		(void)snprintf(text, size,
			"cannot say: the baseline was ended by %s; a run that is broken off is no measure",
			base);
	} else if (reason == HST_VERIFY_BECAUSE_BASE_TIMEOUT) {
		(void)snprintf(text, size,
			"cannot say: the baseline did not end within %s; give it longer with --timeout, or less to do",
			words->timeout);
	} else if (reason == HST_VERIFY_BECAUSE_OUTPUT_LIMIT) {
		(void)snprintf(text, size,
			"cannot say: the baseline writes more than %s into one stream; give it less to do",
			words->limit);
	} else if (reason == HST_VERIFY_BECAUSE_INTERRUPTED) {
		(void)snprintf(text, size, "interrupted by signal %d after %u runs",
			words->result->interrupted, words->result->runs);
	} else {
		return false;
	}
	return true;
}

static void say_measured(const struct hst_verify_result *result, char *text, size_t size)
{
	const struct hst_verify_comparison *wall = &result->wall;
	char gain[48];
	char units[2][HST_UNITS_BYTES];

	say_gain(result->by_cpu ? &result->cpu : wall, gain, sizeof gain);
	hst_units_bytes(units[0], result->arms[HST_VERIFY_PLAN].peak_bytes);
	hst_units_bytes(units[1], result->peak_limit_bytes);
	if (result->reason == HST_VERIFY_BECAUSE_FASTER) {
		(void)snprintf(text, size, "%s, with the same output", gain);
	} else if (result->reason == HST_VERIFY_BECAUSE_FASTER_CPU) {
		(void)snprintf(text, size,
			"%s by CPU time, with the same output; wall time is too noisy here to show it",
			gain);
	} else if (result->reason == HST_VERIFY_BECAUSE_MEMORY) {
		(void)snprintf(text, size,
			"peak memory with the plan is %s, more than the %s that are allowed",
			units[0], units[1]);
	} else if (result->reason == HST_VERIFY_BECAUSE_SLOWER) {
		(void)snprintf(text, size, "slower with the plan: %s", gain);
	} else if (result->reason == HST_VERIFY_BECAUSE_NOT_FASTER) {
		(void)snprintf(text, size, "not faster with the plan: %s", gain);
	} else if (result->reason == HST_VERIFY_BECAUSE_NOISE) {
		(void)snprintf(text, size,
			"cannot say: the baseline differs from itself by %.1f %% here; try again when the machine is "
			"idle, with more --time, or give the program more to do",
			wall->same * PERCENT);
	} else {
		(void)snprintf(text, size,
			"cannot say: %s, but it may be chance; more pairs may tell (--pairs %u)",
			gain,
			result->pairs * 4 < HST_VERIFY_PAIRS_MAX ? result->pairs * 4
								 : HST_VERIFY_PAIRS_MAX);
	}
}

void hst_verify_sentence(const struct hst_verify_options *options,
	const struct hst_verify_result *result, char sentence[HST_VERIFY_SENTENCE_BYTES])
{
	const struct hst_verify_difference *difference = &result->difference;
	struct words words = { .options = options,
		.result = result,
		.stream = hst_verify_stream_name(options, difference->stream) };
	char text[HST_VERIFY_SENTENCE_BYTES - 32];

	for (size_t arm = 0; arm < HST_VERIFY_ARMS; arm++) {
		say_end(result->arms[arm].wait_status, words.ends[arm], sizeof words.ends[arm]);
	}
	hst_units_ns(words.timeout, (double)result->timeout_ns);
	hst_units_bytes(words.limit, HST_VERIFY_OUTPUT_MAX);
	(void)snprintf(words.place, sizeof words.place, "line %llu, byte %llu",
		(unsigned long long)difference->line, (unsigned long long)difference->offset);
	if (difference->missing[HST_VERIFY_PLAN]) {
		(void)snprintf(words.place, sizeof words.place, "it was not written");
	}
	if (!say_rejected(&words, text, sizeof text) && !say_doubt(&words, text, sizeof text)) {
		say_measured(result, text, sizeof text);
	}
	(void)snprintf(sentence, HST_VERIFY_SENTENCE_BYTES, "%s: %s",
		hst_verify_verdict_word(result->verdict), text);
}

static bool has_hooks(const struct hst_verify_report *report)
{
	return report->options->baseline == NULL && !report->arms->baseline.hookless;
}

static bool has_few_pairs(const struct hst_verify_report *report)
{
	return report->result->pairs < PAIRS_FEW;
}

static bool fails(const struct hst_verify_report *report)
{
	return WEXITSTATUS(report->result->arms[HST_VERIFY_BASE].wait_status) != 0;
}

static bool has_no_files(const struct hst_verify_report *report)
{
	return report->options->file_count == 0;
}

static bool reads_nothing(const struct hst_verify_report *report)
{
	return report->input == HST_VERIFY_INPUT_TERMINAL;
}

static const struct {
	bool (*holds)(const struct hst_verify_report *report);
	const char *text;
} notes[] = {
	{ has_hooks,
		"the baseline is the program with its hooks, which take time without hasten, too: name a build without "
		"-finstrument-functions with --baseline to see what is gained against that" },
	{ has_few_pairs,
		"fewer than ten pairs: more --time, or --pairs, gives a narrower interval" },
	{ fails, "the program reports a failure each time: is it given what it needs?" },
	{ reads_nothing, "the program read /dev/null, not the terminal" },
	{ has_no_files, "files that the program writes were not compared (--file FILE)" },
};

const char *hst_verify_note(const struct hst_verify_report *report, size_t i)
{
	for (size_t k = 0; report->result->compared && k < sizeof notes / sizeof notes[0]; k++) {
		if (notes[k].holds(report) && i-- == 0) {
			return notes[k].text;
		}
	}
	return NULL;
}

void hst_verify_excerpt(const struct hst_verify_difference *difference, size_t arm,
	char text[HST_VERIFY_EXCERPT_MAX + 1])
{
	for (size_t i = 0; i < difference->excerpt_bytes[arm]; i++) {
		char c = difference->excerpt[arm][i];

		text[i] = c;
		if (c == '\0') {
			text[i] = '?';
		}
	}
	text[difference->excerpt_bytes[arm]] = '\0';
}

static void put_ns(struct hst_table *table, double ns)
{
	char text[HST_UNITS_BYTES];

	hst_units_ns(text, ns);
	hst_table_cell(table, text);
}

/* What cannot be seen below the share of this process is said as a bound. */
static void say_peak(const struct hst_verify_result *result, size_t arm, char *buffer, size_t size)
{
	uint64_t bytes = result->arms[arm].peak_bytes;
	char units[HST_UNITS_BYTES];

	hst_units_bytes(units, bytes);
	(void)snprintf(buffer, size, "%s%s",
		bytes <= result->peak_floor_bytes + PEAK_SLACK ? "<= " : "", units);
}

static void print_table(const struct hst_verify_report *report)
{
	static const char *const columns[] = { "RUNS", "MIN", "MEDIAN", "MAD", "CPU", "PEAK" };
	const struct hst_verify_result *result = report->result;
	const struct hst_table_style style = { .width = 0, .utf8 = false };
	struct hst_table *table = hst_table_create();
	char text[2 * HST_UNITS_BYTES];

	hst_table_column(table, "", 0);
	for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
		hst_table_column(table, columns[i], HST_COLUMN_RIGHT);
	}
	for (size_t arm = 0; arm < HST_VERIFY_ARMS; arm++) {
		hst_table_row(table);
		hst_table_cell(table, arm == HST_VERIFY_BASE ? "baseline" : "plan");
		(void)snprintf(text, sizeof text, "%zu", result->arms[arm].count);
		hst_table_cell(table, text);
		put_ns(table, result->wall.minimum[arm]);
		put_ns(table, result->wall.median[arm]);
		put_ns(table, result->wall.mad[arm]);
		put_ns(table, result->cpu.median[arm]);
		say_peak(result, arm, text, sizeof text);
		hst_table_cell(table, text);
	}
	if (hst_table_print(table, stdout, &style) != HST_OK) {
		fputs("[out of memory]\n", stdout);
	}
	hst_table_destroy(table);
}

static void print_comparison(const char *name, const struct hst_verify_comparison *time)
{
	hst_print_line(
		"%s: %.4g of the baseline's (95 %% within %.4g to %.4g), p = %.2g%s, noise %.1f %%",
		name, time->ratio.ratio, time->ratio.low, time->ratio.high, time->test.p,
		time->test.exact ? "" : " (approximated)", time->same * PERCENT);
}

static void print_difference(const struct hst_verify_report *report)
{
	const struct hst_verify_difference *difference = &report->result->difference;
	const char *const names[] = { difference->between_equal ? "first run" : "baseline",
		difference->between_equal ? "later run" : "plan" };

	hst_print_line("first difference: %s, line %llu, byte %llu",
		hst_verify_stream_name(report->options, difference->stream),
		(unsigned long long)difference->line, (unsigned long long)difference->offset);
	for (size_t arm = 0; arm < HST_VERIFY_ARMS; arm++) {
		char text[HST_VERIFY_EXCERPT_MAX + 1];

		hst_verify_excerpt(difference, arm, text);
		hst_print_line("  %-9s %s", names[arm],
			difference->missing[arm] ? "[not written]"
			: text[0] == '\0'        ? "[the end, or an empty line]"
						 : text);
	}
}

static void print_same(const struct hst_verify_report *report)
{
	const struct hst_verify_result *result = report->result;
	const struct hst_verify_stream *streams = result->streams[HST_VERIFY_BASE];
	char end[48];
	char units[2][HST_UNITS_BYTES];

	say_end(result->arms[HST_VERIFY_BASE].wait_status, end, sizeof end);
	hst_units_bytes(units[0], streams[HST_VERIFY_STDOUT].bytes);
	hst_units_bytes(units[1], streams[HST_VERIFY_STDERR].bytes);
	hst_print_line(
		"output: the same in all %u runs (%s on standard output, %s on standard error), %s",
		result->runs, units[0], units[1], end);
	for (size_t i = 0; i < report->options->file_count; i++) {
		hst_units_bytes(units[0], streams[HST_VERIFY_FILE + i].bytes);
		hst_print_line(
			"file: %s (%s), the same in all runs", report->options->files[i], units[0]);
	}
}

void hst_verify_text(const struct hst_verify_report *report)
{
	const struct hst_verify_result *result = report->result;
	char sentence[HST_VERIFY_SENTENCE_BYTES];

	hst_verify_sentence(report->options, result, sentence);
	hst_print_line("%s", sentence);
	if (report->options->quiet) {
		return;
	}
	if (result->difference.found) {
		print_difference(report);
	}
	if (!result->compared) {
		return;
	}
	print_table(report);
	print_comparison("time", &result->wall);
	print_comparison("CPU time", &result->cpu);
	print_same(report);
	for (size_t i = 0; hst_verify_note(report, i) != NULL; i++) {
		hst_print_line("note: %s", hst_verify_note(report, i));
	}
}
