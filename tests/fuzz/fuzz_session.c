/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: the text of a session file. */
#include "fuzz.h"

#include "reader/session.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct hst_session session = { 0 };
	struct hst_diag diag = { "" };
	enum hst_status status =
		hst_session_parse((const char *)data, bytes, "fuzz", &session, &diag);

	if ((status == HST_OK) != (diag.text[0] == '\0') || session.status > 255 ||
		session.signal > 127 ||
		(session.command != NULL && strchr(session.command, '\n'))) {
		abort();
	}
	hst_session_close(&session);
	return 0;
}
