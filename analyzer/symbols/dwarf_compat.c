/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libdwarf's differences, and the three of its interfaces whose memory is awkward to free. Every
 * call gets an error pointer: without one the library prints and aborts.
 */
#include "symbols/dwarf_compat.h"

#include <string.h>

#ifdef DW_LIBDWARF_VERSION

typedef Dwarf_Small *frame_bytes;

static int init_fd(int fd, Dwarf_Debug *dbg, Dwarf_Error *error)
{
	return dwarf_init_b(fd, DW_GROUPNUMBER_ANY, NULL, NULL, dbg, error);
}

static void finish(Dwarf_Debug dbg)
{
	(void)dwarf_finish(dbg);
}

static void free_ranges(Dwarf_Debug dbg, Dwarf_Ranges *ranges, Dwarf_Signed count)
{
	dwarf_dealloc_ranges(dbg, ranges, count);
}

static void free_frames(Dwarf_Debug dbg, Dwarf_Cie *cies, Dwarf_Signed cie_count, Dwarf_Fde *fdes,
	Dwarf_Signed count)
{
	dwarf_dealloc_fde_cie_list(dbg, cies, cie_count, fdes, count);
}

static void free_locations(Dwarf_Loc_Head_c head)
{
	dwarf_dealloc_loc_head_c(head);
}

#else

typedef Dwarf_Ptr frame_bytes;

static int init_fd(int fd, Dwarf_Debug *dbg, Dwarf_Error *error)
{
	return dwarf_init_b(fd, DW_DLC_READ, DW_GROUPNUMBER_ANY, NULL, NULL, dbg, error);
}

static void finish(Dwarf_Debug dbg)
{
	Dwarf_Error error = NULL;

	(void)dwarf_finish(dbg, &error);
}

static void free_ranges(Dwarf_Debug dbg, Dwarf_Ranges *ranges, Dwarf_Signed count)
{
	dwarf_ranges_dealloc(dbg, ranges, count);
}

static void free_frames(Dwarf_Debug dbg, Dwarf_Cie *cies, Dwarf_Signed cie_count, Dwarf_Fde *fdes,
	Dwarf_Signed count)
{
	dwarf_fde_cie_list_dealloc(dbg, cies, cie_count, fdes, count);
}

static void free_locations(Dwarf_Loc_Head_c head)
{
	dwarf_loc_head_c_dealloc(head);
}

#endif

bool hst_compat_open(int fd, Dwarf_Debug *ret_dbg)
{
	Dwarf_Error error = NULL;
	Dwarf_Debug dbg = NULL;
	int result;

	result = init_fd(fd, &dbg, &error);
	if (result == DW_DLV_ERROR) {
		/* Without a Dwarf_Debug the error is one of the library's own; it frees it so. */
		dwarf_dealloc(dbg, error, DW_DLA_ERROR);
	}
	if (result != DW_DLV_OK) {
		return false;
	}
	*ret_dbg = dbg;
	return true;
}

void hst_compat_close(Dwarf_Debug dbg)
{
	if (dbg != NULL) {
		finish(dbg);
	}
}

void hst_compat_drop(Dwarf_Debug dbg, Dwarf_Error *error)
{
	if (*error != NULL) {
		dwarf_dealloc(dbg, *error, DW_DLA_ERROR);
		*error = NULL;
	}
}

/* Where the list is: an index or an offset, by the attribute's form. */
static bool list_position(
	Dwarf_Debug dbg, Dwarf_Attribute attr, Dwarf_Half *ret_form, Dwarf_Unsigned *ret_value)
{
	Dwarf_Error error = NULL;
	Dwarf_Off offset = 0;

	if (dwarf_whatform(attr, ret_form, &error) == DW_DLV_OK) {
		if (*ret_form == DW_FORM_rnglistx) {
			if (dwarf_formudata(attr, ret_value, &error) == DW_DLV_OK) {
				return true;
			}
		} else if (dwarf_global_formref(attr, &offset, &error) == DW_DLV_OK) {
			*ret_value = offset;
			return true;
		}
	}
	hst_compat_drop(dbg, &error);
	return false;
}

