/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is the key that a proof of purity claims all that decides a function's result? Linked with the functions; reads lines from
 * the standard input, one per function, all numbers but the name:
 *   name address uses_fp  count (register bytes)...  count (offset bytes)...  count (result bytes count (register bytes)...)...
 * and calls each with the same key and everything else changed: other parts of registers, the stack, flags, MXCSR, the older
 * floating-point unit. A result that differs is printed. Status 1: some did; with --weaken, each part of each key is left
 * out in turn, and what is printed is of how many parts the lack was found.
 */
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#define REGS    16
#define SLOTS   32     /* of the caller's frame, eight bytes each */
#define GARBAGE 8192   /* bytes below it that are changed too */
#define STACK   262144 /* bytes */
#define PARTS   48

struct machine {
	uint64_t regs[REGS]; /* by DWARF number */
	uint64_t vectors[REGS][2];
	uint64_t flags;
	uint32_t mxcsr;
	uint32_t x87;
};

void keys_call(const struct machine *in);
void (*keys_target)(void);
struct machine keys_out;

/* A register (0..15, 17.. vectors) or, from SLOT on, an offset in the caller's frame; and so many bytes. */
#define SLOT 64

struct part {
	int where, bytes;
};

struct claim {
	char name[256];
	unsigned long address;
	int uses_fp;
	int count;
	struct part parts[PARTS];
	int results;
	struct {
		int which, bytes, count;
		struct part more[PARTS];
	} result[4];
};

static uint8_t *stack;
static sigjmp_buf back;
static uint64_t state = 0x9e3779b97f4a7c15u;
static uint64_t slots[SLOTS];
static int only_small;

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1du;
}

/* Small numbers are those that functions tell apart. */
static uint64_t number(void)
{
	uint64_t any = next();

	switch (next() % (only_small ? 4 : 9)) {
	case 0:
	case 1:
	case 2:
		return any % 12;
	case 3:
		return (uint64_t) - (int64_t)(any % 5) ^ (only_small ? 0 : (next() & 1) << 32);
	case 4:
		return any % 300;
	case 5:
		return any & 0xffffffff;
	case 6:
		return (any << 32) | (next() % 8);
	case 7:
		return UINT64_C(1) << (any % 64);
	default:
		return any;
	}
}

static void vector(uint64_t into[2])
{
	for (int i = 0; i < 2; i++) {
		double wide = (double)(int64_t)(next() % 41) / 4 - 3;
		float narrow[2] = { (float)(next() % 9) - 2, (float)(next() % 17) / 8 };

		switch (next() % 4) {
		case 0:
		case 1:
			memcpy(&into[i], &wide, 8);
			break;
		case 2:
			memcpy(&into[i], narrow, 8);
			break;
		default:
			into[i] = number();
			break;
		}
	}
}

/* Everything anew. */
static void shuffle(struct machine *in, int uses_fp)
{
	for (int i = 0; i < REGS; i++) {
		in->regs[i] = number();
		vector(in->vectors[i]);
	}
	in->flags = 0x202 | (next() & 0x8d5);
	in->mxcsr = 0x1f80 | (uint32_t)(next() & 0x3f);
	if (!uses_fp) {
		in->mxcsr |= (uint32_t)(next() & 0xe040);
	}
	in->x87 = (uint32_t)next() & 1;
	for (int i = 0; i < SLOTS; i++) {
		slots[i] = number();
	}
}

static uint8_t *place_of(struct machine *in, uint64_t *frame, int where)
{
	if (where >= SLOT) {
		return (uint8_t *)frame + (where - SLOT);
	}
	return where >= 17 ? (uint8_t *)in->vectors[where - 17] : (uint8_t *)&in->regs[where];
}

static void keep_parts(struct machine *in, struct machine *base, uint64_t *base_slots,
	const struct part *parts, int count)
{
	for (int i = 0; i < count; i++) {
		memcpy(place_of(in, slots, parts[i].where),
			place_of(base, base_slots, parts[i].where), (size_t)parts[i].bytes);
	}
}

static void caught(int number)
{
	siglongjmp(back, number);
}

static void set_timer(int microseconds)
{
	struct itimerval timer = { .it_value = { .tv_usec = microseconds } };

	setitimer(ITIMER_VIRTUAL, &timer, NULL);
}

/* 0, or the signal that ended the call. */
static int call(struct machine *in)
{
	uint64_t *frame = (uint64_t *)(void *)(stack + STACK - SLOTS * 8 - 64);
	int number = sigsetjmp(back, 1);

	if (number != 0) {
		uint32_t usual = 0x1f80;

		set_timer(0);
		__asm__ volatile("fninit\n\tldmxcsr %0\n\tcld" : : "m"(usual));
		return number;
	}
	memcpy(frame, slots, sizeof slots);
	for (size_t i = 1; i <= GARBAGE / 8; i++) {
		frame[-(ptrdiff_t)i] = next();
	}
	in->regs[7] = (uint64_t)frame;
	set_timer(3000);
	keys_call(in);
	set_timer(0);
	if (keys_out.regs[7] != in->regs[7] || keys_out.regs[3] != in->regs[3] ||
		keys_out.regs[6] != in->regs[6] ||
		memcmp(&keys_out.regs[12], &in->regs[12], 32) != 0) {
		return -1;
	}
	return 0;
}

static const uint8_t *result_of(int which)
{
	return which < 2 ? (const uint8_t *)&keys_out.regs[which]
			 : (const uint8_t *)keys_out.vectors[which - 2];
}

