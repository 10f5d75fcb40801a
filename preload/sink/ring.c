/* SPDX-License-Identifier: Apache-2.0 */
/* Places of the flight recorder's chunks, oldest first. */
#include "sink/ring.h"

#include "core/sys.h"
#include "hasten/trace.h"

#include "core/poison.h"

#define HST_RING_PLACES 65536u /* 4 GiB of chunks */

struct ring_place {
	uint64_t offset;
	uint64_t written_ns;
};

static struct {
	struct ring_place *places;
	uint64_t first; /* counts up; index modulo HST_RING_PLACES */
	uint64_t last;
	uint32_t busy;
} ring;

static bool ring_enter(void)
{
	return __atomic_exchange_n(&ring.busy, 1, __ATOMIC_ACQUIRE) == 0;
}

static void ring_leave(void)
{
	__atomic_store_n(&ring.busy, 0, __ATOMIC_RELEASE);
}

void hst_ring_reset(void)
{
	ring.first = 0;
	ring.last = 0;
	ring.busy = 0;
}

bool hst_ring_oldest(uint64_t now_ns, uint64_t keep_ns, uint64_t limit, uint64_t *ret_offset)
{
	bool found = false;

	if (!ring_enter()) {
		return false;
	}
	if (ring.first != ring.last) {
		const struct ring_place *place = &ring.places[ring.first % HST_RING_PLACES];
		uint64_t bytes = (ring.last - ring.first) * HST_CHUNK_BYTES_MAX;

		if (place->written_ns + keep_ns < now_ns || bytes >= limit ||
			ring.last - ring.first == HST_RING_PLACES) {
			*ret_offset = place->offset;
			ring.first++;
			found = true;
		}
	}
	ring_leave();
	return found;
}

void hst_ring_add(uint64_t offset, uint64_t now_ns)
{
	if (!ring_enter()) {
		return; /* the place is kept for ever: a chunk more than asked for */
	}
	if (ring.places == NULL) {
		ring.places = hst_sys_mmap(NULL, HST_RING_PLACES * sizeof *ring.places,
			PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	}
	if (ring.places != NULL && ring.last - ring.first < HST_RING_PLACES) {
		ring.places[ring.last % HST_RING_PLACES] = (struct ring_place){ offset, now_ns };
		ring.last++;
	}
	ring_leave();
}
