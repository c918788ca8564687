/* SPDX-License-Identifier: MIT */
/*
 * objc_msgSend for GNU's runtime, which has objc_msg_lookup only: look the method up, then jump to
 * it with all argument registers as they came: x0 to x7, x8 (where a large result goes), q0 to q7.
 */
        .text
        .globl objc_msgSend
        .type objc_msgSend, %function
objc_msgSend:
        .cfi_startproc
        stp x29, x30, [sp, #-224]!
        .cfi_def_cfa_offset 224
        .cfi_offset 29, -224
        .cfi_offset 30, -216
        mov x29, sp
        stp x0, x1, [sp, #16]
        stp x2, x3, [sp, #32]
        stp x4, x5, [sp, #48]
        stp x6, x7, [sp, #64]
        str x8, [sp, #80]
        stp q0, q1, [sp, #96]
        stp q2, q3, [sp, #128]
        stp q4, q5, [sp, #160]
        stp q6, q7, [sp, #192]
        bl objc_msg_lookup
        mov x16, x0
        ldp x0, x1, [sp, #16]
        ldp x2, x3, [sp, #32]
        ldp x4, x5, [sp, #48]
        ldp x6, x7, [sp, #64]
        ldr x8, [sp, #80]
        ldp q0, q1, [sp, #96]
        ldp q2, q3, [sp, #128]
        ldp q4, q5, [sp, #160]
        ldp q6, q7, [sp, #192]
        ldp x29, x30, [sp], #224
        .cfi_restore 29
        .cfi_restore 30
        .cfi_def_cfa_offset 0
        br x16
        .cfi_endproc
        .size objc_msgSend, . - objc_msgSend
        .section .note.GNU-stack, "", %progbits
