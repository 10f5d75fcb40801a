/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes in one place, so that no GNU syntax is strewn over the tree. */
#ifndef HST_CORE_ATTR_H
#define HST_CORE_ATTR_H

#define HST_LIKELY(x)   __builtin_expect(!!(x), 1)
#define HST_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define HST_NOINLINE    __attribute__((noinline))
#define HST_INLINE      static inline __attribute__((always_inline))
#define HST_COLD        __attribute__((noinline, cold))
#define HST_EXPORT      __attribute__((visibility("default")))
#define HST_HIDDEN      __attribute__((visibility("hidden"))) /* variables: no address from a table */

/* Looks at memory of the program as no program would; sanitizers would report it in builds for tests. */
#define HST_NO_SANITIZE __attribute__((no_sanitize("address", "undefined")))

/* A table of which little is used: behind all other variables, so that those stay together in few pages (meson.build). */
#define HST_LARGE __attribute__((section(".bss.large")))

/* Keeps the compiler from moving memory accesses across; a signal handler or a SIGKILL may come here. */
#define hst_barrier() __asm__ volatile("" ::: "memory")

#endif
