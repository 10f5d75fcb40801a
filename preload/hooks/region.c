/* SPDX-License-Identifier: Apache-2.0 */
/* Regions inside functions: pseudo functions with a number for a name. */
#include "core/attr.h"
#include "core/process.h"
#include "core/sys.h"
#include "hasten/trace.h"
#include "hooks/function.h"
#include "sink/names.h"

#include "core/poison.h"

HST_EXPORT void hasten_region_begin(const char *name);
HST_EXPORT void hasten_region_end(void);

/*
 * The region's key is one above the stack pointer: odd, so no function has it; above all that the function calls
 * from here, below the function itself.
 */
void hasten_region_begin(const char *name)
{
	uint64_t sp = (uint64_t)__builtin_dwarf_cfa();
	struct hst_stream *stream = name != NULL ? hst_stream_enter(sp) : NULL;

	if (stream != NULL) {
		uint64_t address = hst_name_intern(name);
		struct hst_call call = { .fn = address, .ret = address, .sp = sp };

		hst_enter(stream, &call, sp + 1);
		stream->guard = 0;
	}
}

void hasten_region_end(void)
{
	uint64_t sp = (uint64_t)__builtin_dwarf_cfa();
	struct hst_stream *stream = hst_self != NULL ? hst_stream_enter(sp) : NULL;

	if (stream != NULL) {
		hst_exit_region(stream, sp);
		stream->guard = 0;
	}
}
