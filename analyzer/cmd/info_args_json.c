/* SPDX-License-Identifier: Apache-2.0 */
/* The machine form of `hasten info --args`: every site, with all its pieces. Fields are only ever added. */
#include "cmd/info_args.h"

#include "writers/json.h"

#include <stdio.h>

static const char *kind_name(uint8_t kind)
{
	static const char *const names[] = { "none", "register", "sp", "rbp", "cfa", "constant" };

	return kind < sizeof names / sizeof names[0] ? names[kind] : "?";
}

static void hex(struct hst_json *json, const char *key, uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof text, "0x%llx", (unsigned long long)value);
	hst_json_string(json, key, text);
}

static void piece(struct hst_json *json, const char *key, const struct hst_plan_piece *piece)
{
	hst_json_row(json, key);
	hst_json_string(json, "kind", kind_name(piece->kind));
	if (piece->kind == HST_PLAN_PLACE_REGISTER) {
		hst_json_u64(json, "register", piece->reg);
	}
	hst_json_u64(json, "width", piece->width);
	hst_json_i64(json, "offset", piece->offset);
	hst_json_bool(json, "signed", (piece->content & HST_PLAN_CONTENT_SIGNED) != 0);
	hst_json_bool(json, "float", (piece->content & HST_PLAN_CONTENT_FLOAT) != 0);
	hst_json_end(json);
}

static void reason(struct hst_json *json, unsigned number)
{
	hst_json_string(
		json, "reason", number == HST_RECIPE_READABLE ? NULL : hst_recipe_word(number));
}

/* What of it counts. */
static const char *keyed(const struct hst_recipe_param *param)
{
	switch (param->content) {
	case HST_PLAN_CONTENT_STRING:
		return "text";
	case HST_PLAN_CONTENT_BYTES:
		return "bytes";
	default:
		return param->shape.form == HST_FORM_POINTER ? "address" : "value";
	}
}

static void argument(struct hst_json *json, const struct hst_recipes *recipes,
	const struct hst_recipe_param *param)
{
	hst_json_object(json, NULL);
	hst_json_string(json, "name", param->name);
	hst_json_string(json, "type", param->type);
	reason(json, param->reason);
	hst_json_string(json, "keyed", keyed(param));
	hst_json_string(json, "length",
		param->content == HST_PLAN_CONTENT_BYTES ? (param + 1)->name : NULL);
	hst_json_array(json, "pieces");
	for (uint32_t i = 0; i < param->piece_count; i++) {
		piece(json, NULL, &recipes->pieces[param->first_piece + i]);
	}
	hst_json_end(json);
	hst_json_end(json);
}

static void site(struct hst_json *json, const struct hst_recipes *recipes,
	const struct hst_recipe_site *site)
{
	hst_json_object(json, NULL);
	hex(json, "return", site->ret);
	hst_json_string(json, "hook", site->exit ? "exit" : "enter");
	hst_json_bool(json, "inlined", site->inlined);
	hst_json_bool(json, "jumped", site->tail);
	if (site->exit) {
		bool readable = site->reason == HST_RECIPE_READABLE &&
				site->result_reason == HST_RECIPE_READABLE;

		reason(json,
			site->reason != HST_RECIPE_READABLE ? site->reason : site->result_reason);
		hst_json_string(json, "type", site->type);
		if (readable) {
			piece(json, "result", &site->result);
		} else {
			hst_json_null(json, "result");
		}
	} else {
		reason(json, site->reason);
		hst_json_bool(json, "complete", hst_recipes_complete(recipes, site));
		hst_json_array(json, "arguments");
		for (uint32_t i = 0; i < site->param_count; i++) {
			argument(json, recipes, &recipes->params[site->first_param + i]);
		}
		hst_json_end(json);
	}
	hst_json_end(json);
}

static void function(
	struct hst_json *json, const struct hst_args *args, const struct hst_args_function *item)
{
	const struct hst_function *symbol = item->symbol;

	hst_json_object(json, NULL);
	hst_json_string(json, "name", symbol == NULL ? NULL : symbol->name);
	hst_json_string(json, "linkage_name", symbol == NULL ? NULL : symbol->linkage);
	hst_json_string(json, "file", symbol == NULL ? NULL : symbol->file);
	if (symbol != NULL && symbol->file != NULL) {
		hst_json_u64(json, "line", symbol->line);
	} else {
		hst_json_null(json, "line");
	}
	hex(json, "address", item->fn);
	if (item->own) {
		hst_json_bool(json, "arguments_readable", item->complete);
	} else {
		hst_json_null(json, "arguments_readable");
	}
	if (item->returns) {
		hst_json_bool(json, "result_readable", item->result);
	} else {
		hst_json_null(json, "result_readable");
	}
	hst_json_array(json, "sites");
	for (size_t i = 0; i < item->count; i++) {
		site(json, &args->recipes, &args->recipes.sites[args->order[item->first + i]]);
	}
	hst_json_end(json);
	hst_json_end(json);
}

static void reasons(struct hst_json *json, const char *key, const size_t counts[HST_RECIPE_REASONS])
{
	hst_json_row(json, key);
	for (unsigned i = HST_RECIPE_READABLE + 1; i < HST_RECIPE_REASONS; i++) {
		if (counts[i] > 0) {
			hst_json_u64(json, hst_recipe_word(i), counts[i]);
		}
	}
	hst_json_end(json);
}

void hst_args_json(const struct hst_args *args)
{
	struct hst_json json;

	hst_json_begin(&json, stdout);
	hst_json_object(&json, NULL);
	hst_json_u64(&json, "schema", 1);
	hst_json_string(&json, "program", args->path);
	hst_json_bool(&json, "complete", !args->recipes.incomplete);
	hst_json_u64(&json, "functions_count", args->own);
	hst_json_u64(&json, "arguments_readable", args->complete);
	hst_json_u64(&json, "with_result", args->returns);
	hst_json_u64(&json, "result_readable", args->results);
	hst_json_u64(&json, "inlined_sites", args->inlined);
	hst_json_u64(&json, "inlined_readable", args->inlined_complete);
	reasons(&json, "function_reasons", args->whole);
	reasons(&json, "argument_reasons", args->arguments);
	reasons(&json, "result_reasons", args->missed);
	hst_json_array(&json, "functions");
	for (size_t i = 0; i < args->functions.count; i++) {
		function(&json, args, &args->functions.items[i]);
	}
	hst_json_end(&json);
	hst_json_end(&json);
	hst_json_finish(&json);
}
