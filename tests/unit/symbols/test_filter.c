/* SPDX-License-Identifier: Apache-2.0 */
/* Filter expressions, what they match, and the plan they become. */
#include "plan/filter.h"

#include "hasten/plan.h"
#include "targets.h"

#include <fcntl.h>
#include <sys/stat.h>

static struct hst_filter *parse(const char *expression)
{
	struct hst_filter *filter = NULL;
	struct hst_diag diag = { { 0 } };

	if (hst_filter_parse(expression, &filter, &diag) != HST_OK) {
		fail_msg("%s", diag.text);
	}
	return filter;
}

static bool wants(const char *expression, const char *name, const char *full, const char *linkage,
	const char *module, const char *file)
{
	struct hst_filter *filter = parse(expression);
	bool wanted = hst_filter_matches(filter, name, full, linkage, module, file);

	hst_filter_destroy(filter);
	return wanted;
}

static bool wants_name(const char *expression, const char *name)
{
	return wants(expression, name, name, name, "/bin/prog", "/src/main.c");
}

static void test_filter_names_by_glob(void **state)
{
	(void)state;
	assert_true(wants_name("parse*", "parse_line"));
	assert_false(wants_name("parse*", "emit"));
	assert_true(wants_name("emit,parse*", "emit"));
	assert_true(wants_name(" emit , parse* ", "emit"));
	assert_false(wants_name("parse", "parse_line"));
	assert_true(wants_name("p?rse", "parse"));
	assert_true(wants_name("[ep]*", "emit"));
}

static void test_filter_every_form_of_the_name_counts(void **state)
{
	const char *name = "ns::f";
	const char *full = "int ns::f<int, long>(int)";
	const char *linkage = "_ZN2ns1fIilEEiT_";

	(void)state;
	assert_true(wants("ns::f", name, full, linkage, "/m", NULL));
	assert_true(wants("_ZN2ns1f*", name, full, linkage, "/m", NULL));
	assert_true(wants("int ns::f<int, long>(int)", name, full, linkage, "/m", NULL));
	assert_true(wants("*f<int, long>*", name, full, linkage, "/m", NULL));
	assert_false(wants("*f<int, int>*", name, full, linkage, "/m", NULL));
	assert_false(wants("f", name, full, linkage, "/m", NULL));
}

static void test_filter_operators_are_names_not_patterns(void **state)
{
	(void)state;
	assert_true(wants_name("V::operator[]", "V::operator[]"));
	assert_true(wants_name("V::operator<,g", "V::operator<"));
	assert_true(wants_name("V::operator<,g", "g"));
	assert_true(wants_name("V::operator\\,", "V::operator,"));
	assert_true(wants_name("V::operator()", "V::operator()"));
}

static void test_filter_exclusion_wins(void **state)
{
	(void)state;
	assert_true(wants_name("!debug*", "parse"));
	assert_false(wants_name("!debug*", "debug_print"));
	assert_false(wants_name("*,!debug*", "debug_print"));
	assert_false(wants_name("!debug*,*", "debug_print"));
	assert_true(wants_name("!debug*,*", "parse"));
}

static void test_filter_modules_by_path_or_base(void **state)
{
	const char *lib = "/usr/lib/libfoo.so.1";

	(void)state;
	assert_true(wants("module:libfoo*", "f", "f", "f", lib, NULL));
	assert_true(wants("module:/usr/lib/*", "f", "f", "f", lib, NULL));
	assert_false(wants("module:libbar*", "f", "f", "f", lib, NULL));
	assert_false(wants("!module:libfoo.so.1", "f", "f", "f", lib, NULL));
	assert_true(wants("!module:lib/libfoo*", "f", "f", "f", lib, NULL));
	/* Terms of all kinds are alternatives. */
	assert_true(wants("module:prog,f", "f", "f", "f", lib, NULL));
	assert_false(wants("module:prog,g", "f", "f", "f", lib, NULL));
	assert_false(wants("module:*", "f", "f", "f", NULL, NULL));
}

static void test_filter_files_by_tail(void **state)
{
	const char *file = "/home/me/src/parse/lex.c";

	(void)state;
	assert_true(wants("file:lex.c", "f", "f", "f", "/m", file));
	assert_true(wants("file:parse/*.c", "f", "f", "f", "/m", file));
	assert_true(wants("file:/home/*", "f", "f", "f", "/m", file));
	assert_false(wants("file:ex.c", "f", "f", "f", "/m", file));
	assert_false(wants("!file:parse/*", "f", "f", "f", "/m", file));
	assert_false(wants("file:lex.c", "f", "f", "f", "/m", NULL));
	assert_true(wants("!file:lex.c", "f", "f", "f", "/m", NULL));
}

