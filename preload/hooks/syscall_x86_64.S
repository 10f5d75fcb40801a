/* SPDX-License-Identifier: Apache-2.0 */
/*
 * syscall(number, ...): handed on without touching a register but rax or a byte of the caller's frame, so that a call that
 * returns twice or on another stack, and a caller that passes fewer than six arguments, see no difference.
 */
#define HST_SYS_EXECVE     59
#define HST_SYS_EXECVEAT   322
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
	cmpq	$HST_SYS_EXECVE, %rdi
	je	hst_syscall_exec
	cmpq	$HST_SYS_EXECVEAT, %rdi
	je	hst_syscall_exec
	movq	hst_real_syscall(%rip), %rax
	testq	%rax, %rax
	je	hst_syscall_noted
	jmp	*%rax
	.cfi_endproc
	.size	syscall, .-syscall

/*
 * clone(fn, stack, flags, arg, ...): a child that shares our memory and has no thread pointer of its own would write into its
 * parent's stream while the parent does. Said before; the call itself goes on as it came.
 */
#define HST_CLONE_VM     0x00000100
#define HST_CLONE_VFORK  0x00004000
#define HST_CLONE_SETTLS 0x00080000

	.globl	clone
	.type	clone, @function
	.p2align 4
clone:
	.cfi_startproc
	movl	%edx, %eax
	andl	$(HST_CLONE_VM | HST_CLONE_VFORK | HST_CLONE_SETTLS), %eax
	cmpl	$HST_CLONE_VM, %eax
	je	.Lnoted
	movq	hst_real_clone(%rip), %rax
	testq	%rax, %rax
	je	.Lnoted
	jmp	*%rax
.Lnoted:
	pushq	%rdi
	.cfi_adjust_cfa_offset 8
	pushq	%rsi
	.cfi_adjust_cfa_offset 8
	pushq	%rdx
	.cfi_adjust_cfa_offset 8
	pushq	%rcx
	.cfi_adjust_cfa_offset 8
	pushq	%r8
	.cfi_adjust_cfa_offset 8
	pushq	%r9
	.cfi_adjust_cfa_offset 8
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	movl	%edx, %edi
	call	hst_clone_noted
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	popq	%r9
	.cfi_adjust_cfa_offset -8
	popq	%r8
	.cfi_adjust_cfa_offset -8
	popq	%rcx
	.cfi_adjust_cfa_offset -8
	popq	%rdx
	.cfi_adjust_cfa_offset -8
	popq	%rsi
	.cfi_adjust_cfa_offset -8
	popq	%rdi
	.cfi_adjust_cfa_offset -8
	jmp	*%rax
	.cfi_endproc
	.size	clone, .-clone

	.section .note.GNU-stack,"",@progbits
