/* Certificates for tests.  See pki.h. */
#include <config.h>

#include "tests/unit/pki.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <firsthop/buf.h>

#define MAX_CAS 4
#define MAX_FILES 32

struct ca {
    char *name, *path;
    EVP_PKEY *key;
    X509 *cert;
};

struct pki {
    char dir[32];
    struct ca cas[MAX_CAS];
    size_t n_cas;
    char *files[MAX_FILES];
    size_t n_files;
    long serial;
};

struct pki *
pki_create(void)
{
    struct pki *pki = fh_xcalloc(1, sizeof *pki);

    strcpy(pki->dir, "/tmp/firsthop-pki.XXXXXX");
    assert(mkdtemp(pki->dir));
    return pki;
}

void
pki_destroy(struct pki *pki)
{
    for (size_t i = 0; i < pki->n_cas; i++) {
        free(pki->cas[i].name);
        EVP_PKEY_free(pki->cas[i].key);
        X509_free(pki->cas[i].cert);
    }
    for (size_t i = 0; i < pki->n_files; i++) {
        remove(pki->files[i]);
        free(pki->files[i]);
    }
    remove(pki->dir);
    free(pki);
}

static FILE *
open_file(struct pki *pki, const char *name, const char **pathp)
{
    char *path = fh_xasprintf("%s/%zu-%s", pki->dir, pki->n_files, name);
    FILE *file = fopen(path, "w");

    assert(file && pki->n_files < MAX_FILES);
    pki->files[pki->n_files++] = path;
    *pathp = path;
    return file;
}

const char *
pki_file(struct pki *pki, const char *name, const char *content)
{
    const char *path;
    FILE *file = open_file(pki, name, &path);

    fputs(content, file);
    fclose(file);
    return path;
}

static X509 *
make_cert(struct pki *pki, const char *name, int len, EVP_PKEY *key,
          long from_s, long to_s, const struct ca *ca)
{
    X509 *cert = X509_new();
    X509_NAME *subject = X509_get_subject_name(cert);

    assert(X509_set_version(cert, 2));
    ASN1_INTEGER_set(X509_get_serialNumber(cert), ++pki->serial);
    X509_gmtime_adj(X509_getm_notBefore(cert), from_s);
    X509_gmtime_adj(X509_getm_notAfter(cert), to_s);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                               (const unsigned char *) name, len, -1, 0);
    X509_set_issuer_name(cert, ca ? X509_get_subject_name(ca->cert)
                                  : subject);
    if (!ca) {
        X509V3_CTX ctx;
        X509_EXTENSION *ext;

        X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
        ext = X509V3_EXT_conf_nid(NULL, &ctx, NID_basic_constraints,
                                  "critical,CA:TRUE");
        X509_add_ext(cert, ext, -1);
        X509_EXTENSION_free(ext);
    }
    assert(X509_sign(cert, ca ? ca->key : key, EVP_sha256()));
    return cert;
}

static struct ca *
get_ca(struct pki *pki, const char *name)
{
    struct ca *ca;
    const char *path;
    FILE *file;

    for (size_t i = 0; i < pki->n_cas; i++) {
        if (!strcmp(pki->cas[i].name, name)) {
            return &pki->cas[i];
        }
    }
    ca = &pki->cas[pki->n_cas++];
    assert(pki->n_cas <= MAX_CAS);
    ca->name = fh_xstrdup(name);
    ca->key = EVP_EC_gen("P-256");
    ca->cert = make_cert(pki, name, -1, ca->key, -1000, 100000, NULL);
    file = open_file(pki, name, &path);
    PEM_write_X509(file, ca->cert);
    fclose(file);
    ca->path = (char *) path;
    return ca;
}

const char *
pki_ca(struct pki *pki, const char *name)
{
    return get_ca(pki, name)->path;
}

struct tls_files
pki_issue(struct pki *pki, const char *ca_name, const char *common_name,
          int len, long from_s, long to_s)
{
    const struct ca *ca = get_ca(pki, ca_name);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = make_cert(pki, common_name, len, key, from_s, to_s, ca);
    struct tls_files files = { .ca = ca->path };
    FILE *file;

    file = open_file(pki, "key", &files.key);
    PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    fclose(file);
    file = open_file(pki, "cert", &files.certificate);
    PEM_write_X509(file, cert);
    fclose(file);
    EVP_PKEY_free(key);
    X509_free(cert);
    return files;
}
