/* Fuzzes what firsthopctl makes of a daemon's answers and of its stream of
 * events.
 *
 * The first byte chooses the command, the second the status of the answer, the
 * third the size of its pieces; the rest is the answer, which comes by a
 * transport of our own. */
#include <config.h>

#include <stdio.h>

#include <firsthop/buf.h>

#include "controller/ctl/ctl.h"
#include "tests/fuzz/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The daemon. */

static struct {
    const uint8_t *text;
    size_t len, piece;
    long status;
} answer;

static bool
transport(const struct ctl *ctl, struct ctl_transfer *transfer)
{
    transfer->status = answer.status;
    for (size_t at = 0; at < answer.len; ) {
        size_t n = answer.len - at;
        char *copy;
        size_t taken;

        n = answer.piece && answer.piece < n ? answer.piece : n;
        copy = fh_xmemdup(answer.text + at, n);
        taken = transfer->take(transfer, copy, n);
        free(copy);
        if (taken != n) {
            snprintf(transfer->why, sizeof transfer->why, "not taken");
            return false;
        }
        at += n;
    }
    return true;
}

static void
on_event(const char *data, void *aux)
{
    require(strlen(data) <= answer.len);
}

static int
stream(const struct ctl *ctl)
{
    char last_id[32] = "";

    ctl_stream(ctl, "/v1/events", last_id, sizeof last_id, on_event, NULL);
    require(strlen(last_id) < sizeof last_id);
    return CTL_DONE;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct {
        ctl_command *run;
        int min_args;           /* As in ctl.c. */
    } commands[] = {
        { ctl_status, 0 }, { ctl_routers, 0 }, { ctl_clients, 0 },
        { ctl_explain, 1 }, { ctl_paths, 0 }, { ctl_exposure, 0 },
        { ctl_events, 0 }, { ctl_history, 1 }, { ctl_move, 2 },
        { ctl_drain, 1 }, { stream, 0 }, { ctl_usage, 0 },
        { ctl_usage, 1 },
    };
    static char *args[] = { "10.0.0.10", "A", NULL };
    struct bytes in = { data, data + size };
    unsigned int command = take_below(&in, 2 * sizeof commands
                                           / sizeof *commands);
    struct ctl ctl = {
        .transport = transport, .socket = "/none", .command = "fuzz", .args = args,
        .n_args = command & 1 ? 2 : commands[command / 2].min_args,
        .dry_run = command & 1,
    };

    static bool quiet;
    if (!quiet) {
        quiet = true;
        require(freopen("/dev/null", "w", stdout) != NULL);
        /* Messages go nowhere; the descriptor stays the sanitizers'. */
        stderr = fopen("/dev/null", "w");
        require(stderr != NULL);
    }
    answer.status = 100 * (2 + take_below(&in, 4));
    answer.piece = take_byte(&in);
    answer.text = in.p;
    answer.len = in.end - in.p;
    commands[command / 2].run(&ctl);
    return 0;
}
