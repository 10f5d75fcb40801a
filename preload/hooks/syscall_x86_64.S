/* SPDX-License-Identifier: Apache-2.0 */
/*
 * syscall(number, ...): handed on without touching a register but rax or a byte of the caller's frame, so that a call that
 * returns twice or on another stack, and a caller that passes fewer than six arguments, see no difference.
 */
#define HST_SYS_EXIT_GROUP 231
#define HST_SYS_SECCOMP    317

	.text
	.globl	syscall
	.type	syscall, @function
	.p2align 4
syscall:
	.cfi_startproc
	cmpq	$HST_SYS_EXIT_GROUP, %rdi
	je	hst_syscall_noted
	cmpq	$HST_SYS_SECCOMP, %rdi
	je	hst_syscall_noted
	movq	hst_real_syscall(%rip), %rax
	testq	%rax, %rax
	je	hst_syscall_noted
	jmp	*%rax
	.cfi_endproc
	.size	syscall, .-syscall

	.section .note.GNU-stack,"",@progbits