static void expect_wrong(const char *expression, const char *part)
{
	struct hst_filter *filter = NULL;
	struct hst_diag diag = { { 0 } };

	assert_int_equal(hst_filter_parse(expression, &filter, &diag), HST_E_USAGE);
	assert_null(filter);
	assert_non_null(strstr(diag.text, part));
}

static void test_filter_errors_name_the_term(void **state)
{
	char *text = calloc(1, HST_FILTER_BYTES_MAX + 16);

	(void)state;
	expect_wrong("", "term 1 is empty");
	expect_wrong("a,,b", "term 2 is empty");
	expect_wrong("a,", "term 2 is empty");
	expect_wrong("a,!", "'!'");
	expect_wrong("module:", "'module:'");
	expect_wrong("x,!file:", "'!file:'");
	expect_wrong("!!x", "'!!x'");
	expect_wrong("modul:libx", "'modul:libx'");
	assert_true(wants_name("std::sort", "std::sort"));
	memset(text, 'a', HST_FILTER_BYTES_MAX + 1);
	expect_wrong(text, "longer");
	for (size_t i = 0; i < 2 * HST_FILTER_TERMS_MAX; i += 2) {
		memcpy(text + i, "a,", 3);
	}
	memcpy(text + 2 * HST_FILTER_TERMS_MAX, "a", 2);
	expect_wrong(text, "terms");
	free(text);
}

static void test_filter_remembers_what_matched(void **state)
{
	struct hst_filter *filter = parse("fib,nothing*,!module:gone");

	(void)state;
	assert_true(hst_filter_matches(filter, "fib", "fib", "fib", "/m", NULL));
	assert_string_equal(hst_filter_unmatched(filter, 0), "nothing*");
	assert_string_equal(hst_filter_unmatched(filter, 1), "!module:gone");
	assert_null(hst_filter_unmatched(filter, 2));
	hst_filter_destroy(filter);
}

/* A plan read back. */
struct read_plan {
	struct hst_plan_header header;
	struct hst_plan_section section; /* the first */
	uint64_t addresses[512];
};

static struct hst_filter_plan write_and_read(
	const char *expression, const char *name, struct read_plan *plan)
{
	char path[] = "hst-plan-XXXXXX";
	char program[4096];
	const char *paths[] = { program, "/nonexistent/lib.so", "/dev/null" };
	struct hst_filter *filter = parse(expression);
	struct hst_filter_plan done;
	struct hst_diag diag = { { 0 } };
	struct stat st;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	fchmod(fd, 0666);
	close(fd);
	snprintf(program, sizeof program, "%s", target(name));
	if (hst_filter_write_plan(filter, paths, 3, path, &done, &diag) != HST_OK) {
		fail_msg("%s", diag.text);
	}
	hst_filter_destroy(filter);
	memset(plan, 0, sizeof *plan);
	fd = open(path, O_RDONLY);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(read(fd, &plan->header, sizeof plan->header), sizeof plan->header);
	assert_memory_equal(plan->header.magic, HST_PLAN_MAGIC, 8);
	assert_int_equal(plan->header.major, HST_PLAN_MAJOR);
	assert_int_equal(plan->header.bytes, st.st_size);
	if (plan->header.sections > 0) {
		size_t bytes;

		assert_int_equal(
			read(fd, &plan->section, sizeof plan->section), sizeof plan->section);
		bytes = plan->section.count * sizeof(uint64_t);
		assert_true(bytes <= sizeof plan->addresses);
		assert_int_equal(plan->section.offset % 8, 0);
		assert_int_equal(
			pread(fd, plan->addresses, bytes, (off_t)plan->section.offset), bytes);
		assert_int_equal(plan->section.offset + bytes, plan->header.bytes);
	}
	close(fd);
	unlink(path);
	return done;
}

static bool lists(const struct read_plan *plan, uint64_t address)
{
	for (uint64_t i = 0; i < plan->section.count; i++) {
		assert_true(i == 0 || plan->addresses[i - 1] < plan->addresses[i]);
		if (plan->addresses[i] == address) {
			return true;
		}
	}
	return false;
}

