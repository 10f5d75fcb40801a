/* SPDX-License-Identifier: Apache-2.0 */
/* Which functions lose their hooks, and the entries that take them and nobody else. */
#include "plan/instrument.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct hst_instrument set;

/* A function of the file, with its calls, its own time, and a cost of 10 ns a call. */
static void put(const char *linkage, const char *file, uint64_t calls, uint64_t self_ns)
{
	struct hst_instrument_function function = { .linkage = linkage,
		.name = linkage,
		.full = linkage,
		.module = "/bin/app",
		.file = file,
		.line = 1,
		.calls = calls,
		.self_ns = self_ns,
		.cost_ns = 10.0 * (double)calls };

	assert_int_equal(hst_instrument_add(&set, &function), HST_OK);
}

static struct hst_instrument_function *at(const char *linkage)
{
	for (size_t i = 0; i < set.functions.count; i++) {
		if (strcmp(set.functions.items[i].linkage, linkage) == 0) {
			return &set.functions.items[i];
		}
	}
	fail_msg("there is no %s", linkage);
	abort();
}

/* Decides by hand. */
static void take(const char *linkage)
{
	at(linkage)->out = true;
}

static void prepare(void)
{
	assert_int_equal(hst_instrument_prepare(&set), HST_OK);
}

static void find(bool only_kept)
{
	assert_int_equal(hst_instrument_find_means(&set, only_kept), HST_OK);
}

static void check(const char *linkage, enum hst_instrument_means means, const char *entry)
{
	const struct hst_instrument_function *function = at(linkage);

	if (function->means != means) {
		fail_msg("%s: %d, not %d", linkage, (int)function->means, (int)means);
	}
	if (entry == NULL) {
		assert_null(function->entry);
	} else {
		assert_non_null(function->entry);
		assert_string_equal(function->entry, entry);
	}
}

/* The flag with this number, "" behind the last one. */
static const char *flag(size_t number)
{
	const char *const *flags = hst_instrument_gcc_flags(&set);

	assert_non_null(flags);
	for (size_t i = 0; i < number; i++) {
		if (flags[i] == NULL) {
			return "";
		}
	}
	return flags[number] == NULL ? "" : flags[number];
}

static int teardown(void **state)
{
	(void)state;
	hst_instrument_finish(&set);
	return 0;
}

static void check_name(const char *linkage, const char *certain)
{
	struct hst_arena arena = { 0 };
	struct hst_instrument_function function = {
		.linkage = linkage, .name = linkage, .full = linkage
	};

	assert_int_equal(hst_instrument_names(&arena, &function), HST_OK);
	if (certain == NULL) {
		assert_null(function.certain);
	} else {
		assert_non_null(function.certain);
		assert_string_equal(function.certain, certain);
		assert_non_null(strstr(function.possible, certain));
	}
	hst_arena_finish(&arena);
}

static void test_names_are_what_gcc_prints_for_certain(void **state)
{
	(void)state;
	check_name("main", "main");
	check_name("work.part.0", "work");
	check_name("work.constprop.0.isra.0", "work");
	check_name("nested.3", "nested");
	check_name("0x1234", "0x1234");
	check_name("odd name", NULL);
	check_name("_Zbroken", NULL);
	check_name("_ZN2ns4overEi", "ns::over");
	check_name("_ZN2ns4tmplIiEET_S1_", "ns::tmpl<");
	check_name("_ZN2ns3BoxIiE3getEv", ">::get");
	check_name("_ZN2ns3BoxIiE4convIdEEiT_", ">::conv<");
	check_name("_ZNK2ns3ClscvbEv", "ns::Cls::operator ");
	check_name("_ZN2ns3ClspLEi", "ns::Cls::operator+=");
	check_name("_ZN2ns3ClsclEii", "ns::Cls::operator()");
	check_name("_ZN2CocmEi", "Co::operator,");
	check_name("_ZlsIiE2CoS0_T_", "operator<<");
	check_name("_Zli3_kmy", "operator\"\"");
	check_name("_ZN12_GLOBAL__N_14anonEv", "{anonymous}::anon");
	check_name("_ZZ5outeriEN3Loc2lmEv", "::Loc::lm");
	check_name("_ZZ5outeriENKUliE_clEi", "::operator()");
	check_name("_Z5mkstrB5cxx11v", "mkstr");
	check_name("_ZN2B2D2Ev", "B2::~B2");
	check_name("_Z4coroi.actor", NULL);
	check_name("_ZN9._anon_772umEv", "::um");
}

