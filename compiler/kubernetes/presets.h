// Identities of software that many clusters run, by one word; presets.def has them, with their sources.
#ifndef KLOCK_PRESETS_H
#define KLOCK_PRESETS_H

#include <stdbool.h>
#include <stddef.h>

struct text;

struct kube_preset_account {
    const char *preset;
    const char *namespace; // the usual one
    const char *account;
    const char *work, *source; // for people
};
// The accounts of a preset follow each other.
extern const struct kube_preset_account kube_preset_accounts[];
extern const size_t kube_preset_account_count;

bool kube_is_preset(const char *word);
// The name of each preset, once; gives their number, which is at most kube_preset_account_count.
size_t kube_preset_names(const char **ret_names);

// Appends what the preset stands for, a list of all of them for NULL; false where there is none of that name.
bool kube_explain_preset(struct text *text, const char *preset);

#endif
