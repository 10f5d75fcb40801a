/* SPDX-License-Identifier: Apache-2.0 */
/* What stands above the tables: the whole program in a few lines. */
#include "cmd/memory.h"

#include "writers/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct hst_memory_rss hst_memory_rss_at(const struct hst_heap_process *process, uint64_t ns)
{
	struct hst_memory_rss rss = { 0 };

	for (size_t i = 0; i < process->sample_count; i++) {
		const struct hst_heap_sample *sample = &process->samples[i];

		if (sample->ns > ns && rss.bytes != 0) {
			break;
		}
		if (sample->rss_bytes != 0) {
			rss.bytes = sample->rss_bytes;
			rss.ns = sample->ns;
			rss.most = rss.bytes > rss.most ? rss.bytes : rss.most;
		}
	}
	return rss;
}

void hst_memory_process_name(char *buffer, size_t size, const struct hst_heap_process *process)
{
	(void)snprintf(buffer, size, "process %" PRIu32 " (%s)", process->pid,
		process->command == NULL || process->command[0] == '\0' ? "?" : process->command);
}

/* How far the sample lies from the peak: much may have come and gone meanwhile. */
static void put_distance(char *buffer, size_t size, uint64_t sampled_ns, uint64_t peak_ns)
{
	bool before = sampled_ns <= peak_ns;
	char distance[HST_UNITS_BYTES];

	if (sampled_ns == peak_ns) {
		(void)snprintf(buffer, size, "at the peak");
		return;
	}
	hst_units_ns(distance, (double)(before ? peak_ns - sampled_ns : sampled_ns - peak_ns));
	(void)snprintf(buffer, size, "%s %s the peak", distance, before ? "before" : "after");
}

static void resident_line(const struct hst_heap_process *process)
{
	struct hst_memory_rss rss = hst_memory_rss_at(process, process->peak_ns);
	char then[HST_UNITS_BYTES];
	char until[HST_UNITS_BYTES];
	char ever[HST_UNITS_BYTES];
	char when[HST_UNITS_BYTES + 32];

	if (rss.bytes == 0) {
		hst_print_line("RSS           was not sampled");
		return;
	}
	hst_units_bytes(then, rss.bytes);
	hst_units_bytes(until, rss.most);
	hst_units_bytes(ever, process->rss_max > rss.most ? process->rss_max : rss.most);
	put_distance(when, sizeof when, rss.ns, process->peak_ns);
	hst_print_line("RSS           %s %s, at least %s by then, %s in all (sampled)", then, when,
		until, ever);
}

void hst_memory_peak_line(const struct hst_memory *memory)
{
	const struct hst_heap *heap = memory->heap;
	const struct hst_heap_process *process;
	char bytes[HST_UNITS_BYTES];
	char blocks[HST_UNITS_BYTES];
	char at[HST_UNITS_BYTES];
	char name[300] = "";

	if (heap->peak_process >= heap->process_count) {
		return;
	}
	process = &heap->processes[heap->peak_process];
	if (memory->counted) {
		hst_units_bytes(bytes, process->sum.peak_bytes);
		hst_print_line("peak          ~%s or less: blocks were counted, not listed", bytes);
		return;
	}
	hst_units_bytes(bytes, process->sum.peak_bytes);
	hst_units_count(blocks, process->sum.peak_blocks);
	hst_units_ns(at, (double)process->peak_ns);
	if (heap->process_count > 1) {
		(void)snprintf(name, sizeof name, " in ");
		hst_memory_process_name(name + 4, sizeof name - 4, process);
	}
	hst_print_line("peak          %s%s in %s block%s at %s%s", memory->doubt ? "~" : "", bytes,
		blocks, process->sum.peak_blocks == 1 ? "" : "s", at, name);
	resident_line(process);
}

struct ends {
	uint64_t processes, blocks, bytes;
};

static void end_line(const struct hst_memory *memory, const char *label, const struct ends *ends,
	const char *what)
{
	char bytes[HST_UNITS_BYTES];
	char blocks[HST_UNITS_BYTES];

	hst_units_bytes(bytes, ends->bytes);
	hst_units_count(blocks, ends->blocks);
	hst_print_line("%-13s %s%s in %s block%s%s", label, memory->doubt ? "~" : "", bytes, blocks,
		ends->blocks == 1 ? "" : "s", what);
}

