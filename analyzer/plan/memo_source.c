/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One walk over the tokens of a file with what is open around each: namespaces and extern "C" may be around a definition,
 * anything else not. Of conditional parts all branches must open and close alike, but those that __cplusplus or a
 * number decides.
 */
#include "plan/memo_source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NESTING_MAX 256u
#define FILE_MAX    ((size_t)64 << 20)

/* A part between #if and #endif. */
struct condition {
	uint32_t depth;     /* of what was open before */
	uint32_t end_depth; /* behind the first branch that was walked */
	bool known, active; /* is it decided, and is this branch the one */
	bool taken;         /* a branch was active */
	bool ended;         /* end_depth is set */
	bool otherwise;     /* it has #else */
};

struct walk {
	struct hst_memo_source *source;
	const struct hst_prototype *prototype;
	uint32_t line;
	struct hst_tokens tokens;
	bool open[NESTING_MAX]; /* is it a namespace or the like? */
	uint32_t depth;
	struct condition conditions[NESTING_MAX];
	uint32_t condition_count;
	uint32_t other; /* how many of `open` are neither */
	size_t first;   /* token that begins the declaration at hand */
	bool confused;  /* what is open depends on conditions */
	const char *why;
};

static const struct hst_token *token_at(const struct walk *walk, size_t number)
{
	return &walk->tokens.items.items[number];
}

static bool is(const struct walk *walk, size_t number, const char *text)
{
	const struct hst_token *token;

	if (number >= walk->tokens.items.count) {
		return false;
	}
	token = token_at(walk, number);
	return token->bytes == strlen(text) &&
	       memcmp(walk->source->text + token->at, text, token->bytes) == 0;
}

static bool is_kind(const struct walk *walk, size_t number, enum hst_token_kind kind)
{
	return number < walk->tokens.items.count && token_at(walk, number)->kind == kind;
}

/* The words of a directive without blanks, comments and the "#": "ifdef__cplusplus". */
static void squeeze(const struct walk *walk, const struct hst_token *token, char text[64])
{
	size_t length = 0;

	for (size_t i = 1; i < token->bytes && length + 1 < 64; i++) {
		char c = walk->source->text[token->at + i];

		if (c == '/' && i + 1 < token->bytes) {
			char next = walk->source->text[token->at + i + 1];

			if (next == '/' || next == '*') {
				break;
			}
		}
		if (c != ' ' && c != '\t' && c != '\r') {
			text[length++] = c;
		}
	}
	text[length] = '\0';
}

/* -1 not known, 0 or 1 */
static int decide(const struct walk *walk, const char *text)
{
	bool cplusplus = walk->prototype->cplusplus;

	if (strcmp(text, "ifdef__cplusplus") == 0 || strcmp(text, "ifdefined__cplusplus") == 0 ||
		strcmp(text, "ifdefined(__cplusplus)") == 0) {
		return cplusplus;
	}
	if (strcmp(text, "ifndef__cplusplus") == 0 ||
		strcmp(text, "if!defined(__cplusplus)") == 0) {
		return !cplusplus;
	}
	if (strcmp(text, "if0") == 0 || strcmp(text, "if1") == 0) {
		return text[2] == '1';
	}
	return -1;
}

static bool is_left_out(const struct walk *walk)
{
	for (uint32_t i = 0; i < walk->condition_count; i++) {
		if (walk->conditions[i].known && !walk->conditions[i].active) {
			return true;
		}
	}
	return false;
}

static void end_branch(struct walk *walk, struct condition *condition)
{
	if (condition->known && !condition->active) {
		return;
	}
	if (condition->ended && condition->end_depth != walk->depth) {
		walk->confused = true;
	}
	condition->end_depth = walk->depth;
	condition->ended = true;
}

static void set_depth(struct walk *walk, uint32_t depth)
{
	while (walk->depth > depth) {
		walk->other -= !walk->open[--walk->depth];
	}
	/* What a branch closed that stood around it cannot be opened again. */
	walk->confused |= walk->depth < depth;
}

static void begin_condition(struct walk *walk, const char *text)
{
	int known = decide(walk, text);

	if (walk->condition_count == NESTING_MAX) {
		walk->confused = true;
		return;
	}
	walk->conditions[walk->condition_count++] = (struct condition){
		.depth = walk->depth, .known = known >= 0, .active = known > 0, .taken = known > 0
	};
}

