/* The HTTP server: what it takes, what it refuses, and that nobody can hold
 * it up. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "controller/api/http.h"
#include "tests/unit/http_peer.h"

/* Heads. */

static int
parse(const char *text, struct http_head *head)
{
    const char *why = NULL;
    int status = http_head_parse(head, text, strlen(text), &why);

    assert_int_equal(status != 0, why != NULL);
    return status;
}

static void
head_is_taken_apart(void **state)
{
    struct http_head head;

    assert_int_equal(parse("PUT /v1/a%20b?x=1&y=%26+z&w HTTP/1.1\r\n"
                           "Host: localhost\r\nX-Thing:  two words \t\r\n"
                           "content-length: 17\r\nEmpty:\r\n\r\n", &head), 0);
    assert_string_equal(head.method, "PUT");
    assert_string_equal(head.path, "/v1/a b");
    assert_string_equal(http_head_query(&head, "x"), "1");
    assert_string_equal(http_head_query(&head, "y"), "& z");
    assert_string_equal(http_head_query(&head, "w"), "");
    assert_null(http_head_query(&head, "X"));
    assert_string_equal(http_head_field(&head, "x-thing"), "two words");
    assert_string_equal(http_head_field(&head, "empty"), "");
    assert_int_equal(head.content_length, 17);
    assert_true(head.keep_alive);
    assert_false(head.chunked);
    http_head_destroy(&head);
}

static void
connections_are_kept_as_the_version_says(void **state)
{
    static const struct {
        const char *version, *fields;
        bool keep_alive;
    } table[] = {
        { "1.1", "", true },
        { "1.1", "Connection: close\r\n", false },
        { "1.1", "Connection: TE, Close\r\n", false },
        { "1.1", "Connection: closed\r\n", true },
        { "1.0", "", false },
        { "1.0", "Connection: keep-alive\r\n", true },
        { "1.0", "Connection: keep-alive, close\r\n", false },
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *text = fh_xasprintf("GET / HTTP/%s\r\nHost: x\r\n%s\r\n",
                                  table[i].version, table[i].fields);
        struct http_head head;

        assert_int_equal(parse(text, &head), 0);
        assert_int_equal(head.keep_alive, table[i].keep_alive);
        http_head_destroy(&head);
        free(text);
    }
}

