// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints themselves, in an object of their own: bindgen need not parse
 * what they become.
 */

#define CREATE_TRACE_POINTS
#include "trace.h"
