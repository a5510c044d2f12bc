/* Fuzzes the decoders of the state directory's files.
 *
 * The first byte chooses the file and whether the rest is the file as a whole
 * or only its body, which then gets a good header.  What decodes is encoded
 * and decoded again, and the two encodings must agree. */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include "controller/store/store.h"

#include <firsthop/buf.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aborts, with assertions compiled in or not. */
static void
require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void
try_file(enum store_file file, const char *text, size_t len)
{
    struct store_state state, again;
    size_t encoded_len, again_len;
    char *encoded, *encoded_again, *why;

    if (store_decode(file, text, len, &state, &why)) {
        require(why && *why);
        free(why);
        return;
    }
    encoded = store_encode(file, &state, &encoded_len);
    require(!store_decode(file, encoded, encoded_len, &again, &why));
    encoded_again = store_encode(file, &again, &again_len);
    require(encoded_len == again_len
            && !memcmp(encoded, encoded_again, again_len));
    free(encoded);
    free(encoded_again);
    store_state_uninit(&state);
    store_state_uninit(&again);
}

static void
try_body(enum store_file file, const uint8_t *body, size_t len)
{
    static const char *const names[] = {
        "state", "clients", "config", "leases"
    };
    uint64_t hash = UINT64_C(0xcbf29ce484222325);       /* FNV-1a, 64 bits. */
    struct fh_buf text = { NULL, 0, 0 };
    char header[80];

    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ body[i]) * UINT64_C(0x100000001b3);
    }
    fh_buf_append(&text, header,
                  snprintf(header, sizeof header,
                           "firsthop-%s 1 %016llx %zu\n", names[file],
                           (unsigned long long) hash, len));
    fh_buf_append(&text, body, len);
    try_file(file, (const char *) text.data, text.len);
    fh_buf_destroy(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size) {
        enum store_file file = data[0] % STORE_N_FILES;

        if (data[0] & 0x80) {
            try_file(file, (const char *) data + 1, size - 1);
        } else {
            try_body(file, data + 1, size - 1);
        }
    }
    return 0;
}
