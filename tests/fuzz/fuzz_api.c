/* Fuzzes the API from the socket: requests as bytes, in pieces of a size that
 * the first byte says, to the real server and handlers over the real engine,
 * which has no bridges. */
#include <config.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include <firsthop/buf.h>

#include "controller/api/api.h"
#include "controller/base/log.h"
#include "controller/base/turn.h"
#include "tests/fuzz/bytes.h"
#include "tests/unit/api_engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char config_text[] =
    "{\"routers\": {\"A\": {\"datapath_id\": \"000000000000000a\","
    "  \"mac\": \"02:00:00:00:00:0a\", \"access_ports\": [\"a-access\"],"
    "  \"uplink\": {\"port\": \"a-uplink\", \"address\": \"192.0.2.2/24\","
    "   \"next_hop\": \"192.0.2.1\"}}},"
    " \"segments\": {\"metro\": {\"gateway\": \"10.0.0.1\","
    "  \"prefixes\": [\"10.0.0.0/24\"],"
    "  \"routers\": {\"A\": {\"address\": \"10.0.0.2\"}}}}}";

static struct event_base *base;
static struct turns turns;
static char path[64];

static void
nothing(void *aux)
{
}

static const char *
problem(void *aux, size_t i)
{
    return NULL;
}

static void
bgp(void *aux, struct fh_bgp_status *status)
{
    memset(status, 0, sizeof *status);
}

static size_t
zero(void *aux)
{
    return 0;
}

static struct fh_core_status
core(void *aux, size_t i)
{
    abort();
}

static void
openflow(void *aux, struct fh_openflow_status *status)
{
    memset(status, 0, sizeof *status);
}

static void
kernel(void *aux, struct fh_kernel_status *status)
{
    memset(status, 0, sizeof *status);
}

static size_t
n_versions(void *aux)
{
    return 2;
}

static struct fh_config_version
version(void *aux, size_t i)
{
    return (struct fh_config_version) { .number = (uint32_t) i + 1 };
}

static json_t *
load_version(void *aux, uint32_t number)
{
    return number == 1 ? json_loads(config_text, 0, NULL) : NULL;
}

static const struct api_host host = {
    .wake = nothing, .changed = nothing, .problem = problem, .bgp = bgp,
    .kernel = kernel, .n_versions = n_versions, .version = version,
    .load_version = load_version,
    .n_cores = zero, .core = core, .core_routes = zero,
    .openflow = openflow, .turns = &turns,
};

static void
set_up(void)
{
    log_set_level(LOG_LVL_ERR);
    base = event_base_new();
    turns_init(&turns);
    snprintf(path, sizeof path, "/tmp/fuzz_api.%d", (int) getpid());
}

static int
connect_api(void)
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(sun.sun_path, path);
    require(fd >= 0 && !connect(fd, (struct sockaddr *) &sun, sizeof sun));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* Reads what there is.  The first bytes must be an answer's. */
static void
hear(int fd, size_t *n_heard)
{
    char data[16384];
    ssize_t n;

    for (int i = 0; i < 3; i++) {
        event_base_loop(base, EVLOOP_NONBLOCK);
        n = read(fd, data, sizeof data);
        if (n > 0) {
            require(*n_heard || n < 7 || !memcmp(data, "HTTP/1.", 7));
            *n_heard += n;
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t piece = size && data[0] ? data[0] : size;
    size_t n_heard = 0;
    struct api_engine *engine;
    struct api *api;
    char *error = NULL;
    int fd;

    if (!base) {
        set_up();
    }
    engine = api_engine_create(config_text);
    api_engine_add(engine, "10.0.0.10", "metro");
    api_engine_add_event(engine, INCIDENT_CLIENT_MOVED);
    api = api_create(base, api_engine_get(engine), &host, path, &error);
    require(api != NULL);
    fd = connect_api();
    for (size_t at = 1; at < size; at += piece) {
        size_t n = piece < size - at ? piece : size - at;

        if (send(fd, data + at, n, MSG_NOSIGNAL) < 0) {
            break;
        }
        hear(fd, &n_heard);
    }
    shutdown(fd, SHUT_WR);
    hear(fd, &n_heard);
    require(TAILQ_EMPTY(&turns.waiting));
    close(fd);
    event_base_loop(base, EVLOOP_NONBLOCK);
    api_destroy(api);
    api_engine_destroy(engine);
    return 0;
}
