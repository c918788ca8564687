/* SPDX-License-Identifier: MIT */
/* Cutting a text into documents at `<|endoftext|>`. */
#include "train-internal.h"

static const char separator[] = "<|endoftext|>";

/* The first separator in [at, end), or `end`. */
static const char *find_separator(const char *at, const char *end) {
    size_t n = sizeof separator - 1;
    while ((size_t)(end - at) >= n) {
        at = memchr(at, separator[0], (size_t)(end - at) - n + 1);
        if (at == NULL) return end;
        if (memcmp(at, separator, n) == 0) return at;
        at++;
    }
    return end;
}

static bool ends_line(char c) {
    return c == '\n' || c == '\r';
}

bool train_documents_next(train_documents *d, const char **out_text, size_t *out_length) {
    while (d->at != d->end) {
        const char *begin = d->at, *end = find_separator(begin, d->end);
        d->at = end == d->end ? end : end + sizeof separator - 1;
        while (begin != end && ends_line(*begin)) begin++;
        while (begin != end && ends_line(end[-1])) end--;
        if (begin == end) continue;
        *out_text = begin;
        *out_length = (size_t)(end - begin);
        return true;
    }
    *out_text = NULL;
    *out_length = 0;
    return false;
}