static const struct {
    const char *text;
    int status;
} bad_heads[] = {
    { "\r\n", 400 },
    { "GET\r\n\r\n", 400 },
    { "GET /\r\n\r\n", 400 },
    { "GET / HTTP/1.1", 400 },
    { "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "GET / HTTP/1.1 \r\nHost: x\r\n\r\n", 400 },
    { "GET / HTTP/11\r\nHost: x\r\n\r\n", 400 },
    { "GET / http/1.1\r\nHost: x\r\n\r\n", 400 },
    { "GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505 },
    { "GET / HTTP/1.1\r\n\r\n", 400 },
    { "GET / HTTP/1.1\nHost: x\n\n", 400 },
    { "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n", 400 },
    { "G\"T / HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "GET x HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "GET http://x HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "GET /#a HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "GET /%4 HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "GET /?a=%0 HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "GET /?a=1&a=2 HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "GET /?a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q HTTP/1.1\r\nHost: x\r\n\r\n",
      400 },
    { "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1 1\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
      "Content-Length: 1\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: x\r\n"
      "Content-Length: 99999999999999999999\r\n\r\n", 413 },
    { "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
      "Transfer-Encoding: chunked\r\n\r\n", 400 },
    { "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked"
      "\r\n\r\n", 501 },
};

static void
bad_heads_are_refused(void **state)
{
    for (size_t i = 0; i < sizeof bad_heads / sizeof *bad_heads; i++) {
        struct http_head head;
        int status = parse(bad_heads[i].text, &head);

        if (status != bad_heads[i].status) {
            print_message("%d: %s\n", status, bad_heads[i].text);
        }
        assert_int_equal(status, bad_heads[i].status);
        http_head_destroy(&head);
    }
}

static void
head_cut_anywhere_is_refused(void **state)
{
    static const char text[] = "GET /a?b=c HTTP/1.1\r\nHost: x\r\n"
                               "Content-Length: 5\r\n\r\n";
    struct http_head head;
    const char *why;

    for (size_t len = 0; len < sizeof text - 1; len++) {
        char *copy = fh_xmemdup(text, len);

        assert_int_not_equal(http_head_parse(&head, copy, len, &why), 0);
        http_head_destroy(&head);
        free(copy);
    }
    assert_int_equal(parse(text, &head), 0);
    http_head_destroy(&head);
}

/* Chunks. */

/* Feeds 'text' 'step' bytes at a time. */
static int
read_chunks(const char *text, size_t step, size_t max, struct fh_buf *body)
{
    struct http_chunks chunks;
    size_t len = strlen(text);
    size_t ofs = 0;
    int status = 0;

    memset(&chunks, 0, sizeof chunks);
    while (ofs < len && !status) {
        size_t n = len - ofs < step ? len - ofs : step;
        size_t used;

        status = http_chunks_read(&chunks, text + ofs, n, max, body, &used);
        assert_true(status || used == n);
        ofs += used;
    }
    return status;
}

static void
chunks_make_a_body(void **state)
{
    static const char text[] = "5\r\nhello\r\n00A;x=\"y\"\r\n, world!!\n\r\n"
                               "0\r\nTrailer: x\r\n\r\n";

    for (size_t step = 1; step < sizeof text; step++) {
        struct fh_buf body = { NULL, 0, 0 };

        assert_int_equal(read_chunks(text, step, 15, &body), -1);
        assert_int_equal(body.len, 15);
        assert_memory_equal(body.data, "hello, world!!\n", 15);
        fh_buf_destroy(&body);
    }
}

static void
bad_chunks_are_refused(void **state)
{
    static const struct {
        const char *text;
        int status;
    } table[] = {
        { "\r\n", 400 }, { "x\r\n", 400 }, { "5\n", 400 }, { "-1\r\n", 400 },
        { "1\r\nab", 400 }, { "1\r\na\rb", 400 }, { "0\r\n\rx", 400 },
        { "5;\n", 400 }, { "10\r\n", 0 }, { "11\r\nx", 413 },
        { "8\r\n12345678\r\n9\r\nx", 413 }, { "FFFFFFFFFFFFF\r\n", 413 },
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct fh_buf body = { NULL, 0, 0 };

        assert_int_equal(read_chunks(table[i].text, 1, 16, &body),
                         table[i].status);
        fh_buf_destroy(&body);
    }
}

static void
endless_trailers_are_refused(void **state)
{
    struct fh_buf body = { NULL, 0, 0 };
    char *text = fh_xmalloc(6001);

    memset(text, 'a', 6000);
    memcpy(text, "0\r\n", 3);
    text[6000] = '\0';
    assert_int_equal(read_chunks(text, 1000, 16, &body), 431);
    fh_buf_destroy(&body);
    free(text);
}

static void
secrets_are_equal_only_in_full(void **state)
{
    assert_true(http_secret_equal("0123456789abcdef", "0123456789abcdef"));
    assert_false(http_secret_equal("0123456789abcdef", "0123456789abcdeg"));
    assert_false(http_secret_equal("0123456789abcdef", "0123456789abcde"));
    assert_false(http_secret_equal("0123456789abcdef",
                                   "0123456789abcdef0123456789abcdef"));
    assert_false(http_secret_equal("0123456789abcdef", ""));
    assert_false(http_secret_equal("", ""));
}

/* A server that says what it was asked: "METHOD PATH LENGTH". */

#define MAX_BODY  1000
#define MAX_CONNS 8
#define TOKEN     "0123456789abcdef"

struct world {
    struct event_base *base;
    struct http_server *server;
    struct http_conn *stream;
    char *dir, *path;
    int n_asked;
    bool stream_closed;
};

static size_t
max_body(const struct http_head *head, void *aux)
{
    return MAX_BODY;
}

static void
stream_writable(struct http_conn *conn, void *world)
{
}

static void
stream_closed(struct http_conn *conn, void *world_)
{
    struct world *w = world_;

    w->stream = NULL;
    w->stream_closed = true;
}

static const struct http_stream_cbs stream_cbs = {
    stream_writable, stream_closed
};

static void
handle(const struct http_request *request, void *world_)
{
    struct world *w = world_;
    char *text;

    w->n_asked++;
    if (!strcmp(request->head->path, "/stream")) {
        w->stream = request->conn;
        http_stream_begin(request->conn, "text/plain", false, &stream_cbs,
                          w);
        return;
    }
    if (!strcmp(request->head->path, "/large")) {
        text = fh_xcalloc(1, 8 << 20);
        http_reply(request->conn, 200, "text/plain", NULL, text, 8 << 20);
    } else {
        text = fh_xasprintf("%s %s %zu", request->head->method,
                            request->head->path, request->body_len);
        http_reply(request->conn, 200, "text/plain", NULL, text,
                   strlen(text));
    }
    free(text);
}

static const struct http_handler handler = { max_body, handle };

static void
create_server(struct world *w, const struct http_options *options)
{
    w->server = http_create(w->base, options, &handler, w);
}

static int
set_up(void **state)
{
    static const struct http_options options = {
        .max_connections = MAX_CONNS, .idle_ms = 60000,
        .request_ms = 60000, .reply_ms = 60000, .stall_ms = 60000,
    };
    struct world *w = fh_xcalloc(1, sizeof *w);

    w->dir = fh_xstrdup("/tmp/firsthop-test-http-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->path = fh_xasprintf("%s/s", w->dir);
    w->base = event_base_new();
    create_server(w, &options);
    assert_null(http_listen_unix(w->server, w->path));
    *state = w;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *w = *state;

    http_destroy(w->server);
    event_base_free(w->base);
    assert_int_equal(rmdir(w->dir), 0);
    free(w->path);
    free(w->dir);
    free(w);
    return 0;
}

/* Starts again, with these times. */
static void
restart(struct world *w, const struct http_options *options)
{
    http_destroy(w->server);
    create_server(w, options);
    assert_null(http_listen_unix(w->server, w->path));
}

#define GET(PATH) "GET " PATH " HTTP/1.1\r\nHost: x\r\n\r\n"

/* Reads one reply and checks it. */
static void
expect(struct peer *peer, int status, const char *body)
{
    char *reply = peer_reply(peer);

    assert_int_equal(reply_status(reply), status);
    if (body) {
        assert_string_equal(reply_body(reply), body);
    } else if (status >= 400) {
        assert_non_null(strstr(reply, "application/problem+json"));
    }
    free(reply);
}

static void
exchange(struct world *w, const char *request, int status, const char *body)
{
    struct peer peer;

    peer_open(&peer, w->base, w->path);
    peer_puts(&peer, request);
    expect(&peer, status, body);
    peer_close(&peer);
}

static void
connection_is_kept_for_further_requests(void **state)
{
    struct world *w = *state;
    struct peer peer;

    peer_open(&peer, w->base, w->path);
    for (int i = 0; i < 3; i++) {
        peer_puts(&peer, GET("/a"));
        expect(&peer, 200, "GET /a 0");
    }
    assert_int_equal(http_n_connections(w->server), 1);
    peer_puts(&peer, "\r\nGET /b HTTP/1.1\r\nHost: x\r\n"
              "Connection: close\r\n\r\n");
    expect(&peer, 200, "GET /b 0");
    peer_wait_eof(&peer);
    assert_int_equal(peer.in.len, 0);
    peer_close(&peer);
    assert_int_equal(http_n_connections(w->server), 0);
}

static void
requests_in_one_piece_are_answered_in_order(void **state)
{
    struct world *w = *state;
    struct peer peer;

    peer_open(&peer, w->base, w->path);
    peer_puts(&peer, GET("/a") "PUT /b HTTP/1.1\r\nHost: x\r\n"
              "Content-Length: 3\r\n\r\nxyz" GET("/c"));
    expect(&peer, 200, "GET /a 0");
    expect(&peer, 200, "PUT /b 3");
    expect(&peer, 200, "GET /c 0");
    peer_close(&peer);
}

static void
request_byte_by_byte_is_understood(void **state)
{
    static const char text[] = "PUT /b HTTP/1.1\r\nHost: x\r\n"
                               "Content-Length: 3\r\n\r\nxyz";
    struct world *w = *state;
    struct peer peer;

    peer_open(&peer, w->base, w->path);
    for (size_t i = 0; i < sizeof text - 1; i++) {
        peer_send(&peer, text + i, 1);
        event_base_loop(w->base, EVLOOP_NONBLOCK);
    }
    expect(&peer, 200, "PUT /b 3");
    peer_close(&peer);
}

static void
half_closed_peer_gets_its_answer(void **state)
{
    struct world *w = *state;
    struct peer peer;

    peer_open(&peer, w->base, w->path);
    peer_puts(&peer, GET("/a"));
    shutdown(peer.fd, SHUT_WR);
    expect(&peer, 200, "GET /a 0");
    peer_wait_eof(&peer);
    peer_close(&peer);
    peer_open(&peer, w->base, w->path);
    peer_puts(&peer, "nonsense\r\n\r\n");
    shutdown(peer.fd, SHUT_WR);
    expect(&peer, 400, NULL);
    peer_wait_eof(&peer);
    peer_close(&peer);
}

static void
chunked_body_is_taken(void **state)
{
    exchange(*state, "PUT /c HTTP/1.1\r\nHost: x\r\n"
             "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200,
             "PUT /c 3");
}

static void
body_is_awaited_if_the_peer_asks(void **state)
{
    struct world *w = *state;
    struct peer peer;

    peer_open(&peer, w->base, w->path);
    peer_puts(&peer, "PUT /d HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
              "Expect: 100-continue\r\n\r\n");
    expect(&peer, 100, "");
    peer_puts(&peer, "ok");
    expect(&peer, 200, "PUT /d 2");
    peer_puts(&peer, "PUT /d HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n"
              "Expect: 100-continue\r\n\r\n");
    expect(&peer, 413, NULL);
    peer_close(&peer);
}

static void
body_may_have_what_is_allowed_and_no_byte_more(void **state)
{
    static const char *const formats[] = {
        "PUT /e HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n",
        "PUT /e HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        "%zx\r\n",
    };
    struct world *w = *state;

    for (size_t i = 0; i < 4; i++) {
        size_t len = MAX_BODY + i % 2;
        char body[MAX_BODY + 2];
        struct peer peer;
        char head[256];

        memset(body, 'x', len);
        snprintf(head, sizeof head, i < 2 ? formats[0] : formats[1], len);
        peer_open(&peer, w->base, w->path);
        peer_puts(&peer, head);
        peer_send(&peer, body, len);
        peer_puts(&peer, i < 2 ? "" : "\r\n0\r\n\r\n");
        expect(&peer, i % 2 ? 413 : 200, i % 2 ? NULL : "PUT /e 1000");
        peer_close(&peer);
    }
    assert_int_equal(w->n_asked, 2);
}

static void
peer_that_goes_on_sending_still_sees_the_refusal(void **state)
{
    struct world *w = *state;
    char *body = fh_xcalloc(1, 4 << 20);
    struct peer peer;

    peer_open(&peer, w->base, w->path);
    peer_puts(&peer, "PUT /f HTTP/1.1\r\nHost: x\r\n"
              "Content-Length: 4194304\r\n\r\n");
    peer_send(&peer, body, 4 << 20);
    expect(&peer, 413, NULL);
    peer_wait_eof(&peer);
    peer_close(&peer);
    free(body);
}

static void
malformed_requests_are_answered_and_the_connection_closed(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < sizeof bad_heads / sizeof *bad_heads; i++) {
        struct peer peer;

        if (!strstr(bad_heads[i].text, "\r\n\r\n")) {
            continue;
        }
        peer_open(&peer, w->base, w->path);
        peer_puts(&peer, bad_heads[i].text);
        expect(&peer, bad_heads[i].status, NULL);
        shutdown(peer.fd, SHUT_WR);
        peer_wait_eof(&peer);
        peer_close(&peer);
    }
    assert_int_equal(w->n_asked, 0);
    exchange(w, GET("/a"), 200, "GET /a 0");
}

static void
binary_noise_is_refused(void **state)
{
    struct world *w = *state;
    char noise[20000];
    struct peer peer;

    for (size_t i = 0; i < sizeof noise; i++) {
        noise[i] = i * 7919 >> 3;
    }
    peer_open(&peer, w->base, w->path);
    peer_send(&peer, noise, sizeof noise);
    peer_puts(&peer, "\r\n\r\n");
    peer_wait_text(&peer, "HTTP/1.1 4");
    peer_close(&peer);
}

static void
head_may_be_of_16_kib(void **state)
{
    static const char rest[] = "\r\n\r\n";
    static const char start[] = "GET /a HTTP/1.1\r\nHost: x\r\nX: ";
    struct world *w = *state;

    for (size_t extra = 0; extra < 2; extra++) {
        size_t n = HTTP_MAX_HEAD - strlen(start) - strlen(rest) + extra;
        char *pad = fh_xmalloc(n + 1);
        char *text;

        memset(pad, 'x', n);
        pad[n] = '\0';
        text = fh_xasprintf("%s%s%s", start, pad, rest);
        exchange(w, text, extra ? 431 : 200, extra ? NULL : "GET /a 0");
        free(text);
        free(pad);
    }
}

static void
many_header_fields_are_refused(void **state)
{
    char text[4096] = "GET /a HTTP/1.1\r\nHost: x\r\n";

    for (int i = 0; i < HTTP_MAX_FIELDS - 1; i++) {
        sprintf(text + strlen(text), "A%d: b\r\n", i);
    }
    strcat(text, "\r\n");
    exchange(*state, text, 200, "GET /a 0");
    strcpy(text + strlen(text) - 2, "Last: x\r\n\r\n");
    exchange(*state, text, 431, NULL);
}

/* Connections. */

static bool
is_full(void *world_)
{
    struct world *w = world_;

    return http_n_connections(w->server) == MAX_CONNS;
}

static void
idle_connections_make_room_for_new_ones(void **state)
{
    enum { N = 20 * MAX_CONNS };
    struct world *w = *state;
    struct peer *peers = fh_xcalloc(N, sizeof *peers);

    for (int i = 0; i < N; i++) {
        peer_open(&peers[i], w->base, w->path);
        if (i % 2) {
            peer_puts(&peers[i], "GET /half");
        }
        event_base_loop(w->base, EVLOOP_NONBLOCK);
    }
    run_until(w->base, is_full, w);
    exchange(w, GET("/a"), 200, "GET /a 0");
    peer_wait_eof(&peers[0]);           /* The oldest has gone. */
    for (int i = 0; i < N; i++) {
        peer_close(&peers[i]);
    }
    free(peers);
}

static void
busy_connections_are_not_evicted(void **state)
{
    struct world *w = *state;
    struct peer peers[MAX_CONNS], late;

    for (int i = 0; i < MAX_CONNS; i++) {
        peer_open(&peers[i], w->base, w->path);
        peer_puts(&peers[i], GET("/stream"));
        peer_wait_text(&peers[i], "200 OK");
    }
    peer_open(&late, w->base, w->path);
    peer_wait_eof(&late);
    peer_close(&late);
    assert_int_equal(http_n_connections(w->server), MAX_CONNS);
    for (int i = 0; i < MAX_CONNS; i++) {
        peer_close(&peers[i]);
    }
}

static void
times_are_bounded(void **state)
{
    static const struct http_options options = {
        .max_connections = MAX_CONNS, .idle_ms = 50, .request_ms = 50,
        .reply_ms = 50, .stall_ms = 50,
    };
    struct world *w = *state;
    struct peer idle, slow_head, slow_body, slow_reader, slow_stream;
    char data[300 << 10];

    restart(w, &options);
    peer_open(&idle, w->base, w->path);
    peer_wait_eof(&idle);
    assert_int_equal(idle.in.len, 0);
    peer_close(&idle);

    peer_open(&slow_head, w->base, w->path);
    peer_puts(&slow_head, "GET /a HTT");
    expect(&slow_head, 408, NULL);
    peer_close(&slow_head);

    peer_open(&slow_body, w->base, w->path);
    peer_puts(&slow_body, "PUT /a HTTP/1.1\r\nHost: x\r\n"
              "Content-Length: 10\r\n\r\nabc");
    expect(&slow_body, 408, NULL);
    peer_close(&slow_body);

    /* These two do not read: wait for the server to let go. */
    peer_open(&slow_reader, w->base, w->path);
    peer_puts(&slow_reader, GET("/large"));
    while (!w->n_asked || http_n_connections(w->server)) {
        event_base_loop(w->base, EVLOOP_ONCE);
    }
    peer_close(&slow_reader);

    peer_open(&slow_stream, w->base, w->path);
    peer_puts(&slow_stream, GET("/stream"));
    peer_wait_text(&slow_stream, "200 OK");
    memset(data, 'x', sizeof data);
    while (!http_stream_is_full(w->stream)) {
        http_stream_write(w->stream, data, sizeof data);
        event_base_loop(w->base, EVLOOP_NONBLOCK);
    }
    while (!w->stream_closed) {
        event_base_loop(w->base, EVLOOP_ONCE);
    }
    assert_int_equal(http_n_connections(w->server), 0);
    peer_close(&slow_stream);
}

static void
stream_without_news_is_not_closed_for_that(void **state)
{
    static const struct http_options options = {
        .max_connections = MAX_CONNS, .idle_ms = 60000, .request_ms = 60000,
        .reply_ms = 60000, .stall_ms = 20,
    };
    struct world *w = *state;
    struct peer peer;

    restart(w, &options);
    peer_open(&peer, w->base, w->path);
    peer_puts(&peer, GET("/stream"));
    peer_wait_text(&peer, "200 OK");
    for (int i = 0; i < 5; i++) {       /* Each waits for the stall timer. */
        event_base_loop(w->base, EVLOOP_ONCE);
    }
    assert_false(w->stream_closed);
    http_stream_write(w->stream, "news\n", 5);
    http_stream_end(w->stream);
    peer_wait_text(&peer, "5\r\nnews\n\r\n0\r\n\r\n");
    peer_puts(&peer, GET("/a"));        /* It can be used again. */
    peer_wait_text(&peer, "GET /a 0");
    peer_close(&peer);
}

static void
stream_ends_when_the_peer_goes(void **state)
{
    struct world *w = *state;
    struct peer peer;

    peer_open(&peer, w->base, w->path);
    peer_puts(&peer, GET("/stream"));
    peer_wait_text(&peer, "200 OK");
    peer_close(&peer);
    /* It was not promised to end with the connection, so that its being shut
     * down one way is no reason; a write tells. */
    while (!w->stream_closed) {
        http_stream_write(w->stream, "x", 1);
        event_base_loop(w->base, EVLOOP_NONBLOCK);
    }
    assert_int_equal(http_n_connections(w->server), 0);
}

static void
running_out_of_descriptors_is_survived(void **state)
{
    struct world *w = *state;
    struct rlimit old, low;
    struct peer peer;
    size_t n_connections;
    int next;

    peer_open(&peer, w->base, w->path);
    next = dup(0);
    close(next);
    getrlimit(RLIMIT_NOFILE, &old);
    low = old;
    low.rlim_cur = next;        /* No number is left below. */
    setrlimit(RLIMIT_NOFILE, &low);
    for (int i = 0; i < 20; i++) {
        event_base_loop(w->base, EVLOOP_NONBLOCK);
    }
    n_connections = http_n_connections(w->server);
    setrlimit(RLIMIT_NOFILE, &old);
    assert_int_equal(n_connections, 0);
    peer_puts(&peer, GET("/a"));
    expect(&peer, 200, "GET /a 0");
    peer_close(&peer);
}

/* Listening. */

static void
assert_error(char *error, const char *part)
{
    assert_non_null(error);
    if (!strstr(error, part)) {
        print_message("%s\n", error);
    }
    assert_non_null(strstr(error, part));
    free(error);
}

static void
socket_is_for_user_and_group(void **state)
{
    struct world *w = *state;
    struct stat st;

    assert_int_equal(lstat(w->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
}

static void
live_socket_is_refused_and_left_alone(void **state)
{
    static const struct http_options options = HTTP_OPTIONS_DEFAULT;
    struct world *w = *state;
    struct http_server *other = http_create(w->base, &options, &handler, w);

    assert_error(http_listen_unix(other, w->path), "in use");
    http_destroy(other);
    exchange(w, GET("/a"), 200, "GET /a 0");
}

static void
socket_of_a_dead_process_is_reused(void **state)
{
    struct world *w = *state;
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    static const struct http_options options = HTTP_OPTIONS_DEFAULT;

    http_destroy(w->server);
    strcpy(sun.sun_path, w->path);
    assert_int_equal(bind(fd, (struct sockaddr *) &sun, sizeof sun), 0);
    assert_int_equal(listen(fd, 1), 0);
    close(fd);
    assert_int_equal(access(w->path, F_OK), 0);
    create_server(w, &options);
    assert_null(http_listen_unix(w->server, w->path));
    exchange(w, GET("/a"), 200, "GET /a 0");
}

static void
what_is_no_socket_is_left_alone(void **state)
{
    static const struct http_options options = HTTP_OPTIONS_DEFAULT;
    struct world *w = *state;
    struct http_server *other = http_create(w->base, &options, &handler, w);
    char *file = fh_xasprintf("%s/file", w->dir);
    char *nowhere = fh_xasprintf("%s/no/where", w->dir);
    char long_path[200];

    fclose(fopen(file, "w"));
    assert_error(http_listen_unix(other, file), "no socket");
    assert_int_equal(unlink(file), 0);
    assert_error(http_listen_unix(other, nowhere), "No such file");
    memset(long_path, 'x', sizeof long_path);
    long_path[sizeof long_path - 1] = '\0';
    assert_error(http_listen_unix(other, long_path), "107 bytes");
    http_destroy(other);
    free(nowhere);
    free(file);
}

static void
socket_of_a_successor_is_not_removed(void **state)
{
    static const struct http_options options = HTTP_OPTIONS_DEFAULT;
    struct world *w = *state;
    struct http_server *first = w->server;

    assert_int_equal(unlink(w->path), 0);
    create_server(w, &options);
    assert_null(http_listen_unix(w->server, w->path));
    http_destroy(first);
    assert_int_equal(access(w->path, F_OK), 0);
}

/* A port that is free now. */
static int
free_port(void)
{
    struct sockaddr_in sin = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t len = sizeof sin;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *) &sin, len), 0);
    getsockname(fd, (struct sockaddr *) &sin, &len);
    close(fd);
    return ntohs(sin.sin_port);
}

static char *
write_token(struct world *w, const char *token, mode_t mode)
{
    char *path = fh_xasprintf("%s/token", w->dir);
    FILE *stream = fopen(path, "w");

    fputs(token, stream);
    fchmod(fileno(stream), mode);
    fclose(stream);
    return path;
}

static void
exchange_tcp(struct world *w, int port, const char *field, int status)
{
    char *text = fh_xasprintf("GET /a HTTP/1.1\r\nHost: x\r\n%s\r\n", field);
    struct peer peer;

    peer_open_tcp(&peer, w->base, port);
    peer_puts(&peer, text);
    expect(&peer, status, NULL);
    peer_close(&peer);
    free(text);
}

static void
tcp_needs_the_token(void **state)
{
    struct world *w = *state;
    char *file = write_token(w, TOKEN "\n", 0640);
    int port = free_port();
    char *target = fh_xasprintf("127.0.0.1:%d", port);

    assert_null(http_listen_tcp(w->server, target, file, false));
    exchange_tcp(w, port, "", 401);
    exchange_tcp(w, port, "Authorization: Bearer \r\n", 401);
    exchange_tcp(w, port, "Authorization: Bearer x" TOKEN "\r\n", 401);
    exchange_tcp(w, port, "Authorization: Basic " TOKEN "\r\n", 401);
    exchange_tcp(w, port, "Authorization: " TOKEN "\r\n", 401);
    assert_int_equal(w->n_asked, 0);
    exchange_tcp(w, port, "Authorization: Bearer " TOKEN "\r\n", 200);
    exchange_tcp(w, port, "authorization: bearer " TOKEN "\r\n", 200);
    exchange(w, GET("/a"), 200, "GET /a 0");
    unlink(file);
    free(target);
    free(file);
}

/* One request with any method and Host. */
static void
ask_tcp(struct world *w, int port, const char *method, const char *host,
        const char *field, int status)
{
    char *text = fh_xasprintf("%s /a HTTP/1.1\r\n%s%s\r\n", method, host,
                              field);
    struct peer peer;

    peer_open_tcp(&peer, w->base, port);
    peer_puts(&peer, text);
    expect(&peer, status, NULL);
    peer_close(&peer);
    free(text);
}

static void
readers_need_no_token_where_the_owner_says_so(void **state)
{
    static const char *const strangers[] = {
        "Host: x\r\n", "Host: evil.example\r\n", "Host: 127.evil.example"
        "\r\n", "Host: localhost.evil.example\r\n",
        "Host: localhost:80x\r\n", "Host: [::1].x\r\n",
    };
    static const char *const friends[] = {
        "Host: localhost\r\n", "Host: LocalHost:8080\r\n",
        "Host: 127.0.0.1:1\r\n", "Host: 127.1.2.3\r\n",
        "Host: [::1]:80\r\n",
    };
    struct world *w = *state;
    char *file = write_token(w, TOKEN "\n", 0640);
    int port = free_port();
    char *target = fh_xasprintf("127.0.0.1:%d", port);

    assert_null(http_listen_tcp(w->server, target, file, true));
    for (size_t i = 0; i < sizeof friends / sizeof *friends; i++) {
        ask_tcp(w, port, "GET", friends[i], "", 200);
    }
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        ask_tcp(w, port, "GET", strangers[i], "", 401);
    }
    ask_tcp(w, port, "PUT", friends[0], "", 401);
    ask_tcp(w, port, "DELETE", friends[0], "", 401);
    ask_tcp(w, port, "POST", friends[0], "", 401);
    ask_tcp(w, port, "GET", friends[0], "Authorization: Bearer x\r\n", 401);
    ask_tcp(w, port, "POST", friends[0], "Authorization: Bearer " TOKEN
            "\r\n", 200);
    http_unlisten_tcp(w->server);

    /* Nobody has a token: nobody writes. */
    assert_null(http_listen_tcp(w->server, target, NULL, true));
    ask_tcp(w, port, "GET", friends[0], "", 200);
    ask_tcp(w, port, "POST", friends[0], "Authorization: Bearer " TOKEN
            "\r\n", 401);
    ask_tcp(w, port, "POST", friends[0], "Authorization: Bearer \r\n", 401);
    unlink(file);
    free(target);
    free(file);
}

