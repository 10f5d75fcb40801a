/* SPDX-License-Identifier: Apache-2.0 */
/* C++ and Rust names, by libiberty. */
#ifndef HST_SYMBOLS_DEMANGLE_H
#define HST_SYMBOLS_DEMANGLE_H

#include <stddef.h>

/* Both return malloc'd strings (never NULL unless out of memory); a name that is not mangled comes back as it is. */
char *hst_demangle_full(const char *linkage);
/* No parameters, no template arguments, no return type: "std::vector::push_back". */
char *hst_demangle_short(const char *linkage);
/*
 * With template arguments, without the parameters of the function itself: "ns::Box<int>::get", "outer(int)::Local::run".
 * malloc'd; NULL: the name is not mangled (or out of memory).
 */
char *hst_demangle_path(const char *linkage);

/* For who takes such a text apart, of which `s` is a place and `start` the beginning. */
/* Length of "operator" and its symbol at `s`, 0 if there is none. `operator bool` gives 8. */
size_t hst_demangle_operator(const char *start, const char *s);
/*
 * Behind the bracket that closes the one at `s`. Inside round brackets unpaired angle ones are
 * comparisons and do not count. The end of the text if nothing closes it.
 */
const char *hst_demangle_skip(const char *start, const char *s);

#endif
