/* SPDX-License-Identifier: Apache-2.0 */
/* May memory of the program be read? */
#include "core/readable.h"

#include "core/attr.h"

#include "core/sys.h"

#include <errno.h>

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

typedef uint64_t __attribute__((may_alias)) any_word;

/* Reads behind the end of a text, within the word and so within the page that it ends in. */
HST_NO_SANITIZE bool hst_readable_text(struct hst_readable *known, const char *text)
{
	uint64_t at = (uint64_t)text;

	while (at != 0) {
		uint64_t end = (at | (HST_PAGE - 1)) + 1; /* 0 behind the last page */

		if (!is_there(known, at)) {
			return false;
		}
		for (; at % sizeof(any_word) != 0; at++) {
			if (*(const char *)at == '\0') {
				return true;
			}
		}
		for (; at != end; at += sizeof(any_word)) {
			uint64_t word = *(const any_word *)at;

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

bool hst_readable_range(struct hst_readable *known, uint64_t address, uint64_t bytes)
{
	uint64_t end = address + bytes;

	if (end < address) {
		return false;
	}
	for (uint64_t at = address; at < end; at = (at | (HST_PAGE - 1)) + 1) {
		if (!is_there(known, at)) {
			return false;
		}
	}
	return true;
}