static void test_substring_of_another_name_is_no_entry(void **state)
{
	(void)state;
	put("el", "/s/a.c", 100, 1);
	put("tiny", "/s/a.c", 100, 1);
	put("helper", "/s/b.c", 1, 1000);
	put("main", "/s/a.c", 1, 1000);
	prepare();
	take("el");
	take("tiny");
	find(false);
	check("tiny", HST_MEANS_LIST, "tiny");
	check("el", HST_MEANS_ATTRIBUTE, NULL);
	assert_string_equal(set.functions.items[at("el")->would_lose].linkage, "helper");
	check("helper", HST_MEANS_STAYS, NULL);
	assert_string_equal(flag(2), "-finstrument-functions-exclude-function-list=tiny");
	assert_string_equal(flag(3), "");
}

static void test_function_that_was_not_called_is_guarded_too(void **state)
{
	(void)state;
	put("get", "/s/a.c", 100, 1);
	put("getline_of", "/s/a.c", 0, 0);
	prepare();
	take("get");
	find(false);
	check("get", HST_MEANS_ATTRIBUTE, NULL);
}

static void test_both_go_by_the_entry_of_one(void **state)
{
	(void)state;
	put("el", "/s/a.c", 100, 1);
	put("helper", "/s/b.c", 100, 1);
	put("main", "/s/a.c", 1, 1000);
	prepare();
	take("el");
	take("helper");
	find(false);
	check("el", HST_MEANS_LIST, "el");
	check("helper", HST_MEANS_LIST, "helper");
}

static void test_file_is_named_when_all_of_it_goes(void **state)
{
	(void)state;
	put("el", "/s/lib/small.c", 100, 1);
	put("le", "/s/lib/small.c", 100, 1);
	put("helper", "/s/b.c", 1, 1000);
	put("lewd", "/s/b.c", 1, 1000);
	prepare();
	take("el");
	take("le");
	find(false);
	check("el", HST_MEANS_FILE, "small.c");
	check("le", HST_MEANS_FILE, "small.c");
	assert_string_equal(flag(2), "-finstrument-functions-exclude-file-list=small.c");
}

static void test_file_whose_name_is_part_of_another_path_is_no_entry(void **state)
{
	(void)state;
	put("el", "/s/all.c", 100, 1);
	put("helper", "/s/small.c", 1, 1000);
	prepare();
	take("el");
	find(false);
	check("el", HST_MEANS_ATTRIBUTE, NULL);
	hst_instrument_finish(&set);

	/* A function of which the file is not known may lie anywhere. */
	put("el", "/s/all.c", 100, 1);
	put("helper", NULL, 1, 1000);
	prepare();
	take("el");
	find(false);
	check("el", HST_MEANS_ATTRIBUTE, NULL);
}

static void test_overloads_and_instances_go_together(void **state)
{
	(void)state;
	put("_ZN2ns4overEi", "/s/a.cpp", 1000, 10);
	put("_ZN2ns4overEd", "/s/a.cpp", 10, 10);
	put("_ZN2ns4tmplIiEET_S1_", "/s/a.cpp", 1000, 10);
	put("_ZN2ns4tmplImEET_S1_", "/s/a.cpp", 0, 0);
	put("main", "/s/a.cpp", 1, 100000);
	prepare();
	assert_true(hst_instrument_budget(&set, 20110, 100030, 1) <= 1000);
	find(false);
	check("_ZN2ns4overEi", HST_MEANS_LIST, "ns::over");
	check("_ZN2ns4overEd", HST_MEANS_LIST, "ns::over");
	check("_ZN2ns4tmplIiEET_S1_", HST_MEANS_LIST, "ns::tmpl<");
	check("_ZN2ns4tmplImEET_S1_", HST_MEANS_LIST, "ns::tmpl<");
	check("main", HST_MEANS_STAYS, NULL);
}