static bool old_ranges(Dwarf_Debug dbg, Dwarf_Die die, uint64_t offset, uint64_t base,
	hst_compat_range_fn *fn, void *context)
{
	Dwarf_Error error = NULL;
	Dwarf_Ranges *ranges = NULL;
	Dwarf_Signed count = 0;
	Dwarf_Unsigned bytes = 0;
	Dwarf_Off real = 0;

	if (dwarf_get_ranges_b(dbg, offset, die, &real, &ranges, &count, &bytes, &error) !=
		DW_DLV_OK) {
		hst_compat_drop(dbg, &error);
		return false;
	}
	for (Dwarf_Signed i = 0; i < count; i++) {
		if (ranges[i].dwr_type == DW_RANGES_ADDRESS_SELECTION) {
			base = ranges[i].dwr_addr2;
		} else if (ranges[i].dwr_type == DW_RANGES_END) {
			break;
		} else if (ranges[i].dwr_addr1 < ranges[i].dwr_addr2 &&
			   !fn(context, base + ranges[i].dwr_addr1, base + ranges[i].dwr_addr2)) {
			break;
		}
	}
	free_ranges(dbg, ranges, count);
	return true;
}

static bool new_ranges(Dwarf_Debug dbg, Dwarf_Attribute attr, Dwarf_Half form, Dwarf_Unsigned value,
	hst_compat_range_fn *fn, void *context)
{
	Dwarf_Error error = NULL;
	Dwarf_Rnglists_Head head = NULL;
	Dwarf_Unsigned count = 0;
	Dwarf_Unsigned offset = 0;
	bool good = true;

	if (dwarf_rnglists_get_rle_head(attr, form, value, &head, &count, &offset, &error) !=
		DW_DLV_OK) {
		hst_compat_drop(dbg, &error);
		return false;
	}
	for (Dwarf_Unsigned i = 0; i < count; i++) {
		unsigned length = 0;
		unsigned kind = 0;
		Dwarf_Unsigned raw1 = 0;
		Dwarf_Unsigned raw2 = 0;
		Dwarf_Unsigned lo = 0;
		Dwarf_Unsigned hi = 0;
		Dwarf_Bool unavailable = 0;

		if (dwarf_get_rnglists_entry_fields_a(head, i, &length, &kind, &raw1, &raw2,
			    &unavailable, &lo, &hi, &error) != DW_DLV_OK) {
			hst_compat_drop(dbg, &error);
			good = false;
			break;
		}
		if (kind == DW_RLE_end_of_list) {
			break;
		}
		if (kind == DW_RLE_base_address || kind == DW_RLE_base_addressx || unavailable) {
			continue;
		}
		if (lo < hi && !fn(context, lo, hi)) {
			break;
		}
	}
	dwarf_dealloc_rnglists_head(head);
	return good;
}

bool hst_compat_ranges(
	Dwarf_Debug dbg, const struct hst_compat_list *list, hst_compat_range_fn *fn, void *context)
{
	Dwarf_Half form = 0;
	Dwarf_Unsigned value = 0;

	if (!list_position(dbg, list->attr, &form, &value)) {
		return false;
	}
	if (list->version >= 5) {
		return new_ranges(dbg, list->attr, form, value, fn, context);
	}
	return old_ranges(dbg, list->die, value, list->base, fn, context);
}

bool hst_compat_frames(Dwarf_Debug dbg, hst_compat_range_fn *fn, void *context)
{
	Dwarf_Error error = NULL;
	Dwarf_Cie *cies = NULL;
	Dwarf_Fde *fdes = NULL;
	Dwarf_Signed cie_count = 0;
	Dwarf_Signed count = 0;

	if (dwarf_get_fde_list_eh(dbg, &cies, &cie_count, &fdes, &count, &error) != DW_DLV_OK) {
		hst_compat_drop(dbg, &error);
		return false;
	}
	for (Dwarf_Signed i = 0; i < count; i++) {
		Dwarf_Addr lo = 0;
		Dwarf_Unsigned bytes = 0;
		frame_bytes raw = NULL;
		Dwarf_Unsigned raw_bytes = 0;
		Dwarf_Off cie_offset = 0;
		Dwarf_Signed cie_index = 0;
		Dwarf_Off fde_offset = 0;

		if (dwarf_get_fde_range(fdes[i], &lo, &bytes, &raw, &raw_bytes, &cie_offset,
			    &cie_index, &fde_offset, &error) != DW_DLV_OK) {
			hst_compat_drop(dbg, &error);
		} else if (bytes != 0 && lo + bytes > lo && !fn(context, lo, lo + bytes)) {
			break;
		}
	}
	free_frames(dbg, cies, cie_count, fdes, count);
	return true;
}

