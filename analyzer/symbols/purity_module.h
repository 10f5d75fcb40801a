/* SPDX-License-Identifier: Apache-2.0 */
/* What the proof of purity must know about a file: which memory nobody writes, what lies there, who can be called. */
#ifndef HST_SYMBOLS_PURITY_MODULE_H
#define HST_SYMBOLS_PURITY_MODULE_H

#include "symbols/recipes_code.h"
#include "symbols/recipes_frame.h"

enum hst_known {
	HST_KNOWN_NOTHING,
	HST_KNOWN_PURE_D,
	HST_KNOWN_PURE_F,
	HST_KNOWN_NEVER,
};

struct hst_known_function {
	const char *name;
	enum hst_known kind;
	uint8_t arguments;
	const char *module;
};

struct hst_module_segment {
	uint64_t lo, hi; /* in memory */
	const uint8_t *bytes;
	uint64_t count; /* of bytes in the file */
	bool writable;
};

struct hst_module_object {
	uint64_t lo, hi;
	const char *name;
};

struct hst_module {
	const struct hst_elf *elf;
	struct hst_code code;
	struct hst_frames frames;
	bool fixed; /* it is loaded where the file says: numbers may be addresses */
	struct hst_module_segment *segments;
	size_t segment_count, segment_capacity;
	uint64_t relro_lo, relro_hi;
	struct hst_module_object *objects; /* symbols of data, ascending */
	size_t object_count, object_capacity;
	bool has_symtab;
	bool text_relocated;
	const char *fp_status; /* who asks for floating-point exceptions, NULL: nobody */
};

HST_NODISCARD enum hst_status hst_module_open(
	const struct hst_elf *elf, struct hst_module *ret_module);
void hst_module_close(struct hst_module *module);

/* Is [lo, hi) part of memory that is never written once the program runs? */
bool hst_module_is_constant(const struct hst_module *module, uint64_t lo, uint64_t hi);
/* Is it part of the loaded file at all? */
bool hst_module_is_loaded(const struct hst_module *module, uint64_t address);
/* May a load through the constant address `origin` with an index of unknown bounds be taken for one from a constant table? */
bool hst_module_is_table(const struct hst_module *module, uint64_t origin, unsigned bytes);
/* Is a place that was reached from the constant address `origin` still in the same constant object, as far as can be told? */
bool hst_module_is_same(const struct hst_module *module, uint64_t origin, uint64_t place);
/* The bytes of the file at an address of a constant segment. false: not there. */
bool hst_module_read(const struct hst_module *module, uint64_t address, void *bytes, size_t count);
/* The name of the object at the address, NULL: none. */
const char *hst_module_object(const struct hst_module *module, uint64_t address);

const struct hst_known_function *hst_module_known(const char *name);

#endif
