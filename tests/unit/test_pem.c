// Certificates as files hold them: what is one, what is not, and when it ends.
#include "support.h"

#include <string.h>

#include "base/arena.h"
#include "data/pem.h"

// Made by openssl: CN=hooks.example.com authority, from 2026-11-29 to 2126-11-05.
static const char certificate[] = "MIIBojCCAUmgAwIBAgIUNjFbdLn2Q0qbhHxFN/F0od7rChowCgYIKoZIzj0EAwIw"
                                  "JjEkMCIGA1UEAwwbaG9va3MuZXhhbXBsZS5jb20gYXV0aG9yaXR5MCAXDTI2MTEy"
                                  "OTEzMTY1NFoYDzIxMjYxMTA1MTMxNjU0WjAmMSQwIgYDVQQDDBtob29rcy5leGFt"
                                  "cGxlLmNvbSBhdXRob3JpdHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQvGQZv"
                                  "9h1eS2RQgQEeJpB3/l1qhcMUltcTewk7wPRbnsRYhddBLlwL3K/A8oUZYAAkSuIc"
                                  "b1cDo5azslA1XydAo1MwUTAdBgNVHQ4EFgQU8owAi5PtduPeaspzHVoKWgg8c3ww"
                                  "HwYDVR0jBBgwFoAU8owAi5PtduPeaspzHVoKWgg8c3wwDwYDVR0TAQH/BAUwAwEB"
                                  "/zAKBggqhkjOPQQDAgNHADBEAiB6itEn30C+RIJ1UqIWKT2/TNCxfXJ9EDPYjE1R"
                                  "U/GY8gIgaOptZs9IAVZtREM0BFSJ9cFyKxT0Pge/XIcwNAo+5/8=";

static enum pem_problem read(struct fixture *fixture, const char *text, struct pem *ret_pem) {
    return pem_read(&fixture->arena, text, strlen(text), ret_pem);
}

static const char *block(struct fixture *fixture, const char *label, const char *body) {
    return arena_printf(&fixture->arena, "-----BEGIN %s-----\r\n%s\r\n-----END %s-----\r\n", label, body, label);
}

static void reads_the_day_on_which_it_ends(void **state) {
    struct fixture *fixture = *state;
    struct pem pem;
    const char *one = block(fixture, "CERTIFICATE", certificate);
    assert_int_equal(read(fixture, arena_printf(&fixture->arena, "subject: x\n%s%s", one, one), &pem), PEM_FINE);
    assert_int_equal(pem.count, 2);
    assert_string_equal(pem.until, "2126-11-05");
    // Comments and carriage returns are left out.
    assert_null(strchr(pem.text, '\r'));
    assert_int_equal(strncmp(pem.text, "-----BEGIN CERTIFICATE-----\nMIIBojCC", 36), 0);
    struct pem again;
    assert_int_equal(read(fixture, pem.text, &again), PEM_FINE);
    assert_string_equal(again.text, pem.text);
}

static void tells_what_is_none(void **state) {
    struct fixture *fixture = *state;
    struct pem pem;
    char changed[sizeof certificate];
    assert_int_equal(read(fixture, "", &pem), PEM_EMPTY);
    assert_int_equal(read(fixture, "text", &pem), PEM_EMPTY);
    assert_int_equal(read(fixture, block(fixture, "PUBLIC KEY", certificate), &pem), PEM_OTHER);
    assert_string_equal(pem.label, "PUBLIC KEY");
    assert_int_equal(read(fixture, block(fixture, "CERTIFICATE", "AAAA"), &pem), PEM_BROKEN);
    assert_int_equal(read(fixture, block(fixture, "CERTIFICATE", "A"), &pem), PEM_BROKEN);
    assert_int_equal(read(fixture, block(fixture, "CERTIFICATE", "%%%%"), &pem), PEM_BROKEN);
    assert_int_equal(read(fixture, "-----BEGIN CERTIFICATE-----\nAAAA", &pem), PEM_BROKEN);
    assert_int_equal(read(fixture, "-----BEGIN CERTIFICATE", &pem), PEM_BROKEN);
    // Nothing of what is cut off is read past its end.
    for (size_t len = 0; len + 1 < sizeof certificate; len += 4) {
        memcpy(changed, certificate, len);
        changed[len] = '\0';
        assert_int_equal(read(fixture, block(fixture, "CERTIFICATE", changed), &pem), PEM_BROKEN);
    }
}

static void a_key_among_certificates_is_a_key(void **state) {
    struct fixture *fixture = *state;
    struct pem pem;
    static const char *const labels[] = {"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"};
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        const char *text = arena_printf(&fixture->arena, "%s%s", block(fixture, "CERTIFICATE", certificate),
                                        block(fixture, labels[i], "c2VjcmV0"));
        assert_int_equal(read(fixture, text, &pem), PEM_PRIVATE_KEY);
    }
}

static void base64_goes_both_ways(void **state) {
    struct fixture *fixture = *state;
    static const char *const texts[][2] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        size_t len = 0;
        assert_string_equal(base64_encode(&fixture->arena, texts[i][0], strlen(texts[i][0])), texts[i][1]);
        const char *decoded = base64_decode(&fixture->arena, texts[i][1], strlen(texts[i][1]), &len);
        assert_non_null(decoded);
        assert_int_equal(len, strlen(texts[i][0]));
        assert_memory_equal(decoded, texts[i][0], len);
    }
    static const char *const wrong[] = {"Z", "Zg", "Zg=", "=", "Zg==Zg==", "Z===", "Zm9v!"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        size_t len = 0;
        assert_null(base64_decode(&fixture->arena, wrong[i], strlen(wrong[i]), &len));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, support_setup, support_teardown)
        TEST(reads_the_day_on_which_it_ends),
        TEST(tells_what_is_none),
        TEST(a_key_among_certificates_is_a_key),
        TEST(base64_goes_both_ways),
    };
    return cmocka_run_group_tests_name("pem", tests, NULL, NULL);
}
