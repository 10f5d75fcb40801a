/* SPDX-License-Identifier: Apache-2.0 */
/* `hasten export`: the data in the formats of other viewers. */
#include "cmd/commands.h"
#include "cmd/common.h"
#include "cmd/version.h"
#include "writers/calls.h"
#include "writers/chrome.h"
#include "writers/folded.h"
#include "writers/speedscope.h"
#include "writers/units.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the viewers can bear. */
#define SPEEDSCOPE_EVENTS (2u << 20)
#define CHROME_CALLS      (2u << 20)

static const struct hst_option options[] = {
	{ 'f', "format", "FORMAT", HST_OPTION_TEXT, HST_OPTION_AT(format),
		"folded, speedscope or chrome" },
	{ 'o', "output", "FILE", HST_OPTION_TEXT, HST_OPTION_AT(output),
		"write to this file (default and -: standard output)" },
	{ 0, "metric", "METRIC", HST_OPTION_TEXT, HST_OPTION_AT(metric),
		"folded: wall-ns (default) or calls" },
	{ 0, "events", "COUNT", HST_OPTION_COUNT, HST_OPTION_AT(events),
		"single calls at most, the shortest are left out; 0 = all (default 2 Mi)" },
	{ 0, "process", "PID", HST_OPTION_COUNT, HST_OPTION_AT(pid), "this process only" },
	{ 0, "thread", "TID", HST_OPTION_COUNT, HST_OPTION_AT(tid), "this thread only" },
	HST_OPTION_TABLE_END,
};

struct export
{
	struct hst_reading *reading;
	FILE *out;
	char *temporary; /* renamed to the output when all went well; NULL: none */
	const char *title;
};

static int write_folded(struct export *export)
{
	const char *metric = export->reading->options.metric;
	struct hst_profile_options asked = { .contexts = true };
	struct hst_profile profile;
	enum hst_status status;
	int result = hst_reading_profile(export->reading, &asked, &profile);

	if (result != HST_EXIT_OK) {
		return result;
	}
	status = hst_folded_write(export->out, &profile,
		metric != NULL && strcmp(metric, "calls") == 0 ? HST_METRIC_CALLS
							       : HST_METRIC_WALL_NS);
	hst_reading_losses(export->reading, &profile);
	hst_profile_finish(&profile);
	return status == HST_OK ? HST_EXIT_OK : hst_reading_fail(export->reading, "out of memory");
}

static int write_speedscope(struct export *export)
{
	uint64_t limit = export->reading->options.events;
	struct hst_profile_options asked = { .contexts = true };
	struct hst_timeline timeline;
	struct hst_calls calls;
	struct hst_profile profile;
	enum hst_status status;
	int result;

	limit = limit == UINT64_MAX ? SPEEDSCOPE_EVENTS : limit == 0 ? SIZE_MAX : limit * 2;
	hst_calls_timeline(&calls, limit, &timeline);
	asked.timeline = &timeline;
	result = hst_reading_profile(export->reading, &asked, &profile);
	if (result == HST_EXIT_OK) {
		bool whole = !calls.overflow && !calls.failed;

		status = hst_speedscope_write(
			export->out, &profile, whole ? &calls : NULL, export->title, HST_VERSION);
		hst_reading_losses(export->reading, &profile);
		if (!whole && !export->reading->options.quiet) {
			fprintf(stderr,
				"hasten: export: more single calls than speedscope can show: only "
				"the sums were written (--events 0 writes all)\n");
		}
		hst_profile_finish(&profile);
		result = status == HST_OK ? HST_EXIT_OK
					  : hst_reading_fail(export->reading, "out of memory");
	}
	hst_calls_finish(&calls);
	return result;
}

/* The shortest duration of which no more calls are left than `limit`. */
static uint64_t least_duration(const struct hst_profile *profile, uint64_t limit)
{
	uint64_t least = 0;

	if (limit == 0 || profile->calls <= limit) {
		return 0;
	}
	for (uint64_t ns = 16; ns < 1ull << 42; ns += ns / 8) {
		uint64_t calls = 0;

		least = ns;
		for (size_t i = 0; i < profile->function_count; i++) {
			calls += hst_latency_at_least(profile->functions[i].latency, ns);
		}
		if (calls <= limit) {
			break;
		}
	}
	return least;
}

