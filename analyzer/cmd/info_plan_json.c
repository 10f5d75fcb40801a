/* SPDX-License-Identifier: Apache-2.0 */
/* The machine form of `hasten info PLAN`. Fields are only ever added. */
#include "cmd/info_plan.h"

#include "plan/memo_choose.h"
#include "symbols/demangle.h"
#include "util/hex.h"
#include "writers/json.h"

#include <stdlib.h>

static void hex(struct hst_json *json, const char *key, uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof text, "0x%llx", (unsigned long long)value);
	hst_json_string(json, key, text);
}

static void json_piece(struct hst_json *json, const char *key, const struct hst_plan_piece *piece)
{
	static const char *const names[] = { "none", "register", "sp", "rbp", "cfa", "constant",
		"fixed" };

	hst_json_row(json, key);
	hst_json_string(json, "kind",
		piece->kind < sizeof names / sizeof names[0] ? names[piece->kind] : "?");
	if (piece->kind == HST_PLAN_PLACE_REGISTER) {
		hst_json_u64(json, "register", piece->reg);
	}
	hst_json_u64(json, "width", piece->width);
	hst_json_i64(json, "offset",
		piece->kind == HST_PLAN_PLACE_FIXED ? (int64_t)(uint32_t)piece->offset
						    : piece->offset);
	hst_json_bool(json, "signed", (piece->content & HST_PLAN_CONTENT_SIGNED) != 0);
	hst_json_bool(json, "float", (piece->content & HST_PLAN_CONTENT_FLOAT) != 0);
	hst_json_end(json);
}

static void json_frame(struct hst_json *json, const struct hst_plan_frame *frame)
{
	static const char *const saved[] = { "rbx", "rbp", "r12", "r13", "r14", "r15" };

	hst_json_row(json, "frame");
	hst_json_string(json, "base", frame->base == 6 ? "rbp" : "rsp");
	hst_json_i64(json, "offset", frame->offset);
	for (unsigned i = 0; i < 6; i++) {
		if (frame->saved[i] != 0) {
			hst_json_i64(json, saved[i], frame->saved[i]);
		}
	}
	hst_json_end(json);
}

static void json_parts(struct hst_json *json, const struct hst_memo_module *module,
	const struct hst_plan_memo *memo)
{
	hst_json_array(json, "key");
	for (uint32_t i = 0; i < memo->pieces; i++) {
		json_piece(json, NULL, &module->pieces[memo->first_piece + i]);
	}
	hst_json_end(json);
	hst_json_bool(json, "key_has_float_mode", (memo->flags & HST_PLAN_MEMO_MXCSR) != 0);
	hst_json_array(json, "exits");
	for (uint32_t i = 0; i < memo->exits; i++) {
		const struct hst_plan_memo_exit *exit = &module->exits[memo->first_exit + i];

		hst_json_object(json, NULL);
		hex(json, "return", exit->ret);
		hst_json_string(json, "base", exit->base == 6 ? "rbp" : "rsp");
		hst_json_i64(json, "offset", exit->offset);
		json_piece(json, "result", &exit->result);
		hst_json_end(json);
	}
	hst_json_end(json);
	hst_json_array(json, "code");
	for (uint32_t i = 0; i < memo->codes; i++) {
		hst_json_row(json, NULL);
		hex(json, "start", module->codes[memo->first_code + i].start);
		hex(json, "end", module->codes[memo->first_code + i].end);
		hex(json, "hash", module->codes[memo->first_code + i].hash);
		hst_json_end(json);
	}
	hst_json_end(json);
	hst_json_array(json, "slots");
	for (uint32_t i = 0; i < memo->slots; i++) {
		hst_json_row(json, NULL);
		hex(json, "slot", module->slots[memo->first_slot + i].slot);
		hex(json, "target", module->slots[memo->first_slot + i].target);
		hst_json_end(json);
	}
	hst_json_end(json);
}

static void json_memo(struct hst_json *json, const struct hst_plan_content *content,
	const struct hst_memo_module *module, size_t number)
{
	const struct hst_plan_memo *memo = &module->memos[number];
	const struct hst_plan_revoked *revoked =
		hst_plan_content_revoked(content, module, memo->fn);
	const char *linkage = module->names == NULL ? NULL : module->names[number];
	char *full = linkage == NULL ? NULL : hst_demangle_full(linkage);

	hst_json_object(json, NULL);
	hst_json_string(json, "name", full);
	hst_json_string(json, "linkage_name", linkage);
	free(full);
	hex(json, "address", memo->fn);
	hst_json_string(json, "evidence", hst_memo_evidence_word(memo->evidence));
	hst_json_u64(json, "entries", memo->entries);
	hst_json_u64(json, "shadow", memo->shadow);
	hst_json_u64(json, "ttl_ns", memo->ttl_ns);
	hst_json_bool(json, "revoked", revoked != NULL);
	if (revoked != NULL) {
		hst_json_u64(json, "revoked_real_ns", revoked->real_ns);
	} else {
		hst_json_null(json, "revoked_real_ns");
	}
	hex(json, "return", memo->ret);
	json_frame(json, &memo->frame);
	json_parts(json, module, memo);
	hst_json_end(json);
}

void hst_info_plan_json(const char *path, const struct hst_plan_content *content)
{
	struct hst_json json;

	hst_json_begin(&json, stdout);
	hst_json_object(&json, NULL);
	hst_json_u64(&json, "schema", 1);
	hst_json_string(&json, "plan", path);
	hst_json_u64(&json, "major", content->major);
	hst_json_u64(&json, "minor", content->minor);
	hst_json_string(&json, "revoked_file_trouble", content->revoked_trouble);
	hst_json_array(&json, "files");
	for (size_t i = 0; i < content->modules.count; i++) {
		const struct hst_memo_module *module = &content->modules.items[i];
		char build_id[65];

		(void)hst_hex(build_id, sizeof build_id, module->build_id, module->build_id_bytes);
		hst_json_object(&json, NULL);
		hst_json_string(&json, "path", module->path);
		hst_json_string(&json, "build_id", build_id);
		hst_json_string(&json, "file", hst_info_plan_file(module));
		hst_json_array(&json, "functions");
		for (size_t k = 0; k < module->memo_count; k++) {
			json_memo(&json, content, module, k);
		}
		hst_json_end(&json);
		hst_json_end(&json);
	}
	hst_json_end(&json);
	hst_json_end(&json);
	hst_json_finish(&json);
}
