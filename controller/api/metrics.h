/* Metrics in Prometheus' text format, version 0.0.4.
 *
 * Reads the daemon's state; changes none. */
#ifndef METRICS_H
#define METRICS_H 1

#include <firsthop/buf.h>

#include "controller/api/api.h"
#include "controller/engine/engine.h"

/* Appends all metrics to 'out'.  'n_connections' is the control socket's. */
void metrics_write(const struct engine *, const struct api_host *,
                   size_t n_connections, struct fh_buf *out);

#endif /* controller/api/metrics.h */
