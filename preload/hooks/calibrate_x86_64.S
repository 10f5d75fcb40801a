/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions for hooks/calibrate_keys.c: alike but for their addresses, with a number in rbx that changes from call to call. What
 * the hooks return to is known by name. rdi: struct hst_probe.
 */
	.macro	probe name
	.globl	\name, \name\()_enter, \name\()_exit
	.hidden	\name
	.hidden	\name\()_enter
	.hidden	\name\()_exit
	.type	\name, @function
	.p2align 4
\name:
	.cfi_startproc
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbx, 0
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r12, 0
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	movq	%rdi, %r12
	movq	16(%r12), %rbx
	leaq	\name(%rip), %rdi
	movq	24(%rsp), %rsi
	call	*0(%r12)
\name\()_enter:
	movq	%r12, %rdi
	call	hst_probe_work
	leaq	\name(%rip), %rdi
	movq	24(%rsp), %rsi
	call	*8(%r12)
\name\()_exit:
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	popq	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore r12
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore rbx
	ret
	.cfi_endproc
	.size	\name, .-\name
	.endm

	.text
	probe	hst_probe_none
	probe	hst_probe_key
	probe	hst_probe_both

	.section .note.GNU-stack,"",@progbits