static void
tcp_is_refused_without_a_good_token_or_beyond_loopback(void **state)
{
    static const struct {
        const char *target, *token;
        mode_t mode;
        const char *error;
    } table[] = {
        { "127.0.0.1:0", "short", 0600, "at least 16" },
        { "127.0.0.1:0", "", 0600, "at least 16" },
        { "127.0.0.1:0", "0123456789 abcdef", 0600, "printable" },
        { "127.0.0.1:0", TOKEN "\n\n", 0600, "printable" },
        { "127.0.0.1:0", TOKEN, 0644, "everybody" },
        { "0.0.0.0:80", TOKEN, 0600, "loopback" },
        { "192.0.2.1:80", TOKEN, 0600, "loopback" },
        { "[::]:80", TOKEN, 0600, "loopback" },
        { "localhost:80", TOKEN, 0600, "ADDRESS:PORT" },
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *file = write_token(w, table[i].token, table[i].mode);

        assert_error(http_listen_tcp(w->server, table[i].target, file,
                                     false),
                     table[i].error);
        unlink(file);
        free(file);
    }
    assert_error(http_listen_tcp(w->server, "127.0.0.1:0", NULL, false),
                 "token");
    assert_error(http_listen_tcp(w->server, "127.0.0.1:0", "/none",
                                 false),
                 "No such file");
}

