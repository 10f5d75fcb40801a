/* SPDX-License-Identifier: Apache-2.0 */
/* The plan: from its file to private memory, and what is wrong with it. */
#include "sink/plan.h"

#include "core/attr.h"
#include "core/sys.h"
#include "sink/plan_memo.h"

#include <string.h>

#include "core/poison.h"

/* Of the two, the first `content` of a piece must be followed by the other one, its length. */
#define PIECE_ADDRESS_BYTES 8u

struct hst_plan hst_plan;

static bool is_recipe(uint32_t kind)
{
	return kind == HST_PLAN_ENTER || kind == HST_PLAN_EXIT;
}

static bool is_of_arguments(uint32_t kind)
{
	return is_recipe(kind) || kind == HST_PLAN_PIECES;
}

static bool is_of_memos(uint32_t kind)
{
	return kind >= HST_PLAN_MEMO && kind <= HST_PLAN_MEMO_SLOT;
}

static uint64_t item_bytes(uint32_t kind)
{
	static const uint16_t bytes[HST_PLAN_MEMO_SLOT + 1] = {
		[HST_PLAN_FILTER] = sizeof(uint64_t),
		[HST_PLAN_ENTER] = sizeof(struct hst_plan_enter),
		[HST_PLAN_EXIT] = sizeof(struct hst_plan_exit),
		[HST_PLAN_PIECES] = sizeof(struct hst_plan_piece),
		[HST_PLAN_MEMO] = sizeof(struct hst_plan_memo),
		[HST_PLAN_MEMO_EXIT] = sizeof(struct hst_plan_memo_exit),
		[HST_PLAN_MEMO_PIECES] = sizeof(struct hst_plan_piece),
		[HST_PLAN_MEMO_CODE] = sizeof(struct hst_plan_code),
		[HST_PLAN_MEMO_SLOT] = sizeof(struct hst_plan_slot),
	};

	return kind < sizeof bytes / sizeof bytes[0] && bytes[kind] != 0 ? bytes[kind]
									 : sizeof(uint64_t);
}

bool hst_plan_is_for(
	const struct hst_plan_section *section, const uint8_t *build_id, uint32_t build_id_bytes)
{
	return section->build_id_bytes == build_id_bytes && build_id_bytes != 0 &&
	       memcmp(section->build_id, build_id, build_id_bytes) == 0;
}

const struct hst_plan_section *hst_plan_pieces(
	const struct hst_plan *plan, const uint8_t *build_id, uint32_t build_id_bytes)
{
	for (uint32_t i = 0; i < hst_plan_sections(plan); i++) {
		const struct hst_plan_section *section = hst_plan_section(plan, i);

		if (section->kind == HST_PLAN_PIECES && !hst_plan_is_refused(plan, i) &&
			hst_plan_is_for(section, build_id, build_id_bytes)) {
			return section;
		}
	}
	return NULL;
}

/* Do offset and count lie within the file? */
static bool section_fits(const struct hst_plan_section *section, uint64_t size)
{
	return section->build_id_bytes <= sizeof section->build_id && section->offset % 8 == 0 &&
	       section->offset <= size &&
	       section->count <= (size - section->offset) / item_bytes(section->kind);
}

static bool filter_ascends(const uint64_t *listed, uint64_t count)
{
	for (uint64_t k = 1; k < count; k++) {
		if (listed[k - 1] >= listed[k]) {
			return false;
		}
	}
	return true;
}

static bool register_is_kept(uint32_t reg)
{
	return reg == 3 || reg == 6 || (reg >= 12 && reg <= 15);
}

static bool piece_is_sound(const struct hst_plan_piece *piece)
{
	uint32_t content = piece->content & HST_PLAN_CONTENT_MASK;

	return piece->kind != HST_PLAN_PLACE_NONE && piece->kind <= HST_PLAN_PLACE_CONSTANT &&
	       (piece->kind != HST_PLAN_PLACE_REGISTER || register_is_kept(piece->reg)) &&
	       (piece->kind != HST_PLAN_PLACE_SP || piece->offset >= 0) &&
	       (piece->width == 1 || piece->width == 2 || piece->width == 4 || piece->width == 8) &&
	       content <= HST_PLAN_CONTENT_BYTES &&
	       (content == HST_PLAN_CONTENT_SCALAR || piece->width == PIECE_ADDRESS_BYTES);
}

