/* Fuzzes reloads: from one configuration that is valid to the next, with
 * clients served, on the move and lost in between. */
#include <config.h>

#include "tests/fuzz/play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_RELOADS 12

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = { data, data + size };

    play_begin();
    for (int i = 0; in.p < in.end && i < MAX_RELOADS; i++) {
        play_act(&in);
        play_reload(&in);
        world_settle();
    }
    play_end();
    return 0;
}
