/* SPDX-License-Identifier: Apache-2.0 */
/* The loader's list of modules, written to the file as it changes. */
#include "sink/modules.h"

#include "core/attr.h"
#include "core/clock.h"
#include "core/procfs.h"
#include "core/sys.h"
#include "core/text.h"
#include "sink/file.h"
#include "sink/filter.h"
#include "sink/recipes.h"

#include <elf.h>
#include <link.h>
#include <string.h>

#include "core/poison.h"

#define HST_MODULES_MAX 1024u

static struct {
	uint32_t count; /* slots in use so far */
	uint32_t generation;
	uint32_t busy;
	uint64_t adds, subs;
	uint32_t pending; /* bytes of the blocks that wait */
	bool inherited;   /* in a forked child */
} modules;

static HST_LARGE struct hst_loaded list[HST_MODULES_MAX];

void (*hst_modules_came)(const struct hst_loaded *module);
void (*hst_modules_went)(const struct hst_loaded *module);

struct walk {
	uint64_t ticks;
	uint64_t adds, subs;
	uint32_t next_generation;
	uint32_t position;
	bool changed;
	uint8_t seen[HST_MODULES_MAX / 8];
};

uint32_t hst_modules_generation(void)
{
	return __atomic_load_n(&modules.generation, __ATOMIC_ACQUIRE);
}

const struct hst_loaded *hst_modules_find(uint64_t address)
{
	uint32_t count = __atomic_load_n(&modules.count, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < count; i++) {
		const struct hst_loaded *module = &list[i];

		if (__atomic_load_n(&module->alive, __ATOMIC_ACQUIRE) && address >= module->lo &&
			address < module->hi) {
			return module;
		}
	}
	return NULL;
}

/* The GNU build-id note of a loaded module. Notes lie in memory; nothing is parsed from a file. */
static uint8_t modules_build_id(const struct dl_phdr_info *info, uint8_t id[static 32])
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];
		const uint8_t *at = (const uint8_t *)(info->dlpi_addr + header->p_vaddr);
		const uint8_t *end = at + header->p_memsz;

		if (header->p_type != PT_NOTE) {
			continue;
		}
		while (end - at >= (ptrdiff_t)sizeof(ElfW(Nhdr))) {
			const ElfW(Nhdr) *note = (const void *)at;
			size_t align = header->p_align == 8 ? 8 : 4;
			size_t name = (note->n_namesz + align - 1) / align * align;
			size_t text = (note->n_descsz + align - 1) / align * align;
			const uint8_t *body = at + sizeof *note + name;

			if ((size_t)(end - at) < sizeof *note + name + text) {
				break;
			}
			if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
				memcmp(at + sizeof *note, "GNU", 4) == 0 && note->n_descsz <= 32) {
				memcpy(id, body, note->n_descsz);
				return (uint8_t)note->n_descsz;
			}
			at = body + text;
		}
	}
	return 0;
}

static void modules_extent(const struct dl_phdr_info *info, uint64_t *ret_lo, uint64_t *ret_hi)
{
	uint64_t lo = UINT64_MAX;
	uint64_t hi = 0;

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];
		uint64_t start = info->dlpi_addr + header->p_vaddr;

		if (header->p_type == PT_LOAD) {
			lo = start < lo ? start : lo;
			hi = start + header->p_memsz > hi ? start + header->p_memsz : hi;
		}
	}
	*ret_lo = lo;
	*ret_hi = hi;
}

/* Blocks of one walk, written in one go. Used under `modules.busy`; not on the stack, which may be small. */
static HST_LARGE _Alignas(16) uint8_t pending[16384];

/* What could not be written waits for another time: a limit, or the descriptors, may be short for a moment only. */
static void pending_flush(void)
{
	uint64_t offset;

	if (modules.pending != 0 && hst_sink_append(pending, modules.pending, &offset)) {
		modules.pending = 0;
	}
}

/* A zeroed block, to be sealed when it is filled in: in the file's mapped room, or among those that wait. */
static void *block_begin(uint32_t type, size_t bytes)
{
	struct hst_block *block;
	uint64_t offset;

	bytes = (bytes + HST_BLOCK_ALIGN - 1) & ~(size_t)(HST_BLOCK_ALIGN - 1);
	block = hst_sink_room(bytes, &offset);
	if (block == NULL) {
		if (modules.pending + bytes > sizeof pending) {
			pending_flush();
		}
		if (modules.pending + bytes > sizeof pending) {
			modules.pending = 0; /* too much waits: those modules have no names */
		}
		block = (void *)(pending + modules.pending);
		memset(block, 0, bytes);
		modules.pending += (uint32_t)bytes;
	}
	block->type = (uint16_t)type;
	block->bytes = (uint32_t)bytes;
	return block;
}

