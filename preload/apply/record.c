/* SPDX-License-Identifier: Apache-2.0 */
/* What is changed to keep within the limit, written to the file. */
#include "apply/record.h"

#include "core/attr.h"
#include "core/suppressed.h"
#include "sink/file.h"
#include "sink/modules.h"

#include <string.h>

#include "core/poison.h"

static HST_LARGE _Alignas(16) uint8_t
	block_bytes[sizeof(struct hst_throttle_block) + HST_SUPPRESSED_MAX * sizeof(uint64_t) + 8];

bool hst_throttle_write(enum hst_throttle what, const uint64_t *functions, uint32_t count,
	uint64_t ticks, uint64_t late_us)
{
	struct hst_throttle_block *block = (void *)block_bytes;
	uint32_t bytes = (uint32_t)sizeof *block + count * (uint32_t)sizeof *functions;
	uint64_t offset;

	bytes = (bytes + HST_BLOCK_ALIGN - 1) & ~(HST_BLOCK_ALIGN - 1);
	memset(block_bytes, 0, bytes);
	*block = (struct hst_throttle_block){
		.block = { .magic = HST_BLOCK_MAGIC, .type = HST_BLOCK_THROTTLE, .bytes = bytes },
		.ticks = ticks,
		.what = what,
		.generation = hst_modules_generation(),
		.count = count,
		.late_us = late_us < UINT32_MAX ? (uint32_t)late_us : UINT32_MAX,
	};
	if (count != 0) {
		memcpy(block + 1, functions, count * sizeof *functions);
	}
	return hst_sink_append(block, bytes, &offset);
}