static void test_comma_of_an_operator_is_escaped(void **state)
{
	(void)state;
	put("_ZN2CocmEi", "/s/a.cpp", 100, 1);
	put("_ZNK2ns3ClscvbEv", "/s/a.cpp", 100, 1);
	put("main", "/s/a.cpp", 1, 1000);
	prepare();
	take("_ZN2CocmEi");
	take("_ZNK2ns3ClscvbEv");
	find(false);
	assert_string_equal(flag(2),
		"-finstrument-functions-exclude-function-list=Co::operator\\,,ns::Cls::operator ");
	assert_string_equal(hst_instrument_quote(&set.arena, "=a\\,b,c d", HST_QUOTING_RESPONSE),
		"=a\\\\,b,c\\ d");
	assert_string_equal(
		hst_instrument_quote(&set.arena, "=a\\,b,c d", HST_QUOTING_SHELL), "'=a\\,b,c d'");
	assert_string_equal(
		hst_instrument_quote(&set.arena, "it's", HST_QUOTING_SHELL), "'it'\\''s'");
	assert_string_equal(hst_instrument_quote(&set.arena, "-g", HST_QUOTING_SHELL), "-g");
}

static void test_words_of_template_arguments_are_guarded(void **state)
{
	(void)state;
	/* gcc prints "tmpl<long unsigned int>". */
	put("_ZN2ns4tmplImEET_S1_", "/s/a.cpp", 1, 1000);
	put("uns", "/s/b.c", 100, 1);
	put("wide", "/s/b.c", 100, 1);
	prepare();
	take("uns");
	take("wide");
	find(false);
	check("uns", HST_MEANS_FILE, "b.c");
	check("wide", HST_MEANS_LIST, "wide");
}

static void test_c_name_may_lie_in_a_namespace(void **state)
{
	(void)state;
	/* extern "C" int cfun() within ns: gcc prints "ns::cfun". */
	put("_ZN2ns3cfuEv", "/s/a.cpp", 100, 1);
	put("ns", "/s/b.cpp", 100, 1);
	put("cfun", "/s/a.cpp", 1, 1000);
	put("of_c", "/s/c.c", 1, 1000);
	prepare();
	take("_ZN2ns3cfuEv");
	take("ns");
	find(false);
	check("_ZN2ns3cfuEv", HST_MEANS_ATTRIBUTE, NULL);
	check("ns", HST_MEANS_FILE, "b.cpp");
	hst_instrument_finish(&set);

	put("_ZN2ns3cfuEv", "/s/a.cpp", 100, 1);
	put("cfun", "/s/c.c", 1, 1000);
	prepare();
	take("_ZN2ns3cfuEv");
	find(false);
	check("_ZN2ns3cfuEv", HST_MEANS_LIST, "ns::cfu");
}

static void test_uncalled_one_of_a_unit_stays_if_only_the_source_can_help(void **state)
{
	(void)state;
	/* over(double) would go with over(int), but overlay stays, so both need an attribute: the one that costs gets it. */
	put("_ZN2ns4overEi", "/s/a.cpp", 1000, 10);
	put("_ZN2ns4overEd", "/s/a.cpp", 0, 0);
	put("_ZN2ns7overlayEi", "/s/a.cpp", 1, 10000);
	/* and an entry that relied on over(double) being out has to go as well */
	put("ns", "/s/b.c", 1000, 10);
	prepare();
	take("_ZN2ns4overEi");
	take("_ZN2ns4overEd");
	find(false);
	check("_ZN2ns4overEi", HST_MEANS_ATTRIBUTE, NULL);
	check("_ZN2ns4overEd", HST_MEANS_STAYS, NULL);
	assert_false(at("_ZN2ns4overEd")->out);
	check("_ZN2ns7overlayEi", HST_MEANS_STAYS, NULL);
}

