/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes of DIEs and the chains between them: an inlined instance or an out-of-line copy names
 * its abstract function (DW_AT_abstract_origin), a definition its declaration
 * (DW_AT_specification). References may be circular in a damaged file: chains are cut at 16 links.
 */
#include "symbols/dwarf_die.h"

#include <string.h>

#include "symbols/grow.h"

#define CHAIN_MAX 16

#ifndef DW_FORM_GNU_ref_alt
# define DW_FORM_GNU_ref_alt 0x1f20
#endif

/* libdwarf puts a text of its own where a string is out of reach: never a name. */
const char *hst_die_string(Dwarf_Debug dbg, Dwarf_Attribute attr)
{
	Dwarf_Error error = NULL;
	char *text = NULL;

	if (dwarf_formstring(attr, &text, &error) != DW_DLV_OK) {
		hst_compat_drop(dbg, &error);
		return NULL;
	}
	if (text == NULL || text[0] == '\0' || strncmp(text, "<DW_FORM_", 9) == 0) {
		return NULL;
	}
	return text;
}

static bool number_of(Dwarf_Debug dbg, Dwarf_Attribute attr, uint64_t *ret_value)
{
	Dwarf_Error error = NULL;
	Dwarf_Unsigned value = 0;
	Dwarf_Signed sign = 0;

	if (dwarf_formudata(attr, &value, &error) == DW_DLV_OK) {
		*ret_value = value;
		return true;
	}
	hst_compat_drop(dbg, &error);
	/* DW_FORM_implicit_const and sdata are signed; a negative number is no number of ours. */
	if (dwarf_formsdata(attr, &sign, &error) == DW_DLV_OK && sign >= 0) {
		*ret_value = (uint64_t)sign;
		return true;
	}
	hst_compat_drop(dbg, &error);
	return false;
}

static bool address_of(Dwarf_Debug dbg, Dwarf_Attribute attr, uint64_t *ret_value)
{
	Dwarf_Error error = NULL;
	Dwarf_Addr value = 0;

	if (dwarf_formaddr(attr, &value, &error) != DW_DLV_OK) {
		hst_compat_drop(dbg, &error);
		return false;
	}
	*ret_value = value;
	return true;
}

static unsigned form_of(Dwarf_Debug dbg, Dwarf_Attribute attr)
{
	Dwarf_Error error = NULL;
	Dwarf_Half form = 0;

	if (dwarf_whatform(attr, &form, &error) != DW_DLV_OK) {
		hst_compat_drop(dbg, &error);
		return 0;
	}
	return form;
}

static bool is_address_form(unsigned form)
{
	return form == DW_FORM_addr || form == DW_FORM_addrx ||
	       (form >= DW_FORM_addrx1 && form <= DW_FORM_addrx4) || form == DW_FORM_GNU_addr_index;
}

bool hst_die_reference(
	const struct hst_dwarf *dwarf, Dwarf_Debug dbg, Dwarf_Attribute attr, uint64_t *ret_key)
{
	Dwarf_Error error = NULL;
	Dwarf_Off offset = 0;

	if (dwarf_global_formref(attr, &offset, &error) != DW_DLV_OK) {
		hst_compat_drop(dbg, &error);
		return false;
	}
	*ret_key = offset & ~HST_DIE_ALT;
	if (dbg == dwarf->alt || form_of(dbg, attr) == DW_FORM_GNU_ref_alt) {
		*ret_key |= HST_DIE_ALT;
	}
	return true;
}

static void take_origin(const struct hst_dwarf *dwarf, Dwarf_Debug dbg, Dwarf_Attribute attr,
	struct hst_die_facts *facts)
{
	if (hst_die_reference(dwarf, dbg, attr, &facts->origin)) {
		facts->has_origin = true;
	}
}

static void take_small(Dwarf_Debug dbg, Dwarf_Attribute attr, uint32_t *ret_value, bool *ret_has)
{
	uint64_t value;

	if (number_of(dbg, attr, &value) && value < UINT32_MAX) {
		*ret_value = (uint32_t)value;
		*ret_has = true;
	}
}