int
main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(head_is_taken_apart),
        cmocka_unit_test(connections_are_kept_as_the_version_says),
        cmocka_unit_test(bad_heads_are_refused),
        cmocka_unit_test(head_cut_anywhere_is_refused),
        cmocka_unit_test(chunks_make_a_body),
        cmocka_unit_test(bad_chunks_are_refused),
        cmocka_unit_test(endless_trailers_are_refused),
        cmocka_unit_test(secrets_are_equal_only_in_full),
        TEST(connection_is_kept_for_further_requests),
        TEST(requests_in_one_piece_are_answered_in_order),
        TEST(request_byte_by_byte_is_understood),
        TEST(half_closed_peer_gets_its_answer),
        TEST(chunked_body_is_taken),
        TEST(body_is_awaited_if_the_peer_asks),
        TEST(body_may_have_what_is_allowed_and_no_byte_more),
        TEST(peer_that_goes_on_sending_still_sees_the_refusal),
        TEST(malformed_requests_are_answered_and_the_connection_closed),
        TEST(binary_noise_is_refused),
        TEST(head_may_be_of_16_kib),
        TEST(many_header_fields_are_refused),
        TEST(idle_connections_make_room_for_new_ones),
        TEST(busy_connections_are_not_evicted),
        TEST(times_are_bounded),
        TEST(stream_without_news_is_not_closed_for_that),
        TEST(stream_ends_when_the_peer_goes),
        TEST(running_out_of_descriptors_is_survived),
        TEST(socket_is_for_user_and_group),
        TEST(live_socket_is_refused_and_left_alone),
        TEST(socket_of_a_dead_process_is_reused),
        TEST(what_is_no_socket_is_left_alone),
        TEST(socket_of_a_successor_is_not_removed),
        TEST(tcp_needs_the_token),
        TEST(readers_need_no_token_where_the_owner_says_so),
        TEST(tcp_is_refused_without_a_good_token_or_beyond_loopback),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
