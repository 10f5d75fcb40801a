/* SPDX-License-Identifier: Apache-2.0 */
/* Samples: counters to rates between one sample and the next. */
#include "passes/processes_pass.h"

#include <stdlib.h>

/* From one value of a counter to the next; unknown if either is, or if it went back (a new boot, a new cgroup). */
static uint64_t gain(uint64_t before, uint64_t after)
{
	return before == HST_JOURNAL_UNKNOWN || after == HST_JOURNAL_UNKNOWN || after < before
		       ? HST_SYSTEM_UNKNOWN
		       : after - before;
}

/* Per second of the span; a rate that no counter can have is none. */
static uint64_t per_second(uint64_t before, uint64_t after, uint64_t span_ns)
{
	uint64_t more = gain(before, after);
	double rate = span_ns == 0 ? 0 : (double)more * 1e9 / (double)span_ns + 0.5;

	return more == HST_SYSTEM_UNKNOWN || span_ns == 0 || rate >= 1e18 ? HST_SYSTEM_UNKNOWN
									  : (uint64_t)rate;
}

/* Thousandths of `whole`. */
static uint32_t share(uint64_t before, uint64_t after, double whole)
{
	uint64_t more = gain(before, after);
	double thousandths = whole <= 0 ? 0 : (double)more * 1000 / whole + 0.5;

	return more == HST_SYSTEM_UNKNOWN || whole <= 0 || thousandths >= UINT32_MAX
		       ? HST_SYSTEM_UNKNOWN32
		       : (uint32_t)thousandths;
}

static void set_machine_rates(struct hst_system_sample *sample,
	const struct hst_journal_system *before, const struct hst_journal_system *now)
{
	/* Ticks of all processors together are the whole: more exact than the span times processors. */
	uint64_t whole = 0;
	const uint64_t gains[] = { gain(before->cpu_user_ns, now->cpu_user_ns),
		gain(before->cpu_system_ns, now->cpu_system_ns),
		gain(before->cpu_idle_ns, now->cpu_idle_ns),
		gain(before->cpu_iowait_ns, now->cpu_iowait_ns),
		gain(before->cpu_steal_ns, now->cpu_steal_ns) };
	double span_us = (double)sample->span_ns / 1000;

	for (size_t i = 0; i < sizeof gains / sizeof gains[0]; i++) {
		whole = hst_proc_add(whole, gains[i] == HST_SYSTEM_UNKNOWN ? 0 : gains[i]);
	}
	sample->user = share(before->cpu_user_ns, now->cpu_user_ns, (double)whole);
	sample->system = share(before->cpu_system_ns, now->cpu_system_ns, (double)whole);
	sample->iowait = share(before->cpu_iowait_ns, now->cpu_iowait_ns, (double)whole);
	sample->steal = share(before->cpu_steal_ns, now->cpu_steal_ns, (double)whole);
	sample->read_bytes_s = per_second(before->read_bytes, now->read_bytes, sample->span_ns);
	sample->written_bytes_s =
		per_second(before->written_bytes, now->written_bytes, sample->span_ns);
	sample->context_switches_s =
		per_second(before->context_switches, now->context_switches, sample->span_ns);
	sample->forks_s = per_second(before->forks, now->forks, sample->span_ns);
	sample->pressure_cpu = share(before->pressure_cpu_us, now->pressure_cpu_us, span_us);
	sample->pressure_memory =
		share(before->pressure_memory_us, now->pressure_memory_us, span_us);
	sample->pressure_io = share(before->pressure_io_us, now->pressure_io_us, span_us);
}

static enum hst_status add_machine(struct hst_proc_pass *pass)
{
	struct hst_system *system = &pass->result->system;
	const struct hst_proc_event *before = NULL;

	system->samples =
		hst_arena_array(&pass->result->arena, pass->systems.count, sizeof *system->samples);
	if (system->samples == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < pass->systems.count; i++) {
		const struct hst_proc_event *event = pass->systems.items[i];
		const struct hst_journal_system *now = &event->fields->system;
		struct hst_system_sample *sample = &system->samples[system->sample_count++];

		*sample = (struct hst_system_sample){ .at_ns = hst_proc_since(pass, event->at_ns),
			.user = HST_SYSTEM_UNKNOWN32,
			.system = HST_SYSTEM_UNKNOWN32,
			.iowait = HST_SYSTEM_UNKNOWN32,
			.steal = HST_SYSTEM_UNKNOWN32,
			.memory_total = now->memory_total,
			.memory_available = now->memory_available,
			.memory_used = gain(now->memory_available, now->memory_total),
			.swap_total = now->swap_total,
			.swap_used = gain(now->swap_free, now->swap_total),
			.read_bytes_s = HST_SYSTEM_UNKNOWN,
			.written_bytes_s = HST_SYSTEM_UNKNOWN,
			.context_switches_s = HST_SYSTEM_UNKNOWN,
			.forks_s = HST_SYSTEM_UNKNOWN,
			.pressure_cpu = HST_SYSTEM_UNKNOWN32,
			.pressure_memory = HST_SYSTEM_UNKNOWN32,
			.pressure_io = HST_SYSTEM_UNKNOWN32,
			.load_1000 = now->load_1m_1000,
			.processors = now->processors,
			.running = now->running };
		if (before != NULL) {
			sample->span_ns = event->at_ns - before->at_ns;
			set_machine_rates(sample, &before->fields->system, now);
		}
		before = event;
	}
	return HST_OK;
}

