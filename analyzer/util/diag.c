/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of status codes, and the sentence that goes with a failure. */
#include "util/status.h"

#include <stdarg.h>
#include <stdio.h>

enum hst_status hst_diag_set(struct hst_diag *diag, enum hst_status status, const char *fmt, ...)
{
	va_list args;

	if (diag == NULL) {
		return status;
	}
	va_start(args, fmt);
	(void)vsnprintf(diag->text, sizeof diag->text, fmt, args);
	va_end(args);
	return status;
}

const char *hst_status_text(enum hst_status status)
{
	switch (status) {
	case HST_OK:
		return "no error";
#define HST_ERROR(NAME, number, text) \
 case HST_E_##NAME:                   \
  return text;
#include "util/errors.def"
#undef HST_ERROR
	default:
		return "unknown error";
	}
}
