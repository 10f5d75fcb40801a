/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/answered.h"

#include "plan/memo_choose.h"
#include "reader/memo_block.h"
#include "writers/json.h"
#include "writers/units.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define LINE_BYTES 1200

static const char *name_of(const struct hst_reading *reading, const struct hst_profile *profile,
	const struct hst_answered *line)
{
	return hst_row_name(&reading->options, &profile->functions[line->function]);
}

void hst_answered_alarm(const struct hst_reading *reading, const struct hst_profile *profile)
{
	for (size_t i = 0; i < profile->answered_count; i++) {
		const struct hst_answered *line = &profile->answered[i];

		if (line->mismatched == 0) {
			continue;
		}
		fputs(reading->color ? "\x1b[1;31m" : "", stdout);
		hst_print_line(
			"WRONG RESULT: %s gave another result than the one that was kept for the same key, %" PRIu64
			" time%s; %s%s",
			name_of(reading, profile, line), line->mismatched,
			line->mismatched == 1 ? "" : "s",
			line->hits == 0 ? "no call had been answered with it"
					: "calls that were answered before may have got wrong ones",
			line->not_revoked
				? "; it could not be written to the plan's file of revoked functions: take it out of the plan (hasten optimize PLAN --without)"
			: line->revoked ? "; it is answered no more, in later runs neither"
					: "; it is answered no more");
		fputs(reading->color ? "\x1b[0m" : "", stdout);
	}
}

static void state_text(char *buffer, size_t size, const struct hst_answered *line)
{
	const char *revoked = line->not_revoked ? " (and could not be revoked)"
			      : line->revoked   ? " (revoked)"
						: "";

	if (line->off == 0) {
		(void)snprintf(buffer, size, "%s", line->on != 0 ? "on" : "not called yet");
	} else if (line->on + line->waiting == 0) {
		(void)snprintf(buffer, size, "off: %s%s", hst_memo_why_word(line->why), revoked);
	} else {
		(void)snprintf(buffer, size, "off in %" PRIu32 " of %" PRIu32 " processes: %s%s",
			line->off, line->off + line->on + line->waiting,
			hst_memo_why_word(line->why), revoked);
	}
}

static void add_row(const struct hst_reading *reading, const struct hst_profile *profile,
	struct hst_table *table, const struct hst_answered *line)
{
	char text[LINE_BYTES];

	hst_table_row(table);
	hst_table_cell(table, name_of(reading, profile, line));
	hst_table_cell(table, hst_memo_evidence_word(line->evidence));
	hst_cell_count(table, line->lookups);
	hst_cell_count(table, line->hits);
	if (line->lookups != 0) {
		hst_units_percent(text, (double)line->hits, (double)line->lookups);
	} else {
		(void)snprintf(text, sizeof text, "-");
	}
	hst_table_cell(table, text);
	hst_cell_count(table, line->verified);
	hst_cell_count(table, line->mismatched);
	hst_cell_count(table, line->evicted);
	hst_cell_count(table, line->expired);
	hst_cell_count(table, line->lost);
	hst_units_ns(text, line->saved_ns);
	hst_table_cell(table, text);
	state_text(text, sizeof text, line);
	hst_table_cell(table, text);
}

static void say_why(const struct hst_reading *reading, const struct hst_profile *profile)
{
	for (size_t i = 0; i < profile->answered_count; i++) {
		const struct hst_answered *line = &profile->answered[i];

		if (line->why != 0) {
			hst_print_line("  %s is off: %s", name_of(reading, profile, line),
				hst_memo_why_text(line->why));
		}
	}
	if (!reading->options.quiet) {
		hst_print_line("%s",
			"hits were answered without a call: they count as calls of the function, and have no time and no row below it; "
			"verified: found, computed all the same, and equal; lost: no key, or no result was seen; "
			"saved: what the calls took, hooks included, that computed these results");
	}
}

enum hst_status hst_answered_text(
	const struct hst_reading *reading, const struct hst_profile *profile)
{
	static const struct {
		const char *title;
		unsigned flags;
	} columns[] = { { "ANSWERED", HST_COLUMN_FLEX }, { "EVIDENCE", 0 },
		{ "LOOKUPS", HST_COLUMN_RIGHT }, { "HITS", HST_COLUMN_RIGHT },
		{ "HIT %", HST_COLUMN_RIGHT }, { "VERIFIED", HST_COLUMN_RIGHT },
		{ "WRONG", HST_COLUMN_RIGHT }, { "EVICTED", HST_COLUMN_RIGHT },
		{ "EXPIRED", HST_COLUMN_RIGHT }, { "LOST", HST_COLUMN_RIGHT },
		{ "SAVED", HST_COLUMN_RIGHT }, { "STATE", HST_COLUMN_FLEX } };
	struct hst_table *table;
	enum hst_status status;

	if (profile->answered_count == 0) {
		return HST_OK;
	}
	table = hst_table_create();
	if (table == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
		hst_table_column(table, columns[i].title, columns[i].flags);
	}
	for (size_t i = 0; i < profile->answered_count; i++) {
		add_row(reading, profile, table, &profile->answered[i]);
	}
	status = hst_table_print(table, stdout, &reading->style);
	hst_table_destroy(table);
	say_why(reading, profile);
	return status;
}

void hst_answered_json(struct hst_json *json, const struct hst_profile *profile)
{
	hst_json_array(json, "answered");
	for (size_t i = 0; i < profile->answered_count; i++) {
		const struct hst_answered *line = &profile->answered[i];

		hst_json_object(json, NULL);
		hst_json_place(json, &profile->functions[line->function]);
		hst_json_string(json, "evidence", hst_memo_evidence_word(line->evidence));
		hst_json_u64(json, "lookups", line->lookups);
		hst_json_u64(json, "hits", line->hits);
		hst_json_u64(json, "stored", line->stored);
		hst_json_u64(json, "evicted", line->evicted);
		hst_json_u64(json, "expired", line->expired);
		hst_json_u64(json, "verified", line->verified);
		hst_json_u64(json, "mismatched", line->mismatched);
		hst_json_u64(json, "lost", line->lost);
		hst_json_i64(json, "saved_ns", (int64_t)llround(line->saved_ns));
		hst_json_u64(json, "entries", line->entries);
		hst_json_u64(json, "ttl_ns", line->ttl_ns);
		hst_json_u64(json, "processes_on", line->on);
		hst_json_u64(json, "processes_off", line->off);
		hst_json_u64(json, "processes_waiting", line->waiting);
		hst_json_string(
			json, "off_because", line->why == 0 ? NULL : hst_memo_why_word(line->why));
		hst_json_bool(json, "revoked", line->revoked);
		hst_json_bool(json, "revocation_failed", line->not_revoked);
		hst_json_end(json);
	}
	hst_json_end(json);
}
