/* SPDX-License-Identifier: Apache-2.0 */
/* All that is said of an image: one field for each figure, with its doubts. */
#include "cmd/processes.h"

#include <inttypes.h>
#include <string.h>

#define BLOCK_BYTES 512u /* of hst_process_usage.blocks_in and blocks_out */

static struct hst_figure text_figure(const char *text)
{
	return (struct hst_figure){ .known = text != NULL && text[0] != '\0', .text = text };
}

static struct hst_figure number_figure(uint64_t value, bool doubt)
{
	return (struct hst_figure){
		.known = value != HST_PROCESS_UNKNOWN, .doubt = doubt, .value = value
	};
}

/* An index of an image; JSON has its place in the array of all images. */
static struct hst_figure index_figure(uint32_t index)
{
	return (struct hst_figure){ .known = index != HST_PROCESS_NONE, .value = index };
}

/* A getter of the image `i`; `show` is there where it is needed. */
#define GET(name, value)                                                   \
 static struct hst_figure get_##name(const void *context, const void *row) \
 {                                                                         \
  const struct hst_show *show = context;                                   \
  const struct hst_process_image *i = row;                                 \
                                                                           \
  (void)show;                                                              \
  return value;                                                            \
 }
#define TEXT(name, value) GET(name, text_figure(value))
#define USAGE(name, member) \
 GET(name, number_figure(i->usage.member, (i->flags & HST_PROCESS_USAGE_ESTIMATED) != 0))
#define FLAG(name, flag) \
 GET(name, ((struct hst_figure){ .known = true, .value = (i->flags & (flag)) != 0 }))
#define LIMIT(name) GET(limit_##name, number_figure(i->limits.name, false))

static const char *key_text(const struct hst_show *show, const struct hst_process_image *image)
{
	hst_show_key(show->scratch->text, show, image);
	return show->scratch->text;
}

static const char *line_text(const struct hst_show *show, const struct hst_process_image *image)
{
	hst_show_command(show->scratch->text, image, false);
	return show->scratch->text;
}

static const char *status_text(const struct hst_show *show, const struct hst_process_image *image)
{
	hst_show_status(show->scratch->text, sizeof show->scratch->text, image);
	return show->scratch->text;
}

static struct hst_figure blocks(uint64_t count, const struct hst_process_image *image)
{
	bool known = count <= HST_PROCESS_UNKNOWN / BLOCK_BYTES;

	return number_figure(known ? count * BLOCK_BYTES : HST_PROCESS_UNKNOWN,
		(image->flags & HST_PROCESS_USAGE_ESTIMATED) != 0);
}

TEXT(key, key_text(show, i))
TEXT(line, line_text(show, i))
TEXT(status, status_text(show, i))
TEXT(command, i->command)
TEXT(exe, i->exe)
TEXT(file, i->file)
TEXT(cwd, i->cwd)
TEXT(build_id, i->build_id)
TEXT(tool, i->tool)
TEXT(language, i->language)
TEXT(phase, hst_process_phase_text(i->phase))
TEXT(began, hst_process_began_text(i->began))
TEXT(ended, hst_process_ended_text(i->ended))
TEXT(class, hst_process_class_text(i->class))
TEXT(verdict, i->verdict)
TEXT(evidence, i->evidence)
TEXT(blind, hst_process_blind_text(i->blind))
TEXT(hwm_source, hst_process_hwm_text(i->hwm_source))
GET(id, index_figure(hst_show_index(show, i)))
GET(parent, index_figure(i->parent))
GET(previous, index_figure(i->previous))
GET(next, index_figure(i->next))
GET(waited_by, index_figure(i->waited_by))
GET(culprit, index_figure(i->culprit))
GET(unit, index_figure(i->unit))
GET(pid, number_figure(i->pid, false))
GET(ppid, number_figure(i->ppid == 0 ? HST_PROCESS_UNKNOWN : i->ppid, false))
GET(process, number_figure(i->process, false))
GET(start, number_figure(
		   (i->flags & HST_PROCESS_START_UNKNOWN) != 0 ? HST_PROCESS_UNKNOWN : i->start_ns,
		   false))
