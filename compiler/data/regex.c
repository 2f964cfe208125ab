// A pattern's tree into a program, and the program run as a Thompson automaton; see regex.h.
#include "data/regex.h"

#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "data/regex_internal.h"

// Instructions: every character of a text may meet each of them, so that their number bounds the time of a match.
enum { MAX_PROGRAM = 10000 };

// ---- program ----

enum opcode {
    OP_CLASS,  // one code point of the class
    OP_SPLIT,  // goes on at pc + 1 and at target, and would rather at pc + 1, unless prefers_target
    OP_JUMP,   // goes on at target
    OP_ASSERT, // goes on when the assertion holds here
    OP_MATCH,
};

struct instruction {
    enum opcode opcode;
    enum assertion assertion;
    bool prefers_target;
    uint32_t target;
    struct class class;
};

struct regex {
    struct instruction *code;
    size_t count;
};

// ---- code ----

struct emitter {
    struct parser *parser; // for the way out
    struct instruction *code;
    size_t count;
};

static size_t emit(struct emitter *e, struct instruction instruction) {
    if (e->count >= MAX_PROGRAM) regex_fail(e->parser, 0, "the pattern is too large");
    ARENA_PUSH(e->parser->arena, e->code, e->count, instruction);
    return e->count - 1;
}

static size_t emit_op(struct emitter *e, enum opcode opcode, size_t target) {
    return emit(e, (struct instruction){.opcode = opcode, .target = (uint32_t)target});
}

// Targets that are still to come are a chain through the targets themselves; 0 ends it, since the first instruction is
// never such a target.
static void patch(struct emitter *e, size_t chain) {
    while (chain) {
        struct instruction *instruction = &e->code[chain - 1];
        chain = instruction->target;
        instruction->target = (uint32_t)e->count;
    }
}

static void emit_node(struct emitter *e, const struct node *node);

static void emit_alternatives(struct emitter *e, const struct node *node) {
    size_t ends = 0;
    for (size_t i = 0; i < node->count; i++) {
        const bool last = i + 1 == node->count;
        const size_t split = last ? 0 : emit_op(e, OP_SPLIT, 0);
        emit_node(e, node->items[i]);
        if (last) break;
        ends = emit_op(e, OP_JUMP, ends) + 1;
        e->code[split].target = (uint32_t)e->count;
    }
    patch(e, ends);
}

static size_t emit_choice(struct emitter *e, size_t target, bool prefers_target) {
    return emit(e,
                (struct instruction){.opcode = OP_SPLIT, .target = (uint32_t)target, .prefers_target = prefers_target});
}

// Whether the node may match without a character. Recursion is bounded by the height of the tree.
static bool may_be_empty(const struct node *node) {
    switch (node->kind) {
    case NODE_CLASS: return false;
    case NODE_REPEAT: return node->min == 0 || may_be_empty(node->items[0]);
    case NODE_ALTERNATE:
        for (size_t i = 0; i < node->count; i++)
            if (may_be_empty(node->items[i])) return true;
        return false;
    case NODE_CONCAT:
    case NODE_CAPTURE:
        for (size_t i = 0; i < node->count; i++)
            if (!may_be_empty(node->items[i])) return false;
        return true;
    case NODE_EMPTY:
    case NODE_ASSERT:
    case NODE_LEFT_PAREN:
    case NODE_BAR: break;
    }
    return true;
}

static void emit_star(struct emitter *e, const struct node *item, bool is_lazy) {
    const size_t split = emit_choice(e, 0, is_lazy);
    emit_node(e, item);
    // x* is (x+)? where x may be empty, so that an empty round counts as one that was made.
    if (may_be_empty(item))
        emit_choice(e, split + 1, !is_lazy);
    else
        emit_op(e, OP_JUMP, split);
    e->code[split].target = (uint32_t)e->count;
}

static void emit_repeat(struct emitter *e, const struct node *node) {
    const struct node *item = node->items[0];
    size_t begin = e->count;
    for (int i = 0; i < node->min; i++) {
        begin = e->count;
        emit_node(e, item);
    }
    if (node->max < 0 && node->min == 0) {
        emit_star(e, item, node->is_lazy);
    } else if (node->max < 0) {
        emit_choice(e, begin, !node->is_lazy);
    } else {
        size_t ends = 0;
        for (int i = node->min; i < node->max; i++) {
            ends = emit_choice(e, ends, node->is_lazy) + 1;
            emit_node(e, item);
        }
        patch(e, ends);
    }
}

