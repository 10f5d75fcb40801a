/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the process about itself. */
#include "hooks/journal.h"

#include "core/attr.h"
#include "core/process.h"
#include "core/procfs.h"
#include "core/symbol.h"
#include "core/sys.h"
#include "core/text.h"
#include "sink/journal.h"

#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>

#include "core/poison.h"

#define PATH_BYTES 1024u
/* Of names: a program that has more of them would start later. */
#define STRINGS_MAX (256u << 10)
#define KIB         1024u

/* Set by the first allocation that failed. */
static uint32_t lacked;

static HST_NOINLINE void note_fork(void)
{
	struct hst_journal_fork fork = { .ppid = hst_sys_getppid(), .call = HST_CALL_FORK };

	hst_process.tracked->seen = 1;
	hst_process.tracked_pid = hst_sys_getpid();
	hst_process.base_maxrss = 0;
	lacked = 0;
	hst_journal_forked();
	hst_journal_append(&fork.record, sizeof fork, HST_JOURNAL_FORK, NULL, 0);
}

enum hst_journal_who hst_journal_who(void)
{
	if (hst_process.tracked == NULL || !hst_journal_on()) {
		return HST_WHO_NOBODY;
	}
	if (hst_process.tracked->seen == 0) {
		note_fork();
	}
	return hst_sys_getpid() == hst_process.tracked_pid ? HST_WHO_SELF : HST_WHO_VFORKED;
}

/* The executable as the kernel mapped it: no lock of the loader's is needed to look at it. */
static struct dl_phdr_info executable(void)
{
	struct dl_phdr_info info = { .dlpi_phdr = (const void *)getauxval(AT_PHDR),
		.dlpi_phnum = (ElfW(Half))getauxval(AT_PHNUM) };

	for (size_t i = 0; i < info.dlpi_phnum; i++) {
		if (info.dlpi_phdr[i].p_type == PT_PHDR) {
			info.dlpi_addr = (uint64_t)info.dlpi_phdr - info.dlpi_phdr[i].p_vaddr;
		}
	}
	return info;
}

/* Is the hook of an enter among the names that the executable shares with others? It need not be in the table of hashes. */
static bool has_hooks(const struct dl_phdr_info *info)
{
	static const char hook[] = "__cyg_profile_func_enter";
	struct hst_symbols symbols = hst_symbols_of(info);
	uint64_t bytes = 0;

	for (const ElfW(Dyn) *entry = symbols.entries; entry != NULL && entry->d_tag != DT_NULL;
		entry++) {
		bytes = entry->d_tag == DT_STRSZ ? entry->d_un.d_val : bytes;
	}
	if (symbols.strings == NULL || bytes > STRINGS_MAX) {
		return false;
	}
	for (uint64_t at = 0; at + sizeof hook <= bytes;
		at += hst_text_length(symbols.strings + at) + 1) {
		if (symbols.strings[at] == '_' && hst_text_equal(symbols.strings + at, hook)) {
			return true;
		}
	}
	return false;
}

/* The build-id in the notes of the executable, as they lie in memory. */
static struct hst_journal_piece build_id(const struct dl_phdr_info *info)
{
	const ElfW(Phdr) *headers = info->dlpi_phdr;
	size_t count = info->dlpi_phnum;
	struct hst_journal_piece none = { .kind = HST_TEXT_BUILD_ID };

	for (size_t i = 0; i < count; i++) {
		const uint8_t *at = (const void *)(info->dlpi_addr + headers[i].p_vaddr);
		const uint8_t *end = at + headers[i].p_memsz;

		while (headers[i].p_type == PT_NOTE && at + sizeof(ElfW(Nhdr)) <= end) {
			const ElfW(Nhdr) *note = (const void *)at;
			const uint8_t *name = at + sizeof *note;
			const uint8_t *bytes = name + ((note->n_namesz + 3u) & ~3u);

			if (bytes + note->n_descsz > end) {
				break;
			}
			if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
				memcmp(name, "GNU", 4) == 0) {
				return (struct hst_journal_piece){ HST_TEXT_BUILD_ID,
					(const char *)bytes, note->n_descsz, NULL };
			}
			at = bytes + ((note->n_descsz + 3u) & ~3u);
		}
	}
	return none;
}

