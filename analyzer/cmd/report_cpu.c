/* SPDX-License-Identifier: Apache-2.0 */
/* CPU time and time off the CPU in the views that have no columns of their own choice. */
#include "cmd/report.h"

#include "writers/csv.h"
#include "writers/json.h"
#include "writers/units.h"

#include <stdio.h>

static uint64_t on_cpu(const struct hst_report_cpu *cpu)
{
	return cpu->ns > cpu->off_ns ? cpu->ns - cpu->off_ns : 0;
}

static bool is_known(const struct hst_report_cpu *cpu)
{
	return (cpu->flags & HST_ROW_CPU_UNKNOWN) == 0;
}

static void cell(struct hst_table *table, const struct hst_report_cpu *cpu, uint64_t ns)
{
	char text[HST_UNITS_BYTES];
	char marked[HST_UNITS_BYTES + 1];

	hst_units_ns(text, (double)ns);
	(void)snprintf(marked, sizeof marked, "%s%s",
		(cpu->flags & (HST_ROW_CPU_COARSE | HST_ROW_UNCERTAIN)) != 0 ? "~" : "", text);
	hst_table_cell(table, is_known(cpu) ? marked : "-");
}

void hst_report_cpu_cells(struct hst_table *table, const struct hst_report_cpu *cpu)
{
	cell(table, cpu, on_cpu(cpu));
	cell(table, cpu, cpu->off_ns);
}

void hst_report_cpu_json(
	struct hst_json *json, const char *prefix, const struct hst_report_cpu *cpu)
{
	char on[32];
	char off[32];

	(void)snprintf(on, sizeof on, "%s_cpu_ns", prefix);
	(void)snprintf(off, sizeof off, "%s_off_cpu_ns", prefix);
	if (is_known(cpu)) {
		hst_json_u64(json, on, on_cpu(cpu));
		hst_json_u64(json, off, cpu->off_ns);
	} else {
		hst_json_null(json, on);
		hst_json_null(json, off);
	}
}

void hst_report_cpu_csv(struct hst_csv *csv, const struct hst_report_cpu *cpu)
{
	if (is_known(cpu)) {
		hst_csv_u64(csv, on_cpu(cpu));
		hst_csv_u64(csv, cpu->off_ns);
	} else {
		hst_csv_empty(csv);
		hst_csv_empty(csv);
	}
}
