/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each fuzz target defines. libFuzzer calls it with inputs of its own; regression_driver.c
 * with the files of tests/fuzz/corpus/<target>/, in the ordinary test run and with any compiler.
 */
#ifndef HST_TESTS_FUZZ_FUZZ_H
#define HST_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Must return 0 for any input, in time and memory that the input's size bounds; aborts if not. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#endif
