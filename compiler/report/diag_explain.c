// What the codes of diagnostics mean, in full; see diag_print.h.
#include "base/text.h"
#include "report/diag.h"
#include "report/diag_print.h"

static const char *severity_name(const struct diag_info *info) {
    return info->severity == SEVERITY_ERROR ? "error" : "warning";
}

static void explain(struct text *text, const struct diag_info *info) {
    text_printf(text, "%s %s (%s)\n  %s\n", info->code, info->name, severity_name(info), info->summary);
    if (*info->explanation) text_printf(text, "\n%s\n", info->explanation);
    if (*info->example) text_printf(text, "\nExample:\n  %s\n", info->example);
    if (info->severity == SEVERITY_WARNING)
        text_printf(
            text,
            "\nTo accept it, write in the block, or in the file for the whole policy:\n  accept %s \"the reason\"\n",
            info->name);
}

static void list(struct text *text) {
    for (int i = 0; i < DIAG_COUNT; i++) {
        const struct diag_info *info = diag_info((enum diag_code)i);
        text_printf(text, "%s  %-7s  %-22s  %s\n", info->code, severity_name(info), info->name, info->summary);
    }
}

bool diag_explain(struct text *text, const char *code_or_name) {
    const struct diag_info *info = code_or_name ? diag_find(code_or_name) : NULL;
    if (code_or_name && !info) return false;
    if (info)
        explain(text, info);
    else
        list(text);
    return true;
}
