/* firsthopctl page: where the live page is.
 *
 * Called by ctl.c. */
#include <config.h>

#include "controller/ctl/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <firsthop/buf.h>

/* Who is logged in from elsewhere has to bring its port to his browser.
 * 'listen' is ADDRESS:PORT. */
static void
print_tunnel(const char *listen)
{
    const char *from = getenv("SSH_CONNECTION");    /* "IP PORT IP PORT" */
    char here[64] = "";

    if (from && sscanf(from, "%*63s %*63s %63s", here) == 1) {
        printf("from your machine: ssh -N -L 8080:%s %s, then "
               "http://127.0.0.1:8080/\n", listen, here);
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

int
ctl_page(const struct ctl *ctl)
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
