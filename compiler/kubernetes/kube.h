// What Kubernetes accepts as names, label keys and label values (apimachinery's validation).
#ifndef KLOCK_KUBE_H
#define KLOCK_KUBE_H

#include <stdbool.h>

bool kube_is_dns_label(const char *text);     // at most 63: namespaces
bool kube_is_dns_subdomain(const char *text); // at most 253: most objects
bool kube_is_path_segment(const char *text);  // what every object's name satisfies, RBAC's included
bool kube_is_label_key(const char *text);     // [prefix/]name
bool kube_is_label_value(const char *text);   // may be empty
bool kube_is_version(const char *text);       // v1, v2beta1

bool kube_is_day(const char *text); // of the calendar: YYYY-MM-DD, whose bytes compare as days do

#endif
