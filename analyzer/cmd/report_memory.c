/* SPDX-License-Identifier: Apache-2.0 */
/* Memory beside time in `hasten report`: read only when it was recorded and something shows it. */
#include "cmd/report.h"
#include "passes/heap.h"

#include <stdlib.h>
#include <string.h>

static bool names_memory(const char *columns)
{
	while (columns != NULL && *columns != '\0') {
		size_t length = strcspn(columns, ",");
		size_t plus = columns[0] == '+';
		const struct hst_report_column *column =
			hst_report_column(columns + plus, length - plus);

		if (column != NULL && column->memory) {
			return true;
		}
		columns += length + (columns[length] == ',');
	}
	return false;
}

/* Figures of memory are those of processes: one thread has none. */
static bool wants_memory(const struct hst_report *report)
{
	const struct hst_options *asked = &report->reading->options;

	if (!report->profile->memory || asked->tid != 0 || asked->by != NULL) {
		return false;
	}
	return asked->json || asked->csv || names_memory(asked->columns) ||
	       names_memory(asked->sort);
}

static enum hst_status index_functions(struct hst_report *report)
{
	size_t count = report->profile->function_count;
	const struct hst_heap *heap = report->heap;

	report->heap_of = calloc(count + 1, sizeof *report->heap_of);
	if (report->heap_of == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < heap->function_count; i++) {
		if (heap->functions[i].row < count) {
			report->heap_of[heap->functions[i].row] = &heap->functions[i].self;
		}
	}
	return HST_OK;
}

enum hst_status hst_report_read_memory(struct hst_report *report, struct hst_diag *diag)
{
	struct hst_heap_options options = { .pid = (uint32_t)report->reading->options.pid,
		.profile = report->profile };
	struct hst_heap *heap;

	if (!wants_memory(report)) {
		return HST_OK;
	}
	heap = calloc(1, sizeof *heap);
	if (heap == NULL) {
		return HST_E_MEMORY;
	}
	report->heap = heap;
	HST_TRY(hst_heap_read(&report->reading->session, &options, heap, diag));
	for (size_t i = 0; i < heap->note_count; i++) {
		hst_profile_note(report->profile, heap->notes[i].loss, "%s", heap->notes[i].text);
	}
	/* What else makes it incomplete, the calls have said; a pause that was asked for is none of it. */
	report->profile->complete &= heap->lost == 0;
	return index_functions(report);
}

const struct hst_heap_sum *hst_report_memory(
	const struct hst_report *report, const struct hst_function_row *row)
{
	static const struct hst_heap_sum none;
	size_t number = (size_t)(row - report->profile->functions);

	if (report->heap_of == NULL || row < report->profile->functions ||
		number >= report->profile->function_count) {
		return NULL;
	}
	return report->heap_of[number] == NULL ? &none : report->heap_of[number];
}

void hst_report_finish_memory(struct hst_report *report)
{
	free(report->heap_of);
	hst_heap_finish(report->heap);
	free(report->heap);
	report->heap_of = NULL;
	report->heap = NULL;
}
