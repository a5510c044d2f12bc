/* What must survive a restart: the state directory.
 *
 * Four files, "state", "clients", "leases" and "config", each replaced as a whole by
 * rename and flushed to disk before its verb returns, each with a version, a
 * length and a checksum.  A file that is torn, corrupt or of another version
 * is renamed to NAME.corrupt-TIME and told about, never dropped.
 *
 * Every verb returns 0, or a positive errno and changes nothing: neither the
 * file nor store_get(). */
#ifndef STORE_H
#define STORE_H 1

#include <firsthop/store.h>

struct store;

/* Opens 'dir', which is made (mode 0750) if it is missing, locks it against
 * another daemon and reads what is there.  A directory that cannot be written
 * is read, and refuses every change.  Returns 0 and a new '*storep', or
 * an errno: EWOULDBLOCK if the directory is in use.  '*messagep' is set to
 * NULL, or to a new text for the log: the error, or which files were set
 * aside and why. */
int store_open(const char *dir, struct store **storep, char **messagep);
void store_close(struct store *);   /* NULL is fine.  Unlocks. */

/* 0, or why nothing can be written: the directory is read-only.  What was
 * kept could be read all the same. */
int store_read_only(const struct store *);

/* What is on disk.  Valid until the next verb that changes it. */
const struct store_state *store_get(const struct store *);

/* Adds or replaces. */
int store_put_client(struct store *, const struct store_client *);
/* The same for 'n' different ones in any order, all or none. */
int store_put_clients(struct store *, const struct store_client *, size_t n);
/* Forgets client or tombstone.  0 if there is none. */
int store_forget_client(struct store *, const char *segment, struct fh_addr);
int store_set_draining(struct store *, const char *router, bool draining);
int store_set_uplink_down(struct store *, const char *router, bool down);
/* Replaces the set: 'names' in any order, borrowed. */
int store_set_holders(struct store *, const char *const *names, size_t n);
/* Replaces the set: different ones in any order, borrowed. */
int store_set_leases(struct store *, const struct store_client *, size_t n);
/* Keeps a reference to 'config' (not to be changed), NULL to forget it. */
int store_set_config(struct store *, json_t *config);

/* Any of these. */
int store_apply(struct store *, const struct store_change *);

/* A change as a value of one's own, new.  NULL is fine to destroy. */
struct store_change *store_change_copy(const struct store_change *);
void store_change_destroy(struct store_change *);

/* Decoders, for their fuzzer.  'text' is a file as a whole.  Return 0, or
 * EINVAL and a new '*whyp'. */
enum store_file { STORE_STATE, STORE_CLIENTS, STORE_CONFIG, STORE_LEASES,
                  STORE_N_FILES };
int store_decode(enum store_file, const char *text, size_t len,
                 struct store_state *, char **whyp);
void store_state_uninit(struct store_state *);
/* A file as a whole.  Returns new; '*len' is set. */
char *store_encode(enum store_file, const struct store_state *, size_t *len);

#endif /* controller/store/store.h */
