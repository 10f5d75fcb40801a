/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/info_plan.h"

#include "cmd/commands.h"
#include "cmd/info_args.h"
#include "plan/memo_choose.h"
#include "symbols/demangle.h"
#include "symbols/symbols.h"
#include "util/hex.h"
#include "writers/units.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define LIST_BYTES 512
#define ROW_MORE   8u /* exits, ranges and slots that are shown of each function */

const char *hst_info_plan_file(const struct hst_memo_module *module)
{
	struct hst_image *image = NULL;
	const char *text = "missing";
	struct stat info;

	if (module->path == NULL) {
		return "unknown";
	}
	/* The path is what somebody wrote into a file: nothing but a regular file is opened. */
	if (module->path[0] == '/' && stat(module->path, &info) == 0 && S_ISREG(info.st_mode) &&
		hst_image_open(module->path, module->build_id, module->build_id_bytes, &image,
			NULL) == HST_OK) {
		text = (hst_image_flags(image) & HST_IMAGE_BUILD_ID_DIFFERS) != 0 ? "changed"
										  : "same";
		hst_image_close(image);
	}
	return text;
}

static const char *register_name(unsigned number)
{
	static const char *const names[] = { "rbx", "rbp", "r12", "r13", "r14", "r15" };

	return names[number];
}

static void say_frame(const struct hst_plan_frame *frame)
{
	char list[LIST_BYTES] = "";
	size_t at = 0;

	for (unsigned i = 0; i < 6; i++) {
		if (frame->saved[i] != 0) {
			at += (size_t)snprintf(list + at, sizeof list - at, "%s%s %" PRId32,
				at == 0 ? "; saved there: " : ", ", register_name(i),
				frame->saved[i]);
		}
	}
	hst_print_line("    frame: %s+%" PRId32 "%s", frame->base == 6 ? "rbp" : "rsp",
		frame->offset, list);
}

static void say_key(const struct hst_memo_module *module, const struct hst_plan_memo *memo)
{
	char list[LIST_BYTES] = "";
	size_t at = 0;

	for (uint32_t i = 0; i < memo->pieces && at + 64 < sizeof list; i++) {
		const struct hst_plan_piece *piece = &module->pieces[memo->first_piece + i];
		char place[HST_ARGS_PLACE_BYTES];

		hst_args_place(place, piece, 1);
		at += (size_t)snprintf(list + at, sizeof list - at, "%s%.40s (%u byte%s)",
			i == 0 ? "" : ", ", place, piece->width, piece->width == 1 ? "" : "s");
	}
	hst_print_line("    key: %s%s%s", memo->pieces == 0 ? "none" : list,
		(memo->flags & HST_PLAN_MEMO_MXCSR) != 0 ? ", mode of floating point" : "",
		memo->pieces == 0 ? " (it is called with nothing)" : "");
}

static void say_exits(const struct hst_memo_module *module, const struct hst_plan_memo *memo)
{
	for (uint32_t i = 0; i < memo->exits && i < ROW_MORE; i++) {
		const struct hst_plan_memo_exit *exit = &module->exits[memo->first_exit + i];
		char place[HST_ARGS_PLACE_BYTES];

		hst_args_place(place, &exit->result, 1);
		hst_print_line("    exit hook that returns to 0x%" PRIx64
			       ": result in %s, from %s (%u byte%s%s), frame %s%+" PRId32,
			exit->ret,
			(exit->result.content & HST_PLAN_CONTENT_FLOAT) != 0 ? "xmm0" : "rax",
			place, exit->result.width, exit->result.width == 1 ? "" : "s",
			(exit->result.content & HST_PLAN_CONTENT_SIGNED) != 0 ? ", signed" : "",
			exit->base == 6 ? "rbp" : "rsp", exit->offset);
	}
	if (memo->exits > ROW_MORE) {
		hst_print_line(
			"    %" PRIu32 " more exit hooks (--json has all)", memo->exits - ROW_MORE);
	}
}

static void say_code(const struct hst_memo_module *module, const struct hst_plan_memo *memo)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < memo->codes; i++) {
		const struct hst_plan_code *code = &module->codes[memo->first_code + i];

		bytes += code->end - code->start;
	}
	hst_print_line("    rests on %" PRIu64 " bytes of code in %" PRIu32
		       " range%s from 0x%" PRIx64 " on",
		bytes, memo->codes, memo->codes == 1 ? "" : "s",
		module->codes[memo->first_code].start);
	for (uint32_t i = 0; i < memo->slots && i < ROW_MORE; i++) {
		const struct hst_plan_slot *slot = &module->slots[memo->first_slot + i];

		hst_print_line("    calls through 0x%" PRIx64 " must lead to 0x%" PRIx64,
			slot->slot, slot->target);
	}
}

