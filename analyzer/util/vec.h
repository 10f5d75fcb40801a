/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growable arrays.
 *
 *   HST_VEC(struct thing) things = { 0 };
 *   if (!hst_vec_push(&things, thing)) { return HST_E_MEMORY; }
 *   for (size_t i = 0; i < things.count; i++) { use(&things.items[i]); }
 *   hst_vec_finish(&things);
 *
 * `items` may move with each push or reserve. { 0 } is a valid empty vector.
 */
#ifndef HST_UTIL_VEC_H
#define HST_UTIL_VEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#define HST_VEC(type) \
 struct {             \
  type *items;        \
  size_t count;       \
  size_t capacity;    \
 }

/*
 * Makes room for `need` items in all; `items` is the address of the pointer to them. Grows by half.
 * false when out of memory or when the size overflows: the old items stay as they are.
 */
bool hst_vec_room(void *items, size_t *capacity, size_t need, size_t item_bytes);

/* Room for `extra` more items. true or false as above. */
#define hst_vec_reserve(vec, extra)                                                    \
 ((vec)->capacity - (vec)->count >= (size_t)(extra) ||                                 \
	 hst_vec_room(&(vec)->items, &(vec)->capacity, (vec)->count + (size_t)(extra), \
		 sizeof *(vec)->items))

/* Appends one item. true or false as above. */
#define hst_vec_push(vec, item) \
 (hst_vec_reserve((vec), 1) ? ((vec)->items[(vec)->count++] = (item), true) : false)

/* Frees the items; the vector is empty afterwards. */
#define hst_vec_finish(vec) \
 do {                       \
  free((vec)->items);       \
  (vec)->items = NULL;      \
  (vec)->count = 0;         \
  (vec)->capacity = 0;      \
 } while (0)

#endif
