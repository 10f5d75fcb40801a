/* SPDX-License-Identifier: Apache-2.0 */
/*
 * void keys_call(const struct machine *in): calls keys_target with all registers, the flags, MXCSR and the stack as `in`
 * says; keys_out has what it leaves. The offsets are those of struct machine in keys.c.
 */
	.text
	.globl keys_call
	.type keys_call, @function
keys_call:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, keys_rsp(%rip)
	fninit
	cmpl $0, 396(%rdi)
	je 1f
	fld1
	fldpi
1:	ldmxcsr 392(%rdi)
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movups 128+16*\n(%rdi), %xmm\n
	.endr
	movq 56(%rdi), %rsp
	pushq 384(%rdi)
	popfq
	movq 0(%rdi), %rax
	movq 8(%rdi), %rdx
	movq 16(%rdi), %rcx
	movq 24(%rdi), %rbx
	movq 32(%rdi), %rsi
	movq 48(%rdi), %rbp
	movq 64(%rdi), %r8
	movq 72(%rdi), %r9
	movq 80(%rdi), %r10
	movq 88(%rdi), %r11
	movq 96(%rdi), %r12
	movq 104(%rdi), %r13
	movq 112(%rdi), %r14
	movq 120(%rdi), %r15
	movq 40(%rdi), %rdi
	call *keys_target(%rip)
	movq %rax, 0+keys_out(%rip)
	movq %rdx, 8+keys_out(%rip)
	movq %rbx, 24+keys_out(%rip)
	movq %rbp, 48+keys_out(%rip)
	movq %rsp, 56+keys_out(%rip)
	movq %r12, 96+keys_out(%rip)
	movq %r13, 104+keys_out(%rip)
	movq %r14, 112+keys_out(%rip)
	movq %r15, 120+keys_out(%rip)
	movups %xmm0, 128+keys_out(%rip)
	movups %xmm1, 144+keys_out(%rip)
	movq keys_rsp(%rip), %rsp
	fninit
	ldmxcsr keys_mxcsr(%rip)
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret
	.size keys_call, . - keys_call

	.data
	.balign 8
keys_rsp: .quad 0
keys_mxcsr: .long 0x1f80

	.section .note.GNU-stack, "", @progbits