GET(end, number_figure(i->end_ns, (i->flags & HST_PROCESS_END_UNKNOWN) != 0))
FLAG(end_known, HST_PROCESS_END_UNKNOWN)
GET(loaded, number_figure(i->loaded_ns, false))
GET(wall, number_figure(i->wall_ns, (i->flags & HST_PROCESS_END_UNKNOWN) != 0))
GET(cpu, number_figure(i->cpu_ns, (i->flags & HST_PROCESS_USAGE_ESTIMATED) != 0))
USAGE(user, user_ns)
USAGE(system, system_ns)
/* A sum of what is known: in doubt if its own part is, or if that of some image is not known at all. */
GET(tree_cpu,
	number_figure(i->tree_cpu_ns,
		(i->flags & HST_PROCESS_USAGE_ESTIMATED) != 0 || i->cpu_ns == HST_PROCESS_UNKNOWN ||
			(show->processes->cpu_unknown != 0 && i->tree_images > 1)))
GET(tree_images, number_figure(i->tree_images, false))
GET(hwm,
	number_figure(i->hwm_source == HST_PROCESS_HWM_UNKNOWN ? HST_PROCESS_UNKNOWN : i->hwm_bytes,
		i->hwm_source != HST_PROCESS_HWM_EXACT))
USAGE(minor, minor_faults)
USAGE(major, major_faults)
USAGE(voluntary, voluntary)
USAGE(involuntary, involuntary)
GET(read, blocks(i->usage.blocks_in, i))
GET(written, blocks(i->usage.blocks_out, i))
GET(exit, number_figure(i->exit_status < 0 ? HST_PROCESS_UNKNOWN : (uint64_t)i->exit_status, false))
GET(signal, number_figure(i->signal == 0 ? HST_PROCESS_UNKNOWN : (uint64_t)i->signal, false))
GET(core, ((struct hst_figure){ .known = true, .value = i->core }))
GET(uid, number_figure(i->uid == UINT32_MAX ? HST_PROCESS_UNKNOWN : i->uid, false))
GET(gid, number_figure(i->gid == UINT32_MAX ? HST_PROCESS_UNKNOWN : i->gid, false))
GET(probe_count, number_figure(i->probe_count, false))
GET(critical, number_figure(i->critical_ns, false))
GET(taken, ((struct hst_figure){ .known = true, .value = hst_show_is_taken_well(show, i) }))
GET(argv, ((struct hst_figure){ .known = true, .texts = i->argv, .count = i->argc }))
GET(original,
	((struct hst_figure){
		.known = i->original != NULL, .texts = i->original, .count = i->original_count }))
GET(probes, ((struct hst_figure){
		    .known = i->probes != NULL, .texts = i->probes, .count = i->probe_count }))
FLAG(estimated, HST_PROCESS_USAGE_ESTIMATED)
FLAG(inherited, HST_PROCESS_PHASE_INHERITED)
FLAG(repaired, HST_PROCESS_REPAIRED)
FLAG(added, HST_PROCESS_FLAGS_ADDED)
FLAG(hooks, HST_PROCESS_HOOKS)
FLAG(cut, HST_PROCESS_CUT)
FLAG(sandboxed, HST_PROCESS_SANDBOXED)
FLAG(outlived, HST_PROCESS_OUTLIVED)
FLAG(parent_lost, HST_PROCESS_PARENT_LOST)
FLAG(wrapper, HST_PROCESS_WRAPPER)
LIMIT(cpu_seconds)
LIMIT(address_bytes)
LIMIT(data_bytes)
LIMIT(file_bytes)
LIMIT(stack_bytes)
LIMIT(processes)

#undef GET
#undef TEXT
#undef USAGE
#undef FLAG
#undef LIMIT

