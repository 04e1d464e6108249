/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/number_key.h"

#include "common/base/buf.h"
#include "common/base/file.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SETTING "[log] number_key_file"

enum {
    FILE_MIN = 16, /* octets of the file */
    FILE_MAX = 4096,
    MADE = 32,
    TEXT = 2 * MADE + 1,
};

static enum stir_code number_key_make(uint8_t octets[MADE], struct stir_error *err)
{
    ERR_clear_error();
    return RAND_bytes(octets, MADE) == 1 ? STIR_OK
                                         : stir_fail_openssl(err, STIR_E_CRYPTO, "no random octets available");
}

/* Creates the file unless it exists by now. It is written under a temporary name and then linked, so that it is
 * complete or absent: another process may create it at the same time. */
static enum stir_code number_key_make_file(const char *path, struct stir_error *err)
{
    uint8_t octets[MADE];
    char text[TEXT + 1], made[4096];
    enum stir_code code = number_key_make(octets, err);
    for (size_t i = 0; i < MADE; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", octets[i]);
    }
    text[TEXT - 1] = '\n';
    /* written under a name of this process, then linked: link() fails if another process was faster */
    int n = snprintf(made, sizeof(made), "%s.%d", path, (int)getpid());
    if (code == STIR_OK && (n < 0 || (size_t)n >= sizeof(made))) {
        code = stir_fail(err, STIR_E_CONFIG, SETTING ": the path %.80s... is too long", path);
    }
    if (code == STIR_OK) {
        code = stir_write_file(made, text, TEXT, 0600, err);
    }
    if (code == STIR_OK) {
        if (link(made, path) != 0 && errno != EEXIST) {
            code = stir_fail(err, STIR_E_IO, SETTING ": cannot create %s: %s", path, strerror(errno));
        }
        (void)unlink(made);
    }
    OPENSSL_cleanse(octets, sizeof(octets));
    OPENSSL_cleanse(text, sizeof(text));
    return code;
}

static enum stir_code number_key_read_file(struct sc_number_key *key, const char *path, struct stir_error *err)
{
    struct stir_buf file = {.limit = FILE_MAX};
    enum stir_code code = stir_read_file(&file, path, FILE_MAX, err);
    if (code == STIR_OK && file.len < FILE_MIN) {
        code =
            stir_fail(err, STIR_E_CONFIG,
                      SETTING ": %s has %zu octets; a key needs at least %d, for example from \"openssl rand -hex 32\"",
                      path, file.len, FILE_MIN);
    }
    if (code == STIR_OK) {
        (void)SHA256((const unsigned char *)file.ptr, file.len, key->octets);
    }
    stir_buf_cleanse(&file);
    return code;
}

enum stir_code sc_number_key_open(struct sc_number_key *key, const char *path, struct stir_error *err)
{
    if (!path[0]) {
        return number_key_make(key->octets, err);
    }
    enum stir_code code = access(path, F_OK) != 0 && errno == ENOENT ? number_key_make_file(path, err) : STIR_OK;
    return code == STIR_OK ? number_key_read_file(key, path, err) : code;
}

void sc_number_hash(const struct sc_number_key *key, const char *number, char out[SC_NUMBER_HASH])
{
    unsigned char mac[EVP_MAX_MD_SIZE] = {0};
    unsigned len = 0;
    (void)HMAC(EVP_sha256(), key->octets, (int)sizeof(key->octets), (const unsigned char *)number, strlen(number), mac,
               &len);
    for (size_t i = 0; i < 8; i++) {
        (void)snprintf(out + i * 2, 3, "%02x", mac[i]);
    }
}
