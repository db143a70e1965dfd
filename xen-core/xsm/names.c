/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of classes, permissions and initial SIDs, as generated. */
#define XSM_AV_TABLES
#include "xsm_av.h"
