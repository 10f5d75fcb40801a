/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan: what the analyzer hands to the preload. One file, little-endian, read once into private
 * memory and checked before use; the preload trusts nothing in it. It carries filters, where the
 * arguments and the results of functions are at the calls of their hooks, and which functions are to be
 * answered from a cache.
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
	/* hst_hash_bytes of all that is behind the header. Asked for where functions are answered from caches: what stands
	 * there of frames is obeyed. */
	uint64_t check;
};
static_assert(sizeof(struct hst_plan_header) == 32, "on disk");

enum hst_plan_kind {
	HST_PLAN_FILTER =
		1,          /* payload: uint64_t[count], ascending: entry points (file addresses) */
	HST_PLAN_ENTER = 2, /* payload: struct hst_plan_enter[count], ascending by `ret` */
	HST_PLAN_EXIT = 3,  /* payload: struct hst_plan_exit[count], ascending by `ret` */
	HST_PLAN_PIECES = 4, /* payload: struct hst_plan_piece[count] */
	/* Of functions that are answered from a cache; at most one of each kind for a build-id. */
	HST_PLAN_MEMO = 5,        /* payload: struct hst_plan_memo[count], ascending by `fn` */
	HST_PLAN_MEMO_EXIT = 6,   /* payload: struct hst_plan_memo_exit[count] */
	HST_PLAN_MEMO_PIECES = 7, /* payload: struct hst_plan_piece[count] */
	HST_PLAN_MEMO_CODE = 8,   /* payload: struct hst_plan_code[count] */
	HST_PLAN_MEMO_SLOT = 9,   /* payload: struct hst_plan_slot[count] */
	/* For people alone, passed over by the preload. Payload: uint64_t[count], texts that end with 0: the file's path, then
	 * the linkage name of each function of HST_PLAN_MEMO, then zeros. */
	HST_PLAN_MEMO_NAMES = 10,
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
	HST_PLAN_PLACE_FIXED =
		6, /* in memory at the file address `offset`, unsigned; keys of caches only */
};

enum {
	/* What the value is, in the low bits of `content`. */
	HST_PLAN_CONTENT_SCALAR = 0,
	HST_PLAN_CONTENT_STRING = 1, /* a pointer to a C string */
	HST_PLAN_CONTENT_BYTES = 2,  /* a pointer to as many bytes as the next piece says */
	HST_PLAN_CONTENT_BIT = 3,    /* the value is its lowest bit; results of caches only */
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

/*
 * A function whose repeated calls are answered from a cache: its enter hook returns to the function's caller with the result
 * that was stored under the same key, bit for bit. docs/memo.md.
 */
enum hst_plan_evidence {
	HST_PLAN_PROVEN = 1,   /* from the machine code: docs/purity.md */
	HST_PLAN_DECLARED = 2, /* by the user, or by the compiler's log */
	HST_PLAN_OBSERVED =
		3, /* no contradiction in a recording, and all that it reads is in the key */
};

enum {
	HST_PLAN_MEMO_MXCSR =
		1u << 0, /* it computes in floating point: the mode of that is part of the key */
};

/* Of the callers of the hooks: where rbx, rbp and r12 to r15 of the function's own caller are. */
struct hst_plan_frame {
	uint8_t base; /* DWARF number: the call frame address is 6 rbp, or 7 rsp behind the call, ... */
	uint8_t reserved[3];
	int32_t offset; /* ... + this */
	int32_t saved
		[6]; /* in memory at the call frame address + this, below -8; 0: still in the register */
};
static_assert(sizeof(struct hst_plan_frame) == 32, "on disk");

struct hst_plan_memo {
	uint64_t fn; /* file address of the entry, as the hook is told */
	uint64_t
		ret; /* file address behind the call of the enter hook of the function's own instance */
	struct hst_plan_frame frame; /* at that hook */
	uint32_t first_piece;        /* of the key, in HST_PLAN_MEMO_PIECES; scalars only */
	uint16_t pieces;             /* at most HST_PLAN_MEMO_PIECES_MAX */
	uint8_t evidence;            /* enum hst_plan_evidence */
	uint8_t flags;               /* HST_PLAN_MEMO_MXCSR */
	uint32_t first_exit,
		exits; /* in HST_PLAN_MEMO_EXIT: ways out on which the result is known; 1 or more */
	uint32_t first_code,
		codes; /* in HST_PLAN_MEMO_CODE: what the evidence rests on, the function itself included */
	uint32_t first_slot,
		slots;    /* in HST_PLAN_MEMO_SLOT: what must lead where it led for the proof */
	uint32_t entries; /* of the cache */
	uint32_t
		shadow; /* hits to be computed all the same and compared, per size of key, before one is served */
	uint64_t ttl_ns; /* how long an entry holds; 0 for ever */
	uint64_t reserved;
};
static_assert(sizeof(struct hst_plan_memo) == 104, "on disk");

/* Where a call of a HST_PLAN_MEMO function ends, and its result then is. */
struct hst_plan_memo_exit {
	uint64_t ret; /* file address behind the call of the exit hook */
	uint8_t base; /* as in hst_plan_frame */
	uint8_t reserved[3];
	int32_t offset;
	struct hst_plan_piece
		result; /* HST_PLAN_CONTENT_FLOAT: it is returned in xmm0, else in rax */
};
static_assert(sizeof(struct hst_plan_memo_exit) == 24, "on disk");

/* File addresses; `hash`: hst_hash_bytes of what is there once it is loaded. */
struct hst_plan_code {
	uint64_t start, end;
	uint64_t hash;
};
static_assert(sizeof(struct hst_plan_code) == 24, "on disk");

/* 8 bytes in memory at the file address `slot` must hold the address of `target`, in the same module. */
struct hst_plan_slot {
	uint64_t slot;
	uint64_t target;
};
static_assert(sizeof(struct hst_plan_slot) == 16, "on disk");

/*
 * Functions that turned out wrong are appended to the file `PLAN.revoked`, and answered from no cache any more. Records of
 * this size; a last one that is not whole counts as none.
 */
#define HST_REVOKED_MAGIC  0x31564b52u /* "RKV1" */
#define HST_REVOKED_SUFFIX ".revoked"
struct hst_plan_revoked {
	uint32_t magic;
	uint32_t build_id_bytes; /* 1-32 */
	uint64_t fn;             /* file address */
	uint8_t build_id[32];
	uint64_t real_ns; /* when: CLOCK_REALTIME */
	uint64_t reserved;
};
static_assert(sizeof(struct hst_plan_revoked) == 64, "on disk");

#define HST_PLAN_MEMOS_MAX        126u       /* in a process, and of a module */
#define HST_PLAN_MEMO_PIECES_MAX  8u         /* of a key */
#define HST_PLAN_MEMO_PARTS_MAX   (1u << 16) /* exits, codes and slots in a plan, each */
#define HST_PLAN_MEMO_ENTRIES_MAX (1u << 24)
#define HST_PLAN_MEMO_BYTES_MAX   (256ull << 20) /* of all caches of a process */
#define HST_PLAN_CODE_BYTES_MAX   (16u << 20)    /* to be hashed for a module */

/* What a reader takes. */
#define HST_PLAN_CALL_PIECES_MAX 64u        /* of one call */
#define HST_PLAN_RECIPES_MAX     (1u << 20) /* in a process */
#define HST_PLAN_CONTENT_MAX \
 4096u /* bytes of a string or block; a call with a longer one has no key */
#define HST_PLAN_ADDRESS_MAX (1ull << 47)

#endif
