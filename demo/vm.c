/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interpreter: a stack machine. One instruction per line; "label N" marks a place. Whatever
 * goes wrong in a run leaves it by longjmp.
 */
#include "grader.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STACK_MAX 64
#define LABELS    16
#define VARIABLES 26

enum opcode {
	OP_PUSH,
	OP_LOAD,
	OP_STORE,
	OP_ADD,
	OP_SUB,
	OP_MUL,
	OP_DIV,
	OP_MOD,
	OP_LESS,
	OP_EQUAL,
	OP_JUMP,
	OP_JUMP_ZERO,
	OP_LABEL,
	OP_READ,
	OP_LEFT,
	OP_PRINT,
	OP_HALT,
	OP_COUNT
};

static const char *const names[OP_COUNT] = { "push", "load", "store", "add", "sub", "mul", "div",
	"mod", "less", "equal", "jump", "jumpz", "label", "read", "left", "print", "halt" };

struct instruction {
	enum opcode code;
	long operand;
};

struct vm {
	struct instruction code[CODE_MAX];
	size_t code_size;
	size_t labels[LABELS];
	long variables[VARIABLES];
	long stack[STACK_MAX];
	size_t height;
	size_t next; /* instruction */
	size_t read; /* numbers of the input used up */
	long steps;
	const struct test *test;
	struct text *output;
	jmp_buf failed;
};

void text_add(struct text *text, const char *bytes, size_t count)
{
	if (text->used + count + 1 > text->room) {
		text->room = 2 * (text->used + count + 1);
		text->bytes = realloc(text->bytes, text->room);
	}
	memcpy(text->bytes + text->used, bytes, count);
	text->used += count;
	text->bytes[text->used] = '\0';
}

/* Leaves the run: never returns. */
static void vm_fail(struct vm *vm, enum verdict verdict)
{
	longjmp(vm->failed, (int)verdict);
}

static void push(struct vm *vm, long value)
{
	if (vm->height == STACK_MAX) {
		vm_fail(vm, VERDICT_CRASHED);
	}
	vm->stack[vm->height++] = value;
}

static long pop(struct vm *vm)
{
	if (vm->height == 0) {
		vm_fail(vm, VERDICT_CRASHED);
	}
	return vm->stack[--vm->height];
}

static long divide(struct vm *vm, long a, long b, int rest)
{
	if (b == 0) {
		vm_fail(vm, VERDICT_CRASHED);
	}
	return rest ? a % b : a / b;
}

static void arithmetic(struct vm *vm, enum opcode code)
{
	long b = pop(vm);
	long a = pop(vm);

	switch (code) {
	case OP_ADD:
		push(vm, a + b);
		break;
	case OP_SUB:
		push(vm, a - b);
		break;
	case OP_MUL:
		push(vm, (long)((unsigned long)a * (unsigned long)b));
		break;
	case OP_LESS:
		push(vm, a < b);
		break;
	case OP_EQUAL:
		push(vm, a == b);
		break;
	default:
		push(vm, divide(vm, a, b, code == OP_MOD));
		break;
	}
}

static void print_number(struct vm *vm, long number)
{
	char line[32];
	int length = snprintf(line, sizeof line, "%ld\n", number);

	text_add(vm->output, line, (size_t)length);
}

static void jump(struct vm *vm, long label)
{
	vm->next = vm->labels[(size_t)label % LABELS];
}

static void move(struct vm *vm, const struct instruction *instruction)
{
	size_t variable = (size_t)instruction->operand % VARIABLES;

	switch (instruction->code) {
	case OP_PUSH:
		push(vm, instruction->operand);
		break;
	case OP_LOAD:
		push(vm, vm->variables[variable]);
		break;
	case OP_STORE:
		vm->variables[variable] = pop(vm);
		break;
	case OP_READ:
		if (vm->read == vm->test->inputs) {
			vm_fail(vm, VERDICT_CRASHED);
		}
		push(vm, vm->test->input[vm->read++]);
		break;
	case OP_LEFT:
		push(vm, (long)(vm->test->inputs - vm->read));
		break;
	default:
		print_number(vm, pop(vm));
		break;
	}
}

/* 0 when the program is at its end. */
static int vm_step(struct vm *vm)
{
	const struct instruction *instruction = &vm->code[vm->next++];

	switch (instruction->code) {
	case OP_HALT:
		return 0;
	case OP_LABEL:
		break;
	case OP_JUMP:
		jump(vm, instruction->operand);
		break;
	case OP_JUMP_ZERO:
		if (pop(vm) == 0) {
			jump(vm, instruction->operand);
		}
		break;
	case OP_ADD:
	case OP_SUB:
	case OP_MUL:
	case OP_DIV:
	case OP_MOD:
	case OP_LESS:
	case OP_EQUAL:
		arithmetic(vm, instruction->code);
		break;
	default:
		move(vm, instruction);
		break;
	}
	return vm->next < vm->code_size;
}

static int opcode_of(const char *name)
{
	for (int i = 0; i < OP_COUNT; i++) {
		if (strcmp(names[i], name) == 0) {
			return i;
		}
	}
	return -1;
}

/* Variables are letters, everything else is a number. 0, or -1 for an unknown instruction. */
static int assemble_line(struct vm *vm, const char *line, size_t length)
{
	char *copy = strndup(line, length);
	char name[16] = "";
	char operand[32] = "0";
	int code;

	sscanf(copy, "%15s %31s", name, operand);
	free(copy);
	code = opcode_of(name);
	if (code < 0 || vm->code_size == CODE_MAX) {
		return -1;
	}
	vm->code[vm->code_size].code = (enum opcode)code;
	vm->code[vm->code_size].operand = operand[0] >= 'a' && operand[0] <= 'z'
						  ? operand[0] - 'a'
						  : strtol(operand, NULL, 10);
	if (code == OP_LABEL) {
		vm->labels[(size_t)vm->code[vm->code_size].operand % LABELS] = vm->code_size;
	}
	vm->code_size++;
	return 0;
}

/* The same source is translated again for every test. */
static int assemble(struct vm *vm, const char *source)
{
	while (*source != '\0') {
		size_t length = strcspn(source, "\n");

		if (assemble_line(vm, source, length) != 0) {
			return -1;
		}
		source += length + (source[length] == '\n');
	}
	return 0;
}

enum verdict vm_run(const char *source, const struct test *test, long limit, struct text *output)
{
	struct vm *vm = calloc(1, sizeof *vm);
	enum verdict verdict = VERDICT_ACCEPTED;
	int failed;

	vm->test = test;
	vm->output = output;
	if (assemble(vm, source) != 0) {
		free(vm);
		return VERDICT_INVALID;
	}
	failed = setjmp(vm->failed);
	if (failed != 0) {
		verdict = (enum verdict)failed;
	} else {
		while (vm_step(vm)) {
			if (++vm->steps > limit) {
				vm_fail(vm, VERDICT_TOO_SLOW);
			}
		}
	}
	free(vm);
	return verdict;
}
