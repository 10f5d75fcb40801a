/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/literal.h"

#include "hasten/hash.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_plain(uint8_t byte, char quote)
{
	return byte >= 0x20 && byte < 0x7f && byte != (uint8_t)quote && byte != '\\';
}

/* One sign within quotes; at most four bytes and a NUL. */
static size_t put_sign(char *text, uint8_t byte, char quote)
{
	static const char named[] = "\aa\bb\tt\nn\vv\ff\rr";

	if (is_plain(byte, quote)) {
		text[0] = (char)byte;
		text[1] = '\0';
		return 1;
	}
	if (byte == (uint8_t)quote || byte == '\\') {
		return (size_t)snprintf(text, 5, "\\%c", byte);
	}
	for (size_t i = 0; named[i] != '\0'; i += 2) {
		if (byte == (uint8_t)named[i]) {
			return (size_t)snprintf(text, 5, "\\%c", named[i + 1]);
		}
	}
	return (size_t)snprintf(text, 5, "\\%03o", byte);
}

static void content(char text[HST_LITERAL_BYTES], const struct hst_value *value)
{
	size_t at = 1;
	unsigned stored = value->stored < HST_VALUE_BYTES_MAX ? value->stored : HST_VALUE_BYTES_MAX;

	if (value->value == HST_HASH_NULL) {
		(void)snprintf(text, HST_LITERAL_BYTES, "NULL");
		return;
	}
	text[0] = '"';
	for (unsigned i = 0; i < stored; i++) {
		at += put_sign(text + at, value->bytes[i], '"');
	}
	(void)snprintf(text + at, HST_LITERAL_BYTES - at, "\"");
	if (stored < value->value) {
		(void)snprintf(text + at, HST_LITERAL_BYTES - at, "\"... (%" PRIu64 " bytes)",
			value->value);
	}
}

static double floating(unsigned width, uint64_t bits)
{
	uint32_t low = (uint32_t)bits;
	double wide;
	float narrow;

	if (width == sizeof narrow) {
		memcpy(&narrow, &low, sizeof narrow);
		return (double)narrow;
	}
	memcpy(&wide, &bits, sizeof wide);
	return wide;
}

/* The shortest text that gives the same value again. */
static void put_float(char text[HST_LITERAL_BYTES], unsigned width, uint64_t bits)
{
	double number = floating(width, bits);
	bool narrow = width == sizeof(float);

	if (isnan(number) || isinf(number)) {
		(void)snprintf(text, HST_LITERAL_BYTES, "%s%s", signbit(number) ? "-" : "",
			isnan(number) ? "NAN" : "INFINITY");
		return;
	}
	for (int digits = narrow ? 6 : 15; digits <= (narrow ? 9 : 17); digits++) {
		(void)snprintf(text, HST_LITERAL_BYTES - 4, "%.*g", digits, number);
		if (narrow ? (double)strtof(text, NULL) == number
			   : !(strtod(text, NULL) < number) && !(strtod(text, NULL) > number)) {
			break;
		}
	}
	if (strpbrk(text, ".e") == NULL) {
		strcat(text, ".0");
	}
	strcat(text, narrow ? "f" : "");
}

static void put_enum(
	char text[HST_LITERAL_BYTES], const struct hst_recipe_shape *shape, uint64_t value)
{
	for (uint32_t i = 0; i < shape->enums; i++) {
		if (shape->names[i].value == (int64_t)value) {
			(void)snprintf(text, HST_LITERAL_BYTES, "%.200s", shape->names[i].name);
			return;
		}
	}
	(void)snprintf(text, HST_LITERAL_BYTES, "%" PRId64, (int64_t)value);
}

static void scalar(char text[HST_LITERAL_BYTES], const struct hst_recipe_shape *shape,
	unsigned width, uint64_t value)
{
	switch ((enum hst_recipe_form)shape->form) {
	case HST_FORM_SIGNED:
		(void)snprintf(text, HST_LITERAL_BYTES, "%" PRId64, (int64_t)value);
		break;
	case HST_FORM_UNSIGNED:
		(void)snprintf(text, HST_LITERAL_BYTES, "%" PRIu64 "u", value);
		break;
	case HST_FORM_BOOL:
		(void)snprintf(text, HST_LITERAL_BYTES, "%s", value != 0 ? "true" : "false");
		break;
	case HST_FORM_CHAR:
		text[0] = '\'';
		strcpy(text + 1 + put_sign(text + 1, (uint8_t)value, '\''), "'");
		break;
	case HST_FORM_FLOAT:
		put_float(text, width, value);
		break;
	case HST_FORM_ENUM:
		put_enum(text, shape, value);
		break;
	case HST_FORM_POINTER:
		(void)snprintf(text, HST_LITERAL_BYTES, value == 0 ? "NULL" : "0x%" PRIx64, value);
		break;
	case HST_FORM_OTHER:
	default:
		(void)snprintf(text, HST_LITERAL_BYTES, "0x%" PRIx64, value);
		break;
	}
}

void hst_literal(char text[HST_LITERAL_BYTES], const struct hst_recipe_shape *shape, unsigned width,
	const struct hst_value *value)
{
	if (value->form == HST_VALUE_CONTENT) {
		content(text, value);
	} else if (value->form == HST_VALUE_SCALAR) {
		scalar(text, shape, width, value->value);
	} else {
		(void)snprintf(text, HST_LITERAL_BYTES, "(not recorded: no room)");
	}
}

bool hst_literal_number(const struct hst_recipe_shape *shape, unsigned width,
	const struct hst_value *value, double *ret_number)
{
	if (value->form != HST_VALUE_SCALAR) {
		return false;
	}
	switch ((enum hst_recipe_form)shape->form) {
	case HST_FORM_SIGNED:
		*ret_number = (double)(int64_t)value->value;
		return true;
	case HST_FORM_UNSIGNED:
		*ret_number = (double)value->value;
		return true;
	case HST_FORM_FLOAT:
		*ret_number = floating(width, value->value);
		return isfinite(*ret_number);
	case HST_FORM_OTHER:
	case HST_FORM_BOOL:
	case HST_FORM_CHAR:
	case HST_FORM_ENUM:
	case HST_FORM_POINTER:
	default:
		return false;
	}
}
