/* SPDX-License-Identifier: Apache-2.0 */
/* The proof of a row's purity, or the first instruction that speaks against it, as text and as JSON. */
#include "cmd/cache.h"

#include "writers/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LINE 512

static const struct hst_cache_proof *proof_of(
	const struct hst_cache_show *show, const struct hst_cache_function *function)
{
	size_t number = (size_t)(function - show->cache->functions);

	if (show->proofs == NULL || number >= show->proofs->count ||
		show->proofs->rows[number].proof == NULL) {
		return NULL;
	}
	return &show->proofs->rows[number];
}

static size_t add(char line[LINE], size_t at, const char *text)
{
	int more = at < LINE ? snprintf(line + at, LINE - at, "%s", text) : 0;

	return more < 0 ? at : at + (size_t)more;
}

/*
 * The key as it is shown, for a result in rax, or in xmm0 where that is computed: which of them the function's type means is
 * not looked at.
 */
static size_t shown_key(const struct hst_purity_proof *proof, struct hst_purity_reg regs[33])
{
	const struct hst_purity_result *vector = &proof->results[HST_PURITY_XMM0];
	unsigned results = 1u << HST_PURITY_RAX;

	if (vector->bytes != 0 &&
		(vector->more[vector->reg] == 0 || proof->results[HST_PURITY_RAX].bytes == 0)) {
		results |= 1u << HST_PURITY_XMM0;
	}
	return hst_purity_key(proof, results, regs);
}

static void print_key(const struct hst_purity_proof *proof)
{
	struct hst_purity_reg regs[33];
	size_t count = shown_key(proof, regs);
	char line[LINE] = "";
	char part[64];
	size_t at = add(line, 0, "  key:");

	for (size_t i = 0; i < count; i++) {
		(void)snprintf(part, sizeof part, "%s %s (%u byte%s)", i == 0 ? "" : ",",
			hst_purity_register(regs[i].reg, regs[i].bytes), regs[i].bytes,
			regs[i].bytes == 1 ? "" : "s");
		at = add(line, at, part);
	}
	for (size_t i = 0; i < proof->stack_count; i++) {
		(void)snprintf(part, sizeof part, "%s stack %+" PRId32 " (%" PRIu32 " bytes)",
			i == 0 && count == 0 ? "" : ",", proof->stack[i].offset,
			proof->stack[i].bytes);
		at = add(line, at, part);
	}
	if (count == 0 && proof->stack_count == 0) {
		at = add(line, at, " nothing: it always gives the same");
	}
	(void)add(line, at, proof->uses_fp ? "; and the rounding mode" : "");
	hst_print_line("%s", line);
}

static void print_results(const struct hst_purity_proof *proof)
{
	char line[LINE] = "";
	char part[96];
	size_t at = add(line, 0, "  decided by it:");
	bool first = true;

	for (unsigned i = 0; i < HST_PURITY_RESULTS; i++) {
		const struct hst_purity_result *result = &proof->results[i];

		if (result->bytes == 0) {
			continue;
		}
		(void)snprintf(part, sizeof part, "%s %u byte%s of %s%s", first ? "" : ",",
			result->bytes, result->bytes == 1 ? "" : "s",
			hst_purity_register(result->reg, 8),
			result->run_specific ? " (for this run)" : "");
		at = add(line, at, part);
		first = false;
	}
	hst_print_line("%s", line);
}

static void print_rests(const struct hst_cache_proof *row)
{
	const struct hst_purity_proof *proof = row->proof;
	uint64_t bytes = 0;
	char line[LINE] = "";
	char part[64];
	size_t at;

	for (size_t i = 0; i < proof->rest_count; i++) {
		bytes += proof->rests[i].hi - proof->rests[i].lo;
	}
	(void)snprintf(line, sizeof line, "  rests on %" PRIu64 " bytes of code:", bytes);
	at = strlen(line);
	for (size_t i = 0; i < proof->rest_count && i < 8; i++) {
		(void)snprintf(part, sizeof part, " 0x%" PRIx64 "-0x%" PRIx64, proof->rests[i].lo,
			proof->rests[i].hi);
		at = add(line, at, part);
	}
	(void)add(line, at, proof->rest_count > 8 ? " ..." : "");
	hst_print_line("%s", line);
	for (size_t i = 0; i < proof->call_count; i++) {
		const struct hst_function *called = hst_image_function(row->image, proof->calls[i]);

		hst_print_line("  calls %s, which is proven too",
			called == NULL ? "a function without a name" : called->name);
	}
	for (size_t i = 0; i < proof->slot_count; i++) {
		const struct hst_purity_slot *slot = &proof->slots[i];

		hst_print_line("  holds if the slot at 0x%" PRIx64 " leads to %s%s%s", slot->slot,
			slot->symbol == NULL ? "the function of this module" : slot->symbol,
			slot->module == NULL ? "" : " of ",
			slot->module == NULL ? "" : slot->module);
	}
}

