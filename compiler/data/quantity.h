// Kubernetes' quantities (10Gi, 500m, 0.5, 1e3), exactly as the API server compares them.
#ifndef KLOCK_QUANTITY_H
#define KLOCK_QUANTITY_H

#include <stdbool.h>
#include <stddef.h>

// What klock takes for a quantity: Kubernetes' grammar as it is documented, in fewer bytes than QUANTITY_BYTES and with
// an exponent of at most two digits. The API server's own parser takes "Ki" for 0, and 1e999999999 keeps it busy for
// minutes, which nobody may bring about by a label.
#define QUANTITY_PATTERN "^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)(|[KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})$"
enum { QUANTITY_BYTES = 64, QUANTITY_DIGITS = QUANTITY_BYTES + 20 };

// 0.D1D2D3… times ten to the exponent; zero has no digits and no sign.
struct quantity {
    bool negative;
    int exponent;
    unsigned char digits[QUANTITY_DIGITS];
    size_t count; // of digits, without zeros at either end
};

// False where the text is none.
bool quantity_parse(const char *text, struct quantity *ret_quantity);
// -1, 0 or 1.
int quantity_compare(const struct quantity *a, const struct quantity *b);

#endif
