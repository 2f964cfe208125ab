// YAML: what is quoted, what comes back as it was, what is refused.
#include "compile_support.h"

#include "data/yamlio.h"

static const char *printed(void **state, const struct value *value) {
    struct text text;
    text_init(&text, arena_of(state));
    yaml_print(&text, value);
    return text_string(&text);
}

static const struct value *read_back(void **state, const char *text) {
    const char *error = NULL;
    const struct value *value = yaml_read(arena_of(state), text, strlen(text), &error);
    if (!value) fail_msg("'%s' is refused: %s", text, error);
    return value;
}

static void only_what_every_reader_takes_for_text_is_plain(void **state) {
    static const char *const plain[] = {"a", "abc", "a.b/c-d_e", "v1", "nullx", "yess", "Pod", "apps/v1"};
    static const char *const quoted[] = {
        "",           "y",    "Y",    "n",   "yes",  "No", "ON", "off", "true", "FALSE", "null",     "Null",
        "~",          "1.20", "0777", "1e3", "0x1f", "=",  "<<", "-",   "- a",  "a: b",  "a #b",     "22:22",
        "2024-01-01", " a",   "a ",   "*a",  "&a",   "!a", "%a", "@a",  "`a",   "{}",    "[a]",      "a,b",
        "'a'",        ".inf", "_a",   "?",   "? a",  ":",  "|",  ">",   "a\\b", "a\"b",  "\xc3\xa4", "#"};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        assert_string_equal(printed(state, value_string(arena_of(state), plain[i])),
                            arena_printf(arena_of(state), "--- %s\n", plain[i]));
    for (size_t i = 0; i < sizeof quoted / sizeof *quoted; i++)
        if (printed(state, value_string(arena_of(state), quoted[i]))[4] != '"')
            fail_msg("'%s' is not quoted", quoted[i]);
}

static void keys_are_quoted_as_values_are(void **state) {
    struct value *map = value_map(arena_of(state));
    value_set_string(arena_of(state), map, "no", "yes");
    value_set_string(arena_of(state), map, "app", "1");
    assert_string_equal(printed(state, map), "---\n\"no\": \"yes\"\napp: \"1\"\n");
}

static void awkward_strings_come_back_as_they_were(void **state) {
    static const char *const strings[] = {"",
                                          " ",
                                          "\n",
                                          "a\n",
                                          "a\nb",
                                          "a\n\n",
                                          "\na",
                                          " a\nb",
                                          "a \nb",
                                          "a\tb",
                                          "\ta\nb",
                                          "a\r\nb",
                                          "a\rb",
                                          "a: b\nc: d",
                                          "---\na",
                                          "...\n",
                                          "# a\nb",
                                          "%a\nb",
                                          "\xc3\xa4\n\xe2\x82\xac",
                                          "\xf0\x9f\x98\x80",
                                          "\xc2\x85",
                                          "\xe2\x80\xa8",
                                          "\x01\x7f",
                                          "\xef\xbb\xbf",
                                          "'\"\\",
                                          "${x}",
                                          "{{ x }}",
                                          "null",
                                          "1",
                                          "1.0",
                                          "true",
                                          "a\n  b\n c",
                                          "x\n---\ny\n",
                                          "trailing \n \n"};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        struct value *map = value_map(arena_of(state)), *list = value_list(arena_of(state));
        value_append(arena_of(state), list, value_string(arena_of(state), strings[i]));
        value_set(arena_of(state), map, "list", list);
        value_set_string(arena_of(state), map, "value", strings[i]);
        value_set_string(arena_of(state), map, *strings[i] ? strings[i] : "empty", "key");
        const char *text = printed(state, map);
        if (!value_equal(read_back(state, text), map)) fail_msg("came back as something else:\n%s", text);
    }
}

// Long texts do not go through libyaml, but where something waits or it would quote them.
static void long_texts_come_back_as_they_were(void **state) {
    struct arena *arena = arena_of(state);
    static const char *const forms[] = {"%s\n%s",
                                        "a\n%s\n\n\n  %s\nb",
                                        "%s\n---\n...\n# %s\n- c",
                                        "%s\nx\nx\n%s",
                                        " %s\n%s",
                                        "\n%s\n%s",
                                        "%s\n%s\n",
                                        "%s\n%s ",
                                        "%s\n\xc3\xa4%s",
                                        "%s\n\t%s",
                                        "%s\r\n%s",
                                        "%s %s"};
    char word[200];
    memset(word, 'w', sizeof word);
    word[sizeof word - 1] = '\0';
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct text filled;
        text_init(&filled, arena);
        for (const char *c = forms[i]; *c; c++)
            if (*c == '%')
                text_add_string(&filled, word), c++;
            else
                text_add_char(&filled, *c);
        const char *text = text_string(&filled);
        struct value *map = value_map(arena), *first = value_map(arena), *second = value_map(arena),
                     *list = value_list(arena), *maps = value_list(arena);
        value_set_string(arena, first, "text", text);
        value_set_string(arena, second, "name", "n");
        value_set_string(arena, second, "text", text);
        value_set_string(arena, second, "more", text);
        value_set_string(arena, second, "end", "e");
        value_append(arena, list, value_string(arena, text));
        value_append(arena, list, value_string(arena, text));
        value_append(arena, maps, first);
        value_append(arena, maps, second);
        value_append(arena, maps, first);
        value_set(arena, map, "list", list);
        value_set(arena, map, "maps", maps);
        value_set_string(arena, map, "value", text);
        const char *output = printed(state, map);
        if (!value_equal(read_back(state, output), map)) fail_msg("came back as something else:\n%s", output);
    }
}