static bool pieces_are_sound(const struct hst_plan_piece *pieces, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		if (!piece_is_sound(&pieces[i])) {
			return false;
		}
	}
	return true;
}

/* The pieces of one call: a length stands behind each address that needs one. */
static bool call_is_sound(const struct hst_plan_piece *pieces, uint32_t count, bool *contents)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t content = pieces[i].content & HST_PLAN_CONTENT_MASK;

		if (content == HST_PLAN_CONTENT_BYTES &&
			(i + 1 == count || (pieces[i + 1].content & HST_PLAN_CONTENT_MASK) !=
						   HST_PLAN_CONTENT_SCALAR)) {
			return false;
		}
		*contents |= content != HST_PLAN_CONTENT_SCALAR;
	}
	return true;
}

static bool addresses_are_sound(uint64_t before, uint64_t ret, uint64_t fn)
{
	return ret > before && ret < HST_PLAN_ADDRESS_MAX && fn < HST_PLAN_ADDRESS_MAX;
}

static bool enters_are_sound(
	struct hst_plan *plan, const struct hst_plan_section *section, bool *contents)
{
	const struct hst_plan_section *pieces =
		hst_plan_pieces(plan, section->build_id, section->build_id_bytes);
	const struct hst_plan_enter *enters = (const void *)(plan->bytes + section->offset);
	const struct hst_plan_piece *first =
		pieces == NULL ? NULL : (const void *)(plan->bytes + pieces->offset);
	uint64_t known = pieces == NULL ? 0 : pieces->count;
	uint64_t before = 0;

	for (uint64_t i = 0; i < section->count; i++) {
		const struct hst_plan_enter *enter = &enters[i];

		if (!addresses_are_sound(before, enter->ret, enter->fn) || enter->reserved != 0 ||
			enter->pieces > HST_PLAN_CALL_PIECES_MAX || enter->pieces > known ||
			(enter->pieces != 0 && enter->first > known - enter->pieces) ||
			(enter->pieces != 0 &&
				!call_is_sound(first + enter->first, enter->pieces, contents))) {
			return false;
		}
		before = enter->ret;
	}
	return true;
}

static bool exits_are_sound(const struct hst_plan *plan, const struct hst_plan_section *section)
{
	const struct hst_plan_exit *exits = (const void *)(plan->bytes + section->offset);
	uint64_t before = 0;

	for (uint64_t i = 0; i < section->count; i++) {
		const struct hst_plan_piece *piece = &exits[i].piece;

		if (!addresses_are_sound(before, exits[i].ret, exits[i].fn) ||
			(piece->kind != HST_PLAN_PLACE_NONE &&
				(!piece_is_sound(piece) ||
					(piece->content & HST_PLAN_CONTENT_MASK) !=
						HST_PLAN_CONTENT_SCALAR))) {
			return false;
		}
		before = exits[i].ret;
	}
	return true;
}

void hst_plan_refuse(struct hst_plan *plan, uint32_t index)
{
	plan->refused[index / 8] |= (uint8_t)(1u << (index % 8));
}

static void refuse(struct hst_plan *plan, uint32_t index)
{
	hst_plan_refuse(plan, index);
	plan->refused_part = true;
}

/* Of one of the kinds about caches: its place in the file, and whose it is. */
static void look_at_memos(struct hst_plan *plan, uint32_t index, bool fits)
{
	const struct hst_plan_section *section = hst_plan_section(plan, index);

	plan->answers = true;
	if (!fits || section->build_id_bytes == 0 || section->flags != 0) {
		hst_plan_refuse(plan, index);
		plan->memos_refused = true;
	}
}

