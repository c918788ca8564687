/* SPDX-License-Identifier: MIT */
/* Every test program takes the locale of its environment, as programs of users do; libraries must
 * not mind. */
#include <locale.h>

static void take_locale(void) __attribute__((constructor));
static void take_locale(void) {
    setlocale(LC_ALL, "");
}
