/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the registers that the hook's caller has values in, as struct hst_memo_frame, for hooks/memo.c, and returns for the
 * function where its call is answered.
 */
#include "core/offsets.h"
#include "hooks/keep_x86_64.inc"

	.macro	keep_frame
	keep_registers HST_MEMO_FRAME_BYTES
	movq	%rdi, HST_MEMO_FRAME_FN(%rsp)
	movq	%rsi, HST_MEMO_FRAME_SITE(%rsp)
	movq	%rsp, %rdi
	.endm

	.macro	drop_frame
	movq	HST_MEMO_FRAME_FN(%rsp), %rdi
	movq	HST_MEMO_FRAME_SITE(%rsp), %rsi
	addq	$HST_MEMO_FRAME_BYTES, %rsp
	.cfi_adjust_cfa_offset -HST_MEMO_FRAME_BYTES
	.endm

	.text
	.globl	hst_enter_memo
	.hidden	hst_enter_memo
	.type	hst_enter_memo, @function
	.p2align 5
hst_enter_memo:				/* rcx: struct hst_memo */
	.cfi_startproc
	keep_frame
	movq	%rcx, %rsi
	call	hst_memo_enter
	testl	%eax, %eax
	jne	.Lanswered
	drop_frame
	cmpb	$0, hst_memo_only(%rip)
	je	hst_enter_planned
	ret
.Lanswered:
	.cfi_adjust_cfa_offset HST_MEMO_FRAME_BYTES
	movq	HST_MEMO_FRAME_VALUE(%rsp), %rax
	movq	%rax, %xmm0
	movq	HST_MEMO_FRAME_CFA(%rsp), %rcx
	movq	0(%rsp), %rbx
	movq	8(%rsp), %rbp
	movq	16(%rsp), %r12
	movq	24(%rsp), %r13
	movq	32(%rsp), %r14
	movq	40(%rsp), %r15
	/*
	 * Two calls are left, the function's and the hook's, so there are two returns, or the processor foresees none that
	 * follows: the first one to the second, by the slot below the function's own return address.
	 */
	leaq	.Lreturn(%rip), %rdx
	movq	%rdx, -16(%rcx)
	leaq	-16(%rcx), %rsp
	.cfi_endproc
	.cfi_startproc
	.cfi_def_cfa_offset 16
	ret
	.cfi_def_cfa_offset 8
.Lreturn:
	ret
	.cfi_endproc
	.size	hst_enter_memo, .-hst_enter_memo

	.globl	hst_exit_memo
	.hidden	hst_exit_memo
	.type	hst_exit_memo, @function
	.p2align 5
hst_exit_memo:				/* rdx: struct hst_memo_way_out */
	.cfi_startproc
	keep_frame
	movq	%rdx, %rsi
	call	hst_memo_exit
	drop_frame
	cmpb	$0, hst_memo_only(%rip)
	je	hst_exit_judged
	ret
	.cfi_endproc
	.size	hst_exit_memo, .-hst_exit_memo

	.section .note.GNU-stack,"",@progbits