static void next_branch(struct walk *walk, struct condition *condition, bool last)
{
	end_branch(walk, condition);
	condition->otherwise |= last;
	if (condition->known) {
		/* "#elif" behind "#if 0": what decides it is not known any more. */
		condition->active = !condition->taken;
		condition->known = last || condition->taken;
	}
	if (!condition->known || condition->active) {
		set_depth(walk, condition->depth);
	}
}

static void end_condition(struct walk *walk)
{
	struct condition *condition = &walk->conditions[walk->condition_count - 1];

	end_branch(walk, condition);
	if (!condition->known && !condition->otherwise && walk->depth != condition->depth) {
		walk->confused = true;
	}
	walk->condition_count--;
}

static void take_directive(struct walk *walk, size_t number)
{
	const struct hst_token *token = token_at(walk, number);
	char text[64];

	squeeze(walk, token, text);
	if (strncmp(text, "if", 2) == 0) {
		begin_condition(walk, text);
	} else if (walk->condition_count > 0 && strncmp(text, "el", 2) == 0) {
		next_branch(walk, &walk->conditions[walk->condition_count - 1],
			strncmp(text, "else", 4) == 0);
	} else if (walk->condition_count > 0 && strncmp(text, "endif", 5) == 0) {
		end_condition(walk);
	} else if (strncmp(text, "include", 7) == 0 && walk->depth == 0 &&
		   walk->condition_count == 0) {
		walk->source->include = token->at + token->bytes;
	}
}

static bool opens_scope(const struct walk *walk, size_t number)
{
	for (size_t i = number; i-- > 0;) {
		if (is(walk, i, "namespace")) {
			return true;
		}
		if (is(walk, i, "extern")) {
			return i + 2 == number;
		}
		if (!is_kind(walk, i, HST_TOKEN_WORD) && !is_kind(walk, i, HST_TOKEN_LITERAL) &&
			!is(walk, i, "::")) {
			return false;
		}
	}
	return false;
}

static void take_brace(struct walk *walk, size_t number)
{
	if (is(walk, number, "{")) {
		if (walk->depth == NESTING_MAX) {
			walk->confused = true;
			return;
		}
		walk->open[walk->depth] = opens_scope(walk, number);
		walk->other += !walk->open[walk->depth++];
	} else if (walk->depth > 0) {
		walk->other -= !walk->open[--walk->depth];
	} else {
		walk->confused = true;
	}
}

/* Is it part of the code; and if so, what it opens or closes. */
static bool take_token(struct walk *walk, size_t number)
{
	if (is_kind(walk, number, HST_TOKEN_DIRECTIVE)) {
		take_directive(walk, number);
		return false;
	}
	if (is_left_out(walk)) {
		return false;
	}
	if (is(walk, number, "{") || is(walk, number, "}")) {
		take_brace(walk, number);
	}
	if (walk->other == 0 &&
		(is(walk, number, ";") || is(walk, number, "{") || is(walk, number, "}"))) {
		walk->first = number + 1;
	}
	return true;
}

/* Number of the bracket that closes the one at `number`; 0: none. */
static size_t close_of(
	const struct walk *walk, size_t number, const char *opens, const char *closes)
{
	uint32_t depth = 0;

	for (size_t i = number; i < walk->tokens.items.count; i++) {
		depth += is(walk, i, opens);
		if (is(walk, i, closes) && --depth == 0) {
			return i;
		}
		if (is_kind(walk, i, HST_TOKEN_DIRECTIVE)) {
			return 0;
		}
	}
	return 0;
}

static bool has_word(const struct walk *walk, size_t from, size_t to, const char *word)
{
	for (size_t i = from; i < to; i++) {
		if (is_kind(walk, i, HST_TOKEN_WORD) && is(walk, i, word)) {
			return true;
		}
	}
	return false;
}

/* Are the parameters in the parentheses those of the debug information? */
static bool has_params(struct walk *walk, size_t open, size_t close)
{
	const struct hst_prototype *prototype = walk->prototype;
	size_t from = open + 1;
	size_t found = 0;
	int depth = 0;

	if (close == open + 1 || (close == open + 2 && is(walk, open + 1, "void"))) {
		return prototype->count == 0;
	}
	for (size_t i = open + 1; i <= close; i++) {
		bool angle = prototype->cplusplus;

		depth += is(walk, i, "(") || is(walk, i, "[") || is(walk, i, "{") ||
			 (angle && is(walk, i, "<"));
		depth -= (i < close && is(walk, i, ")")) || is(walk, i, "]") || is(walk, i, "}") ||
			 (angle && is(walk, i, ">"));
		if (is(walk, i, "=")) {
			walk->why = "a parameter has a default in its definition";
			return false;
		}
		if (i == close || (depth == 0 && is(walk, i, ","))) {
			if (found == prototype->count || !prototype->params[found].has_name ||
				!has_word(walk, from, i, prototype->params[found].name)) {
				return false;
			}
			found++;
			from = i + 1;
		}
	}
	return found == prototype->count;
}