static void scalars_come_back_with_their_types(void **state) {
    struct arena *arena = arena_of(state);
    struct value *list = value_list(arena);
    value_append(arena, list, value_int(arena, INT64_MIN));
    value_append(arena, list, value_int(arena, INT64_MAX));
    value_append(arena, list, value_double(arena, 0.1));
    value_append(arena, list, value_double(arena, 1e300));
    value_append(arena, list, value_bool(arena, false));
    value_append(arena, list, value_null(arena));
    value_append(arena, list, value_list(arena));
    value_append(arena, list, value_map(arena));
    const struct value *back = read_back(state, printed(state, list));
    assert_true(value_equal(back, list));
    for (size_t i = 0; i < list->count; i++) assert_int_equal(back->as.items[i]->kind, list->as.items[i]->kind);
}

static void plain_scalars_are_read_as_kubernetes_reads_them(void **state) {
    assert_int_equal(read_back(state, "5")->kind, VALUE_INT);
    assert_int_equal(read_back(state, "-5")->kind, VALUE_INT);
    assert_int_equal(read_back(state, "5.5")->kind, VALUE_DOUBLE);
    assert_int_equal(read_back(state, "1e3")->kind, VALUE_DOUBLE);
    assert_int_equal(read_back(state, "'5'")->kind, VALUE_STRING);
    assert_int_equal(read_back(state, "5%")->kind, VALUE_STRING);
    assert_int_equal(read_back(state, "true")->kind, VALUE_BOOL);
    assert_int_equal(read_back(state, "~")->kind, VALUE_NULL);
    assert_int_equal(read_back(state, "a:\n")->as.entries[0].value->kind, VALUE_NULL);
}

static void what_is_no_plain_data_is_refused_with_a_reason(void **state) {
    static const char *const bad[] = {"",           "# only\n",   "a: b\na: c", "a: &x b",         "a: *x",
                                      "a: !!str b", "!x {}",      "- &x a",     "a: 1\n---\nb: 2", "[a]: b",
                                      "{a: b}: c",  "a: [b",      "a: \"b",     "\ta: b",          "a: b: c",
                                      "\"\\0\"",    "? [a]\n: b", "\xff",       "{a: 1, a: 2}",    "<<: *x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *error = NULL;
        if (yaml_read(arena_of(state), bad[i], strlen(bad[i]), &error)) fail_msg("'%s' is accepted", bad[i]);
        if (!error || !*error) fail_msg("'%s' is refused without a reason", bad[i]);
    }
    const char *error = NULL;
    assert_null(yaml_read(arena_of(state), "a\0b", 3, &error));
    char *deep = arena_alloc(arena_of(state), 100001);
    memset(deep, '[', 100000);
    assert_null(yaml_read(arena_of(state), deep, 100000, &error));
}

static struct yaml_stream read_stream(void **state, const char *text) {
    static const struct yaml_keys in_a[] = {{"b", NULL}, {NULL, NULL}},
                                  keys[] = {{"a", in_a}, {"c", NULL}, {NULL, NULL}};
    struct yaml_stream stream;
    yaml_read_stream(arena_of(state), text, strlen(text), keys, &stream);
    return stream;
}

static void of_a_stream_only_the_keys_are_read_that_are_asked_for(void **state) {
    const struct yaml_stream stream = read_stream(
        state, "a: {b: 1, d: [&x {}, *x, !t y]}\nz: {z: 1, z: 2}\n---\n---\nc: {d: e}\na: [{b: f, g: h}]\n");
    assert_null(stream.error);
    assert_int_equal(stream.count, 3);
    assert_int_equal(stream.documents[0].value->count, 1);
    assert_int_equal(value_dig(stream.documents[0].value, "a", "b", NULL)->as.integer, 1);
    assert_int_equal(value_get(stream.documents[0].value, "a")->count, 1);
    assert_int_equal(stream.documents[1].value->kind, VALUE_NULL);
    assert_string_equal(value_get_string(value_get(stream.documents[2].value, "c"), "d"), "e");
    assert_int_equal(value_get(stream.documents[2].value, "a")->as.items[0]->count, 1);
}

