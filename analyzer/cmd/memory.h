/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of `hasten memory`: views, columns, the forms of output. */
#ifndef HST_CMD_MEMORY_H
#define HST_CMD_MEMORY_H

#include "cmd/common.h"
#include "model/heap.h"

#define HST_MEMORY_CELL    1100
#define HST_MEMORY_COLUMNS 32
/* Room for the key of a path: what is longer is cut. */
#define HST_MEMORY_PATH_BYTES 16384

enum hst_memory_view {
	HST_VIEW_FUNCTIONS,
	HST_VIEW_LEAKS,
	HST_VIEW_PEAK,
	HST_VIEW_PEAK_SITES, /* second table of HST_VIEW_PEAK */
	HST_VIEW_TEMPORARY,
	HST_VIEW_SITES,
	HST_VIEW_OF_SITES, /* table within HST_VIEW_OF */
	HST_VIEW_TIMELINE,
	HST_VIEW_PATHS,
	HST_VIEW_OF,
};

/* A row of a table: a function or a site. */
struct hst_memory_item {
	const struct hst_heap_sum *sum;
	const struct hst_function_row *row;       /* the owner; never NULL */
	const struct hst_heap_function *function; /* NULL: a site */
	const struct hst_heap_site *site;         /* NULL: a function */
};

struct hst_memory_items {
	struct hst_memory_item *items;
	size_t count, capacity;
};

struct hst_memory {
	struct hst_reading *reading;
	const struct hst_heap *heap;
	enum hst_memory_view view;
	struct hst_profile said; /* its notes and `complete` only: what the shared printers take */
	bool doubt;              /* what is live is not known exactly */
	bool counted; /* blocks were counted per context only: what needs a list of them is not known */
	bool ended; /* no process that holds blocks at its end ended by an exit: no leaks */
};

enum hst_memory_kind {
	HST_KIND_BYTES,
	HST_KIND_COUNT,
	HST_KIND_NS,
	HST_KIND_PERCENT, /* value of `whole` */
	HST_KIND_TEXT,
};

enum {
	HST_MEMORY_SUMS = 1u << 8,       /* the row of the others has it */
	HST_MEMORY_LIVE = 1u << 9,       /* needs every free: in doubt if some are missing */
	HST_MEMORY_OF_HEAP = 1u << 10,   /* PERCENT: `whole` is the sum of all */
	HST_MEMORY_NULL_ZERO = 1u << 11, /* 0 is no figure: "-" */
	HST_MEMORY_LISTED = 1u << 12     /* not known if blocks were only counted: "-" */
};

struct hst_memory_column {
	const char *name; /* for -c and -s */
	const char *title;
	unsigned flags; /* HST_COLUMN_..., HST_MEMORY_... */
	enum hst_memory_kind kind;
	size_t at, whole; /* within struct hst_heap_sum, if `value` and `text` are NULL */
	uint64_t (*value)(const struct hst_memory_item *item);
	void (*text)(const struct hst_memory *memory, const struct hst_memory_item *item,
		char buffer[HST_MEMORY_CELL]);
};

/* A member of struct hst_heap_sum in JSON and CSV; the name has the unit. NULL-named at the end. */
struct hst_memory_field {
	const char *name;
	size_t at;
	bool listed; /* not known if blocks were only counted */
};
extern const struct hst_memory_field hst_memory_fields[];
uint64_t hst_memory_value(const struct hst_heap_sum *sum, size_t at);

/* Fills `said`, `doubt`, `ended`. The heap has to stay. */
void hst_memory_begin(
	struct hst_memory *memory, struct hst_reading *reading, const struct hst_heap *heap);
/* Prints it in the form and the view that were asked for. Exit status. */
int hst_memory_show(struct hst_memory *memory);

/* The row of an index; one called "[unknown]" for indices that are none. */
const struct hst_function_row *hst_memory_row(const struct hst_heap *heap, uint32_t row);

/* Writes a cell for people. */
void hst_memory_write(const struct hst_memory *memory, const struct hst_memory_column *column,
	const struct hst_memory_item *item, char buffer[HST_MEMORY_CELL]);
/*
 * Columns of -c, or those of the view `defaults` (names separated by commas); at most HST_MEMORY_COLUMNS.
 * HST_E_USAGE with a sentence.
 */
