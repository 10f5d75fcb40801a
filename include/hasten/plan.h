/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan: what the analyzer hands to the preload. One file, little-endian, read once into private
 * memory and checked before use; the preload trusts nothing in it. Today it carries filters.
 *
 * File: struct hst_plan_header, then `sections` x struct hst_plan_section, then their payloads.
 * Every offset is from the start of the file and a multiple of 8.
 */
#ifndef HASTEN_PLAN_H
#define HASTEN_PLAN_H

#include <assert.h>
#include <stdint.h>

#define HST_PLAN_MAGIC        "HSTP\r\n\x1a\n"
#define HST_PLAN_MAJOR        1
#define HST_PLAN_MINOR        0
#define HST_PLAN_BYTES_MAX    (64u << 20)
#define HST_PLAN_SECTIONS_MAX 4096u

struct hst_plan_header {
	uint8_t magic[8];
	uint16_t major;
	uint16_t minor;
	uint32_t sections;
	uint64_t bytes; /* of the whole file */
	uint64_t reserved;
};
static_assert(sizeof(struct hst_plan_header) == 32, "on disk");

enum hst_plan_kind {
	HST_PLAN_FILTER =
		1, /* payload: uint64_t[count], ascending: entry points (file addresses) */
};

enum {
	/* The listed functions are the only ones recorded; without it the listed ones are left out. */
	HST_PLAN_FILTER_ONLY_LISTED = 1u << 0,
	/* The module of no build id that matches nothing else: the rule for all unlisted modules. */
	HST_PLAN_ANY_MODULE = 1u << 1,
};

struct hst_plan_section {
	uint32_t kind; /* enum hst_plan_kind */
	uint32_t flags;
	uint64_t offset;
	uint64_t count;
	uint32_t build_id_bytes; /* 1-32; 0 only with HST_PLAN_ANY_MODULE */
	uint32_t reserved;
	uint8_t build_id[32];
};
static_assert(sizeof(struct hst_plan_section) == 64, "on disk");

#endif
