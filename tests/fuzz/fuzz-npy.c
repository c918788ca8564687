/* SPDX-License-Identifier: MIT */
/* Any bytes as an .npy file: refused with words, or an array that lies inside of them. */
#include "fuzz.h"

#include "npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    npy_array array;
    const char *wrong = npy_parse(data, size, &array);
    if (wrong != NULL) {
        FUZZ_CHECK(wrong[0] != '\0');
        return 0;
    }
    int64_t bytes = (int64_t)orion_ir_type_bytes(&array.type);
    FUZZ_CHECK(bytes > 0 && (size_t)bytes <= size);
    FUZZ_CHECK(array.data >= (const char *)data && array.data <= (const char *)data + size);
    char header[NPY_HEADER_MAX], *elements = malloc((size_t)bytes);
    FUZZ_CHECK(elements != NULL);
    bool fits = npy_read(&array, elements);
    FUZZ_CHECK(fits || array.wide != 0);
    /* What we write of it reads back. */
    size_t front = npy_header(&array.type, header);
    FUZZ_CHECK(front > 0 && front % 64 == 0 && front <= sizeof header);
    char *file = malloc(front + (size_t)bytes);
    FUZZ_CHECK(file != NULL);
    npy_array again;
    memcpy(file, header, front);
    memcpy(file + front, elements, (size_t)bytes);
    FUZZ_CHECK(npy_parse(file, front + (size_t)bytes, &again) == NULL);
    FUZZ_CHECK(again.elements == array.elements && again.type.dtype == array.type.dtype);
    FUZZ_CHECK(again.wide == 0 && again.type.rank == array.type.rank);
    free(file);
    free(elements);
    return 0;
}
