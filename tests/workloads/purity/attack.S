/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that only an assembler makes, against the proof of purity: n_*: none of them may be proven, for each reads or
 * leaves something that its key does not say. p_*: the same without the trap.
 */
#define FUNCTION(name) .globl name; .type name, @function; name: .cfi_startproc
#define END(name) .cfi_endproc; .size name, . - name

	.text

/* A shift by nothing leaves the flags as they were at entry. */
FUNCTION(n_shift_by_zero)
	movl $0, %ecx
	movl %edi, %eax
	shll %cl, %eax
	setc %al
	movzbl %al, %eax
	ret
END(n_shift_by_zero)

FUNCTION(n_shift_by_32)
	movl %edi, %eax
	.byte 0xc1, 0xe0, 0x20 /* shll $32, %eax */
	setz %al
	movzbl %al, %eax
	ret
END(n_shift_by_32)

FUNCTION(n_rotate_by_zero)
	movl %edi, %eax
	.byte 0xc1, 0xc0, 0x00 /* roll $0, %eax */
	setc %al
	movzbl %al, %eax
	ret
END(n_rotate_by_zero)

FUNCTION(n_double_shift_by_zero)
	movl %edi, %eax
	shldl $0, %esi, %eax
	setc %al
	movzbl %al, %eax
	ret
END(n_double_shift_by_zero)

FUNCTION(n_scan_of_zero) /* the register stays as it was */
	bsfl %edi, %eax
	ret
END(n_scan_of_zero)

FUNCTION(n_scan_back_of_zero)
	bsrq %rdi, %rax
	ret
END(n_scan_back_of_zero)

FUNCTION(n_carry)
	movl %edi, %eax
	adcl $0, %eax
	ret
END(n_carry)

FUNCTION(n_carry_of_call)
	subq $8, %rsp
	call p_one
	movl $0, %eax
	adcl $0, %eax
	addq $8, %rsp
	ret
END(n_carry_of_call)

FUNCTION(p_one)
	movl $1, %eax
	ret
END(p_one)

/* What the caller passed on the stack is overwritten by what nobody knows. */
FUNCTION(n_garbage_over_argument)
	subq $8, %rsp
	call p_one
	movq %r11, 16(%rsp)
	movq 16(%rsp), %rax
	addq $8, %rsp
	ret
END(n_garbage_over_argument)

FUNCTION(n_partial_garbage_over_argument)
	subq $8, %rsp
	call p_one
	movb $1, %r11b
	movl %r11d, 16(%rsp)
	testl %edi, %edi
	jz 1f
	nop
1:	movl 16(%rsp), %eax
	addq $8, %rsp
	ret
END(n_partial_garbage_over_argument)

FUNCTION(n_saved_over_argument) /* on one way */
	testl %edi, %edi
	jz 1f
	movq %rbx, 8(%rsp)
1:	movq 8(%rsp), %rax
	ret
END(n_saved_over_argument)

FUNCTION(n_frame_over_argument)
	testl %edi, %edi
	jz 1f
	movq %rsp, 8(%rsp)
1:	movq 8(%rsp), %rax
	ret
END(n_frame_over_argument)

/* The way to the counter seems not to come back: its call is the last instruction of an entry for unwinding. */
FUNCTION(n_runs_on)
	testl %edi, %edi
	js 1f
	movl %edi, %eax
	ret
1:	incl counter(%rip)
	subq $8, %rsp
	.cfi_adjust_cfa_offset 8
	call p_one
END(n_runs_on)
	.cfi_startproc
	.cfi_def_cfa_offset 16
	movl counter(%rip), %eax
	addq $8, %rsp
	.cfi_def_cfa_offset 8
	ret
	.cfi_endproc

/* 32 bytes, of which 16 were written */
FUNCTION(n_wide_memory)
	movq $0, -64(%rsp)
	movq $0, -56(%rsp)
	vcvtpd2psy -64(%rsp), %xmm0
	ret
END(n_wide_memory)

FUNCTION(n_evex) /* the first source is an operand further on */
	{evex} vaddsd %xmm9, %xmm0, %xmm0
	ret
END(n_evex)

FUNCTION(n_evex_masked)
	{evex} vaddsd %xmm1, %xmm2, %xmm0{%k1}
	ret
