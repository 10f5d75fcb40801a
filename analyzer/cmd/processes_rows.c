/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of all that is no image: commands, phases, waste, the critical path, what could not be started, samples. */
#include "cmd/processes.h"

#include <string.h>

static struct hst_figure text_figure(const char *text)
{
	return (struct hst_figure){ .known = text != NULL && text[0] != '\0', .text = text };
}

static struct hst_figure number_figure(uint64_t value)
{
	return (struct hst_figure){ .known = value != HST_PROCESS_UNKNOWN, .value = value };
}

static struct hst_figure part_figure(uint64_t value, uint64_t whole)
{
	return (struct hst_figure){ .known = whole != 0, .value = value, .whole = whole };
}

/* A share from 0 to 1. */
static struct hst_figure share_figure(double share)
{
	return part_figure((uint64_t)((share > 0 ? share : 0) * 1e9), 1000000000u);
}

/* Thousandths in percent; cpu of several processors is beyond 100. */
static struct hst_figure thousandths(uint32_t value)
{
	struct hst_figure figure = part_figure(value, 1000);

	figure.known = value != HST_SYSTEM_UNKNOWN32;
	return figure;
}

static struct hst_figure small(uint32_t value)
{
	return (struct hst_figure){ .known = value != UINT32_MAX, .value = value };
}

static struct hst_figure pid_of(const struct hst_show *show, uint32_t index)
{
	const struct hst_process_image *image = hst_show_image(show, index);

	return image == NULL ? (struct hst_figure){ 0 } : number_figure(image->pid);
}

static struct hst_figure name_of(const struct hst_show *show, uint32_t index)
{
	const struct hst_process_image *image = hst_show_image(show, index);

	return text_figure(image == NULL ? NULL : image->command);
}

static struct hst_figure line_of(const struct hst_show *show, uint32_t index)
{
	const struct hst_process_image *image = hst_show_image(show, index);

	if (image == NULL) {
		return (struct hst_figure){ 0 };
	}
	hst_show_command(show->scratch->text, image, false);
	return text_figure(show->scratch->text);
}

static struct hst_figure key_of(const struct hst_show *show, uint32_t index)
{
	const struct hst_process_image *image = hst_show_image(show, index);

	if (image == NULL) {
		return (struct hst_figure){ 0 };
	}
	hst_show_key(show->scratch->text, show, image);
	return text_figure(show->scratch->text);
}

/* "a/b" as a key. */
static struct hst_figure joined(
	const struct hst_show *show, const char *first, const char *mark, const char *second)
{
	(void)snprintf(show->scratch->text, sizeof show->scratch->text, "%.300s%s%.300s", first,
		mark, second);
	return text_figure(show->scratch->text);
}

static struct hst_figure error_text(const struct hst_show *show, int32_t error)
{
	const char *text = error <= 0 ? NULL : strerrorname_np(error);

	(void)show;
	return text_figure(text);
}

/* "CE 2, RE-SIG 1": the classes of failures that there were. */
static struct hst_figure classes_text(
	const struct hst_show *show, const struct hst_process_phase_row *row)
{
	char *text = show->scratch->text;
	size_t size = sizeof show->scratch->text;
	size_t used = 0;

	text[0] = '\0';
	for (unsigned c = 0; c < HST_PROCESS_CLASSES && used < size; c++) {
		if (c != HST_PROCESS_CLASS_OK && row->classes[c] != 0) {
			used += (size_t)snprintf(text + used, size - used, "%s%s %llu",
				used == 0 ? "" : ", ",
				hst_process_class_text((enum hst_process_class)c),
				(unsigned long long)row->classes[c]);
		}
	}
	return (struct hst_figure){ .known = true, .text = text };
}

/* A getter of the row `r` of a type. */
#define GET(name, type, value)                                             \
 static struct hst_figure get_##name(const void *context, const void *row) \
 {                                                                         \
  const struct hst_show *show = context;                                   \
  const struct type *r = row;                                              \
                                                                           \
  (void)show;                                                              \
  return value;                                                            \
 }
