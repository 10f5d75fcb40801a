/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exceptions. gcc's landing pads call the exit hook of each function that an exception passes; without
 * these three hooks such an exit would look like a return. Between raise and catch, exits of frames that were
 * open at the raise are errors; what destructors call meanwhile lies above them and is not.
 */
#include "core/attr.h"
#include "core/process.h"
#include "core/real.h"
#include "hooks/function.h"
#include "stacks/shadow.h"

#include <stddef.h>

#include "core/poison.h"

typedef int (*raise_function)(void *exception);

static struct hst_stream *own_stream(void)
{
	struct hst_stream *stream = hst_self;

	/* In a handler that interrupted a hook: lane 1 repairs by frame address alone. */
	return stream != NULL && hst_guard_take(stream, (uint64_t)__builtin_dwarf_cfa()) ? stream
											 : NULL;
}

static void raised(void)
{
	struct hst_stream *stream = own_stream();

	if (stream != NULL) {
		uint32_t depth = hst_depth(stream);

		/* One exception within another, in a destructor that throws and catches: it begins further in.
		 * A rethrow comes here twice, since libgcc raises it by the other function. */
		if (depth > stream->errors_below) {
			stream->errors_outer = stream->errors_below;
		}
		stream->errors_below = depth;
		hst_stack_set_low(stream);
		stream->guard = 0;
	}
}

int _Unwind_RaiseException(void *exception);
int _Unwind_Resume_or_Rethrow(void *exception);
void *__cxa_begin_catch(void *exception);

HST_EXPORT int _Unwind_RaiseException(void *exception)
{
	raise_function real = (raise_function)hst_real(
		HST_REAL__Unwind_RaiseException, __builtin_return_address(0));

	raised();
	return real(exception);
}

HST_EXPORT int _Unwind_Resume_or_Rethrow(void *exception)
{
	raise_function real = (raise_function)hst_real(
		HST_REAL__Unwind_Resume_or_Rethrow, __builtin_return_address(0));

	raised();
	return real(exception);
}

HST_EXPORT void *__cxa_begin_catch(void *exception)
{
	void *(*real)(void *) = (void *(*)(void *))hst_real(
		HST_REAL___cxa_begin_catch, __builtin_return_address(0));
	struct hst_stream *stream = own_stream();

	if (stream != NULL) {
		if (stream->errors_below != 0) {
			uint32_t depth = hst_depth(stream);

			stream->errors_below =
				stream->errors_outer < depth ? stream->errors_outer : depth;
			stream->errors_outer = 0;
			hst_stack_set_low(stream);
		}
		stream->guard = 0;
	}
	return real(exception);
}