static void test_filter_plan_lists_what_stays(void **state)
{
	struct hst_image *image = open_target("fib");
	struct read_plan plan;
	struct hst_filter_plan done = write_and_read("fib", "fib", &plan);
	const uint8_t *id = NULL;
	size_t id_bytes = hst_image_build_id(image, &id);

	(void)state;
	assert_int_equal(plan.header.sections, 1);
	assert_int_equal(plan.section.kind, HST_PLAN_FILTER);
	assert_int_equal(plan.section.flags, HST_PLAN_FILTER_ONLY_LISTED);
	assert_int_equal(plan.section.build_id_bytes, id_bytes);
	assert_memory_equal(plan.section.build_id, id, id_bytes);
	assert_int_equal(plan.section.count, 1);
	assert_true(lists(&plan, need_function(image, "fib", 0)->address));
	assert_int_equal(done.modules, 1);
	assert_int_equal(done.functions, 1);
	hst_image_close(image);
}

static void test_filter_plan_lists_what_goes(void **state)
{
	struct hst_image *image = open_target("fib");
	struct read_plan plan;
	struct hst_filter_plan done = write_and_read("!file:fib.c", "fib", &plan);

	(void)state;
	assert_int_equal(plan.section.flags, 0);
	assert_int_equal(plan.section.count, 2);
	assert_true(lists(&plan, need_function(image, "fib", 0)->address));
	assert_true(lists(&plan, need_function(image, "main", 0)->address));
	assert_int_equal(done.excluded, 2);
	hst_image_close(image);
}

static void test_filter_plan_whole_modules(void **state)
{
	struct read_plan plan;

	(void)state;
	write_and_read("!module:fib", "fib", &plan);
	assert_int_equal(plan.section.flags, HST_PLAN_FILTER_ONLY_LISTED);
	assert_int_equal(plan.section.count, 0);
	write_and_read("module:fib", "fib", &plan);
	assert_int_equal(plan.section.flags, 0);
	assert_int_equal(plan.section.count, 0);
	write_and_read("module:other", "fib", &plan);
	assert_int_equal(plan.section.flags, HST_PLAN_FILTER_ONLY_LISTED);
	assert_int_equal(plan.section.count, 0);
	write_and_read("module:fib,!fib", "fib", &plan);
	assert_int_equal(plan.section.flags, 0);
	assert_int_equal(plan.section.count, 1);
}

static void test_filter_plan_passes_over_modules_without_hooks(void **state)
{
	struct read_plan plan;
	struct hst_filter_plan done = write_and_read("fib", "fib-plain", &plan);

	(void)state;
	assert_int_equal(plan.header.sections, 0);
	assert_int_equal(done.modules, 0);
	done = write_and_read("fib", "beside/fib", &plan);
	assert_int_equal(plan.header.sections, 0);
	assert_int_equal(done.no_build_id, 1);
}

static void test_filter_plan_does_not_follow_links(void **state)
{
	char folder[] = "hst-link-XXXXXX";
	char plan[64];
	char victim[64];
	struct stat st;
	struct hst_filter *filter = parse("fib");

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(plan, sizeof plan, "%s/plan", folder);
	snprintf(victim, sizeof victim, "%s/victim", folder);
	close(open(victim, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(symlink("victim", plan), 0);
	assert_int_equal(hst_filter_write_plan(filter, NULL, 0, plan, NULL, NULL), HST_OK);
	assert_int_equal(stat(victim, &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(lstat(plan, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	unlink(plan);
	unlink(victim);
	rmdir(folder);
	hst_filter_destroy(filter);
}

static void test_filter_plan_says_where_it_cannot_be_written(void **state)
{
	struct hst_filter *filter = parse("fib");
	struct hst_diag diag = { { 0 } };

	(void)state;
	assert_int_equal(
		hst_filter_write_plan(filter, NULL, 0, "/nonexistent/plan", NULL, &diag), HST_E_IO);
	assert_non_null(strstr(diag.text, "/nonexistent/plan"));
	hst_filter_destroy(filter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filter_names_by_glob),
		cmocka_unit_test(test_filter_every_form_of_the_name_counts),
		cmocka_unit_test(test_filter_operators_are_names_not_patterns),
		cmocka_unit_test(test_filter_exclusion_wins),
		cmocka_unit_test(test_filter_modules_by_path_or_base),
		cmocka_unit_test(test_filter_files_by_tail),
		cmocka_unit_test(test_filter_errors_name_the_term),
		cmocka_unit_test(test_filter_remembers_what_matched),
		cmocka_unit_test(test_filter_plan_lists_what_stays),
		cmocka_unit_test(test_filter_plan_lists_what_goes),
		cmocka_unit_test(test_filter_plan_whole_modules),
		cmocka_unit_test(test_filter_plan_passes_over_modules_without_hooks),
		cmocka_unit_test(test_filter_plan_does_not_follow_links),
		cmocka_unit_test(test_filter_plan_says_where_it_cannot_be_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