static void print(const char *title, const uint8_t *bytes, int count)
{
	printf(" %s", title);
	while (count > 0) {
		printf("%02x", bytes[--count]);
	}
}

static int differs(const struct claim *claim, int which, struct machine *base, uint64_t *base_slots,
	int variants, int quiet)
{
	uint8_t first[16];
	struct machine in = *base;
	int bytes = claim->result[which].bytes;
	int ended;

	memcpy(slots, base_slots, sizeof slots);
	ended = call(&in);
	if (ended == SIGVTALRM) {
		return -1;
	}
	memcpy(first, result_of(claim->result[which].which), 16);
	for (int i = 0; i < variants; i++) {
		int again;

		shuffle(&in, claim->uses_fp);
		keep_parts(&in, base, base_slots, claim->parts, claim->count);
		keep_parts(&in, base, base_slots, claim->result[which].more,
			claim->result[which].count);
		again = call(&in);
		if (again == SIGVTALRM || (again == ended && ended > 0)) {
			continue;
		}
		if (again == ended && ended == 0 &&
			memcmp(first, result_of(claim->result[which].which), (size_t)bytes) == 0) {
			continue;
		}
		if (!quiet) {
			printf("%s: result %d, ended by %d and %d:", claim->name,
				claim->result[which].which, ended, again);
			print("", first, bytes);
			print("but", result_of(claim->result[which].which), bytes);
			for (int j = 0; j < claim->count; j++) {
				print("key", place_of(base, base_slots, claim->parts[j].where),
					claim->parts[j].bytes);
			}
			printf("\n");
		}
		return 1;
	}
	return 0;
}

/* 1: a result differs */
static int try_claim(const struct claim *claim, int rounds, int quiet)
{
	int late = 0;

	only_small = 0;
	for (int i = 0; i < rounds; i++) {
		struct machine base;
		uint64_t base_slots[SLOTS];

		shuffle(&base, claim->uses_fp);
		memcpy(base_slots, slots, sizeof slots);
		for (int j = 0; j < claim->results; j++) {
			int found = differs(claim, j, &base, base_slots, 4, quiet);

			if (found > 0) {
				return 1;
			}
			/* Some functions run for long on what is not small. */
			late += found < 0;
			only_small = late > 4;
			if (late > 12) {
				return 0;
			}
		}
	}
	return 0;
}

static int read_parts(struct part *parts, int stacked)
{
	int count = 0;

	if (scanf("%d", &count) != 1 || count > PARTS / 2) {
		return -1;
	}
	for (int i = 0; i < count; i++) {
		if (scanf("%d %d", &parts[i].where, &parts[i].bytes) != 2) {
			return -1;
		}
		parts[i].where += stacked ? SLOT : 0;
	}
	return count;
}

static int read_claim(struct claim *claim)
{
	int count;

	memset(claim, 0, sizeof *claim);
	if (scanf("%255s %lu %d", claim->name, &claim->address, &claim->uses_fp) != 3) {
		return 0;
	}
	claim->count = read_parts(claim->parts, 0);
	count = claim->count < 0 ? -1 : read_parts(claim->parts + claim->count, 1);
	if (count < 0 || scanf("%d", &claim->results) != 1 || claim->results > 4) {
		return 0;
	}
	claim->count += count;
	for (int i = 0; i < claim->results; i++) {
		if (scanf("%d %d", &claim->result[i].which, &claim->result[i].bytes) != 2) {
			return 0;
		}
		claim->result[i].count = read_parts(claim->result[i].more, 0);
		if (claim->result[i].count < 0) {
			return 0;
		}
	}
	return 1;
}

/* Without each part in turn: of how many is the lack found? */
static void weaken(const struct claim *claim, int rounds)
{
	int found = 0;

	for (int i = 0; i < claim->count; i++) {
		struct claim weak = *claim;

		weak.parts[i] = weak.parts[--weak.count];
		for (int j = 0; j < weak.results; j++) {
			for (int k = 0; k < weak.result[j].count; k++) {
				if (weak.result[j].more[k].where == claim->parts[i].where) {
					weak.result[j].more[k--] =
						weak.result[j].more[--weak.result[j].count];
				}
			}
		}
		found += try_claim(&weak, rounds, 1);
	}
	printf("%s weakened: %d of %d found\n", claim->name, found, claim->count);
}

static void prepare(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP,
		SIGVTALRM };
	static uint8_t other[65536];
	stack_t alternate = { .ss_sp = other, .ss_size = sizeof other };
	struct sigaction action = { .sa_handler = caught, .sa_flags = SA_ONSTACK };

	stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (stack == MAP_FAILED || mprotect(stack, 4096, PROT_NONE) != 0 ||
		sigaltstack(&alternate, NULL) != 0) {
		exit(2);
	}
	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
		sigaction(signals[i], &action, NULL);
	}
}

int main(int argc, char **argv)
{
	int weak = argc > 2 && strcmp(argv[2], "--weaken") == 0;
	/* Where the file's addresses begin. */
	unsigned long base = argc > 1 ? (unsigned long)&main - strtoul(argv[1], NULL, 0) : 0;
	struct claim claim;
	int wrong = 0;
	int count = 0;

	prepare();
	for (; read_claim(&claim); count++) {
		keys_target = (void (*)(void))(
			base + claim.address); /* NOLINT(performance-no-int-to-ptr) */
		if (weak) {
			weaken(&claim, 150);
		} else {
			wrong += try_claim(&claim, 60, 0);
		}
		fflush(stdout);
	}
	printf("%d functions, %d wrong\n", count, wrong);
	fflush(stdout);
	_exit(wrong != 0);
}