// Recursion is bounded by the height of the tree.
static void emit_node(struct emitter *e, const struct node *node) {
    switch (node->kind) {
    case NODE_EMPTY: return;
    case NODE_CLASS: emit(e, (struct instruction){.opcode = OP_CLASS, .class = node->class}); return;
    case NODE_ASSERT: emit(e, (struct instruction){.opcode = OP_ASSERT, .assertion = node->assertion}); return;
    case NODE_CONCAT:
    case NODE_CAPTURE:
        for (size_t i = 0; i < node->count; i++) emit_node(e, node->items[i]);
        return;
    case NODE_ALTERNATE: emit_alternatives(e, node); return;
    case NODE_REPEAT: emit_repeat(e, node); return;
    case NODE_LEFT_PAREN:
    case NODE_BAR: return;
    }
}

struct regex *regex_compile(struct arena *arena, const char *pattern, const char **ret_error, size_t *ret_offset) {
    struct parser *p = ARENA_NEW(arena, struct parser);
    p->arena = arena;
    p->text = pattern;
    p->len = strlen(pattern);
    if (setjmp(p->failed)) {
        *ret_error = p->error;
        *ret_offset = p->error_offset;
        return NULL;
    }
    const size_t valid = utf8_valid_prefix(pattern, p->len);
    if (valid != p->len) regex_fail(p, valid, "invalid UTF-8");
    struct emitter *e = ARENA_NEW(arena, struct emitter);
    e->parser = p;
    emit_node(e, regex_parse(p));
    emit_op(e, OP_MATCH, 0);
    struct regex *regex = ARENA_NEW(arena, struct regex);
    regex->code = e->code;
    regex->count = e->count;
    return regex;
}

// ---- matching ----

// A set of program counters that can be emptied in no time: a member is a dense slot that its sparse slot points to.
struct states {
    uint32_t *dense, *sparse;
    size_t count;
};

static bool states_has(const struct states *states, uint32_t pc) {
    const uint32_t slot = states->sparse[pc];
    return slot < states->count && states->dense[slot] == pc;
}

static void states_add(struct states *states, uint32_t pc) {
    states->sparse[pc] = (uint32_t)states->count;
    states->dense[states->count++] = pc;
}

enum { NO_CHARACTER = 0x110000 };

struct place {
    uint32_t before, after; // NO_CHARACTER at the ends of the text
};

static bool holds(enum assertion assertion, struct place place) {
    switch (assertion) {
    case ASSERT_TEXT_BEGIN: return place.before == NO_CHARACTER;
    case ASSERT_TEXT_END: return place.after == NO_CHARACTER;
    case ASSERT_LINE_BEGIN: return place.before == NO_CHARACTER || place.before == '\n';
    case ASSERT_LINE_END: return place.after == NO_CHARACTER || place.after == '\n';
    case ASSERT_WORD: return regex_is_word(place.before) != regex_is_word(place.after);
    case ASSERT_NO_WORD: return regex_is_word(place.before) == regex_is_word(place.after);
    }
    return false;
}

static bool class_has(const struct class *class, uint32_t c) {
    size_t lo = 0, hi = class->count;
    while (lo < hi) {
        const size_t middle = lo + (hi - lo) / 2;
        if (c > class->items[middle].hi)
            lo = middle + 1;
        else if (c < class->items[middle].lo)
            hi = middle;
        else
            return true;
    }
    return false;
}

// Adds the state and all that can be reached from it without a character; true when that is a match. Every state is
// pushed at most once, as its membership is noted before.
static bool follow(const struct regex *regex, struct states *states, uint32_t *stack, uint32_t pc, struct place place) {
    size_t depth = 0;
    if (!states_has(states, pc)) {
        states_add(states, pc);
        stack[depth++] = pc;
    }
    while (depth) {
        pc = stack[--depth];
        const struct instruction *instruction = &regex->code[pc];
        uint32_t next[2];
        size_t count = 0;
        switch (instruction->opcode) {
        case OP_MATCH: return true;
        case OP_CLASS: break;
        case OP_SPLIT:
            next[count++] = instruction->target;
            next[count++] = pc + 1;
            break;
        case OP_JUMP: next[count++] = instruction->target; break;
        case OP_ASSERT:
            if (holds(instruction->assertion, place)) next[count++] = pc + 1;
            break;
        }
        for (size_t i = 0; i < count; i++) {
            if (states_has(states, next[i])) continue;
            states_add(states, next[i]);
            stack[depth++] = next[i];
        }
    }
    return false;
}

static struct states new_states(struct arena *arena, size_t count) {
    return (struct states){ARENA_ARRAY(arena, uint32_t, count), ARENA_ARRAY(arena, uint32_t, count), 0};
}

