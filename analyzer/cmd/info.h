/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of `hasten info`. */
#ifndef HST_CMD_INFO_H
#define HST_CMD_INFO_H

#include "cmd/common.h"
#include "reader/trace_file.h"
#include "util/vec.h"

struct hst_info_process {
	struct hst_file_header header;
	struct hst_clock_rate rate;
	uint64_t bytes; /* of the file */
	uint64_t streams;
	bool alive; /* the process still runs */
	char missing[256];
};

struct hst_info_module {
	char *path;
	uint8_t build_id[32];
	uint8_t build_id_bytes;
	bool main;
	bool unreadable;
	uint32_t flags; /* HST_IMAGE_... */
};

struct hst_info {
	struct hst_reading *reading;
	struct hst_profile profile;
	HST_VEC(struct hst_info_process) processes;
	HST_VEC(struct hst_info_module) modules;
	struct hst_arena arena;
};

/* Reads headers and modules of all files. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_info_read(struct hst_info *info);
void hst_info_finish(struct hst_info *info);

/* What to do about a module without hooks or debug information; NULL: nothing. */
const char *hst_info_advice(const struct hst_info_module *module);
/* How the process ended, in words. */
void hst_info_end(const struct hst_info_process *process, char *buffer, size_t size);

/* Was memory recorded, at which cost, or why not: a line for each answer. */
void hst_info_overhead_text(const struct hst_info *info);
void hst_info_overhead_json(struct hst_json *json, const struct hst_info *info);
void hst_info_memory_text(const struct hst_info *info);
/* The same of one process, as member "memory" of the object that is open. */
void hst_info_memory_json(struct hst_json *json, const struct hst_info_process *process);

void hst_info_json(const struct hst_info *info);
/* HST_E_MEMORY */
HST_NODISCARD enum hst_status hst_info_text(struct hst_info *info);

/* True if the process of this header still runs (same boot, same pid, same start). */
bool hst_info_is_alive(const struct hst_file_header *header);

/* --start and --stop: writes the control word of each live file. Exit status. */
int hst_info_control(const struct hst_reading *reading, uint32_t control);
/* --args: what can be read of the calls of a program. Closes `reading`. Exit status. */
int hst_info_args(struct hst_reading *reading);

/* --snapshot: copies the data directory. Exit status. */
int hst_info_snapshot(const struct hst_reading *reading, const char *out);

#endif
