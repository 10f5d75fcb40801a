/* SPDX-License-Identifier: Apache-2.0 */
/* Figures for people: three significant digits, the same in every locale. */
#ifndef HST_WRITERS_UNITS_H
#define HST_WRITERS_UNITS_H

#include <stddef.h>
#include <stdint.h>

#define HST_UNITS_BYTES 24

/* "0 ns", "950 ns", "1.23 us", "12.3 ms", "4.56 s", "1230 s". */
void hst_units_ns(char buffer[HST_UNITS_BYTES], double ns);
/* "0", "950", "12345", "1.23 M", "4.56 G": whole numbers below a million. */
void hst_units_count(char buffer[HST_UNITS_BYTES], uint64_t count);
/* "512 B", "64.0 KiB", "1.25 MiB". */
void hst_units_bytes(char buffer[HST_UNITS_BYTES], uint64_t bytes);
/* "12.3", "0.04", "100": part in percent of whole, without the sign; "-" when whole is 0. */
void hst_units_percent(char buffer[HST_UNITS_BYTES], double part, double whole);

#endif
