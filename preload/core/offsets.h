/* SPDX-License-Identifier: Apache-2.0 */
/* Offsets for assembly. Included from C too, where each is checked against the structure it stands for. */
#ifndef HST_CORE_OFFSETS_H
#define HST_CORE_OFFSETS_H

/* struct hst_stream */
#define HST_STREAM_GUARD     0
#define HST_STREAM_WINDOW    8
#define HST_STREAM_TOP       16
#define HST_STREAM_END       32
#define HST_STREAM_LO        40
#define HST_STREAM_TIME      48
#define HST_STREAM_MODE      56
#define HST_STREAM_CANARY    88
#define HST_STREAM_CANARY_AT 96
#define HST_STREAM_PREDICTOR 128
#define HST_STREAM_IDENTS    (HST_STREAM_PREDICTOR + 2 * 4096)
#define HST_STREAM_TREE      120992

/* struct hst_open */
#define HST_OPEN_CFA   0
#define HST_OPEN_FN    8
#define HST_OPEN_RET   16
#define HST_OPEN_CALL  24
#define HST_OPEN_GROUP 28
#define HST_OPEN_ID    32
#define HST_OPEN_LAST  34
#define HST_OPEN_BYTES 64

/* struct hst_ident */
#define HST_IDENT_RET   0
#define HST_IDENT_K     16
#define HST_IDENT_GROUP 20

/* Profile mode: struct hst_open, struct hst_tree, struct hst_tree_guess */
#define HST_OPEN_CALLEE  32
#define HST_OPEN_NODE    36
#define HST_OPEN_START   40
#define HST_OPEN_CONTEXT 48
#define HST_OPEN_CARRIED 56
#define HST_TREE_GUESS   0
#define HST_GUESS_PARENT 0
#define HST_GUESS_CHILD  4

/* struct hst_profile_block with its open frames and nodes; struct hst_profile_node */
#define HST_BLOCK_DEPTH     64
#define HST_BLOCK_LAST      128
#define HST_BLOCK_OPENS     192
#define HST_BLOCK_OPENS_MAX 256
#define HST_BLOCK_NODES     (HST_BLOCK_OPENS + 16 * HST_BLOCK_OPENS_MAX)
#define HST_NODE_BYTES      (7 << 6) /* the hook multiplies by it in three steps */
#define HST_NODE_RET        0
#define HST_NODE_CALLS      8
#define HST_NODE_SELF       24
#define HST_NODE_ACTIVE     48
#define HST_NODE_GROUP      52
#define HST_NODE_K          56

/* struct hst_window */
#define HST_WINDOW_CUR   0
#define HST_WINDOW_LIMIT 8
#define HST_WINDOW_SEEN  16
#define HST_WINDOW_BLOCK 24

/* struct hst_file_header: control and word */
#define HST_HEADER_WATCH 128

#define HST_MODE_IS_PROFILE 2

/* The set of excluded functions: slot = fn * factor >> shift */
#define HST_EXCLUDED_FACTOR 0x9e3779b97f4a7c15
#define HST_EXCLUDED_SHIFT  48

/* Sites of functions that are answered from caches (apply/memo.h): slot = ret * HST_EXCLUDED_FACTOR >> 64 - bits */
#define HST_MEMO_ENTER_BITS 9
#define HST_MEMO_EXIT_BITS  12
#define HST_MEMO_SITE_SHIFT 4
#define HST_MEMO_SITE_WHAT  8

/* What the hook's caller has, while such a call is looked up: struct hst_memo_frame of hooks/memo.h */
#define HST_MEMO_FRAME_FN    48
#define HST_MEMO_FRAME_SITE  56
#define HST_MEMO_FRAME_VALUE 64
#define HST_MEMO_FRAME_CFA   72
#define HST_MEMO_FRAME_BYTES 88

/* Records, as in hasten/trace.h */
#define HST_HEAD_PREDICTED 0x4000
#define HST_TIME_FIELD     0x3fff
#define HST_TIME_DROPPED   2
#define HST_GAP            65535 /* core/cpu.h: ticks */

#ifndef __ASSEMBLER__
# include "core/stream.h"
# include "hasten/trace.h"

# include <stddef.h>

