// The tests of a policy, judged; and requests and decisions as JSON, for judges outside.
#ifndef KLOCK_CASES_H
#define KLOCK_CASES_H

#include "decide/decide.h"
#include "report/source.h"

struct arena;
struct value;

struct judged_case {
    const struct test_block *test;
    const struct test_case *test_case;
    struct decision decision;
    bool passed;
    // What decides under the locks that refuse, and under the one that is to do so: filled in by cases_explain.
    struct case_reason {
        const struct lock *lock;
        struct reason reason;
    } * reasons;
    size_t reason_count;
};

// How many cases there are in all tests.
size_t cases_count(const struct policies *policies);
// Every case of every test, in order of place.
void cases_judge(struct arena *arena, const struct policies *policies, struct judged_case **ret_cases,
                 size_t *ret_count);
// "denied by lockred", "allowed".
const char *cases_expected(struct arena *arena, const struct test_case *test_case);
// "denied by lockred (guard namespace)".
const char *cases_actual(struct arena *arena, const struct judged_case *judged);
// Fills in the reasons, once.
void cases_explain(struct arena *arena, const struct policies *policies, struct judged_case *judged);

struct value *cases_to_json(struct arena *arena, const struct sources *sources, const struct judged_case *cases,
                            size_t count);
struct value *cases_decision_json(struct arena *arena, const struct decision *decision);
// Reads a request as cases_to_json writes it. False, and the reason, when it lacks a key, or has one that is not known
// or not of its type.
bool cases_read_request(struct arena *arena, const struct value *json, struct request *ret_request,
                        const char **ret_error);
// Judges one request, or each of a list of them, as cases_to_json writes them: gives the list of decisions. NULL, and
// the reason, when one of them lacks a key, or has one that is not known or not of its type.
struct value *cases_decide(struct arena *arena, const struct policies *policies, const struct value *requests,
                           const char **ret_error);

#endif
