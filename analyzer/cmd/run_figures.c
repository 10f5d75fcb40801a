/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels differ in what they tell: each figure stands alone, and one that is missing stays unknown. */
#include "cmd/run_figures.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIELDS_MAX 24

static uint64_t ticks_per_second(void)
{
	long ticks = sysconf(_SC_CLK_TCK);

	return ticks > 0 ? (uint64_t)ticks : 100;
}

uint64_t hst_figures_ticks_ns(uint64_t ticks)
{
	uint64_t per_second = ticks_per_second();

	return ticks / per_second * 1000000000u + ticks % per_second * (1000000000u / per_second);
}

/* Numbers with blanks between them; what is negative counts as 0. How many were there. */
static size_t numbers(const char *text, uint64_t *ret_numbers, size_t max)
{
	size_t count = 0;

	while (count < max) {
		char *end;

		while (*text == ' ') {
			text++;
		}
		if (*text == '-' && isdigit((unsigned char)text[1])) {
			(void)strtoull(text + 1, &end, 10);
			ret_numbers[count++] = 0;
		} else if (isdigit((unsigned char)*text)) {
			ret_numbers[count++] = strtoull(text, &end, 10);
		} else {
			break;
		}
		text = end;
	}
	return count;
}

bool hst_figures_stat(const char *text, struct hst_figures *ret_figures)
{
	/* The name may hold anything, parentheses too: its end is the last one. */
	const char *name = strchr(text, '(');
	const char *end = strrchr(text, ')');
	struct hst_figures figures = { 0 };
	uint64_t field[FIELDS_MAX];
	size_t length;

	if (name == NULL || end == NULL || end < name || end[1] != ' ' || end[2] == '\0' ||
		numbers(end + 3, field, FIELDS_MAX) < 21) {
		return false;
	}
	length = (size_t)(end - name - 1);
	length = length < sizeof figures.name ? length : sizeof figures.name - 1;
	memcpy(figures.name, name + 1, length);
	figures.pid = (pid_t)strtol(text, NULL, 10);
	figures.state = end[2];
	/* field[0] is the fourth of proc(5). */
	figures.parent = (pid_t)field[0];
	figures.minor_faults = field[6];
	figures.major_faults = field[8];
	figures.user_ns = hst_figures_ticks_ns(field[10]);
	figures.system_ns = hst_figures_ticks_ns(field[11]);
	figures.threads = (uint32_t)field[16];
	figures.start = field[18];
	figures.virtual_bytes = field[19];
	figures.rss_bytes = field[20] * (uint64_t)sysconf(_SC_PAGESIZE);
	figures.hwm_bytes = figures.voluntary = figures.involuntary = HST_JOURNAL_UNKNOWN;
	figures.read_bytes = figures.written_bytes = HST_JOURNAL_UNKNOWN;
	*ret_figures = figures;
	return true;
}

uint64_t hst_figures_value(const char *text, const char *key)
{
	size_t length = strlen(key);

	for (const char *line = text; line != NULL && *line != '\0';) {
		if (strncmp(line, key, length) == 0) {
			const char *value = line + length;

			while (*value == ' ' || *value == '\t' || *value == ':') {
				value++;
			}
			if (value != line + length && isdigit((unsigned char)*value)) {
				return strtoull(value, NULL, 10);
			}
		}
		line = strchr(line, '\n');
		line = line == NULL ? NULL : line + 1;
	}
	return HST_JOURNAL_UNKNOWN;
}

/* The same in kB, as bytes. */
static uint64_t kilobytes(const char *text, const char *key)
{
	uint64_t value = hst_figures_value(text, key);

	return value >= UINT64_MAX / 1024 ? HST_JOURNAL_UNKNOWN : value * 1024;
}

void hst_figures_status(const char *text, struct hst_figures *figures)
{
	figures->hwm_bytes = kilobytes(text, "VmHWM");
	figures->voluntary = hst_figures_value(text, "voluntary_ctxt_switches");
	figures->involuntary = hst_figures_value(text, "nonvoluntary_ctxt_switches");
}

void hst_figures_io(const char *text, struct hst_figures *figures)
{
	figures->read_bytes = hst_figures_value(text, "read_bytes");
	figures->written_bytes = hst_figures_value(text, "write_bytes");
}

