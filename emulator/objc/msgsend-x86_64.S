/* SPDX-License-Identifier: MIT */
/*
 * objc_msgSend for GNU's runtime, which has objc_msg_lookup only: look the method up, then jump to
 * it with all argument registers as they came.
 *
 * The frame keeps six integer registers, rax (the number of vector registers of a variadic call)
 * and eight vector registers: 7 x 8 + 8 + 8 x 16 = 192 bytes, aligned to 16.
 */
#if defined(__CET__)
#include <cet.h>
#else
#define _CET_ENDBR
#endif
        .text
        .globl objc_msgSend
        .type objc_msgSend, @function
objc_msgSend:
        .cfi_startproc
        _CET_ENDBR
        push %rbp
        .cfi_def_cfa_offset 16
        .cfi_offset %rbp, -16
        mov %rsp, %rbp
        .cfi_def_cfa_register %rbp
        sub $192, %rsp
        mov %rdi, -8(%rbp)
        mov %rsi, -16(%rbp)
        mov %rdx, -24(%rbp)
        mov %rcx, -32(%rbp)
        mov %r8, -40(%rbp)
        mov %r9, -48(%rbp)
        mov %rax, -56(%rbp)
        movaps %xmm0, -80(%rbp)
        movaps %xmm1, -96(%rbp)
        movaps %xmm2, -112(%rbp)
        movaps %xmm3, -128(%rbp)
        movaps %xmm4, -144(%rbp)
        movaps %xmm5, -160(%rbp)
        movaps %xmm6, -176(%rbp)
        movaps %xmm7, -192(%rbp)
        call objc_msg_lookup@PLT
        mov %rax, %r11
        mov -8(%rbp), %rdi
        mov -16(%rbp), %rsi
        mov -24(%rbp), %rdx
        mov -32(%rbp), %rcx
        mov -40(%rbp), %r8
        mov -48(%rbp), %r9
        mov -56(%rbp), %rax
        movaps -80(%rbp), %xmm0
        movaps -96(%rbp), %xmm1
        movaps -112(%rbp), %xmm2
        movaps -128(%rbp), %xmm3
        movaps -144(%rbp), %xmm4
        movaps -160(%rbp), %xmm5
        movaps -176(%rbp), %xmm6
        movaps -192(%rbp), %xmm7
        leave
        .cfi_def_cfa %rsp, 8
        jmp *%r11
        .cfi_endproc
        .size objc_msgSend, . - objc_msgSend
        .section .note.GNU-stack, "", @progbits
