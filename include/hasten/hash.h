/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of calls: one 64-bit number for all arguments of a call, equal where the values are equal, in every run. Also
 * the hash of a result. docs/trace-format.md has it in words, so that others can compute it.
 *
 * A call with a single scalar has no two values of the same key: each step can be undone.
 */
#ifndef HASTEN_HASH_H
#define HASTEN_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HST_HASH_BEGIN  0x9e3779b97f4a7c15ull
#define HST_HASH_FACTOR 0xd6e8feb86659fd93ull
#define HST_HASH_NULL \
 UINT64_MAX /* in place of the length: there are no bytes, the address is NULL */

/* `count` values follow. */
static inline uint64_t hst_hash_begin(uint64_t count)
{
	return HST_HASH_BEGIN + count;
}

static inline uint64_t hst_hash_add(uint64_t hash, uint64_t value)
{
	hash ^= value;
	hash ^= hash >> 32;
	hash *= HST_HASH_FACTOR;
	return hash ^ hash >> 32;
}

static inline uint64_t hst_hash_end(uint64_t hash)
{
	hash *= HST_HASH_FACTOR;
	return hash ^ hash >> 32;
}

/* Of the values of a call, in the order of its pieces; or of its result, with a count of 1. */
static inline uint64_t hst_hash_pieces(const uint64_t *values, size_t count)
{
	uint64_t hash = hst_hash_begin(count);

	for (size_t i = 0; i < count; i++) {
		hash = hst_hash_add(hash, values[i]);
	}
	return hst_hash_end(hash);
}

/*
 * Of bytes that come piece by piece: hst_hash_begin(0), hst_hash_add of each 8 of them, the last ones filled up with
 * zeros, then this. It is the value that stands for a string or a block among the others of its call.
 */
static inline uint64_t hst_hash_content(uint64_t hash, uint64_t length)
{
	return hst_hash_end(hst_hash_add(hash, length));
}

/* Of bytes in memory, as a string or block of a call is hashed. */
static inline uint64_t hst_hash_bytes(const uint8_t *bytes, uint64_t length)
{
	uint64_t hash = hst_hash_begin(0);
	uint64_t done = 0;

	for (; done < length; done += 8) {
		uint64_t word = 0;

		for (uint64_t i = 0; i < 8 && done + i < length; i++) {
			word |= (uint64_t)bytes[done + i] << (8 * i);
		}
		hash = hst_hash_add(hash, word);
	}
	return hst_hash_content(hash, length);
}

#endif