#define COMMAND(name, value)   GET(command_##name, hst_process_command, value)
#define PHASE(name, value)     GET(phase_##name, hst_process_phase_row, value)
#define WASTE(name, value)     GET(waste_##name, hst_process_waste_row, value)
#define REPEAT(name, value)    GET(repeat_##name, hst_process_repeat, value)
#define STEP(name, value)      GET(step_##name, hst_process_step, value)
#define STRETCH(name, value)   GET(stretch_##name, hst_process_stretch, value)
#define FAILURE(name, value)   GET(failure_##name, hst_process_exec_failure, value)
#define SHELL(name, value)     GET(shell_##name, hst_process_shell, value)
#define NO_MEMORY(name, value) GET(none_##name, hst_process_no_memory, value)
#define SYSTEM(name, value)    GET(system_##name, hst_system_sample, value)
#define SAMPLE(name, value)    GET(sample_##name, hst_process_sample, value)

COMMAND(key, text_figure(r->command))
COMMAND(language, text_figure(r->language))
COMMAND(phase, text_figure(hst_process_phase_text(r->phase)))
COMMAND(median, number_figure(show->medians[r - show->processes->commands]))
COMMAND(share, part_figure(r->cpu_ns, show->processes->cpu_ns))
PHASE(key, joined(show, r->language, "/", hst_process_phase_text(r->phase)))
PHASE(language, text_figure(r->language))
PHASE(phase, text_figure(hst_process_phase_text(r->phase)))
PHASE(errors, part_figure(r->failed, r->count))
PHASE(classes, classes_text(show, r))
PHASE(cpu_share, share_figure(r->cpu_share))
PHASE(wall_share, share_figure(r->wall_share))
WASTE(key, joined(show, r->wrapper, ">", r->program))
WASTE(kind, text_figure(hst_process_waste_text(r->kind)))
WASTE(wrapper, text_figure(r->wrapper))
WASTE(program, text_figure(r->program))
WASTE(wall, ((struct hst_figure){ .known = r->wall_ns != HST_PROCESS_UNKNOWN,
		    .doubt = r->kind == HST_PROCESS_WASTE_PROBES,
		    .value = r->wall_ns }))
WASTE(bound, ((struct hst_figure){ .known = true, .value = r->kind == HST_PROCESS_WASTE_PROBES }))
WASTE(pid, pid_of(show, r->example))
REPEAT(key, key_of(show, r->first))
REPEAT(kind, ((void)r, text_figure("repeat")))
REPEAT(command, name_of(show, r->first))
REPEAT(line, line_of(show, r->first))
REPEAT(pid, pid_of(show, r->first))
REPEAT(cwd,
	text_figure(hst_show_image(show, r->first) == NULL ? NULL
							   : hst_show_image(show, r->first)->cwd))
