/* SPDX-License-Identifier: MIT */
/**
 * @file objc/message.h
 * Apple's header of this name for GNU's runtime: objc_msgSend, which the emulator library provides.
 *
 * Cast it to the type of the method, as on Apple's systems. Methods that return structures need
 * objc_msgSend_stret on x86-64 there; it is not provided here.
 */
#ifndef ORION_EMULATOR_OBJC_MESSAGE_H
#define ORION_EMULATOR_OBJC_MESSAGE_H

#include <objc/objc.h>

#if defined(__cplusplus)
extern "C" {
#endif

void objc_msgSend(void);

#if defined(__cplusplus)
}
#endif

#endif