static void say_revoked(const struct hst_plan_revoked *record)
{
	time_t seconds = (time_t)(record->real_ns / 1000000000u);
	struct tm when;
	char text[64] = "?";

	if (localtime_r(&seconds, &when) != NULL) {
		(void)strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &when);
	}
	hst_print_line(
		"    REVOKED: a run found a wrong result on %s; it is answered no more", text);
}

static void say_memo(
	const struct hst_plan_content *content, const struct hst_memo_module *module, size_t number)
{
	const struct hst_plan_memo *memo = &module->memos[number];
	const struct hst_plan_revoked *revoked =
		hst_plan_content_revoked(content, module, memo->fn);
	char *name = module->names == NULL ? NULL : hst_demangle_full(module->names[number]);
	char entries[HST_UNITS_BYTES];
	char ttl[HST_UNITS_BYTES] = "for ever";

	hst_units_count(entries, memo->entries);
	if (memo->ttl_ns != 0) {
		hst_units_ns(ttl, (double)memo->ttl_ns);
	}
	hst_print_line("  %s (0x%" PRIx64 "): %s, %s entries, kept %s%s, %" PRIu32
		       " hits are compared before one is answered",
		name == NULL ? "?" : name, memo->fn, hst_memo_evidence_word(memo->evidence),
		entries, memo->ttl_ns == 0 ? "" : "for at most ", ttl, memo->shadow);
	free(name);
	if (revoked != NULL) {
		say_revoked(revoked);
	}
	say_key(module, memo);
	hst_print_line("    enter hook that returns to 0x%" PRIx64, memo->ret);
	say_frame(&memo->frame);
	say_exits(module, memo);
	say_code(module, memo);
}

static void say_module(const struct hst_plan_content *content, const struct hst_memo_module *module)
{
	const char *file = hst_info_plan_file(module);
	char build_id[65];

	(void)hst_hex(build_id, sizeof build_id, module->build_id, module->build_id_bytes);
	hst_print_line("%s (build-id %s)%s", module->path == NULL ? "a file" : module->path,
		build_id,
		strcmp(file, "changed") == 0
			? ": the file there is another build now: this plan does nothing for it"
		: strcmp(file, "missing") == 0 ? ": not there any more"
					       : "");
	for (size_t i = 0; i < module->memo_count; i++) {
		say_memo(content, module, i);
	}
}

/* What else the preload is told by it. */
static void say_others(const struct hst_plan_content *content)
{
	uint64_t filters = 0;
	uint64_t sites = 0;

	for (uint32_t i = 0; i < content->section_count; i++) {
		const struct hst_plan_section *section = &content->sections[i];

		filters += section->kind == HST_PLAN_FILTER;
		sites += section->kind == HST_PLAN_ENTER || section->kind == HST_PLAN_EXIT
				 ? section->count
				 : 0;
	}
	if (filters != 0) {
		hst_print_line("filters of %" PRIu64 " file%s", filters, filters == 1 ? "" : "s");
	}
	if (sites != 0) {
		hst_print_line("places of arguments or results at %" PRIu64 " hook call%s", sites,
			sites == 1 ? "" : "s");
	}
}

static void print_text(
	const struct hst_reading *reading, const char *path, const struct hst_plan_content *content)
{
	size_t functions = 0;
	size_t revoked = 0;

	(void)reading;
	for (size_t i = 0; i < content->modules.count; i++) {
		const struct hst_memo_module *module = &content->modules.items[i];

		functions += module->memo_count;
		for (size_t k = 0; k < module->memo_count; k++) {
			revoked += hst_plan_content_revoked(content, module, module->memos[k].fn) !=
				   NULL;
		}
	}
	hst_print_line(
		"%s: plan of version %u.%u, %zu function%s to be answered from caches, %zu revoked",
		path, content->major, content->minor, functions, functions == 1 ? "" : "s",
		revoked);
	if (content->revoked_trouble != NULL) {
		hst_print_line("%s" HST_REVOKED_SUFFIX
			       ": %s; no function is answered until it is mended or removed",
			path, content->revoked_trouble);
	}
	for (size_t i = 0; i < content->modules.count; i++) {
		say_module(content, &content->modules.items[i]);
	}
	say_others(content);
}

int hst_info_plan(struct hst_reading *reading)
{
	const char *path = reading->options.dir;
	struct hst_plan_content content;
	struct hst_diag diag = { "" };

	if (reading->options.start || reading->options.stop || reading->options.snapshot != NULL) {
		return hst_reading_fail(reading,
			"%s is a plan: --start, --stop and --snapshot are about recordings", path);
	}
	if (hst_plan_content_read(path, &content, &diag) != HST_OK) {
		return hst_reading_fail(reading, "%s", diag.text);
	}
	if (reading->options.json) {
		hst_info_plan_json(path, &content);
	} else {
		hst_reading_begin_text(reading);
		print_text(reading, path, &content);
	}
	hst_plan_content_finish(&content);
	hst_reading_close(reading);
	return HST_EXIT_OK;
}