STEP(id, small(r->image))
STEP(pid, pid_of(show, r->image))
STEP(command, name_of(show, r->image))
STEP(line, line_of(show, r->image))
STEP(wall, number_figure(r->end_ns - r->start_ns))
STRETCH(id, small(r->image))
STRETCH(pid, pid_of(show, r->image))
STRETCH(command, name_of(show, r->image))
STRETCH(line, line_of(show, r->image))
STRETCH(wall, number_figure(r->end_ns - r->start_ns))
FAILURE(id, small(r->image))
FAILURE(pid, pid_of(show, r->image))
FAILURE(by, name_of(show, r->image))
FAILURE(call, text_figure(r->call))
FAILURE(file, text_figure(r->file))
FAILURE(error, small(r->error < 0 ? UINT32_MAX : (uint32_t)r->error))
FAILURE(error_name, error_text(show, r->error))
FAILURE(recovered, ((struct hst_figure){ .known = true, .value = r->recovered }))
FAILURE(probes, small(r->probe_count))
SHELL(id, small(r->image))
SHELL(child, small(r->child))
SHELL(pid, pid_of(show, r->image))
SHELL(call, text_figure(r->call))
SHELL(command, text_figure(r->command))
SHELL(error, small(r->error <= 0 ? UINT32_MAX : (uint32_t)r->error))
SHELL(exit, small(r->exit_status < 0 ? UINT32_MAX : (uint32_t)r->exit_status))
SHELL(signal, small(r->signal <= 0 ? UINT32_MAX : (uint32_t)r->signal))
NO_MEMORY(id, small(r->image))
NO_MEMORY(pid, pid_of(show, r->image))
NO_MEMORY(command, name_of(show, r->image))
SYSTEM(user, thousandths(r->user))
SYSTEM(system, thousandths(r->system))
SYSTEM(iowait, thousandths(r->iowait))
SYSTEM(steal, thousandths(r->steal))
SYSTEM(pressure_cpu, thousandths(r->pressure_cpu))
SYSTEM(pressure_memory, thousandths(r->pressure_memory))
SYSTEM(pressure_io, thousandths(r->pressure_io))
SYSTEM(load, ((struct hst_figure){ .known = r->load_1000 != HST_SYSTEM_UNKNOWN,
		     .number = (double)r->load_1000 / 1000 }))
SYSTEM(processors, small(r->processors))
SYSTEM(running, small(r->running))
SAMPLE(id, small(r->image))
SAMPLE(pid, small(r->pid))
SAMPLE(name, text_figure(r->name))
SAMPLE(cpu, thousandths(r->cpu))
SAMPLE(threads, small(r->threads))
SAMPLE(state, (show->scratch->text[0] = r->state, show->scratch->text[1] = '\0',
		      text_figure(show->scratch->text)))

#undef GET
#undef COMMAND
#undef PHASE
#undef WASTE
#undef REPEAT
#undef STEP
#undef STRETCH
#undef FAILURE
#undef SHELL
#undef NO_MEMORY
#undef SYSTEM
#undef SAMPLE

