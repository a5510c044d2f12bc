/* firsthopctl: asks the daemon, and tells it what to do.
 *
 * Here: the command line and the table of commands; what they do is in
 * ctl_*.c.  Everything but `config check` goes over the control socket. */
#include <config.h>

#include "controller/ctl/ctl.h"

#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#define DEFAULT_SOCKET "/run/firsthop/control.sock"

/* Arguments of a command that takes any number of them. */
#define MANY INT_MAX

/* Options that some commands have. */
enum {
    FOLLOW = 1 << 0,
    DRY_RUN = 1 << 1,
    SEGMENT = 1 << 2,
    STATE = 1 << 3,
    ACTIVE = 1 << 4,
    SINCE = 1 << 5,
    CLIENT = 1 << 6,
    ROUTER = 1 << 7,
    TYPE = 1 << 8,
    CAUSE = 1 << 9,
};

static const char *const option_names[] = {
    "--follow", "--dry-run", "--segment", "--state", "--active", "--since",
    "--client", "--router", "--type", "--cause",
};

#define N_OPTIONS (sizeof option_names / sizeof *option_names)

static const struct command {
    const char *name;
    int min_args, max_args;
    unsigned int options;
    ctl_command *run;
    const char *usage;
    const char *help;
} commands[] = {
    { "status", 0, 0, 0, ctl_status, "status", "how the daemon does" },
    { "routers", 0, 1, 0, ctl_routers, "routers [NAME]",
      "all routers, or one and its ports" },
    { "paths", 0, 0, 0, ctl_paths, "paths",
      "which routers hear each other" },
    { "clients", 0, 1, SEGMENT | STATE | ACTIVE, ctl_clients,
      "clients [ADDRESS]", "all clients, or one" },
    { "explain", 1, 1, SEGMENT, ctl_explain, "explain ADDRESS",
      "why a client has the router that it has" },
    { "events", 0, 0,
      FOLLOW | SINCE | SEGMENT | CLIENT | ROUTER | TYPE | CAUSE, ctl_events,
      "events [--follow] [--since AGE]", "what has happened, or happens" },
    { "history", 1, 1, SEGMENT | SINCE, ctl_history, "history ADDRESS",
      "what has happened to a client" },
    { "exposure", 0, 1, 0, ctl_exposure, "exposure [ROUTER]",
      "who has one router only; who would be\n"
      "                                         cut off if a router died" },
    { "usage", 0, MANY, SEGMENT | ACTIVE, ctl_usage, "usage [ADDRESS...]",
      "packets and bytes of all clients, or some" },
    { "flows", 1, 1, SEGMENT, ctl_flows, "flows ADDRESS",
      "a client's flows on every bridge" },
    { "trace", 2, 2, SEGMENT, ctl_trace, "trace FROM TO",
      "which table decides about a packet" },
    { "move", 2, 2, SEGMENT, ctl_move, "move ADDRESS ROUTER",
      "make another router active for a client" },
    { "drain", 1, 1, DRY_RUN, ctl_drain, "drain ROUTER",
      "move a router's clients away" },
    { "undrain", 1, 1, 0, ctl_undrain, "undrain ROUTER",
      "let a router take clients again" },
    { "uplink", 2, 2, 0, ctl_uplink, "uplink ROUTER down|up",
      "say that a router's way to the core is\n"
      "                                         down, or up again" },
    { "sweep", 1, 2, 0, ctl_sweep, "sweep SEGMENT [PREFIX]",
      "search for hosts that do not speak" },
    { "config", 1, 2, DRY_RUN, ctl_config,
      "config check FILE | show | apply FILE",
      "check a file (without the daemon), show\n"
      "                                         or replace the "
      "configuration" },
    { "config", 1, 2, DRY_RUN, ctl_config, "config diff FILE|VERSION",
      "what that would change" },
    { "config", 1, 2, DRY_RUN, ctl_config,
      "config versions | rollback [VERSION]",
      "those that were in force; go back to one" },
    { "page", 0, 1, 0, ctl_page, "page [HOST]",
      "where the live page is, or a tunnel to\n"
      "                                         that of a host" },
    { "cluster", 0, 2, 0, ctl_cluster, "cluster [transfer NAME]",
      "all controllers; have another one lead" },
    { "report", 0, 1, 0, ctl_report, "report [FILE]",
      "one file for a bug report, secrets left out" },
    { "top", 0, 0, 0, ctl_top, "top", "a live screen; q leaves it" },
};

#define N_COMMANDS (sizeof commands / sizeof *commands)

static void
print_help(FILE *stream)
{
    fputs("Usage: firsthopctl [OPTION]... COMMAND\n"
          "Asks firsthopd, and tells it what to do.\n\nCommands:\n", stream);
    for (size_t i = 0; i < N_COMMANDS; i++) {
        fprintf(stream, "  %-37s  %s\n", commands[i].usage,
                commands[i].help);
    }
    fputs("\nOptions:\n"
          "  --socket PATH    control socket (" DEFAULT_SOCKET ")\n"
          "  --json           answers as JSON\n"
          "  --segment NAME   of the client, or only its clients\n"
          "  --state STATE    only clients that are pending, active or lost\n"
          "  --active ROUTER  only clients of this active router\n"
          "  --since AGE      only events of the last 90s, 5m, 1h or 2d; or "
          "after\n"
          "                   the event with this number\n"
          "  --client ADDRESS, --router NAME, --type TYPE, --cause CAUSE\n"
          "                   only such events\n"
          "  --dry-run        config apply, config rollback, drain: say what "
          "would be\n"
          "  --version, --help\n\n"
          "Exit status: 0 done, 1 refused, 2 usage, 3 daemon not reachable.\n",
          stream);
}