/* Words before the name that make something else of the definition than a second function can be. */
static const char *refuse_word(const struct walk *walk, size_t number)
{
	static const char *const words[] = { "template", "constexpr", "consteval", "operator",
		"friend", "virtual", "explicit", "typedef", "using", "class" };

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (is(walk, number, words[i])) {
			return words[i];
		}
	}
	return NULL;
}

static bool is_attribute(const struct walk *walk, size_t number)
{
	static const char *const words[] = { "__attribute__", "__attribute", "alignas", "_Alignas",
		"decltype", "typeof", "__typeof__", "__typeof" };

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (is(walk, number, words[i])) {
			return true;
		}
	}
	return false;
}

static void take_linkage(struct walk *walk, size_t number)
{
	struct hst_memo_source *source = walk->source;
	const struct hst_token *token = token_at(walk, number);
	const struct hst_token *last =
		is_kind(walk, number + 1, HST_TOKEN_LITERAL) ? token_at(walk, number + 1) : token;

	source->linkage = token->at;
	source->linkage_bytes = last->at + last->bytes - token->at;
}

/* Looks at what stands before the name. */
static bool check_head(struct walk *walk, size_t name)
{
	bool is_inline = false;
	size_t first = walk->first;

	/* Lines of the preprocessor may stand before a declaration, not within it. */
	while (first < name && is_kind(walk, first, HST_TOKEN_DIRECTIVE)) {
		first++;
	}
	for (size_t i = first; i < name; i++) {
		if (is_kind(walk, i, HST_TOKEN_DIRECTIVE)) {
			walk->why = "lines of the preprocessor stand within its head";
			return false;
		}
		if (refuse_word(walk, i) != NULL) {
			walk->why = "it is a template, constexpr or the like";
			return false;
		}
		is_inline |= is(walk, i, "inline") || is(walk, i, "__inline") ||
			     is(walk, i, "__inline__");
		walk->source->is_static |= is(walk, i, "static");
		if (is(walk, i, "extern")) {
			take_linkage(walk, i);
		}
		if (is(walk, i, "(")) {
			if (i == first || !is_attribute(walk, i - 1)) {
				walk->why = "a macro with arguments stands in its head";
				return false;
			}
			i = close_of(walk, i, "(", ")");
			if (i == 0 || i >= name) {
				return false;
			}
		}
	}
	if (first == name) {
		walk->why = "its head has no type";
		return false;
	}
	if (is_inline && !walk->source->is_static) {
		walk->why = "it is inline without static: each file would need the same cache";
		return false;
	}
	walk->source->head = token_at(walk, first)->at;
	return true;
}

/* From the closing parenthesis to the body; its number, 0: there is none. */
static size_t find_body(struct walk *walk, size_t close)
{
	for (size_t i = close + 1; i < walk->tokens.items.count; i++) {
		if (is(walk, i, "{")) {
			return i;
		}
		if (is(walk, i, ";") && i == close + 1) {
			walk->why = "only a declaration stands there";
			return 0;
		}
		if (!walk->prototype->cplusplus || is(walk, i, ";") || is(walk, i, ":") ||
			is(walk, i, "=") || is(walk, i, "try") || is(walk, i, "const") ||
			is_kind(walk, i, HST_TOKEN_DIRECTIVE)) {
			walk->why = "something else than its body stands behind its parameters";
			return 0;
		}
	}
	return 0;
}

/* Walks the body; where it ends. 0: that cannot be told. */
static size_t find_end(struct walk *walk, size_t body)
{
	uint32_t around = walk->depth;
	uint32_t conditions = walk->condition_count;

	for (size_t i = body; i < walk->tokens.items.count; i++) {
		(void)take_token(walk, i);
		if (walk->confused || walk->condition_count < conditions) {
			return 0;
		}
		walk->source->calls_itself |= i > body && is(walk, i, walk->prototype->name);
		if (walk->depth == around && is(walk, i, "}") && !is_left_out(walk)) {
			return walk->condition_count == conditions ? i : 0;
		}
	}
	return 0;
}

/* Does nothing but blanks and a comment of this line follow? */
static bool ends_line(const struct walk *walk, size_t number)
{
	return number + 1 >= walk->tokens.items.count ||
	       token_at(walk, number + 1)->line != token_at(walk, number)->line;
}

