/* SPDX-License-Identifier: Apache-2.0 */
/* What an image consists of, for those that look at its code. */
#ifndef HST_SYMBOLS_IMAGE_H
#define HST_SYMBOLS_IMAGE_H

#include "symbols/dwarf.h"
#include "symbols/symbols.h"

/* The debug information with all units read, NULL: there is none. Borrowed from the image. */
struct hst_dwarf *hst_image_dwarf(struct hst_image *image);
/* The same with the units of these addresses (ascending) read. */
struct hst_dwarf *hst_image_dwarf_of(
	struct hst_image *image, const uint64_t *addresses, size_t count);
/*
 * Where the code of the function that begins at `fn` lies: its hot part, .cold and .part. Fills in at most `room` ranges and
 * returns how many there are; 0: no function begins there.
 */
size_t hst_image_ranges(struct hst_image *image, uint64_t fn, struct hst_span *ranges, size_t room);
/* The file itself: its code, not the debug file. */
const struct hst_elf *hst_image_elf(const struct hst_image *image);

#endif