static void __attribute__((noreturn, format(printf, 1, 2)))
usage_error(const char *format, ...)
{
    va_list args;

    fputs("firsthopctl: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs("\nTry 'firsthopctl --help'.\n", stderr);
    exit(CTL_USAGE);
}

static void
parse_options(int argc, char *argv[], struct ctl *ctl)
{
    enum { OPT_SOCKET = 256, OPT_JSON, OPT_FOLLOW, OPT_DRY_RUN, OPT_SEGMENT,
           OPT_STATE, OPT_ACTIVE, OPT_SINCE, OPT_CLIENT, OPT_ROUTER,
           OPT_TYPE, OPT_CAUSE, OPT_VERSION, OPT_HELP };
    static const struct option longs[] = {
        { "socket", required_argument, NULL, OPT_SOCKET },
        { "json", no_argument, NULL, OPT_JSON },
        { "follow", no_argument, NULL, OPT_FOLLOW },
        { "dry-run", no_argument, NULL, OPT_DRY_RUN },
        { "segment", required_argument, NULL, OPT_SEGMENT },
        { "state", required_argument, NULL, OPT_STATE },
        { "active", required_argument, NULL, OPT_ACTIVE },
        { "since", required_argument, NULL, OPT_SINCE },
        { "client", required_argument, NULL, OPT_CLIENT },
        { "router", required_argument, NULL, OPT_ROUTER },
        { "type", required_argument, NULL, OPT_TYPE },
        { "cause", required_argument, NULL, OPT_CAUSE },
        { "version", no_argument, NULL, OPT_VERSION },
        { "help", no_argument, NULL, OPT_HELP },
        { NULL, 0, NULL, 0 },
    };
    int opt;

    while ((opt = getopt_long(argc, argv, "fh", longs, NULL)) != -1) {
        switch (opt) {
        case OPT_SOCKET: ctl->socket = optarg; break;
        case OPT_JSON: ctl->json = true; break;
        case 'f':
        case OPT_FOLLOW: ctl->follow = true; break;
        case OPT_DRY_RUN: ctl->dry_run = true; break;
        case OPT_SEGMENT: ctl->segment = optarg; break;
        case OPT_STATE: ctl->state = optarg; break;
        case OPT_ACTIVE: ctl->active = optarg; break;
        case OPT_SINCE: ctl->since = optarg; break;
        case OPT_CLIENT: ctl->client = optarg; break;
        case OPT_ROUTER: ctl->router = optarg; break;
        case OPT_TYPE: ctl->type = optarg; break;
        case OPT_CAUSE: ctl->cause = optarg; break;
        case OPT_VERSION:
            puts("firsthopctl " PACKAGE_VERSION);
            exit(CTL_DONE);
        case 'h':
        case OPT_HELP:
            print_help(stdout);
            exit(CTL_DONE);
        default:
            /* getopt_long() has said what is wrong. */
            fputs("Try 'firsthopctl --help'.\n", stderr);
            exit(CTL_USAGE);
        }
    }
}

/* Which options of some commands were given? */
static unsigned int
given_options(const struct ctl *ctl)
{
    return ((ctl->follow ? FOLLOW : 0) | (ctl->dry_run ? DRY_RUN : 0)
            | (ctl->segment ? SEGMENT : 0) | (ctl->state ? STATE : 0)
            | (ctl->active ? ACTIVE : 0) | (ctl->since ? SINCE : 0)
            | (ctl->client ? CLIENT : 0) | (ctl->router ? ROUTER : 0)
            | (ctl->type ? TYPE : 0) | (ctl->cause ? CAUSE : 0));
}

/* An option that would be ignored is an error: who writes "--dry-run drain"
 * does not want to drain. */
static void
check_options(const struct ctl *ctl, unsigned int allowed)
{
    unsigned int wrong = given_options(ctl) & ~allowed;

    for (size_t i = 0; i < N_OPTIONS; i++) {
        if (wrong & 1u << i) {
            usage_error("%s is not for %s%s%s", option_names[i],
                        ctl->command, ctl->n_args ? " " : "",
                        ctl->n_args ? ctl->args[0] : "");
        }
    }
}

/* What the command with its arguments allows. */
static unsigned int
allowed_options(const struct command *command, const struct ctl *ctl)
{
    if ((command->run == ctl_clients || command->run == ctl_usage)
        && ctl->n_args) {
        return SEGMENT;
    }
    if (command->run == ctl_config && strcmp(ctl->args[0], "apply")
        && strcmp(ctl->args[0], "rollback")) {
        return 0;
    }
    return command->options;
}

static const struct command *
find_command(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (!strcmp(commands[i].name, name)) {
            return &commands[i];
        }
    }
    usage_error("there is no command %s", name);
}

int
main(int argc, char *argv[])
{
    struct ctl ctl = { .transport = ctl_curl, .socket = DEFAULT_SOCKET };
    const struct command *command;
    int status;

    parse_options(argc, argv, &ctl);
    if (optind == argc) {
        print_help(stderr);
        return CTL_USAGE;
    }
    command = find_command(argv[optind]);
    ctl.command = command->name;
    ctl.args = &argv[optind + 1];
    ctl.n_args = argc - optind - 1;
    if (ctl.n_args < command->min_args || ctl.n_args > command->max_args) {
        usage_error("usage: firsthopctl %s", command->usage);
    }
    check_options(&ctl, allowed_options(command, &ctl));
    curl_global_init(CURL_GLOBAL_DEFAULT);
    status = command->run(&ctl);
    curl_global_cleanup();
    if (fflush(stdout) || ferror(stdout)) {
        status = status ? status : CTL_REFUSED;
    }
    return status;
}