/* Where the samples of a life have come to, in the order of time. */
struct place {
	const struct hst_proc_event *before; /* the sample before */
	uint32_t draft;
};

/* The image that a life ran at a time, which is not before that of the call before. */
static uint32_t image_at(const struct hst_proc_pass *pass, struct place *place, uint64_t mono_ns)
{
	for (;;) {
		uint32_t next = pass->drafts.items[place->draft].image.next;

		if (next == HST_PROCESS_NONE || pass->drafts.items[next].start_mono > mono_ns) {
			return pass->ranks.items[place->draft];
		}
		place->draft = next;
	}
}

static void set_process_rates(struct hst_process_sample *sample,
	const struct hst_journal_sample *before, const struct hst_journal_sample *now)
{
	uint64_t span_ns = sample->span_ns;

	sample->cpu = share(hst_proc_add(before->user_ns, before->system_ns),
		hst_proc_add(now->user_ns, now->system_ns), (double)span_ns);
	sample->read_bytes_s = per_second(before->read_bytes, now->read_bytes, span_ns);
	sample->written_bytes_s = per_second(before->written_bytes, now->written_bytes, span_ns);
	sample->context_switches_s =
		per_second(hst_proc_add(before->voluntary, before->involuntary),
			hst_proc_add(now->voluntary, now->involuntary), span_ns);
	sample->major_faults_s = per_second(before->major_faults, now->major_faults, span_ns);
}

static void set_process_sample(struct hst_proc_pass *pass, struct hst_process_sample *sample,
	const struct hst_proc_event *event, struct place *place)
{
	const struct hst_proc_event *before = place->before;
	const struct hst_journal_sample *now = &event->fields->sample;

	*sample = (struct hst_process_sample){ .at_ns = hst_proc_since(pass, event->at_ns),
		.pid = now->record.pid,
		.image = image_at(pass, place, event->at_ns),
		.name = event->texts->name == NULL ? "" : event->texts->name,
		.cpu = HST_SYSTEM_UNKNOWN32,
		.threads = now->threads,
		.state = now->state > ' ' && now->state < 127 ? (char)now->state : '?',
		.rss_bytes = now->rss_bytes,
		.hwm_bytes = now->hwm_bytes,
		.virtual_bytes = now->virtual_bytes,
		.read_bytes_s = HST_SYSTEM_UNKNOWN,
		.written_bytes_s = HST_SYSTEM_UNKNOWN,
		.context_switches_s = HST_SYSTEM_UNKNOWN,
		.major_faults_s = HST_SYSTEM_UNKNOWN };
	if (before != NULL) {
		sample->span_ns = event->at_ns - before->at_ns;
		set_process_rates(sample, &before->fields->sample, now);
	}
}

static int compare_samples(const void *left, const void *right)
{
	const struct hst_process_sample *a = left;
	const struct hst_process_sample *b = right;

	if (a->image != b->image) {
		return a->image < b->image ? -1 : 1;
	}
	return a->at_ns < b->at_ns ? -1 : a->at_ns > b->at_ns;
}

static enum hst_status add_processes(struct hst_proc_pass *pass)
{
	struct hst_processes *result = pass->result;
	struct hst_system *system = &result->system;
	size_t count = pass->samples.count;
	struct place *places = calloc(pass->lives.count + 1, sizeof *places);

	system->processes = hst_arena_array(&result->arena, count, sizeof *system->processes);
	if (places == NULL || system->processes == NULL) {
		free(places);
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < pass->lives.count; i++) {
		places[i].draft = pass->lives.items[i].first;
	}
	for (size_t i = 0; i < count; i++) {
		struct place *place = &places[pass->sample_lives.items[i]];

		set_process_sample(pass, &system->processes[i], pass->samples.items[i], place);
		place->before = pass->samples.items[i];
	}
	free(places);
	if (count != 0) {
		qsort(system->processes, count, sizeof *system->processes, compare_samples);
	}
	system->process_count = count;
	for (size_t i = count; i-- > 0;) {
		struct hst_process_image *image = &result->images[system->processes[i].image];

		image->first_sample = (uint32_t)i;
		image->sample_count++;
	}
	return HST_OK;
}

enum hst_status hst_proc_system(struct hst_proc_pass *pass)
{
	struct hst_system *system = &pass->result->system;
	const struct hst_proc_event *began = pass->began;
	const struct hst_proc_event *finished = pass->finished;

	system->interval_ns = began == NULL ? 0 : began->fields->run.interval_ns;
	system->sampling_ns =
		finished == NULL ? HST_SYSTEM_UNKNOWN : finished->fields->run.sampling_ns;
	system->oom_kills =
		began == NULL || finished == NULL
			? HST_SYSTEM_UNKNOWN
			: gain(began->fields->run.oom_kills, finished->fields->run.oom_kills);
	HST_TRY(add_machine(pass));
	return add_processes(pass);
}
