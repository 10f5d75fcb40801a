/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The call sites of suppressed functions. A site is learned from the hook that it calls: where a hook of a suppressed function
 * still comes, its site is noted, and disarmed with others a moment later. All but the first two functions need the lock.
 */
#ifndef HST_APPLY_SITES_H
#define HST_APPLY_SITES_H

#include "core/suppressed.h"
#include "sink/modules.h"

#include <stdbool.h>
#include <stdint.h>

#define HST_SITES_MAX 4096u

/*
 * Nobody waits for it but dlclose: who does not get it tries another time. Signals are held back by the caller, so that no
 * handler can leave with it.
 */
bool hst_sites_try_lock(void);
void hst_sites_unlock(void);

/* Would the lock not be had just now? Costs nothing. */
bool hst_sites_are_busy(void);

/*
 * Around the program's dlclose: between the two no code is changed. The second forgets the sites, and the functions, whose
 * code is gone.
 */
void hst_sites_hold(void);
void hst_sites_release(void);

/* The hooks' addresses, as the program's tables have them; may code be changed at all? */
void hst_sites_start(uint64_t enter, uint64_t leave, bool allowed);
bool hst_sites_may_patch(void);

/* A hook came from here. */
void hst_sites_note(struct hst_suppressed *entry, uint64_t ret, bool is_exit, uint64_t ticks);

/* An exit hook was jumped to: the function's jumps are looked for and noted. false: it has none that can be found. */
bool hst_sites_note_jumps(
	struct hst_suppressed *entry, const struct hst_loaded *module, uint64_t ticks);

/* A site of this function cannot be disarmed. */
typedef void hst_sites_refused(struct hst_suppressed *entry, bool is_exit);

/* Looks at what was noted, if some time has passed or `now` is set, and disarms it. */
void hst_sites_work(uint64_t ticks, bool now, hst_sites_refused *refused);

/* All enters of a function. false: not all could be armed. */
bool hst_sites_arm_enters(const struct hst_suppressed *entry);

/* All sites of suppressed functions. Arming: exits first, then enters. false: not all of them could be changed. */
bool hst_sites_set_all(bool off);

/* The child of a fork has no other thread, and none that holds the lock. */
void hst_sites_forked(void);

#endif
