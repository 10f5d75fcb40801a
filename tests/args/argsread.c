/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A preload for tests that does what a plan says and nothing else: at each hook it reads the pieces and
 * writes their bytes to descriptor 9.
 *
 *   E RET FN BYTES   enter hook: file addresses, then the bytes of all pieces; "-" if the plan has no such site
 *   X RET FN VALUE   exit hook: the result, extended to 64 bits; "void", or "-"
 */
#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hasten/plan.h"

#define LOG        9
#define SCAN_BYTES 65536u

struct saved {
	uint64_t rbx, rbp, r12, r13, r14, r15, pad, ret;
};

__asm__(".macro hook name, target\n"
	".globl \\name\n"
	".type \\name, @function\n"
	"\\name:\n"
	"sub $8, %rsp\n"
	"push %r15\npush %r14\npush %r13\npush %r12\npush %rbp\npush %rbx\n"
	"mov %rsp, %rdx\n"
	"call \\target\n"
	"pop %rbx\npop %rbp\npop %r12\npop %r13\npop %r14\npop %r15\n"
	"add $8, %rsp\n"
	"ret\n"
	".endm\n"
	"hook __cyg_profile_func_enter, args_enter\n"
	"hook __cyg_profile_func_exit, args_exit\n");

void args_enter(char *fn, char *site, const struct saved *saved);
void args_exit(char *fn, char *site, const struct saved *saved);

static char *plan;
static const struct hst_plan_section *sections[5];

static const void *items(unsigned kind)
{
	return plan + sections[kind]->offset;
}

static void load(void)
{
	static char space[1 << 20] __attribute__((aligned(8)));
	FILE *file = fopen(getenv("ARGS_PLAN"), "re");
	const struct hst_plan_header *header = (const void *)space;
	const struct hst_plan_section *section = (const void *)(header + 1);

	if (file == NULL || fread(space, 1, sizeof space, file) < sizeof *header ||
		memcmp(header->magic, HST_PLAN_MAGIC, 8) != 0) {
		fputs("argsread: no plan in ARGS_PLAN\n", stderr);
		_exit(99);
	}
	fclose(file);
	plan = space;
	for (uint32_t i = 0; i < header->sections; i++) {
		if (section[i].kind < 5) {
			sections[section[i].kind] = &section[i];
		}
	}
}

static uint64_t cfa_of(const char *sp, const char *site)
{
	for (uint64_t i = 0; i < SCAN_BYTES; i += 8) {
		uint64_t value;

		memcpy(&value, sp + i, sizeof value);
		if (value == (uint64_t)(uintptr_t)site) {
			return (uint64_t)(uintptr_t)sp + i + 8;
		}
	}
	return 0;
}

/* The value of a piece, extended. */
static uint64_t read_piece(
	const struct hst_plan_piece *piece, const struct saved *saved, const char *site)
{
	const char *sp = (const char *)(saved + 1);
	const uint64_t regs[16] = { [3] = saved->rbx,
		[6] = saved->rbp,
		[12] = saved->r12,
		[13] = saved->r13,
		[14] = saved->r14,
		[15] = saved->r15 };
	unsigned shift = 64 - 8 * piece->width;
	uint64_t base = 0;
	uint64_t value = 0;

	switch (piece->kind) {
	case HST_PLAN_PLACE_REGISTER:
		value = regs[piece->reg];
		break;
	case HST_PLAN_PLACE_CONSTANT:
		value = (uint64_t)(int64_t)piece->offset;
		break;
	case HST_PLAN_PLACE_SP:
		base = (uint64_t)(uintptr_t)sp;
		break;
	case HST_PLAN_PLACE_RBP:
		base = saved->rbp;
		break;
	case HST_PLAN_PLACE_CFA:
		base = cfa_of(sp, site);
		break;
	default:
		break;
	}
	if (base != 0) {
		memcpy(&value, (const char *)(uintptr_t)base + piece->offset, piece->width);
	}
	value <<= shift;
	return (piece->content & HST_PLAN_CONTENT_SIGNED) != 0 ? (uint64_t)((int64_t)value >> shift)
							       : value >> shift;
}

/* File address of something in the program. */
static uint64_t address_in_file(const void *address)
{
	Dl_info info;
	const ElfW(Ehdr) * header;

	if (dladdr(address, &info) == 0) {
		return 0;
	}
	header = info.dli_fbase;
	return (uint64_t)(uintptr_t)address -
	       (header->e_type == ET_EXEC ? 0 : (uint64_t)(uintptr_t)info.dli_fbase);
}

static void say(const char *text, int length)
{
	if (write(LOG, text, (size_t)length) != length) {
		_exit(98);
	}
}

void args_enter(char *fn, char *site, const struct saved *saved)
{
	uint64_t ret = address_in_file((const void *)(uintptr_t)saved->ret);
	char text[2048];
	int at = snprintf(text, sizeof text, "E %llx %llx ", (unsigned long long)ret,
		(unsigned long long)address_in_file(fn));
	const struct hst_plan_enter *enters;
	bool known = false;

	if (plan == NULL) {
		load();
	}
	enters = items(HST_PLAN_ENTER);
	for (uint64_t i = 0; i < sections[HST_PLAN_ENTER]->count; i++) {
		const struct hst_plan_piece *pieces = items(HST_PLAN_PIECES);

		if (enters[i].ret != ret) {
			continue;
		}
		known = true;
		for (uint32_t j = 0; j < enters[i].pieces; j++) {
			const struct hst_plan_piece *piece = &pieces[enters[i].first + j];
			uint64_t value = read_piece(piece, saved, site);

			for (unsigned k = 0; k < piece->width; k++) {
				at += snprintf(text + at, sizeof text - at, "%02x",
					(unsigned)(value >> 8 * k & 0xff));
			}
		}
	}
	at += snprintf(text + at, sizeof text - at, known ? "\n" : "-\n");
	say(text, at);
}

void args_exit(char *fn, char *site, const struct saved *saved)
{
	uint64_t ret = address_in_file((const void *)(uintptr_t)saved->ret);
	uint64_t from = address_in_file(fn);
	char text[256];
	int at = snprintf(text, sizeof text, "X %llx %llx ", (unsigned long long)ret,
		(unsigned long long)from);
	const struct hst_plan_exit *exits;
	bool known = false;

	if (plan == NULL) {
		load();
	}
	exits = items(HST_PLAN_EXIT);
	for (uint64_t i = 0; i < sections[HST_PLAN_EXIT]->count; i++) {
		if (exits[i].ret != ret || exits[i].fn != from) {
			continue;
		}
		known = true;
		if (exits[i].piece.kind == HST_PLAN_PLACE_NONE) {
			at += snprintf(text + at, sizeof text - at, "void");
		} else {
			at += snprintf(text + at, sizeof text - at, "%llx",
				(unsigned long long)read_piece(&exits[i].piece, saved, site));
		}
	}
	at += snprintf(text + at, sizeof text - at, known ? "\n" : "-\n");
	say(text, at);
}