END(n_evex_masked)

FUNCTION(n_evex_source)
	{evex} vmulsd %xmm0, %xmm9, %xmm0
	ret
END(n_evex_source)

FUNCTION(n_mmx)
	movd %mm0, %eax
	ret
END(n_mmx)

FUNCTION(n_mmx_wide)
	movq %mm3, %rax
	ret
END(n_mmx_wide)

FUNCTION(n_mmx_left)
	movd %edi, %mm0
	movl %edi, %eax
	ret
END(n_mmx_left)

FUNCTION(n_repne_store) /* the processor repeats it */
	movq $0, -64(%rsp)
	movq $0, -56(%rsp)
	leaq -64(%rsp), %rdi
	movl $8, %ecx
	movl $1, %eax
	.byte 0xf2, 0xaa
	movq -64(%rsp), %rax
	ret
END(n_repne_store)

FUNCTION(n_segment_string)
	leaq -64(%rsp), %rdi
	leaq table(%rip), %rsi
	.byte 0x64, 0xa4 /* movsb %fs:(%rsi), (%rdi) */
	movzbl -64(%rsp), %eax
	ret
END(n_segment_string)

FUNCTION(n_backwards)
	std
	leaq -64(%rsp), %rdi
	movl %esi, %eax
	stosl
	cld
	movl -64(%rsp), %eax
	ret
END(n_backwards)

FUNCTION(n_high_byte)
	movzbl %ah, %eax
	ret
END(n_high_byte)

FUNCTION(a_low_byte_written)
	movb %dil, %al
	ret
END(a_low_byte_written)

FUNCTION(n_low_byte_kept) /* all of eax: three bytes are the caller's */
	movb %dil, %al
	addl $1, %eax
	ret
END(n_low_byte_kept)

FUNCTION(n_low_word_kept)
	movw %di, %ax
	movl %eax, %eax
	imull $3, %eax, %eax
	ret
END(n_low_word_kept)

/* The way of the table's entries is wider than it is read. */
FUNCTION(n_table_steps)
	testl %esi, %esi
	jz 1f
	andl $24, %edi
	jmp 2f
1:	andl $28, %edi
	cmpl $24, %edi
	ja 4f
2:	leaq 3f(%rip), %rax
	addq %rax, %rdi
	movslq (%rdi), %rdx
	addq %rdx, %rax
	jmp *%rax
4:	movl $4, %eax
	ret
5:	movl counter(%rip), %eax
	ret
END(n_table_steps)
	.section .rodata
	.balign 8
3:	.long 4b - 3b, 5b - 3b, 4b - 3b, 5b - 3b, 4b - 3b, 5b - 3b, 4b - 3b, 5b - 3b
	.text

/* Joined where both are already places. */
FUNCTION(n_table_steps_joined)
	leaq 3f(%rip), %rax
	testl %esi, %esi
	jz 1f
	andl $24, %edi
	addq %rax, %rdi
	jmp 2f
1:	andl $28, %edi
	cmpl $24, %edi
	ja 4f
	addq %rax, %rdi
2:	movslq (%rdi), %rdx
	addq %rdx, %rax
	jmp *%rax
4:	movl $4, %eax
	ret
5:	movl counter(%rip), %eax
	ret
END(n_table_steps_joined)
	.section .rodata
	.balign 8
3:	.long 4b - 3b, 5b - 3b, 4b - 3b, 5b - 3b, 4b - 3b, 5b - 3b, 4b - 3b, 5b - 3b
	.text

FUNCTION(n_table_displaced) /* the entries begin at one that is not the first of a step */
	andl $8, %edi
	leaq 4(%rdi), %rdi
	cmpl $1, %edi
	jb 4f
	leaq 3f(%rip), %rax
	movslq (%rax,%rdi), %rdx
	addq %rdx, %rax
	jmp *%rax
4:	movl $4, %eax
	ret
5:	movl counter(%rip), %eax
	ret
END(n_table_displaced)
	.section .rodata
	.balign 8
3:	.long 4b - 3b, 5b - 3b, 4b - 3b, 5b - 3b
	.text

