// What Kubernetes accepts as names, label keys and label values (apimachinery's validation).
#ifndef KLOCK_KUBE_H
#define KLOCK_KUBE_H

#include <stdbool.h>

bool kube_is_dns_label(const char *text);      // at most 63: namespaces
bool kube_is_dns_subdomain(const char *text);  // at most 253: most objects
bool kube_is_path_segment(const char *text);   // what every object's name satisfies, RBAC's included
bool kube_is_label_key(const char *text);      // [prefix/]name
bool kube_is_label_value(const char *text);    // may be empty
bool kube_is_version(const char *text);        // v1, v2beta1
bool kube_is_dns_1035_label(const char *text); // a DNS label that begins with a letter: names in definitions
// Which of two versions of a resource the API server prefers: negative where it is the first. Versions that are called
// otherwise come behind v1, v1beta1 and v1alpha1.
int kube_compare_versions(const char *a, const char *b);

bool kube_is_day(const char *text); // of the calendar: YYYY-MM-DD, whose bytes compare as days do

#endif
