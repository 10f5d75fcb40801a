/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rowread FILE: for each address on standard input (hexadecimal), what the unwind row there has a hook do to leave the function:
 *
 *   1050 plain 7 16 3:-16       the call frame address is rsp + 16, rbx is saved at it - 16
 *   1060 none|address|saved     or why no hook can
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "symbols/image.h"
#include "symbols/recipes_frame.h"

static void print_row(uint64_t address, const struct hst_frames *frames)
{
	static const char *const faults[] = { "plain", "none", "address", "saved" };
	struct hst_frame_row row;
	enum hst_frame_fault fault = hst_frames_row(frames, address, &row);

	printf("%" PRIx64 " %s", address, faults[fault]);
	if (fault == HST_FRAME_PLAIN) {
		printf(" %u %" PRId32, row.base, row.offset);
		for (unsigned i = 0; i < HST_REG_GENERAL; i++) {
			if (row.saved[i] != 0) {
				printf(" %u:%" PRId64, i, row.saved[i]);
			}
		}
	}
	putchar('\n');
}

int main(int argc, char **argv)
{
	struct hst_image *image = NULL;
	struct hst_frames frames;
	struct hst_diag diag = { "usage: rowread FILE" };
	char line[64];

	if (argc != 2 || hst_image_open(argv[1], NULL, 0, &image, &diag) != HST_OK ||
		hst_frames_open(hst_image_elf(image), &frames) != HST_OK) {
		fprintf(stderr, "rowread: %s\n", diag.text);
		return 1;
	}
	while (fgets(line, sizeof line, stdin) != NULL) {
		print_row(strtoull(line, NULL, 16), &frames);
	}
	hst_frames_close(&frames);
	hst_image_close(image);
	return 0;
}