static void test_budget_takes_most_cost_per_own_time_and_no_more(void **state)
{
	(void)state;
	put("hot", "/s/a.c", 1000000, 1000000);   /* 10 ms of hooks, 10 per own ns */
	put("warm", "/s/a.c", 1000000, 50000000); /* 10 ms, 0.2 */
	put("cold", "/s/a.c", 1, 1);              /* as dear as hot, but of no weight */
	put("work", "/s/a.c", 1000, 149000000);
	prepare();
	/* 20 ms of 200: 10 %. */
	assert_true(hst_instrument_budget(&set, 20010010, 200000000, 10.1) > 20000000);
	assert_false(at("hot")->out);
	assert_true(hst_instrument_budget(&set, 20010010, 200000000, 5.5) < 11000000);
	assert_true(at("hot")->out);
	assert_false(at("cold")->out);
	assert_false(at("warm")->out);
	assert_true(hst_instrument_budget(&set, 20010010, 200000000, 0.1) < 200000);
	assert_true(at("warm")->out);
	assert_false(at("work")->out);
	assert_true(hst_instrument_budget(&set, 20010010, 200000000, 0) < 1);
	assert_true(at("work")->out);
	assert_true(at("cold")->out);
}

static void test_budget_spares_the_many_that_cost_nothing(void **state)
{
	static char names[100][16];
	size_t out = 0;

	(void)state;
	/* Each has more cost for its own time than hot has; all of them cost 10 us. */
	for (size_t i = 0; i < 100; i++) {
		snprintf(names[i], sizeof names[i], "small_%zu", i);
		put(names[i], "/s/a.c", 10, 1);
	}
	put("hot", "/s/a.c", 1000000, 10000000);
	/* Without the small ones, it could stay: but one is gone with it, and fifty with them. */
	put("warm", "/s/a.c", 99500, 20000000);
	put("work", "/s/a.c", 1, 70000000);
	prepare();
	assert_true(hst_instrument_budget(&set, 11005010, 100000000, 1) <= 1000000);
	for (size_t i = 0; i < set.functions.count; i++) {
		out += set.functions.items[i].out;
	}
	assert_true(at("hot")->out);
	assert_true(at("warm")->out);
	assert_int_equal(out, 2);
	/* Unless there is no other way. */
	at("hot")->nameless = true;
	assert_true(hst_instrument_budget(&set, 11005010, 100000000, 0) > 10000000 - 1);
	assert_true(at("small_7")->out);
}

static void test_bare_program_is_what_the_calls_of_hooks_leave(void **state)
{
	struct hst_instrument_bare bare = hst_instrument_bare(76.2e6, 9940000, 5.1);

	(void)state;
	assert_false(bare.floored);
	assert_true(bare.empty_ns > 5.09 && bare.empty_ns < 5.11);
	assert_true(bare.program_ns > 25.4e6 && bare.program_ns < 25.6e6);
	/* A tenth is left at least, and then that is what the calls cost. */
	bare = hst_instrument_bare(10000, 1000, 9.5);
	assert_true(bare.floored);
	assert_true(bare.program_ns > 999 && bare.program_ns < 1001);
	assert_true(bare.empty_ns > 8.99 && bare.empty_ns < 9.01);
	/* Unknown, and nothing at all. */
	bare = hst_instrument_bare(10000, 1000, 0);
	assert_true(!bare.floored && bare.program_ns > 9999);
	assert_false(hst_instrument_bare(0, 0, 5).floored);
	bare = hst_instrument_bare(0, 7, 5);
	assert_true(bare.program_ns >= 0 && bare.program_ns < 1 && bare.empty_ns < 1);
}

static void test_budget_leaves_what_has_no_name(void **state)
{
	(void)state;
	put("app+0x1234", NULL, 1000, 1);
	set.functions.items[0].nameless = true;
	put("work", "/s/a.c", 1, 1000);
	prepare();
	assert_true(hst_instrument_budget(&set, 10010, 1001, 0) > 9999);
	assert_false(at("app+0x1234")->out);
}

static void test_budget_of_nothing_leaves_no_less(void **state)
{
	static const char *const names[] = { "a", "b", "c" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		put(names[i], "/s/a.c", 1, 1);
		set.functions.items[i].cost_ns = 0.1 * (double)(i + 1);
	}
	prepare();
	/* The whole is a rounding less than its parts; below 0 would mean that memory is out. */
	assert_true(hst_instrument_budget(&set, 0.6 - 1e-9, 100, 0) >= 0);
	assert_true(at("a")->out);
}

