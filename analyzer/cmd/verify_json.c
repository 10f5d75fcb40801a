/* SPDX-License-Identifier: Apache-2.0 */
/* `hasten verify --json`; docs/verify.md has the members. */
#include "cmd/verify.h"
#include "writers/json.h"

#include <inttypes.h>
#include <sys/wait.h>

static const char *const inputs[] = { [HST_VERIFY_INPUT_FILE] = "file",
	[HST_VERIFY_INPUT_DEVICE] = "device",
	[HST_VERIFY_INPUT_TERMINAL] = "/dev/null in place of a terminal",
	[HST_VERIFY_INPUT_COPY] = "copy of a pipe" };

static void put_comparison(
	struct hst_json *json, const char *key, const struct hst_verify_comparison *time)
{
	hst_json_row(json, key);
	hst_json_double(json, "ratio", time->ratio.ratio, 6);
	hst_json_double(json, "ratio_low", time->ratio.low, 6);
	hst_json_double(json, "ratio_high", time->ratio.high, 6);
	hst_json_double(json, "bootstrap_low", time->ratio.boot_low, 6);
	hst_json_double(json, "bootstrap_high", time->ratio.boot_high, 6);
	hst_json_double(json, "paired_ratio", time->paired.ratio, 6);
	hst_json_double(json, "paired_low", time->paired.low, 6);
	hst_json_double(json, "paired_high", time->paired.high, 6);
	hst_json_double(json, "u", time->test.u, 1);
	hst_json_double(json, "p", time->test.p, 12);
	hst_json_bool(json, "p_exact", time->test.exact);
	hst_json_double(json, "noise", time->same, 6);
	hst_json_double(json, "noise_floor", time->floor, 6);
	hst_json_end(json);
}

static void put_times(
	struct hst_json *json, const char *key, const struct hst_verify_samples *samples, bool cpu)
{
	hst_json_list(json, key);
	for (size_t i = 0; i < samples->count; i++) {
		hst_json_double(
			json, NULL, cpu ? samples->items[i].cpu_ns : samples->items[i].wall_ns, 0);
	}
	hst_json_end(json);
}

static void put_streams(struct hst_json *json, const struct hst_verify_report *report, size_t arm)
{
	hst_json_array(json, "streams");
	for (size_t i = 0; i < HST_VERIFY_FILE + report->options->file_count; i++) {
		const struct hst_verify_stream *stream = &report->result->streams[arm][i];
		char hash[24];

		(void)snprintf(hash, sizeof hash, "%016" PRIx64, stream->hash);
		hst_json_row(json, NULL);
		hst_json_string(json, "name", hst_verify_stream_name(report->options, i));
		hst_json_u64(json, "bytes", stream->bytes);
		hst_json_string(json, "fnv1a64", stream->missing ? NULL : hash);
		hst_json_end(json);
	}
	hst_json_end(json);
}

static void put_arm(struct hst_json *json, const struct hst_verify_report *report, size_t arm)
{
	const struct hst_verify_result *result = report->result;
	const struct hst_verify_samples *samples = &result->arms[arm];
	int status = samples->wait_status;

	hst_json_object(json, arm == HST_VERIFY_BASE ? "baseline" : "with_plan");
	hst_json_string(json, "path",
		arm == HST_VERIFY_BASE ? report->arms->baseline.path : report->arms->plan.path);
	hst_json_u64(json, "runs", samples->count);
	if (WIFSIGNALED(status)) {
		hst_json_null(json, "exit_status");
		hst_json_i64(json, "signal", WTERMSIG(status));
	} else {
		hst_json_i64(json, "exit_status", WEXITSTATUS(status));
		hst_json_null(json, "signal");
	}
	hst_json_u64(json, "peak_bytes", samples->peak_bytes);
	if (result->compared) {
		hst_json_double(json, "wall_min_ns", result->wall.minimum[arm], 0);
		hst_json_double(json, "wall_median_ns", result->wall.median[arm], 0);
		hst_json_double(json, "wall_mad_ns", result->wall.mad[arm], 0);
		hst_json_double(json, "cpu_min_ns", result->cpu.minimum[arm], 0);
		hst_json_double(json, "cpu_median_ns", result->cpu.median[arm], 0);
		hst_json_double(json, "cpu_mad_ns", result->cpu.mad[arm], 0);
	}
	put_times(json, "wall_ns", samples, false);
	put_times(json, "cpu_ns", samples, true);
	put_streams(json, report, arm);
	hst_json_end(json);
}

