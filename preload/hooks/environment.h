/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment that a new image needs so that it is recorded too: our library among those to be preloaded, and the settings that
 * this process was started with. They are remembered at process start; where a program hands an environment without them to exec or
 * posix_spawn, it is copied with them put in. What it says itself stays as it says it; our library comes behind all others.
 *
 *	struct hst_environment repair;
 *	size_t bytes = hst_environment_needs(&repair, envp);    0: as it is
 *	char **list = hst_environment_make(&repair, room);      room of so many bytes, for as long as the list is used
 *
 * Async-signal-safe, no allocation, no state: a child of vfork may call both.
 */
#ifndef HST_HOOKS_ENVIRONMENT_H
#define HST_HOOKS_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So much of the stack a hook may take for it: a thread may have no more than 16 KiB, and most environments need one or two. */
#define HST_ENVIRONMENT_STACK 16384u

#define HST_ENVIRONMENT_NONE SIZE_MAX

/* A variable to whose value ours is joined. */
struct hst_environment_part {
	size_t at;    /* its entry, the last of several; HST_ENVIRONMENT_NONE */
	size_t bytes; /* of it, without its NUL: another thread may change it meanwhile */
	bool good;    /* it has ours */
};

struct hst_environment {
	char *const *given; /* NULL counts as empty */
	size_t count;       /* of its entries */
	struct hst_environment_part preload;
	struct hst_environment_part
		sanitizer; /* ASAN_OPTIONS: else a child with ASan would end because of our library */
	size_t relative; /* HASTEN_DATA as this process was given it: it would be another place after a chdir */
	uint64_t present; /* settings that it has, by their number */
	bool data;        /* there is a HASTEN_DATA */
	bool foreign;     /* of another recording, or of none: not to be touched */
};

/* Bytes that hst_environment_make needs; 0: nothing is missing, or it may not be put in. */
size_t hst_environment_needs(struct hst_environment *plan, char *const *given);

/* `room`: aligned as a pointer. */
char **hst_environment_make(const struct hst_environment *plan, void *room);

/* What execvp and posix_spawnp look through for a name without a slash; NULL: for this file nothing is looked through. */
const char *hst_environment_path(const char *file);

#endif
