// SPDX-License-Identifier: Apache-2.0
// controlplane/ops/process_metrics.h - build, and the process_* every client has.
//
// Path     /proc/self -> [process_metrics] -> metrics.c
// Thread   the API's GMainContext.
#ifndef SLUICE_CONTROLPLANE_OPS_PROCESS_METRICS_H
#define SLUICE_CONTROLPLANE_OPS_PROCESS_METRICS_H

#include "controlplane/ops/metrics.h"

// A collector; `data` is not used.
void process_metrics_collect(struct metrics_page *page, void *data);

#endif