#define RIGHT HST_COLUMN_RIGHT
#define FLEX  HST_COLUMN_FLEX
#define LESS  (HST_COLUMN_RIGHT | HST_FIELD_SPARE) /* no room: left out */
#define EARLY (HST_COLUMN_RIGHT | HST_FIELD_ASCENDING)
#define EMPTY (HST_COLUMN_RIGHT | HST_FIELD_ZERO_EMPTY)
/* clang-format off */
#define AT(member) NULL, offsetof(struct hst_process_command, member)
const struct hst_field hst_show_command_fields[] = {
	{ "key", "command", "COMMAND", FLEX, HST_FIGURE_TEXT, get_command_key, 0 },
	{ "language", "language", "LANGUAGE", 0, HST_FIGURE_TEXT, get_command_language, 0 },
	{ "phase", "phase", "PHASE", 0, HST_FIGURE_TEXT, get_command_phase, 0 },
	{ "count", "count", "COUNT", RIGHT, HST_FIGURE_COUNT, AT(count) },
	{ "failed", "failed", "FAILED", EMPTY, HST_FIGURE_COUNT, AT(failed) },
	{ "wall_ns", "wall", "WALL", RIGHT, HST_FIGURE_NS, AT(wall_ns) },
	{ "wall_p50_ns", "p50", "P50", LESS, HST_FIGURE_NS, get_command_median, 0 },
	{ "wall_max_ns", "max", "MAX", RIGHT, HST_FIGURE_NS, AT(wall_max_ns) },
	{ "cpu_ns", "cpu", "CPU", RIGHT, HST_FIGURE_NS, AT(cpu_ns) },
	{ "cpu_percent", "%", "% CPU", LESS, HST_FIGURE_PERCENT, get_command_share, 0 },
	{ "critical_ns", "critical", "CRITICAL", EMPTY, HST_FIGURE_NS, AT(critical_ns) },
	{ "hwm_max_bytes", "hwm", "VmHWM MAX", RIGHT, HST_FIGURE_BYTES, AT(hwm_max_bytes) },
	{ 0 },
};
#undef AT
#define AT(member) NULL, offsetof(struct hst_process_phase_row, member)
const struct hst_field hst_show_phase_fields[] = {
	{ "key", NULL, "", 0, HST_FIGURE_TEXT, get_phase_key, 0 },
	{ "language", "language", "LANGUAGE", 0, HST_FIGURE_TEXT, get_phase_language, 0 },
	{ "phase", "phase", "PHASE", 0, HST_FIGURE_TEXT, get_phase_phase, 0 },
	{ "count", "count", "COUNT", RIGHT, HST_FIGURE_COUNT, AT(count) },
	{ "images", "images", "IMAGES", RIGHT, HST_FIGURE_COUNT, AT(images) },
	{ "failed", "failed", "FAILED", EMPTY, HST_FIGURE_COUNT, AT(failed) },
	{ "failed_percent", "error%", "ERROR %", EMPTY | HST_FIELD_SPARE, HST_FIGURE_PERCENT, get_phase_errors, 0 },
	{ "wall_ns", "wall", "WALL", RIGHT, HST_FIGURE_NS, AT(wall_ns) },
	{ "wall_p50_ns", "p50", "WALL P50", RIGHT, HST_FIGURE_NS, AT(wall.p50) },
	{ "wall_p90_ns", "p90", "P90", LESS, HST_FIGURE_NS, AT(wall.p90) },
	{ "wall_p99_ns", "p99", "P99", LESS, HST_FIGURE_NS, AT(wall.p99) },
	{ "wall_max_ns", "max", "MAX", RIGHT, HST_FIGURE_NS, AT(wall.max) },
	{ "cpu_ns", "cpu", "CPU", RIGHT, HST_FIGURE_NS, AT(cpu_ns) },
	{ "cpu_p50_ns", "cpu50", "CPU P50", LESS, HST_FIGURE_NS, AT(cpu.p50) },
	{ "cpu_p90_ns", "cpu90", "P90", LESS, HST_FIGURE_NS, AT(cpu.p90) },
	{ "cpu_p99_ns", "cpu99", "P99", LESS, HST_FIGURE_NS, AT(cpu.p99) },
	{ "hwm_p50_bytes", "hwm50", "VmHWM P50", RIGHT, HST_FIGURE_BYTES, AT(hwm.p50) },
	{ "hwm_p95_bytes", "hwm95", "VmHWM P95", RIGHT, HST_FIGURE_BYTES, AT(hwm.p95) },
	{ "hwm_max_bytes", "hwm", "VmHWM MAX", RIGHT, HST_FIGURE_BYTES, AT(hwm.max) },
	{ "cpu_percent", "%", "% CPU", RIGHT, HST_FIGURE_PERCENT, get_phase_cpu_share, 0 },
	{ "wall_percent", "wall%", "% WALL", RIGHT, HST_FIGURE_PERCENT, get_phase_wall_share, 0 },
	{ NULL, "classes", "CLASSES", HST_FIELD_SPARE, HST_FIGURE_TEXT, get_phase_classes, 0 },
	{ 0 },
};
#undef AT
#define AT(member) NULL, offsetof(struct hst_process_waste_row, member)
const struct hst_field hst_show_waste_fields[] = {
	{ "key", NULL, "", 0, HST_FIGURE_TEXT, get_waste_key, 0 },
	{ "kind", "kind", "KIND", 0, HST_FIGURE_TEXT, get_waste_kind, 0 },
	{ "wrapper", "wrapper", "WRAPPER", FLEX, HST_FIGURE_TEXT, get_waste_wrapper, 0 },
	{ "program", "program", "PROGRAM", FLEX, HST_FIGURE_TEXT, get_waste_program, 0 },
	{ "count", "count", "TIMES", RIGHT, HST_FIGURE_COUNT, AT(count) },
	{ "images", "images", "STEPS", LESS, HST_FIGURE_COUNT, AT(images) },
	{ "wall_ns", "wall", "WALL", RIGHT, HST_FIGURE_NS, get_waste_wall, 0 },
	{ "wall_is_upper_bound", NULL, "", 0, HST_FIGURE_BOOL, get_waste_bound, 0 },
	{ "cpu_ns", "cpu", "CPU", RIGHT, HST_FIGURE_NS, AT(cpu_ns) },
	{ "example_pid", "pid", "E.G. PID", EARLY | HST_FIELD_SPARE, HST_FIGURE_COUNT, get_waste_pid, 0 },
	{ 0 },
};
#undef AT
#define AT(member) NULL, offsetof(struct hst_process_repeat, member)
const struct hst_field hst_show_repeat_fields[] = {
	{ "key", NULL, "", 0, HST_FIGURE_TEXT, get_repeat_key, 0 },
	{ "kind", NULL, "", 0, HST_FIGURE_TEXT, get_repeat_kind, 0 },
	{ "command", "name", "NAME", 0, HST_FIGURE_TEXT, get_repeat_command, 0 },
	{ "count", "count", "TIMES", RIGHT, HST_FIGURE_COUNT, AT(count) },
	{ "failed", "failed", "FAILED", EMPTY, HST_FIGURE_COUNT, AT(failed) },
	{ "wall_ns", "wall", "WALL", RIGHT, HST_FIGURE_NS, AT(wall_ns) },
	{ "cpu_ns", "cpu", "CPU", RIGHT, HST_FIGURE_NS, AT(cpu_ns) },
	{ "first_pid", "pid", "FIRST PID", EARLY, HST_FIGURE_COUNT, get_repeat_pid, 0 },
	{ "cwd", "cwd", "CWD", FLEX, HST_FIGURE_TEXT, get_repeat_cwd, 0 },
	{ "command_line", "command", "COMMAND", FLEX, HST_FIGURE_TEXT, get_repeat_line, 0 },
	{ 0 },
};
#undef AT
#define AT(member) NULL, offsetof(struct hst_process_step, member)
const struct hst_field hst_show_step_fields[] = {
	{ "id", NULL, "", 0, HST_FIGURE_COUNT, get_step_id, 0 },
	{ "pid", "pid", "PID", EARLY, HST_FIGURE_COUNT, get_step_pid, 0 },
	{ "command", "name", "NAME", 0, HST_FIGURE_TEXT, get_step_command, 0 },
	{ "start_ns", "start", "START", EARLY, HST_FIGURE_NS, AT(start_ns) },
	{ "end_ns", "end", "END", EARLY, HST_FIGURE_NS, AT(end_ns) },
	{ "wall_ns", "wall", "WALL", RIGHT, HST_FIGURE_NS, get_step_wall, 0 },
	{ NULL, "command", "COMMAND", FLEX, HST_FIGURE_TEXT, get_step_line, 0 },
	{ 0 },
};
#undef AT
#define AT(member) NULL, offsetof(struct hst_process_stretch, member)
const struct hst_field hst_show_stretch_fields[] = {
	{ "id", NULL, "", 0, HST_FIGURE_COUNT, get_stretch_id, 0 },
	{ "pid", "pid", "PID", EARLY, HST_FIGURE_COUNT, get_stretch_pid, 0 },
	{ "command", "name", "NAME", 0, HST_FIGURE_TEXT, get_stretch_command, 0 },
	{ "start_ns", "start", "START", EARLY, HST_FIGURE_NS, AT(start_ns) },
	{ "end_ns", "end", "END", EARLY, HST_FIGURE_NS, AT(end_ns) },
	{ "wall_ns", "wall", "WALL", RIGHT, HST_FIGURE_NS, get_stretch_wall, 0 },
	{ NULL, "command", "COMMAND", FLEX, HST_FIGURE_TEXT, get_stretch_line, 0 },
	{ 0 },
};
#undef AT
#define AT(member) NULL, offsetof(struct hst_process_exec_failure, member)
const struct hst_field hst_show_exec_failure_fields[] = {
	{ "id", NULL, "", 0, HST_FIGURE_COUNT, get_failure_id, 0 },
	{ "pid", "pid", "PID", EARLY, HST_FIGURE_COUNT, get_failure_pid, 0 },
	{ "command", "name", "BY", 0, HST_FIGURE_TEXT, get_failure_by, 0 },
	{ "at_ns", "at", "AT", EARLY, HST_FIGURE_NS, AT(at_ns) },
	{ "call", "call", "CALL", 0, HST_FIGURE_TEXT, get_failure_call, 0 },
	{ "errno", NULL, "", 0, HST_FIGURE_COUNT, get_failure_error, 0 },
	{ "error", "error", "ERROR", 0, HST_FIGURE_TEXT, get_failure_error_name, 0 },
	{ "recovered", NULL, "", 0, HST_FIGURE_BOOL, get_failure_recovered, 0 },
	{ "failed_path_probes", "probes", "PROBES", EMPTY, HST_FIGURE_COUNT, get_failure_probes, 0 },
	{ "file", "file", "FILE", FLEX, HST_FIGURE_TEXT, get_failure_file, 0 },
	{ 0 },
};
#undef AT
#define AT(member) NULL, offsetof(struct hst_process_shell, member)
const struct hst_field hst_show_shell_fields[] = {
	{ "id", NULL, "", 0, HST_FIGURE_COUNT, get_shell_id, 0 },
	{ "pid", NULL, "", 0, HST_FIGURE_COUNT, get_shell_pid, 0 },
	{ "child", NULL, "", 0, HST_FIGURE_COUNT, get_shell_child, 0 },
	{ "call", NULL, "", 0, HST_FIGURE_TEXT, get_shell_call, 0 },
	{ "start_ns", NULL, "", 0, HST_FIGURE_NS, AT(start_ns) },
	{ "end_ns", NULL, "", 0, HST_FIGURE_NS, AT(end_ns) },
	{ "errno", NULL, "", 0, HST_FIGURE_COUNT, get_shell_error, 0 },
	{ "exit_status", NULL, "", 0, HST_FIGURE_COUNT, get_shell_exit, 0 },
	{ "signal", NULL, "", 0, HST_FIGURE_COUNT, get_shell_signal, 0 },
	{ "command_line", NULL, "", 0, HST_FIGURE_TEXT, get_shell_command, 0 },
	{ 0 },
};
#undef AT
#define AT(member) NULL, offsetof(struct hst_process_no_memory, member)
const struct hst_field hst_show_no_memory_fields[] = {
	{ "id", NULL, "", 0, HST_FIGURE_COUNT, get_none_id, 0 },
	{ "pid", "pid", "PID", EARLY, HST_FIGURE_COUNT, get_none_pid, 0 },
	{ "command", "name", "NAME", FLEX, HST_FIGURE_TEXT, get_none_command, 0 },
	{ "at_ns", "at", "AT", EARLY, HST_FIGURE_NS, AT(at_ns) },
	{ "asked_bytes", "asked", "ASKED FOR", RIGHT, HST_FIGURE_BYTES, AT(bytes) },
	{ "address_space_bytes", "space", "ADDRESS SPACE", RIGHT, HST_FIGURE_BYTES, AT(address_space_bytes) },
	{ 0 },
};
#undef AT
#define AT(member) NULL, offsetof(struct hst_system_sample, member)
const struct hst_field hst_show_system_fields[] = {
	{ "at_ns", NULL, "", 0, HST_FIGURE_NS, AT(at_ns) },
	{ "span_ns", NULL, "", 0, HST_FIGURE_NS, AT(span_ns) },
	{ "cpu_user_percent", NULL, "", 0, HST_FIGURE_PERCENT, get_system_user, 0 },
	{ "cpu_system_percent", NULL, "", 0, HST_FIGURE_PERCENT, get_system_system, 0 },
	{ "cpu_iowait_percent", NULL, "", 0, HST_FIGURE_PERCENT, get_system_iowait, 0 },
	{ "cpu_steal_percent", NULL, "", 0, HST_FIGURE_PERCENT, get_system_steal, 0 },
	{ "memory_total_bytes", NULL, "", 0, HST_FIGURE_BYTES, AT(memory_total) },
	{ "memory_used_bytes", NULL, "", 0, HST_FIGURE_BYTES, AT(memory_used) },
	{ "memory_available_bytes", NULL, "", 0, HST_FIGURE_BYTES, AT(memory_available) },
	{ "swap_total_bytes", NULL, "", 0, HST_FIGURE_BYTES, AT(swap_total) },
	{ "swap_used_bytes", NULL, "", 0, HST_FIGURE_BYTES, AT(swap_used) },
	{ "disk_read_bytes_per_s", NULL, "", 0, HST_FIGURE_BYTES, AT(read_bytes_s) },
	{ "disk_written_bytes_per_s", NULL, "", 0, HST_FIGURE_BYTES, AT(written_bytes_s) },
	{ "context_switches_per_s", NULL, "", 0, HST_FIGURE_COUNT, AT(context_switches_s) },
	{ "forks_per_s", NULL, "", 0, HST_FIGURE_COUNT, AT(forks_s) },
	{ "pressure_cpu_percent", NULL, "", 0, HST_FIGURE_PERCENT, get_system_pressure_cpu, 0 },
	{ "pressure_memory_percent", NULL, "", 0, HST_FIGURE_PERCENT, get_system_pressure_memory, 0 },
	{ "pressure_io_percent", NULL, "", 0, HST_FIGURE_PERCENT, get_system_pressure_io, 0 },
	{ "load_1m", NULL, "", 0, HST_FIGURE_RATIO, get_system_load, 0 },
	{ "processors", NULL, "", 0, HST_FIGURE_COUNT, get_system_processors, 0 },
	{ "running", NULL, "", 0, HST_FIGURE_COUNT, get_system_running, 0 },
	{ 0 },
};
#undef AT
#define AT(member) NULL, offsetof(struct hst_process_sample, member)
const struct hst_field hst_show_sample_fields[] = {
	{ "id", NULL, "", 0, HST_FIGURE_COUNT, get_sample_id, 0 },
	{ "pid", NULL, "", 0, HST_FIGURE_COUNT, get_sample_pid, 0 },
	{ "name", NULL, "", 0, HST_FIGURE_TEXT, get_sample_name, 0 },
	{ "at_ns", NULL, "", 0, HST_FIGURE_NS, AT(at_ns) },
	{ "span_ns", NULL, "", 0, HST_FIGURE_NS, AT(span_ns) },
	{ "cpu_percent", NULL, "", 0, HST_FIGURE_PERCENT, get_sample_cpu, 0 },
	{ "threads", NULL, "", 0, HST_FIGURE_COUNT, get_sample_threads, 0 },
	{ "state", NULL, "", 0, HST_FIGURE_TEXT, get_sample_state, 0 },
	{ "rss_bytes", NULL, "", 0, HST_FIGURE_BYTES, AT(rss_bytes) },
	{ "hwm_bytes", NULL, "", 0, HST_FIGURE_BYTES, AT(hwm_bytes) },
	{ "virtual_bytes", NULL, "", 0, HST_FIGURE_BYTES, AT(virtual_bytes) },
	{ "disk_read_bytes_per_s", NULL, "", 0, HST_FIGURE_BYTES, AT(read_bytes_s) },
	{ "disk_written_bytes_per_s", NULL, "", 0, HST_FIGURE_BYTES, AT(written_bytes_s) },
	{ "context_switches_per_s", NULL, "", 0, HST_FIGURE_COUNT, AT(context_switches_s) },
	{ "major_faults_per_s", NULL, "", 0, HST_FIGURE_COUNT, AT(major_faults_s) },
	{ 0 },
};
#undef AT
/* clang-format on */
#undef RIGHT
#undef FLEX
#undef EARLY
#undef EMPTY
#undef LESS