static void keep(const char *linkage)
{
	at(linkage)->kept = true;
}

/* Each entry takes no kept function, each function that is out has an entry that takes it. */
static void check_cover(void)
{
	for (size_t i = 0; i < set.functions.count; i++) {
		const struct hst_instrument_function *function = &set.functions.items[i];
		bool taken = false;

		for (size_t e = 0; e < set.entries.count; e++) {
			if (!function->kept) {
				taken |= function->certain != NULL &&
					 strstr(function->certain, set.entries.items[e]) != NULL;
			} else if (hst_instrument_may_match(&set, set.entries.items[e], function)) {
				fail_msg("%s takes %s", set.entries.items[e], function->linkage);
			}
		}
		assert_int_equal(taken, function->means == HST_MEANS_LIST);
	}
}

static void test_keep_takes_all_others_by_short_parts(void **state)
{
	(void)state;
	put("parse", "/s/a.c", 10, 1000);
	put("parse_file", "/s/a.c", 10, 1000);
	put("spear", "/s/a.c", 10, 1000);
	put("zip", "/s/a.c", 10, 1000);
	put("pars", "/s/a.c", 10, 1000);
	put("sparse", "/s/b.c", 10, 1000);
	put("unzip", "/s/b.c", 0, 0);
	prepare();
	keep("parse");
	hst_instrument_only_kept(&set);
	find(true);
	check_cover();
	check("zip", HST_MEANS_LIST, "z");
	check("unzip", HST_MEANS_LIST, "z");
	/* All letters of it are in what is kept, but not in this order. */
	check("spear", HST_MEANS_LIST, "sp");
	check("sparse", HST_MEANS_LIST, "sp");
	/* A part of what is kept cannot be told from it. */
	check("pars", HST_MEANS_ATTRIBUTE, NULL);
	assert_string_equal(set.functions.items[at("pars")->would_lose].linkage, "parse");
	check("parse", HST_MEANS_STAYS, NULL);
}

static void test_keep_of_a_c_name_keeps_colons(void **state)
{
	(void)state;
	/* gcc may print "c::cfun", which has a colon, two of them, and "c::c". */
	put("_ZN1c1fEv", "/s/b.cpp", 10, 10);
	put("_ZN1c1zEv", "/s/b.cpp", 10, 10);
	put("cfun", "/s/a.cpp", 10, 10);
	prepare();
	keep("cfun");
	hst_instrument_only_kept(&set);
	find(true);
	check_cover();
	check("_ZN1c1zEv", HST_MEANS_LIST, "z");
	check("_ZN1c1fEv", HST_MEANS_LIST, "::f");
}

static void test_keep_of_an_overload_cannot_take_the_other_one(void **state)
{
	(void)state;
	put("_ZN2ns4overEi", "/s/a.cpp", 1000, 10);
	put("_ZN2ns4overEd", "/s/a.cpp", 10, 10);
	put("_ZN2ns3BoxIiE3getEv", "/s/b.cpp", 10, 10);
	prepare();
	keep("_ZN2ns4overEi");
	hst_instrument_only_kept(&set);
	find(true);
	check_cover();
	check("_ZN2ns4overEd", HST_MEANS_ATTRIBUTE, NULL);
	assert_int_equal(at("_ZN2ns3BoxIiE3getEv")->means, HST_MEANS_LIST);
}

static void test_headers_of_the_system_stay_out_of_a_cxx_build(void **state)
{
	(void)state;
	put("_ZN2ns4overEi", "/s/a.cpp", 1000, 10);
	put("_ZNSt6vectorIiSaIiEE4overEi", "/usr/include/c++/12/bits/stl_vector.h", 0, 0);
	put("main", "/s/a.cpp", 1, 1000);
	prepare();
	assert_true(set.system);
	take("_ZN2ns4overEi");
	find(false);
	check("_ZN2ns4overEi", HST_MEANS_LIST, "ns::over");
	assert_string_equal(
		flag(3), "-finstrument-functions-exclude-file-list=/usr/include,/include/c++/");
	hst_instrument_finish(&set);

	/* They were recorded: somebody wants them. */
	put("_ZN2ns4overEi", "/s/a.cpp", 1000, 10);
	put("_ZNSt6vectorIiSaIiEE4overEi", "/usr/include/c++/12/bits/stl_vector.h", 1, 1);
	prepare();
	assert_false(set.system);
}

