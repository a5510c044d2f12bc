/* Reading JSON with a grudge: ask by name and type, keep every error with its
 * pointer, refuse what was not asked for.  After Open vSwitch's
 * lib/ovsdb-parser.c.
 *
 * Private to config*.c and their tests. */
#ifndef CONFIG_ASK_H
#define CONFIG_ASK_H 1

#include "controller/config/config.h"

/* A list of reference tokens, ended by NULL, for config_pointer(). */
#define CONFIG_AT(...) ((const char *const[]) { __VA_ARGS__, NULL })

/* The RFC 6901 pointer of 'tokens', escaped.  Returns new. */
char *config_pointer(const char *const tokens[]);
/* 'base' and one more token.  Return new. */
char *config_pointer_key(const char *base, const char *key);
char *config_pointer_index(const char *base, size_t index);

/* An array index as a token; valid while 'buf' is. */
#define CONFIG_INDEX_STRLEN 24
const char *config_index(size_t index, char buf[CONFIG_INDEX_STRLEN]);

/* An object being read.  Nothing is freed before ask_end(). */
struct ask {
    json_t *object;             /* Borrowed.  NULL: it was none. */
    char *pointer;              /* Owned. */
    const struct config_key *keys;
    struct config_errors *errors;
};

/* Starts on 'json' at 'pointer' (takes it).  Whatever is unknown, missing,
 * of the wrong type or out of the bounds that 'keys' (ended by a NULL name)
 * give is an error now; what the other verbs return later is sound.  'json'
 * may be NULL for an absent object: all its keys have their defaults and none
 * is missing. */
void ask_begin(struct ask *, json_t *json, char *pointer,
               const struct config_key *keys, struct config_errors *);
void ask_end(struct ask *);

/* All of these need 'key' to be one of ask->keys. */
json_t *ask_get(const struct ask *, const char *key);   /* Or NULL. */
bool ask_has(const struct ask *, const char *key);  /* There, even if bad. */
const char *ask_string(const struct ask *, const char *key);    /* Or NULL. */
uint32_t ask_number(const struct ask *, const char *key);   /* Or default. */
bool ask_bool(const struct ask *, const char *key);         /* Or default. */
/* The index of the string among 'names' (ended by NULL), else 'dflt'. */
int ask_choice(const struct ask *, const char *key,
               const char *const names[], int dflt);
/* A copy, or NULL. */
char *ask_strdup(const struct ask *, const char *key);
/* The pointer of a key.  Returns new. */
char *ask_pointer(const struct ask *, const char *key);
void ask_error(const struct ask *, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The string at 'json', an array's element, or NULL and an error. */
const char *ask_element_string(json_t *, const char *pointer,
                               struct config_errors *);

/* The keys of 'object' in the order of strcmp().  Returns new; the strings
 * are the object's.  '*n' is set. */
const char **ask_sorted_keys(json_t *object, size_t *n);

/* Is 'name' fit for URLs, logs and tables?  NULL, or what is wrong. */
const char *config_name_error(const char *name);

/* config_text.c: as config_read_json(), but duplicates do not keep the value
 * from being returned, so that the rest can be judged too. */
json_t *config_text_read(const char *text, size_t len, unsigned max_depth,
                         struct config_errors *);

/* The 'n' of a VLAN stack that could not be read. */
#define CONFIG_VLAN_UNKNOWN UINT8_MAX

/* config_check.c: what no entry can know alone.  A zero address, MAC or
 * datapath id, CONFIG_VLAN_UNKNOWN and an index of SIZE_MAX are what could
 * not be read: they take part in no check.  Clients must still be in the
 * order of the text. */
void config_check(const struct config *, struct config_errors *errors,
                  struct config_errors *warnings);
/* One more client, at 'pointer'; its address's errors are at 'at_address'. */
void config_check_client(const struct config *, const struct config_client *,
                         const char *pointer, const char *at_address,
                         struct config_errors *);
/* 'n' more clients: the i-th is the i-th element of an array. */
void config_check_clients(const struct config *, const struct config_client *,
                          size_t n, struct config_errors *);
/* NULL, or why '*addr' cannot be one host's. */
const char *config_host_error(struct fh_addr addr);

#endif /* controller/config/config_ask.h */