void hst_cache_proof_text(
	const struct hst_cache_show *show, const struct hst_cache_function *function)
{
	const struct hst_cache_proof *row = proof_of(show, function);
	const struct hst_purity_offence *offence;

	if (row == NULL) {
		if (!show->processes) {
			hst_print_line("proof: none was tried, or its code cannot be read");
		}
		return;
	}
	if (row->proof->proven) {
		hst_print_line(
			"proof: pure, by its machine code in %s (docs/purity.md says what that assumes)",
			row->module);
		print_key(row->proof);
		print_results(row->proof);
		print_rests(row);
		return;
	}
	offence = &row->proof->offence;
	hst_print_line("proof: none: it %s", offence->sentence);
	if (offence->file != NULL) {
		hst_print_line("  at 0x%" PRIx64 ": %s   (%s:%" PRIu32 ")", offence->address,
			offence->insn, offence->file, offence->line);
	} else {
		hst_print_line("  at 0x%" PRIx64 ": %s", offence->address, offence->insn);
	}
}

static void json_against(struct hst_json *json, const struct hst_purity_offence *offence)
{
	hst_json_string(json, "reason", hst_purity_word(offence->reason));
	hst_json_string(json, "sentence", offence->sentence);
	hst_json_u64(json, "address", offence->address);
	hst_json_string(json, "instruction", offence->insn);
	hst_json_string(json, "file", offence->file);
	if (offence->file == NULL) {
		hst_json_null(json, "line");
	} else {
		hst_json_u64(json, "line", offence->line);
	}
}

static void json_key(struct hst_json *json, const struct hst_purity_proof *proof)
{
	struct hst_purity_reg regs[33];
	size_t count = shown_key(proof, regs);

	hst_json_array(json, "key");
	for (size_t i = 0; i < count; i++) {
		hst_json_row(json, NULL);
		hst_json_string(json, "register", hst_purity_register(regs[i].reg, regs[i].bytes));
		hst_json_u64(json, "bytes", regs[i].bytes);
		hst_json_end(json);
	}
	for (size_t i = 0; i < proof->stack_count; i++) {
		hst_json_row(json, NULL);
		hst_json_i64(json, "stack", proof->stack[i].offset);
		hst_json_u64(json, "bytes", proof->stack[i].bytes);
		hst_json_end(json);
	}
	hst_json_end(json);
	hst_json_bool(json, "rounding_mode", proof->uses_fp);
	hst_json_array(json, "result");
	for (unsigned i = 0; i < HST_PURITY_RESULTS; i++) {
		if (proof->results[i].bytes != 0) {
			hst_json_row(json, NULL);
			hst_json_string(
				json, "register", hst_purity_register(proof->results[i].reg, 8));
			hst_json_u64(json, "bytes", proof->results[i].bytes);
			hst_json_bool(json, "this_run_only", proof->results[i].run_specific);
			hst_json_end(json);
		}
	}
	hst_json_end(json);
}

static void json_rests(struct hst_json *json, const struct hst_cache_proof *row)
{
	const struct hst_purity_proof *proof = row->proof;

	hst_json_string(json, "module", row->module);
	hst_json_array(json, "rests_on");
	for (size_t i = 0; i < proof->rest_count; i++) {
		hst_json_row(json, NULL);
		hst_json_u64(json, "from", proof->rests[i].lo);
		hst_json_u64(json, "to", proof->rests[i].hi);
		hst_json_end(json);
	}
	hst_json_end(json);
	hst_json_array(json, "slots");
	for (size_t i = 0; i < proof->slot_count; i++) {
		hst_json_row(json, NULL);
		hst_json_u64(json, "slot", proof->slots[i].slot);
		hst_json_u64(json, "target", proof->slots[i].target);
		hst_json_string(json, "symbol", proof->slots[i].symbol);
		hst_json_string(json, "module", proof->slots[i].module);
		hst_json_end(json);
	}
	hst_json_end(json);
}

void hst_cache_proof_json(struct hst_json *json, const struct hst_cache_show *show,
	const struct hst_cache_function *function)
{
	const struct hst_cache_proof *row = proof_of(show, function);

	if (row == NULL) {
		hst_json_null(json, "proof");
		return;
	}
	hst_json_object(json, "proof");
	hst_json_bool(json, "proven", row->proof->proven);
	if (row->proof->proven) {
		json_key(json, row->proof);
		json_rests(json, row);
	} else {
		json_against(json, &row->proof->offence);
	}
	hst_json_end(json);
}
