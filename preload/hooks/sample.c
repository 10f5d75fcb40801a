/* SPDX-License-Identifier: Apache-2.0 */
/* Three system calls and a short read of /proc/self/statm: about 5 us, at most every 10 ms. */
#include "hooks/sample.h"

#include "buffer/encode_memory.h"
#include "core/clock.h"
#include "core/procfs.h"
#include "core/sys.h"
#include "core/text.h"
#include "sink/file.h"

#include "core/poison.h"

#define HST_SAMPLE_NS 10000000ull
/* Before the clock's rate is known: at 2 GHz as long. */
#define HST_SAMPLE_TICKS 20000000ull

static uint64_t next_sample; /* ticks */

void hst_sample_reset(void)
{
	next_sample = 0;
}

static uint64_t interval(uint64_t now)
{
	const struct hst_clock_pair *start = &hst_sink.header->start;
	uint64_t ns = hst_clock_mono_ns() - start->mono_ns;
	uint64_t ticks = now - start->ticks;

	if (ns < HST_SAMPLE_NS || ns > UINT64_MAX / HST_SAMPLE_NS) {
		return hst_clock_tsc ? HST_SAMPLE_TICKS : HST_SAMPLE_NS;
	}
	return (uint64_t)((double)ticks / (double)ns * (double)HST_SAMPLE_NS);
}

/* The kernel's text: "size resident shared ...", in pages. */
static bool read_sizes(uint64_t *ret_size, uint64_t *ret_resident)
{
	char text[128];
	const char *at = text;

	if (hst_procfs_read("/proc/self/statm", text, sizeof text) <= 0 ||
		!hst_text_number(at, ret_size)) {
		return false;
	}
	while (*at != ' ' && *at != '\0') {
		at++;
	}
	return *at == ' ' && hst_text_number(at + 1, ret_resident);
}

void hst_sample_take(struct hst_stream *stream, uint64_t now)
{
	uint64_t due = __atomic_load_n(&next_sample, __ATOMIC_RELAXED);
	uint64_t page = hst_sink.header->page_bytes;
	uint64_t start = hst_sink.header->brk_start;
	uint64_t size = 0;
	uint64_t resident = 0;
	uint64_t end;

	if (now < due || stream->mode != HST_STREAM_TRACE || page == 0 ||
		!__atomic_compare_exchange_n(&next_sample, &due, now + interval(now), false,
			__ATOMIC_RELAXED, __ATOMIC_RELAXED) ||
		!read_sizes(&size, &resident)) {
		return;
	}
	end = hst_sys_brk();
	hst_put_memory(stream, hst_ticks(), resident,
		end > start && start != 0 ? (end - start) / page : 0, size);
}
