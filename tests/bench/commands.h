/* Commands of the load generator: what commands.c and faults.c share. */
#ifndef COMMANDS_H
#define COMMANDS_H 1

#include "tests/bench/loadgen.h"

#define POLL_NS (2 * MSEC_NS)       /* Between looks at all hosts. */

#define MAX_ARGS 8

/* A command line, split. */
struct args {
    char *word[MAX_ARGS];
    int n;
};

/* Argument 'i', or 'missing'. */
double args_number(const struct args *, int i, double missing);
uint64_t args_ms(const struct args *, int i, double missing_ms);   /* In ns. */
struct bridge *args_bridge(struct loadgen *, const struct args *, int i);

/* What counters were, so that a command can say what they grew by. */
struct counts {
    struct hosts_counters hosts;
    uint64_t now_ns, cpu_ns;
    uint64_t packet_ins, packet_outs, outputs, flow_mods, bundles,
             flow_changes;
};

void counts_look(const struct loadgen *, struct counts *);
/* Prints what has happened since 'counts', as fields. */
void counts_print_since(const struct loadgen *, const struct counts *);

/* Runs one command line and prints its result to stdout, one line of JSON.
 * Returns false after "quit". */
bool command_line(struct loadgen *, char *line);
void command_error(const char *command, const char *why);
/* Waits until every bridge punts ARP; false after 'timeout_ns'. */
bool command_wait_ready(struct loadgen *, uint64_t timeout_ns);
/* No host waits for an answer any longer. */
void command_forget_requests(struct loadgen *);
double to_ms(uint64_t ns);

/* faults.c */
/* Closes its connection and forgets its flows: a router without power. */
void fault_kill(struct loadgen *, struct bridge *);
void command_fault(struct loadgen *, const struct args *);
void command_repair(struct loadgen *, const struct args *);
void command_restart(struct loadgen *, const struct args *);

#endif /* tests/bench/commands.h */