/* Until then a reader sees zeros between blocks. */
static void block_seal(struct hst_block *block)
{
	hst_barrier();
	block->magic = HST_BLOCK_MAGIC;
}

static void modules_write(const struct hst_loaded *module, uint64_t ticks)
{
	size_t path_bytes = hst_text_length(module->path);
	struct hst_module_block *block;

	path_bytes = path_bytes < HST_PATH_BYTES ? path_bytes : HST_PATH_BYTES;
	block = block_begin(HST_BLOCK_MODULE, sizeof *block + path_bytes);
	block->bias = module->bias;
	block->lo = module->lo;
	block->hi = module->hi;
	block->ticks = ticks;
	block->generation = module->generation;
	block->path_bytes = (uint16_t)path_bytes;
	block->build_id_bytes = module->build_id_bytes;
	block->main = module->main;
	memcpy(block->build_id, module->build_id, sizeof block->build_id);
	memcpy(block + 1, module->path, path_bytes);
	block_seal(&block->block);
}

/* Our own functions are in the list, but no user asks for them. */
static bool is_ours(const struct hst_loaded *module)
{
	return (uint64_t)(void *)&modules >= module->lo && (uint64_t)(void *)&modules < module->hi;
}

/*
 * The loader keeps a name as long as its module; one that is relative held for the working directory of then. The
 * kernel knows the file for good.
 */
static const char *full_path(const char *name, uint64_t address)
{
	struct hst_range range;
	struct hst_text path;
	char *page;

	if (name[0] == '/') {
		return name;
	}
	page = hst_sys_mmap(
		NULL, HST_PATH_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page != NULL && hst_procfs_mapping(address, &range, page, HST_PATH_BYTES) &&
		page[0] == '/') {
		return page;
	}
	if (page == NULL || hst_sys_getcwd(page, HST_PATH_BYTES / 2) <= 0) {
		return name;
	}
	path = (struct hst_text){ page, HST_PATH_BYTES, hst_text_length(page), false };
	hst_text_add(&path, "/");
	hst_text_add(&path, name);
	return page;
}

/* A slot of a module that went, or a new one. */
static struct hst_loaded *free_slot(void)
{
	for (uint32_t i = 0; i < modules.count; i++) {
		if (!list[i].alive) {
			return &list[i];
		}
	}
	return modules.count < HST_MODULES_MAX ? &list[modules.count] : NULL;
}

static void modules_add(struct dl_phdr_info *info, struct walk *walk, uint64_t lo, uint64_t hi)
{
	struct hst_loaded *module = free_slot();
	uint32_t index;

	if (module == NULL) {
		return;
	}
	index = (uint32_t)(module - list);
	*module = (struct hst_loaded){ .bias = info->dlpi_addr,
		.lo = lo,
		.hi = hi,
		.generation = walk->next_generation,
		.main = walk->position == 1 };
	module->path =
		module->main ? (const char *)hst_sink.header->exe : full_path(info->dlpi_name, lo);
	module->build_id_bytes = modules_build_id(info, module->build_id);
	hst_filter_module(module, module->path, module->build_id, module->build_id_bytes);
	if (!is_ours(module)) {
		modules_write(module, walk->ticks);
	}
	walk->seen[index / 8] |= (uint8_t)(1u << (index % 8));
	walk->changed = true;
	/* Readers see the slot only when it is whole. */
	__atomic_store_n(&module->alive, true, __ATOMIC_RELEASE);
	if (index == modules.count) {
		__atomic_store_n(&modules.count, index + 1, __ATOMIC_RELEASE);
	}
}

static bool has_slash(const char *path)
{
	while (*path != '\0' && *path != '/') {
		path++;
	}
	return *path == '/';
}

/* A module may have come to where one went, of the same size, before anybody looked. */
static bool is_same_build(const struct hst_loaded *module, const struct dl_phdr_info *info)
{
	uint8_t id[32];
	uint8_t bytes = modules_build_id(info, id);

	return bytes == module->build_id_bytes && memcmp(id, module->build_id, bytes) == 0;
}

static int modules_visit(struct dl_phdr_info *info, size_t size, void *data)
{
	struct walk *walk = data;
	uint64_t lo;
	uint64_t hi;

	walk->position++;
	if (size >= offsetof(struct dl_phdr_info, dlpi_subs) + sizeof info->dlpi_subs) {
		walk->adds = info->dlpi_adds;
		walk->subs = info->dlpi_subs;
	}
	modules_extent(info, &lo, &hi);
	/* The kernel's vdso has a name, but no file. */
	if (lo >= hi ||
		(walk->position > 1 && (info->dlpi_name == NULL || !has_slash(info->dlpi_name)))) {
		return 0;
	}
	for (uint32_t i = 0; i < modules.count; i++) {
		if (list[i].alive && list[i].lo == lo && list[i].bias == info->dlpi_addr &&
			list[i].hi == hi && is_same_build(&list[i], info)) {
			walk->seen[i / 8] |= (uint8_t)(1u << (i % 8));
			return 0;
		}
	}
	modules_add(info, walk, lo, hi);
	return 0;
}