/* DW_AT_high_pc is an address, or since DWARF 4 the length; `high` is one until low is known. */
static void take_high(
	Dwarf_Debug dbg, Dwarf_Attribute attr, struct hst_die_facts *facts, bool *ret_length)
{
	*ret_length = !is_address_form(form_of(dbg, attr));
	facts->has_high = *ret_length ? number_of(dbg, attr, &facts->high)
				      : address_of(dbg, attr, &facts->high);
}

/* DW_AT_entry_pc is an address, or since DWARF 5 perhaps an offset from the base of the DIE. */
static void take_entry(Dwarf_Debug dbg, Dwarf_Attribute attr, struct hst_die_facts *facts)
{
	if (is_address_form(form_of(dbg, attr))) {
		facts->has_entry = address_of(dbg, attr, &facts->entry);
	}
}

static void take_ranges(const struct hst_die_reader *reader, Dwarf_Debug dbg, Dwarf_Die die,
	Dwarf_Attribute attr, struct hst_die_facts *facts)
{
	const struct hst_compat_list list = {
		.die = die, .attr = attr, .version = reader->version, .base = reader->base
	};

	facts->has_ranges = true;
	if (reader->range_fn != NULL &&
		!hst_compat_ranges(dbg, &list, reader->range_fn, reader->context)) {
		reader->dwarf->damaged = true;
	}
}

/* All but DW_AT_ranges. */
static void take_attribute(const struct hst_dwarf *dwarf, Dwarf_Debug dbg, Dwarf_Attribute attr,
	unsigned number, struct hst_die_facts *facts, bool *length)
{
	bool has_line;

	switch (number) {
	case DW_AT_name:
		facts->name = hst_die_string(dbg, attr);
		break;
	case DW_AT_linkage_name:
	case DW_AT_MIPS_linkage_name:
		facts->linkage = hst_die_string(dbg, attr);
		break;
	case DW_AT_comp_dir:
		facts->directory = hst_die_string(dbg, attr);
		break;
	case DW_AT_low_pc:
		facts->has_low = address_of(dbg, attr, &facts->low);
		break;
	case DW_AT_high_pc:
		take_high(dbg, attr, facts, length);
		break;
	case DW_AT_entry_pc:
		take_entry(dbg, attr, facts);
		break;
	case DW_AT_abstract_origin:
	case DW_AT_specification:
		take_origin(dwarf, dbg, attr, facts);
		break;
	case DW_AT_decl_file:
		take_small(dbg, attr, &facts->file, &facts->has_file);
		break;
	case DW_AT_decl_line:
		take_small(dbg, attr, &facts->line, &has_line);
		break;
	default:
		break;
	}
}

void hst_die_read(const struct hst_die_reader *reader, Dwarf_Debug dbg, Dwarf_Die die,
	struct hst_die_facts *ret_facts)
{
	struct hst_die_facts facts = { 0 };
	Dwarf_Error error = NULL;
	Dwarf_Attribute *list = NULL;
	Dwarf_Signed count = 0;
	bool length = false;
	int result = dwarf_attrlist(die, &list, &count, &error);

	if (result == DW_DLV_ERROR) {
		hst_compat_drop(dbg, &error);
		reader->dwarf->damaged = true;
	}
	for (Dwarf_Signed i = 0; result == DW_DLV_OK && i < count; i++) {
		Dwarf_Half number = 0;

		if (dwarf_whatattr(list[i], &number, &error) != DW_DLV_OK) {
			hst_compat_drop(dbg, &error);
		} else if (number == DW_AT_ranges) {
			take_ranges(reader, dbg, die, list[i], &facts);
		} else {
			take_attribute(reader->dwarf, dbg, list[i], number, &facts, &length);
		}
		dwarf_dealloc(dbg, list[i], DW_DLA_ATTR);
	}
	if (result == DW_DLV_OK) {
		dwarf_dealloc(dbg, list, DW_DLA_LIST);
	}
	if (length) {
		facts.has_high =
			facts.has_high && facts.has_low && facts.low + facts.high >= facts.low;
		facts.high += facts.low;
	}
	*ret_facts = facts;
}

Dwarf_Die hst_die_at(struct hst_dwarf *dwarf, uint64_t key, Dwarf_Debug *ret_dbg)
{
	Dwarf_Debug dbg = (key & HST_DIE_ALT) != 0 ? dwarf->alt : dwarf->dbg;
	Dwarf_Error error = NULL;
	Dwarf_Die die = NULL;

	if (dbg == NULL) {
		return NULL;
	}
	if (dwarf_offdie_b(dbg, key & ~HST_DIE_ALT, 1, &die, &error) != DW_DLV_OK) {
		hst_compat_drop(dbg, &error);
		return NULL;
	}
	*ret_dbg = dbg;
	return die;
}

