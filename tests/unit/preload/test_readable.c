/* SPDX-License-Identifier: Apache-2.0 */
/* Which memory may be read. */
#include "core/readable.h"
#include "core/sys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define PAGES 40u

/* So many pages in front of one that is not there. */
static char *make(size_t pages)
{
	char *made = mmap(NULL, (pages + 1) * HST_PAGE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(made, MAP_FAILED);
	assert_int_equal(mprotect(made + pages * HST_PAGE, HST_PAGE, PROT_NONE), 0);
	return made;
}

static void drop(char *made, size_t pages)
{
	assert_int_equal(munmap(made, (pages + 1) * HST_PAGE), 0);
}

/* A text of each length at the end of a page: there with its NUL, not there without. */
static void test_readable_text_up_to_the_last_byte(void **state)
{
	char *page = make(1);
	char *end = page + HST_PAGE;
	(void)state;

	for (size_t length = 0; length < 40; length++) {
		struct hst_readable known = { 0 };

		memset(page, 'x', HST_PAGE);
		end[-1] = '\0';
		assert_true(hst_readable_text(&known, end - 1 - length));
		end[-1] = '\x80';
		assert_false(hst_readable_text(&known, end - 1 - length));
	}
	drop(page, 1);
}

/* More pages than are remembered, and what is known of one says nothing of another. */
static void test_readable_text_over_many_pages(void **state)
{
	struct hst_readable known = { 0 };
	char *pages = make(PAGES);
	(void)state;

	memset(pages, 'x', PAGES * HST_PAGE);
	assert_false(hst_readable_text(&known, pages));
	pages[PAGES * HST_PAGE - 1] = '\0';
	assert_true(hst_readable_text(&known, pages));
	assert_true(hst_readable_text(&known, pages + 5));
	assert_int_equal(mprotect(pages + 20 * HST_PAGE, HST_PAGE, PROT_NONE), 0);
	known = (struct hst_readable){ 0 };
	assert_false(hst_readable_text(&known, pages));
	assert_true(hst_readable_text(&known, pages + 21 * HST_PAGE));
	drop(pages, PAGES);
}

static void test_readable_no_addresses(void **state)
{
	static const uint64_t addresses[] = { 1, 8, 4095, UINT64_C(1) << 47, UINT64_C(1) << 63,
		UINT64_MAX - 4096, UINT64_MAX - 7, UINT64_MAX };
	struct hst_readable known = { 0 };
	(void)state;

	for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
		assert_false(hst_readable_text(&known, (const char *)addresses[i]));
		assert_false(hst_readable_list(&known, (char *const *)addresses[i]));
	}
	assert_true(hst_readable_text(&known, NULL));
	assert_true(hst_readable_list(&known, NULL));
}

static void test_readable_list_up_to_its_null(void **state)
{
	struct hst_readable known = { 0 };
	char *page = make(1);
	char **list = (char **)(void *)(page + HST_PAGE) - 3;
	(void)state;

	list[0] = page;
	list[1] = page + 3;
	list[2] = NULL;
	assert_true(hst_readable_list(&known, list));
	list[2] = page;
	assert_false(hst_readable_list(&known, list));
	list[2] = NULL;
	list[1] = page + HST_PAGE;
	assert_false(hst_readable_list(&known, list));
	drop(page, 1);
}

/* In a sandbox nobody is asked. */
static void test_readable_says_yes_where_it_may_not_ask(void **state)
{
	struct hst_readable known = { 0 };
	(void)state;

	hst_sys_closed = 1;
	assert_true(hst_readable_text(&known, "text"));
	hst_sys_closed = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_readable_text_up_to_the_last_byte),
		cmocka_unit_test(test_readable_text_over_many_pages),
		cmocka_unit_test(test_readable_no_addresses),
		cmocka_unit_test(test_readable_list_up_to_its_null),
		cmocka_unit_test(test_readable_says_yes_where_it_may_not_ask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
