// What a ConfigMap may say that is a lock. decide reads it, and what is emitted reads it in CEL.
#ifndef KLOCK_LOCK_SOURCE_H
#define KLOCK_LOCK_SOURCE_H

// The keys of its data, of which there are no others.
#define SOURCE_LABELS "labels"       // KEY or KEY=VALUE, …: what an object must have
#define SOURCE_EXCLUSIVE "exclusive" // user NAME, group NAME, serviceaccount NAMESPACE/NAME, …: who passes
#define SOURCE_MESSAGE "message"     // one line

enum {
    SOURCE_KEYS = 3,
    SOURCE_MAX_LABELS = 8,
    SOURCE_MAX_SUBJECTS = 32,
    SOURCE_LABELS_LENGTH = 1024, // in characters
    SOURCE_EXCLUSIVE_LENGTH = 2048,
    SOURCE_MESSAGE_LENGTH = 256,
};

// In messages of locks, what the ConfigMap fills in: marks that no text of a message has.
#define SOURCE_MARK_MAP "\001"     // ": map[aura:red]: its message"
#define SOURCE_MARK_NAME "\002"    // its name
#define SOURCE_MARK_ALLOWED "\003" // ", user alice"
#define SOURCE_MARKS SOURCE_MARK_MAP SOURCE_MARK_NAME SOURCE_MARK_ALLOWED

// The map of one that a lock cannot be read from.
#define SOURCE_UNREADABLE ": the ConfigMap says no lock, so that everything is locked"

#endif
