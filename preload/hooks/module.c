/* SPDX-License-Identifier: Apache-2.0 */
/* Modules that go. Those that come are met when their first function runs. */
#include "apply/throttle.h"
#include "core/attr.h"
#include "core/process.h"
#include "core/real.h"
#include "hooks/memo.h"
#include "sink/file.h"
#include "sink/filter.h"
#include "sink/modules.h"

#include <dlfcn.h>
#include <stddef.h>

#include "core/poison.h"

HST_EXPORT int dlclose(void *handle)
{
	int (*real)(void *) =
		(int (*)(void *))hst_real(HST_REAL_dlclose, __builtin_return_address(0));
	uint32_t before;
	int result;

	hst_throttle_hold();
	result = real(handle);
	hst_throttle_release();
	if (result == 0 && hst_process.state == HST_PROCESS_ON && hst_process.alive->seen != 0) {
		before = hst_modules_generation();
		if (hst_modules_update() != before) {
			/* Every thread begins a chunk with the new list, whatever now comes to these addresses. */
			hst_filter_forget();
			hst_memo_forget_pages();
			hst_sink_alarm();
		}
	}
	return result;
}
