/* SPDX-License-Identifier: Apache-2.0 */
/* `hasten info`: what was recorded, how, at which cost, and what is missing. */
#include "cmd/info.h"

#include "cmd/commands.h"
#include "cmd/info_plan.h"
#include "cmd/optimize_plan.h"
#include "symbols/symbols.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MODULES_MAX 4096u

static const struct hst_option options[] = {
	{ 0, "json", NULL, HST_OPTION_FLAG, HST_OPTION_AT(json), "JSON" },
	{ 0, "start", NULL, HST_OPTION_FLAG, HST_OPTION_AT(start),
		"let the running program record (again)" },
	{ 0, "stop", NULL, HST_OPTION_FLAG, HST_OPTION_AT(stop), "let it pause recording" },
	{ 0, "snapshot", "OUT", HST_OPTION_TEXT, HST_OPTION_AT(snapshot),
		"copy the data of the running program to a new directory" },
	{ 0, "args", "PROG", HST_OPTION_TEXT, HST_OPTION_AT(args),
		"which arguments and results of this program's functions can be read, and why others cannot" },
	HST_OPTION_TABLE_END,
};

/* Field 22 of /proc/PID/stat: the name before it may hold anything, so count from its last bracket. */
static uint64_t pid_start(uint32_t pid)
{
	char path[64];
	char text[1024];
	const char *at;
	FILE *file;
	size_t got;
	int fields = 0;

	(void)snprintf(path, sizeof path, "/proc/%" PRIu32 "/stat", pid);
	file = fopen(path, "re");
	if (file == NULL) {
		return 0;
	}
	got = fread(text, 1, sizeof text - 1, file);
	(void)fclose(file);
	text[got] = '\0';
	at = strrchr(text, ')');
	/* A zombie has ended, whatever its number says. */
	if (at == NULL || strncmp(at, ") Z", 3) == 0) {
		return 0;
	}
	for (; *at != '\0'; at++) {
		fields += *at == ' ';
		if (fields == 20) {
			return strtoull(at + 1, NULL, 10);
		}
	}
	return 0;
}

bool hst_info_is_alive(const struct hst_file_header *header)
{
	static const uint8_t unknown[16];
	char boot[64] = "";
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
	uint8_t id[16] = { 0 };
	size_t digits = 0;
	uint64_t start = header->pid_start == 0 ? 0 : pid_start(header->pid);

	if (file != NULL) {
		boot[fread(boot, 1, sizeof boot - 1, file)] = '\0';
		(void)fclose(file);
	}
	for (const char *p = boot; *p != '\0' && digits < 32; p++) {
		const char *hex = "0123456789abcdef";
		const char *digit = strchr(hex, *p);

		if (digit != NULL) {
			id[digits / 2] |= (uint8_t)((digit - hex) << (digits % 2 == 0 ? 4 : 0));
			digits++;
		}
	}
	if (memcmp(header->boot_id, unknown, sizeof unknown) != 0 &&
		memcmp(header->boot_id, id, sizeof id) != 0) {
		return false;
	}
	return start != 0 && start <= header->pid_start && header->end_kind == HST_END_NONE;
}

static enum hst_status add_module(struct hst_info *info, const struct hst_module *module)
{
	struct hst_info_module fresh = { .build_id_bytes = module->build_id_bytes,
		.main = module->main };
	struct hst_image *image = NULL;

	for (size_t i = 0; i < info->modules.count; i++) {
		const struct hst_info_module *there = &info->modules.items[i];

		if (strcmp(there->path, module->path) == 0 &&
			there->build_id_bytes == module->build_id_bytes &&
			memcmp(there->build_id, module->build_id, module->build_id_bytes) == 0) {
			return HST_OK;
		}
	}
	if (info->modules.count >= MODULES_MAX) {
		return HST_OK;
	}
	fresh.path = hst_arena_string(&info->arena, module->path);
	if (fresh.path == NULL) {
		return HST_E_MEMORY;
	}
	memcpy(fresh.build_id, module->build_id, sizeof fresh.build_id);
	if (hst_image_open(module->path, module->build_id_bytes == 0 ? NULL : module->build_id,
		    module->build_id_bytes, &image, NULL) == HST_OK) {
		fresh.flags = hst_image_flags(image);
		hst_image_close(image);
	} else {
		fresh.unreadable = true;
	}
	return hst_vec_push(&info->modules, fresh) ? HST_OK : HST_E_MEMORY;
}

static enum hst_status add_file(struct hst_info *info, const struct hst_trace_file *file)
{
	struct hst_info_process process = { .header = file->header,
		.rate = hst_trace_file_rate(file, info->reading->session.tsc_hz),
		.bytes = file->bytes,
		.streams = file->stream_count,
		.alive = hst_info_is_alive(&file->header) };

	(void)snprintf(process.missing, sizeof process.missing, "%s", file->missing);
	process.header.exe[sizeof process.header.exe - 1] = '\0';
	process.header.allocator[sizeof process.header.allocator - 1] = '\0';
	if (!hst_vec_push(&info->processes, process)) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < file->module_count; i++) {
		HST_TRY(add_module(info, &file->modules[i]));
	}
	return HST_OK;
}

enum hst_status hst_info_read(struct hst_info *info)
{
	const struct hst_session *session = &info->reading->session;

