/* Fuzzes the whole controller with what its bridges, the hosts behind them and
 * its operators may do, frames of any kind among it. */
#include <config.h>

#include "tests/fuzz/play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_ACTS 256

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = { data, data + size };

    play_begin();
    for (int i = 0; in.p < in.end && i < MAX_ACTS; i++) {
        play_act(&in);
    }
    play_end();
    return 0;
}
