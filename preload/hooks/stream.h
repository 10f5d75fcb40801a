/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of threads: made at the first hook, serviced when the hot path cannot go on, ended with the
 * thread. Everything here is a slow path, runs on the stream's own thread and may be interrupted by
 * signals; where it must not be, it holds them back.
 */
#ifndef HST_HOOKS_STREAM_H
#define HST_HOOKS_STREAM_H

#include "core/stream.h"

#include <stdbool.h>
#include <stdint.h>

/* The process is there: the journal has it, and the first process of a recording a file. By the constructor or the first hook. */
void hst_process_announce(void);

/* The recording of the process begins, if it has not: something of it is to be recorded. */
void hst_process_start(void);

/* The calling thread's stream, made now if need be. NULL: nothing is recorded in this process. */
struct hst_stream *hst_stream_attach(uint64_t sp);

/*
 * The same for a single event of a thread whose end this library has seen: libc frees what was the thread's after all destructors, and
 * nothing of ours will be called again. hst_stream_detach ends it.
 */
struct hst_stream *hst_stream_attach_once(uint64_t sp);
void hst_stream_detach(struct hst_stream *stream);

/* The end of the calling thread has been seen, at least once. */
extern __thread bool hst_thread_over __attribute__((tls_model("initial-exec")));

/* Lane 1 of a thread, for hooks of a signal handler that interrupted a hook. NULL: none to be had. */
struct hst_stream *hst_stream_nested(struct hst_stream *stream, uint64_t sp);

/*
 * Called when the window is shut or an alarm was given: begins, rolls, pauses, goes over to
 * profile mode, follows a fork. true: the stream can record (trace or profile mode).
 */
bool hst_stream_service(struct hst_stream *stream);

/* Is there a chunk or a tree to write to? With the guard set. */
bool hst_stream_is_ready(struct hst_stream *stream);

/*
 * Code at this address is about to be named for the first time in the chunk: its module must be in the file, and the chunk
 * not older than that. The chunk may be another one afterwards, or the stream in another mode.
 */
void hst_stream_meet(struct hst_stream *stream, uint64_t address);

/* A chunk anew, because a module came: what follows is to be read with the newest module list. */
void hst_stream_renew(struct hst_stream *stream);

/* The same, and what it lists is the truth, whatever the events before it say: it is marked. In trace mode. */
void hst_stream_renew_torn(struct hst_stream *stream);

/* A chunk anew, because the state of the present one can no longer be trusted. */
void hst_stream_resync(struct hst_stream *stream);

/* The process is about to end, and says how. Only if it is the process itself, not a child of vfork. */
void hst_process_end(uint32_t kind, int status);

/* Is there work for hst_stream_service? */
static inline bool hst_stream_must_look(const struct hst_stream *stream, uint64_t watch)
{
	const struct hst_window *window = stream->window;

	return window->seen != watch ||
	       (stream->mode == HST_STREAM_TRACE ? window->cur >= stream->look
						 : stream->mode != HST_STREAM_PROFILE);
}

#endif
