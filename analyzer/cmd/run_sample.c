/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One sample: one read of `stat` per process, `status` and `io` only of those that did something
 * since. New processes are looked for only if the kernel gave a pid since the latest look.
 * A process that does nothing is written once in a while only.
 */
#include "cmd/run_sample.h"

#include "cmd/run_process.h"
#include "cmd/run_tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MS            UINT64_C(1000000)
#define TEXT_BYTES    (256u << 10)
#define IDLE_WRITE_NS (5000 * MS)
/* A long run has a sample each 1200th of its time, so that its journal stays small. */
#define GROWS_BY     1200u
#define GROWN_MAX_NS (5000 * MS)
/* Samples may take 1/250 of the time that passed, and so much more in all: one that costs more than the latest is allowed for. */
#define COST_SHARE    250u
#define COST_EXTRA_NS (2 * MS)
#define NEVER         UINT64_MAX

/* A short program has some samples, too. */
static const uint64_t first_ns[] = { 20 * MS, 50 * MS, 100 * MS, 200 * MS };

static uint64_t cpu_ns(void)
{
	struct timespec time = { 0 };

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

enum hst_status hst_run_sampler_init(
	struct hst_run_sampler *ret_sampler, int proc, bool on, uint64_t interval_ns)
{
	char *text = malloc(TEXT_BYTES);

	if (text == NULL) {
		return HST_E_MEMORY;
	}
	*ret_sampler = (struct hst_run_sampler){
		.proc = proc,
		.on = on,
		.interval_ns = interval_ns == 0 ? HST_SAMPLE_INTERVAL_NS : interval_ns,
		.growing = interval_ns == 0,
		.text = text,
	};
	return HST_OK;
}

void hst_run_sampler_finish(struct hst_run_sampler *sampler)
{
	free(sampler->text);
	sampler->text = NULL;
	hst_map_finish(&sampler->places);
	hst_vec_finish(&sampler->processes);
}

static bool read_text(struct hst_run_sampler *sampler, const char *path)
{
	return hst_process_read_file(sampler->proc, path, sampler->text, TEXT_BYTES) > 0;
}

static void sample_machine(struct hst_run_sampler *sampler, struct hst_run_journal *journal)
{
	struct hst_journal_system system;

	hst_figures_unknown(&system);
	for (size_t i = 0; hst_figures_files[i] != NULL; i++) {
		if (read_text(sampler, hst_figures_files[i])) {
			hst_figures_system(hst_figures_files[i], sampler->text, &system);
		}
	}
	system.record.type = HST_JOURNAL_SYSTEM;
	system.record.pid = (uint32_t)sampler->launcher;
	hst_run_journal_add(journal, &system, sizeof system, NULL, 0, NULL);
}

static void write_process(struct hst_run_journal *journal, struct hst_sampled *process)
{
	const struct hst_figures *figures = &process->figures;
	struct hst_journal_sample sample = {
		.record = { .type = HST_JOURNAL_SAMPLE,
			.pid = (uint32_t)figures->pid,
			.mono_ns = hst_run_now_ns() },
		.ppid = (uint32_t)figures->parent,
		.threads = figures->threads,
		.state = (uint8_t)figures->state,
		.user_ns = figures->user_ns,
		.system_ns = figures->system_ns,
		.rss_bytes = figures->rss_bytes,
		.hwm_bytes = figures->hwm_bytes,
		.virtual_bytes = figures->virtual_bytes,
		.read_bytes = figures->read_bytes,
		.written_bytes = figures->written_bytes,
		.voluntary = figures->voluntary,
		.involuntary = figures->involuntary,
		.minor_faults = figures->minor_faults,
		.major_faults = figures->major_faults,
		.start_ns = hst_figures_ticks_ns(figures->start),
	};
	const struct hst_run_text name = { HST_TEXT_NAME, figures->name, strlen(figures->name) };

	process->written_ns = sample.record.mono_ns;
	hst_run_journal_add(journal, &sample, sizeof sample, &name, 1, NULL);
}

static bool is_dead(const struct hst_figures *figures)
{
	return figures->state == 'Z' || figures->state == 'X';
}

static void read_more(struct hst_run_sampler *sampler, struct hst_sampled *process)
{
	char path[64];

	(void)snprintf(path, sizeof path, "%d/status", (int)process->figures.pid);
	if (read_text(sampler, path)) {
		hst_figures_status(sampler->text, &process->figures);
	}
	/* Not ours to see if the process changed its user: unknown then. */
	(void)snprintf(path, sizeof path, "%d/io", (int)process->figures.pid);
	if (read_text(sampler, path)) {
		hst_figures_io(sampler->text, &process->figures);
	}
	process->more = true;
}

static bool did_something(const struct hst_figures *before, const struct hst_figures *now)
{
	return before->user_ns != now->user_ns || before->system_ns != now->system_ns ||
	       before->minor_faults != now->minor_faults ||
	       before->major_faults != now->major_faults || before->rss_bytes != now->rss_bytes ||
	       before->virtual_bytes != now->virtual_bytes || before->threads != now->threads ||
	       is_dead(before) != is_dead(now) || strcmp(before->name, now->name) != 0;
}

/* Reads what became of a process and writes it. false: it is gone. */
static bool sample_process(struct hst_run_sampler *sampler, struct hst_run_journal *journal,
	struct hst_sampled *process, bool always)
{
	struct hst_figures before = process->figures;
	struct hst_figures now;
	bool moved;

	if (!hst_tree_figures(sampler, before.pid, &now) || now.start != before.start) {
		return false;
	}
	moved = did_something(&before, &now) || !process->more;
	now.hwm_bytes = before.hwm_bytes;
	now.voluntary = before.voluntary;
	now.involuntary = before.involuntary;
	now.read_bytes = before.read_bytes;
	now.written_bytes = before.written_bytes;
	process->figures = now;
	/* The memory of a dead one is gone: what was known last holds. */
	if (moved && !is_dead(&now)) {
		read_more(sampler, process);
	}
	if (process->figures.hwm_bytes != HST_JOURNAL_UNKNOWN &&
		process->figures.hwm_bytes > sampler->image_peak_bytes) {
		sampler->image_peak_bytes = process->figures.hwm_bytes;
	}
	if (moved || always || process->written_ns == 0 ||
		hst_run_now_ns() - process->written_ns >= IDLE_WRITE_NS) {
		write_process(journal, process);
	}
	return true;
}

static void sample_processes(
	struct hst_run_sampler *sampler, struct hst_run_journal *journal, bool always)
{
	uint64_t sum = 0;
	size_t kept = 0;

	for (size_t i = 0; i < sampler->processes.count; i++) {
		struct hst_sampled process = sampler->processes.items[i];

		if (sample_process(sampler, journal, &process, always)) {
			sum += process.figures.rss_bytes;
			sampler->processes.items[kept++] = process;
		}
	}
	/* Its pid may be another one's already. */
	sampler->again = sampler->again || kept < sampler->processes.count;
	sampler->processes.count = kept;
	sampler->tree_peak_bytes = sum > sampler->tree_peak_bytes ? sum : sampler->tree_peak_bytes;
}

/* When the next sample is due. */
static void plan(struct hst_run_sampler *sampler, uint64_t now)
{
	uint64_t elapsed = now - sampler->began_ns;
	uint64_t interval = sampler->interval_ns;
	uint64_t allowed;
	uint64_t next;

	if (sampler->growing && elapsed / GROWS_BY > interval) {
		interval = elapsed / GROWS_BY < GROWN_MAX_NS ? elapsed / GROWS_BY : GROWN_MAX_NS;
	}
	next = now + interval;
	for (size_t i = sizeof first_ns / sizeof first_ns[0]; i-- > 0;) {
		if (first_ns[i] > elapsed && first_ns[i] < sampler->interval_ns) {
			next = sampler->began_ns + first_ns[i];
		}
	}
	/* The next one may cost as much as the latest one did. */
	allowed = sampler->cost_ns + sampler->latest_cost_ns;
	allowed = allowed <= COST_EXTRA_NS
			  ? 0
			  : sampler->began_ns + (allowed - COST_EXTRA_NS) * COST_SHARE;
	sampler->next_ns = next > allowed ? next : allowed;
}

void hst_run_sampler_start(struct hst_run_sampler *sampler, struct hst_run_journal *journal,
	pid_t launcher, pid_t root, uint64_t root_start)
{
	uint64_t cpu = cpu_ns();

	sampler->launcher = launcher;
	sampler->root = root;
	sampler->since = root_start;
	sampler->began_ns = hst_run_now_ns();
	hst_tree_start(sampler);
	if (!sampler->on) {
		sampler->next_ns = NEVER;
		return;
	}
	sample_machine(sampler, journal);
	hst_run_journal_flush(journal);
	sampler->latest_cost_ns = cpu_ns() - cpu;
	sampler->cost_ns = sampler->latest_cost_ns;
	plan(sampler, sampler->began_ns);
}

uint64_t hst_run_sampler_tick(struct hst_run_sampler *sampler, struct hst_run_journal *journal)
{
	uint64_t now = hst_run_now_ns();
	uint64_t cpu;

	if (sampler->next_ns == NEVER) {
		return NEVER;
	}
	if (now < sampler->next_ns) {
		return sampler->next_ns - now;
	}
	cpu = cpu_ns();
	hst_tree_look(sampler);
	sample_machine(sampler, journal);
	sample_processes(sampler, journal, false);
	hst_run_journal_flush(journal);
	sampler->samples++;
	sampler->latest_cost_ns = cpu_ns() - cpu;
	sampler->cost_ns += sampler->latest_cost_ns;
	now = hst_run_now_ns();
	plan(sampler, now);
	return sampler->next_ns > now ? sampler->next_ns - now : 1;
}

size_t hst_run_sampler_left(struct hst_run_sampler *sampler, struct hst_run_journal *journal)
{
	uint64_t cpu = cpu_ns();
	size_t kept = 0;

	if (sampler->on) {
		sample_machine(sampler, journal);
	}
	sampler->again = true;
	hst_tree_look(sampler);
	for (size_t i = 0; i < sampler->processes.count; i++) {
		struct hst_sampled process = sampler->processes.items[i];
		struct hst_figures now;

		/* Dead ones have been waited for, or their own parent still has to. */
		if (process.figures.pid != sampler->root &&
			hst_tree_figures(sampler, process.figures.pid, &now) && !is_dead(&now) &&
			sample_process(sampler, journal, &process, true)) {
			sampler->processes.items[kept++] = process;
		}
	}
	sampler->processes.count = kept;
	hst_run_journal_flush(journal);
	sampler->cost_ns += cpu_ns() - cpu;
	return kept;
}
