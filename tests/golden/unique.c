// unique FILE...: whether nothing of these manifests is there twice; one line for each that has something.
#include "../unique.h"

#include <stdio.h>
#include <stdlib.h>

static char *read_file(const char *path, size_t *ret_len) {
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    size_t len = 0, got = 0;
    if (!file) return NULL;
    do {
        char *larger = realloc(text, len + 65536);
        if (!larger) abort();
        text = larger;
        got = fread(text + len, 1, 65536, file);
        len += got;
    } while (got > 0);
    fclose(file);
    *ret_len = len;
    return text;
}

int main(int count, char **words) {
    int status = 0;
    for (int i = 1; i < count; i++) {
        char why[512] = "it cannot be read";
        size_t len = 0;
        char *text = read_file(words[i], &len);
        if (!text || !unique_check(text, len, why, sizeof why)) {
            printf("%s: %s\n", words[i], why);
            status = 1;
        }
        free(text);
    }
    return status;
}