static int write_chrome(struct export *export)
{
	uint64_t limit = export->reading->options.events;
	struct hst_profile_options asked = { 0 };
	struct hst_timeline timeline;
	struct hst_chrome chrome;
	struct hst_profile profile;
	uint64_t least;
	int result = hst_reading_profile(export->reading, &asked, &profile);

	if (result != HST_EXIT_OK) {
		return result;
	}
	/* Latencies are without our cost, the time line is as it was: the limit is a rough one. */
	least = least_duration(&profile, limit == UINT64_MAX ? CHROME_CALLS : limit);
	hst_profile_finish(&profile);
	hst_chrome_begin(&chrome, export->out, least, &timeline);
	asked.timeline = &timeline;
	result = hst_reading_profile(export->reading, &asked, &profile);
	if (result == HST_EXIT_OK) {
		hst_reading_losses(export->reading, &profile);
		hst_profile_finish(&profile);
	}
	if (chrome.left_out != 0 && !export->reading->options.quiet) {
		char duration[HST_UNITS_BYTES];

		hst_units_ns(duration, (double)least);
		fprintf(stderr,
			"hasten: export: %llu calls shorter than %s were left out (--events 0 writes "
			"all)\n",
			(unsigned long long)chrome.left_out, duration);
	}
	hst_chrome_finish(&chrome, export->title);
	return result;
}

struct format {
	const char *name;
	int (*write)(struct export *export);
};

static const struct format formats[] = {
	{ "folded", write_folded },
	{ "speedscope", write_speedscope },
	{ "chrome", write_chrome },
};

static const struct format *find_format(const char *name)
{
	for (size_t i = 0; name != NULL && i < sizeof formats / sizeof formats[0]; i++) {
		if (strcmp(formats[i].name, name) == 0) {
			return &formats[i];
		}
	}
	return NULL;
}

static int open_output(struct export *export)
{
	const char *path = export->reading->options.output;
	mode_t mask = umask(0);
	int fd;

	(void)umask(mask);
	export->out = stdout;
	if (path == NULL || strcmp(path, "-") == 0) {
		return HST_EXIT_OK;
	}
	if (asprintf(&export->temporary, "%s.XXXXXX", path) < 0) {
		export->temporary = NULL;
		return hst_reading_fail(export->reading, "out of memory");
	}
	fd = mkostemp(export->temporary, O_CLOEXEC);
	export->out = fd < 0 ? NULL : fdopen(fd, "w");
	if (export->out == NULL) {
		int error = errno;

		if (fd >= 0) {
			close(fd);
			(void)unlink(export->temporary);
		}
		free(export->temporary);
		export->temporary = NULL;
		return hst_reading_fail(
			export->reading, "'%s' cannot be written: %s", path, strerror(error));
	}
	(void)fchmod(fd, 0666 & ~mask);
	return HST_EXIT_OK;
}

/* All or nothing: the name appears when the file is whole. */
static int close_output(struct export *export, int result)
{
	const char *path = export->reading->options.output;
	bool failed;

	if (export->temporary == NULL) {
		return result;
	}
	failed = ferror(export->out) != 0;
	failed |= fclose(export->out) != 0;
	if (result == HST_EXIT_OK && (failed || rename(export->temporary, path) != 0)) {
		result = hst_reading_fail(
			export->reading, "'%s' cannot be written: %s", path, strerror(errno));
	}
	if (result != HST_EXIT_OK) {
		(void)unlink(export->temporary);
	}
	free(export->temporary);
	return result;
}

/* Sets *ret_format; says what is wrong with the options. */
static int choose(const struct hst_reading *reading, const struct format **ret_format)
{
	const struct hst_options *asked = &reading->options;

	*ret_format = find_format(asked->format);
	if (*ret_format == NULL) {
		return hst_reading_fail(reading,
			asked->format == NULL
				? "name a format: -f folded, -f speedscope or -f chrome%s"
				: "there is no format '%s'; formats are: folded speedscope chrome",
			asked->format == NULL ? "" : asked->format);
	}
	if (asked->metric != NULL && strcmp(asked->metric, "wall-ns") != 0 &&
		strcmp(asked->metric, "calls") != 0) {
		return hst_reading_fail(
			reading, "--metric takes wall-ns or calls, not '%s'", asked->metric);
	}
	if (asked->metric != NULL && strcmp(asked->format, "folded") != 0) {
		return hst_reading_fail(reading, "--metric is for the folded format");
	}
	return HST_EXIT_OK;
}

int hst_cmd_export(int argc, char **argv)
{
	static const char examples[] =
		"  hasten export -f folded | flamegraph.pl > flame.svg\n"
		"  hasten export -f speedscope -o run.speedscope.json\n"
		"  hasten export -f chrome -o run.json      for ui.perfetto.dev\n";
	struct hst_reading reading;
	struct export export = { .reading = &reading };
	const struct format *format = NULL;
	int status = hst_reading_open(&reading, argc, argv, options, examples);

	if (status == HST_EXIT_OK && !reading.done) {
		status = choose(&reading, &format);
		export.title = reading.session.command != NULL ? reading.session.command : "hasten";
		if (status == HST_EXIT_OK) {
			status = open_output(&export);
		}
		if (status == HST_EXIT_OK && format != NULL) {
			status = close_output(&export, format->write(&export));
		}
	}
	hst_reading_close(&reading);
	return status;
}
