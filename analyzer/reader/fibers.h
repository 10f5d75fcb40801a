/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stacks of one stream while it is decoded. Only frames entered or listed in the present chunk
 * have an id; all others are a mere count, so the memory of a stack is bounded by what one chunk
 * can hold, however deep the program is.
 *
 *   depth = below + count          frames[0]: the innermost frame without an id, or the root
 *   [ below frames: counted ] frames[0] frames[1] ... frames[count] <- innermost
 */
#ifndef HST_READER_FIBERS_H
#define HST_READER_FIBERS_H

#include "util/map.h"
#include "util/status.h"
#include "util/vec.h"

#include <stdbool.h>
#include <stdint.h>

struct hst_fiber_frame {
	uint16_t id;   /* in this chunk, 0 unknown */
	uint16_t last; /* id of the callee entered last */
	uint32_t site; /* 0 unknown */
	uint32_t key;  /* id of its key in this chunk, 0 none */
};

struct hst_fiber {
	uint32_t number;
	uint32_t count;                 /* frames above frames[0] */
	uint64_t below;                 /* frames that are only counted */
	uint64_t nameless;              /* of them, the outermost: their identity was never told */
	uint64_t chunk;                 /* serial of the chunk in which it was present last */
	bool bottomless;                /* there may be more frames below than we know */
	size_t capacity;                /* of frames */
	struct hst_fiber_frame *frames; /* NULL while parked from an earlier chunk */
};

struct hst_fibers {
	HST_VEC(struct hst_fiber) list;
	HST_VEC(uint32_t) touched; /* indices present in this chunk; they may own frames */
	struct hst_map by_number;
	uint64_t chunk;   /* serial of the present chunk */
	uint32_t present; /* index into list */
	bool doubtful;    /* calls are missing: an unknown fiber need not be a new one */
};

/* One stack: fiber 0, empty. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_fibers_init(struct hst_fibers *fibers);
void hst_fibers_finish(struct hst_fibers *fibers);

/* A new chunk begins: ids are forgotten. Parked stacks keep their depth only. */
void hst_fibers_next_chunk(struct hst_fibers *fibers);
/* Calls are missing: nothing is known of any stack any more. */
void hst_fibers_doubt(struct hst_fibers *fibers);
/* Makes another stack the present one, new if need be. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_fibers_switch(struct hst_fibers *fibers, uint32_t number);
/* The present stack; valid until the next switch. */
struct hst_fiber *hst_fibers_present(struct hst_fibers *fibers);
/* Room for `extra` frames on the present stack (and for frames[0]). HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_fibers_reserve(struct hst_fibers *fibers, size_t extra);
/*
 * Closes `count` frames of the present stack; false if there are not as many (all are closed then).
 */
bool hst_fibers_pop(struct hst_fibers *fibers, uint64_t count);

#endif