# define HST_SAME(offset, type, member) \
  static_assert((offset) == offsetof(type, member), "assembly and C must agree")
HST_SAME(HST_STREAM_GUARD, struct hst_stream, guard);
HST_SAME(HST_STREAM_WINDOW, struct hst_stream, window);
HST_SAME(HST_STREAM_TOP, struct hst_stream, top);
HST_SAME(HST_STREAM_END, struct hst_stream, end);
HST_SAME(HST_STREAM_LO, struct hst_stream, lo);
HST_SAME(HST_STREAM_TIME, struct hst_stream, time);
HST_SAME(HST_STREAM_MODE, struct hst_stream, mode);
HST_SAME(HST_STREAM_CANARY, struct hst_stream, canary);
HST_SAME(HST_STREAM_CANARY_AT, struct hst_stream, canary_at);
HST_SAME(HST_STREAM_PREDICTOR, struct hst_stream, predictor);
HST_SAME(HST_STREAM_IDENTS, struct hst_stream, idents);
HST_SAME(HST_OPEN_CFA, struct hst_open, cfa);
HST_SAME(HST_OPEN_FN, struct hst_open, fn);
HST_SAME(HST_OPEN_RET, struct hst_open, ret);
HST_SAME(HST_OPEN_CALL, struct hst_open, call);
HST_SAME(HST_OPEN_GROUP, struct hst_open, group);
HST_SAME(HST_OPEN_ID, struct hst_open, id);
HST_SAME(HST_OPEN_LAST, struct hst_open, last);
HST_SAME(HST_IDENT_RET, struct hst_ident, ret);
HST_SAME(HST_IDENT_K, struct hst_ident, k);
HST_SAME(HST_IDENT_GROUP, struct hst_ident, group);
HST_SAME(HST_STREAM_TREE, struct hst_stream, tree);
HST_SAME(HST_OPEN_CALLEE, struct hst_open, callee);
HST_SAME(HST_OPEN_NODE, struct hst_open, node);
HST_SAME(HST_OPEN_START, struct hst_open, start);
HST_SAME(HST_OPEN_CONTEXT, struct hst_open, context);
HST_SAME(HST_OPEN_CARRIED, struct hst_open, carried);
HST_SAME(HST_BLOCK_DEPTH, struct hst_profile_block, depth);
HST_SAME(HST_BLOCK_LAST, struct hst_profile_block, last);
HST_SAME(HST_NODE_RET, struct hst_profile_node, ret);
HST_SAME(HST_NODE_CALLS, struct hst_profile_node, calls);
HST_SAME(HST_NODE_SELF, struct hst_profile_node, self);
HST_SAME(HST_NODE_ACTIVE, struct hst_profile_node, active);
HST_SAME(HST_NODE_GROUP, struct hst_profile_node, group);
HST_SAME(HST_NODE_K, struct hst_profile_node, k);
static_assert(HST_BLOCK_OPENS == sizeof(struct hst_profile_block) &&
		      HST_BLOCK_OPENS_MAX == HST_PROFILE_OPEN_MAX &&
		      sizeof(struct hst_profile_open) == 16 &&
		      sizeof(struct hst_profile_node) == HST_NODE_BYTES,
	"assembly and C must agree");
HST_SAME(HST_WINDOW_CUR, struct hst_window, cur);
HST_SAME(HST_WINDOW_LIMIT, struct hst_window, limit);
HST_SAME(HST_WINDOW_SEEN, struct hst_window, seen);
HST_SAME(HST_WINDOW_BLOCK, struct hst_window, block);
HST_SAME(HST_HEADER_WATCH, struct hst_file_header, control);
static_assert(HST_MODE_IS_PROFILE == HST_STREAM_PROFILE, "assembly and C must agree");
static_assert(HST_OPEN_BYTES == sizeof(struct hst_open), "assembly and C must agree");
static_assert(sizeof(struct hst_ident) == 24, "assembly scales an id by 24");
static_assert(HST_HEAD_PREDICTED == HST_KIND_PREDICTED << HST_KIND_SHIFT, "record format");
static_assert(
	HST_TIME_FIELD == HST_TIME_MASK && HST_TIME_DROPPED == HST_TIME_SHIFT, "record format");
# undef HST_SAME
#endif

#endif