void hst_memory_ends(const struct hst_memory *memory)
{
	const struct hst_heap *heap = memory->heap;
	struct ends ends[3] = { { 0 } }; /* exit, exec, killed */
	struct ends inherited = { 0 };

	for (size_t i = 0; i < heap->process_count; i++) {
		const struct hst_heap_process *process = &heap->processes[i];
		struct ends *end = &ends[process->ends_by_exec ? 1 : process->killed ? 2 : 0];

		end->processes++;
		end->blocks += process->sum.leaked;
		end->bytes += process->sum.leaked_bytes;
		inherited.blocks += process->inherited_left;
		inherited.bytes += process->inherited_left_bytes;
	}
	if (ends[0].processes != 0) {
		end_line(memory, "live at exit", &ends[0], "");
	}
	if (ends[1].blocks != 0) {
		end_line(memory, "live at exec", &ends[1], ", gone with the old program: no leaks");
	}
	if (ends[2].processes != 0) {
		end_line(memory, "unfinished", &ends[2],
			", not freed when it was killed (or still running)");
	}
	if (inherited.blocks != 0) {
		end_line(memory, "inherited", &inherited,
			" of parents, not freed by their children: no leaks");
	}
}

static void temporary_line(const struct hst_memory *memory)
{
	const struct hst_heap_sum *sum = &memory->heap->sum;
	char share[HST_UNITS_BYTES];
	char brief[HST_UNITS_BYTES];

	if (memory->counted || sum->allocs == 0) {
		return;
	}
	hst_units_percent(share, (double)sum->temporary, (double)sum->allocs);
	hst_units_percent(brief, (double)sum->short_lived, (double)sum->allocs);
	hst_print_line(
		"temporary     %s %% freed before the function that asked returned; %s %% within 1 ms",
		share, brief);
}

static void allocator_line(const struct hst_heap *heap)
{
	const struct hst_heap_sum *sum = &heap->sum;
	char time[HST_UNITS_BYTES];
	char calls[HST_UNITS_BYTES];
	char each[HST_UNITS_BYTES];
	char share[HST_UNITS_BYTES];

	if (sum->allocator_calls == 0) {
		if (sum->allocator_ns != 0) {
			hst_units_ns(time, (double)sum->allocator_ns);
			hst_print_line("allocator     ~%s (estimated)", time);
		}
		return;
	}
	hst_units_ns(time, (double)sum->allocator_ns);
	hst_units_count(calls, sum->allocator_calls);
	hst_units_ns(each, (double)sum->allocator_ns / (double)sum->allocator_calls);
	hst_units_percent(share, (double)sum->allocator_ns, (double)heap->wall_ns);
	hst_print_line(
		"allocator     ~%s in %s calls, %s each; %s %% of the recorded time (estimated)",
		time, calls, each, share);
}

static void rare_lines(const struct hst_heap *heap)
{
	const struct hst_heap_sum *sum = &heap->sum;
	uint64_t mapped = 0;
	char text[HST_UNITS_BYTES];

	for (size_t i = 0; i < heap->process_count; i++) {
		mapped = heap->processes[i].mapped_peak > mapped ? heap->processes[i].mapped_peak
								 : mapped;
	}
	if (sum->foreign != 0) {
		hst_units_count(text, sum->foreign);
		hst_print_line("cross-thread  %s block%s freed by another thread than asked", text,
			sum->foreign == 1 ? "" : "s");
	}
	if (sum->failed != 0) {
		hst_units_count(text, sum->failed);
		hst_print_line("failed        %s call%s returned no block", text,
			sum->failed == 1 ? "" : "s");
	}
	if (mapped != 0) {
		hst_units_bytes(text, mapped);
		hst_print_line("mapped        %s at most by the program's own mmap and brk", text);
	}
}

void hst_memory_head(const struct hst_memory *memory)
{
	const struct hst_heap *heap = memory->heap;
	const char *command = memory->reading->session.command;
	char allocs[HST_UNITS_BYTES];
	char bytes[HST_UNITS_BYTES];
	char wall[HST_UNITS_BYTES];

	hst_units_count(allocs, heap->sum.allocs);
	hst_units_bytes(bytes, heap->sum.bytes);
	hst_units_ns(wall, (double)heap->wall_ns);
	if (command != NULL) {
		hst_print_line("%s", command);
	}
	hst_print_line("%s allocation%s of %s%s%s, %zu process%s", allocs,
		heap->sum.allocs == 1 ? "" : "s", bytes, heap->wall_ns == 0 ? "" : " in ",
		heap->wall_ns == 0 ? "" : wall, heap->process_count,
		heap->process_count == 1 ? "" : "es");
	hst_memory_peak_line(memory);
	hst_memory_ends(memory);
	temporary_line(memory);
	allocator_line(heap);
	rare_lines(heap);
	hst_reading_notes(memory->reading, &memory->said);
}