bool regex_match(const struct regex *regex, const char *text, size_t len, struct arena *scratch) {
    struct states now = new_states(scratch, regex->count), next = new_states(scratch, regex->count);
    uint32_t *stack = ARENA_ARRAY(scratch, uint32_t, regex->count);
    struct place place = {NO_CHARACTER, NO_CHARACTER};
    size_t at = 0;
    if (len) place.after = utf8_next(text, len, &at);
    for (;;) {
        // A match may begin anywhere.
        if (follow(regex, &now, stack, 0, place)) return true;
        if (place.after == NO_CHARACTER) return false;
        const uint32_t c = place.after;
        place.before = c;
        place.after = at < len ? utf8_next(text, len, &at) : NO_CHARACTER;
        for (size_t i = 0; i < now.count; i++) {
            const struct instruction *instruction = &regex->code[now.dense[i]];
            if (instruction->opcode != OP_CLASS || !class_has(&instruction->class, c)) continue;
            if (follow(regex, &next, stack, now.dense[i] + 1, place)) return true;
        }
        const struct states swapped = now;
        now = next;
        next = swapped;
        next.count = 0;
    }
}

// ---- finding ----

// Threads of the automaton in the order in which they are preferred, each with the byte where its match began.
struct threads {
    struct states states;
    size_t *begins; // by state
};

struct regex_finder {
    const struct regex *regex;
    struct threads now, next;
    uint32_t *stack;
};

size_t regex_size(const struct regex *regex) {
    return regex->count;
}

static struct threads new_threads(struct arena *arena, size_t count) {
    return (struct threads){new_states(arena, count), ARENA_ARRAY(arena, size_t, count)};
}

struct regex_finder *regex_finder(const struct regex *regex, struct arena *arena) {
    struct regex_finder *finder = ARENA_NEW(arena, struct regex_finder);
    finder->regex = regex;
    finder->now = new_threads(arena, regex->count);
    finder->next = new_threads(arena, regex->count);
    // Each state is taken from the stack once, and leaves at most two there.
    finder->stack = ARENA_ARRAY(arena, uint32_t, regex->count * 2 + 1);
    return finder;
}

// Adds the state and all that can be reached from it without a character, the preferred ones first.
static void spawn(const struct regex_finder *finder, struct threads *threads, uint32_t pc, size_t begin,
                  struct place place) {
    uint32_t *stack = finder->stack;
    size_t depth = 0;
    stack[depth++] = pc;
    while (depth) {
        pc = stack[--depth];
        if (states_has(&threads->states, pc)) continue;
        states_add(&threads->states, pc);
        threads->begins[pc] = begin;
        const struct instruction *instruction = &finder->regex->code[pc];
        switch (instruction->opcode) {
        case OP_MATCH:
        case OP_CLASS: break;
        case OP_SPLIT:
            stack[depth++] = instruction->prefers_target ? pc + 1 : instruction->target;
            stack[depth++] = instruction->prefers_target ? instruction->target : pc + 1;
            break;
        case OP_JUMP: stack[depth++] = instruction->target; break;
        case OP_ASSERT:
            if (holds(instruction->assertion, place)) stack[depth++] = pc + 1;
            break;
        }
    }
}

// Moves the threads over the character. Threads behind one that has matched are worth less than its match.
static bool advance(struct regex_finder *finder, uint32_t c, size_t at, struct place behind,
                    struct regex_found *ret_found) {
    const struct threads *now = &finder->now;
    for (size_t i = 0; i < now->states.count; i++) {
        const uint32_t pc = now->states.dense[i];
        const struct instruction *instruction = &finder->regex->code[pc];
        if (instruction->opcode == OP_MATCH) {
            *ret_found = (struct regex_found){now->begins[pc], at};
            return true;
        }
        if (instruction->opcode == OP_CLASS && c != NO_CHARACTER && class_has(&instruction->class, c))
            spawn(finder, &finder->next, pc + 1, now->begins[pc], behind);
    }
    return false;
}

static uint32_t rune_before(const char *text, size_t at) {
    if (!at) return NO_CHARACTER;
    size_t begin = at - 1;
    while (begin && ((unsigned char)text[begin] & 0xc0) == 0x80) begin--;
    return utf8_next(text, at, &begin);
}

bool regex_find(struct regex_finder *finder, const char *text, size_t len, size_t from, struct regex_found *ret_found) {
    bool is_found = false;
    size_t at = from, next = from;
    struct place place = {rune_before(text, from), from < len ? utf8_next(text, len, &next) : NO_CHARACTER};
    finder->now.states.count = 0;
    for (;;) {
        // A match that begins later is worth less than any that was begun.
        if (!is_found) spawn(finder, &finder->now, 0, at, place);
        if (!finder->now.states.count) return is_found;
        const uint32_t c = place.after;
        size_t behind = next;
        const struct place after = {c, next < len ? utf8_next(text, len, &behind) : NO_CHARACTER};
        finder->next.states.count = 0;
        is_found = advance(finder, c, at, after, ret_found) || is_found;
        if (c == NO_CHARACTER) return is_found;
        const struct threads swapped = finder->now;
        finder->now = finder->next;
        finder->next = swapped;
        place = after;
        at = next;
        next = behind;
    }
}

