/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How functions of the analyzer say how it went. Status codes come from errors.def; the sentence
 * for the user goes into a struct hst_diag, which only cmd/ prints.
 */
#ifndef HST_UTIL_STATUS_H
#define HST_UTIL_STATUS_H

#include <stddef.h>

#define HST_NODISCARD         __attribute__((warn_unused_result))
#define HST_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

enum hst_status {
	HST_OK = 0,
#define HST_ERROR(NAME, number, text) HST_E_##NAME = -(number),
#include "util/errors.def"
#undef HST_ERROR
};

#define HST_DIAG_BYTES 1024

/* One sentence for the user: which thing, what is wrong with it, what to do next. */
struct hst_diag {
	char text[HST_DIAG_BYTES];
};

/*
 * Writes the sentence (cut at HST_DIAG_BYTES) and returns `status`, so that a failing function can
 * end with `return hst_diag_set(...)`. `diag` may be NULL.
 */
enum hst_status hst_diag_set(struct hst_diag *diag, enum hst_status status, const char *fmt, ...)
	HST_PRINTF(3, 4);

/* The general text of a status code; static memory. */
const char *hst_status_text(enum hst_status status);

/* Forwards a failure to the caller. */
#define HST_TRY(expr)                      \
 do {                                      \
  enum hst_status hst_try_status = (expr); \
  if (hst_try_status != HST_OK) {          \
   return hst_try_status;                  \
  }                                        \
 } while (0)

#endif
