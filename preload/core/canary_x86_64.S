/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rseq_cs points to while a thread runs undisturbed: see core/cpu.h. The kernel asks of a descriptor that its abort address
 * lies outside of its section and has glibc's signature before it; else it kills the process. The section is one instruction
 * that nobody ever runs, so the kernel finds the thread outside of it and clears the pointer, which is all that we want.
 */
	.text
	.p2align 4
	ud2
	.p2align 2
	.long	0x53053053
.Labort:
	ud2
.Lnever:
	ud2

	.section .data.rel.ro.hst_canaries,"aw",@progbits
	.globl	hst_canaries
	.hidden	hst_canaries
	.type	hst_canaries, @object
	.p2align 5
hst_canaries:
	.rept	2
	.long	0, 0
	.quad	.Lnever
	.quad	2
	.quad	.Labort
	.endr
	.size	hst_canaries, .-hst_canaries

	.section .note.GNU-stack,"",@progbits
