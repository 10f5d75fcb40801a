/* SPDX-License-Identifier: Apache-2.0 */
/* C++ and Rust names, by libiberty. */
#ifndef HST_SYMBOLS_DEMANGLE_H
#define HST_SYMBOLS_DEMANGLE_H

/* Both return malloc'd strings (never NULL unless out of memory); a name that is not mangled comes back as it is. */
char *hst_demangle_full(const char *linkage);
/* No parameters, no template arguments, no return type: "std::vector::push_back". */
char *hst_demangle_short(const char *linkage);

#endif
