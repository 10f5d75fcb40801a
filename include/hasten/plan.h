/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan: what the analyzer hands to the preload. One file, little-endian, read once into private
 * memory and checked before use; the preload trusts nothing in it. It carries filters, and where the
 * arguments and the results of functions are at the calls of their hooks.
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
		1,          /* payload: uint64_t[count], ascending: entry points (file addresses) */
	HST_PLAN_ENTER = 2, /* payload: struct hst_plan_enter[count], ascending by `ret` */
	HST_PLAN_EXIT = 3,  /* payload: struct hst_plan_exit[count], ascending by `ret` */
	HST_PLAN_PIECES = 4, /* payload: struct hst_plan_piece[count] */
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

/* Where a piece of an argument or of a result is while the hook runs. */
enum hst_plan_place {
	HST_PLAN_PLACE_NONE = 0,     /* nothing to read: a result of type void */
	HST_PLAN_PLACE_REGISTER = 1, /* in the callee-saved register `reg` */
	HST_PLAN_PLACE_SP = 2,       /* in memory at rsp + offset; rsp as it is behind the call */
	HST_PLAN_PLACE_RBP = 3,      /* in memory at rbp + offset */
	HST_PLAN_PLACE_CFA = 4,      /* in memory at the call frame address + offset */
	HST_PLAN_PLACE_CONSTANT = 5, /* the value is the offset, sign-extended */
};

enum {
	/* What the value is, in the low bits of `content`. */
	HST_PLAN_CONTENT_SCALAR = 0,
	HST_PLAN_CONTENT_STRING = 1, /* a pointer to a C string */
	HST_PLAN_CONTENT_BYTES = 2,  /* a pointer to as many bytes as the next piece says */
	HST_PLAN_CONTENT_MASK = 0x3f,
	HST_PLAN_CONTENT_FLOAT = 1u << 6,  /* floating point, taken by its bits all the same */
	HST_PLAN_CONTENT_SIGNED = 1u << 7, /* to be sign-extended */
};

struct hst_plan_piece {
	uint8_t kind;    /* enum hst_plan_place */
	uint8_t reg;     /* DWARF number: 3 rbx, 6 rbp, 12-15 */
	uint8_t width;   /* 1, 2, 4 or 8 bytes */
	uint8_t content; /* HST_PLAN_CONTENT_* */
	int32_t offset;
};
static_assert(sizeof(struct hst_plan_piece) == 8, "on disk");

struct hst_plan_enter {
	uint64_t ret;    /* file address behind the call of the enter hook */
	uint32_t first;  /* first piece in the section HST_PLAN_PIECES of the same build-id */
	uint16_t pieces; /* 0: a function without parameters */
	uint16_t reserved;
	uint64_t fn; /* file address of the function's entry, as the hook is told */
};
static_assert(sizeof(struct hst_plan_enter) == 24, "on disk");

struct hst_plan_exit {
	uint64_t ret; /* file address behind the call of the exit hook */
	uint64_t fn;
	struct hst_plan_piece piece; /* the result */
};
static_assert(sizeof(struct hst_plan_exit) == 24, "on disk");

/* What a reader takes. */
#define HST_PLAN_CALL_PIECES_MAX 64u        /* of one call */
#define HST_PLAN_RECIPES_MAX     (1u << 20) /* in a process */
#define HST_PLAN_CONTENT_MAX \
 4096u /* bytes of a string or block; a call with a longer one has no key */
#define HST_PLAN_ADDRESS_MAX (1ull << 47)

#endif
