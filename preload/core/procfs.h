/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc says of processes. Slow paths only; async-signal-safe; no allocation. */
#ifndef HST_CORE_PROCFS_H
#define HST_CORE_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Parent and start time (clock ticks since boot) of a process; `pid` 0: the caller. false: gone or hidden. */
bool hst_procfs_stat(uint32_t pid, uint32_t *ret_ppid, uint64_t *ret_start);

/* Number of seccomp filters of a process (1 for strict mode); `pid` 0: the caller. 0 also when unknown. */
uint32_t hst_procfs_seccomp(uint32_t pid);

/* A number of the caller's own status file, by its key with the colon ("VmHWM:", in KiB). false: unknown. */
bool hst_procfs_status(const char *key, uint64_t *ret_value);

/* The kernel's boot id as 16 bytes. false: unknown, nothing written. */
bool hst_procfs_boot_id(uint8_t *ret_id);

/* Reads a small file of the kernel, which gives it whole at once. NUL-terminated. Its length, or -1. */
long hst_procfs_read(const char *path, char *buffer, size_t capacity);

/* Addresses from lo up to, but not with, hi. */
struct hst_range {
	uint64_t lo, hi;
};

/*
 * The mapping that contains the address, and its name: a path as the kernel knows it, "[stack]", or "". One that is longer than
 * `capacity` is cut. false: none, and `name` is not set.
 */
bool hst_procfs_mapping(uint64_t address, struct hst_range *ret_range, char *name, size_t capacity);

/* A mapping and its rights; range.hi 0: none. */
struct hst_mapping {
	struct hst_range range;
	int protection; /* PROT_... */
	bool shared;    /* what is written to it reaches the file */
	bool file;      /* a part of one; no memory that the program filled by itself */
};

/* Does all of this lie in it? */
static inline bool hst_mapping_has(
	const struct hst_mapping *mapping, uint64_t address, uint64_t bytes)
{
	return address >= mapping->range.lo && address < mapping->range.hi &&
	       mapping->range.hi - address >= bytes;
}

/* The mappings of several addresses, in one pass over the kernel's list. false: it could not be read. */
bool hst_procfs_mappings(const uint64_t *addresses, uint32_t count, struct hst_mapping *ret_found);

#endif