static void test_headers_of_the_system_are_never_to_be_changed(void **state)
{
	static const char header[] = "/usr/include/c++/12/bits/stl_tree.h";

	(void)state;
	put("_ZNSt3Box8_M_eraseEv", header, 1000, 10);
	put("_ZNSt3Box13_M_erase_lateEv", header, 1, 1000);
	put("main", "/s/a.cpp", 1, 1000);
	prepare();
	take("_ZNSt3Box8_M_eraseEv");
	find(false);
	check("_ZNSt3Box8_M_eraseEv", HST_MEANS_STAYS, NULL);
	assert_true(at("_ZNSt3Box8_M_eraseEv")->unreachable);
	assert_false(at("_ZNSt3Box8_M_eraseEv")->out);
}

static void test_long_lists_become_several_flags(void **state)
{
	static char names[3000][32];
	size_t seen = 0;

	(void)state;
	for (size_t i = 0; i < 3000; i++) {
		snprintf(names[i], sizeof names[i], "function_with_number_%05zu", i);
		put(names[i], "/s/a.c", 100, 1);
	}
	put("main", "/s/a.c", 1, 1000);
	prepare();
	for (size_t i = 0; i < 3000; i++) {
		set.functions.items[i].out = true;
	}
	find(false);
	for (size_t i = 2; flag(i)[0] != '\0'; i++) {
		const char *comma = flag(i);

		assert_true(strlen(comma) < 128u << 10);
		for (seen++; (comma = strchr(comma, ',')) != NULL; comma++) {
			seen++;
		}
	}
	assert_int_equal(seen, 3000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_are_what_gcc_prints_for_certain),
		cmocka_unit_test_teardown(test_substring_of_another_name_is_no_entry, teardown),
		cmocka_unit_test_teardown(
			test_function_that_was_not_called_is_guarded_too, teardown),
		cmocka_unit_test_teardown(test_both_go_by_the_entry_of_one, teardown),
		cmocka_unit_test_teardown(test_file_is_named_when_all_of_it_goes, teardown),
		cmocka_unit_test_teardown(
			test_file_whose_name_is_part_of_another_path_is_no_entry, teardown),
		cmocka_unit_test_teardown(test_overloads_and_instances_go_together, teardown),
		cmocka_unit_test_teardown(test_comma_of_an_operator_is_escaped, teardown),
		cmocka_unit_test_teardown(test_words_of_template_arguments_are_guarded, teardown),
		cmocka_unit_test_teardown(test_c_name_may_lie_in_a_namespace, teardown),
		cmocka_unit_test_teardown(
			test_uncalled_one_of_a_unit_stays_if_only_the_source_can_help, teardown),
		cmocka_unit_test_teardown(
			test_budget_takes_most_cost_per_own_time_and_no_more, teardown),
		cmocka_unit_test_teardown(test_budget_spares_the_many_that_cost_nothing, teardown),
		cmocka_unit_test_teardown(
			test_bare_program_is_what_the_calls_of_hooks_leave, teardown),
		cmocka_unit_test_teardown(test_budget_leaves_what_has_no_name, teardown),
		cmocka_unit_test_teardown(test_budget_of_nothing_leaves_no_less, teardown),
		cmocka_unit_test_teardown(test_keep_takes_all_others_by_short_parts, teardown),
		cmocka_unit_test_teardown(test_keep_of_a_c_name_keeps_colons, teardown),
		cmocka_unit_test_teardown(
			test_keep_of_an_overload_cannot_take_the_other_one, teardown),
		cmocka_unit_test_teardown(
			test_headers_of_the_system_stay_out_of_a_cxx_build, teardown),
		cmocka_unit_test_teardown(
			test_headers_of_the_system_are_never_to_be_changed, teardown),
		cmocka_unit_test_teardown(test_long_lists_become_several_flags, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