static void from_stat(const char *text, struct hst_journal_system *system)
{
	/* user nice system idle iowait irq softirq steal */
	uint64_t ticks[8] = { 0 };
	size_t count = strncmp(text, "cpu ", 4) == 0 ? numbers(text + 4, ticks, 8) : 0;
	uint64_t running = hst_figures_value(text, "procs_running");
	uint32_t processors = 0;

	if (count >= 4) {
		system->cpu_user_ns = hst_figures_ticks_ns(ticks[0] + ticks[1]);
		system->cpu_system_ns = hst_figures_ticks_ns(ticks[2] + ticks[5] + ticks[6]);
		system->cpu_idle_ns = hst_figures_ticks_ns(ticks[3]);
	}
	if (count >= 5) {
		system->cpu_iowait_ns = hst_figures_ticks_ns(ticks[4]);
	}
	if (count == 8) {
		system->cpu_steal_ns = hst_figures_ticks_ns(ticks[7]);
	}
	for (const char *line = strchr(text, '\n'); line != NULL; line = strchr(line + 1, '\n')) {
		processors += strncmp(line + 1, "cpu", 3) == 0;
	}
	system->processors = processors;
	system->running = running > UINT32_MAX ? 0 : (uint32_t)running;
	system->context_switches = hst_figures_value(text, "ctxt");
	system->forks = hst_figures_value(text, "processes");
}

static void from_meminfo(const char *text, struct hst_journal_system *system)
{
	system->memory_total = kilobytes(text, "MemTotal");
	system->memory_available = kilobytes(text, "MemAvailable");
	system->swap_total = kilobytes(text, "SwapTotal");
	system->swap_free = kilobytes(text, "SwapFree");
}

/* What went to and from disks, in KiB; a disk below a logical volume is not counted twice there. */
static void from_vmstat(const char *text, struct hst_journal_system *system)
{
	system->read_bytes = kilobytes(text, "pgpgin");
	system->written_bytes = kilobytes(text, "pgpgout");
}

static void from_loadavg(const char *text, struct hst_journal_system *system)
{
	char *end;
	uint64_t load = strtoull(text, &end, 10) * 1000;

	if (end == text || *end != '.') {
		return;
	}
	for (uint64_t place = 100; place > 0 && isdigit((unsigned char)*++end); place /= 10) {
		load += place * (uint64_t)(*end - '0');
	}
	system->load_1m_1000 = load;
}

static uint64_t some_total(const char *text)
{
	const char *total = strncmp(text, "some ", 5) == 0 ? strstr(text, "total=") : NULL;

	return total == NULL ? HST_JOURNAL_UNKNOWN : strtoull(total + 6, NULL, 10);
}

static void from_pressure_cpu(const char *text, struct hst_journal_system *system)
{
	system->pressure_cpu_us = some_total(text);
}

static void from_pressure_memory(const char *text, struct hst_journal_system *system)
{
	system->pressure_memory_us = some_total(text);
}

static void from_pressure_io(const char *text, struct hst_journal_system *system)
{
	system->pressure_io_us = some_total(text);
}

const char *const hst_figures_files[] = { "stat", "meminfo", "vmstat", "loadavg", "pressure/cpu",
	"pressure/memory", "pressure/io", NULL };

void hst_figures_system(const char *name, const char *text, struct hst_journal_system *system)
{
	static void (*const take[])(const char *, struct hst_journal_system *) = { from_stat,
		from_meminfo, from_vmstat, from_loadavg, from_pressure_cpu, from_pressure_memory,
		from_pressure_io };

	for (size_t i = 0; hst_figures_files[i] != NULL; i++) {
		if (strcmp(hst_figures_files[i], name) == 0) {
			take[i](text, system);
			return;
		}
	}
}

void hst_figures_unknown(struct hst_journal_system *ret_system)
{
	/* All from cpu_user_ns to load_1m_1000 is uint64_t, and all ones is HST_JOURNAL_UNKNOWN. */
	memset(ret_system, 0, sizeof *ret_system);
	memset((char *)ret_system + offsetof(struct hst_journal_system, cpu_user_ns), 0xff,
		offsetof(struct hst_journal_system, processors) -
			offsetof(struct hst_journal_system, cpu_user_ns));
}

uint64_t hst_figures_last_pid(const char *loadavg)
{
	const char *last = strrchr(loadavg, ' ');

	return last == NULL ? 0 : strtoull(last + 1, NULL, 10);
}