static void modules_remove_unseen(struct walk *walk)
{
	for (uint32_t i = 0; i < modules.count; i++) {
		struct hst_loaded *module = &list[i];
		struct hst_gone_block *gone;

		if (!module->alive || (walk->seen[i / 8] & (1u << (i % 8))) != 0) {
			continue;
		}
		module->alive = false;
		hst_recipes_drop(module);
		if (hst_modules_went != NULL) {
			hst_modules_went(module);
		}
		walk->changed = true;
		gone = block_begin(HST_BLOCK_GONE, sizeof *gone);
		gone->bias = module->bias;
		gone->lo = module->lo;
		gone->ticks = walk->ticks;
		gone->generation = walk->next_generation;
		block_seal(&gone->block);
	}
}

/* Behind those that went, since one that came may lie where they were. */
static void modules_add_recipes(const struct walk *walk)
{
	for (uint32_t i = 0; i < modules.count; i++) {
		if (list[i].alive && list[i].generation == walk->next_generation) {
			hst_recipes_add(&list[i]);
			if (hst_modules_came != NULL) {
				hst_modules_came(&list[i]);
			}
		}
	}
}

bool hst_modules_try_hold(void)
{
	return __atomic_exchange_n(&modules.busy, 1, __ATOMIC_ACQUIRE) == 0;
}

void hst_modules_let_go(void)
{
	__atomic_store_n(&modules.busy, 0, __ATOMIC_RELEASE);
}

static uint32_t modules_update(void)
{
	struct walk walk = { .ticks = hst_ticks() };

	if (!hst_modules_try_hold()) {
		return hst_modules_generation();
	}
	walk.next_generation = modules.generation + 1;
	(void)dl_iterate_phdr(modules_visit, &walk);
	modules_remove_unseen(&walk);
	if (walk.changed) {
		modules_add_recipes(&walk);
	}
	pending_flush();
	modules.adds = walk.adds;
	modules.subs = walk.subs;
	if (walk.changed) {
		__atomic_store_n(&modules.generation, walk.next_generation, __ATOMIC_RELEASE);
		hst_sink.header->generation = walk.next_generation;
	}
	hst_modules_let_go();
	return hst_modules_generation();
}

void hst_modules_inherit(void)
{
	uint64_t ticks = hst_ticks();

	modules.busy = 0; /* whoever held it is a thread of the parent */
	modules.pending = 0;
	modules.inherited = true;
	modules.generation = 1;
	for (uint32_t i = 0; i < modules.count; i++) {
		struct hst_loaded *module = &list[i];

		module->generation = 1;
		if (module->main) {
			module->path = (const char *)hst_sink.header->exe;
		}
		if (module->alive && !is_ours(module)) {
			modules_write(module, ticks);
		}
	}
	pending_flush();
	hst_sink.header->generation = 1;
}

/* A handler that jumped out in the middle would keep the list, and the loader's lock, for ever. */
uint32_t hst_modules_update(void)
{
	struct hst_held held = hst_sys_hold_signals();
	uint32_t generation = modules_update();

	hst_sys_release_signals(held);
	return generation;
}

static int modules_peek(struct dl_phdr_info *info, size_t size, void *data)
{
	uint64_t *counts = data;

	if (size >= offsetof(struct dl_phdr_info, dlpi_subs) + sizeof info->dlpi_subs) {
		counts[0] = info->dlpi_adds;
		counts[1] = info->dlpi_subs;
	}
	return 1;
}

void hst_modules_settle(void)
{
	struct hst_held held;

	if (modules.pending == 0) {
		return;
	}
	held = hst_sys_hold_signals();
	if (hst_modules_try_hold()) {
		pending_flush();
		hst_modules_let_go();
	}
	hst_sys_release_signals(held);
}

bool hst_modules_changed(void)
{
	uint64_t counts[2] = { modules.adds, modules.subs };

	if (modules.pending != 0) {
		return true;
	}
	if (modules.inherited) {
		return false; /* a thread of the parent may hold the loader's lock for ever */
	}
	(void)dl_iterate_phdr(modules_peek, counts);
	return counts[0] != modules.adds || counts[1] != modules.subs;
}

const struct hst_loaded *hst_modules_know(uint64_t address)
{
	const struct hst_loaded *module = hst_modules_find(address);

	if (module == NULL) {
		(void)hst_modules_update();
		module = hst_modules_find(address);
	}
	return module;
}
