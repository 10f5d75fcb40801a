/* SPDX-License-Identifier: Apache-2.0 */
/* Names in full and in short. */
#include "symbols/demangle.h"

#include "targets.h"

static void check_short(const char *linkage, const char *wanted)
{
	char *name = hst_demangle_short(linkage);

	assert_string_equal(name, wanted);
	free(name);
}

static void check_full(const char *linkage, const char *wanted)
{
	char *name = hst_demangle_full(linkage);

	assert_string_equal(name, wanted);
	free(name);
}

static void test_demangle_plain_names_stay(void **state)
{
	(void)state;
	check_short("main", "main");
	check_full("main", "main");
	check_short("", "");
	check_short("_start", "_start");
	check_short("_Z", "_Z");
	check_short("_ZN3fooE garbage", "_ZN3fooE garbage");
	check_short("foo.part.0", "foo.part.0");
}

static void test_demangle_short_drops_arguments_and_templates(void **state)
{
	(void)state;
	check_short("_Z3fooi", "foo");
	check_short("_ZN2ns3Foo3barEid", "ns::Foo::bar");
	check_full("_ZN2ns3Foo3barEid", "ns::Foo::bar(int, double)");
	check_short("_ZNSt6vectorIiSaIiEE9push_backEOi", "std::vector::push_back");
	check_full("_ZNSt6vectorIiSaIiEE9push_backEOi",
		"std::vector<int, std::allocator<int> >::push_back(int&&)");
	/* A template function has its return type in the mangled name. */
	check_short("_ZN2ns3Foo5twiceIiEET_S2_", "ns::Foo::twice");
	check_short("_Z4makeIN2ns3FooEESt6vectorIT_SaIS3_EES3_S3_", "make");
}

static void test_demangle_short_keeps_operators(void **state)
{
	(void)state;
	check_short("_ZNK2ns3FooltERKS0_", "ns::Foo::operator<");
	check_short("_ZNK2ns3FoogtERKS0_", "ns::Foo::operator>");
	check_short("_ZN2ns3FooclEi", "ns::Foo::operator()");
	check_short("_ZN2ns3FooixEi", "ns::Foo::operator[]");
	check_short("_ZN2ns3FooptEv", "ns::Foo::operator->");
	check_short("_ZN2ns3FoolsEi", "ns::Foo::operator<<");
	check_short("_ZN2ns3FoorSEi", "ns::Foo::operator>>=");
	check_short("_ZN2ns3FooltIiEEbT_", "ns::Foo::operator<");
	check_short("_Znwm", "operator new");
	check_short("_Zli3_kmd", "operator\"\" _km");
	check_short("_Znam", "operator new[]");
	check_short("_ZN2ns3FoocvjEv", "ns::Foo::operator unsigned int");
	check_short("_ZN2ns3FoocvNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEEEv",
		"ns::Foo::operator std::string");
}

static void test_demangle_short_folds_std(void **state)
{
	(void)state;
	check_short("_ZNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEE6appendEPKc",
		"std::string::append");
	check_short("_ZNSs6appendEPKc", "std::string::append");
	check_short("_ZNSolsEi", "std::ostream::operator<<");
	check_short("_ZNSt7__cxx114listIiSaIiEE5clearEv", "std::list::clear");
	check_short("_ZNSt6chrono3_V212steady_clock3nowEv", "std::chrono::steady_clock::now");
}

static void test_demangle_short_keeps_lambdas_and_anonymous(void **state)
{
	(void)state;
	check_short("_ZZ5localiENKUliE_clEi", "local::{lambda#1}::operator()");
	check_short("_ZN12_GLOBAL__N_16helperEi", "(anonymous namespace)::helper");
	check_short("_ZZ5localiEN1L1fEi", "local::L::f");
	check_short("_ZThn8_N3Foo3barEv", "non-virtual thunk to Foo::bar");
	check_short("_ZZ3fooIiEvT_ENKUlvE_clEv", "foo::{lambda#1}::operator()");
	check_short("_Z3foov.constprop.0", "foo");
	check_short("_Z3foov.cold", "foo");
	check_short("_Z2cov.actor", "co [clone .actor]");
}

static void test_demangle_rust_both_schemes(void **state)
{
	(void)state;
	check_short("_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", "core::fmt::Formatter::pad");
	check_short("_RNvCs1234_7mycrate3foo", "mycrate::foo");
	check_short("_ZN4main4main28_$u7b$$u7b$closure$u7d$$u7d$17h0123456789abcdefE",
		"main::main::{{closure}}");
	check_short(
		"_ZN58_$LT$alloc..string..String$u20$as$u20$core..fmt..Debug$GT$3fmt17h0123456789abcdefE",
		"alloc::string::String::fmt");
}

/* pair<pair<...>, pair<...>>: each level doubles the text, but adds ten characters to the name. */
static char *doubling_name(int levels)
{
	char *text = malloc(1024);
	size_t at = (size_t)sprintf(text, "_Z1fSt4pairIiiE");

	for (int i = 0; i < levels; i++) {
		char id = (char)(i < 10 ? '0' + i : 'A' + i - 10);

		at += (size_t)sprintf(text + at, "S_IS%c_S%c_E", id, id);
	}
	return text;
}

static void test_demangle_hostile_names_stay_mangled(void **state)
{
	char *tame = doubling_name(3);
	char *bomb = doubling_name(35);
	char deep[4096];
	char *name;

	(void)state;
	check_short(tame, "f");
	name = hst_demangle_full(bomb);
	assert_string_equal(name, bomb);
	free(name);
	memset(deep, 'P', sizeof deep);
	memcpy(deep, "_Z1f", 4);
	deep[sizeof deep - 1] = '\0';
	check_full(deep, deep);
	free(tame);
	free(bomb);
}

static void test_demangle_random_names_never_crash(void **state)
{
	static const char alphabet[] = "_ZNKSt12349IiEEvCDlsclS_T0LJPRFXsr<>(){}.$";
	unsigned seed = 12345;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		char text[64] = "_Z";
		size_t length = 2 + (size_t)i % 60;
		char *name;

		for (size_t j = 2; j < length; j++) {
			seed = seed * 1103515245u + 12345u;
			text[j] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
		}
		name = hst_demangle_short(text);
		assert_non_null(name);
		free(name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_demangle_plain_names_stay),
		cmocka_unit_test(test_demangle_short_drops_arguments_and_templates),
		cmocka_unit_test(test_demangle_short_keeps_operators),
		cmocka_unit_test(test_demangle_short_folds_std),
		cmocka_unit_test(test_demangle_short_keeps_lambdas_and_anonymous),
		cmocka_unit_test(test_demangle_rust_both_schemes),
		cmocka_unit_test(test_demangle_hostile_names_stay_mangled),
		cmocka_unit_test(test_demangle_random_names_never_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
