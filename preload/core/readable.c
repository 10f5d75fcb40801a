/* SPDX-License-Identifier: Apache-2.0 */
/* May memory of the program be read? */
#include "core/readable.h"

#include "core/sys.h"

#include <errno.h>
#include <string.h>

#include "core/poison.h"

#define NO_HOW (-1) /* for rt_sigprocmask: it reads the set, and then refuses */
#define ONES   0x0101010101010101ull
#define HIGHS  0x8080808080808080ull

/* Every program makes this call, so a filter of system calls that the process was started in lets it pass. */
static bool is_there(struct hst_readable *known, uint64_t address)
{
	uint64_t page = address / HST_PAGE + 1;
	uint64_t *slot = &known->pages[page % HST_READABLE_PAGES];
	/* A page is there as a whole. Its second word: at address 0 the kernel would find no set, and not look. */
	long word = (long)((page - 1) * HST_PAGE + 8);

	if (*slot == page) {
		return true;
	}
	if (hst_sys6(SYS_rt_sigprocmask, NO_HOW, word, 0, 8, 0, 0) == -EFAULT) {
		return false;
	}
	*slot = page;
	return true;
}

bool hst_readable_text(struct hst_readable *known, const char *text)
{
	while (text != NULL) {
		const char *end = text + (HST_PAGE - (uint64_t)text % HST_PAGE);
		uint64_t word;

		if (!is_there(known, (uint64_t)text)) {
			return false;
		}
		for (; (uint64_t)text % sizeof word != 0; text++) {
			if (*text == '\0') {
				return true;
			}
		}
		/* Whole words never reach into the next page. */
		for (; text != end; text += sizeof word) {
			memcpy(&word, text, sizeof word);
			if (((word - ONES) & ~word & HIGHS) != 0) {
				return true;
			}
		}
	}
	return true;
}

bool hst_readable_list(struct hst_readable *known, char *const *list)
{
	if (list == NULL) {
		return true;
	}
	for (;; list++) {
		if (!is_there(known, (uint64_t)list) ||
			!is_there(known, (uint64_t)list + sizeof *list - 1)) {
			return false;
		}
		if (*list == NULL) {
			return true;
		}
		if (!hst_readable_text(known, *list)) {
			return false;
		}
	}
}
