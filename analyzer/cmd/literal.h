/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded values as C literals. What is in them reaches a terminal only as printable ASCII. */
#ifndef HST_CMD_LITERAL_H
#define HST_CMD_LITERAL_H

#include "reader/decode.h"
#include "symbols/recipes.h"

/* Enough for each value: 48 bytes of four signs, and what is said of the rest. */
#define HST_LITERAL_BYTES 288

/*
 * 5, 5u, true, 'a', 0.25, 0x7f01, NULL, PARSE_OK, "text", "begin of a text"... (120 bytes). `width`: bytes of the value.
 */
void hst_literal(char text[HST_LITERAL_BYTES], const struct hst_recipe_shape *shape, unsigned width,
	const struct hst_value *value);

/* The value as a number, for ranges. false: it is none. */
bool hst_literal_number(const struct hst_recipe_shape *shape, unsigned width,
	const struct hst_value *value, double *ret_number);

#endif
