/* SPDX-License-Identifier: Apache-2.0 */
/* Where an argument is at a hook, and what of it counts, in words. */
#include "cmd/info_args.h"

#include <inttypes.h>
#include <stdio.h>

static const char *register_name(unsigned reg)
{
	static const char *const names[] = {
		[3] = "rbx", [6] = "rbp", [12] = "r12", [13] = "r13", [14] = "r14", [15] = "r15"
	};

	return reg < sizeof names / sizeof names[0] && names[reg] != NULL ? names[reg] : "?";
}

static int piece_text(char *buffer, size_t size, const struct hst_plan_piece *piece)
{
	switch ((enum hst_plan_place)piece->kind) {
	case HST_PLAN_PLACE_REGISTER:
		return snprintf(buffer, size, "%s", register_name(piece->reg));
	case HST_PLAN_PLACE_SP:
		return snprintf(buffer, size, "rsp%+" PRId32, piece->offset);
	case HST_PLAN_PLACE_RBP:
		return snprintf(buffer, size, "rbp%+" PRId32, piece->offset);
	case HST_PLAN_PLACE_CFA:
		return snprintf(buffer, size, "frame%+" PRId32, piece->offset);
	case HST_PLAN_PLACE_CONSTANT:
		return snprintf(buffer, size, "always %" PRId32, piece->offset);
	case HST_PLAN_PLACE_FIXED:
		return snprintf(buffer, size, "memory at 0x%" PRIx32, (uint32_t)piece->offset);
	case HST_PLAN_PLACE_NONE:
	default:
		return snprintf(buffer, size, "nothing to read");
	}
}

void hst_args_place(
	char buffer[HST_ARGS_PLACE_BYTES], const struct hst_plan_piece *pieces, size_t count)
{
	size_t at = 0;

	if (count == 0) {
		(void)snprintf(buffer, HST_ARGS_PLACE_BYTES, "nothing to read");
	}
	for (size_t i = 0; i < count && at + 32 < HST_ARGS_PLACE_BYTES; i++) {
		at += (size_t)snprintf(
			buffer + at, HST_ARGS_PLACE_BYTES - at, "%s", i == 0 ? "" : ", ");
		at += (size_t)piece_text(buffer + at, HST_ARGS_PLACE_BYTES - at, &pieces[i]);
	}
}

void hst_args_keyed(char buffer[HST_ARGS_PLACE_BYTES], const struct hst_recipe_param *param,
	const struct hst_recipe_param *next)
{
	const char *text = "value";

	if (param->content == HST_PLAN_CONTENT_BYTES) {
		(void)snprintf(buffer, HST_ARGS_PLACE_BYTES, "%.200s bytes of content",
			next->name == NULL ? "as many" : next->name);
		return;
	}
	if (param->content == HST_PLAN_CONTENT_STRING) {
		text = "text";
	} else if (param->shape.form == HST_FORM_POINTER) {
		text = "address";
	}
	(void)snprintf(buffer, HST_ARGS_PLACE_BYTES, "%s", text);
}
