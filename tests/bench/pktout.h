/* What a bridge does with a packet-out: apply its actions, one output after
 * another.  One message may carry hundreds of probes over one frame. */
#ifndef PKTOUT_H
#define PKTOUT_H 1

#include "tests/bench/benchwire.h"

/* 'frame' is valid during the call; 'port' is as written, reserved numbers
 * included. */
typedef void pktout_output_cb(uint32_t port, uint32_t in_port,
                              const uint8_t *frame, size_t len, void *aux);

/* Runs the packet-out 'msg' ('len' bytes, OpenFlow 1.3 or 1.4) and calls
 * 'output' once per output action.  Changes the frame inside 'msg'.  Returns
 * the number of outputs, or -1 if 'msg' is malformed; outputs before the
 * malformed action have then happened. */
int pktout_run(uint8_t *msg, size_t len, pktout_output_cb *output, void *aux);

#endif /* tests/bench/pktout.h */
