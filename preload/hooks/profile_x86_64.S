/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profile mode's enter, the common case: the context that was called last time at this place, its frame in place.
 * Reached by a jump from __cyg_profile_func_enter or one of its slower sides, with the guard set and the stack as it came.
 * What it writes is what hst_tree_open in stacks/tree.h does; in assembly for the reason that enter_x86_64.S gives.
 *
 *   rdi fn   rsi call_site, later node   r8 stream   r9 top   r10 context   r11 block   rcx cfa
 */
#include "core/offsets.h"

	.text
	.globl	hst_enter_profile
	.hidden	hst_enter_profile
	.type	hst_enter_profile, @function
	.p2align 6
hst_enter_profile:
	.cfi_startproc
	movq	hst_self@gottpoff(%rip), %rax
	movq	%fs:(%rax), %r8
	leaq	8(%rsp), %rcx

	/* The file is ours, nobody wants us to look up, and there is room on the shadow stack. */
	movq	HST_STREAM_WINDOW(%r8), %rdx
	movq	hst_sink(%rip), %rax
	movq	HST_HEADER_WATCH(%rax), %rax
	cmpq	HST_WINDOW_SEEN(%rdx), %rax
	jne	hst_enter_slow
	movq	HST_WINDOW_BLOCK(%rdx), %r11
	testq	%r11, %r11
	je	hst_enter_slow
	movq	HST_STREAM_TOP(%r8), %r9
	leaq	HST_OPEN_BYTES(%r9), %rax
	cmpq	HST_STREAM_END(%r8), %rax
	jae	hst_enter_slow

	/* context = nodes + guess[callee of the caller].child, if that was called by the same context */
	movq	HST_STREAM_TREE(%r8), %rdx
	movslq	HST_OPEN_CALLEE(%r9), %rax
	movq	HST_TREE_GUESS(%rdx), %rdx
	leaq	(%rdx,%rax,8), %rdx
	movl	HST_GUESS_CHILD(%rdx), %eax
	movl	HST_GUESS_PARENT(%rdx), %edx
	leaq	(,%rax,8), %r10
	subq	%rax, %r10
	shlq	$6, %r10				/* HST_NODE_BYTES */
	leaq	HST_BLOCK_NODES(%r11,%r10), %r10
	cmpl	HST_OPEN_NODE(%r9), %edx
	jne	hst_enter_profile_search
	movq	(%rsp), %rdx
	cmpq	HST_NODE_RET(%r10), %rdx
	jne	hst_enter_profile_search
	movl	%eax, HST_OPEN_BYTES+HST_OPEN_NODE(%r9)
	movq	%rdx, HST_OPEN_BYTES+HST_OPEN_RET(%r9)

	/* cfa = sp + k, as in enter_x86_64.S */
	movl	HST_NODE_K(%r10), %eax
	addq	%rax, %rcx
	movq	HST_OPEN_CFA(%r9), %rdx
	movq	%rcx, %rax
	subq	HST_STREAM_LO(%r8), %rax
	subq	HST_STREAM_LO(%r8), %rdx
	cmpq	%rdx, %rax
	jae	.Lequal
	xorl	%edx, %edx
.Lplaced:
	cmpq	%rsi, -8(%rcx)
	jne	hst_enter_slow
	orl	HST_NODE_GROUP(%r10), %edx
	movq	%rcx, HST_OPEN_BYTES+HST_OPEN_CFA(%r9)
	movq	%rdi, HST_OPEN_BYTES+HST_OPEN_FN(%r9)
	movl	%esi, HST_OPEN_BYTES+HST_OPEN_CALL(%r9)
	movl	%edx, HST_OPEN_BYTES+HST_OPEN_GROUP(%r9)
	movl	HST_OPEN_BYTES+HST_OPEN_NODE(%r9), %esi
	movq	%r10, HST_OPEN_BYTES+HST_OPEN_CONTEXT(%r9)
	movl	%esi, %eax
	notl	%eax
	movl	%eax, HST_OPEN_BYTES+HST_OPEN_CALLEE(%r9)
	movl	$0, HST_OPEN_BYTES+HST_OPEN_CARRIED(%r9)
	movl	%esi, HST_OPEN_CALLEE(%r9)
	movq	HST_OPEN_CONTEXT(%r9), %rdi

	rdtsc
	shlq	$32, %rdx
	orq	%rdx, %rax
	movq	HST_STREAM_CANARY_AT(%r8), %rdx		/* hst_canary_alive, behind the clock: core/cpu.h */
	movq	%fs:(%rdx), %rdx
	cmpq	HST_STREAM_CANARY(%r8), %rdx
	jne	.Lgap
	movq	%rax, %rdx
	subq	HST_BLOCK_LAST(%r11), %rdx
	cmpq	$HST_GAP, %rdx
	ja	.Lgap
	movq	%rax, HST_OPEN_BYTES+HST_OPEN_START(%r9)
	addq	$HST_OPEN_BYTES, %r9
	movq	%r9, HST_STREAM_TOP(%r8)
	addl	$1, HST_NODE_ACTIVE(%r10)
	addq	$1, HST_NODE_CALLS(%r10)
	movl	HST_BLOCK_DEPTH(%r11), %ecx
	cmpl	$HST_BLOCK_OPENS_MAX, %ecx
	jae	.Lunlisted
	movl	%ecx, %edx
	shll	$4, %edx
	movq	%rax, HST_BLOCK_OPENS(%r11,%rdx)
	movq	%rsi, HST_BLOCK_OPENS+8(%r11,%rdx)	/* node, and not carried */
.Lunlisted:
	addl	$1, %ecx
	movl	%ecx, HST_BLOCK_DEPTH(%r11)
	movq	%rax, %rdx
	subq	HST_BLOCK_LAST(%r11), %rdx
	movq	%rax, HST_BLOCK_LAST(%r11)
	addq	%rdx, HST_NODE_SELF(%rdi)
	movq	$0, HST_STREAM_GUARD(%r8)
	ret

.Lgap:
	/* Perhaps a look at the thread's clock is due: what was overwritten stands in the new entry and in the frame. */
	movq	HST_OPEN_BYTES+HST_OPEN_FN(%r9), %rdi
	movq	-8(%rcx), %rsi
	jmp	hst_enter_slow
.Lequal:
	cmpq	HST_OPEN_CFA(%r9), %rcx
	jne	hst_enter_slow
	cmpl	%esi, HST_OPEN_CALL(%r9)
	jne	hst_enter_slow
	movl	HST_OPEN_GROUP(%r9), %edx
	testl	HST_NODE_GROUP(%r10), %edx
	jne	hst_enter_slow
	jmp	.Lplaced
	.cfi_endproc
	.size	hst_enter_profile, .-hst_enter_profile

	.section .note.GNU-stack,"",@progbits