HST_NODISCARD enum hst_status hst_memory_columns(const char *asked, const char *defaults,
	const struct hst_memory_column **ret_columns, size_t *ret_count, struct hst_diag *diag);
/*
 * Functions or sites that --filter wants and whose member `need` of the sum is not 0 (SIZE_MAX: all), sorted by -s or else by
 * `sort`. HST_E_USAGE with a sentence, HST_E_MEMORY. The caller frees with hst_vec_finish.
 */
HST_NODISCARD enum hst_status hst_memory_choose(const struct hst_memory *memory, bool sites,
	size_t need, const char *sort, struct hst_memory_items *ret_items, struct hst_diag *diag);

/* Which functions, sites a view has, in which order. */
struct hst_memory_view_of {
	bool sites;
	size_t need;
	const char *sort;
	const char *columns;
	const char *empty; /* said when there is no row */
	const char *next;  /* command to name at the end, before the first row's function */
};
const struct hst_memory_view_of *hst_memory_view(enum hst_memory_view view);

/* The lines above the tables, with losses and notes. */
void hst_memory_head(const struct hst_memory *memory);
/* "live at exit" and its relatives: one line for each kind of end that left blocks. */
void hst_memory_ends(const struct hst_memory *memory);
/* The peak with its time and RSS. */
void hst_memory_peak_line(const struct hst_memory *memory);
/* RSS at a time: the latest sample before, else the first one behind. */
struct hst_memory_rss {
	uint64_t bytes; /* 0 unknown */
	uint64_t most;  /* the greatest one until then */
	uint64_t ns;    /* when it was sampled */
};
struct hst_memory_rss hst_memory_rss_at(const struct hst_heap_process *process, uint64_t ns);
/* "process 4711 (app)". */
void hst_memory_process_name(char *buffer, size_t size, const struct hst_heap_process *process);

/* Views for people. Exit statuses. */
int hst_memory_tables(const struct hst_memory *memory);
int hst_memory_timeline(const struct hst_memory *memory);
int hst_memory_paths(const struct hst_memory *memory);
int hst_memory_of(const struct hst_memory *memory);
/* Prints one table of a view; rows beyond -n become one. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_memory_print(const struct hst_memory *memory,
	enum hst_memory_view view, const struct hst_memory_items *items);
/* What "~" means, if a figure has it. */
void hst_memory_legend(const struct hst_memory *memory);
/* Rows to print of `count`; `otherwise` if -n was not given, 0 all. */
size_t hst_memory_limit(const struct hst_memory *memory, size_t count, size_t otherwise);
/* A figure of a kind; PERCENT and TEXT are none. */
void hst_memory_number(char *buffer, size_t size, enum hst_memory_kind kind, uint64_t value);
/* "32-63 B", "1-2 KiB": the sizes of a bucket. */
void hst_memory_size_range(char *buffer, size_t size, uint32_t bucket);
/* A bar of tenths. */
void hst_memory_bar(char *buffer, size_t size, bool utf8, double share);
/* True if the function is chosen by --of: by its name, or (not `exact`) by a glob of it. */
bool hst_memory_is_of(
	const struct hst_memory *memory, const struct hst_function_row *row, bool exact);
/* Is one of them chosen? *ret_exact: by its name. HST_E_USAGE with a sentence. */
HST_NODISCARD enum hst_status hst_memory_find_of(const struct hst_memory *memory,
	const struct hst_memory_items *functions, bool *ret_exact, struct hst_diag *diag);

/*
 * Keys that are the same in another run: "app:parse", "app:parse@file.c:12#malloc"; of a path, those of its
 * functions joined by ';'. Cut at `size`.
 */
void hst_memory_function_key(char *buffer, size_t size, const struct hst_function_row *row);
void hst_memory_site_key(
	char *buffer, size_t size, const struct hst_heap *heap, const struct hst_heap_site *site);
void hst_memory_path_key(char *buffer, size_t size, const struct hst_heap *heap, uint32_t context);
/* "main.c:12", else "libx.so+0x1234"; "" nothing is known. */
void hst_memory_place(char *buffer, size_t size, const struct hst_heap_site *site);

int hst_memory_json(const struct hst_memory *memory);
int hst_memory_csv(const struct hst_memory *memory);

#endif
