/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A function as its source declares it: parameters and result as text of C, what of each argument its value
 * consists of, where the definition stands. For those who write code that calls it.
 */
#ifndef HST_SYMBOLS_PROTOTYPE_H
#define HST_SYMBOLS_PROTOTYPE_H

#include "symbols/symbols.h"
#include "util/arena.h"

/* What one word or some words of a key are made of. */
enum hst_prototype_form {
	HST_VALUE_NUMBER,    /* integer, bool, enum: by conversion */
	HST_VALUE_ADDRESS,   /* pointer */
	HST_VALUE_REFERENCE, /* the address of what is referred to */
	HST_VALUE_BITS,      /* `bytes` bytes as they are, none of them padding */
};

struct hst_prototype_value {
	const char *path; /* behind the parameter's name: "", ".x", ".at[2].y" */
	uint32_t bytes;
	uint8_t form; /* enum hst_prototype_form */
};

struct hst_prototype_param {
	const char *name; /* "argument1" if it has none */
	bool has_name;
	const char *text; /* its declaration: "const char *name" */
	const char *type; /* the same without a name */
	struct hst_prototype_value *values;
	size_t count;
	bool points_to_const; /* a pointer or reference to what the function does not change by it */
	const char *problem;  /* why its value cannot be kept, NULL: it can */
};

struct hst_prototype {
	const char *name;
	const char *result; /* type as text without const and volatile, "void" */
	uint64_t result_bytes;
	bool result_is_address;
	const char *result_problem; /* why it cannot be copied, NULL: it can */
	struct hst_prototype_param *params;
	size_t count;
	const char *directory; /* in which the compiler ran, NULL unknown */
	bool cplusplus;
	bool is_static, is_inline; /* as declared */
	bool is_method;            /* of an object */
	bool is_variadic;
	bool is_old_style; /* of C, without types in the parentheses */
	struct hst_arena arena;
};

/*
 * The function whose code begins at `address`. HST_E_NO_DEBUG (nothing describes it), HST_E_LIMIT (more parameters than are
 * looked at), HST_E_MEMORY, with a sentence that names `name`. The image must outlive *ret_prototype.
 */
HST_NODISCARD enum hst_status hst_prototype_read(struct hst_image *image, uint64_t address,
	const char *name, struct hst_prototype *ret_prototype, struct hst_diag *diag);
/* Accepts a zeroed object. */
void hst_prototype_finish(struct hst_prototype *prototype);

#endif