/* A place is made from another one that is constant. */
FUNCTION(n_from_constant_place)
1:	leaq 1b(%rip), %rax
	movabsq $numbers - 1b, %rdx
	addq %rdx, %rax
	movl (%rax,%rdi,4), %eax
	ret
END(n_from_constant_place)

FUNCTION(n_untyped_array)
	leaq untyped - 4000(%rip), %rax
	movl (%rax,%rdi,4), %eax
	ret
END(n_untyped_array)

FUNCTION(n_stack_above)
	movq 16(%rsp,%rdi,8), %rax
	ret
END(n_stack_above)

FUNCTION(n_popped_return)
	popq %rcx
	movq %rcx, %rax
	jmp *%rcx
END(n_popped_return)

FUNCTION(n_return_address_low)
	movl (%rsp), %eax
	ret
END(n_return_address_low)

FUNCTION(n_below_red_zone)
	movl -256(%rsp), %eax
	ret
END(n_below_red_zone)

FUNCTION(n_below_after_call)
	movl $7, -16(%rsp)
	call p_one
	movl -16(%rsp), %eax
	ret
END(n_below_after_call)

FUNCTION(n_caller_saved_kept)
	pushq %rbx
	movl %edi, %ebx
	popq %rcx
	movl %ebx, %eax
	ret
END(n_caller_saved_kept)

FUNCTION(n_bit_beyond)
	movl $0, -8(%rsp)
	btl %edi, -8(%rsp)
	setc %al
	movzbl %al, %eax
	ret
END(n_bit_beyond)

FUNCTION(n_exchange_memory)
	movl %edi, %eax
	xchgl %eax, counter(%rip)
	ret
END(n_exchange_memory)

FUNCTION(n_exchange_add)
	movl $1, %eax
	xaddl %eax, counter(%rip)
	ret
END(n_exchange_add)

FUNCTION(n_non_temporal)
	movl %edi, %eax
	movnti %eax, counter(%rip)
	ret
END(n_non_temporal)

FUNCTION(n_status)
	stmxcsr -8(%rsp)
	movl -8(%rsp), %eax
	ret
END(n_status)

FUNCTION(n_x87)
	fldl -8(%rsp)
	fstpl -16(%rsp)
	movq -16(%rsp), %xmm0
	ret
END(n_x87)

FUNCTION(n_flags_pushed)
	pushfq
	popq %rax
	ret
END(n_flags_pushed)

FUNCTION(n_flags_loaded)
	lahf
	movzbl %ah, %eax
	ret
END(n_flags_loaded)

FUNCTION(n_translate)
	leaq counter(%rip), %rbx
	xlatb
	ret
END(n_translate)

FUNCTION(n_segment_register)
	movl %fs, %eax
	ret
END(n_segment_register)

FUNCTION(n_thread_base)
	rdfsbase %rax
	ret
END(n_thread_base)

FUNCTION(n_middle) /* into an instruction */
	movl %edi, %eax
	jmp 1f + 1
1:	.byte 0xb8, 0x0f, 0x31, 0x90, 0xc3 /* mov; from its second byte: rdtsc; nop; ret */
END(n_middle)

FUNCTION(n_upper_halves) /* of two registers that were not written */
	movhlps %xmm9, %xmm0
	ret
END(n_upper_halves)

FUNCTION(n_shuffled)
	pshufd $0xee, %xmm9, %xmm0
	ret
END(n_shuffled)

FUNCTION(n_lane_above) /* result: sixteen bytes, of which eight were added */
	addsd %xmm9, %xmm0
	ret
END(n_lane_above)

FUNCTION(n_guard)
	movq %fs:0x28, %rax
	ret
END(n_guard)

FUNCTION(n_guard_mixed)
	movq %fs:0x28, %rax
	xorq %rdi, %rax
	ret
END(n_guard_mixed)

FUNCTION(n_guard_stored)
	movq %fs:0x28, %rax
	movq %rax, -8(%rsp)
	movl -8(%rsp), %eax
	ret
END(n_guard_stored)

	.section .rodata
	.balign 4096
	.type table, @object
table:	.zero 8192
	.size table, 8192

	.data
	.type counter, @object
counter: .long 0
	.size counter, 4
untyped: .zero 64
	.type numbers, @object
numbers: .zero 16
	.size numbers, 16

	.section .note.GNU-stack, "", @progbits
