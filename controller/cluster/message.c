/* What controllers say to each other, as bytes.  See message.h. */
#include <config.h>

#include "controller/cluster/message.h"

#include <ctype.h>
#include <string.h>

#define VERSION  1
#define BEAT_LEN (1 + 1 + 2 + 8 + 8)

static void
put_u64(uint8_t *p, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        p[i] = (uint8_t) (value >> (56 - 8 * i));
    }
}

static uint64_t
get_u64(const uint8_t *p)
{
    uint64_t value = 0;

    for (int i = 0; i < 8; i++) {
        value = value << 8 | p[i];
    }
    return value;
}

static uint8_t *
put_text(uint8_t *p, const char *text)
{
    size_t n = strlen(text);

    *p++ = (uint8_t) n;
    memcpy(p, text, n);
    return p + n;
}

size_t
message_put_hello(const struct message_hello *hello, uint8_t data[MESSAGE_MAX])
{
    uint8_t *p = data;

    *p++ = VERSION;
    p = put_text(p, hello->name);
    p = put_text(p, hello->address);
    return (size_t) (p - data);
}

/* Takes a text with its length before it.  Returns false if it is none. */
static bool
get_text(const uint8_t **p, size_t *len, char *text, size_t size)
{
    size_t n = *len ? (*p)[0] : 0;

    if (!n || n >= size || n + 1 > *len || memchr(*p + 1, '\0', n)) {
        return false;
    }
    memcpy(text, *p + 1, n);
    text[n] = '\0';
    *p += n + 1;
    *len -= n + 1;
    return true;
}

/* As the configuration has them: no other bytes come into logs and JSON. */
static bool
is_name(const char *text)
{
    while (isalnum((unsigned char) *text) || (*text && strchr("._-", *text))) {
        text++;
    }
    return !*text;
}

const char *
message_get_hello(const uint8_t *data, size_t len,
                  struct message_hello *hello)
{
    if (!len || *data != VERSION) {
        return "speaks another version of the protocol";
    }
    data++;
    len--;
    return (get_text(&data, &len, hello->name, sizeof hello->name)
            && is_name(hello->name)
            && get_text(&data, &len, hello->address, sizeof hello->address)
            && !len ? NULL : "does not say who it is");
}

size_t
message_put_beat(const struct lead_beat *beat, int64_t clock_ms,
                 uint8_t data[MESSAGE_MAX])
{
    size_t n = strlen(beat->hand_to);

    data[0] = (uint8_t) beat->state;
    data[1] = beat->database;
    data[2] = (uint8_t) (beat->n_bridges >> 8);
    data[3] = (uint8_t) beat->n_bridges;
    put_u64(data + 4, beat->epoch);
    put_u64(data + 12, (uint64_t) clock_ms);
    memcpy(data + BEAT_LEN, beat->hand_to, n);
    return BEAT_LEN + n;
}

const char *
message_get_beat(const uint8_t *data, size_t len, struct lead_beat *beat,
                 int64_t *clock_ms)
{
    size_t n = len - BEAT_LEN;

    if (len < BEAT_LEN || n >= LEAD_NAME_LEN || data[0] > LEAD_LEADING
        || get_u64(data + 4) > LEAD_MAX_EPOCH
        || memchr(data + BEAT_LEN, '\0', n)) {
        return "sends what is no message";
    }
    memset(beat, 0, sizeof *beat);
    beat->state = data[0];
    beat->database = data[1] & 1;
    beat->n_bridges = (uint16_t) (data[2] << 8 | data[3]);
    beat->epoch = get_u64(data + 4);
    *clock_ms = (int64_t) (get_u64(data + 12) & INT64_MAX);
    memcpy(beat->hand_to, data + BEAT_LEN, n);
    return NULL;
}
