/* SPDX-License-Identifier: Apache-2.0 */
/*
 * __cyg_profile_func_enter(fn, call_site), the common case: the predicted instance, in its place on the stack, with
 * room in the window. In assembly because compilers save six registers here, which costs more than a clock read's half;
 * everything else is a tail jump to C with the arguments and the stack as they came.
 *
 * It does what enter_unpredicted in function.c does, in this order: guard, predict, frame address, entry, window, time,
 * record, push, guard off. A signal may come, or the process may be killed, between any two of these: an entry above
 * `top` and a record behind `cur` do not exist.
 *
 *   rdi fn   rsi call_site   r8 stream   r9 top   r10 id   r11 ident, later window   rcx cfa, later cur
 */
#include "core/offsets.h"

	.text
	.globl	hst_enter_planned
	.hidden	hst_enter_planned
	.globl	__cyg_profile_func_enter
	.type	__cyg_profile_func_enter, @function
	.p2align 6
__cyg_profile_func_enter:
	.cfi_startproc
	cmpq	$0, hst_excluded(%rip)
	jne	.Lfiltered
	movq	hst_self@gottpoff(%rip), %rax
	movq	%fs:(%rax), %r8
	testq	%r8, %r8
	je	.Lforeign
	leaq	8(%rsp), %rcx
	xorl	%eax, %eax
	cmpxchgq	%rcx, HST_STREAM_GUARD(%r8)	/* hst_guard_take */
	jne	.Lforeign
	cmpl	$HST_MODE_IS_PROFILE, HST_STREAM_MODE(%r8)
	je	hst_enter_profile

	/* id = predictor[slot of (caller's id, caller's latest callee)] */
	movq	HST_STREAM_TOP(%r8), %r9
	movzwl	HST_OPEN_ID(%r9), %eax
	movzwl	HST_OPEN_LAST(%r9), %edx
	imull	$2654435761, %eax, %eax
	imull	$2246822519, %edx, %edx
	addl	%edx, %eax
	shrl	$20, %eax
	movzwl	HST_STREAM_PREDICTOR(%r8,%rax,2), %r10d
	leaq	(%r10,%r10,2), %rax
	leaq	HST_STREAM_IDENTS(%r8,%rax,8), %r11
	movq	(%rsp), %rax
	cmpq	%rax, HST_IDENT_RET(%r11)
	jne	hst_enter_unpredicted

	/* cfa = sp + k; lo <= cfa < top's, by one unsigned compare; its slot holds call_site */
	movl	HST_IDENT_K(%r11), %eax
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
	jne	hst_enter_unpredicted
	leaq	HST_OPEN_BYTES(%r9), %rax
	cmpq	HST_STREAM_END(%r8), %rax
	jae	hst_enter_unpredicted
	orl	HST_IDENT_GROUP(%r11), %edx
	movq	(%rsp), %rax
	movq	%rax, HST_OPEN_BYTES+HST_OPEN_RET(%r9)
	movq	%rcx, HST_OPEN_BYTES+HST_OPEN_CFA(%r9)
	movq	%rdi, HST_OPEN_BYTES+HST_OPEN_FN(%r9)
	movl	%esi, HST_OPEN_BYTES+HST_OPEN_CALL(%r9)
	movl	%edx, HST_OPEN_BYTES+HST_OPEN_GROUP(%r9)
	movl	%r10d, HST_OPEN_BYTES+HST_OPEN_ID(%r9)	/* and last = 0 */

	movq	HST_STREAM_WINDOW(%r8), %r11
	movq	hst_sink(%rip), %rax
	movq	HST_HEADER_WATCH(%rax), %rax
	cmpq	HST_WINDOW_SEEN(%r11), %rax
	jne	hst_enter_unpredicted
	movq	HST_WINDOW_CUR(%r11), %rcx
	cmpq	HST_WINDOW_LIMIT(%r11), %rcx
	jae	hst_enter_unpredicted

	rdtsc
	shlq	$32, %rdx
	orq	%rdx, %rax
	movq	HST_STREAM_CANARY_AT(%r8), %rdx		/* hst_canary_alive, behind the clock: core/cpu.h */
	movq	%fs:(%rdx), %rdx
	cmpq	HST_STREAM_CANARY(%r8), %rdx
	jne	hst_enter_unpredicted
	shrq	$HST_TIME_DROPPED, %rax
	movq	%rax, %rdx
	subq	HST_STREAM_TIME(%r8), %rdx
	cmpq	$HST_TIME_FIELD, %rdx
	ja	hst_enter_unpredicted
	movq	%rax, HST_STREAM_TIME(%r8)
	orl	$HST_HEAD_PREDICTED, %edx
	movl	%edx, (%rcx)				/* head and end mark in one store */
	addq	$2, %rcx
	movq	%rcx, HST_WINDOW_CUR(%r11)
	movw	%r10w, HST_OPEN_LAST(%r9)
	addq	$HST_OPEN_BYTES, %r9
	movq	%r9, HST_STREAM_TOP(%r8)
	movq	$0, HST_STREAM_GUARD(%r8)
	ret

.Lequal:
	/* The same frame: an inlined instance that is not open yet, or something to repair. */
	cmpq	HST_OPEN_CFA(%r9), %rcx
	jne	hst_enter_unpredicted
	cmpl	%esi, HST_OPEN_CALL(%r9)
	jne	hst_enter_unpredicted
	movl	HST_OPEN_GROUP(%r9), %edx
	testl	HST_IDENT_GROUP(%r11), %edx
	jne	hst_enter_unpredicted
	jmp	.Lplaced
.Lforeign:
	jmp	hst_enter_foreign
.Lfiltered:
	/* Is it a function that is answered from a cache? Asked first: where such calls begin must be seen whatever is recorded. */
	movq	hst_memo_enters(%rip), %r10
	testq	%r10, %r10
	je	.Lnone
	movq	(%rsp), %rdx
	movabsq	$HST_EXCLUDED_FACTOR, %rax
	imulq	%rdx, %rax
	shrq	$64 - HST_MEMO_ENTER_BITS, %rax
.Lprobe:
	movq	%rax, %r11
	shlq	$HST_MEMO_SITE_SHIFT, %r11
	movq	(%r10,%r11), %rcx
	cmpq	%rdx, %rcx
	je	.Lmemo
	incl	%eax
	andl	$(1 << HST_MEMO_ENTER_BITS) - 1, %eax
	testq	%rcx, %rcx
	jne	.Lprobe
.Lnone:
	cmpb	$0, hst_memo_only(%rip)
	jne	hst_enter_unknown
hst_enter_planned:
	/* Most of the excluded functions lie in the first slot of their hash. */
	movq	hst_excluded(%rip), %r10
	testq	%r10, %r10
	je	hst_enter_filtered			/* the reason for it went just now */
	movabsq	$HST_EXCLUDED_FACTOR, %rax
	imulq	%rdi, %rax
	shrq	$HST_EXCLUDED_SHIFT, %rax
	cmpq	%rdi, (%r10,%rax,8)
	jne	.Lkept
	ret
.Lkept:
	cmpq	$0, hst_recipes(%rip)
	je	hst_enter_filtered
	jmp	hst_enter_args
.Lmemo:
	movq	HST_MEMO_SITE_WHAT(%r10,%r11), %rcx
	jmp	hst_enter_memo
	.cfi_endproc
	.size	__cyg_profile_func_enter, .-__cyg_profile_func_enter

	.section .note.GNU-stack,"",@progbits
