/* SPDX-License-Identifier: Apache-2.0 */
/* The loader's list of modules, written to the file as it changes. */
#include "sink/modules.h"

#include "core/attr.h"
#include "core/clock.h"
#include "core/sys.h"
#include "core/text.h"
#include "sink/file.h"
#include "sink/filter.h"

#include <elf.h>
#include <link.h>
#include <string.h>

#include "core/poison.h"

#define HST_MODULES_MAX 1024u

static struct {
	struct hst_loaded list[HST_MODULES_MAX];
	uint32_t count; /* grows only; a slot of a module that went is not used again */
	uint32_t generation;
	uint32_t busy;
	uint64_t adds, subs;
} modules;

struct walk {
	uint64_t ticks;
	uint64_t adds, subs;
	uint32_t next_generation;
	uint32_t position;
	bool changed;
	uint8_t seen[HST_MODULES_MAX / 8];
};

void hst_modules_reset(void)
{
	memset(modules.list, 0, modules.count * sizeof modules.list[0]);
	modules.count = 0;
	modules.generation = 0;
	modules.busy = 0;
	modules.adds = 0;
	modules.subs = 0;
}

uint32_t hst_modules_generation(void)
{
	return __atomic_load_n(&modules.generation, __ATOMIC_ACQUIRE);
}

const struct hst_loaded *hst_modules_find(uint64_t address)
{
	uint32_t count = __atomic_load_n(&modules.count, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < count; i++) {
		const struct hst_loaded *module = &modules.list[i];

		if (address >= module->lo && address < module->hi && module->alive) {
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
static struct {
	uint32_t bytes;
	_Alignas(16) uint8_t blocks[16384];
} pending;

static void pending_flush(void)
{
	uint64_t offset;

	if (pending.bytes != 0) {
		(void)hst_sink_append(pending.blocks, pending.bytes, &offset);
		pending.bytes = 0;
	}
}

/* Room for a block, zeroed. */
static void *pending_block(uint32_t type, size_t bytes)
{
	struct hst_block *block;

	bytes = (bytes + HST_BLOCK_ALIGN - 1) & ~(size_t)(HST_BLOCK_ALIGN - 1);
	if (pending.bytes + bytes > sizeof pending.blocks) {
		pending_flush();
	}
	block = (void *)(pending.blocks + pending.bytes);
	memset(block, 0, bytes);
	block->magic = HST_BLOCK_MAGIC;
	block->type = (uint16_t)type;
	block->bytes = (uint32_t)bytes;
	pending.bytes += (uint32_t)bytes;
	return block;
}

static void modules_write(const struct hst_loaded *module, const uint8_t *build_id,
	uint8_t build_id_bytes, bool is_main, const char *path, uint64_t ticks)
{
	size_t path_bytes = hst_text_length(path);
	struct hst_module_block *block;

	path_bytes = path_bytes < HST_PATH_BYTES ? path_bytes : HST_PATH_BYTES;
	block = pending_block(HST_BLOCK_MODULE, sizeof *block + path_bytes);
	block->bias = module->bias;
	block->lo = module->lo;
	block->hi = module->hi;
	block->ticks = ticks;
	block->generation = module->generation;
	block->path_bytes = (uint16_t)path_bytes;
	block->build_id_bytes = build_id_bytes;
	block->main = is_main;
	memcpy(block->build_id, build_id, sizeof block->build_id);
	memcpy(block + 1, path, path_bytes);
}

static void modules_add(struct dl_phdr_info *info, struct walk *walk, uint64_t lo, uint64_t hi)
{
	uint8_t build_id[32] = { 0 };
	bool is_main = walk->position == 1;
	const char *path = is_main ? (const char *)hst_sink.header->exe : info->dlpi_name;
	struct hst_loaded *module;
	uint8_t bytes;

	if (modules.count == HST_MODULES_MAX) {
		return;
	}
	module = &modules.list[modules.count];
	*module = (struct hst_loaded){ .bias = info->dlpi_addr,
		.lo = lo,
		.hi = hi,
		.generation = walk->next_generation,
		.alive = true };
	bytes = modules_build_id(info, build_id);
	hst_filter_module(module, path, build_id, bytes);
	/* Our own functions are in the list, but no user asks for them. */
	if ((uint64_t)(void *)&modules < lo || (uint64_t)(void *)&modules >= hi) {
		modules_write(module, build_id, bytes, is_main, path, walk->ticks);
	}
	walk->seen[modules.count / 8] |= (uint8_t)(1u << (modules.count % 8));
	walk->changed = true;
	/* Readers see the slot only when it is whole. */
	__atomic_store_n(&modules.count, modules.count + 1, __ATOMIC_RELEASE);
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
	/* The kernel's vdso has no file and no hooks. */
	if (lo >= hi ||
		(walk->position > 1 && (info->dlpi_name == NULL || info->dlpi_name[0] != '/'))) {
		return 0;
	}
	for (uint32_t i = 0; i < modules.count; i++) {
		if (modules.list[i].alive && modules.list[i].lo == lo &&
			modules.list[i].bias == info->dlpi_addr) {
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
		struct hst_loaded *module = &modules.list[i];
		struct hst_gone_block *gone;

		if (!module->alive || (walk->seen[i / 8] & (1u << (i % 8))) != 0) {
			continue;
		}
		module->alive = false;
		walk->changed = true;
		gone = pending_block(HST_BLOCK_GONE, sizeof *gone);
		gone->bias = module->bias;
		gone->lo = module->lo;
		gone->ticks = walk->ticks;
		gone->generation = walk->next_generation;
	}
}

uint32_t hst_modules_update(void)
{
	struct walk walk = { .ticks = hst_ticks() };

	if (__atomic_exchange_n(&modules.busy, 1, __ATOMIC_ACQUIRE) != 0) {
		return hst_modules_generation();
	}
	walk.next_generation = modules.generation + 1;
	(void)dl_iterate_phdr(modules_visit, &walk);
	modules_remove_unseen(&walk);
	pending_flush();
	modules.adds = walk.adds;
	modules.subs = walk.subs;
	if (walk.changed) {
		__atomic_store_n(&modules.generation, walk.next_generation, __ATOMIC_RELEASE);
		hst_sink.header->generation = walk.next_generation;
	}
	__atomic_store_n(&modules.busy, 0, __ATOMIC_RELEASE);
	return hst_modules_generation();
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

bool hst_modules_changed(void)
{
	uint64_t counts[2] = { modules.adds, modules.subs };

	(void)dl_iterate_phdr(modules_peek, counts);
	return counts[0] != modules.adds || counts[1] != modules.subs;
}
