/* SPDX-License-Identifier: Apache-2.0 */
/* The header of a trace file alone, for what needs no more. */
#ifndef HST_READER_TRACE_HEADER_H
#define HST_READER_TRACE_HEADER_H

#include "hasten/trace.h"

#include <stdbool.h>

/* Only a regular file is opened (O_NOFOLLOW). false: it is none of ours, of another major version, or cut within its header. */
bool hst_trace_header_read(const char *path, struct hst_file_header *ret_header);

#endif
