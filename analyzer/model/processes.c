/* SPDX-License-Identifier: Apache-2.0 */
/* The plain data of processes: its words, its notes, its end. */
#include "model/processes.h"

#include <stdarg.h>
#include <stdlib.h>

void hst_processes_finish(struct hst_processes *processes)
{
	if (processes == NULL) {
		return;
	}
	free(processes->notes);
	hst_arena_finish(&processes->arena);
	*processes = (struct hst_processes){ 0 };
}

void hst_processes_note(struct hst_processes *processes, bool loss, const char *fmt, ...)
{
	const struct hst_note_list list = { &processes->notes, &processes->note_count,
		&processes->note_capacity, &processes->arena };
	va_list args;

	va_start(args, fmt);
	hst_notes_add(&list, loss, fmt, args);
	va_end(args);
}

/* hst_process_x_text(): the words of a list, "?" for a value outside of it. */
#define WORD(name, text) text,
#define WORDS(kind, LIST)                                                     \
 const char *hst_process_##kind##_text(enum hst_process_##kind value)         \
 {                                                                            \
  static const char *const words[] = { LIST(WORD) };                          \
                                                                              \
  return (size_t)value < sizeof words / sizeof words[0] ? words[value] : "?"; \
 }
/* clang-format off */
WORDS(began, HST_PROCESS_BEGAN_LIST)
WORDS(ended, HST_PROCESS_ENDED_LIST)
WORDS(class, HST_PROCESS_CLASS_LIST)
WORDS(blind, HST_PROCESS_BLIND_LIST)
WORDS(phase, HST_PROCESS_PHASE_LIST)
WORDS(hwm, HST_PROCESS_HWM_LIST)
WORDS(waste, HST_PROCESS_WASTE_LIST)
/* clang-format on */
#undef WORDS
#undef WORD
