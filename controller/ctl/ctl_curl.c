/* The transport of firsthopctl: libcurl over the daemon's Unix socket.
 *
 * Called by ctl_http.c by way of struct ctl. */
#include <config.h>

#include "controller/ctl/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <firsthop/buf.h>

#define TIMEOUT_S 30

struct asking {
    CURL *curl;
    struct ctl_transfer *transfer;
};

static size_t
take_cb(char *data, size_t size, size_t n, void *asking_)
{
    struct asking *asking = asking_;

    curl_easy_getinfo(asking->curl, CURLINFO_RESPONSE_CODE,
                      &asking->transfer->status);
    return asking->transfer->take(asking->transfer, data, size * n);
}

static CURL *
open_curl(const struct ctl *ctl, const char *path, char *error)
{
    CURL *curl = curl_easy_init();
    char *url = fh_xasprintf("http://localhost%s", path);

    if (!curl) {
        abort();                /* No memory. */
    }
    error[0] = '\0';
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, ctl->socket);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    free(url);                  /* curl has a copy. */
    return curl;
}

static struct curl_slist *
add_header(struct curl_slist *list, const char *header)
{
    list = curl_slist_append(list, header);
    if (!list) {
        abort();                /* No memory. */
    }
    return list;
}

static struct curl_slist *
request_headers(const struct ctl_transfer *transfer)
{
    struct curl_slist *headers = NULL;

    if (transfer->body) {
        headers = add_header(headers, "Content-Type: application/json");
    }
    if (transfer->is_stream) {
        headers = add_header(headers, "Accept: text/event-stream");
    }
    if (transfer->last_id) {
        char *header = fh_xasprintf("Last-Event-ID: %s", transfer->last_id);

        headers = add_header(headers, header);
        free(header);
    }
    return headers;
}

static void
set_request(CURL *curl, const struct ctl_transfer *transfer)
{
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, transfer->method);
    if (transfer->body) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, transfer->body);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t) strlen(transfer->body));
    }
    if (!transfer->is_stream) {
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long) TIMEOUT_S);
    }
}

bool
ctl_curl(const struct ctl *ctl, struct ctl_transfer *transfer)
{
    char error[CURL_ERROR_SIZE];
    CURL *curl = open_curl(ctl, transfer->path, error);
    struct curl_slist *headers = request_headers(transfer);
    struct asking asking = { curl, transfer };
    long os_error = 0;
    CURLcode code;

    set_request(curl, transfer);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_cb);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &asking);
    code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &transfer->status);
    curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &os_error);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    if (code != CURLE_OK) {
        snprintf(transfer->why, sizeof transfer->why, "%s",
                 os_error ? strerror(os_error)
                 : *error ? error : curl_easy_strerror(code));
    }
    return code == CURLE_OK;
}