	for (size_t i = 0; i < session->file_count; i++) {
		struct hst_trace_file file;
		enum hst_status status = hst_trace_file_open(session->files[i].path, &file, NULL);

		if (status == HST_E_MEMORY) {
			return status;
		}
		if (status != HST_OK) {
			continue;
		}
		status = add_file(info, &file);
		hst_trace_file_close(&file);
		HST_TRY(status);
	}
	return HST_OK;
}

void hst_info_finish(struct hst_info *info)
{
	hst_vec_finish(&info->processes);
	hst_vec_finish(&info->modules);
	hst_arena_finish(&info->arena);
	hst_profile_finish(&info->profile);
}

/* Libraries of the system are not the user's to compile. */
static bool is_foreign(const char *path)
{
	static const char *const prefixes[] = { "/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/",
		"/usr/libexec/", "linux-vdso", "[" };

	for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
		if (strncmp(path, prefixes[i], strlen(prefixes[i])) == 0) {
			return true;
		}
	}
	return false;
}

const char *hst_info_advice(const struct hst_info_module *module)
{
	if (module->unreadable) {
		return is_foreign(module->path) ? NULL : "cannot be read any more";
	}
	if ((module->flags & HST_IMAGE_BUILD_ID_DIFFERS) != 0) {
		return "changed since it was recorded: record again";
	}
	if (is_foreign(module->path) && (module->flags & HST_IMAGE_HAS_HOOKS) == 0) {
		return NULL;
	}
	if ((module->flags & HST_IMAGE_DEFINES_HOOKS) != 0) {
		return "has hooks of its own: ours are not called";
	}
	if ((module->flags & HST_IMAGE_HAS_HOOKS) == 0) {
		return "compile with -finstrument-functions -g";
	}
	if ((module->flags & HST_IMAGE_ZSTD_DEBUG) != 0) {
		return "link with -Wl,--compress-debug-sections=zlib";
	}
	if ((module->flags & HST_IMAGE_HAS_DWARF) == 0) {
		return (module->flags & HST_IMAGE_STRIPPED) != 0 ? "keep its symbols (do not strip)"
								 : "compile with -g";
	}
	return NULL;
}

void hst_info_end(const struct hst_info_process *process, char *buffer, size_t size)
{
	const struct hst_file_header *header = &process->header;

	if (process->alive) {
		(void)snprintf(buffer, size, "running%s",
			header->control_seen == HST_CONTROL_PAUSE ? ", paused" : "");
	} else if (header->end_kind == HST_END_NONE) {
		(void)snprintf(buffer, size, "killed or replaced by exec");
	} else if (header->end_status >= 0) {
		(void)snprintf(buffer, size, "%s with status %" PRId32,
			header->end_kind == HST_END_EXIT ? "exit" : "_exit", header->end_status);
	} else {
		(void)snprintf(
			buffer, size, "%s", header->end_kind == HST_END_EXIT ? "exit" : "_exit");
	}
}

static int show(struct hst_info *info)
{
	struct hst_reading *reading = info->reading;
	struct hst_profile_options asked = { 0 };
	int result = hst_reading_profile(reading, &asked, &info->profile);
	enum hst_status status;

	if (result != HST_EXIT_OK) {
		return result;
	}
	status = hst_info_read(info);
	if (status == HST_OK && reading->options.json) {
		hst_info_json(info);
	} else if (status == HST_OK) {
		status = hst_info_text(info);
	}
	return status == HST_OK ? HST_EXIT_OK
				: hst_reading_fail(reading, "%s", hst_status_text(status));
}

int hst_cmd_info(int argc, char **argv)
{
	static const char examples[] =
		"  hasten info                     what the newest data directory holds\n"
		"  hasten info --stop              pause the recording of the running program\n"
		"  hasten info --snapshot now.data look at it while it runs\n"
		"  hasten info app.plan            what a plan has the program do\n"
		"  hasten info --args ./program    which arguments of its functions can be read\n";
	struct hst_reading reading = { .command = argv[0] };
	struct hst_info info = { .reading = &reading };
	int status;

	/* A program is looked at without a data directory. */
	if (hst_options_parse(argc, argv, options, &reading.options, NULL) == HST_OK &&
		reading.options.args != NULL && !reading.options.help) {
		return hst_info_args(&reading);
	}
	if (hst_options_parse(argc, argv, options, &reading.options, NULL) == HST_OK &&
		!reading.options.help && hst_optimize_is_plan(reading.options.dir)) {
		return hst_info_plan(&reading);
	}
	status = hst_reading_open(&reading, argc, argv, options, examples);

	if (status == HST_EXIT_OK && !reading.done) {
		const struct hst_options *asked = &reading.options;

		if (asked->start + asked->stop + (asked->snapshot != NULL) > 1) {
			status = hst_reading_fail(
				&reading, "one of --start, --stop and --snapshot at a time");
		} else if (asked->start || asked->stop) {
			status = hst_info_control(
				&reading, asked->start ? HST_CONTROL_RECORD : HST_CONTROL_PAUSE);
		} else if (asked->snapshot != NULL) {
			status = hst_info_snapshot(&reading, asked->snapshot);
		} else {
			status = show(&info);
		}
	}
	hst_info_finish(&info);
	hst_reading_close(&reading);
	return status;
}
