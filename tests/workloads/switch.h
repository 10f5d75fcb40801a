/* SPDX-License-Identifier: Apache-2.0 */
/* A switch of stacks by the program's own instructions, of which no library function tells. */
#ifndef SWITCH_H
#define SWITCH_H

/* Saves what a callee must keep, and goes on where `to` was saved. */
__asm__(".text\n"
	"switch_to:\n"
	"\tpush %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15\n"
	"\tmov %rsp, (%rdi)\n"
	"\tmov %rsi, %rsp\n"
	"\tpop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp\n"
	"\tret\n");
void switch_to(void **ret_from, void *to) __asm__("switch_to");

#endif
