// Presets; see presets.h.
#include "kubernetes/presets.h"

#include <string.h>

#include "base/text.h"

const struct kube_preset_account kube_preset_accounts[] = {
#define PRESET(preset, namespace, account, work, source) {preset, namespace, account, work, source},
#include "kubernetes/presets.def"
#undef PRESET
};
const size_t kube_preset_account_count = sizeof kube_preset_accounts / sizeof *kube_preset_accounts;

bool kube_is_preset(const char *word) {
    for (size_t i = 0; i < kube_preset_account_count; i++)
        if (strcmp(kube_preset_accounts[i].preset, word) == 0) return true;
    return false;
}

size_t kube_preset_names(const char **ret_names) {
    size_t count = 0;
    for (size_t i = 0; i < kube_preset_account_count; i++)
        if (!count || strcmp(ret_names[count - 1], kube_preset_accounts[i].preset) != 0)
            ret_names[count++] = kube_preset_accounts[i].preset;
    return count;
}

static void explain(struct text *text, const char *preset) {
    bool first = true;
    for (size_t i = 0; i < kube_preset_account_count; i++) {
        const struct kube_preset_account *one = &kube_preset_accounts[i];
        if (strcmp(one->preset, preset) != 0) continue;
        if (first)
            text_printf(text, "preset %s\n  service accounts in %s, or 'in' another namespace: %s in NAMESPACE\n",
                        preset, one->namespace, preset);
        text_printf(text, "\nserviceaccount %s/%s\n  writes  %s\n  source  %s\n", one->namespace, one->account,
                    one->work, one->source);
        first = false;
    }
}

bool kube_explain_preset(struct text *text, const char *preset) {
    if (preset && !kube_is_preset(preset)) return false;
    if (preset) {
        explain(text, preset);
        return true;
    }
    for (size_t i = 0; i < kube_preset_account_count; i++) {
        const struct kube_preset_account *one = &kube_preset_accounts[i];
        const bool again = i && strcmp(kube_preset_accounts[i - 1].preset, one->preset) == 0;
        text_printf(text, "%-20s  serviceaccount %s/%s\n", again ? "" : one->preset, one->namespace, one->account);
    }
    return true;
}