/* Ranges and filters. Pieces are looked at, too, before anything refers to them. false: the plan is refused. */
static bool check_sections(struct hst_plan *plan, uint64_t size)
{
	for (uint32_t i = 0; i < hst_plan_sections(plan); i++) {
		const struct hst_plan_section *section = hst_plan_section(plan, i);
		bool fits = section_fits(section, size);
		const void *items = plan->bytes + (fits ? section->offset : 0);

		if (is_of_memos(section->kind)) {
			look_at_memos(plan, i, fits);
			continue;
		}
		if (!is_of_arguments(section->kind)) {
			if (!fits || (section->kind == HST_PLAN_FILTER &&
					     !filter_ascends(items, section->count))) {
				return false;
			}
			plan->filters |= section->kind == HST_PLAN_FILTER;
			continue;
		}
		plan->arguments = true;
		if (!fits || section->build_id_bytes == 0 || section->flags != 0 ||
			(section->kind == HST_PLAN_PIECES &&
				!pieces_are_sound(items, section->count))) {
			refuse(plan, i);
		}
	}
	return true;
}

static void check_recipes(struct hst_plan *plan)
{
	for (uint32_t i = 0; i < hst_plan_sections(plan); i++) {
		const struct hst_plan_section *section = hst_plan_section(plan, i);
		bool contents = false;

		if (!is_recipe(section->kind) || hst_plan_is_refused(plan, i)) {
			continue;
		}
		if (section->kind == HST_PLAN_ENTER ? enters_are_sound(plan, section, &contents)
						    : exits_are_sound(plan, section)) {
			plan->recipes += section->count;
			plan->contents |= contents;
		} else {
			refuse(plan, i);
		}
	}
}

bool hst_plan_check(const uint8_t *bytes, uint64_t size, struct hst_plan *ret_plan)
{
	const struct hst_plan_header *header = (const void *)bytes;

	memset(ret_plan, 0, sizeof *ret_plan);
	if (size < sizeof *header || memcmp(header->magic, HST_PLAN_MAGIC, 8) != 0 ||
		header->major != HST_PLAN_MAJOR || header->bytes != size ||
		header->sections > HST_PLAN_SECTIONS_MAX ||
		header->sections > (size - sizeof *header) / sizeof(struct hst_plan_section)) {
		return false;
	}
	ret_plan->bytes = bytes;
	if (!check_sections(ret_plan, size)) {
		ret_plan->bytes = NULL;
		return false;
	}
	check_recipes(ret_plan);
	hst_plan_check_memos(ret_plan, size);
	return true;
}

bool hst_plan_trusts(int fd, uint64_t *ret_bytes)
{
	struct stat status = { 0 };

	if (hst_sys_fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) ||
		(status.st_uid != 0 && status.st_uid != hst_sys_geteuid()) ||
		(status.st_mode & 022) != 0 || status.st_size < 0) {
		return false;
	}
	*ret_bytes = (uint64_t)status.st_size;
	return true;
}

/* Private memory, so that what was checked cannot change. NULL: not to be had. */
static uint8_t *plan_load(int fd, uint64_t *ret_size)
{
	uint8_t *bytes = NULL;
	uint64_t done = 0;
	uint64_t size = 0;

	if (hst_plan_trusts(fd, &size) && size > 0 && size <= HST_PLAN_BYTES_MAX) {
		bytes = hst_sys_mmap(
			NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	}
	while (bytes != NULL && done < size) {
		long got = hst_sys_read(fd, bytes + done, size - done);

		if (got <= 0) {
			(void)hst_sys_munmap(bytes, size);
			return NULL;
		}
		done += (uint64_t)got;
	}
	*ret_size = size;
	return bytes;
}

bool hst_plan_read(const char *path)
{
	long fd = hst_sys_open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
	uint64_t size = 0;
	uint8_t *bytes;

	if (fd < 0) {
		return false;
	}
	bytes = plan_load((int)fd, &size);
	(void)hst_sys_close((int)fd);
	if (bytes == NULL) {
		return false;
	}
	if (!hst_plan_check(bytes, size, &hst_plan)) {
		(void)hst_sys_munmap(bytes, size);
		return false;
	}
	(void)hst_sys6(SYS_mprotect, (long)bytes, (long)size, PROT_READ, 0, 0, 0);
	return true;
}