static bool take_definition(struct walk *walk, size_t name)
{
	struct hst_memo_source *source = walk->source;
	size_t close;
	size_t body;
	size_t end;

	if (name > 0 && is(walk, name - 1, "::")) {
		walk->why =
			"its name is qualified there: a second one would have to be declared where it is";
		return false;
	}
	close = is(walk, name + 1, "(") ? close_of(walk, name + 1, "(", ")") : 0;
	if (close == 0 || walk->confused || walk->other != 0) {
		walk->why =
			close == 0
				? "no list of parameters stands behind its name: a macro makes it"
			: walk->confused
				? "what is open there depends on conditions of the preprocessor"
				: "it is defined within a class or another block";
		return false;
	}
	if (!has_params(walk, name + 1, close)) {
		walk->why = walk->why != NULL ? walk->why
					      : "its parameters are not those that were compiled";
		return false;
	}
	body = find_body(walk, close);
	if (body == 0 || !check_head(walk, name)) {
		return false;
	}
	source->name = token_at(walk, name)->at;
	source->head_end = token_at(walk, body - 1)->at + token_at(walk, body - 1)->bytes;
	end = find_end(walk, body);
	if (end == 0 || !ends_line(walk, end)) {
		walk->why =
			end == 0 ? "where its body ends depends on conditions of the preprocessor"
				 : "other code stands on the line where it ends";
		return false;
	}
	source->end = token_at(walk, end)->at + 1;
	return true;
}

static bool find_definition(struct walk *walk)
{
	for (size_t i = 0; i < walk->tokens.items.count; i++) {
		const struct hst_token *token = token_at(walk, i);

		if (take_token(walk, i) && token->line == walk->line &&
			token->kind == HST_TOKEN_WORD && is(walk, i, walk->prototype->name)) {
			return take_definition(walk, i);
		}
	}
	walk->why =
		"its name does not stand there: the file was changed, or a macro or a generator made it";
	return false;
}

static enum hst_status read_text(
	const char *path, struct hst_memo_source *source, struct hst_diag *diag)
{
	FILE *file = fopen(path, "re");
	size_t room = 1u << 16;
	size_t got;

	if (file == NULL) {
		return hst_diag_set(
			diag, HST_E_NOT_FOUND, "%s cannot be read: %s", path, strerror(errno));
	}
	source->text = malloc(room);
	while (source->text != NULL && (got = fread(source->text + source->bytes, 1,
						room - source->bytes - 1, file)) > 0) {
		char *more = source->text;

		source->bytes += got;
		if (room - source->bytes < 2) {
			room *= 2;
			more = room > FILE_MAX ? NULL : realloc(source->text, room);
		}
		if (more == NULL) {
			free(source->text);
		}
		source->text = more;
	}
	(void)fclose(file);
	if (source->text == NULL) {
		return hst_diag_set(diag, HST_E_MEMORY, "%s is too large", path);
	}
	source->text[source->bytes] = '\0';
	return HST_OK;
}

enum hst_status hst_memo_source_read(const char *path, uint32_t line,
	const struct hst_prototype *prototype, struct hst_memo_source *ret_source,
	struct hst_diag *diag)
{
	struct walk *walk = calloc(1, sizeof *walk);
	enum hst_status status;

	*ret_source = (struct hst_memo_source){ 0 };
	if (walk == NULL) {
		return HST_E_MEMORY;
	}
	*walk = (struct walk){ .source = ret_source, .prototype = prototype, .line = line };
	status = read_text(path, ret_source, diag);
	if (status == HST_OK && memchr(ret_source->text, '\0', ret_source->bytes) != NULL) {
		status = hst_diag_set(diag, HST_E_NOT_FOUND, "%s is no text", path);
	}
	if (status == HST_OK &&
		!hst_tokens_read(ret_source->text, ret_source->bytes, &walk->tokens)) {
		status = HST_E_MEMORY;
	}
	if (status == HST_OK) {
		ret_source->returns = strstr(ret_source->text, "\r\n") != NULL;
		if (!find_definition(walk)) {
			status = hst_diag_set(diag, HST_E_NOT_FOUND, "at %s:%u %s", path, line,
				walk->why != NULL ? walk->why : "it could not be made out");
		}
	}
	hst_vec_finish(&walk->tokens.items);
	free(walk);
	return status;
}

void hst_memo_source_finish(struct hst_memo_source *source)
{
	free(source->text);
	*source = (struct hst_memo_source){ 0 };
}
