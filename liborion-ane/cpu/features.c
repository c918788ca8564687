/* SPDX-License-Identifier: MIT */
/* Which instruction sets this build has kernels for, and which of them this machine can run. */
#include "kernels.h"

#if CPU_HAVE_X86
#include <cpuid.h>

/* Not every compiler's query knows the name. */
static bool has_f16c(void) {
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
#endif

/*
 * The compiler's own cpuid query asks the operating system too (saved registers), and valgrind
 * answers it truthfully for the processor it simulates.
 */
static bool runs_here(cpu_isa isa) {
#if CPU_HAVE_X86
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                __builtin_cpu_supports("bmi2") && has_f16c();
    if (isa == CPU_ISA_AVX2) return avx2;
    if (isa == CPU_ISA_AVX512) {
        return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    }
#endif
    return isa == CPU_ISA_BASE;
}

const cpu_kernels *cpu_kernels_for(cpu_isa isa) {
    if (!runs_here(isa)) return NULL;
    switch (isa) {
    case CPU_ISA_BASE: return &cpu_kernels_base;
#if CPU_HAVE_X86
    case CPU_ISA_AVX2: return &cpu_kernels_avx2;
    case CPU_ISA_AVX512: return &cpu_kernels_avx512;
#endif
    default: return NULL;
    }
}

cpu_isa cpu_features(void) {
    if (runs_here(CPU_ISA_AVX512)) return CPU_ISA_AVX512;
    if (runs_here(CPU_ISA_AVX2)) return CPU_ISA_AVX2;
    return CPU_ISA_BASE;
}