static enum hst_compat_found take_ops(Dwarf_Debug dbg, Dwarf_Locdesc_c entry, Dwarf_Unsigned count,
	struct hst_compat_location *location)
{
	if (count > HST_COMPAT_OPS_MAX) {
		return HST_COMPAT_TOO_LONG;
	}
	for (Dwarf_Unsigned i = 0; i < count; i++) {
		Dwarf_Error error = NULL;
		Dwarf_Small atom = 0;
		Dwarf_Unsigned a = 0;
		Dwarf_Unsigned b = 0;
		Dwarf_Unsigned c = 0;
		Dwarf_Unsigned branch = 0;

		if (dwarf_get_location_op_value_c(entry, i, &atom, &a, &b, &c, &branch, &error) !=
			DW_DLV_OK) {
			hst_compat_drop(dbg, &error);
			return HST_COMPAT_DAMAGED;
		}
		location->ops[i] = (struct hst_compat_op){ .atom = atom, .a = a, .b = b };
	}
	location->count = (size_t)count;
	return HST_COMPAT_FOUND;
}

/* Looks at entry `i` of a list. NOT_HERE: it is not about `pc`. */
static enum hst_compat_found take_entry(Dwarf_Debug dbg, Dwarf_Loc_Head_c head, Dwarf_Unsigned i,
	uint64_t pc, struct hst_compat_location *location)
{
	Dwarf_Error error = NULL;
	Dwarf_Small kind = 0;
	Dwarf_Unsigned raw1 = 0;
	Dwarf_Unsigned raw2 = 0;
	Dwarf_Bool unavailable = 0;
	Dwarf_Addr lo = 0;
	Dwarf_Addr hi = 0;
	Dwarf_Unsigned count = 0;
	Dwarf_Locdesc_c entry = NULL;
	Dwarf_Small source = 0;
	Dwarf_Unsigned expression = 0;
	Dwarf_Unsigned offset = 0;

	if (dwarf_get_locdesc_entry_d(head, i, &kind, &raw1, &raw2, &unavailable, &lo, &hi, &count,
		    &entry, &source, &expression, &offset, &error) != DW_DLV_OK) {
		hst_compat_drop(dbg, &error);
		return HST_COMPAT_DAMAGED;
	}
	if (location->listed) {
		bool says = kind == DW_LLE_start_end || kind == DW_LLE_start_length ||
			    kind == DW_LLE_startx_endx || kind == DW_LLE_startx_length ||
			    kind == DW_LLE_offset_pair;

		if (!says || unavailable || pc < lo || pc >= hi) {
			return HST_COMPAT_NOT_HERE;
		}
	}
	return take_ops(dbg, entry, count, location);
}

enum hst_compat_found hst_compat_location(Dwarf_Debug dbg, Dwarf_Attribute attr, uint64_t pc,
	struct hst_compat_location *ret_location)
{
	enum hst_compat_found found = HST_COMPAT_NOT_HERE;
	Dwarf_Error error = NULL;
	Dwarf_Loc_Head_c head = NULL;
	Dwarf_Unsigned count = 0;
	unsigned kind = DW_LKIND_unknown;

	ret_location->count = 0;
	if (dwarf_get_loclist_c(attr, &head, &count, &error) != DW_DLV_OK) {
		hst_compat_drop(dbg, &error);
		return HST_COMPAT_DAMAGED;
	}
	if (dwarf_get_loclist_head_kind(head, &kind, &error) != DW_DLV_OK) {
		hst_compat_drop(dbg, &error);
		free_locations(head);
		return HST_COMPAT_DAMAGED;
	}
	ret_location->listed = kind != DW_LKIND_expression;
	for (Dwarf_Unsigned i = 0; i < count && found == HST_COMPAT_NOT_HERE; i++) {
		found = take_entry(dbg, head, i, pc, ret_location);
	}
	free_locations(head);
	return found;
}