#define RIGHT HST_COLUMN_RIGHT
#define FLEX  HST_COLUMN_FLEX
#define EARLY (HST_COLUMN_RIGHT | HST_FIELD_ASCENDING)
#define EMPTY (HST_COLUMN_RIGHT | HST_FIELD_ZERO_EMPTY)
/* clang-format off */
const struct hst_field hst_show_image_fields[] = {
	{ "key", "key", "KEY", FLEX, HST_FIGURE_TEXT, get_key, 0 },
	{ "id", NULL, "", 0, HST_FIGURE_COUNT, get_id, 0 },
	{ "pid", "pid", "PID", EARLY, HST_FIGURE_COUNT, get_pid, 0 },
	{ "ppid", "ppid", "PPID", EARLY, HST_FIGURE_COUNT, get_ppid, 0 },
	{ "process", NULL, "", 0, HST_FIGURE_COUNT, get_process, 0 },
	{ "parent", NULL, "", 0, HST_FIGURE_COUNT, get_parent, 0 },
	{ "previous", NULL, "", 0, HST_FIGURE_COUNT, get_previous, 0 },
	{ "next", NULL, "", 0, HST_FIGURE_COUNT, get_next, 0 },
	{ "waited_by", NULL, "", 0, HST_FIGURE_COUNT, get_waited_by, 0 },
	{ "command", "name", "NAME", FLEX, HST_FIGURE_TEXT, get_command, 0 },
	{ "exe", "exe", "EXE", FLEX, HST_FIGURE_TEXT, get_exe, 0 },
	{ "file", "file", "FILE", FLEX, HST_FIGURE_TEXT, get_file, 0 },
	{ "argv", NULL, "", 0, HST_FIGURE_TEXTS, get_argv, 0 },
	{ "original_argv", NULL, "", 0, HST_FIGURE_TEXTS, get_original, 0 },
	{ "cwd", "cwd", "CWD", FLEX, HST_FIGURE_TEXT, get_cwd, 0 },
	{ "build_id", "buildid", "BUILD ID", FLEX, HST_FIGURE_TEXT, get_build_id, 0 },
	{ "tool", "tool", "TOOL", 0, HST_FIGURE_TEXT, get_tool, 0 },
	{ "language", "language", "LANGUAGE", 0, HST_FIGURE_TEXT, get_language, 0 },
	{ "phase", "phase", "PHASE", 0, HST_FIGURE_TEXT, get_phase, 0 },
	{ "phase_inherited", NULL, "", 0, HST_FIGURE_BOOL, get_inherited, 0 },
	{ "wrapper", NULL, "", 0, HST_FIGURE_BOOL, get_wrapper, 0 },
	{ "unit", NULL, "", 0, HST_FIGURE_COUNT, get_unit, 0 },
	{ "began_by", "began", "BEGAN BY", 0, HST_FIGURE_TEXT, get_began, 0 },
	{ "end_source", "ended", "END FROM", 0, HST_FIGURE_TEXT, get_ended, 0 },
	{ "start_ns", "start", "START", EARLY, HST_FIGURE_NS, get_start, 0 },
	{ "loaded_ns", NULL, "", 0, HST_FIGURE_NS, get_loaded, 0 },
	{ "end_ns", "end", "END", EARLY, HST_FIGURE_NS, get_end, 0 },
	{ "end_estimated", NULL, "", 0, HST_FIGURE_BOOL, get_end_known, 0 },
	{ "wall_ns", "wall", "WALL", RIGHT, HST_FIGURE_NS, get_wall, 0 },
	{ "cpu_ns", "cpu", "CPU", RIGHT, HST_FIGURE_NS, get_cpu, 0 },
	{ "user_ns", "user", "USER", RIGHT, HST_FIGURE_NS, get_user, 0 },
	{ "system_ns", "sys", "SYSTEM", RIGHT, HST_FIGURE_NS, get_system, 0 },
	{ "usage_estimated", NULL, "", 0, HST_FIGURE_BOOL, get_estimated, 0 },
	{ "tree_cpu_ns", "tree", "TREE CPU", RIGHT, HST_FIGURE_NS, get_tree_cpu, 0 },
	{ "tree_images", "below", "IMAGES", RIGHT, HST_FIGURE_COUNT, get_tree_images, 0 },
	{ "critical_ns", "critical", "CRITICAL", EMPTY, HST_FIGURE_NS, get_critical, 0 },
	{ "hwm_bytes", "hwm", "VmHWM", RIGHT, HST_FIGURE_BYTES, get_hwm, 0 },
	{ "hwm_source", "hwmfrom", "VmHWM IS", 0, HST_FIGURE_TEXT, get_hwm_source, 0 },
	{ "minor_faults", "minor", "MINOR FAULTS", RIGHT, HST_FIGURE_COUNT, get_minor, 0 },
	{ "major_faults", "major", "MAJOR FAULTS", RIGHT, HST_FIGURE_COUNT, get_major, 0 },
	{ "voluntary_switches", "waits", "WAITS", RIGHT, HST_FIGURE_COUNT, get_voluntary, 0 },
	{ "involuntary_switches", "preempted", "PREEMPTED", RIGHT, HST_FIGURE_COUNT, get_involuntary, 0 },
	{ "disk_read_bytes", "read", "READ", RIGHT, HST_FIGURE_BYTES, get_read, 0 },
	{ "disk_written_bytes", "written", "WRITTEN", RIGHT, HST_FIGURE_BYTES, get_written, 0 },
	{ NULL, "status", "STATUS", 0, HST_FIGURE_TEXT, get_status, 0 },
	{ "exit_status", "exit", "EXIT", RIGHT, HST_FIGURE_COUNT, get_exit, 0 },
	{ "signal", "signal", "SIGNAL", RIGHT, HST_FIGURE_COUNT, get_signal, 0 },
	{ "core_dumped", NULL, "", 0, HST_FIGURE_BOOL, get_core, 0 },
	{ "class", "class", "CLASS", 0, HST_FIGURE_TEXT, get_class, 0 },
	{ "verdict", "verdict", "VERDICT", 0, HST_FIGURE_TEXT, get_verdict, 0 },
	{ "evidence", "evidence", "EVIDENCE", FLEX, HST_FIGURE_TEXT, get_evidence, 0 },
	{ "culprit", NULL, "", 0, HST_FIGURE_COUNT, get_culprit, 0 },
	{ "taken_well", NULL, "", 0, HST_FIGURE_BOOL, get_taken, 0 },
	{ "blind_spot", "blind", "BLIND SPOT", 0, HST_FIGURE_TEXT, get_blind, 0 },
	{ "failed_path_probes", "probes", "PROBES", EMPTY, HST_FIGURE_COUNT, get_probe_count, 0 },
	{ "path_probes", NULL, "", 0, HST_FIGURE_TEXTS, get_probes, 0 },
	{ "uid", "uid", "UID", RIGHT, HST_FIGURE_COUNT, get_uid, 0 },
	{ "gid", "gid", "GID", RIGHT, HST_FIGURE_COUNT, get_gid, 0 },
	{ "limit_cpu_s", NULL, "", 0, HST_FIGURE_COUNT, get_limit_cpu_seconds, 0 },
	{ "limit_address_bytes", NULL, "", 0, HST_FIGURE_BYTES, get_limit_address_bytes, 0 },
	{ "limit_data_bytes", NULL, "", 0, HST_FIGURE_BYTES, get_limit_data_bytes, 0 },
	{ "limit_file_bytes", NULL, "", 0, HST_FIGURE_BYTES, get_limit_file_bytes, 0 },
	{ "limit_stack_bytes", NULL, "", 0, HST_FIGURE_BYTES, get_limit_stack_bytes, 0 },
	{ "limit_processes", NULL, "", 0, HST_FIGURE_COUNT, get_limit_processes, 0 },
	{ "environment_repaired", NULL, "", 0, HST_FIGURE_BOOL, get_repaired, 0 },
	{ "flags_added", NULL, "", 0, HST_FIGURE_BOOL, get_added, 0 },
	{ "instrumented", NULL, "", 0, HST_FIGURE_BOOL, get_hooks, 0 },
	{ "texts_cut", NULL, "", 0, HST_FIGURE_BOOL, get_cut, 0 },
	{ "sandboxed", NULL, "", 0, HST_FIGURE_BOOL, get_sandboxed, 0 },
	{ "outlived_root", NULL, "", 0, HST_FIGURE_BOOL, get_outlived, 0 },
	{ "parent_lost", NULL, "", 0, HST_FIGURE_BOOL, get_parent_lost, 0 },
	{ NULL, "command", "COMMAND", FLEX, HST_FIGURE_TEXT, get_line, 0 },
	{ 0 },
};
/* clang-format on */
#undef RIGHT
#undef FLEX
#undef EARLY
#undef EMPTY