// ---- globs ----

// ---- whether anything matches ----

static bool class_meets(const struct class *class, const char *alphabet) {
    if (!alphabet) return class->count > 0;
    for (; *alphabet; alphabet++)
        if (class_has(class, (unsigned char)*alphabet)) return true;
    return false;
}

// Where an instruction is reached: before any character, somewhere, behind the last one. The first may be the last.
enum { AT_BEGIN = 1, AT_END = 2, SITUATIONS = 4 };

// The situation behind an assertion, or -1 when it cannot hold.
static int assert_situation(enum assertion assertion, int situation, bool lines) {
    switch (assertion) {
    case ASSERT_LINE_BEGIN:
        if (lines) return situation;
        // fall through
    case ASSERT_TEXT_BEGIN: return situation & AT_BEGIN ? situation : -1;
    case ASSERT_LINE_END:
        if (lines) return situation;
        // fall through
    case ASSERT_TEXT_END: return situation | AT_END;
    case ASSERT_WORD:
    case ASSERT_NO_WORD: break;
    }
    return situation;
}

bool regex_can_match(const struct regex *regex, const char *alphabet, struct arena *scratch) {
    bool *known = ARENA_ARRAY(scratch, bool, regex->count *SITUATIONS);
    size_t *stack = ARENA_ARRAY(scratch, size_t, regex->count * SITUATIONS), depth = 0;
    // A match may begin anywhere.
    for (int situation = 0; situation <= AT_BEGIN; situation++) {
        known[situation] = true;
        stack[depth++] = (size_t)situation;
    }
    while (depth) {
        const size_t at = stack[--depth], pc = at / SITUATIONS;
        const int situation = (int)(at % SITUATIONS);
        const struct instruction *instruction = &regex->code[pc];
        size_t next[2] = {pc + 1, instruction->target}, first = 0, last = 1;
        int behind = situation;
        switch (instruction->opcode) {
        case OP_MATCH: return true;
        case OP_CLASS:
            if ((situation & AT_END) || !class_meets(&instruction->class, alphabet)) continue;
            behind = 0;
            break;
        case OP_SPLIT: last = 2; break;
        case OP_JUMP:
            first = 1;
            last = 2;
            break;
        case OP_ASSERT:
            behind = assert_situation(instruction->assertion, situation, !alphabet);
            if (behind < 0) continue;
            break;
        }
        for (size_t i = first; i < last; i++) {
            const size_t reached = next[i] * SITUATIONS + (size_t)behind;
            if (known[reached]) continue;
            known[reached] = true;
            stack[depth++] = reached;
        }
    }
    return false;
}

char *regex_from_glob(struct arena *arena, const char *glob) {
    struct text text;
    text_init(&text, arena);
    // Without the flag, a dot stops at a line break.
    text_add_string(&text, strpbrk(glob, "*?") ? "(?s)^" : "^");
    for (const char *c = glob; *c; c++) {
        if (*c == '*') {
            if (c == glob || c[-1] != '*') text_add_string(&text, ".*");
            continue;
        }
        if (*c == '?') {
            text_add_char(&text, '.');
            continue;
        }
        if (strchr("\\.+()|[]{}^$", *c)) text_add_char(&text, '\\');
        text_add_char(&text, *c);
    }
    text_add_char(&text, '$');
    return text.data;
}

char *regex_to_glob(struct arena *arena, const char *pattern) {
    static const char begin[] = "(?s)^";
    const size_t len = strlen(pattern);
    struct text text;
    text_init(&text, arena);
    text_add_string(&text, "");
    if (strncmp(pattern, begin, strlen(begin)) != 0 || pattern[len - 1] != '$') return NULL;
    for (size_t i = strlen(begin); i + 1 < len; i++) {
        if (pattern[i] == '\\' && i + 2 < len) {
            text_add_char(&text, pattern[++i]);
        } else if (pattern[i] == '.') {
            text_add_char(&text, pattern[i + 1] == '*' ? '*' : '?');
            i += pattern[i + 1] == '*';
        } else if (strchr("+*?()|[]{}^$\\", pattern[i])) {
            return NULL;
        } else {
            text_add_char(&text, pattern[i]);
        }
    }
    return text.data;
}