static void places_are_bytes_whatever_the_characters_and_lines(void **state) {
    static const char *const texts[] = {"# \xc3\xa4\r\na: {b: \xc3\xbc, d: \xf0\x9f\x98\x80}\r\nc: here\r\n",
                                        "d: \"\xe2\x80\xa8\xc2\x85\"\nc: here\n",
                                        "{\"d\":\t\"\\u00e4\",\n\t\"c\": here}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const struct yaml_stream stream = read_stream(state, texts[i]);
        const struct value *here = value_get(stream.documents[0].value, "c");
        const struct yaml_place *place = &stream.documents[0].places[stream.documents[0].place_count - 1];
        assert_null(stream.error);
        assert_ptr_equal(place->value, here);
        assert_memory_equal(texts[i] + place->begin, "here", 4);
        assert_int_equal(place->end - place->begin, 4);
    }
}

static void an_error_of_a_stream_has_its_place(void **state) {
    static const struct {
        const char *text, *at;
        size_t count;
    } rows[] = {{"c: 1\n---\nc: \xc3\xa4 *x\nc: 2\n", "c: 2", 1},
                {"c: *x\n", "*x", 0},
                {"c: 1\n<<: {c: 2}\n", "<<", 0},
                {"c: [}\n", "}", 0},
                {"c: \x07\n", "\x07", 0},
                {"a: {? [x] : y}\n", "[x]", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct yaml_stream stream = read_stream(state, rows[i].text);
        assert_non_null(stream.error);
        assert_int_equal(stream.count, rows[i].count);
        if (strncmp(rows[i].text + stream.error_at, rows[i].at, strlen(rows[i].at)) != 0)
            fail_msg("%zu: '%s' at '%s'", i, stream.error, rows[i].text + stream.error_at);
    }
}

static void what_is_asked_for_can_be_cut_out(void **state) {
    static const struct {
        const char *text, *cut;
        bool flow;
    } rows[] = {
        {"a: [ {b: 1, \"c\" : \xc3\xa4} , {}]\n", "[ {b: 1, \"c\" : \xc3\xa4} , {}]", true},
        {"z: \xc3\xa4\na:\n  - b: 1\n    z: |\n      x\n  # for z\n\nz: 2\n",
         "- b: 1\n    z: |\n      x\n  # for z\n\n", false},
        {"a:\n- b: 1\n- c: {d: e}\n# last\n", "- b: 1\n- c: {d: e}\n# last\n", false},
        {"a: {b: {c: 1} }  # d\n", "{b: {c: 1} }", true},
        {"a:\n  b: 1\n...\n", "b: 1\n", false},
        {"a: \"b\" # c\n", "\"b\"", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct yaml_stream stream = read_stream(state, rows[i].text);
        size_t near = 0;
        assert_null(stream.error);
        const struct yaml_document *document = &stream.documents[0];
        const struct yaml_place *place = yaml_place_of(document, value_get(document->value, "a"), &near);
        assert_non_null(place);
        assert_int_equal(place->flow, rows[i].flow);
        assert_int_equal(place->to - place->from, strlen(rows[i].cut));
        assert_memory_equal(rows[i].text + place->from, rows[i].cut, strlen(rows[i].cut));
        assert_null(yaml_place_of(document, NULL, &near));
    }
}

static void documents_begin_at_their_dashes(void **state) {
    const struct yaml_stream stream = read_stream(state, "# x\na: 1\n--- # y\n# z\na: 2\n---\n");
    assert_int_equal(stream.count, 3);
    assert_int_equal(stream.documents[0].from, 4);
    assert_int_equal(stream.documents[1].from, 9);
    assert_int_equal(stream.documents[2].from, 26);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(what_is_asked_for_can_be_cut_out),
        SENTENCE(documents_begin_at_their_dashes),
        SENTENCE(of_a_stream_only_the_keys_are_read_that_are_asked_for),
        SENTENCE(places_are_bytes_whatever_the_characters_and_lines),
        SENTENCE(an_error_of_a_stream_has_its_place),
        SENTENCE(only_what_every_reader_takes_for_text_is_plain),
        SENTENCE(keys_are_quoted_as_values_are),
        SENTENCE(awkward_strings_come_back_as_they_were),
        SENTENCE(long_texts_come_back_as_they_were),
        SENTENCE(scalars_come_back_with_their_types),
        SENTENCE(plain_scalars_are_read_as_kubernetes_reads_them),
        SENTENCE(what_is_no_plain_data_is_refused_with_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
