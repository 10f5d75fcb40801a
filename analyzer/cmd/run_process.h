/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc says about processes and this machine's present life. */
#ifndef HST_CMD_RUN_PROCESS_H
#define HST_CMD_RUN_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct hst_process_stat {
	char state; /* 'R', 'S', 'Z', ... */
	pid_t parent;
	uint64_t start; /* clock ticks since boot */
};

/* Reads /proc/PID/stat; false if there is no such process. */
bool hst_process_stat(pid_t pid, struct hst_process_stat *ret_stat);

/*
 * Does the process that had this pid at `start` still run? One that has the pid and began later is another one. In clock
 * ticks since boot; 0: any start time.
 */
bool hst_process_alive(pid_t pid, uint64_t start);

/* Is `pid` the process `ancestor` or one of its descendants? */
bool hst_process_descends(pid_t pid, pid_t ancestor);

/* Seccomp filters in force for this process, 0 if none or unknown. */
unsigned hst_process_seccomp_filters(void);

#define HST_BOOT_ID_BYTES 40
/* The text of this boot's id, "" if unknown. */
void hst_process_boot_id(char ret_id[HST_BOOT_ID_BYTES]);

/* Reads a small file whole, NUL-terminated; at most size - 1 bytes. -1 on failure. */
ssize_t hst_process_read_file(int directory, const char *path, char *buffer, size_t size);

#endif
