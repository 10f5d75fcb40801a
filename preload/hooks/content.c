/* SPDX-License-Identifier: Apache-2.0 */
/* Reads strings and blocks by the kernel, which finds out whether they are there. */
#include "hooks/content.h"

#include "core/attr.h"
#include "core/sys.h"
#include "hasten/plan.h"
#include "sink/recipes.h"

#include <sys/uio.h>

#include "core/poison.h"

#define CONTENT_BYTES 256u /* read at once */

/* Bytes that may not be there, or go at any moment. Up to the end of their page. */
static uint64_t read_some(uint64_t address, uint8_t *bytes, uint64_t most)
{
	uint64_t page = HST_PAGE - address % HST_PAGE;
	struct iovec to = { bytes, most < page ? most : page };
	struct iovec from = { (void *)address, to.iov_len };
	long got =
		hst_sys6(SYS_process_vm_readv, hst_sys_getpid(), (long)&to, 1, (long)&from, 1, 0);

	return got == (long)to.iov_len ? to.iov_len : 0;
}

/* What the bytes read so far come to. */
struct content_sum {
	uint64_t hash;
	uint64_t word;
	uint64_t done;
	bool ended; /* by a NUL */
};

static void add_bytes(struct content_sum *sum, const uint8_t *bytes, uint64_t count, bool text,
	struct hst_content *content)
{
	for (uint64_t i = 0; i < count; i++) {
		if (text && bytes[i] == 0) {
			sum->ended = true;
			return;
		}
		if (sum->done < sizeof content->first) {
			content->first[sum->done] = bytes[i];
		}
		sum->word |= (uint64_t)bytes[i] << (8 * (sum->done % 8));
		sum->done++;
		if (sum->done % 8 == 0) {
			sum->hash = hst_hash_add(sum->hash, sum->word);
			sum->word = 0;
		}
	}
}

HST_NOINLINE bool hst_content_read(
	uint64_t address, uint64_t length, struct hst_content *ret_content)
{
	struct content_sum sum = { .hash = hst_hash_begin(0) };
	bool text = length == HST_CONTENT_TEXT;
	uint8_t bytes[CONTENT_BYTES];

	if (address == 0) {
		ret_content->length = HST_HASH_NULL;
		ret_content->value = hst_hash_content(sum.hash, HST_HASH_NULL);
		return true;
	}
	if (!hst_recipes_contents || (!text && length > HST_PLAN_CONTENT_MAX)) {
		return false;
	}
	while (!sum.ended && sum.done < length) {
		/* One more than a text may have: its NUL. */
		uint64_t left = (text ? HST_PLAN_CONTENT_MAX + 1 : length) - sum.done;
		uint64_t got = left == 0 ? 0
					 : read_some(address + sum.done, bytes,
						   left < sizeof bytes ? left : sizeof bytes);

		if (got == 0) {
			return false;
		}
		add_bytes(&sum, bytes, got, text, ret_content);
	}
	sum.hash = sum.done % 8 != 0 ? hst_hash_add(sum.hash, sum.word) : sum.hash;
	ret_content->length = sum.done;
	ret_content->value = hst_hash_content(sum.hash, sum.done);
	return true;
}
