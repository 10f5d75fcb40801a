/* SPDX-License-Identifier: Apache-2.0 */
/* apply/throttle.c: how far a thread goes until it looks at the cost of its hooks. */
#include "apply/throttle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ROOM 32768u

static struct hst_stream stream;
static struct hst_window window;
static struct hst_open entries[4];
static uint16_t events[ROOM];

static void prepare(void)
{
	memset(&stream, 0, sizeof stream);
	memset(&window, 0, sizeof window);
	stream.own.base = stream.top = entries;
	stream.own.end = stream.end = entries + 4;
	stream.fiber = &stream.own;
	stream.window = &window;
	stream.mode = HST_STREAM_TRACE;
	stream.room = events + ROOM;
	window.cur = events;
	hst_throttle_on = true;
}

/* Where events came fast, the next look is far away; not so when most of them have been left out since. */
static void test_pace_after_change(void **state)
{
	(void)state;
	prepare();
	stream.look_step = UINT32_MAX;
	hst_throttle_drop(&stream);
	hst_throttle_pace(&stream);
	assert_ptr_equal(window.limit, stream.room);

	stream.changes = 1; /* others have changed what is left out */
	hst_throttle_drop(&stream);
	hst_throttle_pace(&stream);
	assert_true(window.limit > window.cur && window.limit - window.cur <= 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_pace_after_change) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