bool hst_die_unit(struct hst_dwarf *dwarf, uint64_t key, unsigned version, uint32_t *ret_unit)
{
	struct hst_dwarf_unit *unit;

	if (hst_map_get(&dwarf->unit_of, key, ret_unit)) {
		return true;
	}
	unit = hst_push(&dwarf->units, &dwarf->unit_count, &dwarf->unit_capacity, sizeof *unit);
	if (unit == NULL) {
		return false;
	}
	unit->die = key;
	unit->version = (uint16_t)version;
	*ret_unit = (uint32_t)(dwarf->unit_count - 1);
	return hst_map_put(&dwarf->unit_of, key, *ret_unit) == HST_OK;
}

/* The unit that a DIE lies in: where its DW_AT_decl_file counts. */
static bool unit_around(struct hst_dwarf *dwarf, Dwarf_Debug dbg, Dwarf_Die die, uint32_t *ret_unit)
{
	Dwarf_Error error = NULL;
	Dwarf_Off offset = 0;
	Dwarf_Half version = 0;
	Dwarf_Half offset_bytes = 0;

	*ret_unit = UINT32_MAX;
	if (dwarf_CU_dieoffset_given_die(die, &offset, &error) != DW_DLV_OK ||
		dwarf_get_version_of_die(die, &version, &offset_bytes) != DW_DLV_OK) {
		hst_compat_drop(dbg, &error);
		return true;
	}
	return hst_die_unit(dwarf, (offset & ~HST_DIE_ALT) | (dbg == dwarf->alt ? HST_DIE_ALT : 0),
		version, ret_unit);
}

/* Adds what one link of a chain says and the links before it did not. */
static bool merge_link(struct hst_dwarf *dwarf, Dwarf_Debug dbg, Dwarf_Die die,
	const struct hst_die_facts *facts, struct hst_dwarf_origin *origin)
{
	if (origin->linkage == NULL) {
		origin->linkage = facts->linkage;
	}
	if (origin->name == NULL) {
		origin->name = facts->name;
	}
	/* Line and file of one declaration belong together; a definition may state only what
	 * differs from its declaration. */
	if (origin->line == 0) {
		origin->line = facts->line;
	}
	if (origin->unit == UINT32_MAX && facts->has_file) {
		origin->file = facts->file;
		return unit_around(dwarf, dbg, die, &origin->unit);
	}
	return true;
}

/* Follows the chain from `key`. false: no memory. */
static bool follow(struct hst_dwarf *dwarf, uint64_t key, struct hst_dwarf_origin *origin)
{
	struct hst_die_reader reader = { .dwarf = dwarf };
	bool good = true;

	origin->unit = UINT32_MAX;
	origin->root = key;
	for (int i = 0; i < CHAIN_MAX && good; i++) {
		struct hst_die_facts facts;
		Dwarf_Debug dbg = NULL;
		Dwarf_Die die = hst_die_at(dwarf, key, &dbg);

		if (die == NULL) {
			break;
		}
		origin->root = key;
		hst_die_read(&reader, dbg, die, &facts);
		good = merge_link(dwarf, dbg, die, &facts, origin);
		dwarf_dealloc_die(die);
		if (!facts.has_origin || facts.origin == key) {
			break;
		}
		key = facts.origin;
	}
	return good;
}

bool hst_die_origin(struct hst_dwarf *dwarf, uint64_t key, uint32_t *ret_origin)
{
	struct hst_dwarf_origin *item;
	struct hst_dwarf_origin origin = { 0 };

	if (hst_map_get(&dwarf->origin_of, key, ret_origin)) {
		return true;
	}
	if (!follow(dwarf, key, &origin)) {
		return false;
	}
	item = hst_push(
		&dwarf->origins, &dwarf->origin_count, &dwarf->origin_capacity, sizeof *item);
	if (item == NULL) {
		return false;
	}
	*item = origin;
	*ret_origin = (uint32_t)(dwarf->origin_count - 1);
	return hst_map_put(&dwarf->origin_of, key, *ret_origin) == HST_OK;
}
