/* Certificates for tests: a CA, and what it signs, as PEM files. */
#ifndef PKI_H
#define PKI_H 1

#include "controller/base/tls.h"

struct pki;

/* In a directory of its own. */
struct pki *pki_create(void);
void pki_destroy(struct pki *);
/* The path of CA 'name', made if need be.  Borrowed until the next call. */
const char *pki_ca(struct pki *, const char *name);
/* A key, and a certificate of 'common_name' ('len' bytes) that CA 'ca' has
 * signed, valid from 'from_s' to 'to_s' from now.  The names of the files are
 * borrowed until pki_destroy(). */
struct tls_files pki_issue(struct pki *, const char *ca,
                           const char *common_name, int len, long from_s,
                           long to_s);
/* A file with that content. */
const char *pki_file(struct pki *, const char *name, const char *content);

#endif /* tests/unit/pki.h */
