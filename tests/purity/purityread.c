/* SPDX-License-Identifier: Apache-2.0 */
/*
 * purityread FILE [NAME...]: for each function with a name (all), one line: name, tab, "proven" with its key, result, and entry, or
 * "refuted" with the word, the sentence, address, instruction and line.
 */
#include <stdio.h>
#include <string.h>

#include "symbols/purity.h"

static void print_proven(uint64_t entry, const struct hst_purity_proof *proof)
{
	static const char *const names[] = { "rax", "rdx", "xmm0", "xmm1" };
	struct hst_purity_reg regs[33];
	size_t count = hst_purity_key(proof, 0, regs);

	printf("proven\tkey");
	for (size_t i = 0; i < count; i++) {
		printf(" %s:%u", hst_purity_register(regs[i].reg, 8), regs[i].bytes);
	}
	for (size_t i = 0; i < proof->stack_count; i++) {
		printf(" cfa%+d:%u", proof->stack[i].offset, proof->stack[i].bytes);
	}
	printf("\tresult");
	for (unsigned i = 0; i < HST_PURITY_RESULTS; i++) {
		if (proof->results[i].bytes == 0) {
			continue;
		}
		printf(" %s:%u%s", names[i], proof->results[i].bytes,
			proof->results[i].run_specific ? "!" : "");
		for (unsigned j = 0; j < 33; j++) {
			if (proof->results[i].more[j] != 0) {
				printf("(+%s:%u)", hst_purity_register(j, 8),
					proof->results[i].more[j]);
			}
		}
	}
	printf("\trests");
	for (size_t i = 0; i < proof->rest_count; i++) {
		printf(" %llx-%llx", (unsigned long long)proof->rests[i].lo,
			(unsigned long long)proof->rests[i].hi);
	}
	printf("\tslots");
	for (size_t i = 0; i < proof->slot_count; i++) {
		printf(" %llx=%s%llx", (unsigned long long)proof->slots[i].slot,
			proof->slots[i].symbol == NULL ? "" : proof->slots[i].symbol,
			(unsigned long long)proof->slots[i].target);
	}
	printf("\t%s%s\t%llx\n", proof->uses_fp ? " fp" : "", proof->recursive ? " recursive" : "",
		(unsigned long long)entry);
}

static void print(const struct hst_function *function, const struct hst_purity_proof *proof)
{
	const struct hst_purity_offence *offence = &proof->offence;

	printf("%s\t", function->name);
	if (proof->proven) {
		print_proven(function->address, proof);
		return;
	}
	printf("refuted\t%s\t%s\t%llx\t%s\t%s:%u\n", hst_purity_word(offence->reason),
		offence->sentence, (unsigned long long)offence->address, offence->insn,
		offence->file == NULL ? "?" : offence->file, offence->line);
}

static int is_asked(const char *name, int argc, char **argv)
{
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], name) == 0) {
			return 1;
		}
	}
	return argc <= 2;
}

int main(int argc, char **argv)
{
	struct hst_image *image = NULL;
	struct hst_purity *purity = NULL;
	const struct hst_function *functions = NULL;
	struct hst_diag diag = { "usage: purityread FILE [NAME...]" };
	enum hst_status status = HST_E_USAGE;
	size_t count = 0;

	if (argc >= 2) {
		status = hst_image_open(argv[1], NULL, 0, &image, &diag);
	}
	if (status == HST_OK) {
		status = hst_purity_open(image, &purity, &diag);
	}
	if (status == HST_OK) {
		count = hst_image_functions(image, &functions);
	}
	for (size_t i = 0; i < count; i++) {
		const struct hst_purity_proof *proof;

		if (!is_asked(functions[i].name, argc, argv)) {
			continue;
		}
		proof = hst_purity_prove(purity, functions[i].address);
		if (proof == NULL) {
			fprintf(stderr, "purityread: no memory\n");
			break;
		}
		print(&functions[i], proof);
	}
	if (status != HST_OK) {
		fprintf(stderr, "purityread: %s\n", diag.text);
	}
	hst_purity_close(purity);
	hst_image_close(image);
	return status == HST_OK ? 0 : 1;
}
