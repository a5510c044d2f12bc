/* firsthopctl page: where the live page is, and a tunnel to it.
 *
 * The page is on loopback only, so who works elsewhere has ssh bring it: `page
 * HOST' asks firsthopctl on HOST where it is, and becomes an ssh that forwards
 * a local port there.  Called by ctl.c. */
#include <config.h>

#include "controller/ctl/ctl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <firsthop/buf.h>

#define MAX_ANSWER 4096

/* Here. */

/* Who is logged in from elsewhere has to bring its port to his browser.
 * 'listen' is ADDRESS:PORT. */
static void
print_tunnel(const char *listen)
{
    const char *from = getenv("SSH_CONNECTION");    /* "IP PORT IP PORT" */
    char here[64] = "";

    if (from && sscanf(from, "%*63s %*63s %63s", here) == 1) {
        printf("from your machine: firsthopctl page %s, or ssh -N -L 8080:%s "
               "%s, then http://127.0.0.1:8080/\n", here, listen, here);
    }
}

static void
explain_how(const struct ctl *ctl, const char *listen)
{
    ctl_error(ctl, "%s: the configuration needs\n"
              "  \"api\": { \"listen\": \"%s\", \"read_without_token\": true,\n"
              "           \"token_file\": \"/etc/firsthop/token\" }\n"
              "read_without_token lets every user of this machine look; "
              "changes need the token",
              *listen ? "the live page is for those with the token only"
              : "the live page is off", *listen ? listen : "127.0.0.1:8080");
}

static int
tell_page(const struct ctl *ctl)
{
    struct ctl_reply reply;
    int status = ctl_request(ctl, "GET", "/v1/config", NULL, &reply);
    json_t *api;
    const char *listen;

    if (status != CTL_DONE) {
        return status;
    }
    api = json_object_get(reply.json, "api");
    listen = ctl_string(api, "listen");
    if (!ctl_is_true(api, "read_without_token")) {
        explain_how(ctl, listen);
        status = CTL_REFUSED;
    } else if (ctl->json) {
        printf("{\"url\": \"http://%s/\"}\n", listen);
    } else {
        printf("http://%s/\n", listen);
        print_tunnel(listen);
    }
    ctl_reply_destroy(&reply);
    return status;
}

/* Elsewhere. */

/* Becomes 'argv'. */
static void __attribute__((noreturn))
become(char *const argv[])
{
    execvp(argv[0], argv);
    fprintf(stderr, "firsthopctl: page: cannot run %s: %s\n", argv[0],
            strerror(errno));
    _exit(CTL_UNREACHABLE);
}

/* Reads what a program says, 'size' - 1 bytes at most, as a string. */
static void
read_all(int fd, char *answer, size_t size)
{
    size_t len = 0;
    ssize_t n;

    while (len < size - 1 && (n = read(fd, answer + len, size - 1 - len))) {
        if (n > 0) {
            len += n;
        } else if (errno != EINTR) {
            break;
        }
    }
    answer[len] = '\0';
}

/* The exit status of a child. */
static int
wait_for(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return CTL_UNREACHABLE;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : CTL_UNREACHABLE;
}

/* Asks firsthopctl on 'host', which says itself what is wrong.  Returns its
 * exit status, or that of ssh. */
static int
ask_host(char *host, char answer[MAX_ANSWER])
{
    char *argv[] = { "ssh", "--", host, "firsthopctl --json page", NULL };
    int fds[2];
    pid_t pid;

    if (pipe(fds) || (pid = fork()) < 0) {
        return CTL_UNREACHABLE;
    }
    if (!pid) {
        dup2(fds[1], STDOUT_FILENO);
        close(fds[0]);
        close(fds[1]);
        become(argv);
    }
    close(fds[1]);
    read_all(fds[0], answer, MAX_ANSWER);
    close(fds[0]);
    return wait_for(pid);
}

/* ADDRESS:PORT of the answer {"url": "http://ADDRESS:PORT/"}, new, or NULL:
 * what another machine says is put on a command line. */
static char *
read_listen(const char *answer)
{
    json_t *json = json_loads(answer, JSON_REJECT_DUPLICATES, NULL);
    const char *url = ctl_string(json, "url");
    size_t n = 0;
    char *listen = NULL;

    if (!strncmp(url, "http://", 7)) {
        url += 7;
        n = strspn(url, "0123456789abcdefABCDEF.:[]");
    }
    if (n && n < 64 && !strcmp(url + n, "/") && strchr(url, ':')) {
        listen = fh_xasprintf("%.*s", (int) n, url);
    }
    json_decref(json);
    return listen;
}

/* Can 'port' be had here?  0: any; returns which, or 0. */
static unsigned int
try_port(unsigned int port)
{
    struct sockaddr_in sin = {
        .sin_family = AF_INET, .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t len = sizeof sin;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unsigned int got = 0;

    if (fd >= 0 && !bind(fd, (struct sockaddr *) &sin, sizeof sin)
        && !getsockname(fd, (struct sockaddr *) &sin, &len)) {
        got = ntohs(sin.sin_port);
    }
    if (fd >= 0) {
        close(fd);
    }
    return got;
}

/* The port that it has there, if that is free here: addresses in a browser
 * stay the same. */
static unsigned int
choose_port(const char *listen)
{
    unsigned long port = strtoul(strrchr(listen, ':') + 1, NULL, 10);
    unsigned int here = port >= 1024 && port <= 65535 ? try_port(port) : 0;

    return here ? here : try_port(0);
}

/* Returns only if the tunnel cannot be. */
static int
open_tunnel(const struct ctl *ctl, char *host, const char *listen)
{
    unsigned int port = choose_port(listen);
    char *forward = fh_xasprintf("127.0.0.1:%u:%s", port, listen);
    /* ssh runs it once the tunnel is there. */
    char *say = fh_xasprintf("LocalCommand=echo http://127.0.0.1:%u/", port);
    char *argv[] = {
        "ssh", "-N", "-o", "ExitOnForwardFailure=yes",
        "-o", "PermitLocalCommand=yes", "-o", say, "-L", forward, "--", host,
        NULL
    };

    if (port) {
        become(argv);
    }
    ctl_error(ctl, "no port is free");
    free(say);
    free(forward);
    return CTL_REFUSED;
}

static int
bring_page(const struct ctl *ctl, char *host)
{
    char answer[MAX_ANSWER];
    int status;
    char *listen;

    if (*host == '-' || !*host || ctl->json) {
        ctl_error(ctl, "%s", ctl->json ? "a tunnel says nothing as JSON"
                                       : "that is no host");
        return CTL_USAGE;
    }
    status = ask_host(host, answer);
    if (status) {
        return status == CTL_REFUSED ? CTL_REFUSED : CTL_UNREACHABLE;
    }
    listen = read_listen(answer);
    if (!listen) {
        ctl_error(ctl, "%s does not say where the page is", host);
        return CTL_REFUSED;
    }
    status = open_tunnel(ctl, host, listen);
    free(listen);
    return status;
}

int
ctl_page(const struct ctl *ctl)
{
    return ctl->n_args ? bring_page(ctl, ctl->args[0]) : tell_page(ctl);
}