static void fill_limits(struct hst_journal_limits *limits)
{
	limits->cpu_seconds = hst_sys_limit(RLIMIT_CPU);
	limits->address_bytes = hst_sys_limit(RLIMIT_AS);
	limits->data_bytes = hst_sys_limit(RLIMIT_DATA);
	limits->file_bytes = hst_sys_limit(RLIMIT_FSIZE);
	limits->stack_bytes = hst_sys_limit(RLIMIT_STACK);
	limits->processes = hst_sys_limit(RLIMIT_NPROC);
}

/* The programs of the system: what they allocate is of interest to those who ask for it. */
static bool is_system(const char *exe)
{
	static const char *const places[] = { "/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/" };

	if (hst_text_starts(exe, "/usr/local/")) {
		return false;
	}
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		if (hst_text_starts(exe, places[i])) {
			return true;
		}
	}
	return false;
}

/* Of a program of the system: are its allocations left out? */
static bool is_quiet(bool started)
{
	const struct hst_options *options = &hst_process.options;

	return started && options->memory && !options->memory_all && !options->build;
}

HST_NOINLINE bool hst_journal_image(char *const *argv, bool started)
{
	struct hst_journal_start start = { .ppid = hst_sys_getppid(),
		.uid = (uint32_t)getauxval(AT_UID),
		.gid = (uint32_t)getauxval(AT_GID) };
	const char *execfn = (const char *)getauxval(AT_EXECFN);
	const struct dl_phdr_info info = executable();
	char exe[PATH_BYTES];
	char cwd[PATH_BYTES];
	long exe_bytes = hst_sys_readlink("/proc/self/exe", exe, sizeof exe - 1);
	long cwd_bytes = hst_sys_getcwd(cwd, sizeof cwd);
	bool system;

	exe[exe_bytes > 0 ? exe_bytes : 0] = '\0';
	hst_process.tracked->seen = 1;
	hst_process.tracked_pid = hst_process.pid;
	hst_journal_usage(&start.base, false);
	hst_process.base_maxrss = start.base.maxrss_bytes;
	fill_limits(&start.limits);
	start.flags = has_hooks(&info) ? HST_JOURNAL_HOOKS : 0;
	system = is_system(exe);
	start.flags |= system && is_quiet(started) ? HST_JOURNAL_QUIET : 0;
	if (execfn == NULL || hst_text_equal(execfn, exe)) {
		execfn = "";
	}
	{
		const struct hst_journal_piece pieces[] = {
			{ HST_TEXT_EXE, exe, hst_text_length(exe), NULL },
			/* Its NUL is counted; "(unreachable)" is another root's. */
			{ HST_TEXT_CWD, cwd,
				cwd_bytes > 1 && cwd[0] == '/' ? (size_t)cwd_bytes - 1 : 0, NULL },
			{ HST_TEXT_ARGV, NULL, 0, argv },
			{ HST_TEXT_EXECFN, execfn, hst_text_length(execfn), NULL },
			build_id(&info),
		};

		hst_journal_append(&start.record, sizeof start, HST_JOURNAL_START, pieces,
			sizeof pieces / sizeof pieces[0]);
	}
	return system;
}

void hst_journal_ends(uint32_t kind, int status)
{
	struct hst_journal_end end = { .kind = kind, .status = status };
	enum hst_journal_who who = hst_journal_who();

	if (who == HST_WHO_NOBODY) {
		return;
	}
	end.flags = who == HST_WHO_VFORKED ? HST_JOURNAL_VFORKED : 0;
	hst_journal_usage(&end.usage, who == HST_WHO_SELF);
	hst_journal_append(&end.record, sizeof end, HST_JOURNAL_END, NULL, 0);
}

HST_NOINLINE void hst_journal_no_memory(uint64_t bytes)
{
	struct hst_journal_no_memory record = { .bytes = bytes };
	uint64_t kib = 0;

	if (__atomic_load_n(&lacked, __ATOMIC_RELAXED) != 0 || hst_journal_who() != HST_WHO_SELF ||
		__atomic_exchange_n(&lacked, 1, __ATOMIC_RELAXED) != 0) {
		return;
	}
	if (hst_procfs_status("VmSize:", &kib)) {
		record.address_space_bytes = kib * KIB;
	}
	hst_journal_append(&record.record, sizeof record, HST_JOURNAL_NO_MEMORY, NULL, 0);
}
