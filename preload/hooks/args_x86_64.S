/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the registers that the hook's caller has values in, as struct hst_registers, for hooks/args.c. The C code there
 * would save them too, but nobody knows where. In profile mode there are no keys: the hooks go on as ever.
 */
#include "core/offsets.h"
#include "hooks/keep_x86_64.inc"

	.macro	stub name, plain, work
	.globl	\name
	.hidden	\name
	.type	\name, @function
	.p2align 4
\name:
	.cfi_startproc
	movq	hst_self@gottpoff(%rip), %rax
	movq	%fs:(%rax), %rax
	testq	%rax, %rax
	je	1f
	cmpl	$HST_MODE_IS_PROFILE, HST_STREAM_MODE(%rax)
	je	\plain
1:	keep_registers 56
	movq	%rsp, %rdx
	call	\work
	addq	$56, %rsp
	.cfi_adjust_cfa_offset -56
	ret
	.cfi_endproc
	.size	\name, .-\name
	.endm

	.text
	stub	hst_enter_args, hst_enter_filtered, hst_args_enter
	stub	hst_exit_args, hst_exit_filtered, hst_args_exit

	.section .note.GNU-stack,"",@progbits