static void put_difference(struct hst_json *json, const struct hst_verify_report *report)
{
	const struct hst_verify_difference *difference = &report->result->difference;
	char text[HST_VERIFY_ARMS][HST_VERIFY_EXCERPT_MAX + 1];

	if (!difference->found) {
		hst_json_null(json, "difference");
		return;
	}
	hst_verify_excerpt(difference, HST_VERIFY_BASE, text[HST_VERIFY_BASE]);
	hst_verify_excerpt(difference, HST_VERIFY_PLAN, text[HST_VERIFY_PLAN]);
	hst_json_row(json, "difference");
	hst_json_string(
		json, "stream", hst_verify_stream_name(report->options, difference->stream));
	hst_json_u64(json, "offset", difference->offset);
	hst_json_u64(json, "line", difference->line);
	hst_json_string(json, "reference", text[HST_VERIFY_BASE]);
	hst_json_string(
		json, "other", difference->missing[HST_VERIFY_PLAN] ? NULL : text[HST_VERIFY_PLAN]);
	hst_json_bool(json, "between_runs_of_the_baseline", difference->between_equal);
	hst_json_end(json);
}

static void put_command(struct hst_json *json, const struct hst_verify_options *options)
{
	hst_json_string(json, "plan", options->plan);
	hst_json_list(json, "command");
	for (size_t i = 0; options->program[i] != NULL; i++) {
		hst_json_string(json, NULL, options->program[i]);
	}
	hst_json_end(json);
	hst_json_string(json, "baseline_program", options->baseline);
}

void hst_verify_json(const struct hst_verify_report *report)
{
	const struct hst_verify_result *result = report->result;
	char sentence[HST_VERIFY_SENTENCE_BYTES];
	struct hst_json json;

	hst_verify_sentence(report->options, result, sentence);
	hst_json_begin(&json, stdout);
	hst_json_object(&json, NULL);
	hst_json_u64(&json, "schema", 1);
	hst_json_string(&json, "verdict", hst_verify_verdict_word(result->verdict));
	hst_json_string(&json, "reason", hst_verify_reason_word(result->reason));
	hst_json_string(&json, "text", sentence);
	hst_json_bool(&json, "complete", result->compared);
	put_command(&json, report->options);
	hst_json_string(&json, "input", inputs[report->input]);
	hst_json_u64(&json, "seed", report->options->seed);
	hst_json_u64(&json, "pairs", result->pairs);
	hst_json_u64(&json, "runs", result->runs);
	if (result->compared) {
		put_comparison(&json, "wall", &result->wall);
		put_comparison(&json, "cpu", &result->cpu);
		hst_json_string(&json, "decided_by", result->by_cpu ? "cpu" : "wall");
		hst_json_bool(&json, "one_thread", result->single);
		hst_json_bool(&json, "no_waiting", result->busy);
		hst_json_u64(&json, "peak_limit_bytes", result->peak_limit_bytes);
	} else {
		hst_json_null(&json, "wall");
		hst_json_null(&json, "cpu");
	}
	hst_json_u64(&json, "peak_floor_bytes", result->peak_floor_bytes);
	put_difference(&json, report);
	hst_json_list(&json, "notes");
	for (size_t i = 0; hst_verify_note(report, i) != NULL; i++) {
		hst_json_string(&json, NULL, hst_verify_note(report, i));
	}
	hst_json_end(&json);
	put_arm(&json, report, HST_VERIFY_BASE);
	put_arm(&json, report, HST_VERIFY_PLAN);
	hst_json_end(&json);
	hst_json_finish(&json);
}
