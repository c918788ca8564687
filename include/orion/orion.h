/* SPDX-License-Identifier: MIT */
/**
 * @file orion.h
 * All of Orion in one include: the four libraries and what they share.
 */
#ifndef ORION_ORION_H
#define ORION_ORION_H

#include "ane.h"
#include "base.h"
#include "ir.h"
#include "mil.h"
#include "train.h"

#endif
